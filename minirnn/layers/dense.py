"""Dense: the affine map, at every step if it is given a sequence."""

from __future__ import annotations

from typing import Any

from .. import activations
from ..engine.graph import Node, named
from ..engine.names import Role
from .arguments import boolean, positive_int
from .calls import Call, Scope
from .layer import Layer
from .nodes import each_step
from .symbolic import Shape


class Dense(Layer):
    """y = activation(x kernel + bias), kernel (D, units), bias (units,).

    The output layer of a model is called y, W_o, b_o, with pre-activation z_o; a hidden one a, W_a, b_a, z_a.
    """

    family = "outputs"
    refused = {"lora_rank": None, "lora_alpha": None}
    newer = {"quantization_config": None}

    def __init__(self, units: int, activation: Any = None, use_bias: bool = True, **others: Any) -> None:
        defaults = {"kernel": "glorot_uniform", "bias": "zeros"}
        self.take_weights(others, defaults)
        super().__init__(**others)
        self.units = positive_int("Dense", units)
        self.activation, self.use_bias = activations.get(activation), boolean("Dense", "use_bias", use_bias)
        self.own_weights = ("kernel", "bias") if use_bias else ("kernel",)

    def own_shapes(self, input_shape: Shape) -> list[tuple[int, ...]]:
        features = input_shape[-1]
        if features is None:
            raise ValueError(f"{self.label}: the number of its input features is not known; give Input a complete shape")
        shapes: list[tuple[int, ...]] = [(features, self.units), (self.units,)]
        return shapes[: len(self.own_weights)]

    def output_shape(self, input_shape: Shape) -> Shape:
        return (*input_shape[:-1], activations.halved(self.activation, self.units, self.label))

    def symbols(self, scope: Scope) -> dict[str, tuple[str, tuple[str, ...]]]:
        o, units = "o" if scope.head else "a", self.features(scope)
        units = f"2*{units}" if self.activation is activations.glu else units
        return {"kernel": (f"W_{o}{scope.tag}", (scope.features, units)), "bias": (f"b_{o}{scope.tag}", (units,))}

    def features(self, scope: Scope) -> str:
        return scope.letter("K" if scope.head else "A")

    def call(self, x: Node, call: Call) -> Node:
        return each_step(x, lambda x_t: self._affine(x_t, call))

    def _affine(self, x: Node, call: Call) -> Node:
        p, tag = call.parameters, call.scope.tag
        y, z = ("y", "z_o") if call.scope.head else ("a", "z_a")
        out = x @ p["kernel"]
        if self.use_bias:
            out = out + p["bias"]
        if self.activation is not activations.linear:
            out = activations.applied(self.activation, named(z + tag, out, Role.PRE_ACTIVATION), self)
        if call.scope.activated:
            return named(z + tag, out, Role.PRE_ACTIVATION)
        return named(y + tag, out, Role.OUTPUT if call.scope.head else None)
