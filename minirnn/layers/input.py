"""The placeholder that a functional model starts from."""

from __future__ import annotations

from typing import Any

from ..system import plain
from .arguments import positive_int
from .layer import Layer
from .symbolic import Symbolic

HOLDS = ("float32", "float64", "bool", "int32", "int64", "uint8")


class InputLayer(Layer):
    """The first layer of a functional model: `shape` without the batch axis; None where a length is free."""

    refused = {"sparse": False, "tensor": None, "input_tensor": None}
    newer = {"ragged": False, "optional": False}

    def __init__(
        self,
        shape: Any = None,
        batch_size: Any = None,
        name: str | None = None,
        dtype: Any = None,
        batch_shape: Any = None,
        **others: Any,
    ) -> None:
        number = str(dtype or "float32") in ("float32", "float64")
        super().__init__(name=name, dtype=dtype if number else None, **others)
        self.holds = str(dtype or "float32")  # what Keras is told; minirnn follows the data
        if self.holds not in HOLDS:
            raise ValueError(f"Input(dtype={plain(repr(dtype))}): it must be one of {', '.join(HOLDS)}")
        if batch_shape is not None:
            batch_size, *shape = batch_shape
        if not isinstance(shape, (tuple, list)):
            raise ValueError(f"Input(shape={plain(repr(shape))}): shape must be a tuple, such as (T, D)")
        self.shape = tuple(shape)
        self.batch_size = None if batch_size is None else positive_int("Input", batch_size, "batch_size")
        sizes = [n for n in self.shape if n is not None]
        if len(self.shape) not in (1, 2) or any(not isinstance(n, int) or isinstance(n, bool) or n < 1 for n in sizes):
            raise ValueError(f"Input(shape={plain(self.shape)}): minirnn takes (features,) or (timesteps, features)")
        if len(self.shape) == 2 and self.shape[-1] is None:
            raise ValueError(f"Input(shape={self.shape}): the number of features must be given")
        self.own_arrays = []

    def config(self, dtype: str | None = None) -> dict[str, Any]:
        holds = dtype if dtype is not None and self.holds.startswith("float") else self.holds
        return {"batch_shape": [self.batch_size, *self.shape], "dtype": holds, "sparse": False, "name": self.name}

    def get_config(self) -> dict[str, Any]:
        return self.config() | {"name": self.label} | self.newer

    def placeholder(self) -> Symbolic:
        """What a model is put together from."""
        made = Symbolic((self.batch_size, *self.shape), self)
        self.placed.append(made)
        return made


def Input(shape: Any = None, batch_size: Any = None, name: str | None = None, dtype: Any = None, **others: Any) -> Symbolic:
    """A placeholder for inputs of `shape`, the batch axis left out: ``Input(shape=(T, D))``.

    (T, D) is a sequence, (M,) an initial state, (T,) whole numbers for an Embedding or a mask.
    """
    return InputLayer(shape, batch_size, name=name, dtype=dtype, **others).placeholder()
