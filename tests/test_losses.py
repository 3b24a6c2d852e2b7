from __future__ import annotations

import numpy as np
import pytest

from minirnn import losses
from minirnn.engine.backprop import backprop
from minirnn.engine.graph import named
from minirnn.engine.ops import leaf
from minirnn.losses import CategoricalCrossentropy, MeanSquaredError


def test_as_objects_on_arrays():
    Y, P = np.array([[0.0, 1.0], [1.0, 0.0]]), np.array([[0.2, 0.8], [0.6, 0.4]])
    assert MeanSquaredError()(Y, P) == pytest.approx(((Y - P) ** 2).mean())
    assert CategoricalCrossentropy()(Y, P) == pytest.approx(-(np.log(0.8) + np.log(0.6)) / 2)
    assert CategoricalCrossentropy()(Y, 2 * P) == pytest.approx(-(np.log(0.8) + np.log(0.6)) / 2)  # made to sum to 1


def test_certain_and_wrong_is_finite_as_in_keras():
    assert CategoricalCrossentropy()(np.array([[1.0, 0.0]]), np.array([[0.0, 1.0]])) == pytest.approx(-np.log(1e-7))


def test_a_sure_softmax_stays_finite():
    """Where y is 0 in floating point, its log is not computed from it."""
    from minirnn.engine import ops

    z = ops.leaf(np.array([[0.0, 2000.0]]), "z")
    loss = named("L", losses.categorical_crossentropy(ops.leaf(np.array([[1.0, 0.0]])), named("y", ops.softmax(z))))
    assert loss.value == 2000
    np.testing.assert_array_equal(backprop(loss, [z])[z].value, [[-1, 1]])


def test_by_name_object_and_function():
    assert losses.as_loss("mse") == losses.as_loss("mean_squared_error") == losses.as_loss(losses.mse)
    with pytest.raises(ValueError, match="unknown loss"):
        losses.as_loss("mean_error")


KERAS = {
    "Huber": {"delta": 0.4}, "BinaryCrossentropy": {"label_smoothing": 0.1},
    "CategoricalCrossentropy": {"label_smoothing": 0.2},
    "BinaryFocalCrossentropy": {"apply_class_balancing": True, "alpha": 0.3}, "CategoricalFocalCrossentropy": {"gamma": 1.5},
    "SparseCategoricalCrossentropy": {"ignore_class": 2}, "Tversky": {"alpha": 0.3},
}  # fmt: skip


@pytest.mark.parametrize("name", sorted(losses.KNOWN.classes))
def test_a_loss_is_that_of_keras_with_its_gradient(name):
    import keras
    import tensorflow as tf

    rng = np.random.default_rng(5)
    y = rng.uniform(0.1, 0.9, (5, 4))
    sparse = losses.KNOWN.classes[name].sparse
    hinge = "inge" in name
    target = (
        rng.integers(0, 4, (5, 1))
        if sparse
        else np.eye(4)[rng.integers(0, 4, 5)]
        if "Categ" in name or hinge
        else y[::-1] ** 2
    )
    keras.config.set_floatx("float64")
    try:
        theirs = getattr(keras.losses, name)(**KERAS.get(name, {}))
        variable = tf.Variable(y)
        with tf.GradientTape() as tape:
            value = theirs(tf.constant(target if not sparse else target[:, 0]), variable)
        right = tape.gradient(value, variable).numpy()
    finally:
        keras.config.set_floatx("float32")
    ours = losses.as_loss(theirs)
    assert ours == losses.KNOWN.classes[name](**KERAS.get(name, {}))
    output = leaf(y)
    left = ours.left_in(leaf(target.astype(float)))
    if left is None:
        loss = named("L", ours(leaf(target.astype(float)), output))
        np.testing.assert_allclose(loss.value, value, rtol=1e-12)
        np.testing.assert_allclose(backprop(loss, [output])[output].value, right, rtol=1e-10, atol=1e-14)
    if name != "SparseCategoricalCrossentropy":
        np.testing.assert_allclose(ours(target, y), value, rtol=1e-12)


P = np.array([[0.7, 0.2, 0.1], [0.1, 0.8, 0.1], [0.2, 0.2, 0.6]])
COUNTS = np.array([1.0, 2.0, 3.0])


@pytest.mark.parametrize("reduction", ["sum_over_batch_size", "mean", "sum", "none", "mean_with_sample_weight"])
@pytest.mark.parametrize(("ignored", "target"), [(1, [0, 1, 2]), (-1, [0, -1, 2]), (0, [0, 0, 0]), (7, [0, 1, 2])])
@pytest.mark.parametrize("weights", [None, COUNTS])
def test_a_class_that_is_left_out_counts_nowhere(reduction, ignored, target, weights):
    import keras

    ours, theirs = (
        np.asarray(
            module.SparseCategoricalCrossentropy(ignore_class=ignored, reduction=reduction)(np.array(target), P, weights)
        )
        for module in (losses, keras.losses)
    )
    assert ours.shape == theirs.shape and np.allclose(ours, theirs, atol=1e-6)
    function = losses.sparse_categorical_crossentropy(np.array(target), P, ignore_class=ignored)
    assert np.allclose(function, keras.losses.sparse_categorical_crossentropy(np.array(target), P, ignore_class=ignored))


@pytest.mark.parametrize("name", ["mse", "mean_squared_error", "MSE", "categorical_crossentropy", "kld", "MeanSquaredError"])
def test_a_loss_by_name_is_what_keras_gives(name):
    """A function, which gives the loss of each sample, or the object of a class."""
    import keras

    ours, theirs = losses.get(name), keras.losses.get(name)
    assert np.allclose(ours(P, P[::-1]), theirs(P, P[::-1]), atol=1e-6)
    assert getattr(ours, "__name__", None) == getattr(theirs, "__name__", None)
    assert losses.get(None) is None and losses.get(np.abs) is np.abs and losses.get(losses.mse) is losses.mse


class Mine(losses.Loss):
    def call(self, y_true, y_pred):
        return (y_true - y_pred) ** 2


@pytest.mark.parametrize("name", sorted(losses.KNOWN.classes))
def test_a_loss_is_called_as_in_keras(name):
    """By itself, and in the history where it is a metric."""
    import keras

    import minirnn as mr

    kind, theirs = losses.KNOWN.classes[name], getattr(keras.losses, name)
    assert kind().name == theirs().name and kind(name="own").name == "own"
    i = mr.Input((4,))
    model = mr.Model(i, mr.layers.Dense(3, activation="softmax")(i))
    Y = np.array([0, 1, 2, 1, 2]) if kind.sparse else np.eye(3)[[0, 1, 2, 1, 2]]
    for one in (kind(), theirs(), kind(name="own")):
        model.compile("sgd", kind(), metrics=[one])
        assert [*model.fit(np.ones((5, 4)), Y, verbose=0).history] == sorted(["loss", one.name])


def test_losses_of_ones_own_are_called_after_their_class_and_numbered():
    import keras

    from minirnn import backend

    class Theirs(keras.losses.Loss):
        call = Mine.call

    class OfHuber(losses.Huber):
        pass

    Theirs.__name__ = "Mine"
    keras.backend.clear_session(), backend.clear_session()
    assert [Mine().name, Mine().name] == [Theirs().name, Theirs().name] == ["mine", "mine_1"]
    assert OfHuber().name == "huber_loss" and losses.as_loss(np.abs).name == "absolute"
