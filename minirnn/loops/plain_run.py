"""The plain run of a function beside the recorded one: both must return the same, bit for bit."""

from __future__ import annotations

import inspect
import random
from collections.abc import Callable
from typing import Any

import numpy as np

from ..system import CannotFollow
from .recording.table import SEQUENCES


def called(function: Any) -> str:
    """The name of a function."""
    return getattr(function, "__name__", type(function).__name__)


def generators() -> Any:
    """The states of the generators of random numbers that all share."""
    return np.random.get_state(), random.getstate()


def set_generators(states: Any) -> None:
    np.random.set_state(states[0])
    random.setstate(states[1])


def same_generators(a: Any, b: Any) -> bool:
    (kind, key, *rest), (other, other_key, *others) = a[0], b[0]
    return kind == other and rest == others and np.array_equal(key, other_key) and a[1] == b[1]


def compare(function: Callable[..., Any], plain: Any, returned: Any, before: Any) -> None:
    """Raise CannotFollow unless the plain run has returned, bit for bit, what the recorded one has."""
    where = _difference(plain, returned)
    if where is None:
        return
    code = getattr(inspect.unwrap(getattr(function, "__func__", function)), "__code__", None)
    place = f"{code.co_filename}:{code.co_firstlineno}: " if code is not None else ""
    drawn = "" if same_generators(before, generators()) else ", and it draws random numbers"
    raise CannotFollow(
        f"{place}{called(function)} run twice gives two results: {where}{drawn}; what it keeps, counts or draws "
        "outside of its arguments makes them differ, or minirnn follows it wrongly. Give it all it needs as arguments"
    )


def _difference(plain: Any, found: Any, what: str = "what it returns") -> str | None:
    """Where two results differ, or None."""
    if isinstance(plain, dict):
        if not isinstance(found, dict) or list(plain) != list(found):
            return f"{what} has other keys"
        return next((d for k in plain if (d := _difference(plain[k], found[k], f"{what}[{k!r}]"))), None)
    if isinstance(plain, SEQUENCES):
        if not isinstance(found, SEQUENCES) or len(plain) != len(found):
            return f"{what} is of another length"
        return next((d for i, (a, b) in enumerate(zip(plain, found)) if (d := _difference(a, b, f"{what}[{i}]"))), None)
    if isinstance(plain, (np.ndarray, np.generic, float, int)):
        a, b = np.asarray(plain), np.asarray(found)
        if (a.shape, a.dtype) != (b.shape, b.dtype):
            return f"{what} is {_kind(found)}, plain NumPy gives {_kind(plain)}"
        if not np.array_equal(a, b, equal_nan=a.dtype.kind in "fc"):
            at = np.unravel_index(int(np.argmax(~((a == b) | ((a != a) & (b != b))))), a.shape)
            place = f" at {[int(i) for i in at]}" if at else ""
            return f"{what}{place} is {b[at]:.9g}, plain NumPy gives {a[at]:.9g}"
    return None


def _kind(x: Any) -> str:
    return f"{np.asarray(x).dtype} of shape {np.shape(x)}"
