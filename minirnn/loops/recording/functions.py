"""NumPy's functions on recording arrays, all of them, and the methods of an array."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..errors import refuse
from .array import Array
from .create import array, astype
from .elementwise import add, at_least, at_most, clip, divide, equal, greater, less, multiply, power, subtract
from .numpy_table import FUNCTIONS, not_recorded, recorded
from .products import dot, matmul
from .shapes import copied, copy, ravel, reshape, squeeze, swapaxes, transpose

__all__ = ["FUNCTIONS", "array", "astype", "not_recorded", "recorded"]


def _method(function: Callable[..., Any]) -> Callable[..., Any]:
    def call(self: Array, *args: Any, **options: Any) -> Any:
        return function(self, *args, **options)

    return call


def _in_place(operation: Callable[[Any, Any], Any]) -> Callable[[Array, Any], Array]:
    return lambda self, other: self._in_place(operation(self, other))


for _name, _operation_of in {"add": add, "sub": subtract, "mul": multiply, "truediv": divide}.items():
    setattr(Array, f"__{_name}__", _operation_of)
    setattr(Array, f"__r{_name}__", lambda self, other, of=_operation_of: of(other, self))
    setattr(Array, f"__i{_name}__", _in_place(_operation_of))


def _transposed(self: Array, *axes: Any) -> Any:
    given = axes[0] if len(axes) == 1 and (axes[0] is None or not isinstance(axes[0], int)) else axes
    return transpose(self, given or None)


_METHODS: dict[str, Callable[..., Any]] = {
    "__pow__": power, "__gt__": greater, "__lt__": less, "__ge__": at_least, "__le__": at_most, "__eq__": equal,
    "sum": FUNCTIONS[np.sum], "mean": FUNCTIONS[np.mean], "max": FUNCTIONS[np.max], "clip": clip, "reshape": reshape,
    "ravel": ravel, "squeeze": squeeze, "swapaxes": swapaxes, "astype": astype, "copy": lambda x: copied(x),
    "__rmatmul__": lambda self, other: matmul(other, self), "__neg__": FUNCTIONS[np.negative],
    "__abs__": FUNCTIONS[np.abs], "flatten": lambda self: copy(ravel(self)), "transpose": _transposed,
}  # fmt: skip
for _name, _method_of in _METHODS.items():
    setattr(Array, _name, _method(_method_of))
for _name, _value in {"dot": dot, "__matmul__": matmul, "T": property(lambda self: transpose(self))}.items():
    setattr(Array, _name, _value)


def _ufunc(self: Array, ufunc: Any, method: str, *inputs: Any, **options: Any) -> Any:
    """NumPy's own functions, where the user's code has them from elsewhere, find the way here."""
    if "out" in options:
        refuse("a traced value is written into a plain array", "make the array with the np that the function sees")
    if method != "__call__":
        refuse(f"minirnn does not record np.{ufunc.__name__}.{method}", "use the function that NumPy has for it")
    return FUNCTIONS.get(ufunc, not_recorded(ufunc, ufunc.__name__))(*inputs, **options)


def _function(self: Array, function: Any, types: Any, args: Any, options: Any) -> Any:
    return FUNCTIONS.get(function, not_recorded(function, function.__name__))(*args, **options)


for _name, _value in {"__array_ufunc__": _ufunc, "__array_function__": _function}.items():
    setattr(Array, _name, _value)


for _original, _ours in FUNCTIONS.items():
    if isinstance(_original, np.ufunc):
        for _name in ("reduce", "accumulate", "outer", "at"):
            setattr(_ours, _name, not_recorded(getattr(_original, _name), f"{_original.__name__}.{_name}"))
