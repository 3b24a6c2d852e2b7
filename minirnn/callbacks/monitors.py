"""Callbacks that follow one number of the logs: EarlyStopping, ReduceLROnPlateau, ModelCheckpoint."""

from __future__ import annotations

import operator
import os
import warnings
from typing import Any

import numpy as np

from ..system import plain
from .callback import Callback, Logs


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
            self._goes()  # what nobody knows is refused
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
        endings = (".weights.h5",) if save_weights_only else (".keras", ".h5")
        if not self.filepath.endswith(endings):
            raise ValueError(f"ModelCheckpoint(filepath={self.filepath!r}): the file must end in {' or '.join(endings)}")
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
        said = f"saving model to {path}"
        if self.save_best_only:
            current, before = self.value(logs), "None" if self.best is None else f"{self.best:.5f}"
            if current is not None and not self.better(current, self.best):
                self._tell(epoch, f"{self.monitor} did not improve from {before}")
                return
            if current is not None:
                said, self.best = f"{self.monitor} improved from {before} to {current:.5f}, {said}", current
        self._tell(epoch, said)
        os.makedirs(os.path.dirname(path) or ".", exist_ok=True)
        if self.save_weights_only:
            self.model.save_weights(path, overwrite=True)
        else:
            self.model.save(path)
        self._tell(epoch, f"finished saving model to {path}")

    def _tell(self, epoch: int, said: str) -> None:
        if self.verbose > 0:
            print(f"\nEpoch {epoch + 1}: {plain(said, 1000)}")
