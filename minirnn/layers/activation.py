"""Activation: a function of every entry, at every step if it is given a sequence."""

from __future__ import annotations

from typing import Any

from .. import activations
from ..engine.graph import Node
from .calls import Call, Scope
from .layer import Layer
from .nodes import each_step
from .symbolic import Shape


class Activation(Layer):
    """``Activation("softmax")``, or of a function made of minirnn's operations. Its output is called y, a hidden one a."""

    family = "outputs"

    def __init__(self, activation: Any, **others: Any) -> None:
        super().__init__(**others)
        self.activation = activations.get(activation)

    def output_shape(self, input_shape: Shape) -> Shape:
        if input_shape[-1] is None:
            return input_shape
        return (*input_shape[:-1], activations.halved(self.activation, input_shape[-1], self.label))

    def features(self, scope: Scope) -> str:
        return scope.letter("G") if self.activation is activations.glu else scope.features

    def call(self, x: Node, call: Call) -> Node:
        return each_step(x, lambda x_t: call.output(activations.applied(self.activation, x_t, self.label)))

    def __repr__(self) -> str:
        return f"Activation({activations.name_of(self.activation) or getattr(self.activation, '__name__', 'function')})"
