"""Losses of classes: cross entropies, with Keras' treatment of logits, and hinges."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ..engine.graph import Node, Primitive, named, same
from ..engine.ops import (
    clip,
    divided,
    inside,
    largest,
    leaf,
    log,
    log_softmax,
    logistic_loss,
    onehot,
    ones,
    power,
    present,
    relu,
    scale,
    shift,
    sigmoid,
    softmax,
    spreadcols,
    square,
    sum_all,
    sumcols,
)
from .loss import Loss, OfRows, alike, smoothed
from .regression import EPSILON


def logits(y: Node, given: bool) -> Node | None:
    """What went into the softmax or sigmoid that made y, or y itself if it is `given` as logits; else None.

    So Keras computes a cross entropy: of the logits, whichever of the two functions came last.
    """
    while y.op is same:
        y = y.args[0]
    return y.args[0] if y.op in (softmax, sigmoid) else y if given else None


def probabilities(y: Node) -> Node:
    """y, kept within [1e-7, 1 - 1e-7]."""
    return named("p", clip(y, low=EPSILON, high=1 - EPSILON))


def uniform(y: Node) -> Node:
    """1 / K in every entry of a row of K."""
    return divided(ones(y), p=y.dims[-1])


@dataclass(unsafe_hash=True)
class BinaryCrossentropy(Loss):
    """The mean of -(y_true log p + (1 - y_true) log(1 - p)), with p as Keras takes it on TensorFlow.

    p is the output of a sigmoid; of a softmax it is the sigmoid of what went into it; anything else is kept within
    [1e-7, 1 - 1e-7].

    - `from_logits`: y_pred is z, not p = σ(z)
    - `label_smoothing`: how much of y_true is moved to ½
    """

    from_logits: bool = False
    label_smoothing: float = 0.0

    def entries(self, target: Node, y: Node) -> Node:
        if self.label_smoothing:
            target = smoothed(target, self.label_smoothing, scale(ones(target), p=0.5))
        z = logits(y, self.from_logits)
        if z is not None:
            return logistic_loss(z, target, same_function(sigmoid, z, y))
        p = probabilities(y)
        return -(target * log(p) + (1 - target) * log(1 - p))


@dataclass(unsafe_hash=True)
class CategoricalCrossentropy(OfRows):
    """-Σ_k y_true_k log p_k, with p as Keras takes it on TensorFlow.

    p is the output of a softmax; of a sigmoid it is the softmax of what went into it; anything else is made to sum to 1 and
    kept within [1e-7, 1 - 1e-7].

    - `from_logits`: y_pred is what goes into the softmax
    - `label_smoothing`: how much of y_true is moved to 1 / K
    """

    from_logits: bool = False
    label_smoothing: float = 0.0

    def rows(self, target: Node, y: Node) -> Node:
        if self.label_smoothing:
            target = smoothed(target, self.label_smoothing, uniform(target))
        z = logits(y, self.from_logits)
        log_p = (
            log(probabilities(y / spreadcols(sumcols(y), y))) if z is None else log_softmax(z, same_function(softmax, z, y))
        )
        return -sumcols(target * log_p)


@dataclass(unsafe_hash=True)
class SparseCategoricalCrossentropy(OfRows):
    """-log p_k of the class k that y_true names by its number, 0 to K - 1.

    - `from_logits`: y_pred is what goes into the softmax
    - `ignore_class`: samples of this class are left out
    """

    from_logits: bool = False
    ignore_class: int | None = None

    sparse = True

    def rows(self, target: Node, y: Node) -> Node:
        left = self.left_in(target)
        target = target if left is None else target * left  # what is left out may name no class
        z = logits(y, self.from_logits)
        z = log(probabilities(y)) if z is None else z
        log_p = log_softmax(z, same_function(softmax, z, y))
        return -sumcols(onehot(target, size=y.dims[-1]) * log_p)

    def check(self, target: np.ndarray, classes: int) -> None:
        demand_classes(self, target[target != self.ignore_class], classes)

    def left_in(self, target: Node) -> Node | None:
        return None if self.ignore_class is None else present(target, v=self.ignore_class)


def demand_classes(loss: Loss, numbers: np.ndarray, classes: int) -> None:
    """ValueError if one of these is not the number of a class."""
    wrong = numbers[(numbers < 0) | (numbers >= classes) | (numbers != np.floor(numbers))]
    if wrong.size:
        raise ValueError(
            f"{loss.label} takes the numbers of classes, whole and from 0 to {classes - 1} for an output of {classes}; "
            f"the target holds {wrong.flat[0]:g}"
        )


def same_function(function: Primitive, z: Node, y: Node) -> Node:
    """function(z), which equations call p; y itself where it is that."""
    while y.op is same:
        y = y.args[0]
    return y if y.op is function and y.args[0] is z else named("p", function(z))


@dataclass(unsafe_hash=True)
class BinaryFocalCrossentropy(Loss):
    """(1 - p_t)^gamma times the binary cross entropy, p_t the probability of the right class (Lin et al., 2018)."""

    apply_class_balancing: bool = False
    alpha: float = 0.25
    gamma: float = 2.0
    from_logits: bool = False
    label_smoothing: float = 0.0

    def entries(self, target: Node, y: Node) -> Node:
        y = sigmoid(y) if self.from_logits else y
        loss = BinaryCrossentropy(label_smoothing=self.label_smoothing).entries(target, y)
        if self.label_smoothing:
            target = smoothed(target, self.label_smoothing, scale(ones(target), p=0.5))
        right = target * y + (1 - target) * (1 - y)
        loss = power_of(1 - right, self.gamma) * loss
        if not self.apply_class_balancing:
            return loss
        return shift(scale(target, p=2 * self.alpha - 1), q=1 - self.alpha) * loss


@dataclass(unsafe_hash=True)
class CategoricalFocalCrossentropy(OfRows):
    """-Σ_k alpha (1 - p_k)^gamma y_true_k log p_k (Lin et al., 2018)."""

    alpha: float = 0.25
    gamma: float = 2.0
    from_logits: bool = False
    label_smoothing: float = 0.0

    def rows(self, target: Node, y: Node) -> Node:
        if self.label_smoothing:
            target = smoothed(target, self.label_smoothing, uniform(target))
        y = softmax(y) if self.from_logits else y
        p = probabilities(y / spreadcols(sumcols(y), y))
        return -sumcols(scale(power_of(1 - p, self.gamma), p=self.alpha) * target * log(p))


@dataclass(unsafe_hash=True)
class CategoricalGeneralizedCrossEntropy(OfRows):
    """(1 - p_k^q) / q of the class k that y_true names by its number (Zhang and Sabuncu, 2018)."""

    q: float = 0.5

    sparse = True

    def check(self, target: np.ndarray, classes: int) -> None:
        demand_classes(self, target, classes)

    def rows(self, target: Node, y: Node) -> Node:
        return scale(1 - power_of(sumcols(onehot(target, size=y.dims[-1]) * y), self.q), p=1 / self.q)


class Hinge(Loss):
    """The mean of max(1 - y_true y_pred, 0); y_true is -1 or 1, and 0 counts as -1 where all of it are 0 and 1."""

    def check(self, target: np.ndarray, classes: int) -> None:
        demand_signs(self, target)

    def entries(self, target: Node, y: Node) -> Node:
        return relu(1 - signs(target) * y)


class SquaredHinge(Hinge):
    """The mean of max(1 - y_true y_pred, 0)²; y_true as in `Hinge`."""

    def entries(self, target: Node, y: Node) -> Node:
        return square(super().entries(target, y))


class CategoricalHinge(OfRows):
    """max(1 + max_k((1 - y_true_k) y_pred_k) - Σ_k y_true_k y_pred_k, 0)."""

    def rows(self, target: Node, y: Node) -> Node:
        other = largest((1 - target) * y, axis=-1, keepdims=True)
        return relu(1 + (other - sumcols(target * y)))


@dataclass(unsafe_hash=True)
class Tversky(Loss):
    """1 - s / (s + alpha Σ y_true (1 - y_pred) + beta Σ y_pred (1 - y_true)), s = Σ y_true y_pred, over the whole batch."""

    alpha: float = 0.5
    beta: float = 0.5

    def reduced(self, target: Node, y: Node) -> Node:
        both = sum_all(target * y)
        missed, wrong = sum_all((1 - y) * target), sum_all(y * (1 - target))
        return 1 - both / shift(both + scale(missed, p=self.alpha) + scale(wrong, p=self.beta), q=EPSILON)

    def of_samples(self, y_true: Any, y_pred: Any) -> np.ndarray:
        return np.asarray(self.reduced(*map(leaf, alike(self, y_true, y_pred))).value)

    def rows(self, target: Node, y: Node) -> Node:
        name = type(self).__name__
        raise NotImplementedError(f"{name} is one number of the whole batch: take another loss with masks and sample_weight")


class Dice(Tversky):
    """1 - 2 Σ y_true y_pred / (Σ y_true + Σ y_pred), over the whole batch."""

    def reduced(self, target: Node, y: Node) -> Node:
        return 1 - scale(sum_all(target * y), p=2) / shift(sum_all(target) + sum_all(y), q=EPSILON)


def signs(target: Node) -> Node:
    """The target with -1 for 0."""
    return target - inside(target, low=0, high=0)


def demand_signs(loss: Loss, target: np.ndarray) -> None:
    """ValueError if 0 does not stand for -1, because there are others than 0 and 1."""
    if (target == 0).any() and not np.isin(target, (0, 1)).all():
        raise ValueError(f"{loss.label} takes targets of -1 and 1, or of 0 and 1; this one holds 0 and others")


def power_of(x: Node, exponent: float) -> Node:
    return square(x) if exponent == 2 else x if exponent == 1 else power(x, p=exponent)
