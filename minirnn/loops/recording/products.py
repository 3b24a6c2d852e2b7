"""Rules of products: np.dot and @, np.outer, np.tensordot, np.einsum."""

from __future__ import annotations

import operator
from typing import Any

import numpy as np

from ...engine import ops
from ...engine.graph import Node, Primitive
from .array import Array, broadcast, node_of
from .dispatch import records
from .elementwise import FLOATS, PLAIN, in_dtype
from .memory import flattened, gathered, permuted
from .reductions import reduced
from .table import FUNCTIONS


def _pair(value: Any, a: Any, b: Any) -> tuple[Node, Node]:
    dtype = np.asarray(value).dtype
    return in_dtype(node_of(a), dtype), in_dtype(node_of(b), dtype)


def _product(original: Any, table: dict[tuple[int, int], Primitive]) -> Any:
    """np.dot or @."""
    fast = {(2, 2): ops.matmul} | {ranks: table[ranks] for ranks in [(1, 1), (1, 2), (2, 1)]}
    compute = np.ndarray.dot if table is ops.DOTS else operator.matmul

    @records(original)
    def rule(value: Any, a: Any, b: Any, **options: Any) -> Node | None:
        x, y = _pair(value, a, b)
        ranks = x.ndim, y.ndim
        if ranks == (2, 2):
            return ops.matmul(x, y)
        if ranks in table and ranks != (3, 3):
            return table[ranks](x, y)
        if table is ops.DOTS:
            if not x.ndim or not y.ndim:
                return ops.number_dot(x, y)
            return contracted([x, y])
        if ranks == (3, 3) and x.shape[0] == y.shape[0]:
            return table[3, 3](x, y)
        return _stacked(x, y)

    general = FUNCTIONS[original]

    def call(a: Any, b: Any, *args: Any, **options: Any) -> Any:
        if type(a) is Array and type(b) is Array and not args and not options:
            x, y, m, n = a._node, b._node, a._memory, b._memory
            if x and y and (m is None or m.version == a._seen) and (n is None or n.version == b._seen):
                p, q = a.data, b.data
                floats = type(p) in PLAIN and type(q) in PLAIN and (dtype := p.dtype) is q.dtype and dtype in FLOATS
                if floats and (op := fast.get((p.ndim, q.ndim))) is not None:
                    value = compute(p, q)
                    return Array(value, Node(op, (x, y), {}, value))
        return general(a, b, *args, **options)

    call.__name__ = original.__name__
    FUNCTIONS[original] = call
    return call


def _letters(n: int, start: int = 0) -> str:
    return "".join(chr(97 + start + i) for i in range(n))


def _stacked(x: Node, y: Node) -> Node | None:
    """@ of stacks of matrices."""
    if min(x.ndim, y.ndim) < 2:
        return contracted([x, y]) if x.ndim and y.ndim else None
    lead = np.broadcast_shapes(x.shape[:-2], y.shape[:-2])
    x, y = (broadcast(n, (*lead, *n.shape[-2:])) for n in (x, y))
    stack = _letters(len(lead))
    return ops.einsum(x, y, spec=f"{stack}xy,{stack}yz->{stack}xz")


def contracted(operands: list[Node]) -> Node:
    """np.dot of many axes: the last of the first with the one before the last of the second."""
    x, y = operands
    left = _letters(x.ndim - 1) + "z"
    right = _letters(y.ndim - 2, x.ndim - 1) + "z" + _letters(1, x.ndim + y.ndim)
    if y.ndim == 1:
        right = "z"
    return ops.einsum(x, y, spec=f"{left},{right}->{(left + right).replace('z', '')}")


dot = _product(np.dot, ops.DOTS)
matmul = _product(np.matmul, ops.PRODUCTS)


@records(np.vdot)
def _vdot(value: Any, a: Any, b: Any) -> Node:
    return ops.DOTS[1, 1](*map(flattened, _pair(value, a, b)))


@records(np.inner)
def _inner(value: Any, a: Any, b: Any) -> Node | None:
    x, y = _pair(value, a, b)
    if not x.ndim or not y.ndim:
        return ops.number_dot(x, y)
    if (x.ndim, y.ndim) == (1, 1):
        return ops.DOTS[1, 1](x, y)
    left, right = _letters(x.ndim - 1) + "z", _letters(y.ndim - 1, x.ndim - 1) + "z"
    return ops.einsum(x, y, spec=f"{left},{right}->{left[:-1]}{right[:-1]}")


