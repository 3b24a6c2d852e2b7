"""The progress bar of training, as Keras draws it."""

from __future__ import annotations

import sys
import time
from typing import Any

import numpy as np

from ..system import plain
from .callback import Callback, Logs

WIDTH, INTERVAL = 20, 0.05  # letters, seconds


class ProgressBar(Callback):
    """A line for each epoch: the batches done, the time, and the numbers so far; with ``verbose=2`` at its end only."""

    def set_params(self, params: dict[str, Any]) -> None:
        self.verbose = 1 if params["verbose"] == "auto" else int(params["verbose"])
        self.epochs, self.steps = params["epochs"], params["steps"]
        self._training = False

    def on_train_begin(self, logs: Logs | None = None) -> None:
        self._training = True

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        self._begin()
        if self.epochs > 1:
            print(f"Epoch {epoch + 1}/{self.epochs}", flush=True)

    def on_train_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        self._show(batch + 1, logs)

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        self._show(self.steps or self._seen, logs, last=True)

    def on_test_begin(self, logs: Logs | None = None) -> None:
        if not self._training:
            self._begin()

    def on_test_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        if not self._training:
            self._show(batch + 1, logs)

    def on_test_end(self, logs: Logs | None = None) -> None:
        if not self._training:
            self._show(self.steps or self._seen, logs, last=True)

    on_predict_begin = on_test_begin
    on_predict_batch_end = on_test_batch_end
    on_predict_end = on_test_end

    def _begin(self) -> None:
        self._start, self._shown, self._seen = time.perf_counter(), 0.0, 0

    def _show(self, seen: int, logs: Logs | None, last: bool = False) -> None:
        now, self._seen = time.perf_counter(), seen
        if not last and (self.verbose != 1 or now - self._shown < INTERVAL):
            return
        self._shown = now
        spent = now - self._start
        each = spent / max(seen, 1)
        left = f"{spent:.0f}s" if last or not self.steps else f"{each * (self.steps - seen):.0f}s"
        numbers = "".join(f" - {plain(name)}: {self._number(value)}" for name, value in (logs or {}).items())
        if self.verbose == 2:
            line = f"{self._count(seen)} - {spent:.0f}s - {_short(each)}/step{numbers}"
        else:
            line = f"{self._bar(seen)} {left} {_short(each)}/step{numbers}"
        start = "\r" if self.verbose == 1 and sys.stdout.isatty() else ""
        if last or start:
            print(start + line, end="\n" if last else "", flush=True)

    def _bar(self, seen: int) -> str:
        if not self.steps:
            return f"{seen}/Unknown"
        done = WIDTH * seen // self.steps
        return f"{self._count(seen)} " + "━" * done + "─" * (WIDTH - done)

    def _count(self, seen: int) -> str:
        return f"{seen:{len(str(self.steps))}}/{self.steps}" if self.steps else f"{seen}/Unknown"

    def _number(self, value: Any) -> str:
        """As Keras has it: in the line of ``verbose=2`` no negative number is written without an exponent."""
        mean = float(np.mean(value))
        return f"{mean:.4f}" if (mean if self.verbose == 2 else abs(mean)) > 1e-3 else f"{mean:.4e}"


def _short(seconds: float) -> str:
    for unit, size in (("s", 1.0), ("ms", 1e-3)):
        if seconds >= size:
            return f"{seconds / size:.0f}{unit}"
    return f"{seconds * 1e6:.0f}us"
