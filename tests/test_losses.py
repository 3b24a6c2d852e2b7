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
    assert losses.get("mse") == losses.get("mean_squared_error") == losses.get(losses.mse)
    with pytest.raises(ValueError, match="unknown loss"):
        losses.get("mean_error")


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
    ours = losses.get(theirs)
    assert ours == losses.KNOWN.classes[name](**KERAS.get(name, {}))
    output = leaf(y)
    left = ours.left_in(leaf(target.astype(float)))
    if left is None:
        loss = named("L", ours(leaf(target.astype(float)), output))
        np.testing.assert_allclose(loss.value, value, rtol=1e-12)
        np.testing.assert_allclose(backprop(loss, [output])[output].value, right, rtol=1e-10, atol=1e-14)
    if name not in ("Dice", "Tversky", "SparseCategoricalCrossentropy"):
        np.testing.assert_allclose(ours(target, y), value, rtol=1e-12)
