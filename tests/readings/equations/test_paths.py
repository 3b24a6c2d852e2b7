"""Sums over paths through gates, masks and both directions, each Jacobian against the complex step."""

from __future__ import annotations

import numpy as np
import pytest

import minirnn as mr
from minirnn.engine import ops
from minirnn.layers import (
    GRU,
    LSTM,
    RNN,
    Bidirectional,
    Dense,
    GRUCell,
    Input,
    Layer,
    LSTMCell,
    Masking,
    SimpleRNN,
    SimpleRNNCell,
)
from minirnn.models import Model
from minirnn.readings.equations import row_maps, state_jacobians

N, T, D, M, K = 2, 3, 4, 5, 6
SEQ = {"return_sequences": True}
NETWORKS = {
    "LSTM": lambda: [LSTM(M)],
    "LSTM, every step": lambda: [LSTM(M, **SEQ)],
    "GRU": lambda: [GRU(M)],
    "GRU, reset before": lambda: [GRU(M, reset_after=False, **SEQ)],
    "relu and hard sigmoid": lambda: [LSTM(M, activation="relu", recurrent_activation="hard_sigmoid")],
    "softmax and elu": lambda: [GRU(M, activation="elu", recurrent_activation="softmax")],
    "no bias": lambda: [GRU(M, use_bias=False, **SEQ)],
    "activity": lambda: [LSTM(M, activity_regularizer="l2")],
    "backwards": lambda: [LSTM(M, go_backwards=True, **SEQ)],
    "SimpleRNN backwards": lambda: [SimpleRNN(M, go_backwards=True)],
    "both": lambda: [Bidirectional(LSTM(M))],
    "both, summed": lambda: [Bidirectional(GRU(M, **SEQ), merge_mode="sum")],
    "two": lambda: [LSTM(M, **SEQ), GRU(7)],
    "cells": lambda: [RNN([LSTMCell(M), SimpleRNNCell(7), GRUCell(3)], **SEQ)],
    "masked": lambda: [Masking(), LSTM(M)],
    "masked, zeros": lambda: [Masking(), LSTM(M, zero_output_for_mask=True, **SEQ)],
    "masked GRU, both": lambda: [Masking(), Bidirectional(GRU(M))],
    "masked SimpleRNN": lambda: [Masking(), SimpleRNN(M, **SEQ)],
}  # fmt: skip


def traced(layers, steps=T, **options):
    i = x = Input((None, D))
    for layer in layers:
        x = layer(x)
    model = Model(i, Dense(K)(x))
    rng = np.random.default_rng(3)
    for layer in model.layers:
        layer.set_weights([rng.normal(size=w.shape) for w in layer.get_weights()])
    X = rng.normal(size=(N, steps, D))
    X[0, 1] = 0
    shape = (N, steps, K) if len(model.output_shape) == 3 else (N, K)
    return mr.trace(model, X, rng.normal(size=shape), dtype="float64", **options)


@pytest.mark.parametrize("name", NETWORKS)
def test_the_total_derivative_is_the_sum_over_paths(name):
    trace = traced(NETWORKS[name]())
    found = trace.equations(paths=True)
    assert found.residual <= 1e-12, found
    known = {e.name for e in found}
    for state in trace.state_names:
        assert any(e.other_index is not None and e.name == f"dL/d{state}" for e in found), f"no sum over paths for {state}"
        assert any(each.startswith(f"d+{state}/") for each in known), state


def test_the_paths_of_an_lstm():
    lines = [str(e).split("    ")[0] for e in traced([LSTM(M)]).equations(paths=True)]
    for line in (
        "∂⁺cₜ/∂cₜ₋₁ = diagₙ(fₜ)",
        "∂⁺hₜ/∂cₜ = diagₙ(oₜ ⊙ (1 - tanh(cₜ)²))",
        "∂⁺hₜ/∂hₜ₋₁ = diagₙ(tanh(cₜ) ⊙ oₜ ⊙ (1 - oₜ)) Wₕₒᵀ",
        "∂⁺cₜ/∂cₖ = Π(s=t..k+1) diagₙ(fₛ)",
        "∂hₜ/∂cₖ = ∂⁺hₜ/∂hₜ₋₁ ∂hₜ₋₁/∂cₖ + ∂⁺hₜ/∂cₜ ∂cₜ/∂cₖ",
        "∂L/∂cₖ = ∂⁺L/∂h_T ∂h_T/∂cₖ",
    ):
        assert line in lines, line


def test_the_paths_of_a_gru_are_a_product():
    (line,) = [str(e) for e in traced([GRU(M)]).equations(paths=True) if e.name == "d+h/dh"]
    assert "diagₙ(zₜ) + " in line and "(hₜ₋₁ - h̃ₜ) ⊙ zₜ ⊙ (1 - zₜ)) W_hzᵀ" in line
    assert any("Π(s=t..k+1) ∂⁺hₛ/∂hₛ₋₁" in str(e) for e in traced([GRU(M)]).equations(paths=True))


def test_backwards_the_product_runs_the_other_way():
    lines = [str(e) for e in traced([SimpleRNN(M, go_backwards=True)]).equations(paths=True)]
    assert "∂hₜ/∂hₖ = Π(s=t..k-1) ∂⁺hₛ/∂hₛ₊₁    (k=t..T+1)" in lines
    lines = [str(e) for e in traced([SimpleRNN(M, go_backwards=True, **SEQ)]).equations(paths=True)]
    assert any(line.startswith("∂L/∂hₖ = Σ(t=1..k)") for line in lines)


