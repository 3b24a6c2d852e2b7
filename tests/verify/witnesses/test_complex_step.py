from __future__ import annotations

import numpy as np
import pytest

import minirnn as mr
from minirnn.engine import ops
from minirnn.verify.witnesses import complex_step


@pytest.mark.parametrize(
    "options",
    [{}, {"layers": 2, "every_step": True, "activation": "sigmoid"}, {"activation": "relu", "hidden": "relu"},
     {"activation": "softmax"}, {"activation": "linear", "use_bias": False}, {"activation": "exponential", "steps": 2},
     {"head": "softmax", "loss": "categorical_crossentropy", "every_step": True}, {"flatten": True},
     {"head": "sigmoid", "loss": "categorical_crossentropy"}],
    ids=str,
)  # fmt: skip
def test_every_gradient_agrees(make, options):
    trace = make(**options)
    rows = list(complex_step.rows(trace))
    names = {row.quantity for row in rows}
    assert {f"dL/d{name}" for name in trace.parameters} <= names and any(name.endswith("_t") for name in names)
    assert all(row.ok and not row.missing for row in rows), rows


def test_large_parameters_are_checked_along_random_directions(make, monkeypatch):
    monkeypatch.setattr(complex_step, "BUDGET", 0)
    rows = [row for row in complex_step.rows(make()) if not row.quantity.endswith("_t")]
    assert all(row.ok and "2 random directions through all" in row.note for row in rows)


@pytest.mark.parametrize("budget", [0, 1_000_000])
def test_a_vjp_wrong_by_a_twentieth_of_a_percent_is_found(make, monkeypatch, budget):
    monkeypatch.setattr(complex_step, "BUDGET", budget)
    monkeypatch.setattr(ops.tanh, "vjp", (lambda g, y, x: g * (1.0005 - ops.square(y)),))
    wrong = {row.quantity for row in complex_step.rows(make()) if not row.ok}
    assert {"dL/dW_x", "dL/dW_h", "dL/db_h"} <= wrong and "dL/dW_o" not in wrong


def test_long_sequences_are_sampled(make):
    row = next(row for row in complex_step.rows(make(steps=60)) if row.quantity == "dL/dh_t")
    assert row.ok and "50 steps of 60" in row.note


def test_a_wrong_state_gradient_is_found(make):
    trace = make()
    trace.variables["dL/dh", 2].value = trace.variables["dL/dh", 2].value + 1e-6
    row = next(row for row in complex_step.rows(trace) if row.quantity == "dL/dh_t")
    assert not row.ok and np.isfinite(row.error)


def test_a_sigmoid_far_out(network):
    """exp overflows there on complex numbers; the derivative is 0 all the same."""
    model = network(activation="sigmoid")
    weights = model.get_weights()
    weights[2] -= 900 * (np.arange(5) == 1)
    model.set_weights(weights)
    rng = np.random.default_rng(0)
    trace = mr.trace(model, rng.normal(size=(2, 4, 3)), rng.normal(size=(2, 6)))
    report = trace.verify(with_keras=False)
    assert report.ok and not [row for row in report if row.missing], str(report)


def test_an_operation_on_data_that_computes_something_else_is_found(monkeypatch):
    """Nothing that moves is before it, so that moving the parameters alone would not run it again."""

    def loop(X, W):
        h = np.zeros(2)
        for x in X:
            h = np.tanh(x @ W + 0.5 * h)
        return np.sum(h * h)

    trace = mr.trace(loop, X=np.arange(6.0).reshape(3, 2) / 9, W=np.array([[0.3, -0.2], [0.1, 0.4]]))
    assert trace.verify(with_keras=False).ok
    take = next(node.op for node in trace.forward if node.op.name == "take")
    right = take.compute
    monkeypatch.setattr(take, "compute", lambda *args, **attrs: right(*args, **attrs) + 0.125)
    assert not trace.verify(with_keras=False).ok
