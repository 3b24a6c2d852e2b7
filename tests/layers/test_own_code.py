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
            self.kernel = self.add_weight((shape[-1], 5), name="kernel")

        def call(self, x, states):
            h = ops.tanh(x @ self.kernel + states[0])
            h = h * np.mean(h)
            return h, [h]

    trace = mr.trace(Model(i := Input((4, 3)), RNN(Cell())(i)), X, Y, dtype="float64")
    assert trace.verify(with_keras=False).ok and np.abs(trace.gradients["kernel"]).max() > 0


def of_keras_guide(package, functions):
    class MinimalCell(package.layers.Layer):
        def __init__(self, units, **others):
            super().__init__(**others)
            self.units = self.state_size = units

        def build(self, shape):
            self.kernel = self.add_weight(shape=(shape[-1], self.units), name="kernel")
            self.recurrent = self.add_weight(shape=(self.units, self.units), name="recurrent")
            self.built = True

        def call(self, inputs, states):
            output = functions.tanh(functions.dot(inputs, self.kernel) + functions.dot(states[0], self.recurrent))
            return output, [output]

    return MinimalCell


def with_a_look_at_the_cell(package, functions):
    class Peephole(package.layers.Layer):
        def __init__(self, units, **others):
            super().__init__(**others)
            self.units, self.state_size = units, [units, units]

        def build(self, shape):
            self.kernel = self.add_weight(shape=(shape[-1] + 2 * self.units, 3 * self.units), name="kernel")
            self.built = True

        def call(self, inputs, states):
            h, c = states
            z = functions.matmul(functions.concatenate([inputs, h, c], axis=-1), self.kernel)
            i, f, g = functions.split(z, 3, axis=-1)
            c = functions.sigmoid(f) * c + functions.sigmoid(i) * functions.tanh(g)
            return functions.tanh(c), [functions.tanh(c), c]

    return Peephole


@pytest.mark.usefixtures("double_precision")
@pytest.mark.parametrize("make", [of_keras_guide, with_a_look_at_the_cell])
def test_cells_in_functions_of_keras_are_followed(make):
    import keras

    models, rng = [], np.random.default_rng(6)
    for package, functions in ((keras, keras.ops), (mr, ops), (mr, mr.backend)):
        cells, i = make(package, functions), package.layers.Input((None, 5))
        rnn = package.layers.RNN([cells(4), cells(3)], return_sequences=True)
        models.append(package.models.Model(i, rnn(i)))
    theirs, *ours = models
    theirs.set_weights([rng.normal(size=w.shape) for w in theirs.get_weights()])
    X = rng.normal(size=(2, 6, 5))
    Y = rng.normal(size=(2, 6, 3))
    for model in (theirs, *ours):
        model.set_weights(theirs.get_weights())
        model.compile("adam", "mse")
    for model in ours:
        trace = mr.trace(model, X, Y)
        assert trace.verify(with_keras=False).ok and trace.equations().residual < 1e-12
        assert all(np.abs(gradient).max() > 0 for gradient in trace.gradients.values())
        np.testing.assert_allclose(model.predict(X), theirs.predict(X, verbose=0), rtol=1e-10, atol=1e-13)
    fit = {"epochs": 3, "shuffle": False, "verbose": 0}
    right = theirs.fit(X, Y, **fit).history["loss"]
    for model in ours:
        np.testing.assert_allclose(model.fit(X, Y, **fit).history["loss"], right, rtol=1e-6)
