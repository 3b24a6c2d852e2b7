"""The few functions of TensorFlow that loops written to check a Keras layer use, on recording arrays.

TensorFlow itself is not needed: what is not here is refused by name.
"""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np

from .errors import refuse
from .recording.dispatch import constant
from .recording.methods import METHODS  # noqa: F401
from .recording.table import FUNCTIONS


def _reduced(original: Any) -> Callable[..., Any]:
    return lambda x, axis=None, keepdims=False: FUNCTIONS[original](x, axis=axis, keepdims=keepdims)


def _new(original: Any) -> Callable[..., Any]:
    return lambda shape, dtype=np.float32: constant(original(tuple(shape), dtype=_dtype(dtype)))


def _dtype(dtype: Any) -> Any:
    return getattr(dtype, "as_numpy_dtype", dtype)


def _sigmoid(x: Any) -> Any:
    return 1 / (1 + FUNCTIONS[np.exp](-x))


def _matmul(a: Any, b: Any, transpose_a: bool = False, transpose_b: bool = False) -> Any:
    return FUNCTIONS[np.matmul](a.T if transpose_a else a, b.T if transpose_b else b)


def _like(original: Any) -> Callable[..., Any]:
    return lambda x: FUNCTIONS[original](x)


def _tensor(x: Any, dtype: Any = None) -> Any:
    found = FUNCTIONS[np.array](x)
    return found if dtype is None else FUNCTIONS["astype"](found, _dtype(dtype))


class _Recording(SimpleNamespace):
    """A module of TensorFlow; a function that it does not have is refused when it is asked for."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return refuse(f"minirnn does not record tf.{name}", "write it with NumPy")


def recording_tensorflow() -> Any:
    """What stands for the module ``tensorflow``."""
    entrywise = {
        "tanh": FUNCTIONS[np.tanh], "sigmoid": _sigmoid, "exp": FUNCTIONS[np.exp], "log": FUNCTIONS[np.log],
        "sqrt": FUNCTIONS[np.sqrt], "abs": FUNCTIONS[np.abs], "square": FUNCTIONS[np.square],
    }  # fmt: skip
    arithmetic = {
        "add": FUNCTIONS[np.add], "subtract": FUNCTIONS[np.subtract], "multiply": FUNCTIONS[np.multiply],
        "maximum": FUNCTIONS[np.maximum], "minimum": FUNCTIONS[np.minimum], "reduce_sum": _reduced(np.sum),
        "reduce_mean": _reduced(np.mean), "reduce_max": _reduced(np.max),
    }  # fmt: skip
    relu = lambda x: FUNCTIONS[np.maximum](x, 0)
    return _Recording(
        math=_Recording(**entrywise, **arithmetic),
        nn=_Recording(tanh=FUNCTIONS[np.tanh], sigmoid=_sigmoid, relu=relu),
        linalg=_Recording(matmul=_matmul),
        **entrywise, **arithmetic,
        matmul=_matmul, transpose=FUNCTIONS[np.transpose], reshape=FUNCTIONS[np.reshape], squeeze=FUNCTIONS[np.squeeze],
        expand_dims=FUNCTIONS[np.expand_dims], stack=FUNCTIONS[np.stack], where=FUNCTIONS[np.where],
        concat=lambda values, axis: FUNCTIONS[np.concatenate](values, axis),
        zeros=_new(np.zeros), ones=_new(np.ones), zeros_like=_like(np.zeros_like), ones_like=_like(np.ones_like),
        convert_to_tensor=_tensor, constant=_tensor, identity=lambda x: x, shape=FUNCTIONS[np.shape],
        float32=np.float32, float64=np.float64,
    )  # fmt: skip
