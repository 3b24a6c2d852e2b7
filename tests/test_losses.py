from __future__ import annotations

import numpy as np
import pytest

from minirnn import losses
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
    from minirnn.engine.backprop import backprop
    from minirnn.engine.graph import named

    z = ops.leaf(np.array([[0.0, 2000.0]]), "z")
    loss = named("L", losses.categorical_crossentropy(ops.leaf(np.array([[1.0, 0.0]])), named("y", ops.softmax(z))))
    assert loss.value == 2000
    np.testing.assert_array_equal(backprop(loss, [z])[z].value, [[-1, 1]])


def test_by_name_object_and_function():
    assert losses.get("mse") == losses.get("mean_squared_error") == losses.get(losses.mse)
    with pytest.raises(ValueError, match="unknown loss"):
        losses.get("mean_error")
