"""Networks whose sizes all differ, with random weights: square or constant ones let transposition errors pass."""

from __future__ import annotations

import os
import random
import sys
from pathlib import Path

import numpy as np
import pytest

import minirnn as mr
from minirnn.layers import Dense, Flatten, Input, SimpleRNN
from minirnn.models import Model

# A process that a test starts finds the tests too; last, for what is tested is the package that is installed.
sys.path.append(str(Path(__file__).parent.parent))


@pytest.fixture(autouse=True)
def first_of_their_class():
    """Metrics are called as if a test were a program of its own."""
    mr.backend.clear_session()


# What `pytest -m quick` runs: files of every room that answer in a minute together, but for what takes long in them.
QUICK = [
    "engine/",
    "network/",
    "test_traces.py",
    "test_models.py",
    "test_imports.py",
    "test_system.py",
    "cli/test_options.py",
    "test_losses.py",
    "test_optimizers.py",
    "layers/test_layers.py",
    "readings/analysis/test_walk.py",
    "readings/source/test_compiled.py",
    "readings/equations/test_spelling.py",
    "readings/picture/test_layout.py",
    "loops/test_refused.py",
    "verify/test_report.py",
    "exchange/",
    "keras_io/test_save.py",
]
SLOW = ("long_sequences", "used_twice", "1000", "docstrings_everywhere", "every_escape", "keras")


def pytest_collection_modifyitems(items):
    """Mark the tests of the quick lane."""
    root = Path(__file__).parent
    for item in items:
        name = str(item.path.relative_to(root)) if item.path.is_relative_to(root) else ""
        if name.startswith(tuple(QUICK)) and not any(word in item.name for word in SLOW):
            item.add_marker(pytest.mark.quick)


@pytest.fixture(autouse=True)
def numbers(request, monkeypatch):
    """The random numbers of a test are its own, whichever tests run before it; Keras draws its seeds from `random`."""
    random.seed(0)
    np.random.seed(0)
    mr.set_random_seed(0)
    if isinstance(getattr(request.module, "rng", None), np.random.Generator):
        monkeypatch.setattr(request.module, "rng", np.random.default_rng(0))


@pytest.fixture(autouse=True)
def keras_settings():
    """Keras computes in float32, whatever a test before asked it for."""
    config = getattr(sys.modules.get("keras"), "config", None)
    if config is not None:
        config.set_floatx("float32")
        config.set_dtype_policy("float32")


N, T, D, M, K = 2, 4, 3, 5, 6


def build(layers=1, every_step=False, activation="tanh", use_bias=True, head="linear", flatten=False, steps=T, hidden=None):
    """A model of `layers` recurrent layers (5, 7, ... units) and a Dense head, with random weights (biases too)."""
    x = i = Input(shape=(steps, D))
    for layer in range(layers):
        last = layer == layers - 1
        sequences = every_step or flatten or not last
        x = SimpleRNN(M + 2 * layer, activation=activation, use_bias=use_bias, return_sequences=sequences)(x)
    if flatten:
        x = Flatten()(x)
    if hidden:
        x = Dense(4, activation=hidden)(x)
    model = Model(i, Dense(K, activation=head, use_bias=use_bias)(x), name="net")
    rng = np.random.default_rng(1)
    size = 0.1 if activation == "exponential" else 0.6  # exp of exp of exp overflows
    model.set_weights([size * rng.normal(size=w.shape) for w in model.get_weights()])
    return model


def data(model, samples=N, steps=T, loss="mse"):
    rng = np.random.default_rng(2)
    X = rng.normal(size=(samples, steps, D))
    Y = rng.normal(size=model.predict(X).shape)
    if loss == "categorical_crossentropy":
        Y = np.exp(Y) / np.exp(Y).sum(-1, keepdims=True)
    return X, Y


def traced(loss="mse", samples=N, dtype="float64", **options):
    model = build(**options)
    X, Y = data(model, samples, options.get("steps", T), loss)
    return mr.trace(model, X, Y, loss=loss, dtype=dtype)


@pytest.fixture
def make():
    """make(layers=2, every_step=True, ...) is a trace of such a network."""
    return traced


@pytest.fixture
def network():
    """network(layers=2, ...) is such a model."""
    return build


@pytest.fixture
def trace():
    """The plain many-to-one network: N=2, T=4, D=3, M=5, K=6, float64."""
    return traced()


@pytest.fixture
def stacked():
    """Two layers, a head at every step."""
    return traced(layers=2, every_step=True)


@pytest.fixture
def golden():
    """golden("name.tex", text): the text is that of tests/golden/name.tex; MINIRNN_UPDATE_GOLDEN=1 writes it there."""

    def check(name, text):
        path = Path(__file__).parent / "golden" / name
        if os.environ.get("MINIRNN_UPDATE_GOLDEN"):
            path.write_text(text + "\n")
        assert text + "\n" == path.read_text()

    return check


@pytest.fixture
def double_precision():
    """Keras computes in float64 and is afterwards as it was."""
    import keras

    policy = keras.config.dtype_policy()
    keras.config.set_floatx("float64")
    keras.config.set_dtype_policy("float64")
    yield
    keras.config.set_floatx("float32")
    keras.config.set_dtype_policy(policy)
