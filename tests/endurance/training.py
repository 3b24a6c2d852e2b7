"""Ctrl-C at any line of a training: weights and optimizer are of one complete step, and going on equals not stopping."""

from __future__ import annotations

import signal
import sys
import time
import warnings
from collections.abc import Callable

import numpy as np

from minirnn.callbacks import Callback
from minirnn.layers import GRU, LSTM, BatchNormalization, Dense, Input, SimpleRNN
from minirnn.models import Model, Sequential
from minirnn.optimizers import SGD, Adam, Nadam, RMSprop

N, T, D, M, K = 4, 3, 2, 5, 6
EPOCHS = 3
LAYERS: dict[str, Callable[[], list[object]]] = {
    "rnn": lambda: [SimpleRNN(M), Dense(K)],
    "gates": lambda: [LSTM(M, return_sequences=True), GRU(3), Dense(K)],
    "moving averages": lambda: [SimpleRNN(M), BatchNormalization(), Dense(K)],
}
OPTIMIZERS: dict[str, Callable[[], object]] = {
    "momentum": lambda: SGD(0.05, momentum=0.9, nesterov=True),
    "rmsprop": lambda: RMSprop(0.01, centered=True, momentum=0.5),
    "amsgrad": lambda: Adam(0.05, amsgrad=True, clipnorm=1.0),
    "nadam": lambda: Nadam(0.05),
    "c": lambda: Adam(0.05),
}
rng = np.random.default_rng(0)
X, Y = rng.normal(size=(N, T, D)), rng.normal(size=(N, K))


def made(layers: str, optimizer: str) -> Model:
    """A network that is compiled and has been trained for a step, so that all that is made once is there."""
    model = Sequential([Input((T, D)), *LAYERS[layers]()])
    drawn = np.random.default_rng(1)
    model.set_weights([np.abs(drawn.normal(0, 0.5, w.shape)) for w in model.get_weights()])
    model.compile(OPTIMIZERS[optimizer](), "mse", engine="c" if optimizer == "c" else "numpy")
    fit(model, 1)
    return model


def fit(model: Model, epochs: int, callbacks: list[Callback] | None = None) -> None:
    model.fit(X, Y, epochs=epochs, batch_size=N, shuffle=False, verbose=0, callbacks=callbacks or [])


def state(model: Model) -> bytes:
    """All that a training changes."""
    held = model.optimizer.state
    arrays = [*model.get_weights(), *held.slots, held.iterations]
    return b"".join(np.asarray(a).tobytes() for a in arrays)


def interrupted(model: Model, at: int) -> int:
    """Train, with Ctrl-C at the line of the package that is the `at`-th to run; how many lines there were."""
    seen = 0

    def lines(frame, event, _):  # type: ignore[no-untyped-def]
        nonlocal seen
        name = frame.f_code.co_filename
        if "minirnn" not in name and not name.startswith("<"):
            return None
        seen += event == "line"
        if seen == at:
            sys.settrace(None)
            signal.raise_signal(signal.SIGINT)
        return lines

    sys.settrace(lines)
    try:
        fit(model, EPOCHS)
    except KeyboardInterrupt:
        pass
    finally:
        sys.settrace(None)
    return seen


class Case:
    """One kind of network and optimizer, and the states of a training of it that is never stopped."""

    def __init__(self, layers: str, optimizer: str) -> None:
        self.what = layers, optimizer
        model = made(*self.what)
        self.path = [state(model)]
        for _ in range(2 * EPOCHS):
            fit(model, 1)
            self.path.append(state(model))
        self.lines = interrupted(made(*self.what), -1)

    def is_right(self, at: int) -> bool:
        """Whether the training that is stopped there is somewhere on the path, and stays on it when it goes on."""
        model = made(*self.what)
        interrupted(model, at)
        found = state(model)
        if found not in self.path:
            return False
        fit(model, EPOCHS)
        return state(model) == self.path[self.path.index(found) + EPOCHS]


def interrupts(minutes: float) -> int:
    """Trainings stopped at lines chosen at random."""
    chosen, faults, count = np.random.default_rng(2), [], 0
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        cases = [Case(layers, optimizer) for layers in LAYERS for optimizer in OPTIMIZERS]
        stop = time.monotonic() + 60 * minutes
        while time.monotonic() < stop:
            for case in cases:
                at = int(chosen.integers(1, case.lines))
                count += 1
                if not case.is_right(at):
                    faults.append((case.what, at))
    print(f"interrupts: {count} trainings of {len(cases)} kinds stopped, {len(faults)} faults {faults[:5]}")
    return len(faults)
