"""One run of the user's function on recording arrays: what it is given, and what it leaves behind."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from .. import losses
from ..engine.graph import Node
from ..engine.names import Role
from ..engine.ops import basic as ops
from ..system import CannotFollow
from . import errors as refusal
from .instrument.clone import Copies, names_in
from .instrument.recorder import Recorder, recording
from .recording.array import Array, traced
from .recording.functions import array


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


def run(asked: AskedLoop, again: bool = False) -> Ran:
    """Run the function; what it prints is printed but where it runs `again`.

    Raises CannotFollow (a TypeError), with file, line and cure, where the function does what cannot be followed.
    """
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
    return Ran(recorder, output, name, _values(returned))


def taken(function: Callable[..., Any]) -> set[str]:
    """The names that the function takes, or reads from where it was defined."""
    code = getattr(inspect.unwrap(getattr(function, "__func__", function)), "__code__", None)
    read = set() if code is None else {*names_in(code), *code.co_freevars}
    return {*_parameters(function), *read}


def _parameters(function: Callable[..., Any]) -> dict[str, inspect.Parameter]:
    try:
        return dict(inspect.signature(function).parameters)
    except (TypeError, ValueError) as error:
        raise TypeError(f"trace takes a model or a function, not {type(function).__name__}") from error


def in_precision(value: Any, dtype: np.dtype) -> Any:
    """The arrays of floating point in `value` in another precision."""
    if isinstance(value, (list, tuple)):
        return type(value)(in_precision(part, dtype) for part in value)
    if isinstance(value, dict):
        return {key: in_precision(part, dtype) for key, part in value.items()}
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
        leaf = ops.leaf(value, None, Role.PARAMETER)
        leaf.step = 0
        self.recorder.given[leaf] = name or "array"
        self.recorder.names[leaf] = (name or "array", 1)
        return Array(leaf)


def _word(key: Any, otherwise: str) -> str:
    word = re.sub(r"\W+", "_", str(key)).strip("_")
    return word if word and not word[0].isdigit() else f"{otherwise}_{word}"


def _silent(*_: Any, **__: Any) -> None:
    """What is printed has been printed by the first run."""


def _split(function: Callable[..., Any], arguments: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """The arguments that the function takes, and those that it reads from where it was defined."""
    parameters = _parameters(function)
    anything = any(p.kind is p.VAR_KEYWORD for p in parameters.values())
    own = {name: value for name, value in arguments.items() if anything or name in parameters}
    other = {name: value for name, value in arguments.items() if name not in own}
    unknown = set(other) - taken(function)
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
