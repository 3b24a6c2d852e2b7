"""Checks of the arguments that layers are made with, each with one sentence where they do not fit."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from ..system import plain

# Arguments that every layer of Keras takes, at the value for which they do nothing
COMMON: dict[str, Any] = {"autocast": True}


def boolean(kind: str, argument: str, value: Any) -> bool:
    """`value` if it is True or False; text and numbers that Python would take for one are refused."""
    if not isinstance(value, (bool, np.bool_)):
        raise TypeError(f"{kind}({argument}={plain(repr(value))}): it must be True or False")
    return bool(value)


def positive_int(kind: str, units: Any, what: str = "units") -> int:
    """`units` if it is a positive whole number."""
    if not isinstance(units, (int, np.integer)) or isinstance(units, bool) or units < 1:
        raise ValueError(f"{kind}({what}={plain(repr(units))}): {what} must be a positive whole number")
    return int(units)


def share(kind: str, argument: str, value: Any) -> float:
    """The share that dropout leaves out, cut to 0..1 as Keras does."""
    if isinstance(value, bool) or not isinstance(value, (int, float, np.number)) or not np.isfinite(value):
        raise ValueError(f"{kind}({argument}={plain(repr(value))}): it must be a number from 0 to 1")
    return min(1.0, max(0.0, float(value)))


def listed(value: Any) -> list[Any]:
    """A list of the entries of a list or tuple, or of the one value."""
    return list(value) if isinstance(value, (list, tuple)) else [value]


def flattened(value: Any) -> list[Any]:
    """The entries of lists within lists, [[h, c], [h]], in one list."""
    if not isinstance(value, (list, tuple)):
        return [value]
    return [item for part in value for item in flattened(part)]


class Place(NamedTuple):
    """Where one of the arrays belongs that a function is given."""

    number: int


def each_in(held: Any, function: Callable[[Any], Any]) -> Any:
    """`held` with `function` of each thing in it, in lists and dictionaries too."""
    if type(held) in (list, tuple):
        return type(held)([each_in(each, function) for each in held])
    return {key: each_in(each, function) for key, each in held.items()} if type(held) is dict else function(held)


def taken_out(held: Any, is_wanted: Callable[[Any], bool], found: list[Any]) -> Any:
    """`held` with a `Place` for each thing that is wanted; these are put into `found`."""

    def place(each: Any) -> Any:
        if not is_wanted(each):
            return each
        found.append(each)
        return Place(len(found) - 1)

    return each_in(held, place)


def put_in(held: Any, arrays: Any) -> Any:
    """The same with these arrays in their places."""
    return each_in(held, lambda each: arrays[each.number] if type(each) is Place else each)
