"""How one array lies in the memory of another, read from their addresses and strides."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np

from .array import Array
from .memory import SAME, Axes, Part, Positions, View


def owner(x: Any) -> Any:
    """What owns the memory of an array: an array, or what it was made from; windows have an object between the two."""
    while (base := getattr(x, "base", None)) is not None:
        x = base
    return x


def offsets(x: np.ndarray) -> np.ndarray:
    """The address of each entry."""
    found = np.full(x.shape, x.__array_interface__["data"][0])
    for axis, (n, stride) in enumerate(zip(x.shape, x.strides)):
        found += (np.arange(n) * stride).reshape(-1, *(1,) * (x.ndim - axis - 1))
    return found


def view_between(parent: Array, value: np.ndarray) -> View | None:
    """How `value` lies in the memory of `parent`."""
    data = parent.data
    if data is value or alike(data, value):
        return SAME
    if alike(data, value.T):
        return Axes(tuple(range(data.ndim))[::-1])
    there = offsets(data).ravel()
    order = np.argsort(there, kind="stable")
    mine = offsets(value)
    at = np.searchsorted(there, mine, sorter=order)
    if not there.size or at.max(initial=0) >= there.size:
        return None
    index = order[at]
    if not np.array_equal(there[index], mine):
        return None
    if index.size == data.size and np.array_equal(index.ravel(), np.arange(data.size)):
        return SAME
    if value.ndim == data.ndim and value.size == data.size:
        places = np.arange(data.size).reshape(data.shape)
        for axes in itertools.permutations(range(value.ndim)) if value.ndim < 5 else ():
            if np.array_equal(places.transpose(axes), index):
                return Axes(axes)
    key = _slices(data, value, index)
    return Positions(index) if key is None else Part(key)


def _slices(data: np.ndarray, value: np.ndarray, index: np.ndarray) -> tuple[Any, ...] | None:
    """The view as slices along every axis, where it is that."""
    if value.ndim != data.ndim or not index.size:
        return None
    first, last = (np.unravel_index(index.flat[k], data.shape) for k in (0, -1))
    key = []
    for a, b, n, whole in zip(first, last, value.shape, data.shape):
        a, b = int(a), int(b)
        step = 1 if n == 1 else (b - a) // (n - 1)
        if step == 0:
            return None
        stop = a + n * step
        start, end = (None, None) if n == whole else (a, None if stop < 0 else stop)
        key.append(slice(start, end, None if step == 1 else step))
    places = np.arange(data.size).reshape(data.shape)
    found = tuple(key)
    return found if np.array_equal(places[found], index) else None


def alike(x: np.ndarray, y: np.ndarray) -> bool:
    """Whether two arrays lie in the same memory in the same way."""
    return x.shape == y.shape and x.strides == y.strides and _address(x) == _address(y)


def _address(x: np.ndarray) -> int:
    return x.__array_interface__["data"][0]
