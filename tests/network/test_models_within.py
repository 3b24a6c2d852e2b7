"""Models within models: listed as Keras lists them, one entry each, and trained as what they are."""

from __future__ import annotations

import numpy as np
import pytest

import minirnn as mr
from minirnn.layers import LSTM, Dense, Input, RepeatVector
from minirnn.models import Model, Sequential

X = np.random.default_rng(0).normal(size=(4, 6, 2)).astype("float32")


def in_a_row(k):
    base = k.Sequential([k.Input((6, 2)), k.layers.LSTM(5, return_sequences=True), k.layers.LSTM(3)], name="base")
    return k.Sequential([k.Input((6, 2)), base, k.layers.Dense(4), k.layers.Dense(1)])


def functional(k):
    base = k.Sequential([k.Input((6, 2)), k.layers.LSTM(5, return_sequences=True), k.layers.LSTM(3)], name="base")
    i = k.Input((6, 2))
    return k.Model(i, k.layers.Dense(1)(k.layers.Dense(4)(base(i))))


@pytest.mark.parametrize("make", [in_a_row, functional])
def test_layers_are_those_of_keras(make):
    import keras

    ours, theirs = make(mr), make(keras)
    assert [type(layer).__name__ for layer in ours.layers] == [type(layer).__name__ for layer in theirs.layers]
    at = [layer.name for layer in ours.layers].index("base")
    assert at == [layer.name for layer in theirs.layers].index("base")
    assert ours.get_layer("base") is ours.layers[at] and ours.get_layer(index=at + 1) is ours.layers[at + 1]
    assert [w.shape for w in ours.get_weights()] == [w.shape for w in theirs.get_weights()]
    np.testing.assert_array_equal(ours.get_layer("base").predict(X).shape, (4, 3))
    for model in (ours, theirs):
        model.layers[at].trainable = False
        model.compile("sgd", "mse")
    theirs.set_weights(ours.get_weights())
    assert len(ours.trainable_weights) == len(theirs.trainable_weights) == 4
    histories = [model.fit(X, X[:, 0, :1], epochs=3, shuffle=False, verbose=0).history["loss"] for model in (ours, theirs)]
    np.testing.assert_allclose(*histories, rtol=1e-5)


def test_an_encoder_is_taken_out_of_an_autoencoder():
    encoder = Sequential([Input((6, 2)), LSTM(3)])
    both = Sequential([encoder, Sequential([RepeatVector(6), LSTM(4, return_sequences=True), Dense(2)])])
    assert both.layers[0] is encoder and both.layers[0].predict(X).shape == (4, 3)
    assert both.predict(X).shape == (4, 6, 2) and both.layers[0] is encoder
    with pytest.raises(ValueError, match="no layer 'decoder'"):
        both.get_layer("decoder")


def test_a_model_that_is_an_attribute():
    class Own(Model):
        def __init__(self):
            super().__init__()
            self.head = Dense(2)
            self.encoder = Sequential([LSTM(3)])

        def call(self, x):
            return self.head(self.encoder(x))

    model = Own()
    model(X)
    assert [type(layer).__name__ for layer in model.layers] == ["Dense", "Sequential"]
    assert [w.shape[-1] for w in model.get_weights()] == [2, 2, 12, 12, 12]
