"""The functions of TensorFlow and of Keras that loops and losses use, on recording arrays: those of `minirnn.backend`.

TensorFlow itself is not needed: what is not there is refused by name.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ... import activations, backend, losses
from ..errors import refuse
from .dispatch import constant
from .methods import METHODS  # noqa: F401
from .table import FUNCTIONS


def _new(original: Any) -> Callable[..., Any]:
    return lambda shape, dtype=np.float32: constant(original(tuple(shape), dtype=_dtype(dtype)))


def _dtype(dtype: Any) -> Any:
    return getattr(dtype, "as_numpy_dtype", dtype)


def _matmul(a: Any, b: Any, transpose_a: bool = False, transpose_b: bool = False) -> Any:
    return FUNCTIONS[np.matmul](a.T if transpose_a else a, b.T if transpose_b else b)


def _tensor(x: Any, dtype: Any = None) -> Any:
    found = FUNCTIONS[np.array](x)
    return found if dtype is None else FUNCTIONS["astype"](found, _dtype(dtype))


MODULES = {"losses": losses, "activations": activations}  # of Keras: their functions are minirnn's own


def in_place_of(function: Any) -> Any:
    """What stands for a function of TensorFlow or Keras that was imported by its name."""
    parts = function.__module__.split(".")
    own = next((module for name, module in MODULES.items() if name in parts), None)
    found = backend.named(function.__name__) if own is None else getattr(own, function.__name__, None)
    return function if found is None else found


class Library:
    """What stands for a library, or a part of it, in a function that is followed."""

    OWN = {
        "matmul": _matmul, "convert_to_tensor": _tensor, "constant": _tensor, "zeros": _new(np.zeros), "ones": _new(np.ones),
        "float32": np.float32, "float64": np.float64, "int32": np.int32, "int64": np.int64, "bool": np.bool_,
    }  # fmt: skip

    def __init__(self, name: str, others: Any = None) -> None:
        self._name, self._others = name, others  # a module: all else is as it is there

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        if name in ("backend", "ops", *backend.PARTS):
            return Library(f"{self._name}.{name}")
        if name in MODULES:
            return MODULES[name]
        if self._others is not None and not self._name.endswith((".ops", ".backend")):
            return getattr(self._others, name)
        found = self.OWN.get(name)
        if found is None and self._name.endswith(".ops"):  # whose functions have the arguments of NumPy's
            found = getattr(np, name, None)
        if found is None:
            found = backend.named(name)
        return refuse(f"minirnn does not record {self._name}.{name}", "write it with NumPy") if found is None else found
