"""Code of one's own in a layer: what it does with nodes is in the graph, or refused."""

from __future__ import annotations

import numpy as np
import pytest

import minirnn as mr
from minirnn import ops
from minirnn.layers import RNN, Input, Layer, SimpleRNN
from minirnn.models import Model


def test_what_numpy_makes_of_a_node_is_no_constant_in_silence():
    """np.mean would look at the numbers of a node, and its derivative would be lost."""
    X, Y = np.ones((2, 4, 3)), np.zeros((2, 5))
    model = Model(i := Input((4, 3)), SimpleRNN(5, activation=lambda z: z * np.mean(z))(i))
    assert mr.trace(model, X, Y, dtype="float64").verify(with_keras=False).ok

    class Cell(Layer):
        state_size = output_size = 5

        def build(self, shape):
            self.kernel = self.add_weight((shape[-1], 5))

        def call(self, x, states):
            h = ops.tanh(x @ self.kernel + states[0])
            h = h * np.mean(h)
            return h, [h]

    with pytest.raises(TypeError, match=r"is no array, what NumPy makes of it would be a constant: use minirnn\.ops"):
        mr.trace(Model(i := Input((4, 3)), RNN(Cell())(i)), X, Y)
