"""Rules of arithmetic, comparisons and functions entry by entry."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

import numpy as np

from ...engine import ops
from ...engine.graph import Node, Primitive
from .. import primitives as P
from .array import NUMBER, Array, broadcast, node_of
from .dispatch import records
from .table import FUNCTIONS

FLOATS = (np.dtype("float64"), np.dtype("float32"))
PLAIN = {np.ndarray, np.float64, np.float32}  # what has a shape and a dtype: a number of Python has not


def in_dtype(x: Node, dtype: Any) -> Node:
    return x if x.dtype == dtype else ops.cast(x, dtype=np.dtype(dtype).name)


def alike(x: Node, y: Node) -> tuple[Node, Node]:
    """Two operands in one shape, as NumPy brings them there, visibly."""
    if x.shape != y.shape:
        if x.ndim == 2 and y.shape == x.shape[1:]:
            return x, _as_rows(y, x)
        if y.ndim == 2 and x.shape == y.shape[1:]:
            return _as_rows(x, y), y
        shape = np.broadcast_shapes(x.shape, y.shape)
        x, y = broadcast(x, shape), broadcast(y, shape)
    return x, y


def _as_rows(row: Node, like: Node) -> Node:
    """The row, once for each row of the other: what `ops.expand` computes, in less time, for there is one at every step."""
    return Node(ops.expand, (row,), {"dims": like.shape}, row.value[None].repeat(len(like.value), 0))


def number(x: Any) -> float | None:
    """A plain number as Python's, if `x` is one that nothing traced went into."""
    if type(x) in NUMBER:
        return x
    if type(x) is Array:
        return None if x.traced or x.ndim else x.data.item()
    if isinstance(x, (bool, np.bool_)):
        return int(x)
    plain = isinstance(x, (np.integer, np.floating)) or (isinstance(x, np.ndarray) and not x.ndim and x.dtype.kind in "iuf")
    return x.item() if plain else None


def _operation(
    original: Any,
    op: Primitive,
    left: Callable[[Node, Any], Node] | None,
    right: Callable[[Node, Any], Node] | None,
    compute: Callable[[Any, Any], Any],
) -> Callable[[Any, Any], Any]:
    """An operation of two operands; with a number on one side it is an operation of its own."""

    @records(original)
    def rule(value: Any, a: Any, b: Any, **options: Any) -> Node | None:
        dtype = np.asarray(value).dtype
        if dtype.kind == "b":  # a comparison: in the dtype in which NumPy compares
            dtype = np.result_type(*(x if type(x) in NUMBER else node_of(x).dtype for x in (a, b)))
        if left is not None and (p := number(a)) is not None:
            return left(in_dtype(node_of(b), dtype), p)
        if right is not None and (p := number(b)) is not None:
            return right(in_dtype(node_of(a), dtype), p)
        return op(*alike(*(in_dtype(node_of(x), dtype) for x in (a, b))))

    general = FUNCTIONS[original]

    def call(a: Any, b: Any) -> Any:
        if type(b) is Array and type(a) is Array:  # the plain cases first: this is where a trace spends its time
            x, y, m, n = a._node, b._node, a._memory, b._memory
            if x and y and (m is None or m.version == a._seen) and (n is None or n.version == b._seen):
                p, q = a.data, b.data
                floats = type(p) in PLAIN and type(q) in PLAIN and (dtype := p.dtype) is q.dtype and dtype in FLOATS
                if floats and (p.shape == q.shape or (p.ndim == 2 and p.shape[1:] == q.shape)):
                    value = compute(p, q)
                    return Array(value, Node(op, (x, y if p.shape == q.shape else _as_rows(y, x)), {}, value))
        elif type(a) is Array and type(b) in NUMBER and right is not None and (x := a._node):
            m, p = a._memory, a.data
            if (m is None or m.version == a._seen) and type(p) in PLAIN and (dtype := p.dtype) in FLOATS:
                value, node = compute(p, b), right(x, b)
                if value.dtype is dtype and node is not x:
                    node.value = value
                    return Array(value, node)
        return NotImplemented if isinstance(b, str) else general(a, b)

    return call


def _scaled(x: Node, p: float) -> Node:
    return ops.scale(x, p=p)


def everywhere(q: float, like: Node) -> Node:
    """A plain number in every entry."""
    return ops.full(dims=like.dims, value=q, dtype=like.dtype.name)


