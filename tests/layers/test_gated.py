"""LSTM and GRU beside plain NumPy: every quantity of every step, the gradients, and what the layers refuse."""

from __future__ import annotations

import pickle

import numpy as np
import pytest

import minirnn as mr
from minirnn import named, ops
from minirnn.layers import (
    GRU,
    LSTM,
    RNN,
    Bidirectional,
    Dense,
    Gate,
    GRUCell,
    Input,
    Layer,
    LSTMCell,
    Masking,
    SimpleRNNCell,
    StackedRNNCells,
)
from minirnn.models import Model

N, T, D, M, K = 2, 3, 4, 5, 6


def sigma(v):
    return 1 / (1 + np.exp(-v))


def by_hand_lstm(x, W, U, b, h, c, mask=None):
    found = [{"h": h, "c": c}]
    for t in range(x.shape[1]):
        a = np.split(x[:, t] @ W + h @ U + b, 4, axis=1)
        i, f, ctilde, o = sigma(a[0]), sigma(a[1]), np.tanh(a[2]), sigma(a[3])
        new_c = f * c + i * ctilde
        new_h = o * np.tanh(new_c)
        keep = np.ones((len(x), 1), bool) if mask is None else mask[:, t, None]
        h, c = np.where(keep, new_h, h), np.where(keep, new_c, c)
        found.append(dict(zip(("i", "f", "ctilde", "o", "c", "h"), (i, f, ctilde, o, c, h))))
        found[-1] |= {f"a_{k}": v for k, v in zip("ifco", a)}
    return found


def by_hand_gru(x, W, U, b, h, after):
    b_x, b_h = b if after else (b, 0 * b)
    found = [{"h": h}]
    for t in range(x.shape[1]):
        a, q = np.split(x[:, t] @ W + b_x, 3, axis=1), np.split(h @ U + b_h, 3, axis=1)
        z, r = sigma(a[0] + q[0]), sigma(a[1] + q[1])
        a_h = a[2] + (r * q[2] if after else (r * h) @ np.split(U, 3, axis=1)[2])
        h = z * h + (1 - z) * np.tanh(a_h)
        found.append({"z": z, "r": r, "htilde": np.tanh(a_h), "h": h, "a_z": a[0] + q[0], "a_r": a[1] + q[1], "a_h": a_h})
    return found


def traced(layer, seed=0, dtype="float64", loss=True, **options):
    rng = np.random.default_rng(seed)
    i = Input((T, D))
    model = Model(i, Dense(K)(layer(i)))
    model.set_weights([rng.normal(size=w.shape) for w in model.get_weights()])
    X, Y = rng.normal(size=(N, T, D)), rng.normal(size=(N, K))
    return mr.trace(model, X, Y if loss else None, dtype=dtype, **options)


@pytest.mark.parametrize("bias", [True, False])
def test_every_quantity_of_an_lstm(bias):
    trace = traced(LSTM(M, use_bias=bias))
    W, U, *b = trace.model.layers[1].get_weights()
    zeros = np.zeros((N, M))
    steps = by_hand_lstm(trace.inputs[0], W, U, b[0] if bias else np.zeros(4 * M), zeros, zeros)
    for t, step in enumerate(steps):
        for name, truth in step.items():
            np.testing.assert_allclose(trace.value(name, t), truth, rtol=1e-13, atol=1e-15)
    for k, gate in enumerate("ifco"):
        block = slice(k * M, (k + 1) * M)
        np.testing.assert_array_equal(trace.value(f"W_x{gate}"), W[:, block])
        np.testing.assert_array_equal(trace.adjoint(f"W_h{gate}"), trace.gradients["W_h"][:, block])
        if bias:
            np.testing.assert_array_equal(trace.value(f"b_{gate}"), b[0][block])
            np.testing.assert_array_equal(trace.adjoint(f"b_{gate}"), trace.gradients["b_h"][block])
    assert list(trace.gradients) == ["W_x", "W_h", *["b_h"] * bias, "W_o", "b_o"]
    assert trace.gradients["b_o"].shape == (K,)  # that of the Dense, beside the b_o of the output gate


