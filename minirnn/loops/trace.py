"""The trace of a function: the user's own loop, run once on recording arrays."""

from __future__ import annotations

import inspect
import re
import threading
from collections.abc import Callable, Iterable
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from .. import array_ops as A
from .. import losses, ops
from ..graph import Node, ancestors, at, named, replay
from ..layers.base import Conditions
from ..models import Run
from ..system import CannotFollow
from ..trace import Asked, Trace, _truncated
from . import refusal
from .array import Array, traced
from .copies import Copies, names_in
from .functions import array
from .naming import settle
from .recorder import Recorder, recording

if TYPE_CHECKING:
    from ..readings.jacobians import JacobianNorms


_settling = threading.RLock()  # two threads may ask the same trace


class Function:
    """The user's function as what a trace is a trace of: it has a name, and no layers."""

    any_length = False  # how long the sequence is, the function alone knows

    def __init__(self, label: str) -> None:
        self.label = label

    @property
    def layers(self) -> list[Any]:
        return []

    @property
    def order(self) -> list[Any]:
        return []

    def parameter_places(self) -> dict[str, Any]:
        """No parameter has a place in a layer."""
        return {}


class LoopTrace(Trace):
    """A function run on arrays: all that a `Trace` has, in the names of the function's own variables.

    `returned` is what the function returned, with plain arrays.

    Names and time steps are settled, and what is read from them is made, when something is asked of the trace for the first
    time, or at once where there is a target or a truncation.
    """

    def __init__(self, asked: AskedLoop, wrt: tuple[str, ...], found: Ran | Made) -> None:
        self._asked_loop, self._wrt, self._found, self.returned = asked, wrt, found, found.returned
        if asked.target is not None or asked.truncate is not None or wrt:
            self._settle()

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") or "_found" not in self.__dict__:
            raise AttributeError(name)
        with _settling:
            if "_made" not in self.__dict__:
                self._settle()
        if name not in self.__dict__:
            raise AttributeError(f"a trace has no {name}")
        return self.__dict__[name]

    def _settle(self) -> None:
        asked, found = self._asked_loop, self._found
        made = _made(asked, found) if isinstance(found, Ran) else found
        model: Any = Function(getattr(asked.function, "__name__", type(asked.function).__name__))
        inputs = [node.value for node in made.data.values()]
        targets = None if asked.target is None else [asked.target]
        known = Asked(model, inputs, targets, asked.loss, {}, Conditions(), asked.truncate)
        wrt = self._wrt if made.loss is not None else ()
        super().__init__(_run(made), made.loss, known, wrt, made.nodes)
        self._made = self._found = made

    @cached_property
    def _run(self) -> Run:
        return _run(self._made)

    def __reduce__(self) -> tuple[Any, ...]:
        return _trace, (self._asked_loop, True, self._wrt)

    @property
    def steps(self) -> int:
        """T, the number of time steps."""
        return self._made.steps

    @property
    def state_names(self) -> list[str]:
        """What one step hands to a later one."""
        return list(self._states)

    @cached_property
    def _states(self) -> dict[str, None]:
        found: dict[str, None] = {}
        for node in self.forward:
            if node.step is not None:
                for arg in node.args:
                    if (
                        arg.name is not None
                        and arg.step is not None
                        and arg.step < node.step
                        and (arg.name, 1) in self.variables
                    ):
                        found[arg.name] = None
        return found

    @cached_property
    def literal(self) -> dict[str, str]:
        """Names are printed as they stand; x_t, which has steps, as x at step t."""
        found = {}
        for name, step in self.variables:
            base = name.partition("^")[0]
            if "/d" not in name and base not in found:
                short = base.removesuffix("_t")
                drop = step is not None and short != base and short.isidentifier() and short not in self.counts
                found[base] = f"'{short if drop else base}'{base}"
        others = any(name == "Y" and node.attrs.get("role") != "target" for (name, _), node in self.variables.items())
        return found | ({"target": "'Y'target"} if "target" in self.counts and not others else {})

    def astype(self, dtype: Any) -> LoopTrace:
        """The same function on the same arrays, run in another precision."""
        dtype = np.dtype(dtype)
        if all(node.dtype == dtype for node in self.forward if node.dtype.kind == "f"):
            return self
        given = {name: _in_precision(value, np.dtype(dtype)) for name, value in self._asked_loop.arguments.items()}
        return _trace(self._asked_loop._replace(arguments=given, dtype=np.dtype(dtype)), again=True)

    def with_respect_to(self, names: Iterable[str]) -> Trace:
        """The same run, differentiated by further quantities too."""
        names = tuple(names)
        if not names:
            return self
        self._needs_loss(f"derivative with respect to {', '.join(names)}")
        return LoopTrace(self._asked_loop, names, self._made)

    def _short(self) -> None:
        return None  # the function itself decides how many steps it takes

    @property
    def _data_shapes(self) -> list[tuple[int, ...]]:  # type: ignore[override]
        return [node.shape for node in self.data]

    @property
    def data_names(self) -> list[str | None]:
        """What the function calls its data."""
        return [*self._made.data]

    def jacobian(self, t: int, k: int, name: str | None = None) -> np.ndarray:
        """dh_t/dh_k, (M, M) of a vector, (N, M, M) where samples are rows."""
        self._demand_samples_in_rows(name)
        return super().jacobian(t, k, name)

    def jacobian_norms(self, name: str | None = None) -> JacobianNorms:
        """The norms of dh_t/dh_k for all t and k."""
        self._demand_samples_in_rows(name)
        return super().jacobian_norms(name)

    def _demand_samples_in_rows(self, name: str | None) -> None:
        """Raise NotImplementedError unless each row of a state depends on the same row of the one before it alone."""
        names = [name] if name is not None else self.state_names
        for node, after in [(self.variables.get((n, 1)), self.variables.get((n, 2))) for n in names]:
            if node is None or after is None or node.ndim == 1:
                continue
            if node.ndim == 2:
                J = super().jacobian(2, 1, node.name)
                move = np.random.default_rng(0).choice([-1.0, 1.0], node.shape)
                start = {n: n.value.astype(complex) for n in self.forward if not n.args and n.value.dtype.kind == "f"}
                found = replay(self.forward, start | {node: node.value + 1e-30j * move})[after].imag / 1e-30
                expected = np.einsum("nij,nj->ni", J, move)
                if np.abs(found - expected).max() <= 1e-4 * np.abs(found).max():
                    continue
            raise NotImplementedError(
                f"Jacobians are of vectors, or of samples in rows: {node.name} is of shape {node.shape}"
            )

    def __repr__(self) -> str:
        loss = (
            "no loss"
            if self.loss is None
            else f"{self.loss_node.name if self.loss_node else 'loss'} = {float(self.loss):.6g}"
        )
        what = f"{self.steps} steps, {len(self.nodes)} nodes, {loss}, {self.dtype}"
        return f"<Trace of the function {self.model.label!r}: {what}>"