@records(np.outer)
def _outer(value: Any, a: Any, b: Any, *args: Any) -> Node:
    return ops.outer(*map(flattened, _pair(value, a, b)))


@records(np.kron)
def _kron(value: Any, a: Any, b: Any) -> Node | None:
    x, y = _pair(value, a, b)
    if (x.ndim, y.ndim) == (1, 1):
        return flattened(ops.outer(x, y))
    if (x.ndim, y.ndim) != (2, 2):
        return None
    return ops.reshape(ops.einsum(x, y, spec="ab,cd->acbd"), dims=value.shape)


@records(np.tensordot)
def _tensordot(value: Any, a: Any, b: Any, axes: Any = 2) -> Node | None:
    x, y = _pair(value, a, b)
    if isinstance(axes, (int, np.integer)):
        left, right = [*range(x.ndim - axes, x.ndim)], [*range(axes)]
    else:
        left, right = ([n] if isinstance(n, (int, np.integer)) else list(n) for n in axes)
    left, right = [i % x.ndim for i in left], [i % y.ndim for i in right]
    if (x.ndim, y.ndim) == (2, 2) and len(left) == 1:
        return ops.matmul(x if left == [1] else ops.transpose(x), y if right == [0] else ops.transpose(y))
    if not left:
        found = ops.outer(flattened(x), flattened(y))
        return ops.reshape(found, dims=value.shape) if found.shape != value.shape else found
    first = [*_letters(x.ndim)]
    second = [*_letters(y.ndim, x.ndim)]
    for i, j in zip(left, right):
        second[j] = first[i]
    out = [k for k in first + second if (first + second).count(k) == 1]
    return _contraction([x, y], ["".join(first), "".join(second)], "".join(out))


@records(np.einsum)
def _einsum(value: Any, spec: Any, *operands: Any, **options: Any) -> Node | None:
    if not isinstance(spec, str) or "." in spec:
        return None
    inputs, arrow, out = spec.replace(" ", "").partition("->")
    letters = inputs.split(",")
    if not arrow:
        out = "".join(sorted(k for k in {*inputs} - {","} if inputs.count(k) == 1))
    nodes = [in_dtype(node_of(x), np.asarray(value).dtype) for x in operands]
    return _contraction(nodes, letters, out)


def _contraction(nodes: list[Node], letters: list[str], out: str) -> Node | None:
    """Any number of operands, two at a time: diagonals and sums over one operand alone are taken before."""
    while True:
        for i, (node, mine) in enumerate(zip(nodes, letters)):
            others = out + "".join(letters[:i] + letters[i + 1 :])
            nodes[i], letters[i] = _alone(node, mine, others)
        if len(nodes) == 1:
            return _ordered(nodes[0], letters[0], out)
        x, y, first, second = nodes[0], nodes[1], letters[0], letters[1]
        later = out + "".join(letters[2:])
        kept = "".join(k for k in dict.fromkeys(first + second) if k in later)
        if len(nodes) == 2:
            kept = out
        sizes: dict[str, int] = {}
        for k, n in [*zip(first, x.shape), *zip(second, y.shape)]:
            sizes[k] = max(n, sizes.get(k, 1))
        x, y = (broadcast(n, tuple(sizes[k] for k in ks)) for n, ks in ((x, first), (y, second)))
        if not first or not second:  # a number
            a, b = (n if n.ndim else broadcast(n, tuple(sizes[k] for k in kept)) for n in (x, y))
            mine = first or second
            made = ops.multiply(
                *(a if not a.ndim or first == "" else _ordered(a, mine, kept), _ordered(b, mine, kept) if second else b)
            )
        else:
            made = ops.einsum(x, y, spec=f"{first},{second}->{kept}")
        nodes[:2], letters[:2] = [made], [kept]


def _alone(node: Node, mine: str, others: str) -> tuple[Node, str]:
    """The operand with its diagonals taken and summed over what nothing else has."""
    if len(set(mine)) < len(mine):
        places = np.arange(node.value.size).reshape(node.shape)
        once = "".join(dict.fromkeys(mine))
        node, mine = gathered(node, np.einsum(f"{mine}->{once}", places)), once
    axes = tuple(i - len(mine) for i, k in enumerate(mine) if k not in others)
    if axes:
        node = reduced(ops.sums, node, axes)
        mine = "".join(k for k in mine if k in others)
    return node, mine


def _ordered(node: Node, mine: str, out: str) -> Node:
    return permuted(node, tuple(mine.index(k) for k in out))