@pytest.mark.parametrize("after", [True, False])
@pytest.mark.parametrize("bias", [True, False])
def test_every_quantity_of_a_gru(after, bias):
    trace = traced(GRU(M, use_bias=bias, reset_after=after))
    W, U, *b = trace.model.layers[1].get_weights()
    shape = (2, 3 * M) if after else (3 * M,)
    assert not bias or b[0].shape == shape
    steps = by_hand_gru(trace.inputs[0], W, U, b[0] if bias else np.zeros(shape), np.zeros((N, M)), after)
    for t, step in enumerate(steps):
        for name, truth in step.items():
            np.testing.assert_allclose(trace.value(name, t), truth, rtol=1e-13, atol=1e-15)


@pytest.mark.parametrize(
    "layer",
    [LSTM(M), GRU(M), GRU(M, reset_after=False), LSTM(M, activation="relu", recurrent_activation="hard_sigmoid"),
     RNN([LSTMCell(M), SimpleRNNCell(3), GRUCell(2)]), Bidirectional(LSTM(M)), Bidirectional(GRU(3), merge_mode="mul")],
    ids=lambda layer: type(layer).__name__,
)  # fmt: skip
def test_readings(layer):
    trace = traced(layer)
    report = trace.verify(with_keras=False)
    assert report.ok, report.sentence
    assert trace.equations().residual < 1e-12
    space = {}
    exec(trace.source(), space)
    loss, gradients = space["loss_and_gradients"](
        {name: node.value for name, node in trace.parameters.items()}, trace.inputs[0], trace.target
    )
    np.testing.assert_allclose(loss, trace.loss, rtol=1e-13)
    for name, truth in trace.gradients.items():
        np.testing.assert_allclose(gradients[name], truth, rtol=1e-11, atol=1e-14)


def test_equations_of_an_lstm_by_gate():
    lines = [str(e).split("    ")[0] for e in traced(LSTM(M)).equations()]
    for line in (
        "Wₓ = [Wₓᵢ W_xf W_xc Wₓₒ]", "iₜ = σ(aᵢ₍ₜ₎)", "cₜ = fₜ ⊙ cₜ₋₁ + iₜ ⊙ c̃ₜ", "hₜ = oₜ ⊙ tanh(cₜ)",
        "∂L/∂cₜ = ∂L/∂cₜ₊₁ ⊙ fₜ₊₁ + ∂L/∂hₜ ⊙ oₜ ⊙ (1 - tanh(cₜ)²)", "δ_f₍ₜ₎ = ∂L/∂fₜ ⊙ fₜ ⊙ (1 - fₜ)",
        "∂L/∂Wₓ = [∂L/∂Wₓᵢ ∂L/∂W_xf ∂L/∂W_xc ∂L/∂Wₓₒ]",
    ):  # fmt: skip
        assert line in lines, f"{line!r} is not in\n" + "\n".join(lines)
    assert len(lines) < 50 and not any("0 0" in line for line in lines)


def test_masks_carry_both_states():
    rng = np.random.default_rng(3)
    X = rng.normal(size=(N, 6, D))
    X[0, :2], X[1, [1, 5]] = 0, 0
    i = Input((6, D))
    model = Model(i, LSTM(M)(Masking()(i)))
    W, U, b = (rng.normal(size=w.shape) for w in model.get_weights())
    model.set_weights([W, U, b])
    trace = mr.trace(model, X, rng.normal(size=(N, M)), dtype="float64")
    zeros = np.zeros((N, M))
    for t, step in enumerate(by_hand_lstm(X, W, U, b, zeros, zeros, (X != 0).any(-1))):
        for name in "hc":
            np.testing.assert_allclose(trace.value(name, t), step[name], rtol=1e-13, atol=1e-15)
    assert trace.equations().residual < 1e-12 and {"hhat", "chat"} <= set(trace.counts)


