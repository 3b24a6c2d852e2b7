from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import minirnn as mr
from minirnn.engine.replay import replay
from minirnn.layers import SimpleRNN
from minirnn.readings.analysis import jacobians
from minirnn.readings.analysis.bounds import gradient_bound


@pytest.mark.parametrize("layers, name", [(1, "h"), (2, "h^1"), (2, "h^2")])
def test_against_the_complex_step(make, layers, name):
    trace = make(layers=layers)
    for t, k in [(4, 1), (3, 0), (2, 2), (1, 3)]:
        node, found = trace.variables[name, k], trace.jacobian(t, k, name)
        for unit in range(node.shape[1]):
            moved = node.value.astype(complex)
            moved[:, unit] += 1e-30j
            column = np.imag(replay(trace.forward, {node: moved})[trace.variables[name, t]]) / 1e-30
            assert np.allclose(found[:, :, unit], column, rtol=1e-12, atol=1e-15)


def test_they_carry_the_adjoint_back(trace):
    carried = np.einsum("nm,nmk->nk", trace.adjoint("h", 4), trace.jacobian(4, 1))
    assert np.allclose(carried, trace.adjoint("h", 1), rtol=1e-12)


def test_norms_are_those_of_the_jacobians(trace):
    norms, _ = trace.jacobian_norms()
    assert norms.shape == (5, 5) and not np.triu(norms, 1).any()
    for t, k in [(4, 0), (2, 1), (3, 3)]:
        assert np.isclose(norms[t, k], np.linalg.norm(trace.jacobian(t, k), 2, axis=(1, 2)).max())


def test_states_that_see_further_back(make, monkeypatch):
    """Where h_t depends on h_{t-2} as well, a product of one-step Jacobians would be wrong."""
    from minirnn.engine.graph import at, named
    from minirnn.engine.names import Role
    from minirnn.engine.ops import full, tanh
    from minirnn.layers.nodes import steps

    def outputs(self, x, call):
        each, W = steps(x), call.parameters["cell/recurrent_kernel"]
        with at(0):
            h = full(dims=(each[0].dims[0], W.dims[0]), value=0, dtype="float64")
            h = before = named("h", h, Role.INITIAL_STATE)
        for t, x_t in enumerate(each, start=1):
            with at(t):
                z = named("z", x_t @ call.parameters["cell/kernel"] + h @ W + before @ W)
                h, before = named("h", tanh(z), Role.STATE), h
        return [h]

    monkeypatch.setattr(SimpleRNN, "outputs", outputs)
    trace = make()
    norms, bound = trace.jacobian_norms()
    assert bound is None
    for t, k in [(4, 1), (3, 1), (2, 0)]:
        assert np.isclose(norms[t, k], np.linalg.norm(trace.jacobian(t, k), 2, axis=(1, 2)).max())


def test_the_bound(make):
    for activation, slope in {"tanh": 1, "sigmoid": 0.25, "relu": 1, "linear": 1, "softmax": 0.5}.items():
        trace = make(activation=activation)
        factor = slope * np.linalg.norm(trace.value("W_h"), 2)
        assert np.isclose(trace.jacobian_norms().bound[4, 1], factor**3)
    steep = make(activation="exponential")  # of the others, the steepest slope of this run
    factor = np.max(steep.value("h", 4)) * np.linalg.norm(steep.value("W_h"), 2)
    assert np.isclose(steep.jacobian_norms().bound[4, 3], factor)
    assert make(activation="sparsemax").jacobian_norms().bound is None


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    sizes=st.tuples(*[st.integers(1, 5)] * 4),
    scale=st.floats(0.01, 5),
    activation=st.sampled_from(["tanh", "sigmoid", "relu", "linear", "softmax"]),
)
def test_the_bound_is_never_violated(seed, sizes, scale, activation):
    N, T, D, M = sizes
    rng = np.random.default_rng(seed)
    layer = SimpleRNN(M, activation=activation)
    layer.build((None, T, D))
    layer.set_weights([scale * rng.normal(size=w.shape) for w in layer.get_weights()])
    norms, bound = mr.trace(layer, rng.normal(size=(N, T, D))).jacobian_norms()
    assert (norms <= bound * (1 + 1e-12)).all()


def test_linear_with_one_unit_meets_the_bound():
    """So that it is not merely large."""
    layer = SimpleRNN(1, activation="linear")
    layer.build((None, 4, 3))
    layer.set_weights([np.ones((3, 1)), np.array([[-1.5]]), np.zeros(1)])
    norms, bound = mr.trace(layer, np.ones((2, 4, 3))).jacobian_norms()
    assert np.allclose(norms, bound) and np.isclose(bound[4, 0], 1.5**4)


