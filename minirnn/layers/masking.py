"""Masking: steps whose features all have one value are left out by the layers that follow; which these are, of any layer."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..checks import array_of, demand_finite, lend
from ..engine.graph import Node, named
from ..engine.names import Role
from ..engine.ops import present, spreadcols
from .arguments import listed
from .calls import Call, Conditions, Masks
from .layer import Layer
from .nodes import common_dtype, each_step, mask_node, mask_steps, steps


class Masking(Layer):
    """m_t is 1 where x_t has a feature other than `mask_value`, else 0; what comes out is x_t ⊙ m_t."""

    arranges = True
    makes_mask = True

    def __init__(self, mask_value: float = 0.0, **others: Any) -> None:
        super().__init__(**others)
        self.mask_value = float(demand_finite(array_of(mask_value, "mask_value"), "mask_value"))

    def call(self, x: Node, call: Call) -> Node:
        def masked(x_t: Node) -> Node:
            call.made.append(named(f"m{call.scope.mask}", present(x_t, v=self.mask_value), Role.MASK))
            return x_t * spreadcols(call.made[-1], x_t)

        return each_step(x, masked)

    def masks(self, x: Node, call: Call) -> list[Masks | None]:
        return [call.made]

    def __repr__(self) -> str:
        return f"Masking({self.mask_value:g})"


def compute_mask(layer: Layer, inputs: Any, mask: Any = None) -> np.ndarray | list[np.ndarray | None] | None:
    """Which steps of what comes out count, True or False (N, T), where `mask` says it of the inputs; None if all do.

    Of several outputs it is a list; of several inputs both are.
    """
    if layer.is_users:  # as in Keras, unless the class says something else
        return mask
    given, masks = (listed(inputs), listed(mask)) if layer.takes_many else ([inputs], [mask])
    values = [array_of(each, "inputs") for each in given]
    layer.build_on([value.shape for value in values])
    dtype, scope = common_dtype(*values, *layer.weight_arrays), layer.scope()
    nodes = [layer.input_node(value, dtype) for value in values]
    masks = masks if mask is not None else [None] * len(nodes)
    coming = [m if m is None else mask_steps(mask_node(m, dtype, ""), steps(x), "") for x, m in zip(nodes, masks)]
    call = Call(scope, layer.leaves(scope, dtype), Conditions(), None, coming[0], coming=coming)
    operand: Any = nodes if layer.takes_many else nodes[0]
    layer.outputs(operand, call)
    found = [m if m is None else np.hstack([m_t.value for m_t in m]) != 0 for m in layer.masks(operand, call)]
    return found[0] if len(found) == 1 else found


lend(Layer, {"layers.masking": ["compute_mask"]})
