"""What every optimizer does: clip the gradient, let the weights decay, take the step that its formula says.

All weights are one flat vector; `parts` are the weights in it. A step makes new arrays and changes none, so that what was
there stays whole whatever happens.
"""

from __future__ import annotations

import copy
import functools
import inspect
import warnings
from collections.abc import Callable, Sequence
from dataclasses import InitVar, dataclass, field, fields
from functools import cached_property
from typing import Any, ClassVar, NamedTuple

import numpy as np

from ..registry import Configured, snake
from ..tensorlike import Count, Number
from .schedules import Schedule

Each = Callable[[Callable[[np.ndarray], np.ndarray], np.ndarray], np.ndarray]


class Occurrences(NamedTuple):
    """The gradient of a table of rows before it is added up: one for each time that a row was looked up.

    Keras on TensorFlow squares, and clips, each of these by itself, and adds them up afterwards.
    """

    part: slice  # of the table in the vector of all weights
    shape: tuple[int, ...]
    rows: np.ndarray  # (n,)
    gradients: np.ndarray  # (n, columns)

    def summed(self, function: Callable[[np.ndarray], np.ndarray] | None = None) -> np.ndarray:
        """The gradient of the table, flat: of each occurrence `function` is taken before they are added up."""
        found = np.zeros(self.shape, self.gradients.dtype)
        np.add.at(found, self.rows, self.gradients if function is None else function(self.gradients))
        return found.ravel()


def of_sum(function: Callable[[np.ndarray], np.ndarray], gradient: np.ndarray) -> np.ndarray:
    """`function` of the gradient, the way of the mathematics."""
    return function(gradient)


class State(NamedTuple):
    """What an optimizer remembers: how many steps it has taken, and its vectors."""

    iterations: int
    slots: tuple[np.ndarray, ...]


class Rate(Number):
    """A learning rate, which programs read and set as a variable of Keras: ``optimizer.learning_rate.assign(0.01)``."""

    optimizer: Optimizer

    def assign(self, value: Any) -> None:
        """Let the optimizer go on with this learning rate."""
        self.optimizer.learning_rate = value


