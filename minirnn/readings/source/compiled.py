"""The source of a network as functions: executed once for each text, with rooms that are used again from call to call."""

from __future__ import annotations

import functools
import operator
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ...checks import array_of
from ...displays import Code, Folded, Shown, Table, Text
from ...displays.parts import Part
from ...engine.names import Role

if TYPE_CHECKING:
    from ...runs.run import Run

ENGINES = ("numpy", "c")
ROOMS = 8  # sizes of data for which the rooms are kept
ARRAYS, KIND = frozenset([np.ndarray]), operator.attrgetter("dtype.char")
REAL = frozenset("?bBhHiIlLqQefd")  # what NumPy calls the kinds of real numbers of at most 64 bits


@functools.lru_cache(maxsize=256)
def functions(text: str) -> dict[str, Any]:
    """The functions of a module that `minirnn.readings.source.source` wrote."""
    return executed(text, np)


def executed(text: str, numpy: Any) -> dict[str, Any]:
    """The functions of such a module, where `numpy` is what it knows as NumPy: another kind of numbers, say."""
    names = re.findall(r"^from numpy import (.*)$", text, re.MULTILINE)
    known = {name: getattr(numpy, name) for line in names for name in line.split(", ")}
    module: dict[str, Any] = {"np": numpy, **known}
    exec(re.sub(r"^(import numpy as np|from numpy import .*)$", "", text, flags=re.MULTILINE), module)  # our own text only
    return module


class Compiled(Shown):
    """``compiled(params, X, Y)`` gives the loss and the gradients by name; ``compiled.forward(params, X)`` the output.

    - `params`: the parameters by name, all of one dtype
    - `X`: (N, T, D), or a list of it and the initial states; any N, and any T that is long enough. `sizes`, if given, are
      the shapes that the data must have
    - `Y`: the target; none where the loss is a part of what was traced

    Results belong to the caller: later calls do not change them. Several threads may call at once. Raises ValueError if a
    shape does not fit.
    """

    def __init__(
        self, text: str, shapes: Mapping[str, tuple[int, ...]], sizes: Sequence[tuple[int, ...]] | None = None
    ) -> None:
        module = functions(text)
        self.source, self._shapes, self._first = text, dict(shapes), next(iter(shapes), "")
        self._sizes = None if sizes is None else list(sizes)
        self._forward, self._arrays = module["forward"], module["arrays"]
        self._loss_and_gradients: Any = module.get("loss_and_gradients")
        code = self._loss_and_gradients and self._loss_and_gradients.__code__
        self._targets = code.co_argcount - self._forward.__code__.co_argcount if code else 0
        self._rooms: list[tuple[tuple[int, ...], np.dtype, Any]] = []  # the size and dtype of each, the last used last

    engine = "NumPy"

    def __repr__(self) -> str:
        return f"<compiled in {self.engine}: f(params, X, Y) gives the loss and the gradients by {', '.join(self._shapes)}>"

    def _display(self) -> Iterator[Part]:
        """How it is called, what its parameters are, and what it runs."""
        sizes = "of any number of samples" if self._sizes is None else f"of shapes {', '.join(map(str, self._sizes))}"
        yield Text(f"Compiled in {self.engine}: loss, gradients = f(params, X, Y), for data {sizes}.")
        yield Table(("params", "shape"), [(name, str(shape)) for name, shape in self._shapes.items()], code=True)
        yield Folded(f"What it runs: {len(self.source.splitlines())} lines", [Code(self.source)])

    def __reduce__(self) -> tuple[Any, ...]:
        return Compiled, (self.source, self._shapes, self._sizes)

    def __call__(self, params: Mapping[str, np.ndarray], X: Any = (), Y: Any = None) -> tuple[Any, dict[str, np.ndarray]]:
        rooms = self._rooms
        targets = () if Y is None else (Y,) if self._targets < 2 else tuple(Y)
        try:
            room = rooms.pop()  # taken out: another thread takes another
        except IndexError:
            room = None
        try:
            run = self._loss_and_gradients
            fits = type(X) is np.ndarray and _are_real((X, *targets, *params.values()))
            if room is not None and run and fits and room[0] == X.shape and room[1] is self._dtype(params):
                result = run(params, X, *targets, room[2])
                rooms.append(room)
                return result
        except Exception as error:
            raise explained(error, self._shapes, params, [X]) from error
        return self._run(self._loss_and_gradients, room, params, X, *targets)

    def forward(self, params: Mapping[str, np.ndarray], X: Any) -> np.ndarray:
        """The output alone."""
        return self._run(self._forward, None, params, X)

    def demand_same(self, run: Run) -> None:
        """NotImplementedError if it gives other numbers than the run that it was written from."""
        demand_same(
            run, self.forward, lambda params, data, Y: self(params, data, (Y[0] if len(Y) == 1 else Y) if Y else None)
        )

    def _run(self, function: Any, room: Any, params: Mapping[str, np.ndarray], X: Any, *target: Any) -> Any:
        """Call one of the functions; `room` is of another size."""
        data = X if isinstance(X, (list, tuple)) else [X]
        self._demand(function is not None, data)
        demand_real(self._shapes, params, data, target)
        try:
            shape = data[0].shape if len(data) == 1 else tuple(map(np.shape, data))
            dtype = self._dtype(params)
            room = self._fitting(room, shape, dtype) or (shape, dtype, self._arrays(params, *data))
            result = function(params, *data, *target, room[2])
            self._rooms.append(room)
            return result
        except Exception as error:
            raise explained(error, self._shapes, params, data) from error

    def _demand(self, has_result: bool, data: Sequence[Any]) -> None:
        """ValueError where there is no loss, or the data have not the shapes that they must have."""
        if not has_result:
            raise ValueError("there is no loss to differentiate: compile a trace with a target, mr.trace(model, X, Y)")
        if self._sizes is not None and [np.shape(x) for x in data] != self._sizes:
            raise ValueError(f"the data have shapes {[np.shape(x) for x in data]}; this was traced with {self._sizes}")

    def _dtype(self, params: Mapping[str, np.ndarray]) -> np.dtype | None:
        """The dtype of the parameters, if there are any."""
        return params[self._first].dtype if self._shapes else None

    def _fitting(self, room: Any, shape: tuple[Any, ...], dtype: np.dtype | None) -> Any:
        """A room of this size among those kept; `room`, which has another, is kept too."""
        others = [] if room is None else [room]
        while True:
            try:
                room = self._rooms.pop()
            except IndexError:
                room = None
                break
            if room[0] == shape and room[1] is dtype:
                break
            others.append(room)
        self._rooms.extend(others[-ROOMS:])
        return room