def test_a_cell_of_ones_own_that_says_the_same_reads_the_same():
    class Own(Layer):
        state_names = ("h", "c")
        gates = tuple(Gate(name, f"a_{name[0]}", candidate=name == "ctilde") for name in ("i", "f", "ctilde", "o"))

        def __init__(self):
            super().__init__()
            self.state_size, self.output_size = [M, M], M

        def build(self, shape):
            self.W = self.add_weight((shape[-1], 4 * M), name="W_x")
            self.U = self.add_weight((M, 4 * M), name="W_h")
            self.b = self.add_weight((4 * M,), name="b_h")

        def call(self, x, states):
            h, c = states
            a = [named(f"a_{k}", part) for k, part in zip("ifco", ops.split(x @ self.W + self.b + h @ self.U, 4))]
            i, f, o = (named(k, ops.sigmoid(part)) for k, part in zip("ifo", (a[0], a[1], a[3])))
            ctilde = named("ctilde", ops.tanh(a[2]))
            c = f * c + i * ctilde
            h = o * ops.tanh(c)
            return h, [h, c]

    own, truth = traced(RNN(Own())), traced(LSTM(M))
    for name in ("h", "c", "i", "f", "o", "ctilde", "a_f"):
        np.testing.assert_allclose(own.value(name, 2), truth.value(name, 2), rtol=1e-13)
        np.testing.assert_allclose(own.adjoint(name, 2), truth.adjoint(name, 2), rtol=1e-12, atol=1e-16)
    for name in truth.gradients:
        np.testing.assert_allclose(own.gradients[name], truth.gradients[name], rtol=1e-12, atol=1e-15)
    assert own.state_names == truth.state_names == ["h", "c"]
    roles = {str(node.name): node.role for node in truth.forward if node.name is not None}
    for node in own.forward:
        if node.name is not None and str(node.name) in ("h", "c", "i", "f", "o", "ctilde", "a_i", "a_c"):
            assert node.role is roles[str(node.name)] or node.step == 0, node
    lines = [str(e).split("    ")[0] for e in own.equations()]
    assert "cₜ = fₜ ⊙ cₜ₋₁ + iₜ ⊙ c̃ₜ" in lines and own.equations().residual < 1e-12


def test_initial_bias():
    for forget in (True, False):
        layer = LSTM(2, bias_initializer=mr.initializers.Constant(5.0), unit_forget_bias=forget)
        layer.build((None, T, D))
        assert layer.get_weights()[2].tolist() == [5, 5, *([1, 1] if forget else [5, 5]), 5, 5, 5, 5]


def test_dropout_masks_of_gates():
    names = {(0.5, 0.0): 1, (0.0, 0.5): 4, (0.5, 0.5): 8}
    for (rate, recurrent), count in names.items():
        trace = traced(LSTM(M, dropout=rate, recurrent_dropout=recurrent, seed=3), training=True)
        drawn = [name for name in trace.counts if name.startswith("d_")]
        assert len(drawn) == count, drawn
        assert trace.verify(with_keras=False).ok
    assert not [n for n in traced(LSTM(M, dropout=0.5)).counts if n.startswith("d_")]


def test_states():
    rng = np.random.default_rng(5)
    layer = LSTM(M, return_state=True, return_sequences=True)
    X, h, c = rng.normal(size=(N, T, D)), rng.normal(size=(N, M)), rng.normal(size=(N, M))
    layer.build(X.shape)
    W = [rng.normal(size=w.shape) for w in layer.get_weights()]
    layer.set_weights(W)
    found = [np.asarray(a) for a in layer(X, initial_state=[h, c])]
    last = by_hand_lstm(X, *W, h, c)[-1]
    for ours, truth in zip(found, (last["h"], last["h"], last["c"])):
        np.testing.assert_allclose(ours[:, -1] if ours.ndim == 3 else ours, truth, rtol=1e-13)
    with pytest.raises(ValueError, match="takes 2 initial states, not 1"):
        layer(X, initial_state=h)
    out, new = LSTMCell(M)(X[:, 0], [h, c])
    assert out is new[0] and len(new) == 2
    with pytest.raises(ValueError, match="takes 2 states, not 1"):
        LSTMCell(M)(X[:, 0], h)
    assert [s.shape for s in StackedRNNCells([LSTMCell(2), GRUCell(3)]).get_initial_state(4)] == [(4, 2), (4, 2), (4, 3)]


def test_what_is_refused():
    with pytest.raises(ValueError, match="there is no cuDNN here"):
        LSTM(2, use_cudnn=True)
    with pytest.raises(ValueError, match=r"GRU\(implementation=3\): it must be 1 or 2"):
        GRU(2, implementation=3)
    with pytest.raises(NotImplementedError, match="recurrent_activation='glu'"):
        GRU(2, recurrent_activation="glu")
    assert LSTM(2, recurrent_dropout=0.1).implementation == 1 and GRU(2).reset_after


def test_a_trace_can_be_pickled():
    trace = traced(GRU(M))
    again = pickle.loads(pickle.dumps(trace))
    np.testing.assert_array_equal(again.value("r", 2), trace.value("r", 2))


def test_float32_stays_float32():
    trace = traced(GRU(M), dtype="float32")
    assert {g.dtype.name for g in trace.gradients.values()} == {"float32"} and trace.value("z", 1).dtype == "float32"
