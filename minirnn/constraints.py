"""What a weight is made to obey after each step of an optimizer, with Keras' names: ``MaxNorm(2)(w)`` is another array."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from .registry import Configured, Registry
from .system import suggest_names

Constraint = Callable[[np.ndarray], np.ndarray]
EPSILON = 1e-7  # Keras': it keeps a division by a norm of 0 away


@dataclass(unsafe_hash=True)
class NonNeg(Configured):
    """No entry below 0."""

    def __call__(self, w: np.ndarray) -> np.ndarray:
        return np.maximum(w, 0)


@dataclass(unsafe_hash=True)
class MinMaxNorm(Configured):
    """Every column (axis 0) at least `min_value` and at most `max_value` long; `rate` of the way there."""

    min_value: float = 0.0
    max_value: float = 1.0
    rate: float = 1.0
    axis: Any = 0

    def __call__(self, w: np.ndarray) -> np.ndarray:
        norms = _norms(w, self.axis)
        desired = self.rate * np.clip(norms, self.min_value, self.max_value) + (1 - self.rate) * norms
        return w * (desired / (EPSILON + norms))


@dataclass(unsafe_hash=True)
class MaxNorm(Configured):
    """Every column (axis 0) at most `max_value` long.

    >>> MaxNorm(1)(np.array([[3.0, 0.1], [4.0, 0.1]])).round(3)
    array([[0.6, 0.1],
           [0.8, 0.1]])
    """

    max_value: float = 2
    axis: Any = 0

    def __call__(self, w: np.ndarray) -> np.ndarray:
        norms = _norms(w, self.axis)
        return w * (np.clip(norms, 0, self.max_value) / (EPSILON + norms))


@dataclass(unsafe_hash=True)
class UnitNorm(Configured):
    """Every column (axis 0) as long as 1."""

    axis: Any = 0

    def __call__(self, w: np.ndarray) -> np.ndarray:
        return w / (EPSILON + _norms(w, self.axis))


def _norms(w: np.ndarray, axis: Any) -> np.ndarray:
    return np.sqrt(np.square(w).sum(tuple(axis) if isinstance(axis, list) else axis, keepdims=True))


KNOWN = Registry("constraint", [NonNeg, MaxNorm, MinMaxNorm, UnitNorm])


def get(constraint: Any) -> Constraint | None:
    """The constraint of that name, of Keras' description of it, or the callable itself; None is none."""
    return KNOWN.get_callable(constraint)


suggest_names(globals(), called=KNOWN.called)
