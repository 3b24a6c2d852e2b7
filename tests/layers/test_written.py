"""Layers of classes that users write, with weights of their own: as in Keras, in every reading."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf

import minirnn as mr
from minirnn import backend
from minirnn import ops as mr_ops

N, T, D, M, U = 7, 6, 3, 5, 4
rng = np.random.default_rng(3)
X, Y = rng.normal(size=(N, T, D)), rng.normal(size=(N, 1))
FIT = {"epochs": 3, "batch_size": 3, "shuffle": False, "verbose": 0}


@pytest.fixture(autouse=True)
def double_precision():
    policy = keras.config.dtype_policy()
    keras.config.set_floatx("float64")
    keras.config.set_dtype_policy("float64")
    yield
    keras.config.set_floatx("float32")
    keras.config.set_dtype_policy(policy)


def attention(package, ops):
    class Attention(package.layers.Layer):
        def __init__(self, units, **others):
            super().__init__(**others)
            self.units = units

        def build(self, input_shape):
            self.W = self.add_weight(name="W", shape=(input_shape[-1], self.units), initializer="glorot_uniform")
            self.v = self.add_weight(name="v", shape=(self.units, 1), initializer="glorot_uniform", regularizer="l2")
            super().build(input_shape)

        def call(self, x):
            score = ops.matmul(ops.tanh(ops.matmul(x, self.W)), self.v)
            share = ops.softmax(score, axis=1)
            return ops.sum(share * x, axis=1)

    return Attention(U)


def scaled(package, ops):
    class Scaled(package.layers.Layer):
        def build(self, input_shape):
            self.factor = self.add_weight(shape=(input_shape[-1],), initializer="ones", name="factor")
            self.still = self.add_weight(shape=(2,), initializer="ones", name="still", trainable=False)

        def call(self, x, training=None):
            return x * self.factor * 2.0 if training else x * self.factor

    return Scaled()


def joined(package, ops):
    class Joined(package.layers.Layer):
        def build(self, shapes):
            self.parts = {"k": self.add_weight(shape=(shapes[0][-1], shapes[1][-1]), initializer="glorot_uniform", name="k")}

        def call(self, inputs):
            query, other = inputs
            return ops.relu(ops.matmul(query, self.parts["k"]) + other), query * 2.0

    return Joined()


def beside(package, ops):
    class Beside(package.layers.Layer):
        def build(self, input_shape):
            self.k = self.add_weight(shape=(input_shape[-1], 3), initializer="glorot_uniform", name="k")

        def call(self, query, values=None):
            return ops.matmul(query, self.k) + values

    return Beside()


def network(package, ops):
    i = package.layers.Input((T, D))
    h = scaled(package, ops)(package.layers.LSTM(M, return_sequences=True)(i))
    a = attention(package, ops)(h)
    p, q = joined(package, ops)([a, package.layers.Dense(U)(a)])
    z = beside(package, ops)(p, values=package.layers.Dense(3)(q))
    return package.models.Model(i, package.layers.Dense(1)(z))


def test_networks_of_such_layers_are_those_of_keras():
    theirs, ours = network(keras, keras.ops), network(mr, mr_ops)
    assert [w.shape for w in ours.get_weights()] == [w.shape for w in theirs.get_weights()]
    ours.set_weights(theirs.get_weights())
    np.testing.assert_allclose(ours.predict(X), theirs.predict(X, verbose=0), rtol=1e-12)
    trace = mr.trace(ours, X, Y)
    assert trace.verify(with_keras=False).ok
    with tf.GradientTape() as tape:
        loss = tf.reduce_mean((theirs(X) - Y) ** 2) + sum(theirs.losses)
    wanted = tape.gradient(loss, theirs.trainable_weights)
    found = [gradient for name, gradient in trace.gradients.items() if not name.startswith("still")]
    for one, other in zip(found, wanted, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-10, atol=1e-14)
    for model, package in ((theirs, keras), (ours, mr)):
        model.compile(package.optimizers.Adam(0.01), "mse")
    np.testing.assert_allclose(ours.fit(X, Y, **FIT).history["loss"], theirs.fit(X, Y, **FIT).history["loss"], rtol=1e-12)
    for one, other in zip(ours.get_weights(), theirs.get_weights()):
        np.testing.assert_allclose(one, other, rtol=1e-9, atol=1e-12)


def test_every_reading_of_such_a_layer(tmp_path):
    i = mr.layers.Input((T, D))
    layer = attention(mr, mr_ops)
    model = mr.models.Model(i, mr.layers.Dense(1)(layer(mr.layers.SimpleRNN(M, return_sequences=True)(i))))
    trace = mr.trace(model, X, Y)
    equations = trace.equations()
    assert max(equation.residual for equation in equations) < 1e-12
    said = str(equations)
    assert "share" in said and "score" in said and "axis=1" in said, said
    assert "∂L/∂W = " in said and "∂L/∂v = 0.02 v + " in said
    trace.page(tmp_path / "a.html")
    assert len(str(trace.walk())) > 1000 and trace.picture().dot
    lines = []
    model.summary(print_fn=lines.append)
    assert "attention (Attention)" in "\n".join(lines)
    model.save_weights(tmp_path / "a.weights.h5")
    kept = model.predict(X)
    model.set_weights([0 * w for w in model.get_weights()])
    model.load_weights(tmp_path / "a.weights.h5")
    np.testing.assert_array_equal(model.predict(X), kept)
    assert layer.W.shape == (M, U) and layer.get_weights()[1].shape == (U, 1)
    with pytest.raises(NotImplementedError, match="a layer of your own, which Keras has no description of"):
        model.save(tmp_path / "a.keras")


def test_in_a_row_and_on_arrays():
    row = mr.models.Sequential([mr.layers.Input((T, D)), mr.layers.GRU(M, return_sequences=True), attention(mr, mr_ops)])
    assert row.predict(X).shape == (N, M)
    layer = attention(mr, mr_ops)
    found = layer(X)
    W, v = layer.get_weights()
    score = np.tanh(X @ W) @ v
    share = np.exp(score) / np.exp(score).sum(1, keepdims=True)
    np.testing.assert_allclose(found, (share * X).sum(1), rtol=1e-5)
    np.testing.assert_array_equal(layer(X), found)  # its weights are drawn once


def test_layers_of_layers_and_weights_are_refused():
    class Both(mr.layers.Layer):
        def build(self, input_shape):
            self.inner = mr.layers.Dense(2)
            self.inner.build(input_shape)
            self.w = self.add_weight(shape=(2,), name="w")

        def call(self, x):
            return self.inner(x) * self.w

    with pytest.raises(NotImplementedError, match="both: a layer of your own that has weights and holds layers"):
        Both()(mr.layers.Input((D,)))


def test_axes_of_operations_are_never_left_out():
    """ops.softmax(x, axis=0) gave the softmax of each row."""
    x = rng.normal(size=(3, 4))
    np.testing.assert_allclose(mr_ops.softmax(x, axis=0).sum(0), 1)
    np.testing.assert_allclose(mr_ops.softmax(x, axis=-1).sum(1), 1)
    node = mr_ops.leaf(x)
    np.testing.assert_allclose(mr_ops.softmax(node, axis=1).value, backend.softmax(x))
    with pytest.raises(TypeError, match="softmax of nodes has no axis=0"):
        mr_ops.softmax(node, axis=0)
    with pytest.raises(TypeError, match="tanh of nodes has no where=1"):
        mr_ops.tanh(node, where=1)
    assert mr_ops.transpose(np.zeros((2, 3, 4))).shape == (4, 3, 2)
    assert mr_ops.reshape(x, (2, 6)).shape == (2, 6)


def test_attention_written_with_tensorflow():
    class Additive(mr.layers.Layer):
        def __init__(self, units):
            super().__init__()
            self.W1, self.W2, self.V = mr.layers.Dense(units), mr.layers.Dense(units), mr.layers.Dense(1)

        def call(self, query, values):
            score = self.V(tf.nn.tanh(self.W1(tf.expand_dims(query, 1)) + self.W2(values)))
            share = tf.nn.softmax(score, axis=1)
            return tf.reduce_sum(share * values, axis=1), share

    i = mr.layers.Input((T, D))
    states, last = mr.layers.GRU(M, return_sequences=True, return_state=True)(i)
    context, share = Additive(U)(last, states)
    found, shares = mr.models.Model(i, [context, share]).predict(X)
    np.testing.assert_allclose(shares.sum(1), 1, rtol=1e-5)
    assert found.shape == (N, M)


def test_arguments_of_older_programs():
    table = np.arange(6.0).reshape(3, 2)
    np.testing.assert_array_equal(mr.layers.Embedding(3, 2, weights=[table], trainable=False).get_weights()[0], table)
    assert mr.models.Sequential([mr.layers.Dense(3, input_dim=2)]).input_shape == (None, 2)
    row = mr.models.Sequential([mr.layers.LSTM(2, input_dim=3, input_length=4), mr.layers.Dense(1)])
    assert row.input_shape == (None, 4, 3) and row.output_shape == (None, 1)
    with pytest.warns(UserWarning, match=r"Adam\(decay=...\) does nothing, as in Keras 3"):
        assert "decay" not in mr.optimizers.Adam(decay=1e-6).get_config()
    with pytest.raises(TypeError, match="has no argument lr: it is called learning_rate"):
        mr.optimizers.Adam(lr=0.1)
