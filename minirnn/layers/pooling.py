"""Layers that take many steps together: over the whole sequence, or over windows of it."""

from __future__ import annotations

import functools
from typing import Any

from ..engine.graph import Node, at, named
from ..engine.ops import average, cast, cut, equal, maximum, spreadcols, stack, total
from .arguments import boolean, positive_int
from .calls import Call, Masks
from .layer import Layer
from .nodes import steps
from .symbolic import Shape
from .windows import Windows


class GlobalPooling(Layer, listed=False):
    """One row for a whole sequence (N, T, D); with `keepdims` a sequence of one step."""

    family = "outputs"
    refused = {"data_format": "channels_last"}

    def __init__(self, data_format: str | None = None, keepdims: bool = False, **others: Any) -> None:
        self.data_format = data_format or "channels_last"
        super().__init__(data_format=self.data_format, **others)
        self.keepdims = boolean(self.kind, "keepdims", keepdims)
        self.keeps_length = not self.keepdims  # one step is a length of its own

    def build(self, input_shape: Shape) -> None:
        if len(input_shape) != 3:
            raise ValueError(f"{self.label} takes sequences (samples, timesteps, features), not shape {input_shape}")
        super().build(input_shape)

    def output_shape(self, input_shape: Shape) -> Shape:
        return (input_shape[0], *([1] if self.keepdims else []), input_shape[-1])

    def pooled(self, each: list[Node], mask: Masks | None, tag: str) -> Node:
        """The row."""
        raise NotImplementedError

    def call(self, x: Node, call: Call) -> Node:
        with at(1 if self.keepdims else None):
            row = call.output(self.pooled(steps(x), call.mask, call.scope.tag))
        return stack(row, size=1) if self.keepdims else row

    def masks(self, x: Node, call: Call) -> list[Masks | None]:
        return [None]


class GlobalAveragePooling1D(GlobalPooling):
    """The mean over the steps, or over those that the mask leaves."""

    def pooled(self, each: list[Node], mask: Masks | None, tag: str) -> Node:
        if mask is None:
            return average(*each)
        kept = []
        for x_t, m_t in zip(each, mask):
            with at(x_t.step):
                kept.append(x_t * spreadcols(m_t, x_t))
        return total(*kept) / spreadcols(total(*mask), each[0])


class GlobalMaxPooling1D(GlobalPooling):
    """The largest of each feature over the steps, e_t ⊙ x_t summed over t, where e_t is 1 at the largest and 0 elsewhere.

    Where several are equal, each has an equal share, as TensorFlow differentiates it. A mask has no effect, as in Keras.
    """

    def pooled(self, each: list[Node], mask: Masks | None, tag: str) -> Node:
        most = each[0]
        for x_t in each:
            with at(x_t.step):
                most = named(f"top{tag}", maximum(most, x_t) if x_t is not each[0] else x_t)
        return largest(each, most)


def largest(each: list[Node], most: Node | None = None) -> Node:
    """The largest of each entry, whose gradient is shared by those that are equal to it; `most` if it is known already."""
    if len(each) == 1:
        return each[0]
    most = cut(functools.reduce(maximum, each) if most is None else most)
    at_most = []
    for x_t in each:
        with at(x_t.step):
            at_most.append(cast(equal(cut(x_t), most), dtype=x_t.dtype.name))
    parts = []
    for x_t, e_t in zip(each, at_most):
        with at(x_t.step):
            parts.append(x_t * e_t)
    return total(*parts) / total(*at_most)


class MaxPooling1D(Windows):
    """The largest of each feature over windows of `pool_size` steps, `strides` apart (as wide as the window by default)."""

    refused = {"data_format": "channels_last"}

    def __init__(
        self, pool_size: Any = 2, strides: Any = None, padding: str = "valid", data_format: str | None = None, **others: Any
    ) -> None:
        self.data_format = data_format or "channels_last"
        width = positive_int("MaxPooling1D", _one(pool_size), "pool_size")
        apart = width if strides is None else positive_int("MaxPooling1D", _one(strides), "strides")
        super().__init__(width, apart, padding, data_format=self.data_format, **others)
        self.pool_size, self.strides = (width,), (apart,)

    def output_features(self, features: int | None) -> int | None:
        return features

    def call(self, x: Node, call: Call) -> Node:
        return self.at_windows(x, call, lambda window: largest([x_t for x_t in window if x_t is not None]))


def _one(size: Any) -> Any:
    """The number of a pair of brackets around one, as Keras writes sizes."""
    return size[0] if isinstance(size, (list, tuple)) and len(size) == 1 else size
