"""Every quantity has a name of its own, whatever the cells of a user's own call theirs, and every weight its gradient."""

from __future__ import annotations

import string

import numpy as np
import pytest

import minirnn as mr
from minirnn import ops
from minirnn.layers import LSTM, RNN, Bidirectional, Dense, Embedding, Input, Layer, Masking
from minirnn.models import Model
from minirnn.network import naming

N, T, D, M, K = 2, 4, 3, 5, 6


class Gated(Layer):
    """h_t = g ⊙ h_{t-1} + (1 - g) ⊙ tanh(x V), with names of one's choice for the gate and the weights."""

    def __init__(self, units, gate="g", weights=("W", "U", "V")):
        super().__init__()
        self.units = self.state_size = units
        self.gate, self.called = gate, weights

    def build(self, shape):
        self.W = self.add_weight((shape[-1], self.units), name=self.called[0])
        self.U = self.add_weight((self.units, self.units), name=self.called[1])
        self.V = self.add_weight((shape[-1], self.units), name=self.called[2])

    def call(self, x, states):
        g = mr.named(self.gate, ops.sigmoid(x @ self.W + states[0] @ self.U))
        h = g * states[0] + (1 - g) * ops.tanh(x @ self.V)
        return h, [h]


class ThreeStates(Layer):
    def __init__(self, units):
        super().__init__()
        self.units, self.state_size = units, [units, units, units]

    def build(self, shape):
        self.W = self.add_weight((shape[-1], self.units), name="W")

    def call(self, x, states):
        a, b, c = states
        new = ops.tanh(x @ self.W + a)
        return new + c, [new, a * b, b + c]


def steps_of(x, h, W, U, V):
    found = []
    for t in range(x.shape[1]):
        g = 1 / (1 + np.exp(-(x[:, t] @ W + h @ U)))
        h = g * h + (1 - g) * np.tanh(x[:, t] @ V)
        found.append(h)
    return np.stack(found, axis=1)


def random_weights(model, scale=0.6):
    rng = np.random.default_rng(0)
    model.set_weights([scale * rng.normal(size=w.shape) for w in model.get_weights()])
    return rng


def complex_step(loss, weights):
    """dL/dw of every weight of a function of complex numbers."""
    found = []
    for i, w in enumerate(weights):
        g = np.zeros(w.shape)
        for place in np.ndindex(w.shape):
            moved = [v.astype(complex) for v in weights]
            moved[i][place] += 1e-30j
            g[place] = np.imag(loss(*moved)) / 1e-30
        found.append(g)
    return found


def demand_right(trace, loss, weights):
    assert len(trace.gradients) == len(weights) == len(set(trace.gradients))
    for (name, found), right in zip(trace.gradients.items(), complex_step(loss, weights)):
        assert np.abs(found - right).max() <= 1e-12, name
    assert trace.equations().residual <= 1e-11
    report = trace.verify(with_keras=False)
    assert report.ok and {trace.derivative(name) for name in trace.gradients} <= {row.quantity for row in report.rows}
    assert "<svg" in trace.picture().svg and "forward" in str(trace.walk())


LETTERS = [*"zhyxLlpoienmatTNDMKdcfr", "h_0", "target", "loss", "delta", "htilde", "W_o", "dL/dh", "z^1"]


@pytest.mark.parametrize("gate", LETTERS)
def test_a_gate_may_have_any_name(gate):
    entry = Input((T, D))
    model = Model(entry, Dense(K)(RNN(Gated(M, gate))(entry)))
    rng = random_weights(model)
    X, Y, w = rng.normal(size=(N, T, D)), rng.normal(size=(N, K)), model.get_weights()
    trace = mr.trace(model, X, Y, dtype="float64")
    demand_right(trace, lambda *w: np.mean((steps_of(X, np.zeros((N, M)), *w[:3])[:, -1] @ w[3] + w[4] - Y) ** 2), w)
    assert "δ" not in str(trace.equations()) or gate == "delta", "a gate is no pre-activation"


