"""Flatten: a sequence becomes one long row per sample."""

from __future__ import annotations

import math
from typing import Any

from ..engine.graph import Node
from ..engine.ops.basic import concat
from .calls import Call, Scope
from .layer import Layer
from .nodes import steps
from .symbolic import Shape


class Flatten(Layer):
    """(N, T, D) to (N, T·D): the steps side by side. (N, D) stays as it is."""

    refused = {"data_format": "channels_last"}

    def __init__(self, data_format: str | None = None, **others: Any) -> None:
        self.data_format = data_format or "channels_last"
        super().__init__(data_format=self.data_format, **others)

    def output_shape(self, input_shape: Shape) -> Shape:
        rest = [n for n in input_shape[1:] if n is not None]
        return (input_shape[0], math.prod(rest) if len(rest) == len(input_shape) - 1 else None)

    def features(self, scope: Scope) -> str:
        return f"T*{scope.features}"

    supports_masking = False

    def call(self, x: Node, call: Call) -> Node:
        return concat(*steps(x)) if x.ndim == 3 else x
