"""What every metric is: it is shown one batch after the other, gives its result, and begins anew in every epoch."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np

from .. import initializers
from ..checks import array_of, unraised
from ..engine.ops import leaf
from ..losses.own import Own
from ..registry import Configured, numbered, snake
from ..tensorlike import Number, tensor


class State(np.lib.mixins.NDArrayOperatorsMixin):
    """What a metric of the user's own keeps: an array to be assigned to, which counts as one."""

    def __init__(self, value: np.ndarray) -> None:
        self.value = value

    def assign(self, value: Any) -> None:
        """Take `value` in place of what is there."""
        self.value = np.broadcast_to(np.asarray(value, self.value.dtype), self.value.shape).copy()

    def assign_add(self, value: Any) -> None:
        """Add `value`."""
        self.assign(self.value + np.asarray(value))

    def assign_sub(self, value: Any) -> None:
        """Take `value` away."""
        self.assign(self.value - np.asarray(value))

    def numpy(self) -> np.ndarray:
        """The array."""
        return self.value.copy()

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        return np.array(self.value, dtype)

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **options: Any) -> Any:
        given = [x.value if isinstance(x, State) else x for x in inputs]
        return getattr(ufunc, method)(*given, **options)

    def __float__(self) -> float:
        return float(self.value)

    def __repr__(self) -> str:
        return repr(self.value)