def _comparison(original: Any, op: Primitive) -> Callable[[Any, Any], Any]:
    left = lambda x, q: op(everywhere(q, x), x)
    return _operation(original, op, left, lambda x, q: op(x, everywhere(q, x)), original)


def _bounded(op: Primitive) -> Callable[[Node, Any], Node]:
    return lambda x, q: ops.relu(x) if q == 0 and op is ops.maximum else op(x, everywhere(q, x))


OPERATIONS = {
    "add": _operation(np.add, ops.add, lambda x, q: ops.shift(x, q=q), lambda x, q: ops.shift(x, q=q), operator.add),
    "sub": _operation(
        np.subtract, ops.subtract, lambda x, q: ops.complement(x, q=q), lambda x, q: ops.shift(x, q=-q), operator.sub
    ),
    "mul": _operation(np.multiply, ops.multiply, _scaled, _scaled, operator.mul),
    "truediv": _operation(
        np.divide, ops.divide, lambda x, q: ops.inverse(x, q=q), lambda x, p: ops.divided(x, p=p), operator.truediv
    ),
    "gt": _comparison(np.greater, ops.greater), "lt": _comparison(np.less, ops.less),
    "ge": _comparison(np.greater_equal, ops.at_least), "le": _comparison(np.less_equal, ops.at_most),
    "eq": _comparison(np.equal, ops.equal),
}  # fmt: skip
_operation(np.maximum, ops.maximum, _bounded(ops.maximum), _bounded(ops.maximum), np.maximum)
_operation(np.minimum, ops.minimum, _bounded(ops.minimum), _bounded(ops.minimum), np.minimum)
FUNCTIONS[np.fmax], FUNCTIONS[np.fmin] = FUNCTIONS[np.maximum], FUNCTIONS[np.minimum]


@records(np.not_equal)
def _not_equal(value: Any, a: Any, b: Any, **options: Any) -> Node:
    return P.negated(FUNCTIONS[np.equal](a, b).node)


@records(np.logical_not, np.invert)
def _logical_not(value: Any, x: Any, **options: Any) -> Node | None:
    return P.negated(node_of(x)) if node_of(x).dtype == bool else None


@records(np.logical_and, np.bitwise_and)
def _both(value: Any, a: Any, b: Any, **options: Any) -> Node | None:
    return P.both(*alike(*map(node_of, (a, b)))) if np.asarray(value).dtype == bool else None


@records(np.logical_or, np.bitwise_or)
def _either(value: Any, a: Any, b: Any, **options: Any) -> Node | None:
    if np.asarray(value).dtype != bool:
        return None
    return P.negated(P.both(*(P.negated(n) for n in alike(*map(node_of, (a, b))))))


@records(np.power, np.float_power, operator.pow)
def _power(value: Any, x: Any, p: Any, **options: Any) -> Node | None:
    exponent, dtype = number(p), np.asarray(value).dtype
    if exponent is not None:
        node = in_dtype(node_of(x), dtype)
        if exponent == 2:
            return ops.square(node)
        if exponent in (0, 1):
            return ops.ones(node) if exponent == 0 else ops.same(node)
        return ops.power(node, p=exponent)
    base, exponents = alike(*(in_dtype(node_of(a), dtype) for a in (x, p)))
    if not (base.value > 0).all():
        whole = exponents.op is ops.leaf_op or not exponents.args
        if whole and exponents.value.size and (exponents.value == exponents.value.flat[0]).all():
            return _power(value, x, exponents.value.flat[0].item())
    return ops.exp(ops.multiply(exponents, ops.log(base)))


def _entrywise(original: Any, op: Primitive) -> None:
    @records(original)
    def rule(value: Any, x: Any, **options: Any) -> Node:
        return op(in_dtype(node_of(x), np.asarray(value).dtype))

    general = FUNCTIONS[original]

    def call(x: Any, *args: Any, **options: Any) -> Any:
        if type(x) is Array and not args and not options and (node := x._node):
            data, memory = x.data, x._memory
            if (memory is None or memory.version == x._seen) and type(data) in PLAIN and data.dtype in FLOATS:
                value = original(data)
                return Array(value, Node(op, (node,), {}, value))
        return general(x, *args, **options)

    call.__name__ = original.__name__
    FUNCTIONS[original] = call


