"""Conv1D: an affine map of windows of neighbouring steps."""

from __future__ import annotations

import functools
from typing import Any

from ... import activations
from ...engine.graph import Node, named
from ...engine.names import Role
from ...engine.ops import nth
from ..arguments import boolean, positive_int
from ..calls import Call, Scope
from ..symbolic import Shape
from .pooling import _one
from .windows import Window, Windows


class Conv1D(Windows):
    """y_t = activation(x_t W_1 + x_{t+1} W_2 + ... + bias): kernel (kernel_size, D, filters), one matrix for each place.

    `padding` "valid" gives T - kernel_size + 1 steps, "same" T with zeros at both ends, "causal" T with zeros in front;
    `strides` takes every so many-th window.
    """

    refused = {"data_format": "channels_last", "groups": 1}
    paddings = ("valid", "same", "causal")

    def __init__(
        self,
        filters: int,
        kernel_size: Any,
        strides: Any = 1,
        padding: str = "valid",
        data_format: str | None = None,
        dilation_rate: Any = 1,
        groups: int = 1,
        activation: Any = None,
        use_bias: bool = True,
        activity_regularizer: Any = None,
        **others: Any,
    ) -> None:
        self.take_weights(others, {"kernel": "glorot_uniform", "bias": "zeros"})
        self.data_format, self.groups = data_format or "channels_last", groups
        sizes = {"kernel_size": kernel_size, "strides": strides, "dilation_rate": dilation_rate}
        width, apart, gap = (positive_int("Conv1D", _one(value), name) for name, value in sizes.items())
        others |= {"data_format": self.data_format, "groups": groups, "activity_regularizer": activity_regularizer}
        super().__init__(width, apart, padding, gap, **others)
        self.filters = self.units = positive_int("Conv1D", filters, "filters")
        self.kernel_size, self.strides, self.dilation_rate = (width,), (apart,), (gap,)
        self.activation, self.use_bias = activations.get(activation), boolean("Conv1D", "use_bias", use_bias)
        self.own_weights = ("kernel", "bias") if use_bias else ("kernel",)

    def own_shapes(self, input_shape: Shape) -> list[tuple[int, ...]]:
        if input_shape[-1] is None:
            raise ValueError(f"{self.label}: the number of its input features is not known; give Input a complete shape")
        shapes: list[tuple[int, ...]] = [(self.width, input_shape[-1], self.filters), (self.filters,)]
        return shapes[: len(self.own_weights)]

    def output_features(self, features: int | None) -> int | None:
        return activations.halved(self.activation, self.filters, self.label)

    def features(self, scope: Scope) -> str:
        return scope.letter("F")

    def symbols(self, scope: Scope) -> dict[str, tuple[str, tuple[str, ...]]]:
        F = self.features(scope)
        F = f"2*{F}" if self.activation is activations.glu else F
        return {
            "kernel": (f"W_k{scope.tag}", (str(self.width), scope.features, F)),
            "bias": (f"b_k{scope.tag}", (F,)),
        }

    def call(self, x: Node, call: Call) -> Node:
        p, tag = call.parameters, call.scope.tag
        taps = [named(f"W_k{k}{tag}", nth(p["kernel"], k=k - 1, parts=self.width)) for k in range(1, self.width + 1)]

        def affine(window: Window) -> Node:
            terms = [x_t @ W for x_t, W in zip(window, taps) if x_t is not None]
            out = functools.reduce(lambda a, b: a + b, terms)
            out = out + p["bias"] if self.use_bias else out
            if self.activation is activations.linear:
                return out
            return activations.applied(self.activation, named(f"z_k{tag}", out, Role.PRE_ACTIVATION), self)

        return self.at_windows(x, call, affine)
