"""The placeholder that a functional model starts from."""

from __future__ import annotations

from typing import Any

from ..system import plain
from .base import Layer, Shape, Symbolic


class InputLayer(Layer):
    """The first layer of a functional model: `shape` without the batch axis; None where a length is free."""

    refused = {"sparse": False, "ragged": False, "optional": False, "tensor": None, "batch_size": None, "batch_shape": None}

    def __init__(self, shape: Shape, name: str | None = None, dtype: Any = None, **others: Any) -> None:
        super().__init__(name=name, dtype=dtype, **others)
        if not isinstance(shape, (tuple, list)):
            raise ValueError(f"Input(shape={plain(repr(shape))}): shape must be a tuple, such as (T, D)")
        self.shape = tuple(shape)
        sizes = [n for n in self.shape if n is not None]
        if len(self.shape) not in (1, 2) or any(not isinstance(n, int) or isinstance(n, bool) or n < 1 for n in sizes):
            raise ValueError(f"Input(shape={plain(self.shape)}): minirnn takes (features,) or (timesteps, features)")
        if self.shape[-1] is None:
            raise ValueError(f"Input(shape={self.shape}): the number of features must be given")
        self._weights = []


def Input(shape: Shape, name: str | None = None, dtype: Any = None, **others: Any) -> Symbolic:
    """A placeholder for inputs of `shape`, the batch axis left out: ``Input(shape=(T, D))``."""
    layer = InputLayer(shape, name=name, dtype=dtype, **others)
    return Symbolic((None, *layer.shape), layer)