class AskedLoop(NamedTuple):
    """What a trace of a function was made of."""

    function: Callable[..., Any]
    arguments: dict[str, Any]
    target: np.ndarray | None
    loss: losses.LossFunction | None
    dtype: np.dtype | None
    truncate: int | None = None


class Ran(NamedTuple):
    """What the run of a function left behind."""

    recorder: Recorder
    output: Node
    name: str | None  # what the variable is called that held the output, if it was filled part by part
    returned: Any


class Made(NamedTuple):
    """What was made of it."""

    output: Node
    loss: Node | None
    parameters: dict[str, Node]
    data: dict[str, Node]  # the arrays that are read step by step
    steps: int
    returned: Any
    nodes: list[Node] | None  # all that the output was computed from


def _run(made: Made) -> Run:
    return Run([made.output], made.parameters, [*made.data.values()], [None], [], [], [])


def trace_function(
    function: Callable[..., Any], arguments: dict[str, Any], dtype: Any = None, truncate: int | None = None
) -> LoopTrace:
    """Run `function` on `arguments` and trace it. ``Y`` and ``loss`` are a target and a loss unless it takes them itself.

    Raises CannotFollow (a TypeError), with file, line and cure, where the function does what cannot be followed.
    """
    taken = _taken(function)
    target = None if "Y" in taken or arguments.get("Y") is None else np.asarray(arguments.pop("Y"))
    loss = None if "loss" in taken else arguments.pop("loss", None)
    if "Y" not in taken:
        arguments.pop("Y", None)
    if loss is not None and target is None:
        raise ValueError("a loss needs a target: mr.trace(function, ..., Y=Y, loss=...)")
    if dtype is not None:
        arguments = {name: _in_precision(value, np.dtype(dtype)) for name, value in arguments.items()}
    chosen = None if target is None else losses.get(loss or "mse")
    return _trace(AskedLoop(function, arguments, target, chosen, None if dtype is None else np.dtype(dtype), truncate))


