"""Whole epochs in C beside the same epochs step by step in NumPy; what is not plain goes step by step."""

from __future__ import annotations

import numpy as np
import pytest

import minirnn as mr
from minirnn import callbacks, optimizers
from minirnn.readings.source.c import compiler
from minirnn.training import in_c

RNG = np.random.default_rng(0)
X, Y = RNG.normal(size=(10, 4, 3)), RNG.normal(size=(10, 6))
OPTIMIZERS = {
    "SGD": lambda: optimizers.SGD(0.05),
    "momentum": lambda: optimizers.SGD(0.05, momentum=0.9),
    "Nesterov": lambda: optimizers.SGD(0.05, momentum=0.9, nesterov=True),
    "Adam": lambda: optimizers.Adam(0.01),
    "RMSprop": lambda: optimizers.RMSprop(0.01),
}


@pytest.fixture(scope="module", autouse=True)
def cache(tmp_path_factory):
    patch = pytest.MonkeyPatch()
    patch.setenv("MINIRNN_CACHE", str(tmp_path_factory.mktemp("cache")))
    try:
        compiler.compiler()
    except NotImplementedError as error:
        pytest.skip(str(error))
    yield
    patch.undo()


@pytest.fixture
def calls(monkeypatch):
    """How many epochs each call of C has computed."""
    found = []

    def counted(*arguments):
        result = train(*arguments)
        found.append(len(result.losses))
        return result

    train = in_c.train
    monkeypatch.setattr(in_c, "train", counted)
    return found


def history(model, engine, optimizer, **options):
    model.compile(optimizer(), "mse", engine=engine)
    first = model.fit(X, Y, epochs=4, batch_size=4, verbose=0, **options).history["loss"]
    return [*first, *model.fit(X, Y, epochs=3, batch_size=4, verbose=0, **options).history["loss"]]


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_the_same_epochs(network, calls, name):
    """Two trainings one after the other: the optimizer remembers what it did."""
    models = network(), network()
    by_numpy, by_c = (history(m, e, OPTIMIZERS[name], shuffle=False) for m, e in zip(models, ("numpy", "c")))
    np.testing.assert_allclose(by_c, by_numpy, rtol=1e-12)
    for a, b in zip(*(m.get_weights() for m in models)):
        np.testing.assert_allclose(b, a, rtol=1e-10, atol=1e-12)
    assert sum(calls) == 7 and models[1].optimizer.iterations == 21


def test_shuffled(network, calls, monkeypatch):
    made = np.random.default_rng
    monkeypatch.setattr(np.random, "default_rng", lambda seed=None: made(7 if seed is None else seed))
    np.testing.assert_allclose(*(history(network(), e, OPTIMIZERS["Adam"]) for e in ("numpy", "c")), rtol=1e-12)
    assert sum(calls) == 7


def test_a_loss_that_is_no_number_is_said_as_always(network, calls):
    said, weights = [], []
    for engine in ("numpy", "c"):
        model = network()
        model.compile(optimizers.SGD(1e4), "mse", engine=engine)
        with pytest.raises(FloatingPointError) as error, np.errstate(all="ignore"):
            model.fit(X, Y, epochs=300, shuffle=False, verbose=0)
        said.append(str(error.value).partition(", with norm")[0])
        weights.append(model.get_weights())
    assert said[0] == said[1] and calls
    assert all(np.isfinite(w).all() for w in weights[1])


def test_what_is_not_plain_goes_step_by_step(network, calls):
    seen = []
    counting = callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: seen.append(logs["loss"]))
    for optimizer, options in (
        (lambda: optimizers.Adam(0.01, clipnorm=1.0), {}),
        (lambda: optimizers.Adam(0.01, amsgrad=True), {}),
        (OPTIMIZERS["Adam"], {"callbacks": [counting]}),
        (OPTIMIZERS["Adam"], {"validation_data": (X, Y)}),
    ):
        by_numpy, by_c = (history(network(), e, optimizer, shuffle=False, **options) for e in ("numpy", "c"))
        np.testing.assert_allclose(by_c, by_numpy, rtol=1e-10)
    assert not calls and len(seen) == 14


def test_a_wrong_rule_is_seen(network, monkeypatch):
    right = history(network(), "numpy", OPTIMIZERS["Adam"], shuffle=False)
    monkeypatch.setattr(in_c, "_rates", lambda optimizer, done, steps: np.full(steps, optimizer.rate))
    wrong = history(network(), "c", OPTIMIZERS["Adam"], shuffle=False)
    assert np.abs(np.subtract(right, wrong)).max() > 1e-3
    assert mr is not None
