"""Masking: steps whose features all have one value are left out by the layers that follow."""

from __future__ import annotations

from typing import Any

from ..checks import array_of, demand_finite
from ..engine.graph import Node, named
from ..engine.names import Role
from ..engine.ops import present, spreadcols
from .calls import Call, Masks
from .layer import Layer
from .nodes import each_step


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