def test_a_long_sequence_and_dropout():
    assert traced([LSTM(3)], steps=25).equations(paths=True).residual <= 1e-12
    dropped = traced([LSTM(M, dropout=0.3, recurrent_dropout=0.4)], training=True).equations(paths=True)
    assert dropped.residual <= 1e-12 and "diagₙ(d_hf)" in str(dropped)


class TwoSizes(Layer):
    """Two states of different sizes that need each other; in one of them nothing is entrywise."""

    state_names = ("s", "p")

    def __init__(self):
        super().__init__()
        self.state_size, self.output_size = [M, 2], M

    def build(self, shape):
        self.W = self.add_weight((shape[-1], M), "glorot_uniform", "W")
        self.U = self.add_weight((M, 2), "glorot_uniform", "U")
        self.V = self.add_weight((2, M), "glorot_uniform", "V")

    def call(self, x, states):
        s, p = states
        new = ops.tanh(x @ self.W + (p * ops.sigmoid(p)) @ self.V)
        return new, [new, s @ self.U]


def test_states_of_different_sizes():
    found = traced([RNN(TwoSizes(), **SEQ)]).equations(paths=True)
    assert found.residual <= 1e-12
    assert "∂⁺pₜ/∂sₜ₋₁ = Uᵀ" in str(found)


def lstm(X, Y, W, U, b, V, d):
    M = U.shape[0]
    h, c = np.zeros((len(X), M)), np.zeros((len(X), M))
    for t in range(X.shape[1]):
        z = X[:, t] @ W + h @ U + b
        i, f, g, o = (1 / (1 + np.exp(-z[:, k * M : (k + 1) * M])) for k in range(4))
        c = f * c + i * np.tanh(g)
        h = o * np.tanh(c)
    return np.mean((h @ V + d - Y) ** 2)


def loop(function, gates=4):
    rng = np.random.default_rng(0)
    shapes = {
        "X": (N, T, D),
        "Y": (N, K),
        "W": (D, gates * M),
        "U": (M, gates * M),
        "b": (gates * M,),
        "V": (M, K),
        "d": (K,),
    }
    return mr.trace(function, **{name: rng.normal(size=shape) for name, shape in shapes.items()})


def test_a_loop_of_ones_own_has_paths_too():
    found = loop(lstm).equations(paths=True)
    assert found.residual <= 1e-12
    assert any(str(e).startswith("∂⁺cₜ/∂cₖ = Π(s=t..k+1) diagₙ(fₛ)") for e in found)


def vector(X, Y, W, U, b, V, d):
    h = np.zeros(U.shape[0])
    for t in range(X.shape[1]):
        h = np.tanh(X[0, t] @ W + h @ U + b)
    return np.mean((h @ V + d - Y[0]) ** 2)


def column(X, Y, W, U, b, V, d):
    h = np.zeros((U.shape[0], 1))
    for t in range(X.shape[1]):
        h = np.tanh(W.T @ X[0, t][:, None] + U.T @ h + b[:, None])
    return np.mean((V.T @ h + d[:, None] - Y[0][:, None]) ** 2)


@pytest.mark.parametrize(("function", "sentence"), [(vector, "no row for each sample"), (column, "its rows times a matrix")])
def test_states_without_rows_are_refused(function, sentence):
    with pytest.raises(NotImplementedError, match=sentence):
        loop(function, gates=1).equations(paths=True)


def test_a_cut_gradient_is_refused():
    with pytest.raises(NotImplementedError, match="trace without truncate"):
        traced([LSTM(M)], truncate=2).equations(paths=True)


@pytest.mark.parametrize("part", ["carried_by", "sum_of", "times"])
def test_a_wrong_jacobian_is_found(part, monkeypatch):
    before = getattr(row_maps, part)
    spoilt = {
        "carried_by": lambda x, target: row_maps.S.scale(2, before(x, target)),
        "sum_of": lambda matrices: before(matrices[:1]),
        "times": lambda a, b: row_maps.S.scale(-1, before(a, b)),
    }[part]
    monkeypatch.setattr(row_maps, part, spoilt)
    monkeypatch.setattr(state_jacobians, part, spoilt)
    assert traced([GRU(M)]).equations(paths=True).residual > 0.01


@pytest.mark.parametrize("kind", ["SimpleRNN", "LSTM", "GRU"])
@pytest.mark.parametrize(("steps", "last"), [((5, 4), "T_2"), ((5, 5), "T_2"), ((5, None), "6")])
def test_an_encoder_and_a_decoder_have_paths_of_their_own_lengths(kind, steps, last):
    """The states of one go to T, those of the other to T_2, or to 6 where its input is one row repeated."""
    make, rng = getattr(mr.layers, kind), np.random.default_rng(0)
    a, b = mr.Input((None, 3)), mr.Input((None, 2))
    _, *states = make(4, return_state=True)(a)
    if steps[1] is None:
        y = make(4, return_sequences=True)(mr.layers.RepeatVector(6)(states[0]))
        model, X = mr.Model(a, mr.layers.Dense(2)(y)), rng.normal(size=(2, steps[0], 3))
    else:
        y = make(4, return_sequences=True)(b, initial_state=states)
        model = mr.Model([a, b], mr.layers.Dense(2)(y))
        X = [rng.normal(size=(2, n, size)) for n, size in zip(steps, (3, 2))]
    Y = rng.normal(size=(2, steps[1] or 6, 2))
    found = mr.trace(model, X, Y, loss="mse", dtype="float64").equations(paths=True)
    assert found.residual < 1e-14
    ranges = {str(line).partition("(k=1..")[2].partition(")")[0] for line in found if "(k=1.." in str(line)}
    assert ranges == {"T", last}
