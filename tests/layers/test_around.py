"""The layers around the recurrence: each beside Keras, forward and backward, in both precisions, and in the readings."""

import warnings

import numpy as np
import pytest

import minirnn as mr
from minirnn.layers import (
    Concatenate,
    Conv1D,
    Dense,
    GetItem,
    GlobalMaxPooling1D,
    Input,
    Reshape,
    SimpleRNN,
    SpatialDropout1D,
)
from minirnn.models import Model

N, T, D, M, K = 2, 7, 4, 5, 3


def row(*layers, shape=(T, D)):
    import keras

    return keras.Sequential([keras.Input(shape), *layers])


def two(make):
    import keras

    i = keras.Input((T, D))
    a = keras.layers.SimpleRNN(M, return_sequences=True)(i)
    b = keras.layers.GRU(M, return_sequences=True)(i)
    return keras.Model(i, keras.layers.Dense(K)(make(keras, a, b)))


def rnn(L, **options):
    return L.SimpleRNN(M, return_sequences=True, **options)


NETWORKS = {
    "ReLU": lambda k, L: row(rnn(L), L.ReLU(max_value=0.5, negative_slope=0.1, threshold=0.2), L.SimpleRNN(K)),
    "LeakyReLU": lambda k, L: row(rnn(L), L.LeakyReLU(0.1), L.Dense(K)),
    "Softmax": lambda k, L: row(L.SimpleRNN(M), L.Dense(K), L.Softmax()),
    "Rescaling": lambda k, L: row(L.Rescaling(0.5, 1.0), L.SimpleRNN(M)),
    "LayerNormalization": lambda k, L: row(rnn(L), L.LayerNormalization(), L.SimpleRNN(K)),
    "BatchNormalization": lambda k, L: row(L.SimpleRNN(M), L.BatchNormalization(), L.Dense(K)),
    "SpatialDropout1D": lambda k, L: row(L.SpatialDropout1D(0.3), L.SimpleRNN(M)),
    "GlobalAveragePooling1D": lambda k, L: row(rnn(L), L.GlobalAveragePooling1D(), L.Dense(K)),
    "GlobalAveragePooling1D, masked": lambda k, L: row(L.Masking(), rnn(L), L.GlobalAveragePooling1D(), L.Dense(K)),
    "GlobalMaxPooling1D": lambda k, L: row(rnn(L), L.GlobalMaxPooling1D(), L.Dense(K)),
    "GlobalMaxPooling1D, ties": lambda k, L: row(
        rnn(L, activation="relu"), L.GlobalMaxPooling1D(keepdims=True), L.SimpleRNN(K)
    ),
    "MaxPooling1D": lambda k, L: row(rnn(L), L.MaxPooling1D(3, strides=2, padding="same"), L.SimpleRNN(K)),
    "Conv1D": lambda k, L: row(L.Conv1D(6, 3, activation="relu"), L.SimpleRNN(M)),
    "Conv1D, same": lambda k, L: row(L.Conv1D(6, 4, padding="same"), L.SimpleRNN(M), L.Dense(K)),
    "Conv1D, causal": lambda k, L: row(L.Conv1D(6, 3, padding="causal", dilation_rate=2), L.SimpleRNN(M)),
    "Conv1D, strides": lambda k, L: row(L.Conv1D(6, 4, strides=2), rnn(L), L.Dense(K)),
    "Reshape": lambda k, L: row(L.Dense(8), L.Reshape((4, 2)), L.SimpleRNN(M), shape=(5,)),
    "Permute": lambda k, L: row(L.Permute((2, 1)), L.SimpleRNN(M), L.Dense(K)),
    "RepeatVector": lambda k, L: row(L.SimpleRNN(M), L.RepeatVector(4), rnn(L), L.Dense(K)),
    "Add": lambda k, L: two(lambda k, a, b: k.layers.Add()([a, b])),
    "Average": lambda k, L: two(lambda k, a, b: k.layers.Average()([a, b])),
    "Multiply": lambda k, L: two(lambda k, a, b: k.layers.Multiply()([a, b])),
    "Concatenate": lambda k, L: two(lambda k, a, b: k.layers.Concatenate()([a, b])),
    "operators": lambda k, L: two(lambda k, a, b: 2.0 * a + b),
    "x[:, -1]": lambda k, L: two(lambda k, a, b: a[:, -1]),
    "x[:, 2:5, 1:]": lambda k, L: two(lambda k, a, b: a[:, 2:5, 1:]),
    "keras.ops": lambda k, L: two(lambda k, a, b: k.ops.mean(k.ops.relu(a), axis=1)),
    "a model within": lambda k, L: row(row(rnn(L), L.Dense(6), shape=(T, D)), L.SimpleRNN(M), L.Dense(K)),
}


def built(name, dtype):
    import keras

    policy, floatx = keras.config.dtype_policy(), keras.config.floatx()
    keras.config.set_floatx(dtype)
    keras.config.set_dtype_policy(dtype)
    try:
        return NETWORKS[name](keras, keras.layers)
    finally:
        keras.config.set_floatx(floatx)
        keras.config.set_dtype_policy(policy)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", NETWORKS)
