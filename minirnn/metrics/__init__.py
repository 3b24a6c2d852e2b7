"""Metrics, with Keras' names: ``BinaryAccuracy()(y_true, y_pred)``; by name in `Model.compile`."""

from __future__ import annotations

from typing import Any

from .. import losses
from ..registry import Registry
from ..system import suggest_names
from .counts import (
    AUC,
    F1Score,
    FalseNegatives,
    FalsePositives,
    FBetaScore,
    Precision,
    R2Score,
    Recall,
    TrueNegatives,
    TruePositives,
)
from .means import (
    Accuracy,
    AnyAccuracy,
    BinaryAccuracy,
    BinaryCrossentropy,
    CategoricalAccuracy,
    CategoricalCrossentropy,
    CategoricalHinge,
    CosineSimilarity,
    Hinge,
    KLDivergence,
    LogCoshError,
    MeanAbsoluteError,
    MeanAbsolutePercentageError,
    MeanSquaredError,
    MeanSquaredLogarithmicError,
    Poisson,
    RootMeanSquaredError,
    SparseCategoricalAccuracy,
    SparseCategoricalCrossentropy,
    SparseTopKCategoricalAccuracy,
    SquaredHinge,
    TopKCategoricalAccuracy,
)
from .metric import Foreign, Mean, MeanMetric, Metric, MetricFunction, OfFunction, Sum

__all__ = ["Metric", "get"]

KNOWN = Registry(
    "metric",
    [
        Accuracy, BinaryAccuracy, CategoricalAccuracy, SparseCategoricalAccuracy, TopKCategoricalAccuracy,
        SparseTopKCategoricalAccuracy, MeanSquaredError, MeanAbsoluteError, MeanAbsolutePercentageError,
        MeanSquaredLogarithmicError, RootMeanSquaredError, LogCoshError, CosineSimilarity, Poisson, KLDivergence, Hinge,
        SquaredHinge, CategoricalHinge, BinaryCrossentropy, CategoricalCrossentropy, SparseCategoricalCrossentropy,
        Precision, Recall, AUC, F1Score, FBetaScore, R2Score, TruePositives, FalsePositives, TrueNegatives, FalseNegatives,
    ],
    {
        "acc": AnyAccuracy, "mse": MeanSquaredError, "mae": MeanAbsoluteError, "mape": MeanAbsolutePercentageError,
        "msle": MeanSquaredLogarithmicError, "fbeta_score": FBetaScore, "bce": BinaryCrossentropy, "logcosh": LogCoshError,
    },
    {
        "axis": (-1,), "from_sorted_ids": (False,), "num_regressors": (0,), "num_labels": (None,), "label_weights": (None,),
        "fn": ...,
    },
)  # fmt: skip
__all__ += ["Mean", "Sum", *KNOWN.classes]  # of the first two there is no metric by name: they are given no targets


def get(metric: Any) -> Metric:
    """The metric of that name, of that object or class, of Keras' object or function, or a function of the arrays."""
    if isinstance(metric, Metric):
        return metric
    if isinstance(metric, str):
        found = AnyAccuracy() if metric.lower() in ("accuracy", "acc") else KNOWN.named(metric)
        found.name = metric
        return found
    if isinstance(metric, MetricFunction):
        return metric.kind(name=metric.__name__)
    try:
        found = KNOWN.get(metric)
    except NotImplementedError:
        found = metric
    if isinstance(found, Metric):
        return _called_as(found, metric)
    if hasattr(found, "update_state"):
        return Foreign(found)
    if callable(found):
        return OfFunction(found)
    raise ValueError(f"a metric must be a name, an object, or a function of the arrays (y_true, y_pred), not {metric!r}")


def _called_as(found: Metric, given: Any) -> Metric:
    """A translated metric has the name of what was given: of Keras' object its own, of a function that of the function."""
    name = getattr(given, "__name__", None) or getattr(given, "name", None)
    if isinstance(name, str) and not isinstance(given, type):
        found.name = name
    return found


def _called(name: str) -> Any:
    """The function of that name of Keras, of arrays: ``mean_squared_error``, ``binary_accuracy``."""
    if losses.KNOWN.called(name) is not None:
        return getattr(losses, name)
    kind = KNOWN.called(name)
    return MetricFunction(kind) if isinstance(kind, type) and issubclass(kind, MeanMetric) else None


suggest_names(globals(), called=_called, otherwise="write it as a function of y_true and y_pred, or as a subclass of Metric")
