"""The penalty of an activity regularizer on what a layer gives."""

from __future__ import annotations

from .. import regularizers
from ..engine.graph import Node
from ..engine.ops import divided, stack, total
from .nodes import at_each


def output_penalty(regularizer: regularizers.Regularizer, out: Node, whose: str) -> Node:
    """The penalty on an output, divided by the number of samples of the batch, as Keras does."""
    each = list(out.args) if out.op is stack else [out]
    if len(each) > 1 and not isinstance(regularizer, regularizers.L1L2):
        raise NotImplementedError(f"{whose}: of a sequence, minirnn takes L1, L2 and L1L2 for activity_regularizer only")
    found = at_each(lambda node: divided(regularizer(node), p=out.dims[0]), each)
    return total(*found) if len(found) > 1 else found[0]
