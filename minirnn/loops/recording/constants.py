"""Constants as nodes."""

from __future__ import annotations

import numpy as np

from ...engine import ops
from ...engine.graph import Node


def constant_node(value: np.ndarray, in_a_turn: bool) -> Node:
    """A number in every entry, where it is that; else the array itself.

    What a loop makes anew in every turn under a name, such as a mask, keeps its numbers, unless it is an array of zeros:
    so that it is the same operation in every turn.
    """
    first = float(value.flat[0]) if value.size and value.dtype.kind in "fiu" else np.nan
    zeros = first == 0 and value.ndim and value.dtype.kind == "f"
    if np.isfinite(first) and (zeros or not in_a_turn) and (value == first).all():
        return ops.full(dims=value.shape, value=first, dtype=value.dtype.name)
    return ops.leaf(value)