_FUNCTIONS: list[tuple[Any, Primitive]] = [
    *[(getattr(np, known.ufunc), known.op) for known in ops.FUNCTIONS.values() if known.ufunc],
    (np.square, ops.square), (np.negative, ops.negative), (np.abs, ops.absolute), (np.fabs, ops.absolute),
    (np.sign, ops.sign), (np.positive, ops.same), (np.floor, P.floor), (np.ceil, P.ceiling), (np.rint, P.rounded),
    (np.trunc, P.truncated),
]  # fmt: skip
for _original, _op in _FUNCTIONS:
    _entrywise(_original, _op)


def _composed(original: Any, make: Callable[..., Node]) -> None:
    @records(original)
    def rule(value: Any, *args: Any, **options: Any) -> Node:
        dtype = np.asarray(value).dtype
        nodes = [in_dtype(node_of(a), dtype) for a in args]
        return make(*(alike(*nodes) if len(nodes) == 2 else nodes))


def _half(x: Node) -> Node:
    return ops.scale(x, p=0.5)


_COMPOSED: list[tuple[Any, Any]] = [
    (np.log1p, lambda x: ops.log(ops.shift(x, q=1.0))),
    (np.expm1, lambda x: ops.shift(ops.exp(x), q=-1.0)),
    (np.log2, lambda x: ops.divided(ops.log(x), p=float(np.log(2)))),
    (np.log10, lambda x: ops.divided(ops.log(x), p=float(np.log(10)))),
    (np.exp2, lambda x: ops.exp(ops.scale(x, p=float(np.log(2))))),
    (np.reciprocal, lambda x: ops.inverse(x, q=1.0)),
    (np.sinh, lambda x: _half(ops.subtract(ops.exp(x), ops.exp(ops.negative(x))))),
    (np.cosh, lambda x: _half(ops.add(ops.exp(x), ops.exp(ops.negative(x))))),
    (np.tan, lambda x: ops.divide(ops.sin(x), ops.cos(x))),
    (np.hypot, lambda x, y: ops.sqrt(ops.add(ops.square(x), ops.square(y)))),
    (np.logaddexp, lambda x, y: ops.add(x, ops.softplus(ops.subtract(y, x)))),
]
for _original, _make in _COMPOSED:
    if _original not in dict(_FUNCTIONS):
        _composed(_original, _make)


@records(np.round)
def _round(value: Any, a: Any, decimals: int = 0, **options: Any) -> Node:
    found = (
        ops.scale(P.rounded(ops.scale(node_of(a), p=10.0**decimals)), p=10.0**-decimals)
        if decimals
        else P.rounded(node_of(a))
    )
    return found


FUNCTIONS[np.around] = FUNCTIONS[np.round]


@records(np.clip)
def _clip(value: Any, a: Any, a_min: Any = None, a_max: Any = None, **options: Any) -> Node | None:
    low, high = (options.get(k, v) for k, v in (("min", a_min), ("max", a_max)))
    node = in_dtype(node_of(a), np.asarray(value).dtype)
    plain = [None if x is None else number(x) for x in (low, high)]
    if None not in plain:
        return ops.clip(node, low=plain[0], high=plain[1])
    for op, bound in ((ops.maximum, low), (ops.minimum, high)):
        if bound is not None:
            node = op(*alike(node, in_dtype(node_of(bound), node.dtype)))
    return node


@records(np.where)
def _where(value: Any, condition: Any, *choices: Any) -> Node | None:
    if len(choices) != 2:
        return None
    dtype, shape = value.dtype, value.shape
    c = node_of(condition)
    if c.dtype != bool:
        c = ops.greater(ops.absolute(c), node_of(np.zeros(c.shape, c.dtype)))
    if (plain := [number(x) for x in choices])[1] == 0 and plain[0] is None and dtype.kind == "f":
        x = node_of(choices[0])
        if c.op is ops.greater and c.args[0] is x and not c.args[1].args and not np.any(c.args[1].value):
            return ops.relu(in_dtype(x, dtype))  # np.where(z > 0, z, 0)
    c = broadcast(c, shape)
    like = ops.cast(c, dtype=dtype.name)  # only its sizes are looked at
    a, b = (
        broadcast(in_dtype(node_of(x), dtype), shape) if p is None else everywhere(p, like) for x, p in zip(choices, plain)
    )
    return ops.where(c, a, b)


@records(np.nan_to_num)
def _nan_to_num(value: Any, x: Any, **options: Any) -> Node | None:
    return node_of(x) if np.isfinite(node_of(x).value).all() else None


@records(np.real, np.real_if_close)
def _real(value: Any, x: Any, **options: Any) -> Node:
    return node_of(x)
