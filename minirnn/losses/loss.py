"""What every loss is: a formula of the target and the output, the loss of each sample, and how these become one number.

A class declares its formula once, in the operations of `minirnn.ops`. The graph of a network, its equations and its
gradient, a number made of two arrays, and the metric of that name are all made of it.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np

from ..checks import array_of, unraised
from ..engine.graph import Node
from ..engine.ops import leaf, mean, meancols, reshape, scale, sum_all
from ..registry import Configured, numbered, snake
from ..tensorlike import tensor

REDUCTIONS = ("sum_over_batch_size", "mean", "sum", "mean_with_sample_weight", "none")


@dataclass(unsafe_hash=True)
class Loss(Configured):
    """A loss. ``MeanSquaredError()(y_true, y_pred)`` of arrays gives the number.

    - `reduction`: "sum_over_batch_size" or "mean", the mean over all samples; "sum"; "mean_with_sample_weight", the sum over
      the sum of the weights; "none", the loss of each sample, for a loss of one's own that goes on with them
    - `name`: what messages and equations call it

    A subclass has `entries`, the loss of every entry of the output, or `rows`, that of each sample.
    """

    reduction: str = field(default="sum_over_batch_size", kw_only=True)
    name: str | None = field(default=None, kw_only=True, compare=False)

    sparse = False  # whether the target holds the number of a class in place of a row of K entries
    of_any_target = False  # whether it may hold either
    known_as: ClassVar[str] = ""  # its name in Keras, where that is not made of the name of the class

    def __post_init__(self) -> None:
        if not self.name:
            ours = next(k for k in type(self).__mro__ if issubclass(k, Loss) and k.__module__.startswith("minirnn."))
            of_ones_own = ours is Loss
            self.name = numbered(snake(type(self).__name__)) if of_ones_own else ours.known_as or snake(ours.__name__)
        self.reduction = self.reduction or "none"  # as Keras takes None
        if self.reduction not in REDUCTIONS:
            raise ValueError(
                f"{type(self).__name__}(reduction={self.reduction!r}): it must be one of {', '.join(REDUCTIONS)}"
            )

    @property
    def label(self) -> str:
        """The name as it is shown."""
        return self.name or snake(type(self).__name__)

    def given(self, target: np.ndarray, axes: int, outputs: int | None) -> None:
        """Note what was given as the target of an output of so many axes, the last of that size."""

    def check(self, target: np.ndarray, classes: int) -> None:
        """Raise ValueError if the target of an output of so many classes holds what the formula has no meaning for."""

    def left_in(self, target: Node) -> Node | None:
        """1 for each sample that counts, else 0, a column; None if all count."""
        return None

    def entries(self, target: Node, y: Node) -> Node:
        """The loss of every entry of y."""
        raise NotImplementedError

    def rows(self, target: Node, y: Node) -> Node:
        """The loss of each sample, a column: the mean of its entries."""
        return meancols(self.entries(target, y))

    def reduced(self, target: Node, y: Node) -> Node:
        """The loss of all samples, one number."""
        if self.reduction == "sum":
            return sum_all(self.rows(target, y))
        return mean(self.entries(target, y))

    def weighted(self, rows: Node, weights: Node) -> Node:
        """The loss of samples that count for `weights`, a column."""
        if self.reduction == "mean_with_sample_weight":
            return sum_all(weights * rows) / sum_all(weights)
        return sum_all(weights * rows) if self.reduction == "sum" else mean(weights * rows)

    def __call__(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> Any:
        """The loss as a number of arrays, or as a node of nodes."""
        if isinstance(y_pred, Node) or hasattr(y_pred, "of_primitive"):  # the latter in a function that is followed
            if sample_weight is not None:
                raise NotImplementedError(f"{self.label} of a network takes no sample_weight: multiply what it gives")
            one = self._of_one_rank(self.of_rows if self.reduction == "none" else self.reduced)
            return one(y_true, y_pred) if isinstance(y_pred, Node) else y_pred.of_primitive(one, (y_true, y_pred), {})
        values = self.of_samples(y_true, y_pred)
        weights = np.ones((), values.dtype) if sample_weight is None else np.asarray(sample_weight, values.dtype)
        weights = weights.reshape(weights.shape + (1,) * (values.ndim - weights.ndim))
        if self.reduction == "none":
            return tensor(values * weights)
        total, left = (values * weights).sum(), self._left_of(y_true, values) * np.ones_like(weights)
        if self.reduction == "sum":
            return tensor(total)
        by_weights = self.reduction == "mean_with_sample_weight" and sample_weight is not None
        count = float((weights * left).sum() if by_weights else left.sum())
        return tensor(total / count if count else total)  # of nothing it is 0, as in Keras

    def _left_of(self, y_true: Any, values: np.ndarray) -> np.ndarray:
        """1 for each sample of arrays that counts, else 0."""
        left = self.left_in(leaf(array_of(y_true, "y_true").reshape(*values.shape, 1))) if self.sparse else None
        return np.ones(values.shape) if left is None else np.asarray(left.value, float)[..., 0]

    def _of_one_rank(self, function: Callable[[Node, Node], Node]) -> Callable[[Node, Node], Node]:
        """`function` where a last axis of one, which the target may lack, is put there."""

        def of(target: Any, y: Node) -> Node:
            lacks = isinstance(target, Node) and target.ndim == y.ndim - 1 and (self.sparse or y.shape[-1] == 1)
            target = reshape(target, dims=(*target.dims, 1)) if lacks else target
            if self.sparse and target.shape != (*y.shape[:-1], 1):
                raise ValueError(f"{self.label}: numbers of classes of shape {target.shape} for outputs of shape {y.shape}")
            return function(target, y)

        return of

    def counted(self, target: Node, y: Node) -> Node:
        """The loss of each sample, a column; 0 for one that does not count."""
        rows, left = self.rows(target, y), self.left_in(target)
        return rows if left is None else left * rows

    def of_rows(self, target: Node, y: Node) -> Node:
        """The loss of each sample, without the axis of the classes."""
        rows = self.counted(target, y)
        return reshape(rows, dims=rows.dims[:-1])

    def of_samples(self, y_true: Any, y_pred: Any) -> np.ndarray:
        """The loss of each sample of arrays: the last axis is gone."""
        target, y = alike(self, y_true, y_pred)
        self.check(target, y.shape[-1] if y.ndim else 1)
        return np.asarray(self.counted(leaf(target), leaf(y)).value)[..., 0]


class OfRows(Loss):
    """A loss whose formula is that of a whole row."""

    def rows(self, target: Node, y: Node) -> Node:
        raise NotImplementedError

    def reduced(self, target: Node, y: Node) -> Node:
        rows, left = self.counted(target, y), self.left_in(target)
        if self.reduction == "sum":
            return sum_all(rows)
        return mean(rows) if left is None else sum_all(rows) / sum_all(left)


class LossFunction:
    """A loss as a function: ``mse(y_true, y_pred)`` of arrays gives the loss of each sample, of nodes the node of the mean.

    Further arguments are those of the class: ``huber(y_true, y_pred, delta=0.5)``.
    """

    def __init__(self, kind: type[Loss]) -> None:
        self.kind, self.__name__, self.__doc__ = kind, snake(kind.__name__), kind.__doc__
        settings = [p for p in inspect.signature(kind).parameters.values() if p.name not in ("reduction", "name")]
        both = [inspect.Parameter(name, inspect.Parameter.POSITIONAL_OR_KEYWORD) for name in ("y_true", "y_pred")]
        self.__signature__ = inspect.Signature([*both, *settings])

    @unraised
    def __call__(self, y_true: Any, y_pred: Any, *settings: Any, **named: Any) -> Any:
        loss = self.kind(*settings, **named)
        is_followed = hasattr(y_pred, "of_primitive")
        if getattr(loss, "ignore_class", None) is not None and (is_followed or isinstance(y_pred, Node)):
            raise NotImplementedError(
                f"{self.__name__} with ignore_class in a loss of one's own: what Keras leaves out depends on what is done "
                f"with it; take {self.kind.__name__}(ignore_class=...), or with reduction='none' for a 0 each"
            )
        if is_followed:
            return y_pred.of_primitive(loss._of_one_rank(loss.of_rows), (y_true, y_pred), {})
        return loss(y_true, y_pred) if isinstance(y_pred, Node) else tensor(loss.of_samples(y_true, y_pred))

    def __repr__(self) -> str:
        return f"<loss {self.__name__}>"


def alike(loss: Loss, y_true: Any, y_pred: Any) -> tuple[np.ndarray, np.ndarray]:
    """Both as arrays of one dtype and of one shape, but for the last axis of the numbers of classes."""
    y = array_of(y_pred, "y_pred")
    y = y.astype(np.float64) if y.dtype.kind in "iub" else y
    target = array_of(y_true, "y_true").astype(y.dtype)
    if target.ndim == y.ndim - 1 and (loss.sparse or y.shape[-1] == 1):
        target = target[..., None]
    elif y.ndim == target.ndim - 1 and target.shape[-1] == 1:
        y = y[..., None]
    wanted = (*y.shape[:-1], 1) if loss.sparse else y.shape
    if target.shape != wanted:
        raise ValueError(f"y_true has shape {np.shape(y_true)}; with y_pred of shape {y.shape} it must have {wanted}")
    return target, y


def smoothed(target: Node, amount: float, other: Node) -> Node:
    """(1 - amount) target + amount other."""
    return scale(target, p=1 - amount) + scale(other, p=amount)
