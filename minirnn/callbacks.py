"""What is called while a model is trained, with Keras' names: EarlyStopping, ModelCheckpoint, and one's own `Callback`."""

from __future__ import annotations

import csv
import operator
import os
import warnings
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
        for callback in given:
            callback.set_params(params)
            callback.set_model(model)
            if not isinstance(callback, Callback) and getattr(callback, "mode", None) == "auto":
                _direct(callback, model)

    def call(self, hook: str, *args: Any) -> None:
        """Call a hook of all callbacks."""
        for callback in self.callbacks:
            getattr(callback, hook)(*args)

    def watches(self, hook: str) -> bool:
        """Whether a callback does anything there."""
        names = {"on_train_batch_begin": "on_batch_begin", "on_train_batch_end": "on_batch_end"}
        return any(_own(c, hook) or (hook in names and _own(c, names[hook])) for c in self.callbacks)


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


class _Monitor(Callback):
    """What follows one number of the logs."""

    def __init__(self, monitor: str, mode: str, min_delta: float = 0.0) -> None:
        if mode not in ("auto", "min", "max"):
            raise ValueError(f"{type(self).__name__}(mode={mode!r}): it must be auto, min or max")
        self.monitor, self.mode, self.min_delta = monitor, mode, abs(min_delta)

    def better(self, value: Any, than: Any) -> bool:
        """Whether a value is better than another by more than `min_delta`; anything is better than None."""
        if than is None:
            return True
        up = self._goes() == "up"
        return bool((operator.gt if up else operator.lt)(value - (self.min_delta if up else -self.min_delta), than))

    def _goes(self) -> str:
        if self.mode != "auto":
            return {"min": "down", "max": "up"}[self.mode]
        name = self.monitor.removeprefix("val_")
        if name == "loss":
            return "down"
        found = next((m.goes for m in getattr(self.model, "metrics", []) if getattr(m, "name", None) == name), "")
        if not found:
            raise ValueError(
                f"{type(self).__name__}(monitor={self.monitor!r}): say whether it is to be small or large, "
                "with mode='min' or mode='max'"
            )
        return found

    def value(self, logs: Logs | None) -> Any:
        """The number in the logs; None, with a warning, if there is none of that name."""
        found = (logs or {}).get(self.monitor)
        if found is None:
            warnings.warn(
                f"{type(self).__name__} watches {self.monitor!r}; there are {', '.join(logs or {})}",
                UserWarning,
                stacklevel=2,
            )
        return found


class EarlyStopping(_Monitor):
    """Ends the training when `monitor` has not become better by more than `min_delta` for `patience` epochs.

    - `baseline`: only what is better than this starts the count anew
    - `restore_best_weights`: the model gets the weights of its best epoch back
    - `start_from_epoch`: epochs before this one do not count
    """

    def __init__(
        self,
        monitor: str = "val_loss",
        min_delta: float = 0.0,
        patience: int = 0,
        verbose: int = 0,
        mode: str = "auto",
        baseline: float | None = None,
        restore_best_weights: bool = False,
        start_from_epoch: int = 0,
    ) -> None:
        super().__init__(monitor, mode, min_delta)
        self.patience, self.verbose, self.baseline = patience, verbose, baseline
        self.restore_best_weights, self.start_from_epoch = restore_best_weights, start_from_epoch
        self.on_train_begin()

    def on_train_begin(self, logs: Logs | None = None) -> None:
        self.wait = self.stopped_epoch = self.best_epoch = 0
        self.best: Any = None
        self.best_weights: Any = None

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        current = self.value(logs)
        if current is None or epoch < self.start_from_epoch:
            return
        self.wait += 1
        if self.better(current, self.best):
            self.best, self.best_epoch = current, epoch
            self.best_weights = self.model.get_weights() if self.restore_best_weights else None
            if self.baseline is None or self.better(current, self.baseline):
                self.wait = 0
        elif self.wait >= self.patience and epoch > 0:
            self.stopped_epoch = epoch
            self.model.stop_training = True

    def on_train_end(self, logs: Logs | None = None) -> None:
        if self.stopped_epoch > 0 and self.verbose > 0:
            print(f"Epoch {self.stopped_epoch + 1}: early stopping")
        if self.best_weights is not None:
            if self.verbose > 0:
                print(f"Restoring model weights from the end of the best epoch: {self.best_epoch + 1}.")
            self.model.set_weights(self.best_weights)


class ReduceLROnPlateau(_Monitor):
    """Multiplies the learning rate by `factor` when `monitor` has not become better for `patience` epochs."""

    def __init__(
        self,
        monitor: str = "val_loss",
        factor: float = 0.1,
        patience: int = 10,
        verbose: int = 0,
        mode: str = "auto",
        min_delta: float = 1e-4,
        cooldown: int = 0,
        min_lr: float = 0.0,
    ) -> None:
        super().__init__(monitor, mode, min_delta)
        if factor >= 1:
            raise ValueError(f"ReduceLROnPlateau(factor={factor!r}): it must be less than 1")
        self.factor, self.patience, self.verbose, self.cooldown, self.min_lr = factor, patience, verbose, cooldown, min_lr
        self.on_train_begin()

    def on_train_begin(self, logs: Logs | None = None) -> None:
        self.best: Any = None
        self.wait = self.cooldown_counter = 0

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        logs = {} if logs is None else logs
        rate = logs["learning_rate"] = float(self.model.optimizer.learning_rate)
        current = self.value(logs)
        if current is None:
            return
        if self.cooldown_counter > 0:
            self.cooldown_counter -= 1
            self.wait = 0
        if self.better(current, self.best):
            self.best, self.wait = current, 0
        elif self.cooldown_counter <= 0:
            self.wait += 1
            if self.wait >= self.patience and rate > np.float32(self.min_lr):
                self.model.optimizer.learning_rate = new = max(rate * self.factor, self.min_lr)
                self.wait, self.cooldown_counter = 0, self.cooldown
                if self.verbose > 0:
                    print(f"\nEpoch {epoch + 1}: ReduceLROnPlateau reducing learning rate to {new}.")