@dataclass(eq=False)
class Metric(Configured):
    """A number that is followed through the batches: ``update_state(y_true, y_pred)``, ``result()``, ``reset_state()``."""

    name: str | None = field(default=None, kw_only=True)
    dtype: Any = field(default=None, kw_only=True, repr=False)  # of what one of the user's own keeps

    known_as: ClassVar[str] = ""  # its name in Keras, where that is not made of the name of the class
    goes: ClassVar[str] = "up"  # where a better number lies
    masked: ClassVar[bool] = False  # whether what a mask leaves out is left out
    is_numbered: ClassVar[bool] = True  # whether Keras calls the second of them auc_1; else all, and subclasses, alike

    def __post_init__(self) -> None:
        self.dtype = np.dtype(self.dtype or "float32").name
        if not self.name:
            ours = next(kind for kind in type(self).__mro__ if kind.__module__.startswith("minirnn."))
            own = snake(type(self).__name__)
            self.name = numbered(own) if self.is_numbered else self.known_as or snake(ours.__name__)
        if type(self).reset_state.__module__.startswith("minirnn."):  # one of the user's own begins with what it adds
            self.reset_state()

    def add_weight(self, shape: Any = (), initializer: Any = "zeros", dtype: Any = None, name: str | None = None) -> State:
        """A number, or an array, that a metric of the user's own keeps from batch to batch."""
        shape = (shape,) if isinstance(shape, int) else tuple(shape)
        state = State(np.asarray(initializers.get(initializer)(shape, dtype=dtype or self.dtype)))
        self.__dict__.setdefault("_states", []).append(state)
        return state

    add_variable = add_weight

    def get_config(self) -> dict[str, Any]:
        return {name: value for name, value in super().get_config().items() if (name, value) != ("dtype", "float32")}

    @property
    def _direction(self) -> str:  # what callbacks of Keras ask for
        return self.goes

    def reset_state(self) -> None:
        """Begin anew: by itself, with zeros in all that was added."""
        for state in self.__dict__.get("_states", []):
            state.assign(np.zeros_like(state.value))

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Take another batch into account; `sample_weight` says what each sample counts for."""
        raise NotImplementedError

    def result(self) -> Any:
        """The number so far."""
        raise NotImplementedError

    def __call__(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> Any:
        """The result with this batch taken into account."""
        self.update_state(y_true, y_pred, sample_weight)
        return self.result()


class Averaged(Metric):
    """What adds numbers up and counts the samples that they are of."""

    def reset_state(self) -> None:
        self._total, self._count = 0.0, 0.0

    def _of_each(self, values: np.ndarray, axes: tuple[int, ...]) -> np.ndarray:
        """One number of those along some axes."""
        return values.mean(axes)

    def _add(self, values: np.ndarray, sample_weight: Any) -> None:
        values = values.astype(np.float64).reshape(values.shape or (1,))
        weights = np.ones(len(values)) if sample_weight is None else np.atleast_1d(np.asarray(sample_weight, np.float64))
        while weights.ndim > values.ndim and weights.shape[-1] == 1:
            weights = weights[..., 0]
        if weights.ndim < values.ndim:
            values = self._of_each(values, tuple(range(weights.ndim, values.ndim)))
        steps = tuple(range(1, values.ndim))
        self._total += float(self._of_each(values * weights, steps).sum())
        self._count += float(np.broadcast_to(weights, values.shape).mean(steps).sum())

    def result(self) -> Number:
        return Number(self._total / self._count if self._count else 0.0)


@dataclass(eq=False)
class Mean(Averaged):
    """The mean of numbers: ``update_state(values, sample_weight)``; of an array each sample counts as one."""

    goes, is_numbered = "", False

    def update_state(self, values: Any, sample_weight: Any = None) -> None:  # type: ignore[override]
        self._add(array_of(values, "values"), sample_weight)

    def __call__(self, values: Any, sample_weight: Any = None) -> Any:  # type: ignore[override]
        """The result with these numbers taken into account."""
        self.update_state(values, sample_weight)
        return self.result()


class Sum(Mean):
    """The sum of numbers: ``update_state(values, sample_weight)``."""

    def _of_each(self, values: np.ndarray, axes: tuple[int, ...]) -> np.ndarray:
        return values.sum(axes)

    def result(self) -> Number:
        return Number(self._total)


class MeanMetric(Averaged):
    """The mean over all samples of a number for each: `values`."""

    masked, is_numbered = True, False

    def values(self, y_true: np.ndarray, y_pred: np.ndarray) -> np.ndarray:
        """The number of each sample, or more of each: one for every step or entry."""
        raise NotImplementedError

    def compared(self, y_true: Any, y_pred: Any) -> tuple[np.ndarray, np.ndarray]:
        """The arrays that `values` is given."""
        return of_one_rank(y_true, y_pred)

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        self._add(np.asarray(self.values(*self.compared(y_true, y_pred))), sample_weight)


class MetricFunction:
    """A metric as a function: ``binary_accuracy(y_true, y_pred)`` of arrays gives the number of each sample.

    Further arguments are those of the class.
    """

    def __init__(self, kind: type[MeanMetric]) -> None:
        self.kind, self.__name__, self.__doc__ = kind, snake(kind.__name__), kind.__doc__

    @unraised
    def __call__(self, y_true: Any, y_pred: Any, **settings: Any) -> Any:
        metric = self.kind(**settings)
        values = np.asarray(metric.values(*metric.compared(y_true, y_pred)))
        return tensor(values if values.dtype.kind == "f" else values.astype(np.float32))

    def __repr__(self) -> str:
        return f"<metric {self.__name__}>"


@dataclass(eq=False)
class OfFunction(MeanMetric):
    """The mean of what a function of the arrays (y_true, y_pred) gives: one number, or one for each sample.

    As in Keras it is given the target as it stands: (N,) beside an output (N, 1) is (N, N) where it is subtracted; and one
    number counts once for a batch, whatever its size.
    """

    function: Callable[..., Any]

    goes = ""  # nobody knows

    def __post_init__(self) -> None:
        own = getattr(self.function, "name", None) or getattr(self.function, "__name__", None)
        self.name = self.name or own or snake(type(self.function).__name__)
        super().__post_init__()

    def compared(self, y_true: Any, y_pred: Any) -> tuple[np.ndarray, np.ndarray]:
        return array_of(y_true, "y_true"), array_of(y_pred, "y_pred")

    def values(self, y_true: np.ndarray, y_pred: np.ndarray) -> np.ndarray:
        try:
            return np.asarray(self.function(y_true, y_pred))
        except AttributeError:  # it is made of functions that take no plain arrays
            return np.asarray(Own(self.function).applied(leaf(y_true), leaf(y_pred)).value)


@dataclass(eq=False)
class Foreign(Metric):
    """A metric object of another library: it keeps its own state."""

    metric: Any

    goes = ""

    def __post_init__(self) -> None:
        self.name = self.name or str(self.metric.name)
        super().__post_init__()

    def reset_state(self) -> None:
        self.metric.reset_state()

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        if sample_weight is None:
            self.metric.update_state(y_true, y_pred)
        else:
            self.metric.update_state(y_true, y_pred, sample_weight=sample_weight)

    def result(self) -> Any:
        return np.asarray(self.metric.result())[()]


def of_one_rank(y_true: Any, y_pred: Any) -> tuple[np.ndarray, np.ndarray]:
    """Both as arrays; a last axis of one that one of them lacks is put there."""
    target, y = array_of(y_true, "y_true"), array_of(y_pred, "y_pred")
    if target.ndim == y.ndim - 1 and y.shape[-1] == 1:
        target = target[..., None]
    elif y.ndim == target.ndim - 1 and target.shape[-1] == 1:
        y = y[..., None]
    return target, y
