"""Layers that arrange the same numbers anew: Flatten, Reshape, Permute, RepeatVector."""

from __future__ import annotations

import math
from typing import Any

from ..engine.graph import Node, at
from ..engine.ops import join, permute, piece, repeated, stack
from ..engine.sizes import Size
from ..system import plain
from .arguments import positive_int
from .calls import Call, Scope
from .layer import Layer
from .nodes import numbered, steps
from .symbolic import Shape


class Flatten(Layer):
    """(N, T, D) to (N, T·D): the steps side by side. (N, D) stays as it is."""

    arranges = True
    keeps_length = False
    supports_masking = False
    refused = {"data_format": "channels_last"}

    def __init__(self, data_format: str | None = None, **others: Any) -> None:
        self.data_format = data_format or "channels_last"
        super().__init__(data_format=self.data_format, **others)

    def output_shape(self, input_shape: Shape) -> Shape:
        return (input_shape[0], _product(input_shape[1:]))

    def features(self, scope: Scope) -> str:
        return f"{scope.steps}*{scope.features}"

    def call(self, x: Node, call: Call) -> Node:
        return flat(x)


class Reshape(Layer):
    """The numbers of each sample, row after row, in another shape: (features,) or (steps, features); -1 is what is left."""

    arranges = True
    keeps_steps = False
    of_one_length = True
    keeps_length = False
    supports_masking = False

    def __init__(self, target_shape: Any, **others: Any) -> None:
        super().__init__(**others)
        self.target_shape = tuple(target_shape) if isinstance(target_shape, (list, tuple)) else (target_shape,)
        if len(self.target_shape) not in (1, 2) or any(not isinstance(n, int) for n in self.target_shape):
            raise NotImplementedError(
                f"Reshape({plain(target_shape)}): minirnn has (features,) and (timesteps, features), no images"
            )

        if min(self.target_shape) < -1 or self.target_shape.count(-1) > 1:
            raise ValueError(
                f"Reshape({plain(target_shape)}): only one size may be left open, as -1; the others are 0 or more"
            )

    def output_shape(self, input_shape: Shape) -> Shape:
        whole, target = _product(input_shape[1:]), list(self.target_shape)
        if -1 in target:
            rest = -math.prod(target)
            target[target.index(-1)] = None if whole is None else whole // rest
        if whole is not None and math.prod(target) != whole:
            raise ValueError(f"{self.label}: {whole} numbers of each sample cannot have the shape {self.target_shape}")
        return (input_shape[0], *target)

    def build(self, input_shape: Shape) -> None:
        self.width = self.output_shape(input_shape)[-1]
        super().build(input_shape)

    def features(self, scope: Scope) -> str:
        return str(self.width)  # a number, as those that are asked for are: it is the size of no input

    def call(self, x: Node, call: Call) -> Node:
        shape = self.output_shape(x.shape)
        row = flat(x)
        if len(shape) == 2:
            return row
        width = Size.of(str(shape[2]), shape[2])
        found = numbered(lambda t: piece(row, t=t, width=width), shape[1])  # type: ignore[arg-type]
        return stack(*found, size=len(found))


class Permute(Layer):
    """The axes of each sample in another order: (2, 1) makes steps of features and features of steps."""

    arranges = True
    keeps_steps = False
    keeps_length = False
    supports_masking = False

    def __init__(self, dims: Any, **others: Any) -> None:
        super().__init__(**others)
        self.dims = tuple(dims)
        if sorted(self.dims) != list(range(1, len(self.dims) + 1)) or len(self.dims) > 2:
            raise ValueError(f"Permute({plain(dims)}): it must be (1,), (1, 2) or (2, 1)")

    def output_shape(self, input_shape: Shape) -> Shape:
        if len(input_shape) != len(self.dims) + 1:
            raise ValueError(f"{self.label}: {self.dims} does not fit inputs of shape {input_shape}")
        return (input_shape[0], *[input_shape[i] for i in self.dims])

    def features(self, scope: Scope) -> str:
        return scope.steps if self.dims == (2, 1) else scope.features

    def call(self, x: Node, call: Call) -> Node:
        return permute(x, axes=(0, 2, 1)) if self.dims == (2, 1) else x


class RepeatVector(Layer):
    """(N, D) to (N, n, D): the same row at every one of n steps."""

    arranges = True
    keeps_steps = False
    keeps_length = False  # n is a length of its own
    supports_masking = False

    def __init__(self, n: int, **others: Any) -> None:
        super().__init__(**others)
        self.n = positive_int("RepeatVector", n, "n")

    def output_shape(self, input_shape: Shape) -> Shape:
        if len(input_shape) != 2:
            raise ValueError(f"{self.label} takes (samples, features), not shape {input_shape}")
        return (input_shape[0], self.n, input_shape[1])

    def call(self, x: Node, call: Call) -> Node:
        return stack(*numbered(lambda t: repeated(x, t=t), self.n), size=self.n)


def flat(x: Node) -> Node:
    """A sequence as one long row per sample, its steps side by side."""
    if x.ndim == 2:
        return x
    each = steps(x)
    with at(None):
        return join(*each, size=x.dims[1]) if len(each) > 1 else each[0]


def _product(sizes: Any) -> int | None:
    return None if None in sizes else math.prod(sizes)
