"""Metrics that are a mean: those that have the formula of a loss, and the accuracies."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any, ClassVar

import numpy as np

from .. import losses
from ..tensorlike import Number
from .metric import MeanMetric


class OfLoss(MeanMetric):
    """The mean of a loss."""

    loss: ClassVar[type[losses.Loss]]
    goes = "down"

    def values(self, y_true: np.ndarray, y_pred: np.ndarray) -> np.ndarray:
        settings = {f.name: getattr(self, f.name) for f in fields(self) if f.name != "name"}
        return self.loss(**settings).of_samples(y_true, y_pred)


def _of_loss(kind: type[losses.Loss], name: str = "", goes: str = "down", known_as: str = "") -> type[OfLoss]:
    """The metric of a loss without settings, called as the loss is unless it has a name of its own."""
    own = {"loss": kind, "goes": goes, "known_as": known_as, "__module__": __name__, "__doc__": kind.__doc__}
    return type(name or kind.__name__, (OfLoss,), own)


MeanSquaredError = _of_loss(losses.MeanSquaredError)
MeanAbsoluteError = _of_loss(losses.MeanAbsoluteError)
MeanAbsolutePercentageError = _of_loss(losses.MeanAbsolutePercentageError)
MeanSquaredLogarithmicError = _of_loss(losses.MeanSquaredLogarithmicError)
LogCoshError = _of_loss(losses.LogCosh, "LogCoshError", known_as="logcosh")
Poisson = _of_loss(losses.Poisson, goes="")
KLDivergence = _of_loss(losses.KLDivergence, goes="")
Hinge = _of_loss(losses.Hinge)
SquaredHinge = _of_loss(losses.SquaredHinge)
CategoricalHinge = _of_loss(losses.CategoricalHinge)


@dataclass(eq=False)
class BinaryCrossentropy(OfLoss):
    from_logits: bool = False
    label_smoothing: float = 0.0

    loss = losses.BinaryCrossentropy


@dataclass(eq=False)
class CategoricalCrossentropy(OfLoss):
    from_logits: bool = False
    label_smoothing: float = 0.0

    loss = losses.CategoricalCrossentropy


@dataclass(eq=False)
class SparseCategoricalCrossentropy(OfLoss):
    from_logits: bool = False
    ignore_class: int | None = None

    loss = losses.SparseCategoricalCrossentropy

    def values(self, y_true: np.ndarray, y_pred: np.ndarray) -> np.ndarray:
        left_out = np.zeros((), bool) if self.ignore_class is None else classes(y_true, y_pred) == self.ignore_class
        return np.where(left_out, 0.0, super().values(y_true, y_pred))  # Keras counts them, unless there are weights

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        if self.ignore_class is not None and sample_weight is not None:
            counts = (np.asarray(y_true) != self.ignore_class).astype(float)
            sample_weight = counts * np.reshape(sample_weight, counts.shape)
        super().update_state(y_true, y_pred, sample_weight)


class CosineSimilarity(OfLoss):
    """The mean of the cosine of the angle between y_true and y_pred; the loss of that name is its negative."""

    loss = losses.CosineSimilarity
    goes = "up"

    def values(self, y_true: np.ndarray, y_pred: np.ndarray) -> np.ndarray:
        return -super().values(y_true, y_pred)


class Accuracy(MeanMetric):
    """How often y_pred is y_true."""

    def values(self, y_true: np.ndarray, y_pred: np.ndarray) -> np.ndarray:
        return y_true == y_pred


@dataclass(eq=False)
class BinaryAccuracy(MeanMetric):
    """How often y_pred is on the side of `threshold` that y_true, 0 or 1, says."""

    threshold: float = 0.5

    def values(self, y_true: np.ndarray, y_pred: np.ndarray) -> np.ndarray:
        return y_true == (y_pred > self.threshold)


class CategoricalAccuracy(MeanMetric):
    """How often the largest entry of y_pred is where that of y_true is."""

    def values(self, y_true: np.ndarray, y_pred: np.ndarray) -> np.ndarray:
        return y_true.argmax(-1) == y_pred.argmax(-1)


class SparseCategoricalAccuracy(MeanMetric):
    """How often the largest entry of y_pred is that of the class whose number is y_true."""

    def values(self, y_true: np.ndarray, y_pred: np.ndarray) -> np.ndarray:
        return classes(y_true, y_pred) == y_pred.argmax(-1)


@dataclass(eq=False)
class TopKCategoricalAccuracy(MeanMetric):
    """How often the entry where y_true is largest is among the k largest of y_pred."""

    k: int = 5

    def values(self, y_true: np.ndarray, y_pred: np.ndarray) -> np.ndarray:
        return among_largest(y_true.argmax(-1), y_pred, self.k)


@dataclass(eq=False)
class SparseTopKCategoricalAccuracy(MeanMetric):
    """How often the entry of the class whose number is y_true is among the k largest of y_pred."""

    k: int = 5

    def values(self, y_true: np.ndarray, y_pred: np.ndarray) -> np.ndarray:
        return among_largest(classes(y_true, y_pred), y_pred, self.k)


class RootMeanSquaredError(MeanMetric):
    """The root of the mean of (y_pred - y_true)²."""

    goes = "down"
    masked = False

    def values(self, y_true: np.ndarray, y_pred: np.ndarray) -> np.ndarray:
        return np.square(y_pred - y_true)

    def result(self) -> Number:
        return Number(np.sqrt(super().result()))


def classes(y_true: np.ndarray, y_pred: np.ndarray) -> np.ndarray:
    """The numbers of the classes, without a last axis of one."""
    numbers = y_true[..., 0] if y_true.ndim == y_pred.ndim and y_true.shape[-1] == 1 else y_true
    return numbers.astype(np.int64)


def among_largest(numbers: np.ndarray, y_pred: np.ndarray, k: int) -> np.ndarray:
    """Whether fewer than k entries of a row are larger than that of its class."""
    own = np.take_along_axis(y_pred, numbers[..., None], -1)
    return (y_pred > own).sum(-1) < k


class AnyAccuracy(MeanMetric):
    """What "accuracy" means: binary for one output, else that of classes, given as numbers or as rows."""

    def values(self, y_true: np.ndarray, y_pred: np.ndarray) -> np.ndarray:
        if y_pred.shape[-1] == 1:
            return BinaryAccuracy().values(y_true, y_pred)
        sparse = y_true.ndim < y_pred.ndim or y_true.shape[-1] == 1
        return (SparseCategoricalAccuracy if sparse else CategoricalAccuracy)().values(y_true, y_pred)
