"""Penalties on weights, with Keras' names: ``L2(0.01)(w)`` of a node is the number that is added to the loss.

``get("l2")`` knows Keras' names; a function of a node that gives a number node may stand for one.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from .engine.graph import Node
from .engine.ops import absolute, scale, spreadcols, sqrt, square, sum_all, sumcols, transpose
from .registry import Configured, Registry
from .system import plain, suggest_names

Regularizer = Callable[[Node], Node]


@dataclass(unsafe_hash=True)
class L1L2(Configured):
    """l1 Σ|w| + l2 Σw², the factors in single precision, to which Keras on TensorFlow rounds them in any model."""

    l1: float = 0.0
    l2: float = 0.0

    def __post_init__(self) -> None:
        self.l1, self.l2 = _factor("l1", self.l1), _factor("l2", self.l2)

    def __call__(self, w: Node) -> Node:
        parts = [scale(sum_all(absolute(w)), p=_single(self.l1))] if self.l1 else []
        parts += [scale(sum_all(square(w)), p=_single(self.l2))] if self.l2 or not self.l1 else []
        return parts[0] if len(parts) == 1 else parts[0] + parts[1]


@dataclass(unsafe_hash=True)
class L1(L1L2):
    """l1 Σ|w|; Keras' default is 0.01."""

    l1: float = 0.01
    l2: float = field(default=0.0, init=False)


@dataclass(unsafe_hash=True)
class L2(L1L2):
    """l2 Σw²; Keras' default is 0.01.

    >>> import numpy as np
    >>> from minirnn.ops import leaf
    >>> float(L2(0.5)(leaf(np.array([1.0, 2.0]))).value)
    2.5
    """

    l1: float = field(default=0.0, init=False)
    l2: float = 0.01


@dataclass(unsafe_hash=True)
class OrthogonalRegularizer(Configured):
    """factor times the mean of the absolute cosine over all pairs of rows (or columns) of a matrix."""

    factor: float = 0.01
    mode: str = "rows"

    def __post_init__(self) -> None:
        if self.mode not in ("rows", "columns"):
            raise ValueError(f"mode={plain(repr(self.mode))}: it must be rows or columns")
        self.factor = _factor("factor", self.factor)

    def __call__(self, w: Node) -> Node:
        if w.ndim != 2:
            raise ValueError(f"OrthogonalRegularizer takes a matrix, not an array of shape {w.shape}")
        w = w if self.mode == "rows" else transpose(w)
        unit = w / spreadcols(sqrt(sumcols(square(w))), w)
        n = w.shape[0]
        pairs = sum_all(absolute(unit @ transpose(unit))) - n  # n pairs are of a row with itself
        return pairs * (self.factor / (n * (n - 1)))


def _single(factor: float) -> float:
    return float(np.float32(factor))


def _factor(name: str, value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float, np.number)) or not np.isfinite(value):
        raise ValueError(f"{name}={plain(repr(value))}: it must be a number")
    return float(value)


KNOWN = Registry("regularizer", [L1, L2, L1L2, OrthogonalRegularizer])


def get(regularizer: Any) -> Regularizer | None:
    """The regularizer of that name, of Keras' description of it, or the callable itself; None is none."""
    return KNOWN.get_callable(regularizer)


suggest_names(globals(), called=KNOWN.called)
