"""The operators of Python on nodes, for readability."""

from __future__ import annotations

from ..graph import Node, Primitive
from .entrywise import add, complement, divide, multiply, negative, scale, shift, subtract
from .products import matmul
from .reductions import expand


def _over_rows(row: Node, like: Node) -> Node:
    """The row, once for each row of the other: what `expand` computes, in less time, for there is one at every step."""
    return Node(expand, (row,), {"dims": like.dims}, row.value[None].repeat(len(like.value), 0))


def _both(op: Primitive, a: Node, b: Node) -> Node:
    """op of two arrays of one shape; a row (M,) beside (N, M) is spread first, where it can be seen."""
    if a.shape != b.shape:
        if a.ndim == 2 and b.shape == a.shape[1:]:
            b = _over_rows(b, a)
        elif b.ndim == 2 and a.shape == b.shape[1:]:
            a = _over_rows(a, b)
        else:
            raise ValueError(f"{op.name}: shapes {a.shape} and {b.shape} differ; only a row can be spread over rows")
    return op(a, b)


def _plus(a: Node, b: Node | float) -> Node:
    return _both(add, a, b) if isinstance(b, Node) else shift(a, q=b)


def _minus(a: Node, b: Node | float) -> Node:
    return _both(subtract, a, b) if isinstance(b, Node) else shift(a, q=-b)


def _times(a: Node, b: Node | float) -> Node:
    return _both(multiply, a, b) if isinstance(b, Node) else scale(a, p=b)


def _over(a: Node, b: Node | float) -> Node:
    return _both(divide, a, b) if isinstance(b, Node) else scale(a, p=1 / b)


for _name, _operator in {
    "__add__": _plus,
    "__radd__": _plus,
    "__sub__": _minus,
    "__rsub__": lambda a, b: complement(a, q=b),
    "__mul__": _times,
    "__rmul__": _times,
    "__truediv__": _over,
    "__matmul__": lambda a, b: matmul(a, b),
    "__neg__": lambda a: negative(a),
}.items():
    setattr(Node, _name, _operator)
