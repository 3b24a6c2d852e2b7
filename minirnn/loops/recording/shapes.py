"""Sums over axes, and the same numbers in other shapes: views where NumPy gives views."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ...engine.graph import Node, Primitive
from ...engine.ops import arrays as A
from ...engine.ops import basic as ops
from ..errors import refuse
from .array import Array, broadcast, itself, memory, node_of
from .create import arrayed, concatenate
from .numpy_table import FUNCTIONS, plain, stands_for

# ----------------------------------------------------------------------------------------------------------- reductions


def _axes(x: Node, axis: Any) -> tuple[int, ...]:
    """The axes counted from the last."""
    chosen = range(x.ndim) if axis is None else axis if type(axis) is tuple else (axis,)
    return tuple(sorted(int(a) % x.ndim - x.ndim for a in chosen))


def _reduction(original: Any, name: str, whole: Primitive | None, over: Primitive) -> None:
    @stands_for(original)
    def call(x: Any, axis: Any = None, dtype: Any = None, out: Any = None, keepdims: Any = False, **others: Any) -> Any:
        if dtype is not None or out is not None or others:
            refuse(f"np.{name} with dtype, out or further arguments", "give axis and keepdims alone")
        node = node_of(arrayed(x))
        if node.dtype == bool:
            refuse(f"np.{name} of a condition", "use np.where(condition, 1.0, 0.0)")
        if not node.ndim:
            return Array((whole or ops.sum_all)(node))
        axes = _axes(node, axis)
        if len(axes) == node.ndim and not keepdims and whole is not None:
            return Array(whole(node))
        return Array(over(node, axis=axes, keepdims=bool(keepdims)))


_reduction(np.sum, "sum", ops.sum_all, A.sum_over)
_reduction(np.mean, "mean", ops.mean, A.mean_over)
_reduction(np.max, "max", None, A.max_over)
FUNCTIONS[np.amax] = FUNCTIONS[np.max]

# --------------------------------------------------------------------------------------------------------------- shapes


@stands_for(np.reshape)
def reshape(x: Any, shape: Any = None, *rest: Any, **options: Any) -> Any:
    """np.reshape; the order is that of C."""
    if options.pop("newshape", None) is not None or options or (rest and not all(isinstance(n, int) for n in rest)):
        refuse("np.reshape with further arguments", "give the shape alone")
    wanted = (shape, *rest) if rest else shape
    node = node_of(arrayed(x))
    result = A.reshape(node, shape=node.value.reshape(plain(wanted)).shape) if node.shape != wanted else node
    found = Array(result)
    return found.view_of(x, lambda base: reshape(base, wanted)) if _is_view(result, node, x) else found


def _is_view(result: Node, node: Node, x: Any) -> bool:
    return type(x) is Array and np.may_share_memory(result.value, node.value)


@stands_for(np.ravel)
def ravel(x: Any) -> Any:
    """np.ravel."""
    return reshape(x, (-1,))


@stands_for(np.transpose)
def transpose(x: Any, axes: Any = None) -> Any:
    """np.transpose."""
    node = node_of(arrayed(x))
    order = tuple(range(node.ndim))[::-1] if axes is None else tuple(int(a) % node.ndim for a in axes)
    if order == tuple(range(node.ndim)):
        found = Array(node)
        return found.view_of(x, itself) if type(x) is Array else found
    found = Array(ops.transpose(node) if node.ndim == 2 else A.permute(node, axes=order))
    return found.view_of(x, lambda base: transpose(base, axes)) if type(x) is Array else found


@stands_for(np.swapaxes)
def swapaxes(x: Any, axis1: int, axis2: int) -> Any:
    """np.swapaxes."""
    order = list(range(x.ndim))
    order[axis1], order[axis2] = order[axis2], order[axis1]
    return transpose(x, order)


@stands_for(np.squeeze)
def squeeze(x: Any, axis: Any = None) -> Any:
    """np.squeeze."""
    return reshape(x, np.squeeze(x.value, axis).shape)


@stands_for(np.expand_dims)
def expand_dims(x: Any, axis: Any) -> Any:
    """np.expand_dims."""
    return reshape(x, np.expand_dims(x.value, axis).shape)


@stands_for(np.atleast_2d)
def atleast_2d(x: Any) -> Any:
    """np.atleast_2d."""
    return reshape(x, np.atleast_2d(x.value).shape)


@stands_for(np.copy)
def copy(x: Any) -> Any:
    """A copy, which shares nothing."""
    return Array(node_of(arrayed(x)))


def copied(x: Array) -> Any:
    """x.copy(), which puts the rows one after the other in memory; np.copy keeps their order."""
    if x.is_constant:
        return memory(x.value.copy())
    node = x.node
    if not node.value.flags.c_contiguous:
        node = ops.same(node)
        node.value = node.value.copy()
    return Array(node)


@stands_for(np.broadcast_to)
def broadcast_to(x: Any, shape: Any) -> Any:
    """np.broadcast_to."""
    return Array(broadcast(node_of(x), tuple(plain(shape)) if type(shape) is not int else (shape,)))


def _joining(original: Any, at_least_2d: Callable[[Any], Any], axis: Callable[[int], int]) -> None:
    @stands_for(original)
    def call(arrays: Any) -> Any:
        whole = [at_least_2d(Array(node_of(arrayed(x)))) for x in arrays]
        return concatenate(whole, axis(whole[0].ndim))


_joining(np.vstack, lambda x: atleast_2d(x), lambda ndim: 0)
_joining(np.hstack, lambda x: x if x.ndim else reshape(x, (1,)), lambda ndim: 0 if ndim == 1 else 1)
_joining(np.column_stack, lambda x: reshape(x, (-1, 1)) if x.ndim < 2 else x, lambda ndim: 1)