def _taken(function: Callable[..., Any]) -> set[str]:
    """The names that the function takes, or reads from where it was defined."""
    code = getattr(inspect.unwrap(getattr(function, "__func__", function)), "__code__", None)
    read = set() if code is None else {*names_in(code), *code.co_freevars}
    return {*_parameters(function), *read}


def _parameters(function: Callable[..., Any]) -> dict[str, inspect.Parameter]:
    try:
        return dict(inspect.signature(function).parameters)
    except (TypeError, ValueError) as error:
        raise TypeError(f"trace takes a model or a function, not {type(function).__name__}") from error


def _in_precision(value: Any, dtype: np.dtype) -> Any:
    """The arrays of floating point in `value` in another precision."""
    if isinstance(value, (list, tuple)):
        return type(value)(_in_precision(part, dtype) for part in value)
    if isinstance(value, dict):
        return {key: _in_precision(part, dtype) for key, part in value.items()}
    return value.astype(dtype) if isinstance(value, (np.ndarray, np.floating)) and value.dtype.kind == "f" else value


class _Given:
    """The arrays that the function is given, each a leaf of the graph under its own name."""

    def __init__(self, recorder: Recorder, dtype: np.dtype | None) -> None:
        self.recorder, self.dtype = recorder, dtype

    def array(self, value: Any, name: str) -> Any:
        """`value` with recording arrays in place of those of floating point, in lists and dictionaries too."""
        if type(value) in (list, tuple):
            numbers = bool(value) and all(isinstance(v, (float, np.floating)) for v in value)
            made = [self.array(part, f"{name}_{i}" if not numbers else "") for i, part in enumerate(value, start=1)]
            return value if numbers or all(a is b for a, b in zip(made, value)) else type(value)(made)
        if type(value) is dict:
            filled = {key: self.array(part, _word(key, name)) for key, part in value.items()}
            return value if all(filled[k] is value[k] for k in value) else filled
        if hasattr(value, "numpy") and not isinstance(value, np.ndarray) and hasattr(value, "dtype"):
            value = np.asarray(value)  # a tensor of TensorFlow
        if not isinstance(value, (np.ndarray, np.floating)) or value.dtype.kind != "f" or type(value) is Array:
            return value
        if value.dtype not in (np.float32, np.float64):
            raise ValueError(f"{name} is {value.dtype}; minirnn computes in float32 or float64")
        bad = np.argwhere(~np.isfinite(value))
        if len(bad):
            found = np.asarray(value)[tuple(bad[0])]
            raise ValueError(f"{name} has {found} at {bad[0].tolist()}: {len(bad)} of {value.size} are not finite")
        value = np.array(value, self.dtype, order="K")
        leaf = ops.leaf(value, None, "parameter")
        leaf.step = 0
        self.recorder.given[leaf] = name or "array"
        self.recorder.names[leaf] = (name or "array", 1)
        return Array(leaf)


def _word(key: Any, otherwise: str) -> str:
    word = re.sub(r"\W+", "_", str(key)).strip("_")
    return word if word and not word[0].isdigit() else f"{otherwise}_{word}"


