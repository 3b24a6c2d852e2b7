"""Products: np.dot and @ of vectors and matrices, np.outer, np.einsum."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

import numpy as np

from ...engine.graph import Node, Primitive
from ...engine.ops import arrays as A
from ...engine.ops import basic as ops
from ..errors import refuse
from .array import Array, node_of, traced
from .create import arrayed
from .numpy_table import FUNCTIONS, plain, recorded, stands_for
from .shapes import ravel


def _product(original: Any, table: dict[tuple[int, int], Primitive], name: str) -> Callable[[Any, Any], Any]:
    """np.dot or @: of vectors and matrices, and of a stack of rows with a matrix."""
    compute = np.ndarray.dot if table is A.DOTS else operator.matmul
    vectors = {ranks: table[ranks] for ranks in [(1, 1), (1, 2), (2, 1)]}  # there is one way to multiply them

    def call(a: Any, b: Any) -> Any:
        if type(a) is Array and type(b) is Array and a._more is None and b._more is None:
            x, y = a._node, b._node
            p, q = x.value, y.value
            if p.dtype is q.dtype:
                op = vectors.get((p.ndim, q.ndim))
                return general(x, y) if op is None else Array(Node(op, (x, y), {}, compute(p, q)))
        if not traced(a) and not traced(b):
            return recorded(original(plain(a), plain(b)))
        return general(*pair_dtype(node_of(arrayed(a)), node_of(arrayed(b))))

    def general(x: Node, y: Node) -> Any:
        ranks = x.value.ndim, y.value.ndim
        if ranks == (2, 2) and (table is A.PRODUCTS or (_blas(x.value) and _blas(y.value))):
            return Array(ops.matmul(x, y))
        if ranks in table:
            if ranks == (3, 3) and x.shape[0] != y.shape[0]:
                refuse(f"{name} of {x.shape} and {y.shape}", "give both as many matrices")
            return Array(table[ranks](x, y))
        return refuse(
            f"{name} of arrays with {ranks[0]} and {ranks[1]} axes", "multiply matrices and vectors, or use np.einsum"
        )

    def function(a: Any, b: Any, **options: Any) -> Any:
        if options:
            refuse(f"{name} with further arguments", "leave them out")
        return call(a, b)

    FUNCTIONS[original] = function
    return call


dot = _product(np.dot, A.DOTS, "np.dot")
matmul = _product(np.matmul, A.PRODUCTS, "@")


def _blas(x: np.ndarray) -> bool:
    """Whether np.dot and @ pass it to BLAS as it is, and so round alike."""
    return x.flags.c_contiguous or x.flags.f_contiguous


@stands_for(np.outer)
def outer(a: Any, b: Any) -> Any:
    """np.outer of two vectors; arrays are flattened as NumPy does."""
    x, y = (ravel(n) if n.ndim != 1 else n for n in (Array(node_of(a)), Array(node_of(b))))
    return Array(A.outer(*pair_dtype(x.node, y.node)))


def pair_dtype(x: Node, y: Node) -> tuple[Node, Node]:
    dtype = np.result_type(x.dtype, y.dtype)
    first, second = (n if n.dtype == dtype else A.cast(n, dtype=dtype.name) for n in (x, y))
    return first, second


@stands_for(np.einsum)
def einsum(spec: str, *operands: Any, **options: Any) -> Any:
    """np.einsum of two operands, every index of one of them in the other or in the result."""
    if len(operands) != 2 or options or "." in spec:
        refuse("np.einsum is recorded for two operands, without further arguments", "take two operands at a time")
    inputs, _, out = spec.replace(" ", "").partition("->")
    left, _, right = inputs.partition(",")
    if "->" not in spec:
        out = "".join(sorted(k for k in {*left, *right} if (left + right).count(k) == 1))
    for mine, others in ((left, right + out), (right, left + out)):
        if len(set(mine)) < len(mine) or not set(mine) <= set(others):
            refuse(f"np.einsum({spec!r}) takes a diagonal or sums over one operand alone", "do that before, with np.sum")
    x, y = pair_dtype(*(node_of(arrayed(o)) for o in operands))
    sizes = {*zip(left, x.shape), *zip(right, y.shape)}
    if len(sizes) > len({k for k, _ in sizes}):
        refuse(f"np.einsum({spec!r}) repeats an axis of length 1", "give both operands axes of one length")
    return Array(A.einsum(x, y, spec=f"{left},{right}->{out}"))
