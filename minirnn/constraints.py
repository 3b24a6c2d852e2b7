"""What a weight is made to obey after each step of an optimizer, with Keras' names: ``MaxNorm(2)(w)`` is another array."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from .system import looked_up

Constraint = Callable[[np.ndarray], np.ndarray]
EPSILON = 1e-7  # Keras': it keeps a division by a norm of 0 away


class _Described:
    """A constraint is its numbers, which are Keras' description of it too."""

    def get_config(self) -> dict[str, Any]:
        return dict(vars(self))

    def __eq__(self, other: object) -> bool:
        return type(other) is type(self) and vars(other) == vars(self)

    def __hash__(self) -> int:
        return hash((type(self), *map(str, vars(self).values())))


class NonNeg(_Described):
    """No entry below 0."""

    def __call__(self, w: np.ndarray) -> np.ndarray:
        return np.maximum(w, 0)


class MinMaxNorm(_Described):
    """Every column (axis 0) at least `min_value` and at most `max_value` long; `rate` of the way there."""

    def __init__(self, min_value: float = 0.0, max_value: float = 1.0, rate: float = 1.0, axis: Any = 0) -> None:
        self.min_value, self.max_value, self.rate, self.axis = min_value, max_value, rate, axis

    def __call__(self, w: np.ndarray) -> np.ndarray:
        norms = _norms(w, self.axis)
        desired = self.rate * np.clip(norms, self.min_value, self.max_value) + (1 - self.rate) * norms
        return w * (desired / (EPSILON + norms))


class MaxNorm(_Described):
    """Every column (axis 0) at most `max_value` long.

    >>> MaxNorm(1)(np.array([[3.0, 0.1], [4.0, 0.1]])).round(3)
    array([[0.6, 0.1],
           [0.8, 0.1]])
    """

    def __init__(self, max_value: float = 2, axis: Any = 0) -> None:
        self.max_value, self.axis = max_value, axis

    def __call__(self, w: np.ndarray) -> np.ndarray:
        norms = _norms(w, self.axis)
        return w * (np.clip(norms, 0, self.max_value) / (EPSILON + norms))


class UnitNorm(_Described):
    """Every column (axis 0) as long as 1."""

    def __init__(self, axis: Any = 0) -> None:
        self.axis = axis

    def __call__(self, w: np.ndarray) -> np.ndarray:
        return w / (EPSILON + _norms(w, self.axis))


def _norms(w: np.ndarray, axis: Any) -> np.ndarray:
    return np.sqrt(np.square(w).sum(tuple(axis) if isinstance(axis, list) else axis, keepdims=True))


CLASSES: dict[str, Callable[..., Any]] = {
    "NonNeg": NonNeg,
    "MaxNorm": MaxNorm,
    "MinMaxNorm": MinMaxNorm,
    "UnitNorm": UnitNorm,
}
_by_name = {
    "non_neg": NonNeg, "nonneg": NonNeg, "max_norm": MaxNorm, "min_max_norm": MinMaxNorm, "unit_norm": UnitNorm,
}  # fmt: skip


def get(constraint: Any) -> Constraint | None:
    """The constraint of that name, of Keras' description of it, or the callable itself; None is none."""
    return looked_up("constraint", constraint, _by_name, CLASSES)
