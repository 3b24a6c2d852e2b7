"""Python's operators on placeholders: ``a + b``, ``2 * x``, ``x[:, -1]`` are calls of layers."""

from __future__ import annotations

from typing import Any

from .functions import Rescaling
from .indexing import GetItem
from .merging import Add, Multiply, Subtract
from .symbolic import Symbolic


def _add(a: Symbolic, b: Any) -> Symbolic:
    return Add()([a, b]) if isinstance(b, Symbolic) else Rescaling(1.0, b)(a)


def _subtract(a: Symbolic, b: Any) -> Symbolic:
    return Subtract()([a, b]) if isinstance(b, Symbolic) else Rescaling(1.0, -b)(a)


def _multiply(a: Symbolic, b: Any) -> Symbolic:
    return Multiply()([a, b]) if isinstance(b, Symbolic) else Rescaling(b)(a)


def _divide(a: Symbolic, b: Any) -> Symbolic:
    if isinstance(b, Symbolic):
        raise NotImplementedError("minirnn has no layer that divides one placeholder by another")
    return Rescaling(1 / b)(a)


OPERATORS: dict[str, Any] = {
    "__getitem__": lambda a, key: GetItem(key)(a),
    "__add__": _add,
    "__radd__": _add,
    "__sub__": _subtract,
    "__rsub__": lambda a, b: Rescaling(-1.0, b)(a),
    "__mul__": _multiply,
    "__rmul__": _multiply,
    "__truediv__": _divide,
    "__neg__": lambda a: Rescaling(-1.0)(a),
}
for _name, _operator in OPERATORS.items():
    setattr(Symbolic, _name, _operator)