def _trace(asked: AskedLoop, again: bool = False, wrt: tuple[str, ...] = ()) -> LoopTrace:
    recorder = Recorder()
    given = _Given(recorder, asked.dtype)
    refusal.run.refused = None
    with recording(recorder), np.errstate(over="ignore"):
        arguments = {name: given.array(value, name) for name, value in asked.arguments.items()}
        own, other = _split(asked.function, arguments)
        copies = Copies(recorder, given.array, other | ({"print": _silent} if again else {}))
        returned = copies.of(asked.function, "")(**own)
        if refusal.run.refused is not None:
            raise refusal.run.refused
        output, name = _output(returned)
    return LoopTrace(asked, wrt, Ran(recorder, output, name, _values(returned)))


def _made(asked: AskedLoop, ran: Ran) -> Made:
    """Name and stamp what the function has computed; add the loss."""
    output = ran.output
    nodes = _widened(ancestors([output]), set(ran.recorder.given))
    if _with_sigmoids(nodes, ran.recorder):
        nodes = ancestors([output])
    given = _distinct(ran.recorder, set(nodes))
    sequences, T = settle(ran.recorder, nodes)
    of_steps = output.op in (A.numbers, *A.STACKS.values()) and all(
        n.name is not None and n.step == t for t, n in enumerate(output.args, start=1)
    )
    if output.name is None and output.args and not of_steps:
        wishes = (ran.name or "output", "output") if output.ndim else ("L", "loss")
        output.name, output.step = _free(nodes, *wishes), None
    present = set(nodes)
    parameters = {str(n.name): n for n in given.values() if n in present and n not in sequences and n.name}
    for node in sequences:
        node.attrs = {**node.attrs, "role": "input"}
    loss = output if not output.ndim and asked.target is None else None
    if asked.target is not None and asked.loss is not None:
        with at(None):
            loss = _loss(output, asked.target, asked.loss, _free(nodes, "L", "loss"))
    if loss is not None and loss.name is None:
        loss.name = "L"
    data = {name: node for name, node in given.items() if node in sequences and node in present}
    made = Made(output, loss, parameters, data, T, ran.returned, nodes)
    if asked.truncate is not None:
        run, loss = _truncated(_run(made), loss, asked.truncate, T)
        made = made._replace(output=run.output, loss=loss, nodes=None)
    return made


def _distinct(recorder: Recorder, present: set[Node]) -> dict[str, Node]:
    """The given arrays that are used, each under a name of its own: the second Wx is Wx_2."""
    found: dict[str, Node] = {}
    for leaf in recorder.given:
        if leaf in present:
            name, k = recorder.given[leaf], 2
            word = name
            while word in found:
                word, k = f"{name}_{k}", k + 1
            found[word] = leaf
            recorder.given[leaf] = word
            recorder.names[leaf] = (word, 1)
    return found


def _widened(nodes: list[Node], given: set[Node]) -> list[Node]:
    """The nodes; float32 arrays that are only used beside float64 ones are float64 from the start: no value changes."""
    if len({leaf.value.dtype for leaf in given}) < 2:
        return nodes
    users: dict[Node, list[Node]] = {}
    for node in nodes:
        for arg in node.args:
            if arg in given:
                users.setdefault(arg, []).append(node)
    instead = {}
    for leaf, casts in users.items():
        if all(node.op is A.cast and node.attrs["dtype"] == "float64" for node in casts):
            leaf.value = casts[0].value
            instead.update(dict.fromkeys(casts, leaf))
    if instead:
        for node in nodes:
            if any(a in instead for a in node.args):
                node.args = tuple(instead.get(a, a) for a in node.args)
    return [node for node in nodes if node not in instead] if instead else nodes


def _with_sigmoids(nodes: list[Node], recorder: Recorder) -> bool:
    """Let 1 / (1 + exp(-x)) be the sigmoid of x, which computes just that, where the parts have no names of their own.

    Whether there was one: parts of it may not be needed any more.
    """
    found = False
    for node in [node for node in nodes if node.op is A.inverse]:
        chain = [node]
        while len(chain) < 4 and len(chain[-1].args) == 1:
            chain.append(chain[-1].args[0])
        if [part.op for part in chain] == [A.inverse, ops.shift, ops.exp, ops.negative]:
            ones = node.attrs["q"] == chain[1].attrs["q"] == 1
            if ones and not recorder.names.keys() & set(chain[1:]):
                node.op, node.args, node.attrs = ops.sigmoid, chain[-1].args, {}
                found = True
    return found