def test_what_cannot_be_had(make):
    from minirnn.layers import Bidirectional, Dense, Input
    from minirnn.models import Model

    i = Input((4, 3))
    two = mr.trace(Model(i, Dense(6)(Bidirectional(SimpleRNN(5))(i))), np.ones((2, 4, 3)))
    with pytest.raises(ValueError, match=r"states h\^f, h\^b run through the steps in opposite directions: say which"):
        two.jacobian(2, 1)
    with pytest.raises(KeyError, match="h has steps 0 to 4, not 5"):
        make().jacobian(5, 1)
    with pytest.raises(KeyError, match="no quantity 'g'"):
        make().jacobian(2, 1, "g")


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"layers": 2, "every_step": True},
        {"activation": "sigmoid"},
        {"flatten": True},
        {"activation": "relu", "steps": 9},
    ],
)
def test_no_gradient_exceeds_its_bound(make, options):
    trace = make(**options)
    for name in trace.state_names:
        norms = np.array([np.linalg.norm(trace.adjoint(name, t)) for t in range(1, trace.steps + 1)])
        bound = gradient_bound(trace, name)
        assert bound[-1] == norms[-1] and (norms <= bound * (1 + 1e-12)).all() and (bound[:-1] > norms[:-1]).all()


def test_the_bound_is_reached_by_a_linear_orthogonal_network(make):
    trace = make(activation="linear", use_bias=False)
    weights = trace.model.layers[1].get_weights()
    trace.model.layers[1].set_weights([weights[0], np.linalg.qr(weights[1])[0]])
    linear = mr.trace(trace.model, trace.inputs[0], trace.target)
    norms = [np.linalg.norm(linear.adjoint("h", t)) for t in range(1, linear.steps + 1)]
    np.testing.assert_allclose(gradient_bound(linear, "h"), norms, rtol=1e-12)


def test_without_a_loss_or_a_known_activation_there_is_no_bound_on_the_gradient(make, network):
    assert gradient_bound(mr.trace(network(), np.ones((2, 4, 3))), "h") is None
    assert gradient_bound(make(activation="exponential"), "h") is None


def test_a_layer_that_runs_backwards():
    """Its initial state is h_5, and h_1 comes last."""
    from minirnn.layers import Bidirectional, Dense, Input
    from minirnn.models import Model

    i = Input((4, 3))
    model = Model(i, Dense(6)(Bidirectional(SimpleRNN(5))(i)))
    rng = np.random.default_rng(0)
    trace = mr.trace(model, rng.normal(size=(2, 4, 3)), rng.normal(size=(2, 6)))
    norms, bound = trace.jacobian_norms("h^b")
    assert norms.shape == (5, 5) and not np.tril(norms, -1).any() and np.allclose(np.diag(norms), 1)
    assert (norms <= bound * (1 + 1e-12)).all() and norms[0, 4] > 0
    for t, k in [(1, 4), (2, 5), (3, 3)]:
        assert np.isclose(norms[t - 1, k - 1], np.linalg.norm(trace.jacobian(t, k, "h^b"), 2, axis=(1, 2)).max())


# ------------------------------------------------------------------------------------------- of loops, and the whole state


def _moved(trace, names, t, k, unit):
    """d(all states at t) by one number of those at k, which are variables of their own: by complex step."""
    start = {n: n.value.astype(complex) for n in trace.forward if not n.args and n.value.dtype.kind == "f"}
    at = {trace.variables[name, k]: trace.variables[name, k].value.astype(complex) for name in names}
    flat = [(node, place) for node, value in at.items() for place in np.ndindex(value.shape)]
    node, place = flat[unit]
    at[node][place] += 1e-30j
    found = replay(trace.forward, start | at)
    return np.concatenate([found[trace.variables[name, t]].imag.ravel() for name in names]) / 1e-30


W = {"X": (5, 3), "U": (3, 4), "V": (4, 4)}
rng = np.random.default_rng(5)


def vector(X, U, V):
    h, L = np.zeros(4), 0.0
    for x in X:
        h = np.tanh(x @ U + h @ V)
        L += np.sum(h**2)
    return L


def column(X, U, V):
    h = np.zeros((4, 1))
    for x in X:
        h = np.tanh(U.T @ x[:, None] + V @ h)
    return np.sum(h**2)


def two_layers(X, U, V):
    h, g = np.zeros(4), np.zeros(4)
    for x in X:
        h = np.tanh(x @ U + h @ V)
        g = np.tanh(h @ V + g @ V.T)
    return np.sum(g**2)


