"""Layers that take many steps together: over the whole sequence, or over windows of it."""

from __future__ import annotations

import functools
from typing import Any

from ...engine.graph import Node, at, named
from ...engine.ops import average, cut, equal, maximum, numbers, repeated, spreadcols, stack, total
from ...engine.sizes import Size
from ..arguments import boolean, positive_int
from ..calls import Call, Masks
from ..layer import Layer
from ..nodes import at_each, steps
from ..symbolic import Shape
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
        self.of_one_length = self.keepdims

    def build(self, input_shape: Shape) -> None:
        if len(input_shape) != 3:
            raise ValueError(f"{self.label} takes sequences (samples, timesteps, features), not shape {input_shape}")
        super().build(input_shape)

    def output_shape(self, input_shape: Shape) -> Shape:
        return (input_shape[0], *([1] if self.keepdims else []), input_shape[-1])

    def pooled(self, each: list[Node], length: Size, mask: Masks | None, tag: str) -> Node:
        """The row; `length` is how many steps there are."""
        raise NotImplementedError

    def call(self, x: Node, call: Call) -> Node:
        with at(None):
            row = self.pooled(steps(x), x.dims[1], call.mask if self.supports_masking else None, call.scope.tag)
        with at(1 if self.keepdims else None):
            row = call.output(repeated(row, t=1) if self.keepdims else row)
        return stack(row, size=1) if self.keepdims else row

    def masks(self, x: Node, call: Call) -> list[Masks | None]:
        return [None]


class GlobalAveragePooling1D(GlobalPooling):
    """The mean over the steps, or over those that the mask leaves."""

    def pooled(self, each: list[Node], length: Size, mask: Masks | None, tag: str) -> Node:
        if mask is None:
            return average(*each, size=length)
        kept = at_each(lambda x_t, m_t: x_t * spreadcols(m_t, x_t), each, mask)
        return total(*kept) / spreadcols(total(*mask), each[0])


class GlobalSum(GlobalPooling, listed=False):
    """The sum over the steps, which Keras has as an operation; a mask has no effect."""

    def pooled(self, each: list[Node], length: Size, mask: Masks | None, tag: str) -> Node:
        return total(*each)


class GlobalMaxPooling1D(GlobalPooling):
    """The largest of each feature over the steps, e_t ⊙ x_t summed over t, where e_t is 1 at the largest and 0 elsewhere.

    Where several are equal, each has an equal share, as TensorFlow differentiates it. A mask has no effect, as in Keras.
    """

    def pooled(self, each: list[Node], length: Size, mask: Masks | None, tag: str) -> Node:
        tops: list[Node] = []

        def top(x_t: Node) -> Node:
            tops.append(named(f"top{tag}", maximum(tops[-1], x_t) if tops else x_t))
            return tops[-1]

        return largest(each, at_each(top, each)[-1])


def largest(each: list[Node], most: Node | None = None) -> Node:
    """The largest of each entry, whose gradient is shared by those that are equal to it; `most` if it is known already."""
    if len(each) == 1:
        return each[0]
    most = cut(functools.reduce(maximum, each) if most is None else most)
    at_most = at_each(lambda x_t: numbers(equal(cut(x_t), most), x_t), each)
    parts = at_each(lambda x_t, e_t: x_t * e_t, each, at_most)
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
