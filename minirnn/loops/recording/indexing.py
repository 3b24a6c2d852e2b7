"""What stands between the brackets of ``x[...]``, brought into one form: numbers, slices, None, ... and index arrays."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...engine.ops import arrays as A


def plain_key(key: Any) -> tuple[Any, ...]:
    """The key as a tuple of numbers, slices, None, ... and index arrays."""
    return tuple(_plain_part(k) for k in (key if type(key) is tuple else (key,)))


def _plain_part(k: Any) -> Any:
    if type(k) in (int, slice) or k is None or k is Ellipsis:
        return k
    array = np.asarray(k)
    return int(array) if array.ndim == 0 and array.dtype.kind in "iu" else array


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


def full(key: tuple[Any, ...], ndim: int) -> A.Key:
    return A.Key(spelled_out(key, ndim))


def repeated(key: tuple[Any, ...]) -> bool:
    """Whether index arrays name a place twice."""
    arrays = np.broadcast_arrays(*(k for k in key if isinstance(k, np.ndarray) and k.dtype.kind in "iu"))
    return bool(arrays) and len(set(zip(*(a.ravel().tolist() for a in arrays)))) < arrays[0].size


def places_of(key: tuple[Any, ...], shape: tuple[int, ...]) -> tuple[tuple[int, ...], tuple[int, ...]] | None:
    """The axes at which the key has numbers, and these, where it has all of every other axis; None otherwise."""
    axes, numbers = [], []
    for axis, k in enumerate(spelled_out(key, len(shape))):
        if type(k) is int:
            if not -shape[axis] <= k < shape[axis]:
                raise IndexError(f"index {k} is out of bounds for axis {axis} with size {shape[axis]}")
            axes.append(axis)
            numbers.append(k % shape[axis])
        elif not (type(k) is slice and k.indices(shape[axis]) == (0, shape[axis], 1)):
            return None
    return (tuple(axes), tuple(numbers)) if axes else None


def key_at(axes: tuple[int, ...], place: tuple[int, ...]) -> tuple[Any, ...]:
    at = dict(zip(axes, place))
    return tuple(at.get(axis, slice(None)) for axis in range(max(axes) + 1))