def _silent(*_: Any, **__: Any) -> None:
    """What is printed has been printed by the first run."""


def _split(function: Callable[..., Any], arguments: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """The arguments that the function takes, and those that it reads from where it was defined."""
    parameters = _parameters(function)
    anything = any(p.kind is p.VAR_KEYWORD for p in parameters.values())
    own = {name: value for name, value in arguments.items() if anything or name in parameters}
    other = {name: value for name, value in arguments.items() if name not in own}
    unknown = set(other) - _taken(function)
    if unknown:
        raise TypeError(
            f"{_called(function)} neither takes nor reads {', '.join(sorted(unknown))}; it takes {', '.join(parameters)}"
        )
    missing = [
        n
        for n, p in parameters.items()
        if n not in own and p.default is p.empty and p.kind not in (p.VAR_KEYWORD, p.VAR_POSITIONAL)
    ]
    if missing:
        raise TypeError(f"{_called(function)} also takes {', '.join(missing)}: give {missing[0]}=...")
    return own, other


def _called(function: Any) -> str:
    return getattr(function, "__name__", type(function).__name__)


def _output(returned: Any) -> tuple[Node, str | None]:
    """What is traced: the array that was returned, a list of arrays put together, of several the first one; and its name."""
    if type(returned) is Array and traced(returned):
        more = returned._more
        return returned.node, more.called[0] if more is not None and more.called is not None else None
    if type(returned) is list and returned and traced(returned):
        shapes = {np.shape(part) if type(part) is not Array else part.shape for part in returned}
        if len(shapes) == 1:
            return array(returned).node, None
    for part in returned.values() if type(returned) is dict else returned if type(returned) in (list, tuple) else []:
        if traced(part) or type(part) is dict:
            return _output(part)
    raise CannotFollow(
        f"the function returned {type(_values(returned)).__name__}, and nothing in it was computed from the arrays it was "
        "given; return what it computes"
    )


def _values(x: Any) -> Any:
    """What was returned, with plain arrays."""
    if type(x) is Array:
        return np.array(x.value)[()]
    if type(x) in (list, tuple):
        return type(x)(map(_values, x))
    return {k: _values(v) for k, v in x.items()} if type(x) is dict else x


def _free(nodes: Iterable[Node], *wishes: str) -> str:
    """The first of these names that no quantity has, or the last with a number."""
    taken = {node.name for node in nodes}
    return next(w for w in (*wishes, *(f"{wishes[-1]}_{k}" for k in range(2, len(taken) + 3))) if w not in taken)


def _loss(output: Node, Y: np.ndarray, function: losses.LossFunction, name: str) -> Node:
    """The loss; of an output put together of one for each step, the average of the losses of the steps, as in a model."""
    if Y.shape != output.shape:
        raise ValueError(f"Y has shape {Y.shape}; what the function returns has shape {output.shape}")
    Y = np.array(Y, output.dtype)
    steps = [node.step for node in output.args]
    axis = next((axis for axis, op in A.STACKS.items() if op is output.op), 0 if output.op is A.numbers else None)
    if axis is None or steps != list(range(1, len(steps) + 1)):
        return named(name, _number(function(ops.leaf(Y, "target", "target"), output)))
    whole, step = ops.leaf(Y, "Y", "target"), A.STEPS[axis] if output.ndim > 1 else A.entry
    each = []
    for t, y in enumerate(output.args, start=1):
        with at(t):
            each.append(named("l", _number(function(named("target", step(whole, t=t)), y))))
    return named(name, ops.average(*each))


def _number(loss: Any) -> Node:
    if not isinstance(loss, Node):
        raise TypeError(f"the loss function must return a node made of its arguments, not {type(loss).__name__}")
    return loss
