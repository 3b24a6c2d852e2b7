"""Losses, with Keras' names: functions of the target and the output, as nodes; each gives a single number."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from .graph import Node, named
from .ops import clip, leaf, log, log_softmax, mean, meancols, same, sigmoid, softmax, spreadcols, square, sumcols


def mse(target: Node, y: Node) -> Node:
    """The mean of (y - target)² over all entries."""
    return mean(square(y - target))


def mse_of_samples(target: Node, y: Node) -> Node:
    """The mean of (y - target)² over the entries of each sample: a column."""
    return meancols(square(y - target))


def categorical_crossentropy(target: Node, y: Node) -> Node:
    """The mean over the samples of -Σ_k target_k log p_k, with p as Keras takes it on TensorFlow.

    p is the output of a softmax; of a sigmoid it is the softmax of what went into it; anything else is made to sum to 1
    and kept within [1e-7, 1 - 1e-7].
    """
    return mean(crossentropy_of_samples(target, y))


def crossentropy_of_samples(target: Node, y: Node) -> Node:
    """-Σ_k target_k log p_k of each sample: a column."""
    while y.op is same:
        y = y.args[0]
    if y.op is softmax:
        log_p = log_softmax(y.args[0], y)
    elif y.op is sigmoid:
        log_p = log_softmax(y.args[0], named("p", softmax(y.args[0])))
    else:
        log_p = log(named("p", clip(y / spreadcols(sumcols(y), y), low=1e-7, high=1 - 1e-7)))
    return -sumcols(target * log_p)


LossFunction = Callable[[Node, Node], Node]

_by_name: dict[str, LossFunction] = {
    "mse": mse,
    "mean_squared_error": mse,
    "MeanSquaredError": mse,
    "categorical_crossentropy": categorical_crossentropy,
    "CategoricalCrossentropy": categorical_crossentropy,
}


_of_samples: dict[LossFunction, LossFunction] = {
    mse: mse_of_samples,
    categorical_crossentropy: crossentropy_of_samples,
}


def of_samples(loss: LossFunction) -> LossFunction:
    """The same loss as a column, one number for each sample: masks are put on it."""
    if loss not in _of_samples:
        name = getattr(loss, "__name__", "of your own")
        raise NotImplementedError(f"a mask at every step and the loss {name} do not go together in minirnn yet")
    return _of_samples[loss]


class Loss:
    """A loss as an object: ``MeanSquaredError()(y_true, y_pred)`` on arrays gives the number."""

    function: LossFunction

    def __call__(self, y_true: Any, y_pred: Any) -> Any:
        y_pred = np.asarray(y_pred)
        return type(self).function(leaf(np.asarray(y_true, y_pred.dtype)), leaf(y_pred)).value


class MeanSquaredError(Loss):
    """The mean of (y_pred - y_true)².

    >>> float(MeanSquaredError()([[1.0, 2.0]], [[1.0, 4.0]]))
    2.0
    """

    function = staticmethod(mse)


class CategoricalCrossentropy(Loss):
    """The mean over the samples of -Σ_k y_true_k log y_pred_k."""

    function = staticmethod(categorical_crossentropy)


def get(loss: str | Loss | LossFunction) -> LossFunction:
    """The loss of that name, of that object, or the function itself."""
    if isinstance(loss, Loss):
        return type(loss).function
    if isinstance(loss, str) and loss in _by_name:
        return _by_name[loss]
    if callable(loss):
        return loss
    raise ValueError(f"unknown loss {loss!r}; minirnn has mse and categorical_crossentropy")
