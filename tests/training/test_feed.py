"""What is at the end of the data: compared with Keras on TensorFlow, which asks for a batch too many."""

from __future__ import annotations

import numpy as np
import pytest

import minirnn as mr
from minirnn.layers import Dense, Input, SimpleRNN
from minirnn.models import Model

pytestmark = pytest.mark.filterwarnings(r"ignore:(`shuffle=True`|Your input ran out|the data came to an end):UserWarning")
X = np.random.default_rng(3).normal(size=(22, 4, 3)).astype("float32")
Y = np.random.default_rng(4).normal(size=(22, 2)).astype("float32")


def network():
    i = Input((None, 3))
    return Model(i, Dense(2)(SimpleRNN(5)(i)))


def filtered():
    import tensorflow as tf

    return tf.data.Dataset.from_tensor_slices((X, Y)).batch(6).filter(lambda x, y: True)


def windows():
    import tensorflow as tf

    numbers = np.linspace(-1, 1, 23, dtype="float32")
    data = tf.data.Dataset.from_tensor_slices(numbers).window(5, shift=1, drop_remainder=True)
    pairs = data.flat_map(lambda window: window.batch(5)).map(lambda w: (tf.reshape(w, (5, 1)) * tf.ones((1, 3)), w[:2]))
    return pairs.batch(7)


def batches(count=4):
    for start in range(0, 6 * count, 6):
        yield X[start : start + 6], Y[start : start + 6]


def both(optimizer, **settings):
    """A model, and the same of Keras, each with its optimizer."""
    import keras

    ours = network()
    theirs = mr.to_keras(ours)
    ours.compile(optimizer(mr.optimizers), "mse", **settings)
    theirs.compile(optimizer(keras.optimizers), "mse", **settings)
    return ours, theirs


def same(ours, theirs):
    assert int(ours.optimizer.iterations) == int(theirs.optimizer.iterations)
    for own, other in zip(ours.get_weights(), theirs.get_weights(), strict=True):
        np.testing.assert_allclose(own, other, rtol=1e-4, atol=2e-6)


OPTIMIZERS = {
    "sgd": lambda o: o.SGD(0.05, momentum=0.5),
    "adam": lambda o: o.Adam(0.02),
    "nadam": lambda o: o.Nadam(0.02),
    "schedule": lambda o: o.SGD(o.schedules.PiecewiseConstantDecay([3, 9], [0.05, 0.005, 0.02])),
}


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_at_the_end_of_data_of_unknown_length_a_step_more_is_counted(name):
    ours, theirs = both(OPTIMIZERS[name])
    for model in (ours, theirs):
        model.fit(filtered(), epochs=3, verbose=0)
    assert ours.optimizer.iterations == 15
    same(ours, theirs)
    for model in (ours, theirs):  # validation counts nothing, a second fit goes on
        model.fit(filtered(), epochs=2, verbose=0, validation_data=filtered())
    assert ours.optimizer.iterations == 25
    same(ours, theirs)


@pytest.mark.parametrize(
    "make, settings, count",
    [
        (windows, {"epochs": 2}, 8),
        (batches, {}, 5),
        (batches, {"epochs": 2, "steps_per_epoch": 2}, 4),
        (batches, {"epochs": 3, "steps_per_epoch": 2}, 5),
        (lambda: filtered().repeat(), {"epochs": 3, "steps_per_epoch": 5}, 15),
        (filtered, {"epochs": 3, "steps_per_epoch": 2}, 5),
        (filtered, {"epochs": 3, "steps_per_epoch": 4}, 9),
        (lambda: filtered().take(3), {"epochs": 2}, 8),
    ],
)
def test_steps_are_counted_where_keras_asks_for_a_batch(make, settings, count):
    ours, theirs = both(OPTIMIZERS["adam"])
    for model in (ours, theirs):
        model.fit(make(), verbose=0, **settings)
    assert ours.optimizer.iterations == count
    same(ours, theirs)


@pytest.mark.parametrize("settings", [{"run_eagerly": True}, {"steps_per_execution": 2}, {}])
def test_nothing_is_counted_where_keras_knows_the_end(settings):
    import tensorflow as tf

    known = tf.data.Dataset.from_tensor_slices((X, Y)).batch(6)
    ours, theirs = both(OPTIMIZERS["adam"], **settings)
    for model in (ours, theirs):
        model.fit(filtered() if settings else known, epochs=3, verbose=0)
    assert ours.optimizer.iterations == 12
    same(ours, theirs)


def test_in_the_semantics_of_jax_the_steps_that_are_taken_are_counted():
    ours = network()
    ours.compile("adam", "mse", semantics="jax")
    ours.fit(batches(), verbose=0)
    assert ours.optimizer.iterations == 4
