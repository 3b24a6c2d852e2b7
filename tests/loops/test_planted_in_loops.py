"""Bugs planted on purpose in what loops need: each is found by the check that should find it."""

from __future__ import annotations

import numpy as np
from cases import case
from test_published import traced

import minirnn as mr
from minirnn.engine import ops
from minirnn.loops.recording import memory
from minirnn.loops.steps import infer as naming


def test_nothing_planted_nothing_found():
    trace = traced("negative_index_history")
    assert trace.verify(with_keras=False).ok and trace.equations().residual < 1e-14


def test_a_lost_transpose_of_a_vector(monkeypatch):
    rules = (ops.DOTS[1, 2].vjp[0], lambda g, y, a, b: ops.outer(g, a))
    monkeypatch.setattr(ops.DOTS[1, 2], "vjp", rules)
    function, arguments = case("seed_000")
    square = {"X": arguments["X"][..., :4], "Wx": np.ones((4, 5)), **{k: arguments[k] for k in ("Wh", "bh", "Wo", "bo")}}
    try:
        report = mr.trace(function, **square, Y=np.ones(2)).verify(with_keras=False)
    except ValueError:
        return  # the shapes tell
    assert not report.ok


def test_a_derivative_that_does_not_come_back_to_its_place(monkeypatch):
    (right,) = ops.block.vjp
    monkeypatch.setattr(ops.block, "vjp", (lambda g, y, x, k, parts: right(g, y, x, k=0, parts=parts),))
    assert not traced("lstm_sliced").verify(with_keras=False).ok


def test_a_comparison_that_lets_derivatives_through(monkeypatch):
    monkeypatch.setattr(ops.maximum, "vjp", (lambda g, y, a, b: g, lambda g, y, a, b: g))

    def loop(X, W):
        h = np.zeros(5)
        for x in X:
            h = np.tanh(np.maximum(x @ W, h))
        return h

    rng = np.random.default_rng(0)
    trace = mr.trace(loop, X=rng.normal(size=(6, 4)), W=rng.normal(size=(4, 5)), Y=np.ones(5))
    assert not trace.verify(with_keras=False).ok


def test_a_value_that_is_not_kept_when_its_array_is_written(monkeypatch):
    """A node has the value that it had, whatever is written into its array later."""

    def loop(X, W):
        h = X[0] @ W
        g = np.sin(h)
        h[0] = 3.0
        return np.sum(g * h)

    arrays = {"X": np.arange(8.0).reshape(2, 4), "W": np.full((4, 3), 0.1)}
    right = mr.trace(loop, **arrays).gradients["W"]
    monkeypatch.setattr(memory.Memory, "detach", lambda self: None)
    assert np.abs(mr.trace(loop, **arrays).gradients["W"] - right).max() > 0.1


def test_a_wrong_matrix_form(monkeypatch):
    monkeypatch.setattr(ops.DOTS[2, 1], "sympy", lambda S, a, b: S.scale(2, S.matmul(b, S.transpose(a))))
    assert traced("negative_index_history").equations().residual > 1e-3


def test_steps_counted_from_the_turn_and_not_from_the_data(monkeypatch):
    """Of a loop that runs backwards the steps are those of the data."""
    right = [str(e) for e in traced("bidirectional").equations()]
    monkeypatch.setattr(naming._Settling, "_way", lambda self, cuts, i: 0)
    assert [str(e) for e in traced("bidirectional").equations()] != right
