"""Functions of NumPy that write into an array they are given: np.copyto, np.put, np.add.at."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ...engine import ops
from ...engine.graph import Node
from ...engine.sizes import Size
from .. import primitives as P
from ..errors import refuse
from .array import Array, fitted, plain, traced
from .indexing import Indices
from .places import CHOSEN, open_key


def copyto(dst: Any, src: Any, casting: Any = "same_kind", where: Any = True) -> None:
    if type(dst) is Array:
        dst.assign(src, where)
    else:
        np.copyto(dst, src, casting, where)


def fill_diagonal(a: Any, val: Any, wrap: bool = False) -> None:
    if type(a) is not Array or (not traced(val) and a._untouched):
        return np.fill_diagonal(plain(a), plain(val), wrap)
    mask = np.zeros(a.shape, bool)
    np.fill_diagonal(mask, True, wrap)
    a[mask] = val
    return None


def put(a: Any, ind: Any, v: Any, mode: Any = "raise") -> None:
    if type(a) is not Array or (not traced(v) and a._untouched):
        return np.put(plain(a), plain(ind), plain(v), mode)
    if mode != "raise":
        refuse(f"np.put with mode={mode!r}", "use x[...] = ...")
    a[np.unravel_index(np.asarray(plain(ind)), a.shape)] = v
    return None


def putmask(a: Any, mask: Any, values: Any) -> None:
    if type(a) is not Array or (not traced([mask, values]) and a._untouched):
        return np.putmask(plain(a), plain(mask), plain(values))
    a.assign(values, mask)
    return None


def _add(a: Array, added: Node, whole: np.ndarray, sign: float) -> None:
    node = (ops.add if sign > 0 else ops.subtract)(a.node, added)
    node.value = whole  # NumPy adds one after the other
    a.assign(Array(whole, node))


def add_at(sign: float) -> Callable[..., None]:
    """np.add.at (1) or np.subtract.at (-1): what is named several times is added several times, one after the other."""
    original = np.add.at if sign > 0 else np.subtract.at

    def at(a: Any, indices: Any, b: Any) -> None:
        if type(a) is not Array or (not traced([indices, b]) and a._untouched):
            if traced([indices, b]):
                refuse("a traced value is written into a plain array", "make the array in the function, with np.zeros")
            return original(plain(a), plain(indices), plain(b))
        summed = a.data.copy()
        original(summed, plain(indices), plain(b))
        if traced(indices):
            opened, places = open_key(a, indices), np.arange(a.size).reshape(a.shape)[plain(indices)]
            if opened is None:
                refuse(*CHOSEN)
            added = P.put_at(fitted(b, places.shape, a.dtype), *opened[1], key=opened[0], dims=a.node.dims)
            _add(a, added, summed, sign)
            return None
        places = np.arange(a.size).reshape(a.shape)[plain(indices)]
        part = fitted(b, places.shape, a.dtype)
        row = ops.reshape(part, dims=(part.value.size,)) if part.ndim != 1 else part
        whole = ops.scattered(row, key=ops.Key((Indices(places.ravel()),)), dims=(Size.of(a.size),))
        whole = ops.reshape(whole, dims=a.shape) if whole.shape != a.shape else whole
        _add(a, whole, summed, sign)
        return None

    return at


FUNCTIONS_THAT_WRITE: dict[Any, Callable[..., None]] = {
    np.copyto: copyto, np.fill_diagonal: fill_diagonal, np.put: put, np.putmask: putmask,
}  # fmt: skip
