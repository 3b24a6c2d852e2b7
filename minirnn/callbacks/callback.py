"""What is called while a model is trained: hooks, the list of all callbacks, the history, functions as hooks."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

Logs = dict[str, Any]


class Callback:
    """Called at the hooks of training: ``on_train_begin``, ``on_epoch_end`` and so on; ``self.model`` is the model.

    A hook is given the number of the epoch or batch, from 0, where there is one, and `logs`, the loss and metrics by name.
    ``self.model.stop_training = True`` ends the training after the batch at hand.
    """

    model: Any = None
    params: dict[str, Any] = {}

    def set_params(self, params: dict[str, Any]) -> None:
        """Be told `epochs`, `steps` and `verbose`."""
        self.params = params

    def set_model(self, model: Any) -> None:
        """Be told the model."""
        self.model = model

    def on_train_begin(self, logs: Logs | None = None) -> None: ...
    def on_train_end(self, logs: Logs | None = None) -> None: ...
    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None: ...
    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None: ...
    def on_batch_begin(self, batch: int, logs: Logs | None = None) -> None: ...
    def on_batch_end(self, batch: int, logs: Logs | None = None) -> None: ...
    def on_test_begin(self, logs: Logs | None = None) -> None: ...
    def on_test_end(self, logs: Logs | None = None) -> None: ...
    def on_test_batch_begin(self, batch: int, logs: Logs | None = None) -> None: ...
    def on_test_batch_end(self, batch: int, logs: Logs | None = None) -> None: ...
    def on_predict_begin(self, logs: Logs | None = None) -> None: ...
    def on_predict_end(self, logs: Logs | None = None) -> None: ...
    def on_predict_batch_begin(self, batch: int, logs: Logs | None = None) -> None: ...
    def on_predict_batch_end(self, batch: int, logs: Logs | None = None) -> None: ...

    def on_train_batch_begin(self, batch: int, logs: Logs | None = None) -> None:
        self.on_batch_begin(batch, logs=logs)

    def on_train_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        self.on_batch_end(batch, logs=logs)


class CallbackList:
    """All callbacks of a training, called one after the other."""

    def __init__(self, callbacks: Any, model: Any, **params: Any) -> None:
        given = [] if callbacks is None else list(callbacks) if isinstance(callbacks, Iterable) else [callbacks]
        for callback in given:
            if not hasattr(callback, "on_epoch_end") or isinstance(callback, type):
                raise TypeError(f"callbacks holds {callback!r}; give objects, such as EarlyStopping(patience=3)")
        self.callbacks, self.model, self.params = given, model, params
        self._watching: dict[str, list[Any]] = {}  # by hook, those that do anything there
        for callback in given:
            callback.set_params(params)
            callback.set_model(model)
            if not isinstance(callback, Callback) and getattr(callback, "mode", None) == "auto":
                _direct(callback, model)

    def call(self, hook: str, *args: Any) -> None:
        """Call a hook of all callbacks."""
        for callback in self.watching(hook):
            getattr(callback, hook)(*args)

    def watching(self, hook: str) -> list[Any]:
        """The callbacks that do anything there."""
        if hook not in self._watching:
            names = {"on_train_batch_begin": "on_batch_begin", "on_train_batch_end": "on_batch_end"}
            self._watching[hook] = [c for c in self.callbacks if _own(c, hook) or (hook in names and _own(c, names[hook]))]
        return self._watching[hook]


def _direct(callback: Any, model: Any) -> None:
    """Say to a callback of Keras where a better number of the metric lies that it watches: it asks metrics of Keras only."""
    name = str(getattr(callback, "monitor", "")).removeprefix("val_")
    goes = next((metric.goes for metric in model.metrics if metric.name == name), "")
    if goes:
        callback.mode = {"up": "max", "down": "min"}[goes]


def _own(callback: Any, hook: str) -> bool:
    """Whether the callback has a hook of its own, not the empty one of a class called Callback."""
    if hook in vars(callback):
        return True
    owner = next((kind for kind in type(callback).__mro__ if hook in vars(kind)), None)
    return owner is not None and owner.__name__ != "Callback"


class History(Callback):
    """What `fit` returns: ``history.history["loss"]`` is the loss of each epoch, "val_loss" that of the validation data."""

    def __init__(self) -> None:
        self.epoch: list[int] = []
        self.history: dict[str, list[Any]] = {}

    def on_train_begin(self, logs: Logs | None = None) -> None:
        self.epoch = []

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        self.epoch.append(epoch)
        for name, value in (logs or {}).items():
            self.history.setdefault(name, []).append(value)

    def __repr__(self) -> str:
        last = ", ".join(f"{name} {np.mean(values[-1]):.4g}" for name, values in self.history.items())
        return f"<History of {len(self.epoch)} epochs: {last}>"


class LambdaCallback(Callback):
    """Functions as hooks: ``LambdaCallback(on_epoch_end=lambda epoch, logs: print(epoch, logs))``."""

    def __init__(
        self,
        on_epoch_begin: Callable[..., Any] | None = None,
        on_epoch_end: Callable[..., Any] | None = None,
        on_train_begin: Callable[..., Any] | None = None,
        on_train_end: Callable[..., Any] | None = None,
        on_train_batch_begin: Callable[..., Any] | None = None,
        on_train_batch_end: Callable[..., Any] | None = None,
    ) -> None:
        given = dict(locals())
        for name in ("self", "__class__"):
            given.pop(name, None)
        vars(self).update({name: function for name, function in given.items() if function is not None})