def demand_same(run: Run, forward: Callable[..., Any], gradients: Callable[..., Any]) -> None:
    """NotImplementedError if code gives other numbers than the run that it was written from, on the run's own data.

    ``forward(params, data)`` and ``gradients(params, data, targets)`` run the code. That would be a bug of ours: better no
    source than a wrong one.
    """
    params = {name: node.value for name, node in run.parameters.items()}
    data = list(run.inputs) if run.is_loop else [np.asarray(x, run.dtype) for x in run.inputs]
    data += [node.value for node in run.forward if not node.args and node.role is Role.DROPOUT_MASK]
    try:
        with np.errstate(all="ignore"):
            found = forward(params, data)
            pairs = [*zip(found if isinstance(found, list) else [found], (node.value for node in run.outputs))]
            made = {} if run.loss_node is None else gradients(params, data, run.targets)[1]
    except (ValueError, NameError) as error:
        raise NotImplementedError("the source of this network does not run on its own data") from error
    right = [run.gradients[name] for name in made]
    pairs += zip(made.values(), right)
    least = 1e-9 * max((float(np.abs(g[np.isfinite(g)]).max(initial=0)) for g in right), default=0)  # of what cancels
    for a, b in pairs:
        there = np.isfinite(b)  # numbers that are not may be so in another way: inf - inf
        allowed = 1e-3 * np.abs(b[there]).max(initial=1e-30) + least
        if np.shape(a) != b.shape or not np.allclose(np.asarray(a)[there], b[there], 0, allowed):
            raise NotImplementedError("the source of this network does not compute what its graph computes")


def _are_real(arrays: tuple[Any, ...]) -> bool:
    """Whether they are plain arrays of real numbers: asked at every call, and so without a loop of our own."""
    return ARRAYS.issuperset(map(type, arrays)) and REAL.issuperset(map(KIND, arrays))


def demand_real(
    shapes: Mapping[str, tuple[int, ...]], params: Mapping[str, np.ndarray], data: Sequence[Any], targets: Sequence[Any]
) -> None:
    """ValueError where an array holds no real numbers, or would lose its mask."""
    known = {name: params[name] for name in shapes if name in params} if isinstance(params, Mapping) else {}
    if _are_real((*data, *targets, *known.values())):  # nearly always: of training it is asked at every other size of batch
        return
    for what, given in [*[("X", x) for x in data], *[("Y", y) for y in targets], *known.items()]:
        array_of(given, what)


def explained(
    error: Exception, shapes: Mapping[str, tuple[int, ...]], params: Mapping[str, np.ndarray], data: Sequence[Any]
) -> Exception:
    """The error that says what does not fit, if it can be told; `shapes` are those of the parameters."""
    if not isinstance(error, (ValueError, TypeError, KeyError, AttributeError, IndexError)):
        return error
    if not isinstance(params, Mapping) or not all(isinstance(value, (np.ndarray, np.generic)) for value in params.values()):
        return TypeError("params is a dictionary of arrays by name: {name: trace.value(name) for name in trace.parameters}")
    for name, shape in shapes.items():
        if name not in params:
            return ValueError(f"params has no {name!r}; this network has {', '.join(shapes)}")
        if np.shape(params[name]) != shape:
            return ValueError(f"{name} has shape {np.shape(params[name])}, not {shape}")
    dtypes = {str(np.asarray(params[name]).dtype) for name in shapes}
    if len(dtypes) > 1:
        return ValueError(f"the parameters are of several dtypes, {', '.join(sorted(dtypes))}: convert them to one")
    if any(not isinstance(x, np.ndarray) for x in data):
        return ValueError(f"X must be an array, not {', '.join(type(x).__name__ for x in data)}")
    return ValueError(f"the data do not fit this network: {error}")
