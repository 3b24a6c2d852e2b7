"""Keras and tf.GradientTape against minirnn, in both precisions. TensorFlow must be there: nothing here is skipped."""

from __future__ import annotations

import numpy as np
import pytest

import minirnn as mr
from minirnn import demo
from minirnn.engine import ops

OPTIONS = [
    {},
    {"every_step": True},
    {"layers": 2, "every_step": True, "activation": "sigmoid"},
    {"layers": 2, "activation": "relu", "use_bias": False},
    {"activation": "linear", "hidden": "tanh"},
    {"activation": "softmax", "head": "sigmoid"},
    {"head": "softmax", "loss": "categorical_crossentropy"},
    {"head": "softmax", "loss": "categorical_crossentropy", "every_step": True},
    {"head": "sigmoid", "loss": "categorical_crossentropy"},
    {"flatten": True, "activation": "exponential", "steps": 3},
    {"steps": 1},
]


@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_forward_and_gradients_in_both_precisions(make, options):
    report = make(**options).verify()
    assert report.ok, str(report)
    assert not [row for row in report if row.missing]
    heard = {(row.quantity, row.witness, row.dtype) for row in report}
    for dtype in ("float32", "float64"):
        assert ("dL/dW_o", "tf.GradientTape", dtype) in heard and ("y", "Keras forward", dtype) in heard
    assert {"keras", "tensorflow"} <= set(report.versions)


def test_the_demonstration_network():
    report = mr.trace(demo.model(), demo.X, np.zeros((1, 2))).verify()
    assert report.ok and len(report) == 26, str(report)


def test_an_initial_state():
    from minirnn.layers import Dense, Input, SimpleRNN
    from minirnn.models import Model

    i, s = Input(shape=(4, 3)), Input(shape=(5,))
    model = Model([i, s], Dense(2)(SimpleRNN(5)(i, initial_state=s)))
    rng = np.random.default_rng(0)
    trace = mr.trace(model, [rng.normal(size=(2, 4, 3)), rng.normal(size=(2, 5))], rng.normal(size=(2, 2)))
    assert trace.verify().ok


def test_keras_notices_a_wrong_derivative(make, monkeypatch):
    monkeypatch.setattr(ops.tanh, "vjp", (lambda g, y, x: g * (1.0005 - ops.square(y)),))
    wrong = {(row.witness, row.dtype) for row in make().verify() if not row.ok}
    assert {("tf.GradientTape", "float32"), ("tf.GradientTape", "float64"), ("complex step", "float64")} <= wrong


def test_keras_notices_a_wrong_forward_pass(make, monkeypatch):
    """The complex step cannot: it runs the same forward pass."""
    monkeypatch.setattr(ops.tanh, "compute", lambda x, *_, **__: np.tanh(1.001 * x))
    monkeypatch.setattr(ops.tanh, "numpy", "np.tanh(1.001 * {0})")
    monkeypatch.setattr(ops.tanh, "vjp", (lambda g, y, x: ops.scale(g, p=1.001) * (1 - ops.square(y)),))
    report = make().verify()
    assert {row.quantity for row in report if not row.ok} >= {"h_t", "y", "L"}
    assert all(row.ok for row in report if row.witness == "complex step")


def test_a_loss_that_keras_has_not_is_missing_not_wrong(network):
    def mean_fourth_power(target, y):
        return ops.mean(ops.square(ops.square(y - target)))

    rng = np.random.default_rng(0)
    report = mr.trace(network(), rng.normal(size=(2, 4, 3)), rng.normal(size=(2, 6)), loss=mean_fourth_power).verify()
    assert report.ok and any("Keras has no loss 'mean_fourth_power'" in row.note for row in report)
