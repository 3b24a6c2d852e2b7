"""Layers, cells and functions of the user's own in files and descriptions, both ways with Keras."""

from __future__ import annotations

import json

import numpy as np
import pytest

import minirnn as mr
from minirnn import models, utils
from minirnn.layers import RNN, Bidirectional, Dense, GlobalAveragePooling1D, Input, SimpleRNN

keras = pytest.importorskip("keras")
X = np.random.default_rng(0).normal(size=(2, 5, 3)).astype("float32")


def classes(package):
    """The same classes for minirnn and for Keras."""
    ops, layers = package.ops, package.layers

    class Scores(layers.Layer):
        def __init__(self, units, factor=1.0, **others):
            super().__init__(**others)
            self.units, self.factor = units, factor

        def build(self, shape):
            self.w = self.add_weight(shape=(shape[-1], self.units), initializer="random_normal", name="w")
            self.b = self.add_weight(shape=(self.units,), initializer="ones", name="b")

        def call(self, x):
            return ops.tanh(ops.matmul(x, self.w) + self.b) * self.factor

        def get_config(self):
            return {**super().get_config(), "units": self.units, "factor": self.factor}

    class Beside(layers.Layer):
        def build(self, shapes):
            self.w = self.add_weight(shape=(shapes[0][-1], 1), initializer="random_normal", name="w")

        def call(self, both):
            return ops.concatenate([ops.matmul(both[0], self.w), both[1]], axis=-1)

    class Leaky(layers.Layer):
        def __init__(self, units, **others):
            super().__init__(**others)
            self.units = self.state_size = self.output_size = units

        def build(self, shape):
            self.kernel = self.add_weight(shape=(shape[-1], self.units), initializer="random_normal", name="kernel")
            self.inner = self.add_weight(shape=(self.units, self.units), initializer="random_normal", name="inner")

        def call(self, x, states):
            h = 0.5 * states[0] + ops.tanh(ops.matmul(x, self.kernel) + ops.matmul(states[0], self.inner))
            return h, [h]

        def get_config(self):
            return {**super().get_config(), "units": self.units}

    return {kind.__name__: kind for kind in (Scores, Beside, Leaky)}


OURS, THEIRS = classes(mr), classes(keras)


def row(own):
    return models.Sequential([Input((5, 3)), SimpleRNN(4), own["Scores"](2, factor=2.0)])


def called_twice(own):
    i = Input((5, 3))
    scores = own["Scores"](3, name="scores")
    return models.Model(i, GlobalAveragePooling1D()(scores(scores(SimpleRNN(3, return_sequences=True)(i)))))


def of_two(own):
    i = Input((5, 3))
    return models.Model(i, own["Beside"]()([SimpleRNN(4)(i), SimpleRNN(2)(i)]))


def cell(own):
    i = Input((5, 3))
    return models.Model(i, Dense(2)(RNN(own["Leaky"](4))(i)))


def cell_both_ways(own):
    i = Input((5, 3))
    return models.Model(i, Dense(2)(Bidirectional(RNN(own["Leaky"](4)))(i)))


