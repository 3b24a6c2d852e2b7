"""What a function has returned: which of it is traced, and its numbers."""

from __future__ import annotations

import copy
from collections import deque
from typing import Any

import numpy as np

from ..engine.graph import Node
from ..system import CannotFollow
from .primitives import STEPWISE
from .recording.array import Array, traced
from .recording.table import SEQUENCES, call


def output_of(returned: Any, wanted: Any, decisions: list[Any]) -> tuple[Node, str | None]:
    """What is traced, and its name: the array that was returned, a list put together, of several `wanted` or the first."""
    if wanted is not None:
        for key in wanted if isinstance(wanted, tuple) else (wanted,):
            try:
                returned = returned[key]
            except (KeyError, IndexError, TypeError) as error:
                raise ValueError(f"output={wanted!r}: the function returns {_shape_of(returned)}") from error
    if type(returned) is Array and traced(returned):
        name = returned.node.name or getattr(returned, "_called", None)
        return returned.node, name[0] if isinstance(name, tuple) else None
    if type(returned) is list and _alike(returned):
        return call(np.array, returned).node, None
    for part in _parts(returned):
        if _holds(part):
            return output_of(part, None, decisions)
    for _, place, what, cure in decisions:
        raise CannotFollow(f"{place}: {what}; {cure}")
    raise CannotFollow(
        f"the function returned {type(values(returned)).__name__}, and nothing in it was computed from the arrays it was "
        "given; return what it computes"
    )


def demand_slope(loss: Node) -> None:
    """A loss that is rounded, as for a line that is printed, has no slope anywhere."""
    while len(loss.args) == 1 and loss.op not in STEPWISE:
        loss = loss.args[0]
    if loss.op in STEPWISE:
        raise CannotFollow("the function returns a rounded number, whose derivative is 0: return it as it is")


def _parts(returned: Any) -> list[Any]:
    """What a container holds."""
    return [*returned.values()] if isinstance(returned, dict) else [*returned] if isinstance(returned, SEQUENCES) else []


def _holds(returned: Any) -> bool:
    """Whether something traced is in it, however deep."""
    return traced(returned) or any(map(_holds, _parts(returned)))


def _alike(parts: list[Any]) -> bool:
    """Whether it is a list of arrays and numbers of one shape, some of them traced."""
    plain = all(type(part) is Array or isinstance(part, (np.ndarray, np.generic, float, int)) for part in parts)
    return plain and traced(parts) and len({part.shape if type(part) is Array else np.shape(part) for part in parts}) == 1


def _shape_of(returned: Any) -> str:
    if isinstance(returned, dict):
        return f"a dictionary with {', '.join(map(repr, returned))}"
    return f"{len(returned)} values" if isinstance(returned, (list, tuple)) else "one value"


def further_of(returned: Any) -> list[Node]:
    """The nodes of the several results: arrays, and lists of arrays of one shape put together."""
    found = []
    for part in _parts(returned) if not isinstance(returned, list) else ():
        if type(part) is Array and part.traced:
            found.append(part.node)
        elif type(part) is list and _alike(part) and all(type(p) is Array and p.traced for p in part):
            found.append(call(np.array, part).node)
        elif isinstance(part, (dict, tuple)):
            found += further_of(part)
    return found


def values(x: Any) -> Any:
    """What was returned, with plain arrays that cannot be written into."""
    if type(x) is Array:
        x = x.data
    if isinstance(x, np.ndarray):
        found = np.array(x)
        found.flags.writeable = False
        return found
    if isinstance(x, tuple):
        parts = [values(part) for part in x]
        make: Any = getattr(type(x), "_make", type(x))
        return make(parts)
    if isinstance(x, (list, deque)):
        return type(x)(values(part) for part in x)
    if isinstance(x, dict):
        made = copy.copy(x)  # a defaultdict keeps what it makes of a new key
        made.update({key: values(part) for key, part in x.items()})
        return made
    return x
