"""x[mask] = f(x[mask]), where the mask is computed: what is done with the chosen entries, or rows, is done with all of them,
and the mask chooses afterwards, as np.where does."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...engine import ops
from ...engine.graph import Node
from ...engine.rules import EACH
from .. import primitives as P
from .array import Array, fitted


def chosen_by(mask: Array, array: Array, value: Any) -> tuple[Node, Node] | None:
    """What is written into `array`, for all its entries, and the mask of its shape; None if it has no such form."""
    if mask.dtype != bool or mask.shape != array.shape[: mask.ndim] or np.ndim(array.data) > 2:
        return None
    whole = ops.reshape(mask.node, dims=(*mask.shape, *[1] * (array.ndim - mask.ndim)))
    wide = whole if mask.ndim == array.ndim else ops.expand(whole, dims=array.node.dims)
    part = fitted(value, array.data[mask.data].shape, array.dtype)
    everywhere = _Everywhere(mask.node)
    with np.errstate(all="ignore"):
        lifted = everywhere.of(part)
    if lifted is None or lifted.shape != array.shape or not everywhere.is_finite():
        return None
    values = np.array(lifted.value)
    values[mask.data] = part.value  # products may round otherwise where there are more rows
    lifted.value = values
    return lifted, wide


class _Everywhere:
    """What nodes of the chosen entries are for all entries."""

    def __init__(self, mask: Node) -> None:
        self.mask, self.rank = mask, mask.ndim
        self.known: dict[Node, Node | None] = {}

    def is_finite(self) -> bool:
        """Whether nothing overflows where it is not chosen: infinity times 0 would be no number in the derivative."""
        return all(node is None or np.isfinite(node.value).all() for node in self.known.values())

    def of(self, node: Node) -> Node | None:
        if node not in self.known:
            self.known[node] = self._of(node)
        return self.known[node]

    def _of(self, node: Node) -> Node | None:
        if node.op is P.entry_at and _alike(node.args[1], self.mask):
            rest = node.attrs["key"][1:]
            same = node.args[0].shape[: self.rank] == self.mask.shape
            return node.args[0] if same and all(k == slice(None) for k in rest) else None
        if not node.ndim:
            return node
        if node.op is ops.expand and not self._has_chosen(node.args[0]):
            return ops.expand(node.args[0], dims=(*self.mask.dims, *node.dims[1:]))
        if node.op.label in ("@", ".") and len(node.args) == 2 and self.rank == 1 and not self._has_chosen(node.args[1]):
            left = self.of(node.args[0])
            return None if left is None or left.ndim != 2 or node.args[1].ndim != 2 else ops.matmul(left, node.args[1])
        if node.op.entry != EACH:
            return None
        made = [self.of(arg) for arg in node.args]
        if any(x is None for x in made):
            return None
        return node.op(*made, **node.attrs)  # type: ignore[arg-type]

    def _has_chosen(self, node: Node) -> bool:
        """Whether it is computed from what the mask has chosen."""
        if node.op is P.entry_at:
            return True
        return any(self._has_chosen(arg) for arg in node.args) if node.serial > self.mask.serial else False


def _alike(a: Node, b: Node, depth: int = 4) -> bool:
    """Whether two nodes are computed in the same way: z > 0 that is written twice."""
    if a is b:
        return True
    same = a.op is b.op and a.attrs == b.attrs and len(a.args) == len(b.args) and np.array_equal(a.value, b.value)
    if not a.args:  # a number in the code
        return same and (not a.ndim or a.op is ops.full)
    return same and depth > 0 and all(_alike(x, y, depth - 1) for x, y in zip(a.args, b.args))
