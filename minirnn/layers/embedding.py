"""Embedding: a row of a table for each whole number of a sequence."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..engine.graph import Node, named
from ..engine.names import Role
from ..engine.ops import leaf, onehot, present, stack, take
from .arguments import boolean, positive_int
from .calls import Call, Masks, Scope
from .layer import Layer
from .nodes import each_step, numbered
from .symbolic import Shape


class Embedding(Layer):
    """e_t = onehot(i_t) W_e: row i_t of the table embeddings (input_dim, output_dim), i_t from 0 to input_dim - 1.

    Called on whole numbers (N, T). With `mask_zero`, steps with i_t = 0 are left out by the layers that follow.
    """

    family = "embedding"
    own_weights = ("embeddings",)
    refused = {"lora_rank": None, "lora_alpha": None, "sparse": False}
    forgotten = ("input_length",)
    newer = {"quantization_config": None}

    def __init__(self, input_dim: int, output_dim: int, mask_zero: bool = False, **others: Any) -> None:
        self.take_weights(others, {"embeddings": "uniform"})
        given = others.pop("weights", None)
        super().__init__(**others)
        self.input_dim = positive_int("Embedding", input_dim, "input_dim")
        self.output_dim = positive_int("Embedding", output_dim, "output_dim")
        self.mask_zero = self.makes_mask = boolean("Embedding", "mask_zero", mask_zero)
        if given is not None:
            self.build((None, None))
            self.set_weights(given)

    def own_shapes(self, input_shape: Shape) -> list[tuple[int, ...]]:
        if len(input_shape) != 2:
            raise ValueError(f"{self.label} takes whole numbers (samples, timesteps), not shape {input_shape}")
        return [(self.input_dim, self.output_dim)]

    def output_shape(self, input_shape: Shape) -> Shape:
        return (*input_shape, self.output_dim)

    def features(self, scope: Scope) -> str:
        return scope.letter("E")

    def symbols(self, scope: Scope) -> dict[str, tuple[str, tuple[str, ...]]]:
        return {"embeddings": (f"W_e{scope.tag}", (scope.letter("V"), self.features(scope)))}

    def check(self, x: np.ndarray) -> None:
        """Raise ValueError unless x holds row numbers of the table."""
        if x.dtype.kind not in "iub" and not (x.dtype.kind == "f" and np.all(x == np.round(x))):
            raise ValueError(f"{self.label} takes whole numbers; X holds {x.dtype}")
        if x.min(initial=0) < 0 or x.max(initial=0) >= self.input_dim:
            raise ValueError(f"{self.label} has rows 0 to {self.input_dim - 1}; X holds {int(x.min())} to {int(x.max())}")

    def input_node(self, value: Any, dtype: Any) -> Node:
        return numbers_node(value, dtype, "")

    def call(self, x: Node, call: Call) -> Node:
        W = call.parameters["embeddings"]

        def looked_up(i_t: Node) -> Node:
            if self.mask_zero:
                call.made.append(named(f"m{call.scope.mask}", present(i_t, v=0), Role.MASK))
            return named(f"e{call.scope.tag}", onehot(i_t, size=W.dims[0]) @ W)

        return each_step(x, looked_up)

    def masks(self, x: Node, call: Call) -> list[Masks | None]:
        return [call.made if self.mask_zero else None]

    def __repr__(self) -> str:
        return f"Embedding({self.input_dim}, {self.output_dim})"


def numbers_node(value: Any, dtype: Any, tag: str, length: str = "T") -> Node:
    """Whole numbers (N, T) as a node: the stack of the columns i_t."""
    value = np.array(value, dtype)[..., None]
    whole = leaf(value, f"I{tag}", Role.INDEX, ("N", length, "1"))
    each = numbered(lambda t: named(f"i{tag}", take(whole, t), Role.INDEX), value.shape[1])
    return Node(stack, tuple(each), {"axis": 1, "size": whole.dims[1]}, value)
