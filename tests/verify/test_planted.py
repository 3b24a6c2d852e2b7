"""The tester tested: every witness finds an error of 0.05 % in every quantity that it judges, in three precisions."""

from __future__ import annotations

import numpy as np
import pytest

import minirnn as mr
from minirnn import ops
from minirnn.layers import GRU, LSTM, RNN, Dense, Input, Layer, SimpleRNN
from minirnn.models import Sequential
from minirnn.verify.rounding import allowed
from minirnn.verify.witnesses import complex_step, fifty_digits, keras, keras_cells, own_function, sympy_diff

PLANTED = 1.0005
rng = np.random.default_rng(8)


N, T, D, M, K = 2, 3, 4, 5, 6


class Cell(Layer):
    """A cell with a gate and two states."""

    def __init__(self, units):
        super().__init__()
        self.units, self.state_size = units, [units, units]

    def build(self, shape):
        self.W = self.add_weight((shape[-1], self.units), name="W")
        self.U = self.add_weight((self.units, self.units), name="U")

    def call(self, x, states):
        z = mr.named("z", ops.sigmoid(x @ self.W + states[0] @ self.U))
        memory = 0.5 * states[1] + z
        return ops.tanh(memory), [ops.tanh(memory), memory]


def model(dtype, *layers, sizes=(N, T, D, K)):
    N, T, D, K = sizes
    found = Sequential([Input((T, D)), *layers, Dense(K)])
    found.set_weights([0.5 * rng.normal(size=w.shape) for w in found.get_weights()])
    return mr.trace(found, rng.normal(size=(N, T, D)), rng.normal(size=(N, K)), dtype=dtype)


def rows_of_samples(X, U, W, b, V, goal):
    h, cost = np.zeros((N, M)), 0.0
    for t in range(T):
        z = X[:, t] @ U + h @ W + b
        h = np.tanh(z)
        cost = cost + np.mean((h @ V - goal[:, t]) ** 2)
    return cost


def columns(X, U, W, b, V, goal):
    h = np.zeros((M, 1))
    for t in range(T):
        h = np.tanh(U.T @ X[0, t][:, None] + W.T @ h + b[:, None])
    out = V.T @ h
    return np.sum(np.abs(out - goal[0, :1].T))


def kept(X, U, W, b, V, goal):
    H = np.zeros((T + 1, N, M))
    for t in range(T):
        H[t + 1] = np.tanh(X[:, t] @ U + H[t] @ W + b)
    return np.mean((H[T] @ V - goal[:, 0]) ** 2)


def loop(function, precision):
    kind = np.float64 if precision == "float64" else np.float32
    shapes = {"X": (N, T, D), "U": (D, M), "W": (M, M), "b": (M,), "V": (M, K), "goal": (N, T, K)}
    given = {name: (0.6 * rng.normal(size=shape)).astype(kind) for name, shape in shapes.items()}
    if precision == "float32 and a bias of float64":
        given["b"] = given["b"].astype(np.float64)
    return mr.trace(function, **given)


def found(trace, witness):
    """What the witness does not find of errors planted in all derivatives, and then in all else, that it judges."""
    clean = allowed(list(witness(trace)), trace)
    assert all(row.ok for row in clean), clean
    judged = [row for row in clean if not row.missing]
    forward, missed, kinds = set(trace.forward), [], set()
    derivatives = {f"d{trace.loss_node.name}/d{name}": trace.cotangents[node] for name, node in trace.parameters.items()}
    nodes = {row: row.nodes or (derivatives[row.quantity],) for row in judged}
    for derivative in (False, True):
        chosen = {row: ns for row, ns in nodes.items() if (ns[0] not in forward) is derivative}
        planted = dict.fromkeys(node for ns in chosen.values() for node in ns)
        before = {node: node.value for node in planted}
        for node in planted:
            node.value = (node.value * PLANTED).astype(node.value.dtype)
        again = {row.quantity: row for row in allowed(list(witness(trace)), trace)} if chosen else {}
        for node, value in before.items():
            node.value = value
        missed += [row for row in chosen if again[row.quantity].ok]
        kinds |= {row.quantity for row in chosen}
    return missed, kinds


LAYERS = {
    "SimpleRNN": lambda: [SimpleRNN(M)],
    "two layers": lambda: [SimpleRNN(3, return_sequences=True), SimpleRNN(M)],
    "LSTM": lambda: [LSTM(M)],
    "GRU": lambda: [GRU(M)],
    "own cell": lambda: [RNN(Cell(M))],
}
KERAS = [name for name in LAYERS if name != "own cell"]


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("name", LAYERS)
def test_the_complex_step_and_50_digits_find_it_in_models(name, dtype):
    trace = model(dtype, *LAYERS[name]())
    weights = {f"dL/d{weight}" for weight in trace.parameters}
    missed, kinds = found(trace, complex_step.rows)
    assert not missed and kinds >= weights | {f"dL/d{state}_t" for state in trace.state_names if state in ("h", "c")}
    missed, kinds = found(trace, fifty_digits.rows)
    assert not missed and kinds >= weights | {"L", "y"}


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("name", KERAS)
def test_keras_finds_it(name, dtype):
    trace = model(dtype, *LAYERS[name]())
    missed, kinds = found(trace, keras.rows)
    assert not missed and kinds >= {f"dL/d{weight}" for weight in trace.parameters} | {"y", "L"}
    missed, kinds = found(trace, keras_cells.rows)
    assert not missed and ("SimpleRNN" not in name or {"z_t", "dL/dh_t"} <= kinds)


def test_sympy_finds_it():
    trace = model("float64", SimpleRNN(2), sizes=(1, 2, 3, 1))
    missed, kinds = found(trace, sympy_diff.rows)
    assert not missed and kinds == {f"dL/d{weight}" for weight in trace.parameters}


@pytest.mark.parametrize("precision", ["float64", "float32", "float32 and a bias of float64"])
@pytest.mark.parametrize("function", [rows_of_samples, columns, kept])
def test_it_is_found_in_loops(function, precision):
    trace = loop(function, precision)
    weights = {f"d{trace.loss_node.name}/d{weight}" for weight in trace.parameters}
    for witness in (complex_step.rows, fifty_digits.rows, own_function.rows):
        missed, kinds = found(trace, witness)
        assert not missed and kinds >= weights
