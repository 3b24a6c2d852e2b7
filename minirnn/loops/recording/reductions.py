"""Rules of sums, means, extremes, norms: reductions over axes, and what accumulates along one."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ...engine import ops
from ...engine.graph import Node, Primitive
from .. import primitives as P
from .array import broadcast, node_of, traced
from .dispatch import records
from .elementwise import alike, in_dtype
from .memory import flattened, permuted
from .table import FUNCTIONS


def _axes(x: Node, axis: Any) -> tuple[int, ...]:
    """The axes counted from the last."""
    chosen = range(x.ndim) if axis is None else axis if type(axis) is tuple else (axis,)
    return tuple(sorted(int(a) % x.ndim - x.ndim for a in chosen))


def reduced(op: Primitive, node: Node, axes: tuple[int, ...], keepdims: bool = False) -> Node:
    """`op` over these axes: None for all, 0 for the rows of a matrix."""
    alone = axes[0] if len(axes) == 1 else axes
    axis = None if len(axes) == node.ndim else 0 if (node.ndim, axes) == (2, (-2,)) else alone
    return op(node, axis=axis, keepdims=keepdims)


def _operand(value: Any, x: Any, where: Any, fill: float) -> Node:
    """What is reduced: in the dtype of the result, with `fill` where it does not count."""
    node = in_dtype(node_of(x), np.asarray(value).dtype)
    if where is True:
        return node
    shape = np.broadcast_shapes(node.shape, np.shape(where))
    node, mask = broadcast(node, shape), broadcast(node_of(where), shape)
    return ops.where(mask, node, node_of(np.full(shape, fill, node.dtype)))


def _reduced(node: Node, axis: Any, keepdims: Any, op: Primitive) -> Node:
    axes = _axes(node, axis) if node.ndim else ()
    return reduced(op, node, axes, bool(keepdims)) if axes else ops.same(node)


def _no(value: Any) -> bool:
    """Whether an option is not given, or as it is by default."""
    return value is None or value is np._NoValue or value is False


@records(np.sum)
def _sum(
    value: Any, a: Any, axis: Any = None, dtype: Any = None, out: Any = None, keepdims: Any = False, initial: Any = 0,
    where: Any = True,
) -> Node | None:  # fmt: skip
    if not _no(initial) and np.any(initial):
        return None
    return _reduced(_operand(value, a, where, 0.0), axis, not _no(keepdims), ops.sums)


@records(np.mean)
def _mean(
    value: Any, a: Any, axis: Any = None, dtype: Any = None, out: Any = None, keepdims: Any = False, **others: Any
) -> Node | None:
    if others.get("where", True) is not True:
        return None
    return _reduced(_operand(value, a, True, 0.0), axis, not _no(keepdims), ops.mean)


@records(np.max)
def _max(value: Any, a: Any, axis: Any = None, out: Any = None, keepdims: Any = False, **others: Any) -> Node | None:
    return None if others else _reduced(node_of(a), axis, not _no(keepdims), ops.largest)


@records(np.min)
def _min(value: Any, a: Any, axis: Any = None, out: Any = None, keepdims: Any = False, **others: Any) -> Node | None:
    return None if others else ops.negative(_reduced(ops.negative(node_of(a)), axis, not _no(keepdims), ops.largest))


@records(np.ptp)
def _ptp(value: Any, a: Any, axis: Any = None, out: Any = None, keepdims: Any = False) -> Node:
    high, low = _max(value, a, axis, None, keepdims), _min(value, a, axis, None, keepdims)
    assert high is not None and low is not None
    return ops.subtract(high, low)


@records(np.prod)
def _prod(
    value: Any, a: Any, axis: Any = None, dtype: Any = None, out: Any = None, keepdims: Any = False, **others: Any
) -> Node | None:
    node = in_dtype(node_of(a), np.asarray(value).dtype)
    if others or type(axis) is tuple:
        return None
    if axis is None or not node.ndim:
        node, axis = flattened(node), 0
    parts = _along(node, axis)
    found = parts[0] if parts else node_of(np.asarray(value))
    for part in parts[1:]:
        found = ops.multiply(found, part)
    return ops.reshape(found, dims=value.shape) if found.shape != np.shape(value) else found


def _along(node: Node, axis: int) -> list[Node]:
    """The parts along an axis."""
    return [ops.part(node, key=ops.full_key(node.ndim, axis, i)) for i in range(node.shape[axis])]


@records(np.var)
def _var(
    value: Any,
    a: Any,
    axis: Any = None,
    dtype: Any = None,
    out: Any = None,
    ddof: Any = 0,
    keepdims: Any = False,
    **others: Any,
) -> Node | None:
    if others:
        return None
    node = in_dtype(node_of(a), np.asarray(value).dtype)
    centre = _reduced(node, axis, True, ops.mean)
    squares = ops.square(ops.subtract(node, broadcast(centre, node.shape)))
    if not ddof:
        return _reduced(squares, axis, not _no(keepdims), ops.mean)
    n = math.prod(node.shape[i] for i in _axes(node, axis)) - ddof
    return ops.divided(_reduced(squares, axis, not _no(keepdims), ops.sums), p=float(n))


@records(np.std)
def _std(value: Any, a: Any, *args: Any, **options: Any) -> Node | None:
    found = _var(value, a, *args, **options)
    return found and ops.sqrt(found)


@records(np.linalg.norm)
def _norm(value: Any, x: Any, ord: Any = None, axis: Any = None, keepdims: Any = False) -> Node | None:
    node = in_dtype(node_of(x), np.asarray(value).dtype)
    if ord not in (None, "fro", 2) or (ord == 2 and axis is None and node.ndim != 1):
        return None
    return ops.sqrt(_reduced(ops.square(node), axis, keepdims, ops.sums))


@records(np.average)
def _average(value: Any, a: Any, axis: Any = None, weights: Any = None, **options: Any) -> Node | None:
    return _mean(value, a, axis) if weights is None and not options else None


@records(np.cumsum)
def _cumsum(value: Any, a: Any, axis: Any = None, dtype: Any = None, out: Any = None) -> Node:
    node = in_dtype(node_of(a), value.dtype)
    if axis is None or not node.ndim:
        node, axis = flattened(node), 0
    n, order = node.shape[axis], [i for i in range(node.ndim) if i != axis % node.ndim]
    last = permuted(node, (*order, axis % node.ndim))
    triangle = node_of(np.triu(np.ones((n, n), node.dtype)))
    if last.ndim in (1, 3, 4):
        found = ops.PRODUCTS[last.ndim, 2](last, triangle)
    else:
        rows = ops.matmul(ops.reshape(last, dims=(last.value.size // n, n)) if last.ndim > 2 else last, triangle)
        found = ops.reshape(rows, dims=last.shape) if last.ndim > 2 else rows
    return permuted(found, tuple(int(i) for i in np.argsort((*order, axis % node.ndim))))


@records(np.cumprod)
def _cumprod(value: Any, a: Any, axis: Any = None, dtype: Any = None, out: Any = None) -> Node | None:
    node = in_dtype(node_of(a), value.dtype)
    if node.ndim != 1:
        return None
    found = _along(node, 0)
    for i in range(1, len(found)):
        found[i] = ops.multiply(found[i - 1], found[i])
    return ops.stack(*found, axis=0, size=len(found))


@records(np.diff)
def _diff(value: Any, a: Any, n: int = 1, axis: int = -1, **others: Any) -> Node | None:
    node = node_of(a)
    if others or n != 1:
        return None
    later, before = (ops.part(node, key=ops.full_key(node.ndim, axis, k)) for k in (slice(1, None), slice(None, -1)))
    return ops.subtract(later, before)


@records(np.argmax)
def _argmax(value: Any, a: Any, axis: Any = None, out: Any = None, **others: Any) -> Node | None:
    return None if others else P.largest(node_of(a), axis=axis)


@records(np.argmin)
def _argmin(value: Any, a: Any, axis: Any = None, out: Any = None, **others: Any) -> Node | None:
    return None if others else P.largest(ops.negative(node_of(a)), axis=axis)


@records(np.trace)
def _trace(value: Any, a: Any, *args: Any, **options: Any) -> Node | None:
    node = node_of(a)
    if args or options or node.ndim != 2:
        return None
    return ops.sum_all(ops.multiply(*alike(node, node_of(np.eye(*node.shape, dtype=node.dtype)))))


def accumulating() -> None:
    """np.add.reduce and its like, as methods of the functions that record."""
    table: list[tuple[Any, Any, Any]] = [
        (np.add, np.sum, np.cumsum), (np.multiply, np.prod, np.cumprod),
        (np.maximum, np.max, None), (np.minimum, np.min, None),
    ]  # fmt: skip
    for ufunc, reduced, accumulated in table:
        for name, of in (("reduce", reduced), ("accumulate", accumulated)):
            if of is not None:
                setattr(FUNCTIONS[ufunc], name, _from_axis_0(getattr(ufunc, name), of))


def _from_axis_0(original: Any, of: Any) -> Any:
    def call(a: Any, axis: Any = 0, *args: Any, **options: Any) -> Any:
        if not traced(a):
            return FUNCTIONS["unrecorded"](original, original.__name__)(a, axis, *args, **options)
        return FUNCTIONS[of](a, axis, *args, **options)

    return call
