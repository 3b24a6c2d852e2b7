from __future__ import annotations

import math

import numpy as np
import pytest

import minirnn as mr
from minirnn import initializers


def test_glorot_uniform_fills_its_range():
    w = initializers.get("glorot_uniform")((300, 200), "float32")
    limit = math.sqrt(6 / 500)
    assert w.dtype == np.float32 and np.abs(w).max() <= limit and np.abs(w).max() > 0.99 * limit
    assert abs(w.mean()) < limit / 50


@pytest.mark.parametrize("shape", [(5, 5), (7, 3), (3, 7)])
def test_orthogonal(shape):
    w = initializers.Orthogonal(seed=1)(shape, "float64")
    small = w @ w.T if shape[0] <= shape[1] else w.T @ w
    np.testing.assert_allclose(small, np.eye(min(shape)), atol=1e-12)


def test_seeds_and_callables():
    same = initializers.GlorotUniform(seed=3)
    np.testing.assert_array_equal(same((2, 3)), same((2, 3)))
    assert not np.array_equal(initializers.GlorotUniform()((2, 3)), initializers.GlorotUniform()((2, 3)))
    assert initializers.get(np.zeros) is np.zeros
    assert initializers.get("ones")((2,)).tolist() == [1, 1] and not initializers.get("zeros")((2,)).any()
    assert abs(initializers.get("random_normal")((100, 100)).std() - 0.05) < 0.002


def test_weights_that_are_drawn_may_be_written_into():
    """A constant is one number, seen as an array; the forget gate writes its ones into the bias."""
    layer = mr.layers.LSTM(3, kernel_initializer=mr.initializers.Constant(0.5), bias_initializer="zeros")
    layer.build((None, 4, 2))
    assert all(w.flags.writeable and w.flags.owndata for w in layer.weight_arrays)
