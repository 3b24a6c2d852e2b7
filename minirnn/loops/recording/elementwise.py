"""Arithmetic, comparisons and functions entry by entry."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

import numpy as np

from ...engine.graph import Node, Primitive
from ...engine.ops import arrays as A
from ...engine.ops import basic as ops
from ..errors import refuse
from .array import NUMBER, Array, broadcast, constant, memory, node_of, traced
from .create import array, arrayed
from .numpy_table import FUNCTIONS, plain, recorded, stands_for

DOUBLE, SINGLE = np.dtype("float64"), np.dtype("float32")


def pair(a: Any, b: Any) -> tuple[Node, Node]:
    """Two operands in one dtype and one shape, as NumPy brings them there, visibly."""
    numbers = type(a) in NUMBER or type(b) in NUMBER
    if type(a) in NUMBER:
        a = constant(np.asarray(a, node_of(b).dtype))
    elif type(b) in NUMBER:
        b = constant(np.asarray(b, node_of(a).dtype))
    x, y = node_of(a), node_of(b)
    if x.dtype != y.dtype and not numbers:
        dtype = np.result_type(x.dtype, y.dtype)
        x, y = (n if n.dtype == dtype else A.cast(n, dtype=dtype.name) for n in (x, y))
    if x.shape != y.shape:
        if x.ndim == 2 and y.shape == x.shape[1:] and x.value.flags.c_contiguous:  # the result has the order of x in memory
            return x, ops.spread(y, x)
        if y.ndim == 2 and x.shape == y.shape[1:] and y.value.flags.c_contiguous:
            return ops.spread(x, y), y
        shape = np.broadcast_shapes(x.shape, y.shape)
        x, y = broadcast(x, shape), broadcast(y, shape)
    return x, y


def _operation(
    original: Any,
    op: Primitive,
    left: Callable[[Node, Any], Node] | None,
    right: Callable[[Node, Any], Node] | None,
    compute: Callable[[Any, Any], Any],
) -> Callable[[Any, Any], Any]:
    """An operation of two operands; with a number on one side it is an operation of its own."""

    def call(a: Any, b: Any) -> Any:
        if type(b) is Array:
            if type(a) is Array:
                if a._more is None and b._more is None:  # so it is nearly always: this is where a trace spends its time
                    x, y = a._node, b._node
                    p, q = x.value, y.value
                    if (d := p.dtype) is q.dtype and (d is DOUBLE or d is SINGLE) and p.shape == q.shape:
                        return Array(Node(op, (x, y), {}, compute(p, q)))
                elif a.is_constant and b.is_constant:
                    return memory(original(a.value, b.value))
            elif b.is_constant:
                return memory(original(plain(a), b.value)) if not traced(a) else call(arrayed(a), b)
            elif type(a) in NUMBER and left is not None and b.dtype.kind == "f":
                return Array(left(b.node, a))
        elif a.is_constant:
            return memory(original(a.value, plain(b))) if not traced(b) else call(a, arrayed(b))
        elif type(b) in NUMBER and right is not None and a.dtype.kind == "f":
            return Array(right(a.node, b))
        x, y = pair(arrayed(a), arrayed(b))
        if x.dtype == bool:
            refuse(f"arithmetic with conditions: {op.name}", "use np.where(condition, 1.0, 0.0)")
        return Array(op(x, y))

    def function(a: Any, b: Any, **options: Any) -> Any:
        if options:
            refuse(f"{original.__name__}(..., {next(iter(options))}=...)", "leave this argument out")
        if type(a) is not Array and type(b) is not Array:
            if not traced(a) and not traced(b):
                return recorded(original(a, b))
            a = arrayed(a)
        return call(a, b)

    FUNCTIONS[original] = function
    return call


def _comparison(original: Any, op: Primitive) -> Callable[[Any, Any], Any]:
    return _operation(original, op, None, None, original)


add = _operation(np.add, ops.add, lambda x, q: ops.shift(x, q=q), lambda x, q: ops.shift(x, q=q), operator.add)
subtract = _operation(
    np.subtract, ops.subtract, lambda x, q: ops.complement(x, q=q), lambda x, q: ops.shift(x, q=-q), operator.sub
)
multiply = _operation(
    np.multiply, ops.multiply, lambda x, p: ops.scale(x, p=p), lambda x, p: ops.scale(x, p=p), operator.mul
)
divide = _operation(np.divide, ops.divide, lambda x, q: A.inverse(x, q=q), lambda x, p: A.divided(x, p=p), operator.truediv)


def _bounded(op: Primitive) -> Callable[[Node, Any], Node]:
    return lambda x, q: ops.relu(x) if q == 0 and op is A.maximum else op(x, node_of(np.full_like(x.value, q)))


maximum = _operation(np.maximum, A.maximum, _bounded(A.maximum), _bounded(A.maximum), np.maximum)
minimum = _operation(np.minimum, A.minimum, _bounded(A.minimum), _bounded(A.minimum), np.minimum)
greater, less = _comparison(np.greater, A.greater), _comparison(np.less, A.less)
at_least, at_most = _comparison(np.greater_equal, A.at_least), _comparison(np.less_equal, A.at_most)
equal = _comparison(np.equal, A.equal)


@stands_for(np.power, np.float_power)
def power(x: Any, p: Any) -> Any:
    """x ** p for a number p."""
    if type(p) is Array and p.is_constant and not p.shape:
        p = p.value.item()
    if isinstance(p, (np.integer, np.floating)):
        p = p.item()
    if type(p) not in NUMBER or type(x) is not Array:
        refuse("a power that is no plain number", "write np.exp(p * np.log(x))")
    return Array(ops.square(x.node) if p == 2 else A.power(x.node, p=p))


def _entrywise(original: Any, op: Primitive) -> None:
    compute = original

    def call(x: Any, **options: Any) -> Any:
        if type(x) is Array and (x._more is None or not x.is_constant):
            if not options:
                node = x._node if x._more is None else x.node
                return Array(Node(op, (node,), {}, compute(node.value)))
            else:
                refuse(f"np.{original.__name__}(..., {next(iter(options))}=...)", "leave this argument out")
        return call(array(x), **options) if traced(x) else recorded(original(plain(x), **plain(options)))

    FUNCTIONS[original] = call


for _original, _op in [
    (np.tanh, ops.tanh), (np.exp, ops.exp), (np.log, ops.log), (np.sqrt, ops.sqrt), (np.square, ops.square),
    (np.negative, ops.negative), (np.abs, ops.absolute), (np.sin, A.sine), (np.cos, A.cosine),
]:  # fmt: skip
    _entrywise(_original, _op)


@stands_for(np.clip)
def clip(x: Any, a_min: Any = None, a_max: Any = None, out: Any = None) -> Any:
    """np.clip between two numbers; ``out`` may be the array itself."""
    if type(a_min) not in NUMBER or type(a_max) not in NUMBER:
        refuse("np.clip needs two plain numbers", "give both a_min and a_max as numbers")
    found = Array(ops.clip(x.node, low=a_min, high=a_max))
    return found if out is None else out._in_place(found)


@stands_for(np.where)
def where(condition: Any, a: Any = None, b: Any = None) -> Any:
    """np.where(condition, a, b)."""
    if a is None or b is None:
        refuse("np.where with one argument gives places that depend on traced values", "give it what to choose from")
    x, y = (
        pair(arrayed(a), arrayed(b)) if type(a) not in NUMBER or type(b) not in NUMBER else map(node_of, (1.0 * a, 1.0 * b))
    )
    c = node_of(condition)
    shape = np.broadcast_shapes(c.shape, x.shape, y.shape)
    return Array(ops.where(*(broadcast(n, shape) for n in (c, x, y))))
