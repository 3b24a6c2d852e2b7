"""Models of classes that users write: every way to call them is a network of the same layers."""

from __future__ import annotations

import keras
import numpy as np
import pytest

import minirnn as mr
from minirnn import layers

rng = np.random.default_rng(2)
X = rng.normal(size=(3, 4, 2)).astype("f")


def decoder(package):
    class Decoder(package.Model):
        def __init__(self):
            super().__init__()
            self.rnn = package.layers.LSTM(5, return_state=True)
            self.head = package.layers.Dense(2)

        def call(self, x, states=None, with_states=False):
            y, h, c = self.rnn(x, initial_state=states)
            return (self.head(y), [h, c]) if with_states else self.head(y)

    return Decoder()


def test_states_that_are_given_are_used():
    theirs, ours = decoder(keras), decoder(mr)
    theirs(X)
    ours(X)
    ours.set_weights(theirs.get_weights())
    wanted, wanted_states = theirs(X, with_states=True)
    found, states = ours(X, with_states=True)
    np.testing.assert_allclose(found, wanted, rtol=1e-5, atol=1e-6)
    for _ in range(2):
        wanted, wanted_states = theirs(X, wanted_states, with_states=True)
        found, states = ours(X, states, with_states=True)
        np.testing.assert_allclose(found, wanted, rtol=1e-5, atol=1e-6)
        np.testing.assert_allclose(states[1], wanted_states[1], rtol=1e-5, atol=1e-6)
    np.testing.assert_array_equal(ours(X, states=states), ours(X, states))
    assert len(ours.get_weights()) == 5 and [layer.kind for layer in ours.layers] == ["LSTM", "Dense"]
    with pytest.raises(TypeError, match="unexpected keyword argument 'state'"):
        ours(X, state=states)


def test_training_is_said_by_its_name_alone():
    class Dropping(mr.Model):
        def __init__(self):
            super().__init__()
            self.drop = layers.Dropout(0.5)

        def call(self, x, training=None):
            return self.drop(x, training=training)

    class Branching(Dropping):
        def call(self, x, training=False):
            return self.drop(x, training=training) if training else x

    model = Dropping()
    assert (np.asarray(model(X, training=True)) == 0).any() and not (np.asarray(model(X)) == 0).any()
    with pytest.raises(NotImplementedError, match="branches on training: give it on to the layers"):
        Branching()(X)


def test_inputs_and_outputs_by_name():
    def made(package):
        class Two(package.Model):
            def __init__(self):
                super().__init__()
                self.rnn, self.a, self.b = package.layers.GRU(3), package.layers.Dense(2), package.layers.Dense(1)

            def call(self, given):
                h = self.rnn(given["x"]) + self.rnn(given["y"])
                return {"wide": self.a(h), "narrow": self.b(h)}

        model = Two()
        model.compile(package.optimizers.SGD(0.1), {"wide": "mse", "narrow": "mae"})
        return model

    theirs, ours = made(keras), made(mr)
    given, aims = {"x": X, "y": 2 * X}, {"wide": np.ones((3, 2), "f"), "narrow": np.ones((3, 1), "f")}
    theirs(given)
    ours(given)
    ours.set_weights(theirs.get_weights())
    assert {key: value.shape for key, value in ours.predict(given).items()} == {"wide": (3, 2), "narrow": (3, 1)}
    wanted = theirs.fit(given, aims, epochs=3, shuffle=False, verbose=0).history
    found = ours.fit(given, aims, epochs=3, shuffle=False, verbose=0).history
    assert list(found) == sorted(wanted)
    for key, values in wanted.items():
        np.testing.assert_allclose(found[key], values, rtol=1e-5)


def test_several_arguments_and_every_length():
    class Sum(mr.Model):
        def __init__(self):
            super().__init__()
            self.head = layers.Dense(3)

        def call(self, a, b):
            return self.head(a) + self.head(b)

    model = Sum()
    a, b = rng.normal(size=(2, 5, 4)).astype("f")
    np.testing.assert_allclose(model(a, b), a @ model.get_weights()[0] + b @ model.get_weights()[0], rtol=1e-4, atol=1e-5)
    with pytest.raises(TypeError, match=r"Sum.call: missing a required argument: 'b'"):
        model(a)

    class Words(mr.Model):
        def __init__(self):
            super().__init__()
            self.table, self.rnn = layers.Embedding(9, 4), layers.GRU(3)

        def call(self, x):
            return self.rnn(self.table(x))

    words = Words()
    assert words.get_weights() == [] and [layer.kind for layer in words.layers] == ["Embedding", "GRU"]
    lines = []
    words.summary(print_fn=lines.append)
    assert "gru (GRU)" in lines[0] and "0 (unbuilt)" in lines[0]
    assert words(np.zeros((2, 5), int)).shape == words(np.zeros((2, 7), int)).shape == (2, 3)
    assert "InputLayer" not in str(words.layers)


def test_rows_that_are_not_built_yet():
    i = layers.Input((4, 2))
    row = mr.Sequential([layers.Dense(4), layers.Dense(2)])
    model = mr.Model(i, row(layers.LSTM(3)(i)))
    assert model.predict(X).shape == (3, 2) and len(model.get_weights()) == 7
    nested = mr.Sequential([layers.LSTM(3), mr.Sequential([layers.Dense(2)])])
    assert nested(X).shape == (3, 2)


def test_states_of_several_cells_are_lists():
    def made(package):
        i = package.layers.Input((4, 2))
        cells = [package.layers.LSTMCell(5), package.layers.GRUCell(3)]
        y, of_first, of_second = package.layers.RNN(cells, return_state=True)(i)
        return package.Model(i, [y, of_first, of_second])

    theirs, ours = made(keras), made(mr)
    ours.set_weights(theirs.get_weights())
    wanted, found = theirs.predict(X, verbose=0), ours.predict(X)
    np.testing.assert_allclose(found[1][1], wanted[1][1], rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(found[2], wanted[2], rtol=1e-5, atol=1e-6)


def test_the_model_itself_is_that_of_its_plain_call(tmp_path):
    model = decoder(mr)
    _, states = model(X, with_states=True)
    assert model.predict(X).shape == (3, 2)
    model.compile("sgd", "mse")
    assert len(model.fit(X, np.ones((3, 2)), verbose=0).history["loss"]) == 1
    assert np.abs(model(X, states) - model(X)).max() > 0
    model.save(tmp_path / "a.keras")
    np.testing.assert_array_equal(mr.load(tmp_path / "a.keras").predict(X), model.predict(X))
