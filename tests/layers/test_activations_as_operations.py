"""Activations under their names in ``keras.ops``, and layers under Keras' short names."""

from __future__ import annotations

import numpy as np
import pytest

import minirnn as mr
from minirnn import layers
from minirnn.models import Model

NAMES = [
    "silu",
    "gelu",
    "elu",
    "relu6",
    "leaky_relu",
    "selu",
    "celu",
    "softsign",
    "hard_sigmoid",
    "log_sigmoid",
    "squareplus",
]
X = np.random.default_rng(5).normal(size=(3, 5, 4)) * 2


@pytest.mark.parametrize("name", NAMES)
def test_an_activation_is_an_operation_as_in_keras(name):
    """On arrays, on placeholders and in a layer of one's own; gelu is approximated there, and nowhere else."""
    keras = pytest.importorskip("keras")
    function = getattr(mr.ops, name)

    class Own(layers.Layer):
        def call(self, x):
            return function(x)

    right = np.asarray(getattr(keras.ops, name)(X.astype("float32")))
    i, j = layers.Input((5, 4)), layers.Input((5, 4))
    assert np.allclose(function(X), right, atol=2e-6)
    assert np.allclose(Model(i, layers.Lambda(function)(i)).predict(X, verbose=0), right, atol=2e-6)
    assert np.allclose(Model(j, Own()(j)).predict(X, verbose=0), right, atol=2e-6)


def test_short_names_of_layers():
    assert layers.MaxPool1D is layers.MaxPooling1D and layers.GlobalAvgPool1D is layers.GlobalAveragePooling1D
    assert layers.GlobalMaxPool1D is layers.GlobalMaxPooling1D and layers.Convolution1D is layers.Conv1D
