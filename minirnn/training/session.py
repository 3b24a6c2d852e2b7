"""One training: the weights, the optimizer and the numbers that are followed, batch after batch."""

from __future__ import annotations

import math
import signal
import threading
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np

from ..layers.calls import TENSORFLOW
from ..layers.nodes import common_dtype
from ..losses import CategoricalCrossentropy
from ..optimizers import Occurrences
from ..optimizers.optimizer import State
from . import runners
from .feed import Batch
from .plan import Plan
from .planned import PlannedNetwork
from .runners import Found, Runner, tables_of
from .weights import Weights


class Session:
    """Takes steps with a model. What it has reached is in `weights` and in the optimizer, and put back at the end.

    `trains`: whether it is made to train; else it evaluates only.
    """

    def __init__(self, model: PlannedNetwork, plan: Plan, trains: bool = True) -> None:
        self.model, self.plan, self._trains = model, plan, trains
        self.weights = Weights(model, common_dtype(*model.weight_arrays), plan.trained(model) if trains else None)
        if trains and plan.to_be_said:
            warnings.warn(plan.to_be_said, UserWarning, stacklevel=5)
            plan.to_be_said = None
        self._before = self.weights.vector, plan.optimizer.state
        self._runners: dict[Any, Runner] = {}
        self._last: tuple[Any, Any] = None, None  # the kind of the last batch, and what computes it
        careful = plan.semantics == TENSORFLOW and plan.optimizer.minds_occurrences()
        trained = self.weights.names[: len(self.weights.trained)]
        self._tables = [name for name in tables_of(self.weights.places) if name in trained] if careful else []
        self._gradients: Mapping[str, np.ndarray] = {}
        self.goes_on_without_numbers = False  # whether a loss that is no number ends the training by an error

    def runner(self, batch: Batch) -> Runner:
        """What computes batches like this one."""
        if batch.kind is not None and batch.kind is self._last[0]:
            return self._last[1]
        key = *[x.shape[1:] for x in batch.inputs], *[y.shape[1:] for y in batch.targets], batch.weights is None
        if key not in self._runners:
            self._demand_shares(batch)
            self._runners[key] = runners.runner(self.model, batch, self.plan.loss, self.plan.engine, self.plan.semantics)
        self._last = batch.kind, self._runners[key]
        return self._last[1]

    def _demand_shares(self, batch: Batch) -> None:
        """Warn where Keras trains by what is not the gradient of its loss: on TensorFlow it relies on rows that sum to 1."""
        for function, target in zip(self.plan.of_outputs, batch.targets):
            if self._trains and isinstance(function, CategoricalCrossentropy) and np.abs(target.sum(-1) - 1).max() > 1e-3:
                warnings.warn(
                    "the rows of Y do not sum to 1: Keras on TensorFlow then trains by what is not the gradient of "
                    "categorical_crossentropy, minirnn by the gradient; for classes that exclude each other give one-hot "
                    "rows, for others take binary_crossentropy",
                    UserWarning,
                    stacklevel=6,
                )

    def go_on(self, vector: np.ndarray, state: State) -> None:
        """Go on from these weights and this state of the optimizer."""
        self._before = self.weights.vector, self.plan.optimizer.state
        self.weights.take(vector)
        self.plan.optimizer.state = state

    def train(self, batch: Batch) -> None:
        """One step of the optimizer."""
        found = self.runner(batch).train(self.weights.arrays, batch, self.plan.looks_at_outputs, self._tables)
        if not math.isfinite(found.loss) and not self.goes_on_without_numbers:
            said = self._exploded(found.loss)
            self.go_on(*self._before)  # the last weights with a finite loss
            raise FloatingPointError(said)
        self._follow(batch, found)
        weights, optimizer = self.weights, self.plan.optimizer
        gradient = weights.gathered(found.gradients, found.lookups)
        self._gradients = found.gradients
        tables = [Occurrences(*weights.parts[name], *lookups) for name, lookups in found.lookups.items()]
        new, state = optimizer.step(weights.vector[: weights.free], gradient, weights.trained, tables)
        self._before = weights.vector, optimizer.state
        weights.step_to(new)
        optimizer.state = state

    def test(self, batch: Batch) -> None:
        """The loss and the metrics of a batch, without a step."""
        self._follow(batch, self.runner(batch).test(self.weights.arrays, batch, self.plan.looks_at_outputs))

    def _follow(self, batch: Batch, found: Found) -> None:
        self.plan.follow(batch, found.loss, found.parts, found.outputs, found.masks)

    def put_back(self) -> None:
        """Give the model the weights."""
        self.weights.put_back()

    def take_anew(self) -> None:
        """Go on from the weights that the model has: a callback may have set them."""
        vector = self.weights.taken_anew()
        if not np.array_equal(vector, self.weights.vector):
            self.weights.take(vector)

    def _exploded(self, loss: Any) -> str:
        """What to say when the loss is no number any more."""
        norms = {name: float(np.linalg.norm(gradient)) for name, gradient in self._gradients.items()}
        step = self.plan.optimizer.iterations + 1
        said = f"the loss is {loss} at step {step} of the optimizer"
        if norms:
            name = max(norms, key=lambda n: norms[n])
            said += f"; the largest gradient of the step before is dL/d{name}, with norm {norms[name]:.3g}"
        return (
            f"{said}: lower the learning rate or give the optimizer clipnorm=1.0. The model keeps its last weights with a "
            "finite loss"
        )


class Interrupts:
    """Lets Ctrl-C end a training between two steps: within one it is kept until the step is complete.

    A second Ctrl-C is not kept. In a thread other than the main one nothing is done, since no interrupts come there.
    """

    def __init__(self) -> None:
        self._came, self._open = False, False

    def __enter__(self) -> Interrupts:
        self._usual: Any = None
        if threading.current_thread() is threading.main_thread():
            self._usual = signal.getsignal(signal.SIGINT)
            if callable(self._usual):
                signal.signal(signal.SIGINT, self._kept)
        return self

    def _kept(self, number: int, frame: Any) -> None:
        if self._open or self._came:
            self._usual(number, frame)
        self._came = True

    def __exit__(self, *_: object) -> None:
        if callable(self._usual):
            signal.signal(signal.SIGINT, self._usual)
        self.check()

    def check(self) -> None:
        """Let an interrupt that came have its usual effect."""
        if self._came:
            self._came = False
            self._usual(signal.SIGINT, None)

    @contextmanager
    def at_once(self) -> Iterator[None]:
        """Code of the user's own, which may take long: an interrupt ends it at once."""
        self._open = True
        try:
            yield
        finally:
            self._open = False
