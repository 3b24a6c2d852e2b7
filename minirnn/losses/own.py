"""A function of the user's own as a loss; of sequences, whether it is the mean of what it makes of each step."""

from __future__ import annotations

import functools
import types
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

from .. import system
from ..engine.graph import Node, users_names
from ..engine.ops import leaf, mean, meancols, reshape, sum_all
from .loss import Loss

SAMPLES, STEPS = 3, 4  # of the numbers that a function is tried on
LIBRARIES = ("keras", "minirnn", "numpy", "tensorflow")  # whose functions have no numbers of the user's
Apart = Literal["rows", "mean", ""]


@dataclass(unsafe_hash=True)
class Own(Loss):
    """A function of the user's own, which makes a number, one for each sample, or a loss of every entry.

    It is called on nodes, as functions of minirnn.ops take them; one written in NumPy, or in functions of Keras or
    TensorFlow, is followed as a loop is. Of a sequence it is called on all steps at once, as in Keras.
    """

    function: Callable[..., Any]
    squeezes: bool = True  # whether Keras fits the axes of both to each other: not for the `call` of a class

    flat: bool = field(default=False, init=False)  # whether the target was given without a last axis of one

    of_any_target = True

    def __post_init__(self) -> None:
        self.name = self.name or system.plain(getattr(self.function, "__name__", "loss"))
        super().__post_init__()
        self.known = system.Followed()
        self._apart: dict[tuple[int, ...], Apart] = {}

    def given(self, target: np.ndarray, axes: int, outputs: int | None) -> None:
        self.flat = target.ndim == axes - 1
        if self.flat and not self.squeezes and outputs == 1:
            raise ValueError(
                f"{self.label}: y has shape {target.shape} beside an output (..., 1), which Keras gives on as they are "
                "to the call of a loss, so that every sample meets every other: give y[..., None]"
            )

    def applied(self, target: Node, y: Node) -> Node:
        """What the function makes of them; the target has the axes that it was given with, as in Keras."""
        operands = (target, y)
        if self.flat and (y.shape[-1] > 1 or y.ndim > 2):
            alone = reshape(target, dims=target.dims[:-1])
            operands = (alone, y) if y.shape[-1] > 1 else (alone, reshape(y, dims=y.dims[:-1]))
        try:
            made = self.function(*operands)
        except Exception:  # of NumPy's functions, or of another library's, which know no nodes
            made = None
        if not isinstance(made, Node):
            made = system.follow(self.function, operands, self.known)[0]
        if made.ndim and made.shape == y.shape[:-1]:  # a number for each sample
            return reshape(made, dims=(*y.dims[:-1], 1))
        return made

    def rows(self, target: Node, y: Node) -> Node:
        return self.rows_of(self.applied(target, y), y)

    def rows_of(self, made: Node, y: Node) -> Node:
        """The loss of each sample, or of each step of it, in what the function has made of y."""
        if made.ndim < y.ndim:
            raise NotImplementedError(
                f"the loss {self.label} makes one number of all samples, so that masks and weights cannot be put on it: "
                "let it return one for each sample, such as meancols(square(output - target))"
            )
        return made if made.shape[-1] == 1 else meancols(made)

    def reduced(self, target: Node, y: Node) -> Node:
        return self.number_of(self.applied(target, y))

    def number_of(self, made: Node) -> Node:
        """The loss of all samples, in what the function has made of them."""
        if not made.ndim:
            return made
        rows = made if made.ndim < 2 or made.shape[-1] == 1 else meancols(made)
        return sum_all(rows) if self.reduction == "sum" else mean(made)

    def apart(self, target: int, output: int) -> Apart:
        """Whether a sequence of so many entries at each step may be taken step by step, tried on numbers of many kinds.

        "rows": what it makes of each step is the same alone; "mean": the mean over the steps is. A mask that a function
        makes by a number of its own, y != -1, is among the kinds, since numbers of its code are.
        """
        key = target, output, self.flat
        if key not in self._apart:
            with users_names():
                found = [self._parted(*data) for data in _tried(self.function, target, output)]
            self._apart[key] = next((kind for kind in ("", "mean") if kind in found), "rows")
        return self._apart[key]

    def _parted(self, Y: np.ndarray, y: np.ndarray) -> Apart:
        try:
            with np.errstate(all="ignore"):
                whole, *each = (
                    self.applied(leaf(a), leaf(b)).value for a, b in [(Y, y), *((Y[:, t], y[:, t]) for t in range(STEPS))]
                )
        except Exception:  # whatever the code of the user may raise: it is not for a step alone
            return ""
        steps = np.stack(each, axis=1) if np.ndim(each[0]) else np.array(each)
        if whole.ndim > 2 and whole.shape == steps.shape and np.allclose(whole, steps, equal_nan=True):
            return "rows"
        return "mean" if np.allclose(np.mean(whole), np.mean(steps), equal_nan=True) else ""


def _tried(function: Any, target: int, output: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Targets and outputs of some steps: any numbers, probabilities, numbers of classes, and those that the code names."""
    rng = np.random.default_rng(0)
    shape, wanted = (SAMPLES, STEPS, output), (SAMPLES, STEPS, target)
    y, p = rng.normal(size=shape), rng.dirichlet(np.ones(output + 1), shape[:2])[..., :output]
    yield rng.normal(size=wanted), y
    yield rng.integers(0, 2, wanted).astype(float), p
    yield rng.integers(0, max(output, 2), wanted).astype(float), p if target < output else y
    for number in sorted({0.0, *_numbers_of(function)}):
        yield np.where(rng.random(wanted) < 0.4, number, rng.random(wanted)), p


def _numbers_of(function: Any) -> set[float]:
    """The numbers in the code of a function and of those that it calls, and what it finds around it."""
    found, seen, waiting = set[float](), set[int](), [function]
    while waiting:
        one = waiting.pop()
        if isinstance(one, (int, float, np.number)) and not isinstance(one, bool):
            found.add(float(one))
        elif id(one) not in seen:
            seen.add(id(one))
            waiting += _held(one)
    return found


def _held(one: Any) -> list[Any]:
    """What is in a function, or in what one is made of."""
    if isinstance(one, functools.partial):
        return [one.func, *one.args, *one.keywords.values()]
    if isinstance(one, types.MethodType):
        return [one.__func__, *vars(one.__self__).values()]
    if isinstance(one, types.CodeType):
        return [*one.co_consts]
    if not isinstance(one, types.FunctionType) or (one.__module__ or "").partition(".")[0] in LIBRARIES:
        return []
    known = [one.__globals__.get(name) for name in one.__code__.co_names]
    around = [cell.cell_contents for cell in one.__closure__ or ()]
    return [one.__code__, *(one.__defaults__ or ()), *(one.__kwdefaults__ or {}).values(), *around, *known]
