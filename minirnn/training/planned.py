"""A network and how it is to be trained: what `compile` was given, and what is kept of the last training."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ..checks import all_unraised
from ..layers.calls import TENSORFLOW
from ..network import Network

if TYPE_CHECKING:
    from ..callbacks import History
    from ..losses import Loss, OfEach
    from ..metrics import Metric
    from ..optimizers import Optimizer
    from .plan import Mean, Plan

Predicted = np.ndarray | list[np.ndarray] | dict[str, np.ndarray]  # several of a model with several outputs
Measured = float | list[float] | dict[str, float]  # the loss, with metrics a list, or all by name


@all_unraised
class PlannedNetwork(Network):
    """A network with `compile`."""

    output_keys: Sequence[str] | None = None  # of a model whose outputs are a dictionary
    output_form: Any = None  # of outputs in a dictionary, or in lists within lists: that, with places for arrays
    history: History | None = None  # of the last `fit`
    stop_training = False  # set by a callback, it ends the training
    _plan: Plan | None = None  # what `compile` was told
    _told: tuple[Any, ...] = ()

    @property
    def output_names(self) -> list[str]:
        """What the outputs are called: by their keys, or after their layers."""
        return list(self.output_keys) if self.output_keys else super().output_names

    def compile(
        self,
        optimizer: Any = "rmsprop",
        loss: Any = None,
        metrics: Any = None,
        loss_weights: Any = None,
        weighted_metrics: Any = None,
        run_eagerly: bool = False,
        steps_per_execution: int = 1,
        jit_compile: Any = "auto",
        auto_scale_loss: bool = True,
        *,
        engine: str = "numpy",
        semantics: str = TENSORFLOW,
    ) -> None:
        """Say how to train.

        - `optimizer`: a name, or one of `minirnn.optimizers` with its settings; Keras' objects are taken too
        - `loss`: as for `minirnn.trace`; without one there is no training
        - `metrics`: names, objects of `minirnn.metrics`, or functions of the arrays (Y, output); `weighted_metrics` are
          those that `sample_weight` and `class_weight` count for
        - `loss_weights`: of several outputs, what each counts for; it, `loss` and `metrics` may be lists with an entry for
          each output, or dictionaries by `output_names`
        - `engine`: "numpy", or "c" for gradients in C (see `Trace.compile`)
        - `semantics`: on "tensorflow", Keras squares and clips the gradient of every lookup in an Embedding by itself, and
          counts a step more at the end of data of unknown length; under "jax" lookups of the same row are added up first,
          as the mathematics says, and steps that are taken are counted

        The others are Keras' settings of how it runs: they change no number but that count. As in Keras, a loss that is left
        out stays that of an earlier `compile`, and so do the metrics.
        """
        from .plan import Plan

        names = self.output_names if getattr(self, "_built", True) else _names_in(loss)
        before = self._plan
        if before is not None and loss is None:
            loss, loss_weights = before.given, before.loss_weights
        if before is not None and metrics is None and weighted_metrics is None:
            metrics, weighted_metrics = before.given_metrics
        in_graph = not run_eagerly and steps_per_execution == 1 and jit_compile is not True
        self._told = optimizer, loss, metrics, loss_weights, weighted_metrics, engine, semantics, in_graph
        self._plan = Plan(names, *self._told)

    @property
    def compiled(self) -> bool:
        """Whether `compile` was called."""
        return self._plan is not None

    def reset_metrics(self) -> None:
        """Let what is followed begin anew, between calls of `train_on_batch`."""
        if self._plan is not None:
            self._plan.reset()

    @property
    def compiled_loss(self) -> Loss | OfEach | None:
        """The loss as targets are checked for it; None before `compile`."""
        return self._plan.loss if self._plan else None

    def training_plan(self) -> Plan:
        """What `compile` was told. ValueError if it was not called, or was told no loss."""
        for step in ("train_step", "test_step", "predict_step", "compute_loss"):
            if hasattr(type(self), step):
                raise NotImplementedError(
                    f"{type(self).__name__}.{step} would not be run: minirnn has its own; give compile a loss of your own, "
                    "or write the loop over batches with train_on_batch"
                )
        if self._plan is None:
            raise ValueError("say how to train first: model.compile(optimizer='adam', loss='mse')")
        if self._plan.given is None:
            raise ValueError(
                "compile was given no loss, so there is nothing to train by: model.compile(optimizer, loss='mse')"
            )
        if len(self.output_names) > 1 and self._plan.names != self.output_names:  # compiled before it was put together
            from .plan import Plan

            self._plan = Plan(self.output_names, *self._told)
        return self._plan

    @property
    def optimizer(self) -> Optimizer | None:
        """The optimizer that `compile` was given; None before."""
        return self._plan.optimizer if self._plan else None

    @property
    def loss(self) -> Any:
        """The loss as `compile` was given it; None before."""
        return self._plan.given if self._plan else None

    @property
    def metrics(self) -> list[Metric | Mean]:
        """What is followed in training: the loss, and the metrics that `compile` was given."""
        return self._plan.metrics if self._plan else []

    @property
    def metrics_names(self) -> list[str]:
        """The names of these."""
        return [str(metric.name) for metric in self.metrics]


def _names_in(loss: Any) -> list[str]:
    """What the outputs are called, as far as the loss of a model says it that is not put together yet."""
    if isinstance(loss, dict):
        return sorted(map(str, loss))
    return [f"output_{k}" for k in range(len(loss))] if isinstance(loss, (list, tuple)) else ["output"]
