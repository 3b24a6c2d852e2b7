"""Losses of numbers."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from ..engine.graph import Node
from ..engine.ops import (
    absolute,
    clip,
    inside,
    log,
    relu,
    scale,
    shift,
    softplus,
    spreadcols,
    sqrt,
    square,
    sumcols,
    where,
)
from .loss import Loss, OfRows

EPSILON = 1e-7  # Keras': it keeps a logarithm of 0 and a division by 0 away
LOG_2 = float(np.float32(math.log(2)))  # Keras keeps it in single precision


class MeanSquaredError(Loss):
    """The mean of (y_pred - y_true)².

    >>> float(MeanSquaredError()([[1.0, 2.0]], [[1.0, 4.0]]))
    2.0
    """

    def entries(self, target: Node, y: Node) -> Node:
        return square(y - target)


class MeanAbsoluteError(Loss):
    """The mean of |y_pred - y_true|."""

    def entries(self, target: Node, y: Node) -> Node:
        return absolute(y - target)


class MeanAbsolutePercentageError(Loss):
    """100 times the mean of |(y_true - y_pred) / y_true|, with |y_true| at least 1e-7."""

    def entries(self, target: Node, y: Node) -> Node:
        return scale(absolute((target - y) / at_least(absolute(target), EPSILON)), p=100)


class MeanSquaredLogarithmicError(Loss):
    """The mean of (log(1 + y_true) - log(1 + y_pred))², with both at least 1e-7."""

    def entries(self, target: Node, y: Node) -> Node:
        return square(log(1 + at_least(target, EPSILON)) - log(1 + at_least(y, EPSILON)))


@dataclass(unsafe_hash=True)
class Huber(Loss):
    """½e² where |e| <= delta, else delta |e| - ½delta², of the error e = y_pred - y_true (Huber, 1964)."""

    delta: float = 1.0

    known_as = "huber_loss"

    def entries(self, target: Node, y: Node) -> Node:
        e = y - target
        near = inside(e, low=-self.delta, high=self.delta)
        return where(near, scale(square(e), p=0.5), shift(scale(absolute(e), p=self.delta), q=-0.5 * self.delta**2))


class LogCosh(Loss):
    """The mean of log cosh e = e + softplus(-2e) - log 2, of the error e = y_pred - y_true."""

    def entries(self, target: Node, y: Node) -> Node:
        e = y - target
        return shift(e + softplus(scale(e, p=-2)), q=-LOG_2)


class Poisson(Loss):
    """The mean of y_pred - y_true log(y_pred + 1e-7)."""

    def entries(self, target: Node, y: Node) -> Node:
        return y - target * log(shift(y, q=EPSILON))


class CosineSimilarity(OfRows):
    """The mean of -cos of the angle between y_true and y_pred: -1 where both point the same way."""

    def rows(self, target: Node, y: Node) -> Node:
        return -sumcols(unit(target) * unit(y))


class KLDivergence(OfRows):
    """Σ_k y_true_k log(y_true_k / y_pred_k), both kept within [1e-7, 1] (Kullback and Leibler, 1951)."""

    def rows(self, target: Node, y: Node) -> Node:
        p, q = clip(target, low=EPSILON, high=1), clip(y, low=EPSILON, high=1)
        return sumcols(p * log(p / q))


def at_least(x: Node, low: float) -> Node:
    """max(x, low)."""
    return shift(relu(shift(x, q=-low)), q=low)


def unit(x: Node) -> Node:
    """Each row, made as long as 1; a row of zeros stays one."""
    return x / spreadcols(at_least(sqrt(sumcols(square(x))), EPSILON), x)
