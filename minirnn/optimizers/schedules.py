"""Learning rates that change from step to step, with Keras' names and formulas: ``schedule(step)``, the first step is 0.

They are computed in single precision, as Keras computes them whatever the precision of the network: small differences of a
learning rate grow in a long training.
"""

from __future__ import annotations

import copy
import dataclasses
import functools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np

from ..registry import Configured, Registry

PI = np.float32(math.pi)


@dataclass
class Schedule(Configured):
    """A learning rate for every step: `rate` of a step in single precision is the formula."""

    _by_reciprocals = False
    optimizer: ClassVar[Any] = None  # whose learning rate it is, of its own copy

    def __call__(self, step: int) -> float:
        return float(self._single.rate(np.float32(step)))

    def __float__(self) -> float:
        """The learning rate of the next step of its optimizer, ``float(optimizer.learning_rate)``."""
        if self.optimizer is None:
            raise TypeError("a schedule has a learning rate for each step: schedule(step)")
        return float(self.optimizer.rate)

    def numpy(self) -> np.float32:
        """The same as Keras keeps it."""
        return np.float32(float(self))

    def in_fit(self, step: int) -> float:
        """The same as the graph in which Keras trains on TensorFlow computes it: by reciprocals of what does not change."""
        if type(self).__call__ is not Schedule.__call__:  # a schedule of the user's own, which may divide by the step
            with np.errstate(divide="ignore"):
                return float(self(np.int64(step)))  # type: ignore[arg-type]
        return float(self._in_graph.rate(np.float32(step)))

    def rate(self, step: Any) -> Any:
        raise NotImplementedError

    def over(self, step: Any, steps: Any, factor: Any = 1) -> Any:
        """factor step / steps, where `factor` and `steps` are the same in the whole training."""
        return step * (factor * (np.float32(1) / steps)) if self._by_reciprocals else factor * (step / steps)

    @functools.cached_property
    def _single(self) -> Self:
        """The same with its numbers in single precision, in which all that is computed with them stays."""
        given = {field.name: getattr(self, field.name) for field in dataclasses.fields(self) if field.init}
        numbers = {
            name: np.float32(x) for name, x in given.items() if isinstance(x, (int, float)) and not isinstance(x, bool)
        }
        return dataclasses.replace(self, **numbers)

    @functools.cached_property
    def _in_graph(self) -> Self:
        found = copy.copy(self._single)
        found._by_reciprocals = True
        return found

    def __post_init__(self) -> None:
        for name in ("decay_steps", "first_decay_steps"):
            if getattr(self, name, 1) <= 0:
                raise ValueError(f"{type(self).__name__}({name}={getattr(self, name)!r}): it must be more than 0")


LearningRateSchedule = Schedule  # as Keras calls it, for schedules of one's own


@dataclass
class ExponentialDecay(Schedule):
    """initial_learning_rate decay_rate^(step / decay_steps); `staircase` rounds the exponent down."""

    initial_learning_rate: float
    decay_steps: float
    decay_rate: float
    staircase: bool = False
    name: str = "ExponentialDecay"

    def stairs(self, step: Any) -> Any:
        """step / decay_steps, rounded down on a staircase."""
        p = self.over(step, self.decay_steps)
        return np.floor(p) if self.staircase else p

    def rate(self, step: Any) -> Any:
        return self.initial_learning_rate * self.decay_rate ** self.stairs(step)


@dataclass
class InverseTimeDecay(ExponentialDecay):
    """initial_learning_rate / (1 + decay_rate step / decay_steps); `staircase` rounds step / decay_steps down."""

    name: str = "InverseTimeDecay"

    def rate(self, step: Any) -> Any:
        if self.staircase:
            return self.initial_learning_rate / (1 + self.decay_rate * self.stairs(step))
        return self.initial_learning_rate / (1 + self.over(step, self.decay_steps, self.decay_rate))


@dataclass
class PiecewiseConstantDecay(Schedule):
    """The first of `values` up to and with the step of the first of `boundaries`, then the next."""

    boundaries: Sequence[float]
    values: Sequence[float]
    name: str = "PiecewiseConstant"

    def __post_init__(self) -> None:
        if len(self.boundaries) != len(self.values) - 1:
            raise ValueError(
                f"PiecewiseConstantDecay: {len(self.boundaries)} boundaries need {len(self.boundaries) + 1} values, "
                f"not {len(self.values)}"
            )

    def rate(self, step: Any) -> Any:
        return np.float32(self.values[sum(step > boundary for boundary in self.boundaries)])


@dataclass
class PolynomialDecay(Schedule):
    """From the initial rate to the last one, by (1 - step / decay_steps)^power; `cycle` begins anew, ever longer."""

    initial_learning_rate: float
    decay_steps: float
    end_learning_rate: float = 0.0001
    power: float = 1.0
    cycle: bool = False
    name: str = "PolynomialDecay"

    def rate(self, step: Any) -> Any:
        steps = self.decay_steps
        if self.cycle:
            steps = steps * max(1, math.ceil(self.over(step, steps)))
            p = min(step, steps) / steps
        else:
            p = self.over(min(step, steps), steps)
        return (self.initial_learning_rate - self.end_learning_rate) * (1 - p) ** self.power + self.end_learning_rate


@dataclass
class CosineDecay(Schedule):
    """Down half a wave of the cosine, to `alpha` of the initial rate; before it up to `warmup_target` in a straight line."""

    initial_learning_rate: float
    decay_steps: float
    alpha: float = 0.0
    name: str = "CosineDecay"
    warmup_target: float | None = None
    warmup_steps: int = 0

    def rate(self, step: Any) -> Any:
        first, top = self.initial_learning_rate, self.initial_learning_rate
        if self.warmup_target is not None:
            if step < self.warmup_steps:
                return self.over(step, self.warmup_steps, self.warmup_target - first) + first
            step, top = step - self.warmup_steps, self.warmup_target
        return top * _wave(self.over(min(step, self.decay_steps), self.decay_steps, PI), self.alpha)


@dataclass
class CosineDecayRestarts(Schedule):
    """Waves one after the other, each `t_mul` times as long and `m_mul` times as high (Loshchilov and Hutter, 2017)."""

    initial_learning_rate: float
    first_decay_steps: float
    t_mul: float = 2.0
    m_mul: float = 1.0
    alpha: float = 0.0
    name: str = "SGDRDecay"

    def rate(self, step: Any) -> Any:
        done, restarts, length = self.over(step, self.first_decay_steps), 0, 1.0
        while done >= length:
            done, restarts, length = done - length, restarts + 1, length * self.t_mul
        return self.initial_learning_rate * _wave(PI * (done / length), self.alpha, self.m_mul**restarts)


def _wave(angle: Any, alpha: Any, height: Any = 1.0) -> Any:
    """Half a wave of the cosine, from `height` to `alpha`, at this angle from 0 to pi."""
    return (1 - alpha) * (0.5 * height * (1 + np.cos(angle))) + alpha


KNOWN = Registry(
    "learning-rate schedule",
    [ExponentialDecay, InverseTimeDecay, PiecewiseConstantDecay, PolynomialDecay, CosineDecay, CosineDecayRestarts],
)


def get(schedule: Any) -> Any:
    """The schedule of that name, of Keras' description or object; another thing is given back as it is."""
    return KNOWN.get(schedule)
