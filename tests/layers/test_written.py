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
pytestmark = pytest.mark.usefixtures("double_precision")
FIT = {"epochs": 3, "batch_size": 3, "shuffle": False, "verbose": 0}


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
    with pytest.raises(NotImplementedError, match="the get_config of Attention must say units"):
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


def both(build, data):
    """The models of both packages, of the same drawn weights."""
    theirs, ours = build(keras, keras.ops), build(mr, mr_ops)
    for model in (theirs, ours):
        if not model.built:
            model(data)
    assert [w.shape for w in ours.get_weights()] == [w.shape for w in theirs.get_weights()]
    theirs.set_weights([0.5 * rng.normal(size=w.shape) for w in theirs.get_weights()])
    ours.set_weights(theirs.get_weights())
    np.testing.assert_allclose(ours.predict(data), theirs.predict(data, verbose=0), rtol=1e-10, atol=1e-13)
    return theirs, ours


def pair(package, ops):
    class Pair(package.layers.Layer):
        def __init__(self):
            super().__init__()
            self.last, self.first = package.layers.Dense(6), package.layers.Dense(6)

        def call(self, x):
            return self.last(ops.tanh(self.first(x)))

    return Pair()


def in_a_functional_model(package, ops):
    i = package.layers.Input((T, D))
    return package.models.Model(i, package.layers.GRU(3)(pair(package, ops)(i)))


def in_a_subclass(package, ops):
    class Holding(package.Model):
        def __init__(self):
            super().__init__()
            self.head, self.pair, self.rnn = package.layers.Dense(2), pair(package, ops), package.layers.GRU(6)

        def call(self, x):
            return self.head(self.rnn(self.pair(x)))

    return Holding()


def a_subclass_in_a_subclass(package, ops):
    class Encoder(package.Model):
        def __init__(self):
            super().__init__()
            self.head, self.rnn = package.layers.Dense(6), package.layers.GRU(6)

        def call(self, x):
            return self.head(self.rnn(x))

    class Whole(package.Model):
        def __init__(self):
            super().__init__()
            self.head, self.encoder = package.layers.Dense(6), Encoder()

        def call(self, x):
            return self.head(self.encoder(x))

    return Whole()


def a_list_called_backwards(package, ops):
    class Backwards(package.Model):
        def __init__(self):
            super().__init__()
            self.row, self.rnn = [package.layers.Dense(3) for _ in range(3)], package.layers.GRU(2)

        def call(self, x):
            for layer in reversed(self.row):
                x = layer(x)
            return self.rnn(x)

    return Backwards()


@pytest.mark.parametrize(
    "build",
    [in_a_functional_model, in_a_subclass, a_subclass_in_a_subclass, a_list_called_backwards],
    ids=lambda f: f.__name__,
)
def test_weights_are_in_keras_order(build):
    both(build, X)


def test_what_a_layer_does_in_training_is_done_in_fit():
    def build(package, ops):
        i = package.layers.Input((T, D))
        return package.models.Model(i, package.layers.Dense(1)(scaled(package, ops)(package.layers.GRU(3)(i))))

    models = both(build, X)
    for model in models:
        model.compile("sgd", "mse")
    theirs, ours = (model.fit(X, Y, **FIT).history["loss"] for model in models)
    np.testing.assert_allclose(ours, theirs, rtol=1e-10)


def test_masks_of_ones_own_layers_are_refused_and_those_of_products_kept():
    tokens = rng.integers(1, 9, (N, T))
    tokens[:, 4:] = 0

    def product(package, ops):
        i = package.layers.Input((T,))
        x = package.layers.Embedding(9, 4, mask_zero=True)(i)
        return package.models.Model(i, package.layers.LSTM(2)(package.layers.Multiply()([x, x * 1.0])))

    both(product, tokens)

    class Looking(mr.layers.Layer):
        def call(self, x, mask=None):
            return x if mask is None else x * mask

    class Giving(mr.layers.Layer):
        def compute_mask(self, x, mask=None):
            return mask

        def call(self, x):
            return 2.0 * x

    masked = mr.layers.Embedding(9, 4, mask_zero=True)(mr.layers.Input((T,)))
    for layer in (Looking(), Giving()):
        with pytest.raises(NotImplementedError, match="the mask of a layer of your own is not followed yet"):
            layer(masked)
        assert layer(mr.layers.Input((T, D))).shape == (None, T, D)
