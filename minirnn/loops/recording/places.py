"""Places that are computed, x[i] where i depends on traced values, and np.take."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...engine import ops
from ...engine.graph import Node
from .. import primitives as P
from .array import Array, fitted, plain, traced
from .dispatch import arrays_in, constant, unrecorded, unrecorded_function, untracked
from .indexing import Indices
from .masks import chosen_by
from .table import FUNCTIONS

CHOSEN = "an index that depends on a traced value", "pick with np.where, or index with numbers of the data"


def take(a: Any, indices: Any, axis: Any = None, **options: Any) -> Any:
    """np.take, which is x[indices] along an axis: always a copy, and in the order of C."""
    if options or not traced([a, indices]):
        return unrecorded_function(np.take, "np.take")(a, indices, axis, **options)
    if type(a) is not Array:
        a = Array(np.asarray(a)).constant()
    found = FUNCTIONS[np.ravel](a)[indices] if axis is None else a[(slice(None),) * (axis % a.ndim) + (indices,)]
    value = np.take(a.data, plain(indices), axis)
    if type(found) is not Array or not found.traced:
        return constant(value)
    node = ops.same(found.node) if found.node is a.node else found.node
    node.value = value
    return Array(value, node)


def open_key(array: Array, key: Any) -> tuple[ops.Key, list[Node]] | None:
    """A key in which the places that are computed are left open, and their nodes; None if it has no such form."""
    key = key if type(key) is tuple else (key,)
    nodes: list[Node] = []
    places: list[Any] = []
    axes = 0
    for k in key:
        axes += k.ndim if isinstance(k, (Array, np.ndarray)) and k.dtype == bool else 1
        if type(k) is Array and k.traced:
            if k.node.dtype.kind not in "iub" or k.node.op is unrecorded:
                return None
            nodes.append(k.node)
            places.append(None)
        elif k is None or k is Ellipsis or traced(k) or (type(k) is slice and traced([k.start, k.stop, k.step])):
            return None
        else:
            places.append(k if type(k) in (int, slice) else Indices(plain(k)))
    return ops.Key([*places, *[slice(None)] * (array.ndim - axes)]), nodes


def _with_arrays(key: Any) -> Any:
    """The key with lists of numbers as arrays: p[rows, labels]."""
    if isinstance(key, tuple):
        return tuple(_with_arrays(k) for k in key)
    return FUNCTIONS[np.array](key) if type(key) is list and any(type(k) is Array for k in key) else key


def _untracked_at(value: Any, *parts: Any) -> Array:
    live = [x.node for x in arrays_in(list(parts), []) if x.traced]
    return Array(value, untracked(live, value, *CHOSEN))


def entry_at(array: Array, key: Any, index: Array) -> Any:
    """x[i], where i is a place that is computed, such as that of the largest entry, or a condition."""
    key = _with_arrays(key)
    value = array.data[plain(key)]
    found = open_key(array, key)
    if found is None:
        return _untracked_at(value, array, key)
    return Array(value, P.entry_at(array.node, *found[1], key=found[0]))


def assign_at(array: Array, key: Any, value: Any, index: Array) -> None:
    """x[i] = v, where i is a place that is computed, or a condition."""
    if type(key) is Array and key.dtype == bool and key.shape == array.shape and np.ndim(plain(value)) == 0:
        array.assign(value, key)
        return
    if type(key) is Array and key.traced and (chosen := chosen_by(key, array, value)) is not None:
        lifted, mask = chosen
        array.assign(Array(lifted.value, lifted), Array(mask.value, mask))
        return
    key = _with_arrays(key)
    whole = array.data.copy()
    whole[plain(key)] = plain(value)
    places = np.arange(array.size).reshape(array.shape)[plain(key)]
    found = open_key(array, key)
    if found is None or np.unique(places).size < places.size:
        array.assign(_untracked_at(whole, array, key, value))
        return
    node = P.update_at(array.node, fitted(value, places.shape, array.dtype), *found[1], key=found[0])
    node.value = whole
    array.assign(Array(whole, node))
