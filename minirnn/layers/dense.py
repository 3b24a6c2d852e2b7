"""Dense: the affine map, at every step if it is given a sequence."""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import initializers
from ..graph import Node, at, named
from ..ops import same, stack
from ..system import plain
from .base import Layer, Scope, Shape, activation_named, boolean, steps


class Dense(Layer):
    """y = activation(x kernel + bias), kernel (D, units), bias (units,).

    The output layer of a model is called y, W_o, b_o, with pre-activation z_o; a hidden one a, W_a, b_a, z_a.
    """

    refused = {
        "kernel_regularizer": None,
        "bias_regularizer": None,
        "activity_regularizer": None,
        "kernel_constraint": None,
        "bias_constraint": None,
        "lora_rank": None,
        "lora_alpha": None,
        "quantization_config": None,
    }

    def __init__(
        self,
        units: int,
        activation: str | None = None,
        use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        **others: Any,
    ) -> None:
        super().__init__(**others)
        self.units, self.activation, self.use_bias = (
            positive_int("Dense", units),
            "linear" if activation is None else activation,
            boolean("Dense", "use_bias", use_bias),
        )
        self.kernel_initializer = initializers.get(kernel_initializer)
        self.bias_initializer = initializers.get(bias_initializer)
        self.weight_names = ("kernel", "bias") if use_bias else ("kernel",)
        self._activate = activation_named(self.activation)

    def weight_shapes(self, input_shape: Shape) -> list[tuple[int, ...]]:
        features = input_shape[-1]
        if features is None:
            raise ValueError(f"{self.label}: the number of its input features is not known; give Input a complete shape")
        return [(features, self.units), (self.units,)][: len(self.weight_names)]

    def draw_weights(self, input_shape: Shape) -> list[np.ndarray]:
        drawers = (self.kernel_initializer, self.bias_initializer)
        return [draw(shape, self.dtype) for draw, shape in zip(drawers, self.weight_shapes(input_shape))]

    def output_shape(self, input_shape: Shape) -> Shape:
        return (*input_shape[:-1], self.units)

    def symbols(self, scope: Scope) -> dict[str, tuple[str, tuple[str, ...]]]:
        o, units = "o" if scope.head else "a", self.features(scope)
        return {"kernel": (f"W_{o}{scope.tag}", (scope.features, units)), "bias": (f"b_{o}{scope.tag}", (units,))}

    def features(self, scope: Scope) -> str:
        return scope.letter("K" if scope.head else "A")

    def call(self, x: Node, parameters: dict[str, Node], scope: Scope, **states: Node) -> Node:
        if x.ndim == 2:
            return self._affine(x, parameters, scope)
        each = []
        for t, x_t in enumerate(steps(x), start=1):
            with at(t):
                each.append(self._affine(x_t, parameters, scope))
        return stack(*each)

    def _affine(self, x: Node, parameters: dict[str, Node], scope: Scope) -> Node:
        y, z = ("y", "z_o") if scope.head else ("a", "z_a")
        out = x @ parameters["kernel"]
        if self.use_bias:
            out = out + parameters["bias"]
        if self._activate is not same:
            out = self._activate(named(z + scope.tag, out))
        return named(y + scope.tag, out)


def positive_int(kind: str, units: Any) -> int:
    if not isinstance(units, (int, np.integer)) or isinstance(units, bool) or units < 1:
        raise ValueError(f"{kind}(units={plain(repr(units))}): units must be a positive whole number")
    return int(units)