@pytest.mark.parametrize("loop, names", [(vector, ["h"]), (column, ["h"]), (two_layers, ["h", "g"])])
def test_loops_against_the_complex_step(loop, names):
    trace = mr.trace(loop, **{name: 0.6 * rng.normal(size=shape) for name, shape in W.items()})
    found = trace.jacobian(4, 2)
    assert found.shape == (4 * len(names), 4 * len(names))
    truth = np.stack([_moved(trace, names, 4, 2, j) for j in range(len(found))], axis=1)
    np.testing.assert_allclose(found, truth, rtol=1e-12, atol=1e-15)
    norms = trace.jacobian_norms().norms
    assert norms.shape == (6, 6) and np.isclose(norms[4, 2], np.linalg.norm(truth, 2))


@pytest.mark.parametrize("columns", [False, True])
def test_samples_in_rows_and_in_columns(columns):
    def loop(X, U, V):
        h = np.zeros((4, 2) if columns else (2, 4))
        for t in range(5):
            h = np.tanh(U.T @ X[t] + V @ h) if columns else np.tanh(X[t].T @ U + h @ V)
        return np.sum(h**2)

    shapes = W | {"X": (5, 3, 2)}
    trace = mr.trace(loop, **{name: 0.6 * rng.normal(size=shape) for name, shape in shapes.items()})
    found = trace.jacobian(4, 1)
    assert found.shape == (2, 4, 4)
    truth = np.stack([_moved(trace, ["h"], 4, 1, j) for j in range(8)], axis=1)
    whole = truth.reshape(4, 2, 4, 2).transpose(1, 0, 3, 2) if columns else truth.reshape(2, 4, 2, 4)
    for n in range(2):
        np.testing.assert_allclose(found[n], whole[n, :, n], rtol=1e-12, atol=1e-15)


def test_the_whole_state_of_an_lstm():
    from minirnn.layers import LSTM

    layer = LSTM(4)
    layer.build((None, 5, 3))
    layer.set_weights([rng.normal(size=w.shape) for w in layer.get_weights()])
    trace = mr.trace(layer, rng.normal(size=(1, 5, 3)))
    found = trace.jacobian(4, 2)
    truth = np.stack([_moved(trace, ["h", "c"], 4, 2, j) for j in range(8)], axis=1)
    np.testing.assert_allclose(found[0], truth, rtol=1e-12, atol=1e-15)
    np.testing.assert_allclose(trace.jacobian(4, 1), trace.jacobian(4, 3) @ trace.jacobian(3, 1), rtol=1e-10, atol=1e-14)
    assert np.isclose(trace.jacobian_norms().norms[4, 2], np.linalg.norm(truth, 2))


def test_the_bound_on_the_whole_state_of_gated_layers():
    """It holds everywhere, it is no number out of proportion, and weights that are larger make it larger."""
    from minirnn.layers import GRU, LSTM, Masking
    from minirnn.models import Sequential

    X = rng.normal(size=(3, 6, 2))
    X[1, 2:4] = 0
    for layer in (LSTM(4), GRU(5), GRU(3, reset_after=False), LSTM(4, recurrent_activation="hard_sigmoid")):
        model = Sequential([Masking(), layer])
        model.predict(X)
        weights = [0.4 * rng.normal(size=w.shape) for w in model.get_weights()]
        bounds = []
        for factor in (1, 3):
            model.set_weights([w * factor for w in weights])
            norms, bound = mr.trace(model, X).jacobian_norms()
            assert (norms <= bound * (1 + 1e-12)).all() and bound[1, 0] < 40 * norms[1, 0]
            bounds.append(bound[6, 0])
        assert bounds[0] < bounds[1]


@pytest.mark.parametrize("stacked", ["layers", "cells"])
def test_the_whole_state_of_several_layers_has_a_bound(stacked):
    from minirnn.layers import GRU, LSTM, RNN, Dense, GRUCell, LSTMCell
    from minirnn.models import Sequential

    above = {"layers": [LSTM(4, return_sequences=True), Dense(3), GRU(5, activation="gelu")]}
    model = Sequential(above.get(stacked, [RNN([LSTMCell(4), GRUCell(5)])]))
    X = rng.normal(size=(2, 6, 3))
    model.predict(X)
    model.set_weights([0.5 * rng.normal(size=w.shape) for w in model.get_weights()])
    trace = mr.trace(model, X, dtype="float64")
    norms, bound = trace.jacobian_norms()
    assert bound is not None and (norms <= bound * (1 + 1e-12)).all()
    for t, k in [(6, 0), (5, 4), (3, 1)]:
        J = trace.jacobian(t, k)
        assert J.shape == (2, 13, 13) and np.isclose(norms[t, k], np.linalg.norm(J, 2, axis=(1, 2)).max())


def test_the_largest_norm_of_all_samples():
    """Norms that are spared are those that could not be the largest."""
    J = np.random.default_rng(0).normal(size=(7, 5, 4, 3)) * 10.0 ** np.arange(-2, 5)[:, None, None, None]
    np.testing.assert_array_equal(jacobians._largest(J), np.linalg.norm(J, 2, axis=(-2, -1)).max(1))
