"""The trace of a function: the user's own loop, run once on recording arrays."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping
from functools import cached_property
from typing import Any

import numpy as np

from .. import losses
from ..engine.domains import Told
from ..engine.graph import Node
from ..layers.calls import Conditions
from ..network import ForwardPass
from ..runs.request import Request
from ..runs.run import Run
from ..system import CannotFollow, NoAttribute
from .arguments import in_precision, split_arguments, taken
from .assemble import LoopResult, assembled, packed, run_of, unpacked
from .errors import where
from .given import Plain
from .instrument.clone import Copies
from .instrument.recorder import Recorder
from .instrument.snapshot import Snapshot
from .plain_run import compare, generators
from .returned import values
from .running import AskedLoop, Failed, Ran, run, run_plainly
from .steps.one_shape import start_of

_settling = threading.RLock()  # two threads may ask the same trace


class Function:
    """The user's function as what a trace is a trace of: it has a name, and no layers."""

    any_length = False  # how long the sequence is, the function alone knows

    def __init__(self, label: str) -> None:
        self.label = label

    @property
    def flat_layers(self) -> list[Any]:
        return []

    @property
    def order(self) -> list[Any]:
        return []

    def parameter_places(self) -> dict[str, Any]:
        """No parameter has a place in a layer."""
        return {}


class LoopRun(Run):
    """A function run on arrays: all that a `Trace` has, in the names of the function's own variables.

    `returned` is what the function returned, with plain arrays.

    Names and time steps are settled, and what is read from them is made, when something is asked of the trace for the first
    time, or at once where there is a target or a truncation.
    """

    def __init__(self, asked: AskedLoop, wrt: tuple[str, ...], found: Ran | LoopResult, returned: Any) -> None:
        self._asked_loop, self._wrt, self._found, self.returned = asked, wrt, found, returned
        self._fixed = found.fixed if isinstance(found, Ran) else None
        self.runs_once = asked.once
        self.draws_random_numbers = isinstance(found, Ran) and found.draws  # the same ones whenever it is run again
        if asked.target is not None or asked.truncate is not None or wrt:
            self._settle()

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") or "_found" not in self.__dict__:
            raise AttributeError(name)
        with _settling:
            if "_made" not in self.__dict__:
                self._settle()
        if name not in self.__dict__:
            raise NoAttribute("Trace", name, lambda: dir(self))
        return self.__dict__[name]

    def _settle(self) -> None:
        asked, found = self._asked_loop, self._found
        made = assembled(asked, found) if isinstance(found, Ran) else found
        model: Any = Function(getattr(asked.function, "__name__", type(asked.function).__name__))
        inputs = [node.value for node in made.data.values()]
        targets = None if asked.target is None else [asked.target]
        known = Request(model, inputs, targets, asked.loss, {}, Conditions(), asked.truncate)
        wrt = self._wrt if made.loss is not None else ()
        super().__init__(run_of(made), made.loss, known, wrt, made.nodes)
        self._made = self._found = made
        for node in self.nodes:
            if type(node.value) is np.ndarray:
                node.value.setflags(write=False)

    @cached_property
    def _run(self) -> ForwardPass:
        return run_of(self._made)

    def __reduce__(self) -> tuple[Any, ...]:
        self.steps  # noqa: B018  # settled
        return _unpacked, (packed(self._made), self._asked_loop.packed(), self._wrt, self.returned, type(self))

    def adjoint(self, name: str, t: int | None = None) -> np.ndarray:
        """dL/d(quantity), of the shape of the quantity; it cannot be written into."""
        found = super().adjoint(name, t)
        if isinstance(found, np.ndarray):
            found.flags.writeable = False
        return found

    def value(self, name: str, t: int | None = None) -> np.ndarray:
        """The value of a quantity, also of one that the result was not computed from: ``value("h", 3)``."""
        known = (name, t) not in self.variables and (name, t) in self._aside
        return self._aside[name, t] if known else super().value(name, t)

    @cached_property
    def _aside(self) -> dict[tuple[str, int | None], np.ndarray]:
        return {(str(node.name), node.step): node.value for node in self._made.aside}

    def _node(self, name: str, t: int | None) -> Node:
        given = self.parameters.get(name) if t is None else None  # a state that begins with an array has steps
        if t == 0 and (name, 0) not in self.variables:  # a start that is repeated for all samples has a name of its own
            given = self.variables.get((start_of(name), None))
        return super()._node(name, t) if given is None else given

    def call_function(self, others: Mapping[str, Any]) -> Any:
        """What the user's function itself returns, run with plain NumPy on copies; `others` replace parameters, by name."""
        originals = self._made.originals
        return run_plainly(self._asked_loop, {id(originals[name]): value for name, value in others.items()})

    @property
    def replaceable(self) -> list[str]:
        """The parameters in place of which `call_function` takes others."""
        return [*self._made.originals]

    @property
    def filled(self) -> str | None:
        """What the variable is called that holds the output, where it was filled step by step."""
        return self._made.filled

    @property
    def steps(self) -> int:
        """T, the number of time steps."""
        return self._made.steps

    @property
    def _lengths(self) -> Told | None:  # type: ignore[override]
        return self._made.lengths or None

    is_loop = True

    def astype(self, dtype: Any) -> LoopRun:
        """The same function on the same arrays, run in another precision."""
        dtype = np.dtype(dtype)
        if all(node.dtype == dtype for node in self.forward if node.dtype.kind == "f"):
            return self
        given = {name: in_precision(value, np.dtype(dtype)) for name, value in self._asked_loop.arguments.items()}
        asked = self._asked_loop._replace(arguments=given, dtype=dtype)
        return type(self)(asked, (), *_recorded(asked))

    def with_respect_to(self, names: Iterable[str]) -> LoopRun:
        """The same run, differentiated by further quantities too."""
        names = tuple(names)
        if not names:
            return self
        self._needs_loss(f"derivative with respect to {', '.join(names)}")
        return type(self)(self._asked_loop, names, self._made, self.returned)

    @property
    def _data_shapes(self) -> list[tuple[int, ...]]:  # type: ignore[override]
        return [node.shape for node in self.data]

    @property
    def data_names(self) -> list[str | None]:
        """What the function calls its data."""
        return [*self._made.data]

    def data_reasons(self) -> dict[str, str]:
        """Why each of the data is no parameter, which has a gradient; and where labels have become plain numbers."""
        words = {True: "whole numbers or conditions, which nothing is differentiated by", False: "read step by step"}
        found = {name: words[node.value.dtype.kind in "iub"] for name, node in self._made.data.items()}
        if self._fixed:
            found["labels"] = f"plain numbers from {self._fixed} on: equations and source hold for these alone"
        return found

    def __repr__(self) -> str:
        loss = (
            "no loss"
            if self.loss is None
            else f"{self.loss_node.name if self.loss_node else 'loss'} = {float(self.loss):.6g}"
        )
        data = f", data: {', '.join(map(str, self.data_names))}" if self.data_names else ""
        data += ", for these labels alone" if self._fixed else ""
        what = f"{self.steps} steps, {len(self.nodes)} nodes, {loss}, {self.dtype}{data}"
        return f"<Trace of the function {self.model.label!r}: {what}>"