@pytest.mark.parametrize("weights", [("W_o", "b_o", "V"), ("x", "h", "y"), ("W", "z", "L")], ids=str)
def test_weights_called_as_others_are_have_their_gradients_and_are_trained(weights):
    entry = Input((T, D))
    model = Model(entry, Dense(M)(RNN(Gated(M, weights=weights))(entry)))
    rng = random_weights(model)
    X, Y, w = rng.normal(size=(N, T, D)), rng.normal(size=(N, M)), model.get_weights()

    def loss(*w):
        return np.mean((steps_of(X, np.zeros((N, M)), *w[:3])[:, -1] @ w[3] + w[4] - Y) ** 2)

    demand_right(mr.trace(model, X, Y, dtype="float64"), loss, w)
    model.compile("sgd", "mse")
    model.fit(X, Y, epochs=1, batch_size=N, verbose=0)
    for before, after, g in zip(w, model.get_weights(), complex_step(loss, w)):
        assert np.abs(after - (before - 0.01 * g)).max() <= 1e-7


def test_two_layers_of_one_cell_are_told_apart():
    entry = Input((T, D))
    model = Model(entry, Dense(K)(RNN(Gated(4))(RNN(Gated(M), return_sequences=True)(entry))))
    rng = random_weights(model)
    X, Y, w = rng.normal(size=(N, T, D)), rng.normal(size=(N, K)), model.get_weights()

    def loss(*w):
        below = steps_of(X, np.zeros((N, M)), *w[:3])
        return np.mean((steps_of(below, np.zeros((N, 4)), *w[3:6])[:, -1] @ w[6] + w[7] - Y) ** 2)

    trace = mr.trace(model, X, Y, dtype="float64")
    demand_right(trace, loss, w)
    assert trace.value("g^1", 2).shape == (N, M) and trace.value("g^2", 2).shape == (N, 4)


def test_the_cells_of_both_directions_are_told_apart():
    entry = Input((T, D))
    model = Model(entry, Dense(K)(Bidirectional(RNN(Gated(M)))(entry)))
    rng = random_weights(model)
    X, Y, w = rng.normal(size=(N, T, D)), rng.normal(size=(N, K)), model.get_weights()

    def loss(*w):
        ends = [steps_of(x, np.zeros((N, M)), *own)[:, -1] for x, own in ((X, w[:3]), (X[:, ::-1], w[3:6]))]
        return np.mean((np.concatenate(ends, axis=1) @ w[6] + w[7] - Y) ** 2)

    trace = mr.trace(model, X, Y, dtype="float64")
    demand_right(trace, loss, w)
    assert {name for name, _ in trace.variables if name in ("g^f", "g^b")} == {"g^f", "g^b"}


@pytest.mark.parametrize("gate", ["i", "e"])
def test_a_gate_after_an_embedding(gate):
    entry = Input((T,), dtype="int32")
    model = Model(entry, Dense(K)(RNN(Gated(M, gate))(Embedding(7, D)(entry))))
    rng = random_weights(model)
    tokens, Y, w = rng.integers(0, 7, (N, T)), rng.normal(size=(N, K)), model.get_weights()

    def loss(E, *w):
        return np.mean((steps_of(E[tokens], np.zeros((N, M)), *w[:3])[:, -1] @ w[3] + w[4] - Y) ** 2)

    demand_right(mr.trace(model, tokens, Y, dtype="float64"), loss, w)


def test_a_gate_called_o_under_a_mask():
    entry = Input((T, D))
    model = Model(entry, Dense(K)(RNN(Gated(M, "o"), return_sequences=True)(Masking()(entry))))
    rng = random_weights(model)
    X, Y = rng.normal(size=(N, T, D)), rng.normal(size=(N, T, K))
    X[0, 1] = 0
    trace = mr.trace(model, X, Y, dtype="float64")
    assert len(trace.gradients) == 5 and trace.verify(with_keras=False).ok and trace.equations().residual <= 1e-11


def test_a_cell_with_three_states():
    entry = Input((T, D))
    model = Model(entry, Dense(K)(RNN(ThreeStates(M))(entry)))
    rng = random_weights(model)
    X, Y = rng.normal(size=(N, T, D)), rng.normal(size=(N, K))
    trace = mr.trace(model, X, Y, dtype="float64")
    assert trace.state_names == ["h_1", "h_2", "h_3"]
    assert trace.verify(with_keras=False).ok and trace.equations().residual <= 1e-11


