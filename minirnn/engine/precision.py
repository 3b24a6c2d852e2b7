"""How precise a value is: as precise as the least precise number it was computed from, whatever array holds it.

``np.zeros(M)`` beside float32 weights makes float64 arrays of numbers that are right to float32. Rounding happens where a
result is made in float32 or cast to it: what was given is exact as it stands, and so are zeros and what is only moved.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from .graph import Node, same
from .ops import (
    absolute,
    block,
    cast,
    cleared,
    cut,
    expand,
    join,
    largest,
    maximum,
    minimum,
    negative,
    nth,
    part,
    permute,
    piece,
    placed,
    put,
    relu,
    reshape,
    reverse,
    stack,
    taken,
    transpose,
    update,
    where,
)  # fmt: skip
from .replay import rebuild

MOVES = {  # operations of which every number of the result is one of an operand, or 0
    same, cut, transpose, permute, reshape, expand, taken, put, reverse, stack, join, piece, block, nth, part, placed,
    cleared, update, where, maximum, minimum, largest, relu, negative, absolute,
}  # fmt: skip


def moves(node: Node) -> bool:
    """Whether a node only moves numbers, and so rounds nothing."""
    return node.op in MOVES


def precisions(nodes: Iterable[Node]) -> dict[Node, np.dtype | None]:
    """The precision of each of `nodes`, in order of creation; None of what is exact.

    >>> from minirnn.ops import leaf
    >>> x = leaf(np.ones(2, np.float32))
    >>> y = leaf(np.zeros(2)) + x * x
    >>> y.dtype.name, precisions([*y.args[1].args, *y.args, y])[y].name
    ('float64', 'float32')
    """
    found: dict[Node, np.dtype | None] = {}
    for node in nodes:
        own = node.dtype if node.dtype.kind == "f" else None
        used = [known for x in node.args if (known := found[x]) is not None]
        if own is None or not node.args:
            found[node] = None
            continue
        if moves(node) or node.op is cast:
            rounds = any(x.dtype.kind == "f" and x.dtype.itemsize > own.itemsize for x in node.args)
            used += [own] if rounds else []
        else:
            used.append(own)
        found[node] = min(used, key=lambda dtype: dtype.itemsize, default=None)
    return found


def least(known: Iterable[np.dtype | None], otherwise: np.dtype | str = "float64") -> str:
    """The name of the least precise of these, or `otherwise` if all are exact."""
    return min((d for d in known if d is not None), key=lambda d: d.itemsize, default=np.dtype(otherwise)).name


def is_narrow(nodes: Iterable[Node]) -> bool:
    """Whether some of the nodes hold numbers of less than double precision."""
    return any(dtype.kind == "f" and dtype.itemsize < 8 for dtype in {node.value.dtype for node in nodes})


def widened(nodes: list[Node]) -> dict[Node, Node]:
    """The same graph in float64 throughout, of the same given numbers; each node itself where nothing is narrower."""
    if not is_narrow(nodes):
        return {node: node for node in nodes}

    def change(node: Node, args: tuple[Node, ...]) -> Node | None:
        floating = node.dtype.kind == "f"
        if floating and node.op is cast and args[0].dtype.kind == "f":
            return args[0]
        attrs = {**node.attrs, "dtype": "float64"} if floating and "dtype" in node.attrs else node.attrs
        if not args and floating and node.dtype.itemsize < 8:
            return Node(node.op, (), attrs, node.value.astype(np.float64))
        return node.op(*args, **attrs) if args else node

    with np.errstate(all="ignore"):
        return rebuild(nodes, change)