def run_function(
    function: Callable[..., Any],
    arguments: dict[str, Any],
    dtype: Any = None,
    truncate: int | None = None,
    kind: type[Any] = LoopRun,
) -> Any:
    """Run `function` on `arguments` and trace it. ``Y`` and ``loss`` are a target and a loss unless it takes them itself.

    ``output`` chooses among several results the one that is traced; ``check_run=False`` leaves out the plain run, and then
    `verify` does not run the function again.

    Raises CannotFollow (a TypeError), with file, line and cure, where the function does what cannot be followed.
    """
    known = taken(function)
    target = None if "Y" in known or arguments.get("Y") is None else np.array(arguments.pop("Y"))
    loss = None if "loss" in known else arguments.pop("loss", None)
    if "Y" not in known:
        arguments.pop("Y", None)
    output = None if "output" in known else arguments.pop("output", None)
    check = True if "check_run" in known else arguments.pop("check_run", True)
    if loss is not None and target is None:
        raise ValueError("a loss needs a target: mr.trace(function, ..., Y=Y, loss=...)")
    if dtype is not None:
        arguments = {name: in_precision(value, np.dtype(dtype)) for name, value in arguments.items()}
    chosen = None if target is None else losses.as_loss(loss or "mse")
    precision = None if dtype is None else np.dtype(dtype)
    copied = _copied_arguments(arguments)
    asked = AskedLoop(function, copied, target, chosen, precision, truncate, output, Snapshot(), generators(), not check)
    return kind(asked, (), *(_checked(asked, arguments) if check else _recorded(asked, loud=True)))


def _copied_arguments(arguments: dict[str, Any]) -> dict[str, Any]:
    """The arguments as they are now."""
    copies = Copies(Recorder(), Plain(), {}, Snapshot(), notes=False)
    return {name: copies.of(value, name) if not callable(value) else value for name, value in arguments.items()}


def _checked(asked: AskedLoop, arguments: dict[str, Any]) -> tuple[Ran, Any]:
    """The run, and what is returned: run once more, plainly, on the user's own objects, it must return the same."""
    try:
        ran = run(asked)
    except Failed as failed:
        assert failed.__cause__ is not None
        _plainly(asked, arguments)  # its own error, if it is one
        raise _not_ours(failed.__cause__) from failed.__cause__
    if ran.recorder.foreign:
        return ran, ran.returned
    plain = _plainly(asked, arguments)
    compare(asked.function, plain, ran.returned, asked.generators)
    return ran, values(plain)


def _plainly(asked: AskedLoop, arguments: dict[str, Any]) -> Any:
    """What the function returns, run on the user's own objects; on copies where a variable that it reads is another."""
    own, other = split_arguments(asked.function, arguments)
    return run_plainly(asked) if other else asked.function(**own)


def _not_ours(error: BaseException) -> CannotFollow:
    """An error that only the recorded run has raised."""
    trace, frame = error.__traceback__, None
    while trace is not None:
        frame, trace = trace.tb_frame, trace.tb_next
    return CannotFollow(f"{where(frame)}: {error} (plain NumPy does it); write it with other functions")


def _recorded(asked: AskedLoop, loud: bool = False) -> tuple[Ran, Any]:
    """The run alone, and what it returns."""
    try:
        ran = run(asked, loud)
    except Failed as failed:
        assert failed.__cause__ is not None
        raise failed.__cause__ from None
    return ran, ran.returned


def _unpacked(made: Any, asked: AskedLoop, wrt: tuple[str, ...], returned: Any, kind: type[Any]) -> Any:
    """A run that was copied or pickled."""
    return kind(asked._replace(snapshot=asked.snapshot or Snapshot()), wrt, unpacked(made), returned)
