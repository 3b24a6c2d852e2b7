"""SimpleRNN: the fully connected recurrence h_t = f(x_t W_x + b_h + h_{t-1} W_h), summed in Keras' order."""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import initializers
from ..graph import Node, at, named
from ..ops import stack, state
from .base import Layer, Scope, Shape, activation_named, boolean, steps
from .dense import positive_int


class SimpleRNN(Layer):
    """Keras' SimpleRNN: kernel (D, units), recurrent_kernel (units, units), bias (units,).

    Called on a sequence (N, T, D), it gives the last state (N, units), or all of them (N, T, units) with
    ``return_sequences=True``. ``initial_state`` is an array or node (N, units); zeros if not given.
    """

    takes_state = "initial_state"
    refused = {
        "kernel_regularizer": None,
        "recurrent_regularizer": None,
        "bias_regularizer": None,
        "activity_regularizer": None,
        "kernel_constraint": None,
        "recurrent_constraint": None,
        "bias_constraint": None,
        "dropout": 0.0,
        "recurrent_dropout": 0.0,
        "return_state": False,
        "go_backwards": False,
        "stateful": False,
        "unroll": False,
        "zero_output_for_mask": False,
        "time_major": False,
    }

    def __init__(
        self,
        units: int,
        activation: str | None = "tanh",
        use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform",
        recurrent_initializer: Any = "orthogonal",
        bias_initializer: Any = "zeros",
        return_sequences: bool = False,
        seed: int | None = None,  # Keras draws dropout masks from it; there are none yet
        **others: Any,
    ) -> None:
        super().__init__(**others)
        self.units, self.activation, self.use_bias = (
            positive_int("SimpleRNN", units),
            "linear" if activation is None else activation,
            boolean("SimpleRNN", "use_bias", use_bias),
        )
        self.return_sequences = boolean("SimpleRNN", "return_sequences", return_sequences)
        self.kernel_initializer = initializers.get(kernel_initializer)
        self.recurrent_initializer = initializers.get(recurrent_initializer)
        self.bias_initializer = initializers.get(bias_initializer)
        self.weight_names = ("kernel", "recurrent_kernel", "bias")[: 3 if use_bias else 2]
        self._activate = activation_named(self.activation)

    def weight_shapes(self, input_shape: Shape) -> list[tuple[int, ...]]:
        if len(input_shape) != 3:
            raise ValueError(f"{self.label} takes sequences (samples, timesteps, features), not shape {input_shape}")
        if input_shape[-1] is None:
            raise ValueError(f"{self.label}: the number of its input features is not known; give Input a complete shape")
        shapes = [(input_shape[-1], self.units), (self.units, self.units), (self.units,)]
        return shapes[: len(self.weight_names)]

    def draw_weights(self, input_shape: Shape) -> list[np.ndarray]:
        drawers = (self.kernel_initializer, self.recurrent_initializer, self.bias_initializer)
        return [draw(shape, self.dtype) for draw, shape in zip(drawers, self.weight_shapes(input_shape))]

    def output_shape(self, input_shape: Shape) -> Shape:
        return (*input_shape[: 2 if self.return_sequences else 1], self.units)

    def features(self, scope: Scope) -> str:
        return scope.letter("M")

    def symbols(self, scope: Scope) -> dict[str, tuple[str, tuple[str, ...]]]:
        M = self.features(scope)
        return {
            "kernel": (f"W_x{scope.tag}", (scope.features, M)),
            "recurrent_kernel": (f"W_h{scope.tag}", (M, M)),
            "bias": (f"b_h{scope.tag}", (M,)),
        }

    def call(self, x: Node, parameters: dict[str, Node], scope: Scope, **states: Node) -> Node:
        W_x, W_h, b_h = parameters["kernel"], parameters["recurrent_kernel"], parameters.get("bias")
        each_x = steps(x)
        with at(0):
            h = named(f"h{scope.tag}", self._initial_state(each_x[0], W_h, **states))
        each_h = []
        for t, x_t in enumerate(each_x, start=1):
            with at(t):
                z = x_t @ W_x + h @ W_h if b_h is None else x_t @ W_x + b_h + h @ W_h
                z = named(f"z{scope.tag}", z)
                h = named(f"h{scope.tag}", self._activate(z))
                each_h.append(h)
        return stack(*each_h) if self.return_sequences else h

    def _initial_state(self, x_1: Node, W_h: Node, initial_state: Node | None = None) -> Node:
        if initial_state is None:
            return state(x_1, W_h)
        wants = (x_1.shape[0], self.units)
        if initial_state.shape != wants:
            raise ValueError(f"{self.label}: initial_state has shape {initial_state.shape}, not (samples, units) = {wants}")
        return initial_state
