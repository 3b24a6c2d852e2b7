"""Metrics that count: right and wrong decisions at thresholds, and what is computed of these numbers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np

from .metric import Metric, of_one_rank

EPSILON = 1e-7


def over(a: Any, b: Any) -> Any:
    """a / b, and 0 where b is 0."""
    return np.divide(a, b, out=np.zeros(np.broadcast(a, b).shape), where=np.asarray(b) != 0)


@dataclass(eq=False)
class Counts(Metric):
    """Counts, at every threshold, what is taken for true and is, or is not, and the other way round.

    - `thresholds`: an entry is taken for true if it is larger; 0.5, or a list of several
    - `top_k`: only the k largest entries of a row can be taken for true
    - `class_id`: only this column is looked at
    """

    thresholds: float | Sequence[float] | None = None

    kind: ClassVar[str]  # which of the counts is the result

    def reset_state(self) -> None:
        n = len(self._thresholds())
        self._counts = {kind: np.zeros(n) for kind in ("tp", "fp", "tn", "fn")}

    def _thresholds(self) -> np.ndarray:
        given = 0.5 if self.thresholds is None else self.thresholds
        return np.atleast_1d(np.asarray(given, np.float64))

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        target, y = of_one_rank(y_true, y_pred)
        self._count(target, y, weights_of(sample_weight, y.shape))

    def _count(self, target: np.ndarray, y: np.ndarray, weights: np.ndarray) -> None:
        true, said = target.ravel() != 0, y.ravel() > self._thresholds()[:, None].astype(y.dtype)
        weights = weights.ravel()
        for kind, found in {"tp": true & said, "fp": ~true & said, "tn": ~true & ~said, "fn": true & ~said}.items():
            self._counts[kind] += found @ weights

    def result(self) -> Any:
        found = self.of_counts(**self._counts)
        return float(found[0]) if len(found) == 1 else found

    def of_counts(self, tp: np.ndarray, fp: np.ndarray, tn: np.ndarray, fn: np.ndarray) -> np.ndarray:
        """The result: by default the count that the class is of."""
        return self._counts[self.kind]


class TruePositives(Counts):
    kind = "tp"


class FalsePositives(Counts):
    kind, goes = "fp", "down"


class TrueNegatives(Counts):
    kind = "tn"


class FalseNegatives(Counts):
    kind, goes = "fn", "down"


@dataclass(eq=False)
class Precision(Counts):
    """Of what is taken for true, the share that is."""

    top_k: int | None = None
    class_id: int | None = None

    def _thresholds(self) -> np.ndarray:
        lowest = self.top_k is not None and self.thresholds is None
        return np.array([-1e10]) if lowest else super()._thresholds()

    def _count(self, target: np.ndarray, y: np.ndarray, weights: np.ndarray) -> None:
        if self.top_k is not None:
            order = np.argsort(-y, axis=-1, kind="stable")
            kept = np.zeros(y.shape, bool)
            np.put_along_axis(kept, order[..., : self.top_k], True, -1)
            y = np.where(kept, y, -np.inf)
        if self.class_id is not None:
            target, y, weights = (a[..., self.class_id] for a in (target, y, weights))
        super()._count(target, y, weights)

    def of_counts(self, tp: np.ndarray, fp: np.ndarray, tn: np.ndarray, fn: np.ndarray) -> np.ndarray:
        return over(tp, tp + fp)


class Recall(Precision):
    """Of what is true, the share that is taken for true."""

    def of_counts(self, tp: np.ndarray, fp: np.ndarray, tn: np.ndarray, fn: np.ndarray) -> np.ndarray:
        return over(tp, tp + fn)


@dataclass(eq=False)
class AUC(Metric):
    """The area under the curve of true over false positives ("ROC"), or of precision over recall ("PR"), of many thresholds.

    `summation_method` is "interpolation", "minoring" or "majoring"; precision is interpolated as by Davis and Goadrich
    (2006). Outputs are taken between 0 and 1, as a sigmoid makes them; with `from_logits` the sigmoid is taken first.
    """

    num_thresholds: int = 200
    curve: str = "ROC"
    summation_method: str = "interpolation"
    thresholds: Sequence[float] | None = field(default=None, kw_only=True)
    multi_label: bool = field(default=False, kw_only=True)
    from_logits: bool = field(default=False, kw_only=True)

    methods: ClassVar[dict[str, Any]] = {
        "interpolation": lambda a, b: (a + b) / 2,
        "minoring": np.minimum,
        "majoring": np.maximum,
    }

    def __post_init__(self) -> None:
        self.curve = str(getattr(self.curve, "value", self.curve)).upper()
        self.summation_method = str(getattr(self.summation_method, "value", self.summation_method)).lower()
        self.summation_method = {"interpolate": "interpolation"}.get(self.summation_method, self.summation_method)
        if self.curve not in ("ROC", "PR") or self.summation_method not in self.methods:
            raise ValueError(f"AUC: the curve is ROC or PR, the method one of {', '.join(self.methods)}")
        if self.thresholds is None and self.num_thresholds < 2:
            raise ValueError(f"AUC(num_thresholds={self.num_thresholds!r}): it must be at least 2")
        super().__post_init__()

    def reset_state(self) -> None:
        self._tp: Any = 0.0
        self._fp: Any = 0.0
        self._true: Any = 0.0
        self._false: Any = 0.0

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        target, y = of_one_rank(y_true, y_pred)
        if self.from_logits:
            y = 1 / (1 + np.exp(-y))
        weights = weights_of(sample_weight, y.shape)
        labels = y.shape[-1] if self.multi_label else 1
        target, y, weights = (a.reshape(-1, labels) for a in ((target != 0).astype(np.float64), y, weights))
        self._tp = self._tp + self._above(y, target * weights)
        self._fp = self._fp + self._above(y, (1 - target) * weights)
        self._true, self._false = self._true + (target * weights).sum(0), self._false + ((1 - target) * weights).sum(0)

    def _above(self, y: np.ndarray, weights: np.ndarray) -> np.ndarray:
        """The weight of the entries above each threshold, (thresholds, labels)."""
        if self.thresholds is not None:
            at = np.array([-EPSILON, *sorted(self.thresholds), 1 + EPSILON], y.dtype)
            return np.stack([(weights * (y > threshold)).sum(0) for threshold in at])
        n = self.num_thresholds  # evenly spread: as Keras, by the number of the interval that an entry lies in
        place = np.maximum(np.ceil(np.clip(y, 0, 1) * y.dtype.type(n - 1)) - 1, 0).astype(np.int64)
        found = [np.bincount(place[:, k], weights[:, k], n) for k in range(y.shape[1])]
        return np.stack(found, 1)[::-1].cumsum(0)[::-1]

    def result(self) -> float:
        if not np.ndim(self._tp):
            return 0.0
        tp, fp = self._tp, self._fp
        fn, tn = self._true - tp, self._false - fp
        recall, precision = over(tp, tp + fn), over(tp, tp + fp)
        if self.curve == "PR" and self.summation_method == "interpolation":
            return float(_interpolated(tp, fp, fn).sum(0).mean())
        x, y = (over(fp, fp + tn), recall) if self.curve == "ROC" else (recall, precision)
        return float(((x[:-1] - x[1:]) * self.methods[self.summation_method](y[:-1], y[1:])).sum(0).mean())


def _interpolated(tp: np.ndarray, fp: np.ndarray, fn: np.ndarray) -> np.ndarray:
    """What each interval between two thresholds adds to the area under precision over recall (Davis and Goadrich, 2006)."""
    gained, p = tp[:-1] - tp[1:], tp + fp
    slope = over(gained, np.maximum(p[:-1] - p[1:], 0))
    intercept = tp[1:] - slope * p[1:]
    both = (p[:-1] > 0) & (p[1:] > 0)
    ratio = np.where(both, over(p[:-1], np.maximum(p[1:], 0)), 1.0)
    return over(slope * (gained + intercept * np.log(ratio)), np.maximum(tp[1:] + fn[1:], 0))


@dataclass(eq=False)
class FBetaScore(Metric):
    """(1 + beta²) precision recall / (beta² precision + recall) of each class, or averaged over them.

    `average`: None, "micro", "macro" or "weighted"; `threshold`: None takes the largest entry of a row for true.
    """

    known_as, is_numbered = "fbeta_score", False
    average: str | None = None
    beta: float = 1.0
    threshold: float | None = None

    def reset_state(self) -> None:
        self._tp: Any = 0.0
        self._fp: Any = 0.0
        self._fn: Any = 0.0

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        target, y = of_one_rank(y_true, y_pred)
        if self.threshold is None:
            said = (y >= y.max(-1, keepdims=True)) & (np.abs(y) > 1e-9)
        else:
            said = y > self.threshold
        weights = weights_of(sample_weight, y.shape)
        axis = None if self.average == "micro" else 0
        self._tp = self._tp + (weights * said * target).sum(axis)
        self._fp = self._fp + (weights * said * (1 - target)).sum(axis)
        self._fn = self._fn + (weights * ~said * target).sum(axis)

    def result(self) -> Any:
        precision, recall = self._tp / (self._tp + self._fp + EPSILON), self._tp / (self._tp + self._fn + EPSILON)
        mean = precision * recall / (self.beta**2 * precision + recall + EPSILON) * (1 + self.beta**2)
        if self.average == "weighted":
            true = self._tp + self._fn
            return float((mean * true / (np.sum(true) + EPSILON)).sum())
        return mean if self.average is None else float(np.mean(mean))


@dataclass(eq=False)
class F1Score(FBetaScore):
    """2 precision recall / (precision + recall); the arguments are those of `FBetaScore`."""

    known_as = "f1_score"
    beta: float = field(default=1.0, init=False)


@dataclass(eq=False)
class R2Score(Metric):
    """1 - the sum of (y_true - y_pred)² over that of (y_true - its mean)², the mean over the columns."""

    is_numbered = False
    class_aggregation: str | None = "uniform_average"

    def reset_state(self) -> None:
        self._sums: list[Any] = [0.0, 0.0, 0.0, 0.0]

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        target, y = (a.astype(np.float64) for a in of_one_rank(y_true, y_pred))
        weights = weights_of(sample_weight, y.shape)
        terms = (weights, target * weights, target**2 * weights, (target - y) ** 2 * weights)
        self._sums = [total + term.sum(0) for total, term in zip(self._sums, terms)]

    def result(self) -> Any:
        count, total, squares, residual = self._sums
        spread = squares - total * (total / count)
        scores = 1 - residual / spread
        scores = np.where(np.isinf(scores), 0.0, scores)
        if self.class_aggregation == "variance_weighted_average":
            return float((spread * scores).sum() / spread.sum())
        return scores if self.class_aggregation is None else float(scores.mean())


def weights_of(sample_weight: Any, shape: tuple[int, ...]) -> np.ndarray:
    """What each entry of the output counts for."""
    weights = np.ones(()) if sample_weight is None else np.asarray(sample_weight, np.float64)
    return np.broadcast_to(weights.reshape(weights.shape + (1,) * (len(shape) - weights.ndim)), shape)
