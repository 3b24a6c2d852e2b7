"""What is called on data gives what programs expect of tensors, beside Keras; a tape that sees nothing of it says so."""

from __future__ import annotations

import copy
import json
import pickle

import numpy as np
import pytest

from minirnn import losses, metrics
from minirnn.layers import Dense, Input, SimpleRNN
from minirnn.models import Model

RNG = np.random.default_rng(2)
X = RNG.normal(size=(5, 4, 3)).astype("float32")
Y = RNG.normal(size=(5, 2)).astype("float32")
P = RNG.normal(size=(5, 2)).astype("float32")


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(
    "called",
    [
        lambda k, y, p: k.losses.MeanSquaredError()(y, p),
        lambda k, y, p: k.losses.MeanSquaredError(reduction="sum")(y, p),
        lambda k, y, p: k.losses.MeanSquaredError(reduction="none")(y, p),
        lambda k, y, p: k.losses.Huber()(y, p, np.arange(5)),
        lambda k, y, p: k.losses.mean_squared_error(y, p),
        lambda k, y, p: k.metrics.mean_absolute_error(y, p),
        lambda k, y, p: k.metrics.binary_accuracy(y > 0, p),
        lambda k, y, p: k.losses.Dice()(abs(y), abs(p)),
        lambda k, y, p: k.losses.Tversky(alpha=0.2)(abs(y), abs(p), np.arange(5)),
    ],
)
def test_losses_and_metrics_called_on_arrays_have_numpy(called, dtype):
    import keras

    import minirnn

    ours, theirs = (called(package, Y.astype(dtype), P.astype(dtype)).numpy() for package in (minirnn, keras))
    assert type(ours) in (np.ndarray, np.float32, np.float64) and ours.shape == theirs.shape
    np.testing.assert_allclose(ours, theirs, rtol=1e-5)


def test_a_loss_stays_a_number_of_numpy():
    loss = losses.MeanSquaredError()(Y, P)
    plain = loss.numpy()
    assert isinstance(loss, np.float32) and isinstance(losses.mse(Y[0], P[0].astype("float64")), np.float64)
    assert float(loss) == plain and loss == plain and hash(loss) == hash(plain) and loss < plain + 1
    assert (f"{loss:.3f}", str(loss), repr(loss)) == (f"{plain:.3f}", str(plain), repr(plain))
    assert type(loss + 1) is type(plain) and np.asarray([loss, loss]).dtype == "float32"
    assert pickle.loads(pickle.dumps(loss)) == copy.deepcopy(loss) == plain
    assert json.dumps(losses.MeanSquaredError()(Y, P.astype("float64"))) != ""


class TwoLayers(Model):
    def __init__(self):
        super().__init__()
        self.inner, self.head = SimpleRNN(6), Dense(2)

    def call(self, x, training=None):
        return self.head(self.inner(x))


def functional():
    i = Input((4, 3))
    return Model(i, Dense(2)(SimpleRNN(6)(i)))


def by_loss(tf, model):
    return losses.MeanSquaredError()(Y, model(X, training=True))


def by_function(tf, model):
    return losses.mse(Y, model(X, training=True))


def by_tensorflow(tf, model):
    return tf.reduce_mean(tf.square(model(X) - Y))


def by_keras(tf, model):
    return tf.keras.losses.MeanSquaredError()(Y, model(tf.constant(X)))


@pytest.mark.parametrize("make", [functional, TwoLayers])
@pytest.mark.parametrize("loss", [by_loss, by_function, by_tensorflow, by_keras])
def test_a_tape_of_tensorflow_is_refused_with_a_way_out(make, loss):
    import tensorflow as tf

    model = make()
    with tf.GradientTape() as tape:
        found = loss(tf, model)
    with pytest.raises(AttributeError, match=r"Tape does not see .*: mr.trace\(model, X, Y\).gradients .*train_on_batch"):
        tape.gradient(found, model.trainable_variables)


def test_metrics_as_objects_have_numpy():
    metric = metrics.MeanSquaredError()
    assert metric(Y, P).numpy() == pytest.approx(((Y - P) ** 2).mean())
