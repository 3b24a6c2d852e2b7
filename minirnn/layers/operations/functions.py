"""Layers that apply one function to every row: Activation, ReLU, LeakyReLU, Softmax, Rescaling."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ... import activations, backend
from ...engine.graph import Node
from ...engine.ops import relu, softmax
from ..calls import Call, Scope
from ..layer import Layer
from ..nodes import each_step
from ..symbolic import Shape
from ..written import followed


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
        return each_step(x, lambda x_t: call.output(activations.applied(self.activation, x_t, self)))

    def __repr__(self) -> str:
        return f"Activation({activations.name_of(self.activation) or getattr(self.activation, '__name__', 'function')})"


class RowWise(Layer, listed=False):
    """A layer whose output at a row is a function of that row of its input. It is called y, a hidden one a."""

    family = "outputs"

    def function(self, x: Node) -> Node:
        """The function of a table (N, D)."""
        raise NotImplementedError

    @property
    def as_activation(self) -> Callable[[Node], Node]:
        """The function, for the activation of another layer."""
        return self.function

    def call(self, x: Node, call: Call) -> Node:
        return each_step(x, lambda x_t: call.output(self.function(x_t)))


class ReLU(RowWise):
    """max(x, 0), cut at `max_value`; below `threshold` it is negative_slope (x - threshold)."""

    def __init__(
        self, max_value: float | None = None, negative_slope: float = 0.0, threshold: float = 0.0, **others: Any
    ) -> None:
        super().__init__(**others)
        self.max_value = None if max_value is None else number("ReLU", "max_value", max_value)
        self.negative_slope = number("ReLU", "negative_slope", negative_slope)
        self.threshold = number("ReLU", "threshold", threshold)

    def function(self, x: Node) -> Node:
        return activations.relu(x, self.negative_slope, self.max_value, self.threshold)


class LeakyReLU(RowWise):
    """x where it is positive, negative_slope x elsewhere."""

    def __init__(self, negative_slope: float = 0.3, **others: Any) -> None:
        negative_slope = others.pop("alpha", negative_slope)  # as Keras 2 calls it
        super().__init__(**others)
        self.negative_slope = number("LeakyReLU", "negative_slope", negative_slope)
        self.single = float(np.float32(self.negative_slope))  # TensorFlow keeps it in single precision

    def function(self, x: Node) -> Node:
        return relu(x) - self.single * relu(-x)


class ELU(RowWise):
    """x where it is positive, alpha (exp(x) - 1) elsewhere."""

    def __init__(self, alpha: float = 1.0, **others: Any) -> None:
        super().__init__(**others)
        self.alpha = number("ELU", "alpha", alpha)

    def function(self, x: Node) -> Node:
        return activations.elu(x, self.alpha)


class Softmax(RowWise):
    """exp(x) over its sum along the features, or along another axis: axis=1 are the steps."""

    def __init__(self, axis: int = -1, **others: Any) -> None:
        super().__init__(**others)
        self.axis = axis
        self.of_one_length = axis not in (-1, 2)

    def function(self, x: Node) -> Node:
        return softmax(x)

    def call(self, x: Node, call: Call) -> Node:
        if self.axis in (-1, x.ndim - 1):
            return super().call(x, call)
        return followed(self, lambda given: backend.softmax(given, self.axis), [x], call)[0]


class Rescaling(RowWise):
    """scale x + offset."""

    def __init__(self, scale: float, offset: float = 0.0, **others: Any) -> None:
        super().__init__(**others)
        self.scale, self.offset = number("Rescaling", "scale", scale), number("Rescaling", "offset", offset)

    def function(self, x: Node) -> Node:
        return self.scale * x + self.offset if self.offset else self.scale * x


def number(kind: str, argument: str, value: Any) -> float:
    """`value` as a number; ValueError if it is none."""
    try:
        return float(value)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{kind}({argument}={value!r}): it must be a number") from error
