"""What `Model.compile` was given, and what it says of every batch: the loss, those of single outputs, the metrics."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from .. import losses, metrics, optimizers
from ..layers.calls import TENSORFLOW, Conditions
from ..network import Network
from ..readings.source.compiled import ENGINES
from .feed import Batch
from .weights import trainable


class Plan:
    """How a model is trained, and the numbers that are followed meanwhile."""

    def __init__(
        self,
        names: Sequence[str],
        optimizer: Any = "rmsprop",
        loss: Any = None,
        metrics: Any = None,
        loss_weights: Any = None,
        weighted_metrics: Any = None,
        engine: str = "numpy",
        semantics: str = TENSORFLOW,
        in_graph: bool = True,
    ) -> None:
        if engine not in ENGINES:
            raise ValueError(f"engine={engine!r}: it must be one of {', '.join(ENGINES)}")
        self.engine, self.loss_weights = engine, loss_weights
        self.names, self.given, self.semantics = list(names), loss, Conditions(semantics=semantics).semantics
        self.counts_the_end = in_graph and semantics == TENSORFLOW  # its graph counts a step before it asks for the batch
        self._trained: list[str] | None = None
        self._warned = False
        self.to_be_said: str | None = None  # when training begins
        self.given_metrics = metrics, weighted_metrics
        self.optimizer = optimizers.get(optimizer)
        self.loss = losses.of_outputs("mse" if loss is None else loss, loss_weights, self.names)
        self.of_outputs = [function for function, _ in losses.one_by_one(self.loss, len(self.names))]
        several = len(self.names) > 1
        self._loss = Mean("loss")
        self._losses = [Mean(f"{name}_loss") for name in self.names] if several else []
        self._plain = [_made(given) for given in _for_outputs("metrics", metrics, self.names)]
        self._weighted = [_made(given) for given in _for_outputs("weighted_metrics", weighted_metrics, self.names)]
        self.looks_at_outputs = any([*self._plain, *self._weighted])  # whether there are metrics
        self._all: list[metrics.Metric | Mean] = [
            self._loss,
            *(m for each in [*self._plain, *self._weighted] for m in each),
            *self._losses,
        ]

    def trained(self, model: Network) -> list[str]:
        """The names of the weights that are trained: those that were so when training began, as in Keras."""
        places = model.parameter_places()
        now = trainable(places) if model.trainable else []
        if self._trained is None or not set(self._trained) <= set(places):
            self._trained = now
        elif set(now) != set(self._trained) and not self._warned:
            self._warned = True
            warnings.warn(
                "trainable has changed since the model was compiled: as in Keras the same weights are trained as before, "
                "until it is compiled again",
                UserWarning,
                stacklevel=5,
            )
        return self._trained

    @property
    def metrics(self) -> list[metrics.Metric | Mean]:
        """All that is followed; the loss first."""
        return list(self._all)

    def reset(self) -> None:
        """Begin anew, as in every epoch."""
        for metric in self._all:
            metric.reset_state()

    def follow(
        self,
        batch: Batch,
        loss: Any,
        parts: Sequence[float],
        outputs: Sequence[np.ndarray],
        masks: Sequence[np.ndarray | None],
    ) -> None:
        """Take the loss of a batch into account, those of the single outputs, and the outputs for the metrics."""
        self._loss.update(float(loss), batch.size)
        for mean, part in zip(self._losses, parts):
            mean.update(part, 1)  # Keras takes the plain mean over the batches
        if not self.looks_at_outputs:
            return
        nothing = [None] * len(self.names)
        for plain, weighted, target, output, mask, weights, thin in zip(
            self._plain, self._weighted, batch.targets, outputs, masks, batch.weights or nothing, batch.thin or nothing
        ):
            given = target[..., 0] if thin else target
            for metric in plain:
                metric.update_state(given, output, mask if metric.masked else None)
            for metric in weighted:
                metric.update_state(given, output, _product(weights, mask) if metric.masked else weights)

    def follow_epoch(self, loss: float) -> None:
        """Take the mean loss of a whole epoch into account."""
        self._loss.update(loss, 1)

    def logs(self) -> dict[str, Any]:
        """The numbers by name, in the order of Keras' logs: by the alphabet."""
        if not self.looks_at_outputs and not self._losses:
            return {"loss": self._loss.result()}
        found = {metric.name: metric.result() for metric in [self._loss, *self._losses]}
        several = len(self.names) > 1
        for kind, of_each in (("", self._plain), ("weighted_", self._weighted)):
            for output, own in zip(self.names, of_each):
                for metric in own:
                    before = f"{output}_" if several else ""
                    name = f"{before}{metric.name}"
                    name = f"{before}{kind}{metric.name}" if name in found and kind else name
                    k, base = 1, name
                    while name in found:
                        name, k = f"{base}_{k}", k + 1
                    found[name] = metric.result()
        numbers = {name: v.item() if isinstance(v, np.generic) else v for name, v in found.items()}
        return dict(sorted(numbers.items()))

    def in_order(self, logs: Mapping[str, float]) -> float | list[float]:
        """The numbers as a list, the loss first, as `evaluate` gives them; one alone as it is."""
        first = [str(metric.name) for metric in self.metrics if metric.name in logs]
        found = [logs[name] for name in dict.fromkeys([*first, *sorted(logs)])]
        return found[0] if len(found) == 1 else found


class Mean:
    """A mean that is followed: of the loss."""

    goes, masked = "down", False

    def __init__(self, name: str) -> None:
        self.name = name
        self.reset_state()

    def reset_state(self) -> None:
        self._total, self._count = 0.0, 0

    def update(self, value: float, count: int) -> None:
        self._total, self._count = self._total + value * count, self._count + count

    def result(self) -> float:
        return self._total / self._count if self._count else 0.0


def _for_outputs(what: str, given: Any, names: list[str]) -> list[Any]:
    """What metrics each output has: of one output all; of several a list of lists, or a dictionary by name."""
    if given is None:
        return [[]] * len(names)
    if len(names) == 1:
        return [given[names[0]] if isinstance(given, dict) and set(given) == set(names) else given]
    there = ", ".join(names)
    if isinstance(given, dict):
        if not set(given) <= set(names):
            raise ValueError(f"{what} is given for {', '.join(map(str, given))}; the model has the outputs {there}")
        return [given.get(name, []) for name in names]
    if not isinstance(given, (list, tuple)) or len(given) != len(names):
        raise ValueError(
            f"{what} must have an entry for each of the {len(names)} outputs, {there}: a list of lists, or a dictionary"
        )
    return list(given)


def _made(given: Any) -> list[metrics.Metric]:
    """The metrics of one output."""
    if isinstance(given, dict):
        return [metric for each in given.values() for metric in _made(each)]
    if isinstance(given, (list, tuple)):
        return [metric for each in given for metric in _made(each)]
    return [] if given is None else [metrics.get(given)]


def _product(weights: np.ndarray | None, mask: np.ndarray | None) -> np.ndarray | None:
    if weights is None or mask is None:
        return mask if weights is None else weights
    return weights.reshape(weights.shape + (1,) * (mask.ndim - weights.ndim)) * mask
