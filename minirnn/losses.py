"""Losses, with Keras' names: functions of the target and the output, as nodes; each gives a single number."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from .engine.graph import Node, named
from .engine.ops import (
    clip,
    leaf,
    log,
    log_softmax,
    mean,
    meancols,
    same,
    sigmoid,
    softmax,
    spreadcols,
    square,
    sumcols,
)


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


class OfEach(NamedTuple):
    """The losses of several outputs, and what each counts for in their sum."""

    functions: tuple[LossFunction, ...]
    weights: tuple[float, ...]

    @property
    def name(self) -> str:
        """The names of the losses as a sum."""
        told = [getattr(function, "__name__", "loss") for function in self.functions]
        return " + ".join(name if w == 1 else f"{w:g} {name}" for name, w in zip(told, self.weights))


def of_outputs(loss: Any, weights: Any, names: list[str]) -> LossFunction | OfEach:
    """The loss of a model with outputs of these names: one for all, or a list or a dictionary of one for each."""
    functions = tuple(map(get, for_each("loss", loss, names)))
    factors = tuple(for_each("loss_weights", 1.0 if weights is None else weights, names))
    for factor in factors:
        if isinstance(factor, bool) or not isinstance(factor, (int, float, np.number)) or not np.isfinite(factor):
            raise ValueError(f"loss_weights holds {factor!r}; it must hold numbers")
    alike = len(set(functions)) == 1 and set(factors) == {1.0}
    return functions[0] if alike else OfEach(functions, tuple(map(float, factors)))


def one_by_one(loss: LossFunction | OfEach, outputs: int) -> list[tuple[LossFunction, float]]:
    """The loss of each of so many outputs, and what it counts for."""
    return list(zip(*loss)) if isinstance(loss, OfEach) else [(loss, 1.0)] * outputs


def for_each(what: str, given: Any, names: list[str]) -> list[Any]:
    """What is given for each output: by name, in a list, or the same for all. ValueError says what does not fit."""
    if isinstance(given, dict):
        if set(given) != set(names):
            raise ValueError(
                f"{what} is given for {', '.join(map(str, given))}; the model has the outputs {', '.join(names)}"
            )
        return [given[name] for name in names]
    if isinstance(given, (list, tuple)):
        if len(given) != len(names):
            raise ValueError(f"{what} has {len(given)} entries; the model has {len(names)} outputs")
        return list(given)
    return [given] * len(names)


def applied(function: LossFunction, target: Node, output: Node) -> Node:
    """The loss as a node. TypeError if the function does what nodes cannot do, or returns something else."""
    try:
        loss = function(target, output)
    except (TypeError, AttributeError) as error:
        name = getattr(function, "__name__", "loss")
        raise TypeError(
            f"the loss {name} cannot be computed of traced quantities: {error}; write it with the functions of minirnn.ops, "
            "such as mean(square(output - target))"
        ) from error
    if not isinstance(loss, Node):
        raise TypeError(f"the loss function must return a node made of its arguments, not {type(loss).__name__}")
    return loss


def get(loss: str | Loss | LossFunction) -> LossFunction:
    """The loss of that name, of that object, or the function itself."""
    if isinstance(loss, Loss):
        return type(loss).function
    if isinstance(loss, type):
        raise ValueError(f"the loss is the class {loss.__name__}; give an object, {loss.__name__}(), or a name")
    if isinstance(loss, str) and loss in _by_name:
        return _by_name[loss]
    if callable(loss):
        return loss
    raise ValueError(f"unknown loss {loss!r}; minirnn has mse and categorical_crossentropy")