def test_a_loss_of_ones_own_may_use_names_that_are_taken():
    entry = Input((T, D))
    model = Model(entry, [Dense(K)(RNN(Gated(M))(entry)), Dense(2)(RNN(Gated(4))(entry))])
    rng = random_weights(model)
    X, Y = rng.normal(size=(N, T, D)), [rng.normal(size=(N, K)), rng.normal(size=(N, 2))]

    def loss(target, y):
        return ops.mean(ops.square(mr.named("y", y - target)))

    trace = mr.trace(model, X, Y, loss=loss, dtype="float64")
    assert trace.verify(with_keras=False).ok and trace.equations().residual <= 1e-11


def test_without_it_a_collision_is_found(monkeypatch):
    entry = Input((T,), dtype="int32")
    model = Model(entry, Dense(K)(RNN(Gated(M, "i"))(Embedding(7, D)(entry))))
    random_weights(model)
    monkeypatch.setattr(naming, "make_unique", lambda *_: None)
    with pytest.raises(RuntimeError, match="2 quantities are called i at step 1"):
        mr.trace(model, np.ones((N, T), int), np.zeros((N, K))).equations()


def test_letters_of_the_alphabet_are_all_tried():
    assert set(string.ascii_lowercase) - set(LETTERS) <= set("bgjkqsuvw")


class Listed(Gated):
    """A `Gated` that keeps its weights in a list and a dictionary."""

    def build(self, shape):
        super().build(shape)
        self.held = [self.__dict__.pop("W"), {"U": self.__dict__.pop("U")}, (self.__dict__.pop("V"),)]

    def call(self, x, states):
        W, by_name, (V,) = self.held
        g = mr.named(self.gate, ops.sigmoid(x @ W + states[0] @ by_name["U"]))
        h = g * states[0] + (1 - g) * ops.tanh(x @ V)
        return h, [h]


@pytest.mark.parametrize("make", [Gated, Listed])
def test_weights_called_as_derivatives_are_weights_wherever_a_cell_holds_them(make):
    entry = Input((T, D))
    model = Model(entry, RNN(make(M, weights=("dL/dh", "dL/dL", "d+L/dg")))(entry))
    rng = random_weights(model)
    X, Y = rng.normal(size=(N, T, D)), rng.normal(size=(N, M))

    def loss(W, U, V):
        return np.mean((steps_of(X, np.zeros((N, M)), W, U, V)[:, -1] - Y) ** 2)

    demand_right(mr.trace(model, X, Y), loss, model.get_weights())


def test_data_give_way_to_gates():
    i = Input((4,))
    model = Model(i, Dense(2)(LSTM(3)(Embedding(9, 5, mask_zero=True)(i))))
    trace = mr.trace(model, np.array([[1, 2, 3, 0], [4, 0, 0, 0]]), np.zeros((2, 2)))
    assert trace.value("i", 2).shape == (2, 3) and trace.value("i^data", 2).ravel().tolist() == [2, 0]


@pytest.mark.parametrize("names", [("W", "dL/dW"), ("dL/dh", "W"), ("?", "dL/d?"), ("V", "d+L/dh"), ("dL/ddL/dV", "dL/dV")])
def test_no_parameter_is_called_as_the_derivative_by_another_quantity(names):
    """Its gradient and the parameter would be one; where there is nothing that it could be taken for, it is a name."""

    def rnn(X, **weights):
        h = np.zeros(2)
        for x in X:
            z = x
            for V in weights.values():
                z = z @ V
            h = np.tanh(h + z)
        return np.sum(h**2)

    X, weights = np.ones((3, 2)), dict(zip(names, [np.eye(2) * 0.5, np.ones((2, 2)) * 0.3]))
    with pytest.raises(ValueError, match=r"derivative by .* is called: give it another name"):
        mr.trace(rnn, X, **weights).equations()
    trace = mr.trace(rnn, X, U=np.eye(2), **{"dL/dW": weights[names[0]]})
    assert set(trace.gradients) == {"U", "dL/dW"} and trace.verify(with_keras=False).ok