@pytest.mark.parametrize("ending", [".keras", ".h5"])
@pytest.mark.parametrize("make", [row, called_twice, of_two, cell, cell_both_ways])
def test_files_go_both_ways(make, ending, tmp_path):
    model = make(OURS)
    model.set_weights([np.random.default_rng(1).normal(size=w.shape) for w in model.get_weights()])
    y = model.predict(X, verbose=0)
    path, back = tmp_path / f"a{ending}", tmp_path / f"b{ending}"
    model.save(path)
    twin = keras.models.load_model(path, custom_objects=THEIRS, compile=False)
    twin.save(back)
    for found in (mr.load(path, custom_objects=OURS), twin, mr.load(back, custom_objects=OURS)):
        np.testing.assert_allclose(found.predict(X, verbose=0), y, rtol=1e-5, atol=1e-6)
    with pytest.raises(NotImplementedError, match=r"Scores|Beside|Leaky"):
        mr.load(path)
    model.save_weights(weights := tmp_path / "c.weights.h5")
    again = make(OURS)
    again.load_weights(weights)
    twin.set_weights([0 * w for w in twin.get_weights()])
    twin.load_weights(weights)
    for found in (again, twin):
        np.testing.assert_allclose(found.predict(X, verbose=0), y, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("make", [row, called_twice, of_two, cell, cell_both_ways])
def test_copies_and_descriptions(make):
    model = make(OURS)
    shapes = [w.shape for w in model.get_weights()]
    for copy in (models.clone_model(model), models.model_from_json(model.to_json(), OURS)):
        assert [w.shape for w in copy.get_weights()] == shapes
        copy.set_weights(model.get_weights())
        np.testing.assert_allclose(copy.predict(X, verbose=0), model.predict(X, verbose=0), rtol=1e-6)
    assert type(model).from_config(model.get_config(), OURS).count_params() == model.count_params()
    trace = mr.trace(model, X, np.zeros(model.predict(X, verbose=0).shape))
    assert "of which Keras has no other" in str(trace.verify())


def test_classes_and_functions_that_are_registered(tmp_path):
    @utils.register_keras_serializable("mine")
    class Twice(mr.layers.Layer):
        def build(self, shape):
            self.w = self.add_weight(shape=(shape[-1],), initializer="ones", name="w")

        def call(self, x):
            return 2 * x * self.w

    def bend(z):
        return z / (1 + abs(z))

    model = models.Sequential([Input((5, 3)), SimpleRNN(4, activation=bend), Twice()])
    assert [w.shape for w in models.clone_model(model).get_weights()] == [w.shape for w in model.get_weights()]
    with pytest.raises(NotImplementedError, match="its activation is a function of your own"):
        models.Sequential([Input((5, 3)), SimpleRNN(4, activation=lambda z: z)]).to_json()
    assert "a function of your own, of which Keras has no other" in str(mr.trace(model, X, np.zeros((2, 4))).verify())
    text = model.to_json()
    with utils.custom_object_scope({"bend": bend}):
        copy = models.model_from_json(text)
        model.save(tmp_path / "a.keras")
        again = mr.load(tmp_path / "a.keras")
    assert json.loads(text)["config"]["layers"][2]["registered_name"] == "mine>Twice"
    for found in (copy, again):
        found.set_weights(model.get_weights())
        np.testing.assert_allclose(found.predict(X, verbose=0), model.predict(X, verbose=0), rtol=1e-6)
    with pytest.raises(NotImplementedError, match="activation"):
        mr.load(tmp_path / "a.keras")


def test_a_description_that_says_too_little():
    class Scaled(mr.layers.Layer):
        def __init__(self, factor, **others):
            super().__init__(**others)
            self.factor = factor

        def build(self, shape):
            self.w = self.add_weight(shape=(shape[-1],), name="w", initializer="ones")

        def call(self, x):
            return x * self.w * self.factor

    with pytest.raises(NotImplementedError, match="the get_config of Scaled must say factor"):
        models.Sequential([Input((5, 3)), SimpleRNN(4), Scaled(3.0)]).to_json()


def attention(package, held):
    """The layer that most programs write: it holds layers, and calls them."""
    ops, layers = package.ops, package.layers

    class Attention(layers.Layer):
        def __init__(self, units=3, **others):
            super().__init__(**others)
            self.units = units
            if held == "list":
                self.inner = [layers.Dense(units, activation="tanh"), layers.Dense(1)]
            elif held == "row":
                self.inner = package.Sequential([layers.Dense(units, activation="tanh"), layers.Dense(1)])
            else:
                self.score, self.out = layers.Dense(units, activation="tanh"), layers.Dense(1)

        def call(self, x):
            e = self.inner[1](self.inner[0](x)) if held == "list" else None
            e = self.inner(x) if held == "row" else self.out(self.score(x)) if held == "attributes" else e
            return ops.sum(ops.softmax(e, axis=1) * x, axis=1)

        def get_config(self):
            return {**super().get_config(), "units": self.units}

    return Attention


@pytest.mark.parametrize("held", ["attributes", "list", "row"])
@pytest.mark.parametrize("ending", [".keras", ".h5"])
def test_layers_that_hold_layers(held, ending, tmp_path):
    def made(package):
        layers, own = package.layers, attention(package, held)
        row = [package.Input((5, 3)), layers.LSTM(3, return_sequences=True), own(), layers.Dense(2)]
        model = package.Sequential(row)
        rng = np.random.default_rng(1)
        model.set_weights([rng.normal(size=w.shape) for w in model.get_weights()])
        return model, {"Attention": own}

    (theirs, _), (ours, own) = made(keras), made(mr)
    y = ours.predict(X, verbose=0)
    np.testing.assert_allclose(theirs.predict(X, verbose=0), y, rtol=1e-5, atol=1e-6)
    ours.save(path := tmp_path / f"a{ending}")
    copies = [mr.load(path, own), models.model_from_json(ours.to_json(), own), models.clone_model(ours)]
    for copy in copies[1:]:
        copy.set_weights(ours.get_weights())
    for copy in [*copies, keras.models.load_model(path, compile=False)]:
        np.testing.assert_allclose(copy.predict(X, verbose=0), y, rtol=1e-5, atol=1e-6)
    theirs.save(path := tmp_path / f"b{ending}")
    with pytest.raises(NotImplementedError, match="holds layers of its own, whose weights are not read from files"):
        mr.load(path, own)
    theirs.save_weights(weights := tmp_path / "c.weights.h5")
    with pytest.raises(ValueError, match="has weights in layers/attention, where the model has no layer"):
        ours.load_weights(weights)


def test_a_row_that_holds_such_a_layer_grows():
    own = attention(mr, "attributes")
    model = models.Sequential([mr.layers.LSTM(3, return_sequences=True), own()])
    model.predict(X, verbose=0)
    model.add(Dense(2))
    assert model(Input((5, 3))).shape == (None, 2)