class LearningRateScheduler(Callback):
    """Sets the learning rate at the beginning of every epoch: ``schedule(epoch, rate)``, or ``schedule(epoch)``."""

    def __init__(self, schedule: Callable[..., float], verbose: int = 0) -> None:
        self.schedule, self.verbose = schedule, verbose

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        try:
            rate = self.schedule(epoch, float(self.model.optimizer.learning_rate))
        except TypeError:
            rate = self.schedule(epoch)
        self.model.optimizer.learning_rate = rate
        if self.verbose > 0:
            print(f"\nEpoch {epoch + 1}: LearningRateScheduler setting learning rate to {rate}.")

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        if logs is not None:
            logs["learning_rate"] = float(self.model.optimizer.learning_rate)


class ModelCheckpoint(_Monitor):
    """Writes the model after every epoch, or every `save_freq` batches; with `save_best_only` when `monitor` became better.

    `filepath` may hold ``{epoch:02d}`` and the names of the logs, ``{val_loss:.2f}``.
    """

    def __init__(
        self,
        filepath: Any,
        monitor: str = "val_loss",
        verbose: int = 0,
        save_best_only: bool = False,
        save_weights_only: bool = False,
        mode: str = "auto",
        save_freq: int | str = "epoch",
        initial_value_threshold: float | None = None,
    ) -> None:
        super().__init__(monitor, mode)
        self.filepath, self.verbose, self.best = os.fspath(filepath), verbose, initial_value_threshold
        self.save_best_only, self.save_weights_only, self.save_freq = save_best_only, save_weights_only, save_freq
        ending = ".weights.h5" if save_weights_only else ".keras"
        if not self.filepath.endswith(ending):
            raise ValueError(f"ModelCheckpoint(filepath={self.filepath!r}): the file must end in {ending}")
        if save_freq != "epoch" and (not isinstance(save_freq, int) or save_freq < 1):
            raise ValueError(f"ModelCheckpoint(save_freq={save_freq!r}): it must be 'epoch' or a number of batches")
        self._epoch, self._batches = 0, 0

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        self._epoch = epoch

    def on_train_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        if isinstance(self.save_freq, int):
            self._batches += 1
            if self._batches % self.save_freq == 0:
                self._save(self._epoch, {"batch": batch + 1} | (logs or {}))

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        if self.save_freq == "epoch":
            self._save(epoch, logs or {})

    def _save(self, epoch: int, logs: Logs) -> None:
        try:
            path = self.filepath.format(**{"epoch": epoch + 1} | logs)
        except KeyError as error:
            raise KeyError(f"ModelCheckpoint: {self.filepath!r} holds {error}; the logs have {', '.join(logs)}") from error
        if self.save_best_only:
            current = self.value(logs)
            if current is not None and not self.better(current, self.best):
                return
            self.best = current
        os.makedirs(os.path.dirname(path) or ".", exist_ok=True)
        if self.save_weights_only:
            self.model.save_weights(path, overwrite=True)
        else:
            self.model.save(path)
        if self.verbose > 0:
            print(f"\nEpoch {epoch + 1}: saving model to {path}")


class CSVLogger(Callback):
    """Writes the logs of every epoch as a line of a table."""

    def __init__(self, filename: Any, separator: str = ",", append: bool = False) -> None:
        self.filename, self.separator, self.append = os.fspath(filename), separator, append

    def on_train_begin(self, logs: Logs | None = None) -> None:
        self._keys: list[str] = []
        self._header = not (self.append and os.path.exists(self.filename) and os.path.getsize(self.filename))
        with open(self.filename, "a" if self.append else "w"):
            pass

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        logs = logs or {}
        if not self._keys:
            self._keys = sorted(logs)
            if not any(key.startswith("val_") for key in self._keys):
                self._keys += [f"val_{key}" for key in self._keys]
        with open(self.filename, "a", newline="") as file:
            writer = csv.writer(file, delimiter=self.separator)
            if self._header:
                writer.writerow(["epoch", *self._keys])
                self._header = False
            writer.writerow([epoch, *(_cell(logs.get(key, "NA")) for key in self._keys)])


def _cell(value: Any) -> Any:
    return value if isinstance(value, str) or not np.ndim(value) else f'"[{", ".join(map(str, value))}]"'


class TerminateOnNaN(Callback):
    """Ends the training when the loss is no finite number, where `fit` raises an error otherwise."""

    def on_train_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        if not np.isfinite((logs or {}).get("loss", 0.0)):
            print(f"Batch {batch}: Invalid loss, terminating training")
            self.model.stop_training = True
