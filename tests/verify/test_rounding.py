from __future__ import annotations

import numpy as np
import pytest

import minirnn as mr
from minirnn.engine import ops
from minirnn.verify.report import TOLERANCE


@pytest.fixture
def saturated(network):
    """Weights so large that most states are near ±1."""
    model = network(steps=12)
    model.set_weights([6 * w for w in model.get_weights()])
    rng = np.random.default_rng(0)
    return lambda: mr.trace(model, rng.normal(size=(3, 12, 3)), rng.normal(size=(3, 6)))


def test_a_saturated_network_is_not_blamed(saturated):
    report = saturated().verify()
    assert report.ok and report.worst > TOLERANCE, str(report)
    assert "as far as rounding allows in a saturated network" in report.sentence
    assert "rounding alone costs" in str(report)


def test_nor_does_it_hide_a_wrong_rule(saturated, monkeypatch):
    monkeypatch.setattr(ops.tanh, "vjp", (lambda g, y, x: g * (1.0005 - ops.square(y)),))
    wrong = {row.quantity for row in saturated().verify(with_keras=False) if not row.ok}
    assert {"dL/dW_x", "dL/dW_h", "dL/db_h"} <= wrong


def test_an_ordinary_network_is_held_to_the_tolerance(trace):
    assert all(row.allowed == TOLERANCE for row in trace.verify(with_keras=False))


def test_where_nothing_can_be_told_it_says_so(network):
    """Every state is ±1: the derivative is 0 in floating point, though not in truth."""
    model = network()
    weights = model.get_weights()
    weights[2] += 50  # the bias
    model.set_weights(weights)
    rng = np.random.default_rng(0)
    report = mr.trace(model, rng.normal(size=(2, 4, 3)), rng.normal(size=(2, 6))).verify(with_keras=False)
    assert report.ok and any("have reached ±1" in row.note for row in report) and "could not be checked" in report.sentence


def cross_entropy(X, y, W, V):
    h, loss = np.zeros(5), 0.0
    for x, target in zip(X, y):
        h = np.tanh(x @ W + h)
        p = 1 / (1 + np.exp(-(h @ V)))
        loss -= target * np.log(p) + (1 - target) * np.log(1 - p)
    return loss


def test_a_difference_of_what_another_program_rounds_otherwise_is_not_blamed():
    """1 - p of p near 1 keeps few digits, which cancel only where the slope p (1 - p) is made of the same p."""
    rng = np.random.default_rng(0)
    X, y, W, V = rng.normal(size=(4, 3)), np.zeros(4), rng.normal(size=(3, 5)), np.full(5, 5.0)
    W = np.abs(W) * np.sign(X.sum(0))[:, None]  # h is near 1, and p too
    right = np.array([cross_entropy(X, y, W, V + 1e-30j * row).imag / 1e-30 for row in np.eye(5)])
    trace = mr.trace(cross_entropy, X=X, y=y, W=W, V=V)
    found = trace.compare(dV=right)
    assert found.ok and not found.slips, found
    assert np.abs(trace.gradients["V"] / right - 1).max() / np.finfo(float).eps > TOLERANCE
    assert not trace.compare(dV=right * 1.0005).ok


@pytest.mark.parametrize("seed", range(4))
def test_what_is_left_of_terms_that_cancel_is_not_blamed(seed):
    """A bias before a softmax over the steps has the derivative 0: what two programs give is the rounding of each."""
    from minirnn import layers as L

    rng, i = np.random.default_rng(seed), mr.Input((4, 3))
    x = L.SimpleRNN(2, return_sequences=True)(i)
    weights = L.Softmax(axis=1)(L.Dense(1)(x))
    model = mr.Model(i, L.Dense(2, activation="softmax")(L.Flatten()(L.Dot(axes=1)([weights, x]))))
    model.set_weights([rng.normal(size=w.shape) for w in model.get_weights()])
    model.compile("sgd", "sparse_categorical_crossentropy")
    verdict = mr.trace(model, rng.normal(size=(3, 4, 3)), np.array([0, 1, 1])).verify()
    assert verdict.ok, verdict.sentence


def test_nor_is_it_hidden_where_the_other_gives_a_number(monkeypatch):
    from minirnn.verify.report import Row
    from minirnn.verify.rounding import allowed

    W = mr.trace(lambda W: (W - W).sum() + 0.0 * W.sum(), W=np.ones((2, 2)))
    node = W.cotangents[W.parameters["W"]]
    row = Row("dL/dW", "another", "float64", 1 / np.finfo(float).eps, nodes=(node,), largest=0.3)
    assert not allowed([row], W)[0].ok
