"""How a model is trained goes with it, through files and live models, both ways, and what the optimizer remembers too."""

from __future__ import annotations

import numpy as np
import pytest

import minirnn as mr
from minirnn import losses, models, optimizers
from minirnn.layers import GRU, LSTM, RNN, Bidirectional, Dense, GRUCell, Input, LSTMCell, SimpleRNNCell

rng = np.random.default_rng(3)
N, T, D, K = 7, 4, 3, 2
X, Y = rng.normal(size=(N, T, D)).astype("float32"), rng.normal(size=(N, K)).astype("float32")

OPTIMIZERS = {
    "SGD": {"learning_rate": 0.1},
    "SGD with momentum": {"learning_rate": 0.1, "momentum": 0.9, "nesterov": True},
    "Adam": {"learning_rate": ("ExponentialDecay", 0.1, 2, 0.5), "amsgrad": True},
    "RMSprop": {"learning_rate": 0.01, "momentum": 0.3, "centered": True},
    "Adagrad": {"learning_rate": 0.1, "clipnorm": 0.5},
    "Adadelta": {"learning_rate": 0.5},
    "Adamax": {},
    "Nadam": {"learning_rate": 0.02},
}


def optimizer(kind, name):
    """That optimizer of Keras or of minirnn."""
    given = dict(OPTIMIZERS[name])
    rate = given.get("learning_rate")
    if isinstance(rate, tuple):
        given["learning_rate"] = getattr(kind.schedules, rate[0])(*rate[1:])
    return getattr(kind, name.split()[0])(**given)


def goes_on(model):
    """The losses of further training."""
    return np.array(model.fit(X, Y, epochs=2, batch_size=4, shuffle=False, verbose=0).history["loss"])


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_training_goes_on_where_keras_was(name, tmp_path):
    import keras

    i = keras.Input((T, D))
    theirs = keras.Model(i, keras.layers.Dense(K)(keras.layers.GRU(5, unroll=True)(i)))
    theirs.compile(optimizer(keras.optimizers, name), keras.losses.Huber(), metrics=["mae"], run_eagerly=True)
    goes_on(theirs)
    theirs.save(tmp_path / "a.keras")
    copies = [mr.from_keras(theirs), mr.load(tmp_path / "a.keras")]
    mr.save(copies[1], tmp_path / "b.keras")
    mr.save(copies[1], tmp_path / "b.h5")
    copies += [mr.load(tmp_path / "b.keras"), mr.load(tmp_path / "b.h5"), keras.saving.load_model(tmp_path / "b.keras")]
    right = goes_on(theirs)
    for copy in copies:
        np.testing.assert_allclose(goes_on(copy), right, rtol=2e-5)
    fresh = models.load_model(tmp_path / "a.keras", compile=False)
    with pytest.raises(ValueError, match="say how to train first"):
        goes_on(fresh)
    fresh.compile(optimizer(optimizers, name), losses.Huber())
    if name != "SGD":
        assert not np.allclose(goes_on(fresh), right, rtol=2e-5)  # what is remembered makes the difference


def test_an_h5_file_of_a_whole_model_goes_both_ways(tmp_path):
    import keras

    i, j = Input((T, D)), Input((5,))
    x = Bidirectional(LSTM(5, return_sequences=True))(i)
    model = models.Model([i, j], Dense(K)(GRU(5, reset_after=False)(x, initial_state=j)))
    model.set_weights([rng.normal(size=w.shape) for w in model.get_weights()])
    data = [X, rng.normal(size=(N, 5)).astype("float32")]
    model.compile(optimizers.Adam(0.01), "mse", metrics=["mae"])
    mr.save(model, tmp_path / "a.h5")
    theirs = keras.saving.load_model(tmp_path / "a.h5", compile=False)  # Keras cannot read "mse" of .h5, its own either
    back = mr.load(tmp_path / "a.h5")
    theirs.save(tmp_path / "b.h5")
    for other in (theirs, back, mr.load(tmp_path / "b.h5")):
        for a, b in zip(model.get_weights(), other.get_weights(), strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-6)
        np.testing.assert_allclose(other.predict(data, verbose=0), model.predict(data), rtol=1e-4, atol=1e-5)
    assert back.evaluate(data, Y, verbose=0) == pytest.approx(model.evaluate(data, Y, verbose=0))


def test_a_function_of_ones_own_is_in_no_file(tmp_path):
    model = models.Sequential([Input((T, D)), LSTM(5), Dense(K)])
    model.compile("sgd", lambda y, p: mr.ops.mean(mr.ops.square(y - p)))
    model.save(tmp_path / "a.keras")
    assert mr.load(tmp_path / "a.keras").optimizer is None


def test_what_an_optimizer_of_keras_2_remembers_is_not_read_and_training_says_so(tmp_path):
    import tf_keras

    theirs = tf_keras.Sequential([tf_keras.layers.Input((T, D)), tf_keras.layers.SimpleRNN(5), tf_keras.layers.Dense(K)])
    theirs.compile("adam", "mae", run_eagerly=True)
    theirs.fit(X, Y, verbose=0)
    with pytest.warns(UserWarning, match="HDF5"):
        theirs.save(tmp_path / "a.h5")
    model = mr.load(tmp_path / "a.h5")
    assert type(model.optimizer).__name__ == "Adam" and model.loss == "mae" and not model.optimizer.iterations
    with pytest.warns(UserWarning, match="begins anew.*Keras 2"):
        model.fit(X, Y, verbose=0)


def nested(kind):
    """A model whose initial states are a list within a list: of cells on top of each other, from those of another layer."""
    L = kind.layers
    i, j = kind.Input((None, D), name="i"), kind.Input((None, 2), name="j")
    cells = [[L.LSTMCell(5), L.GRUCell(4), L.SimpleRNNCell(6)] for _ in "ab"]
    _, *states = L.RNN(cells[0], return_state=True, name="early")(i)
    out = L.RNN(cells[1], return_sequences=True, name="late")(j, initial_state=states)
    return kind.Model([i, j], L.Dense(K, name="head")(out))


@pytest.mark.parametrize("ending", ["keras", "h5"])
def test_nested_initial_states_go_through_files_both_ways(ending, tmp_path):
    import keras

    data = [rng.normal(size=(N, 5, D)).astype("float32"), rng.normal(size=(N, 3, 2)).astype("float32")]
    ours, theirs = nested(mr), nested(keras)
    weights = [rng.normal(0, 0.5, w.shape).astype("float32") for w in theirs.get_weights()]
    for model in (ours, theirs):
        model.set_weights(weights)
    right = theirs.predict(data, verbose=0)
    np.testing.assert_allclose(ours.predict(data), right, atol=2e-6)
    ours.save(tmp_path / f"ours.{ending}")
    theirs.save(tmp_path / f"theirs.{ending}")
    both = [keras.saving.load_model(tmp_path / f"ours.{ending}"), mr.load(tmp_path / f"ours.{ending}")]
    for model in (*both, mr.load(tmp_path / f"theirs.{ending}"), mr.from_keras(theirs), mr.to_keras(ours)):
        np.testing.assert_allclose(np.asarray(model.predict(data, verbose=0)), right, atol=2e-6)
    other = both[1].layers[-2].__class__
    assert other is RNN and [type(c) for c in both[1].layers[-2].cells] == [LSTMCell, GRUCell, SimpleRNNCell]
