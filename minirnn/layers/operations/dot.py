"""Dot: products of two inputs, summed along an axis of each."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..symbolic import Shape
from ..written import OfArrays


class Dot(OfArrays):
    """Products of two inputs, summed along an axis of each: ``Dot(axes=2)([a, b])`` compares every step with every other.

    - `axes`: the axis of both, or one for each, counted from the samples
    - `normalize`: divide both by their lengths along these axes first, for the cosine of the angle between them
    """

    step_by_step = False

    def __init__(self, axes: Any, normalize: bool = False, **others: Any) -> None:
        super().__init__(**others)
        self.axes, self.normalize = axes, normalize

    def function(self, training: bool) -> Callable[..., Any]:
        def of(a: Any, b: Any) -> Any:
            places = [self.axes] * 2 if isinstance(self.axes, int) else self.axes
            i, j = places[0] % a.ndim, places[1] % b.ndim
            if self.normalize:
                a, b = (x / np.sqrt(np.maximum(np.sum(x * x, axis=k, keepdims=True), 1e-12)) for x, k in ((a, i), (b, j)))
            left = np.swapaxes(a, i, 2) if a.ndim == 3 else np.expand_dims(a, 1)
            right = np.swapaxes(b, j, 1) if b.ndim == 3 else np.expand_dims(b, 2)
            found = left @ right
            return found[:, 0] if a.ndim == 2 else found[:, :, 0] if b.ndim == 2 else found

        return of

    def build(self, input_shape: Any) -> None:
        if len(input_shape) != 2:
            raise ValueError(f"{self.label} takes two inputs, not {len(input_shape)}")
        super().build(input_shape)

    def output_shapes(self, input_shape: Any) -> list[Shape]:
        """What is left of both: not tried out, for a file may say any size."""
        a, b = map(tuple, input_shape)
        places = [self.axes] * 2 if isinstance(self.axes, int) else self.axes
        i, j = places[0] % len(a), places[1] % len(b)
        if not i or not j or (None not in (a[i], b[j]) and a[i] != b[j]):
            raise ValueError(f"{self.label}: axis {i} of {a} and axis {j} of {b} are not of one size")
        rest = [n for k, n in enumerate(a) if k not in (0, i)] + [n for k, n in enumerate(b) if k not in (0, j)]
        return [(a[0], *(rest or [1]))]


def dot(inputs: Any, axes: Any = -1, normalize: bool = False) -> Any:
    """``Dot(axes, normalize)(inputs)``."""
    return Dot(axes, normalize)(inputs)
