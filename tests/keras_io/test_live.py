from __future__ import annotations

import numpy as np
import pytest

import minirnn as mr
from minirnn.models import Sequential


@pytest.mark.parametrize("options", [{}, {"layers": 2, "every_step": True}, {"flatten": True, "hidden": "relu"}], ids=str)
def test_there_and_back(network, options):
    model = network(**options)
    there = mr.to_keras(model, dtype="float64")
    back = mr.from_keras(there)
    for a, b in zip(model.get_weights(), back.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    assert [layer.name for layer in back.layers] == [layer.name for layer in model.layers]
    X = np.random.default_rng(0).normal(size=(2, 4, 3))
    np.testing.assert_allclose(model.predict(X), np.asarray(there(X)), rtol=1e-12, atol=1e-13)


def test_a_sequential_model_stays_one():
    import keras

    model = keras.Sequential([keras.Input((7, 3)), keras.layers.SimpleRNN(5), keras.layers.Dense(2)])
    mine = mr.from_keras(model)
    assert isinstance(mine, Sequential) and len(mine.layers) == 2
    late = keras.Sequential([keras.layers.SimpleRNN(5), keras.layers.Dense(2)])
    with pytest.raises(ValueError, match="not built yet"):
        mr.from_keras(late)
    late(np.zeros((1, 7, 3), "float32"))
    np.testing.assert_allclose(
        mr.from_keras(late).predict(np.ones((1, 7, 3))), late(np.ones((1, 7, 3), "float32")), atol=4e-6
    )


def test_a_tf_keras_model():
    import tf_keras

    model = tf_keras.Sequential([tf_keras.layers.SimpleRNN(5, input_shape=(7, 3)), tf_keras.layers.Dense(2)])
    X = np.random.default_rng(0).normal(size=(2, 7, 3)).astype("float32")
    np.testing.assert_allclose(mr.from_keras(model).predict(X), model.predict(X, verbose=0), atol=4e-6)


def identity(x):
    return x


@pytest.mark.parametrize(
    ("layer", "says"),
    [
        (lambda k: k.layers.UnitNormalization(), "is a UnitNormalization, which minirnn does not support"),
        (lambda k: k.layers.SimpleRNN(4, activation="threshold"), "takes a threshold and a value"),
        (lambda k: k.layers.SimpleRNN(4, activation=identity), "activation"),
        (lambda k: k.layers.SimpleRNN(4, kernel_regularizer=identity), "not one that minirnn knows"),
        (lambda k: k.layers.LSTM(4, recurrent_activation=identity), "activation"),
    ],
)
def test_what_cannot_be_reproduced_is_refused_by_name(layer, says):
    import keras

    with pytest.raises(NotImplementedError, match=says):
        mr.from_keras(keras.Sequential([keras.Input((7, 3)), layer(keras)]))


def test_other_things_are_refused():
    with pytest.raises(TypeError, match="takes a Keras model, not str"):
        mr.from_keras("model.keras")


def test_without_keras(network, monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "keras", None)
    with pytest.raises(ImportError, match="pip install keras tensorflow"):
        mr.to_keras(network())


def test_a_name_that_stands_for_another_function_in_keras_2(tmp_path):
    """hard_sigmoid: the numbers would differ, and nothing else would tell."""
    import tf_keras

    model = tf_keras.Sequential([tf_keras.layers.SimpleRNN(5, "hard_sigmoid", input_shape=(4, 3))])
    with pytest.raises(NotImplementedError, match="is not the hard_sigmoid of Keras 3"):
        mr.from_keras(model)
    model.save(tmp_path / "a.keras")
    with pytest.warns(UserWarning, match="HDF5"):
        model.save(tmp_path / "a.h5")
    for name in ("a.keras", "a.h5"):
        with pytest.raises(NotImplementedError, match=rf"{name}: hard_sigmoid of Keras 2 is max\(0, min"):
            mr.load(tmp_path / name)
