"""A network and how it is to be trained: what `compile` was given, and what is kept of the last training."""

from __future__ import annotations

from typing import Any

from ..callbacks import History
from ..checks import all_unraised
from ..layers.calls import TENSORFLOW
from ..network import Network
from .plan import Plan


@all_unraised
class PlannedNetwork(Network):
    """A network with `compile`."""

    history: History | None = None  # of the last `fit`
    stop_training = False  # set by a callback, it ends the training

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
        - `loss`: as for `minirnn.trace`; None is "mse"
        - `metrics`: names, objects of `minirnn.metrics`, or functions of the arrays (Y, output); `weighted_metrics` are
          those that `sample_weight` and `class_weight` count for
        - `loss_weights`: of several outputs, what each counts for; it, `loss` and `metrics` may be lists with an entry for
          each output, or dictionaries by `output_names`
        - `engine`: "numpy", or "c" for gradients in C (see `Trace.compile`)
        - `semantics`: on "tensorflow", Keras squares and clips the gradient of every lookup in an Embedding by itself; under
          "jax" lookups of the same row are added up first, as the mathematics says

        The others are Keras' settings of how it runs: they change no number and are not looked at.
        """
        names = self.output_names if getattr(self, "_built", True) else ["output"]  # a row of layers has one
        self._plan = Plan(names, optimizer, loss, metrics, loss_weights, weighted_metrics, engine, semantics)

    def training_plan(self) -> Plan:
        """What `compile` was told. ValueError if it was not called."""
        if "_plan" not in self.__dict__:
            raise ValueError("say how to train first: model.compile(optimizer='adam', loss='mse')")
        return self._plan

    @property
    def optimizer(self) -> Any:
        """The optimizer that `compile` was given; None before."""
        return self._plan.optimizer if "_plan" in self.__dict__ else None

    @property
    def loss(self) -> Any:
        """The loss as `compile` was given it; None before."""
        return self._plan.given if "_plan" in self.__dict__ else None

    @property
    def metrics(self) -> list[Any]:
        """What is followed in training: the loss, and the metrics that `compile` was given."""
        return self._plan.metrics if "_plan" in self.__dict__ else []

    @property
    def metrics_names(self) -> list[str]:
        """The names of these."""
        return [metric.name for metric in self.metrics]
