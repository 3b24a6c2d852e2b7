"""What stands between the brackets of ``x[...]``, brought into one form: numbers, slices, None and index arrays."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...engine import ops


def Indices(x: Any) -> np.ndarray:
    """An index or mask array as it is now: a copy that nobody can change."""
    found = np.array(x)
    found.flags.writeable = False
    return found


def plain_key(key: Any) -> tuple[Any, ...]:
    """The key as a tuple of numbers, slices, None, ... and index arrays; index arrays are copied."""
    return tuple(_plain_part(k) for k in (key if type(key) is tuple else (key,)))


def _plain_part(k: Any) -> Any:
    if type(k) is int or k is None or k is Ellipsis:
        return k
    if type(k) is slice:
        return slice(*(None if n is None else int(n) for n in (k.start, k.stop, k.step)))
    if type(k) is not bool and not isinstance(k, (np.ndarray, list, tuple)) and hasattr(k, "__index__"):
        return int(k)
    return Indices(np.asarray(k, int) if isinstance(k, (list, tuple)) and not len(k) else k)


def spelled_out(key: tuple[Any, ...], ndim: int) -> tuple[Any, ...]:
    """The key without ``...``, an entry for every axis."""
    taken = sum(
        1 if not (isinstance(k, np.ndarray) and k.dtype == bool) else k.ndim
        for k in key
        if k is not None and k is not Ellipsis
    )
    rest = (slice(None),) * (ndim - taken)
    for i, k in enumerate(key):
        if k is Ellipsis:
            return (*key[:i], *rest, *key[i + 1 :])
    return (*key, *rest)


def full(key: tuple[Any, ...], ndim: int) -> ops.Key:
    return ops.Key(spelled_out(key, ndim))


def basic(key: tuple[Any, ...]) -> bool:
    """Whether NumPy gives a view: not of index arrays."""
    return not any(isinstance(k, np.ndarray) for k in key)


def places_of(key: tuple[Any, ...], shape: tuple[int, ...]) -> tuple[tuple[int, ...], tuple[int, ...]] | None:
    """The axes at which the key has numbers, and these, where it has all of every other axis; None otherwise.

    A slice of one of several, hs[t:t+1], is a number too.
    """
    axes, numbers = [], []
    for axis, k in enumerate(spelled_out(key, len(shape))):
        reach = range(shape[axis])[k] if type(k) is slice else None
        if type(k) is int or (reach is not None and len(reach) == 1 < shape[axis]):
            axes.append(axis)
            numbers.append(k % shape[axis] if reach is None else reach[0])
        elif reach != range(shape[axis]):
            return None
    return (tuple(axes), tuple(numbers)) if axes else None
