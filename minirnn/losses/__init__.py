"""Losses, with Keras' names: as classes, as functions ``mse(y_true, y_pred)`` on arrays and nodes, and by name."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..engine.graph import Node
from ..registry import Registry
from ..system import suggest_names
from .classification import (
    BinaryCrossentropy,
    BinaryFocalCrossentropy,
    CategoricalCrossentropy,
    CategoricalFocalCrossentropy,
    CategoricalGeneralizedCrossEntropy,
    CategoricalHinge,
    Dice,
    Hinge,
    SparseCategoricalCrossentropy,
    SquaredHinge,
    Tversky,
)
from .loss import Loss, LossFunction
from .of_outputs import OfEach, for_each, one_by_one, targets_of
from .own import Own
from .regression import (
    CosineSimilarity,
    Huber,
    KLDivergence,
    LogCosh,
    MeanAbsoluteError,
    MeanAbsolutePercentageError,
    MeanSquaredError,
    MeanSquaredLogarithmicError,
    Poisson,
)

__all__ = ["OfEach", "as_loss", "for_each", "get", "of_outputs", "one_by_one", "targets_of"]

mean_squared_error = mse = LossFunction(MeanSquaredError)
mean_absolute_error = mae = LossFunction(MeanAbsoluteError)
mean_absolute_percentage_error = mape = LossFunction(MeanAbsolutePercentageError)
mean_squared_logarithmic_error = msle = LossFunction(MeanSquaredLogarithmicError)
huber = LossFunction(Huber)
log_cosh = LossFunction(LogCosh)
poisson = LossFunction(Poisson)
cosine_similarity = LossFunction(CosineSimilarity)
kl_divergence = LossFunction(KLDivergence)
binary_crossentropy = LossFunction(BinaryCrossentropy)
categorical_crossentropy = LossFunction(CategoricalCrossentropy)
sparse_categorical_crossentropy = LossFunction(SparseCategoricalCrossentropy)
binary_focal_crossentropy = LossFunction(BinaryFocalCrossentropy)
categorical_focal_crossentropy = LossFunction(CategoricalFocalCrossentropy)
categorical_generalized_cross_entropy = LossFunction(CategoricalGeneralizedCrossEntropy)
hinge = LossFunction(Hinge)
squared_hinge = LossFunction(SquaredHinge)
categorical_hinge = LossFunction(CategoricalHinge)
dice = LossFunction(Dice)
tversky = LossFunction(Tversky)

KNOWN = Registry(
    "loss",
    [made.kind for made in list(vars().values()) if isinstance(made, LossFunction)],
    {
        "mse": MeanSquaredError,
        "mae": MeanAbsoluteError,
        "mape": MeanAbsolutePercentageError,
        "msle": MeanSquaredLogarithmicError,
        "bce": BinaryCrossentropy,
        "kld": KLDivergence,
        "kullback_leibler_divergence": KLDivergence,
        "logcosh": LogCosh,
    },
    {"axis": (-1, None)},
)
__all__ += [*KNOWN.classes, *[name for name, made in vars().items() if isinstance(made, LossFunction)]]


def get(identifier: Any) -> Any:
    """The function of that name of Keras, "mse", the object of a class' name, or what is called itself, as it is given."""
    if isinstance(identifier, str) and isinstance(found := globals().get(identifier) or _called(identifier), LossFunction):
        return found
    return identifier if identifier is None or callable(identifier) else KNOWN.get(identifier)


def as_loss(loss: Any) -> Loss:
    """The loss of that name, of that object or class, of Keras' object or function, or a function of the user's own.

    Such a function is given the nodes of target and output, and gives a number, a column, or a loss of every entry.
    """
    if isinstance(loss, Loss):
        if loss.reduction == "none":
            raise ValueError(f"{loss.label}: with reduction='none' it is a number for each sample, and training needs one")
        formula = getattr(loss, "call", None)  # of a class of the user's own, as Keras wants it
        return loss if formula is None else Own(formula, reduction=loss.reduction, name=loss.label, squeezes=False)
    if isinstance(loss, LossFunction):
        return loss.kind(name=loss.__name__)
    found = KNOWN.get(loss)
    if isinstance(found, Loss):
        if isinstance(loss, str):
            found.name = loss
        return found
    if callable(found):
        return Own(found)
    raise ValueError(f"the loss must be a name, an object or a function, not {type(loss).__name__}")


def of_outputs(loss: Any, weights: Any, names: list[str]) -> Loss | OfEach:
    """The loss of a model with outputs of these names: one for all, or a list or a dictionary of one for each."""
    functions = tuple(map(as_loss, for_each("loss", loss, names)))
    factors = tuple(for_each("loss_weights", 1.0 if weights is None else weights, names))
    for factor in factors:
        if (
            isinstance(factor, bool)
            or not isinstance(factor, (int, float, np.integer, np.floating))
            or not np.isfinite(factor)
        ):
            raise ValueError(f"loss_weights holds {factor!r}; it must hold numbers")
    alike = len(set(functions)) == 1 and set(factors) == {1.0}
    return functions[0] if alike else OfEach(functions, tuple(map(float, factors)))


def applied(loss: Any, target: Node, output: Node) -> Node:
    """The loss as a node."""
    return as_loss(loss).reduced(target, output)


def _called(name: str) -> LossFunction | None:
    """The function of that name of Keras: ``MSE``, ``kld``, ``logcosh``."""
    kind = KNOWN.called(name)
    return None if kind is None else LossFunction(kind)


suggest_names(globals(), called=_called, otherwise="write it as a function of y_true and y_pred")
