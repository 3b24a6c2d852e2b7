"""Numbers and arrays of NumPy with what programs ask of the tensors of Keras: ``numpy()``."""

from __future__ import annotations

from typing import Any

import numpy as np


@property  # type: ignore[misc]
def unseen(self: Any) -> Any:
    """What a GradientTape of TensorFlow asks of a tensor: its number."""
    raise AttributeError(
        "a GradientTape does not see what minirnn computes: mr.trace(model, X, Y).gradients has it all, and "
        "model.train_on_batch(X, Y) takes the step"
    )


class Number(float):
    """A number, with ``numpy()`` as a tensor of Keras has it."""

    def numpy(self) -> np.float32:
        """The number as Keras keeps it."""
        return np.float32(self)


class Count(int):
    """A number of steps, with ``numpy()`` as a variable of Keras has it."""

    def numpy(self) -> np.int64:
        """The number as Keras keeps it."""
        return np.int64(self)


class Single(np.float32):
    """What a loss gives when it is called on arrays: a number of NumPy, with ``numpy()``."""

    __slots__ = ()
    _id = unseen

    def numpy(self) -> np.float32:
        """The same as a plain number."""
        return np.float32(self)


class Double(np.float64):
    """The same in double precision."""

    __slots__ = ()
    _id = unseen

    def numpy(self) -> np.float64:
        """The same as a plain number."""
        return np.float64(self)


class Array(np.ndarray):
    """What a layer or a model gives when it is called on data: an array, with ``numpy()`` as a tensor has it."""

    @classmethod
    def of(cls, value: Any) -> Array:
        """A copy of the numbers."""
        return np.array(value).view(cls)

    def numpy(self) -> np.ndarray:
        """The same as a plain array."""
        return np.array(self)

    _id = unseen

    def __array_wrap__(self, array: np.ndarray, context: Any = None, return_scalar: bool = False) -> Any:
        return array[()] if return_scalar else np.asarray(array)  # what is computed from it is a plain array

    def __repr__(self) -> str:
        return repr(np.asarray(self))


def tensor(value: Any) -> Any:
    """A number or an array that was made just now, with ``numpy()``."""
    if np.ndim(value):
        return value.view(Array)
    number = np.asarray(value)[()]
    return {np.float32: Single, np.float64: Double}.get(type(number), Array.of)(number)
