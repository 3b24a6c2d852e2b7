"""Values that nothing was computed from: data, weights, and arrays of one number."""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import entries
from ..graph import Node, Primitive, leaf_op
from ..names import Name, Role, parse
from ..rules import Spelled
from ..sizes import Size


def leaf(value: Any, name: str | Name | None = None, role: Role = Role.CONSTANT, dims: tuple[Any, ...] = ()) -> Node:
    """A value that nothing was computed from; dims says the size of each axis ("N", "D")."""
    node = Node(leaf_op, (), {"dims": dims}, np.asarray(value))
    node.name, node.role = parse(name) if isinstance(name, str) else name, role
    return node


full: Primitive = Primitive(
    "full",  # one number in every entry
    Spelled(
        "np.full({dims}, {value}, {dtype})",
        lambda value, **_: "np.zeros({dims}, {dtype})" if value == 0 else "np.full({dims}, {value}, {dtype})",
    ),
    (),
    lambda S, dims, value, dtype: S.full(value, dims),
    "{value:g}",
    sizes=lambda dims, value, dtype: tuple(map(Size.of, dims)),
    entry=lambda i, dims, value, dtype: entries.Number(value),
)


def zeros(like: Node) -> Node:
    """Zeros shaped like a node, in its precision."""
    return full(dims=like.dims, value=0, dtype=like.dtype.name)


def ones(like: Node) -> Node:
    """Ones shaped like a node, in its precision."""
    return full(dims=like.dims, value=1, dtype=like.dtype.name)
