"""Rules of functions that put the same numbers into other shapes, and that join and repeat arrays."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from ...engine import ops
from ...engine.graph import Node
from ..errors import refuse
from .array import Array, broadcast, node_of, plain, traced
from .dispatch import constant, rearranges, records
from .elementwise import in_dtype
from .memory import gathered, permuted
from .table import FUNCTIONS, SEQUENCES


def _same_order(value: Any, x: Any, *args: Any, **options: Any) -> Node | None:
    """What NumPy gives when it copies what it cannot view."""
    node = node_of(x)
    if options.get("order", "C") != "C":
        return None
    return ops.reshape(node, dims=value.shape) if node.shape != value.shape else node


_SAME_ORDER: list[Any] = [
    np.reshape, np.ravel, np.squeeze, np.expand_dims, np.atleast_1d, np.atleast_2d, np.atleast_3d,
]  # fmt: skip
records(*_SAME_ORDER)(_same_order)


@records(np.transpose)
def _transpose(value: Any, a: Any, axes: Any = None) -> Node:
    node = node_of(a)
    order = tuple(range(node.ndim))[::-1] if axes is None else tuple(int(i) % node.ndim for i in axes)
    return permuted(node, order)


@records(np.copy, np.ascontiguousarray, np.asfortranarray)
def _copy(value: Any, a: Any, *args: Any, **options: Any) -> Node | None:
    return _same_order(value, Array(None, in_dtype(node_of(a), value.dtype)))


@records(np.broadcast_to)
def _broadcast_to(value: Any, array: Any, shape: Any, **options: Any) -> Node:
    return broadcast(node_of(array), value.shape)


rearranges(
    np.swapaxes, np.moveaxis, np.rollaxis, np.rot90, np.roll, np.diagonal, np.diag, np.take, np.take_along_axis, np.delete,
    np.resize, np.tril, np.triu, np.trim_zeros, np.compress, np.extract, np.vander, np.block,
)  # fmt: skip


@records(np.flip, np.fliplr, np.flipud)
def _flip(value: Any, m: Any, axis: Any = None) -> Node | None:
    return None  # always a view


@records(np.repeat)
def _repeat(value: Any, a: Any, repeats: Any, axis: Any = None) -> Node:
    places = np.arange(np.size(plain(a))).reshape(np.shape(plain(a)))
    return gathered(node_of(a), np.repeat(places, plain(repeats), axis))


@records(np.tile)
def _tile(value: Any, A_: Any, reps: Any) -> Node:
    node, reps = node_of(A_), (reps,) if np.ndim(reps) == 0 else tuple(reps)
    if math.prod(node.shape[i - len(reps)] if i >= len(reps) - node.ndim else 1 for i, r in enumerate(reps) if r != 1) == 1:
        shape = (1,) * (len(value.shape) - node.ndim) + node.shape
        return broadcast(ops.reshape(node, dims=shape) if shape != node.shape else node, value.shape)
    return gathered(node, np.tile(np.arange(node.value.size).reshape(node.shape), reps))


@records(np.pad)
def _pad(value: Any, array: Any, pad_width: Any, mode: Any = "constant", **options: Any) -> Node | None:
    node = node_of(array)
    if not node.ndim:
        return node
    places = np.pad(np.arange(1, node.value.size + 1).reshape(node.shape), plain(pad_width), mode)
    if mode != "constant":
        return gathered(node, places - 1)
    inner = tuple(slice(int(k.min()), int(k.max()) + 1) for k in np.nonzero(places))
    around = np.array(value)
    around[inner] = 0
    return ops.update(node_of(around), node, key=ops.Key(inner))


# ------------------------------------------------------------------------------------------------------- joining arrays


def stacked(nodes: list[Node], axis: int) -> Node:
    """The nodes along a new axis."""
    return ops.stack(*nodes, axis=axis, size=len(nodes))


def joined(nodes: list[Node], axis: int) -> Node:
    """The nodes one after the other along an axis."""
    nodes = [n for n in nodes if n.value.size] or nodes[:1]
    ndim = nodes[0].ndim
    if len(nodes) == 1:
        return nodes[0]
    return ops.join(*nodes, axis=axis % ndim - ndim)


def _nodes(value: Any, arrays: Any) -> list[Node]:
    return [in_dtype(node_of(x), value.dtype) for x in arrays]


@records(np.stack)
def _stack(value: Any, arrays: Any, axis: int = 0, **options: Any) -> Node:
    return stacked(_nodes(value, arrays), axis % value.ndim)


@records(np.concatenate)
def _concatenate(value: Any, arrays: Any, axis: Any = 0, **options: Any) -> Node:
    nodes = _nodes(value, arrays)
    if axis is None:
        nodes, axis = [ops.reshape(n, dims=(n.value.size,)) for n in nodes], 0
    return joined(nodes, axis)


def _joining(original: Any, shape: Callable[[tuple[int, ...]], tuple[int, ...]], axis: Callable[[int], int]) -> None:
    @records(original)
    def rule(value: Any, tup: Any, **options: Any) -> Node:
        nodes = [n if shape(n.shape) == n.shape else ops.reshape(n, dims=shape(n.shape)) for n in _nodes(value, tup)]
        return joined(nodes, axis(nodes[0].ndim))


_joining(np.vstack, lambda s: s if len(s) > 1 else (1, *(s or (1,))), lambda ndim: 0)
_joining(np.hstack, lambda s: s or (1,), lambda ndim: 0 if ndim == 1 else 1)
_joining(np.column_stack, lambda s: s if len(s) > 1 else (*(s or (1,)), 1), lambda ndim: 1)
_joining(np.dstack, lambda s: np.atleast_3d(np.empty(s)).shape, lambda ndim: 2)
if hasattr(np, "row_stack"):
    FUNCTIONS[np.row_stack] = FUNCTIONS[np.vstack]


class Brackets:
    """``np.r_[a, b]`` or ``np.c_[a, b]``: what stands in the brackets, joined."""

    def __init__(self, original: Any, shape: Callable[[tuple[int, ...]], tuple[int, ...]], axis: int) -> None:
        def join(parts: Any) -> Any:
            return original[tuple(parts)]

        self._original = original
        join.__name__ = f"{'r' if axis == 0 else 'c'}_"
        _joining(join, shape, lambda ndim: axis % ndim)
        self._join = FUNCTIONS[join]

    def __getitem__(self, key: Any) -> Any:
        parts = key if type(key) is tuple else (key,)
        if any(isinstance(part, str) for part in parts):
            if traced(parts):
                refuse("a text in the brackets of np.r_ or np.c_", "join with np.concatenate or np.stack")
            return self._original[plain(parts)]
        return self._join([self._original[part] if isinstance(part, slice) else part for part in parts])


_BRACKETS: dict[Any, Any] = {
    np.r_: Brackets(np.r_, lambda s: s or (1,), 0),
    np.c_: Brackets(np.c_, lambda s: s if len(s) > 1 else (*(s or (1,)), 1), -1),
}
FUNCTIONS.update(_BRACKETS)


@records(np.append)
def _append(value: Any, arr: Any, values: Any, axis: Any = None) -> Node | None:
    return _concatenate(value, [arr, values], axis)


# ---------------------------------------------------------------------------------------------------------- new arrays


def _array(original: Any) -> None:
    def make(x: Any, *args: Any, **options: Any) -> Any:
        if not traced(x):
            return general(x, *args, **options)
        if type(x) is Array:
            return general(x, *args, **options)
        shape = np.shape(plain(x))
        parts = [make(part) if type(part) in SEQUENCES and traced(part) else part for part in x]
        value = original(plain(x), *args, **options)
        node = stacked(_nodes(value, parts), 0)
        return Array(value, ops.reshape(node, dims=value.shape) if value.shape != shape else node)

    @records(original)
    def rule(value: Any, x: Any, *args: Any, **options: Any) -> Node:
        node = in_dtype(node_of(x), value.dtype)
        return node if node.shape == value.shape else ops.reshape(node, dims=value.shape)

    general = FUNCTIONS[original]
    FUNCTIONS[original] = make


_ARRAYS: list[Any] = [np.array, np.asarray, np.asanyarray]
for _original in _ARRAYS:
    _array(_original)


def _shaped_like(original: Any) -> None:
    def call(x: Any, *args: Any, **options: Any) -> Any:
        if traced(args):
            return FUNCTIONS[np.multiply](FUNCTIONS[np.ones_like](x, **options), *args)
        return constant(original(plain(x), *map(plain, args), **plain(options)))

    FUNCTIONS[original] = call


for _like in (np.zeros_like, np.ones_like, np.empty_like, np.full_like):
    _shaped_like(_like)


@records(np.full)
def _full(value: Any, shape: Any, fill_value: Any, dtype: Any = None, **options: Any) -> Node:
    return broadcast(in_dtype(node_of(fill_value), value.dtype), value.shape)


def _shape(x: Any) -> tuple[int, ...]:
    return np.shape(plain(x))


FUNCTIONS[np.shape] = _shape
FUNCTIONS[np.ndim] = lambda a: len(_shape(a))
FUNCTIONS[np.size] = lambda a, axis=None: math.prod(_shape(a)) if axis is None else _shape(a)[axis]


def astype(x: Array, dtype: Any, *args: Any, **options: Any) -> Any:
    """x.astype(dtype): a condition becomes 0 and 1, whole numbers are cut off."""
    return FUNCTIONS["astype"](x, dtype, *args, **options)


def _astype(x: Any, dtype: Any, *args: Any, **options: Any) -> Any:
    return x.astype(dtype, *args, **options)


_astype.__name__ = "astype"


@records(_astype)
def _cast(value: Any, x: Any, *args: Any, **options: Any) -> Node:
    return in_dtype(node_of(x), value.dtype)


FUNCTIONS["astype"] = FUNCTIONS[_astype]
FUNCTIONS[ops.transpose] = _transpose