@dataclass(eq=False)
class Optimizer(Configured):
    """Turns weights and their gradient into new weights.

    - `learning_rate`: the size of a step; a number, or one of `minirnn.optimizers.schedules`
    - `weight_decay`: before each step the weights are made smaller by this share, times the learning rate
    - `clipnorm`: the gradient of each weight is shortened to this norm at most
    - `clipvalue`: every entry is kept within plus and minus this value
    - `global_clipnorm`: the gradient of all weights together is shortened to this norm at most

    A subclass has a `formula`, an ordinary function of NumPy: of the weights w, their gradient g, the vectors that are
    remembered (`slots`), and settings by their names, it gives the new weights and the new vectors. ``each(f, g)`` in it is
    f(g) (see `Occurrences`). What is remembered from step to step is in `state`; it can be put back.
    """

    learning_rate: Any = 0.01
    weight_decay: float | None = field(default=None, kw_only=True)
    clipnorm: float | None = field(default=None, kw_only=True)
    clipvalue: float | None = field(default=None, kw_only=True)
    global_clipnorm: float | None = field(default=None, kw_only=True)
    name: str | None = field(default=None, kw_only=True)
    decay: InitVar[Any] = field(default=None, kw_only=True)
    lr: InitVar[Any] = field(default=None, kw_only=True)

    slots: ClassVar[tuple[str, ...]] = ()
    of_all: ClassVar[tuple[str, ...]] = ()  # those of them that are one number, for all weights
    single: ClassVar[tuple[str, ...]] = ()  # settings that Keras on TensorFlow rounds to float32, in float64 training too
    formula: ClassVar[Callable[..., tuple[np.ndarray, ...]]]

    def __post_init__(self, decay: Any, lr: Any) -> None:
        if lr is not None:
            raise TypeError(f"{type(self).__name__} has no argument lr: it is called learning_rate")
        if decay is not None:
            said = f"{type(self).__name__}(decay=...) does nothing, as in Keras 3: give learning_rate a schedule"
            warnings.warn(said, UserWarning, stacklevel=3)
        self.state = State(0, ())
        self.name = self.name or snake(type(self).__name__)
        self._own = [f.name for f in fields(self) if f.name not in {own.name for own in fields(Optimizer)}]
        clipping = ("clipnorm", "clipvalue", "global_clipnorm")
        for name in ("weight_decay", *clipping):
            if getattr(self, name) is not None:
                setattr(self, name, self._number(name, getattr(self, name)))
        if sum(getattr(self, name) is not None for name in clipping) > 1:
            raise ValueError(f"{type(self).__name__}: only one of {', '.join(clipping)} can be given")
        if isinstance(self.learning_rate, dict):
            from .schedules import get

            self.learning_rate = get(self.learning_rate)
        for own in fields(self):
            if own.type == "float" and own.name != "learning_rate":
                setattr(
                    self, own.name, self._number(own.name, getattr(self, own.name), 1.0 if own.name in SHARES else np.inf)
                )

    def __setattr__(self, name: str, value: Any) -> None:
        if name == "learning_rate" and not isinstance(value, (dict, Schedule)):
            if isinstance(getattr(self, "learning_rate", None), Schedule) and "state" in vars(self):
                raise TypeError(f"the learning rate of this {type(self).__name__} follows a schedule: it cannot be set")
            value = Rate(self._number("learning_rate", value))
            value.optimizer = self
        elif isinstance(value, Schedule):
            value = copy.copy(value)
            vars(value)["optimizer"] = self
        if name != "state":
            vars(self).pop("_fixed", None), vars(self).pop("_rounded", None)
        super().__setattr__(name, value)

    def _number(self, name: str, value: Any, most: float = np.inf) -> float:
        kind = getattr(getattr(value, "dtype", None), "kind", "f")  # of NumPy complex numbers and texts would be converted
        if isinstance(value, bool) or not hasattr(value, "__float__") or isinstance(value, str) or kind in "cUSO":
            raise ValueError(f"{type(self).__name__}({name}={value!r}): it must be a number, 0 or more")
        if not 0 <= float(value) <= most or float(value) == np.inf or (name in MEANS and value == 1):
            wanted = "a number, 0 or more" if most == np.inf else "between 0 and 1" + ", less than 1" * (name in MEANS)
            raise ValueError(f"{type(self).__name__}({name}={value!r}): it must be {wanted}")
        return float(value)

    def kept_together(self) -> list[tuple[str, ...]]:
        """The vectors that Keras keeps with these settings, in its order: those in one tuple it keeps weight by weight."""
        return [self.slots]

    @property
    def iterations(self) -> Count:
        """How many steps have been taken."""
        return Count(self.state.iterations)

    @property
    def rate(self) -> float:
        """The learning rate of the next step."""
        rate = self.learning_rate
        return rate.in_fit(self.state.iterations) if isinstance(rate, Schedule) else float(rate)

    @property
    def settings(self) -> dict[str, Any]:
        """What the formula is given by name, besides the weights, the gradient and the vectors; a dictionary of its own."""
        return {"eta": self.rate, "t": self.state.iterations + 1, **self._fixed}

    @cached_property
    def _fixed(self) -> dict[str, Any]:
        """Those that are the same at every step."""
        return {name: getattr(self, name) for name in self._own}

    def step(
        self,
        weights: np.ndarray,
        gradient: np.ndarray,
        parts: Sequence[slice],
        occurrences: Sequence[Occurrences] = (),
    ) -> tuple[np.ndarray, State]:
        """The new weights, and what is to be remembered; nothing is changed. `gradient` may be overwritten.

        `occurrences` are the gradients of tables of rows, each occurrence by itself, in place of those in `gradient`.
        """
        slots = self.state.slots or tuple(self.first(name, weights) for name in self.slots)
        if slots and slots[0].shape != weights.shape:
            raise ValueError(
                f"this {type(self).__name__} was used for other weights, {slots[0].size} numbers, not {weights.size}: "
                "compile the model again, with a new optimizer"
            )
        if self.clipvalue or self.clipnorm or self.global_clipnorm:
            occurrences = self._clipped(gradient, parts, occurrences)
        for table in occurrences:
            gradient[table.part] = table.summed()
        if self.weight_decay:
            weights = weights - weights * (np.float32(self.weight_decay).item() * self.rate)
        each = _of_occurrences(occurrences) if occurrences else of_sum
        settings = self.settings
        settings.update(self._rounded)
        new, *remembered = type(self).formula(weights, gradient, *slots, **settings, each=each)
        return new, State(self.state.iterations + 1, tuple(remembered))

    def counted(self) -> State:
        """What is to be remembered after a step that counts and is not taken."""
        return self.state._replace(iterations=self.state.iterations + 1)

    def first(self, name: str, weights: np.ndarray) -> np.ndarray:
        """The vector of that name before the first step."""
        return np.zeros_like(weights)

    @cached_property
    def _rounded(self) -> dict[str, float]:
        """Those that a step takes in single precision."""
        return {name: single(getattr(self, name)) for name in self.single}

    def _clipped(
        self, gradient: np.ndarray, parts: Sequence[slice], occurrences: Sequence[Occurrences]
    ) -> Sequence[Occurrences]:
        """The gradient clipped in place, and the occurrences anew."""
        if self.clipvalue:
            np.clip(gradient, -self.clipvalue, self.clipvalue, out=gradient)
            return [o._replace(gradients=np.clip(o.gradients, -self.clipvalue, self.clipvalue)) for o in occurrences]
        tables = {o.part.start: i for i, o in enumerate(occurrences)}
        pieces = [occurrences[tables[p.start]].gradients if p.start in tables else gradient[p] for p in parts]
        if self.clipnorm:
            factors = [_factor(np.linalg.norm(piece), self.clipnorm) for piece in pieces]
        else:
            whole = np.sqrt(sum(float(np.vdot(piece, piece)) for piece in pieces))
            factors = [_factor(whole, self.global_clipnorm or np.inf)] * len(pieces)
        found = list(occurrences)
        for part, piece, factor in zip(parts, pieces, factors):
            if part.start in tables:
                at = tables[part.start]
                found[at] = found[at]._replace(gradients=piece * factor)
            else:
                gradient[part] *= factor
        if self.clipnorm:
            return found
        for table in found:  # Keras has them added up, once the norm of all is taken
            gradient[table.part] = table.summed()
        return []

    def minds_occurrences(self) -> bool:
        """Whether occurrences that are added up first lead to other weights."""
        clips = self.clipnorm or self.clipvalue or self.global_clipnorm
        return bool(clips) or _asks_for_each(type(self).formula)


def _no_lr(self: Optimizer, *_: Any) -> Any:
    raise AttributeError(f"{type(self).__name__} has no lr, as in Keras 3: it is called learning_rate")


setattr(Optimizer, "lr", property(_no_lr, _no_lr))  # noqa: B010  # in place of the None that the argument has left


MEANS = ("beta_1", "beta_2")  # how much of a running mean is kept
SHARES = (*MEANS, "momentum", "rho")  # settings between 0 and 1


@functools.cache
def single(number: float) -> float:
    """The number as it is in single precision."""
    return float(np.float32(number))


@functools.cache
def _asks_for_each(formula: Callable[..., Any]) -> bool:
    return "each" in inspect.signature(formula).parameters


def _factor(norm: Any, limit: float) -> float:
    return limit / float(norm) if norm > limit else 1.0


def _of_occurrences(occurrences: Sequence[Occurrences]) -> Each:
    """The function of the gradient where that of tables is taken of each occurrence."""

    def each(function: Callable[[np.ndarray], np.ndarray], gradient: np.ndarray) -> np.ndarray:
        found = function(gradient)
        for table in occurrences:
            found[table.part] = table.summed(function)
        return found

    return each
