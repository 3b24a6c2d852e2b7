"""Dropout: in training, entries left out at random, the others scaled up so that the mean stays."""

from __future__ import annotations

import itertools
from typing import Any

from ..engine.graph import Node, at, named
from ..engine.names import Role
from ..engine.ops import stack, take
from ..initializers import Draws
from .arguments import share
from .calls import Call
from .layer import Layer
from .nodes import at_each, steps


class Dropout(Layer):
    """x ⊙ d with d = 0 for the share `rate` of the entries and 1 / (1 - rate) for the others; only in training.

    `noise_shape` (N or None, 1, features) gives all steps the same mask.
    """

    family = "dropout"
    arranges = True

    def __init__(self, rate: float, noise_shape: Any = None, seed: int | None = None, **others: Any) -> None:
        super().__init__(**others)
        self.rate = share("Dropout", "rate", rate)
        if self.rate != rate:
            raise ValueError(f"Dropout(rate={rate}): it must be a number from 0 to 1")
        self.seed, self._rng = seed, Draws(seed)
        self.noise_shape = None if noise_shape is None else tuple(noise_shape)
        if self.noise_shape is not None and (len(self.noise_shape) != 3 or self.noise_shape[1] != 1):
            raise NotImplementedError(
                f"Dropout(noise_shape={self.noise_shape}) is not supported by minirnn yet: it takes (None, 1, features)"
            )

    @property
    def draws(self) -> bool:  # type: ignore[override]
        return self.rate > 0

    def call(self, x: Node, call: Call) -> Node:
        if not call.training or not self.rate:
            return x
        name, letter = f"d{call.scope.tag}", call.scope.features
        if x.ndim == 2 or self.noise_shape is not None:
            with at(None):
                d = call.dropout(name, (x.shape[0], x.shape[-1]), ("N", letter), self.rate, self._rng, x.dtype)
            if x.ndim == 2:
                return x * d
        else:
            d = call.dropout(f"D{call.scope.tag}", x.shape, ("N", str(x.dims[1]), letter), self.rate, self._rng, x.dtype)

        def dropped(x_t: Node, position: int) -> Node:
            return x_t * (d if d.ndim == 2 else named(name, take(d, position), Role.DROPOUT_MASK))

        return stack(*at_each(dropped, steps(x), itertools.count(1)), size=x.dims[1])

    def __repr__(self) -> str:
        return f"Dropout({self.rate:g})"


class SpatialDropout1D(Dropout):
    """Whole features are left out, the same at all steps."""

    def __init__(self, rate: float, seed: int | None = None, **others: Any) -> None:
        super().__init__(rate, (None, 1, None), seed, **others)

    def config(self, dtype: str | None = None) -> dict[str, Any]:
        common = super().config(dtype)
        return {key: common[key] for key in ("name", "dtype", "rate", "seed") if key in common}

    def get_config(self) -> dict[str, Any]:
        return self.config() | {"name": self.label}

    def __repr__(self) -> str:
        return f"SpatialDropout1D({self.rate:g})"