def test_as_keras(name, dtype):
    import tensorflow as tf

    rng = np.random.default_rng(sum(map(ord, name)))
    theirs = built(name, dtype)
    drawn = [rng.normal(size=w.shape) * 0.5 for w in theirs.get_weights()]
    theirs.set_weights([np.abs(w) + 0.1 if "variance" in v.path else w for w, v in zip(drawn, theirs.weights)])
    ours = mr.from_keras(theirs)
    X = rng.normal(size=(N, *theirs.input_shape[1:])).astype(dtype)
    if "masked" in name:
        X[0, 4:] = 0
    eps = np.finfo(dtype).eps
    with tf.GradientTape() as tape:
        y = theirs(X)
        loss = tf.reduce_mean(y**2)
    y = np.asarray(y)
    assert np.abs(ours.predict(X) - y).max() <= 32 * eps * np.abs(y).max()
    trace = mr.trace(ours, X, np.zeros_like(y), dtype=dtype)
    assert np.abs(trace.output - y).max() <= 32 * eps * np.abs(y).max()
    right = tape.gradient(loss, theirs.trainable_weights)
    names = {(layer, i): n for n, (layer, i) in ours.parameter_places().items()}
    mine = [names[v.layer, v.place] for v in ours.trainable_weights if (v.layer, v.place) in names]
    if len(mine) == len(right):  # weights of cells are named by their layer
        for n, g in zip(mine, right):
            g = np.asarray(g)
            assert np.abs(trace.gradients[n] - g).max() <= 64 * eps * max(np.abs(g).max(), 1e-6), n


@pytest.mark.parametrize("name", [n for n in NETWORKS if not n.startswith(("Conv1D", "Permute", "Reshape"))])
def test_readings(name):
    ours = mr.from_keras(built(name, "float64"))
    rng = np.random.default_rng(0)
    ours.set_weights([np.abs(rng.normal(size=w.shape)) * 0.4 for w in ours.get_weights()])
    X = rng.normal(size=(N, *ours.input_shape[1:]))
    trace = mr.trace(ours, X, np.zeros_like(ours.predict(X)), dtype="float64")
    assert trace.verify(with_keras=False).ok
    assert trace.equations().residual < 1e-12
    assert "<svg" in trace.picture(level="op").svg and trace.source()


def test_saved_models_are_read_by_keras(tmp_path):
    import keras

    for k, name in enumerate(NETWORKS):
        ours = mr.from_keras(built(name, "float32"))
        X = np.random.default_rng(k).normal(size=(N, *ours.input_shape[1:])).astype("float32")
        path = mr.save(ours, tmp_path / f"{k}.keras")
        np.testing.assert_allclose(
            keras.saving.load_model(path).predict(X, verbose=0), ours.predict(X), rtol=1e-4, atol=1e-5
        )
        np.testing.assert_array_equal(mr.load(path).predict(X), ours.predict(X))


def test_what_does_not_fit_is_refused():
    a, b = Input((T, D)), Input((T, M))
    with pytest.raises(ValueError, match="one shape"):
        mr.layers.Add()([a, b])
    with pytest.raises(ValueError, match="cannot have the shape"):
        Reshape((3, 3))(a)
    with pytest.raises(ValueError, match="does not fit into 7 steps"):
        Conv1D(2, 9)(a)
    with pytest.raises(ValueError, match="cannot put shapes"):
        Concatenate(axis=0)([a, a])
    with pytest.raises(NotImplementedError, match="all samples"):
        GetItem((0,))(a)
    with pytest.raises(TypeError, match="placeholder"):
        a(3)
    with pytest.raises(TypeError, match="SimpleRNN"):
        Dense(2)(SimpleRNN(3))


def test_spatial_dropout_drops_whole_features():
    y = SpatialDropout1D(0.4)(np.ones((5, T, 6)), training=True)
    assert (y == y[:, :1]).all() and set(np.round(np.unique(y), 6)) == {0.0, np.round(1 / 0.6, 6)}


def test_the_largest_of_many_steps_in_any_length():
    i = Input((None, D))
    model = Model(i, GlobalMaxPooling1D()(SimpleRNN(M, return_sequences=True)(i)))
    for length in (1, 4, 30):
        X = np.random.default_rng(length).normal(size=(N, length, D))
        h = np.stack([mr.trace(model, X).value("h", t) for t in range(1, length + 1)], 1)
        np.testing.assert_allclose(model.predict(X), h.max(1))


def test_a_subclass_with_a_call():
    class Net(Model):
        def __init__(self):
            super().__init__()
            self.rnn, self.head = SimpleRNN(M, return_sequences=True), Dense(K)

        def call(self, x):
            return self.head(self.rnn(x)[:, -1])

    model, X = Net(), np.random.default_rng(0).normal(size=(N, T, D))
    y = model(X)
    assert y.shape == (N, K) and [layer.label for layer in model.layers if layer.weights] == ["simple_rnn", "dense"]
    assert mr.trace(model, X, np.zeros((N, K))).verify(with_keras=False).ok

    class Wild(Model):
        def call(self, x):
            return np.linalg.inv(x)

    with warnings.catch_warnings(), pytest.raises(NotImplementedError, match="as a loop"):
        warnings.simplefilter("ignore")
        Wild().predict(X)
