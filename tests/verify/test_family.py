"""Every kind of network against Keras and tf.GradientTape, in float64 and float32."""

from __future__ import annotations

import numpy as np
import pytest

import minirnn as mr
from minirnn.activations import KNOWN
from minirnn.engine.backprop import backprop
from minirnn.engine.ops import leaf, sum_all
from minirnn.layers import Dense, Input, SimpleRNN
from minirnn.models import Model
from minirnn.verify.report import error_in_eps

from ..family import NETWORKS, K, M, N, T, traced


@pytest.mark.parametrize("name", sorted(NETWORKS))
def test_keras_agrees(name):
    report = traced(name).verify()
    assert report.ok, report
    heard = {r.quantity for r in report if not r.missing and r.witness != "complex step"}
    assert {"L", "y", "y^1"} & heard and any(q.startswith("dL/d") for q in heard)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", sorted(KNOWN.names))
def test_every_activation(name, dtype):
    """Value and derivative, at both signs, on both sides of every bend and where a naive formula would overflow."""
    import keras
    import tensorflow as tf

    z = np.array([[-90.0, -3.3, -0.7, -0.3, 0.1, 0.4], [0.9, 1.7, 2.9, 3.7, 7.0, 0.6]], dtype)
    if name in ("exponential", "softmax", "log_softmax"):
        z = np.clip(z, -5, 5)
    g = np.random.default_rng(0).normal(size=z.shape).astype(dtype)
    x = leaf(z, "z")
    with np.errstate(over="ignore"):
        y = KNOWN.names[name](x)
        g = g[:, : y.shape[-1]]  # glu gives half as many
        mine = backprop(sum_all(y * leaf(g)), [x])[x].value
    with tf.GradientTape() as tape:
        there = tf.Variable(z)
        out = keras.activations.get(name)(there)
        loss = tf.reduce_sum(out * g)
    assert y.dtype == mine.dtype == dtype
    assert error_in_eps(y.value, np.asarray(out), dtype) <= 32
    assert error_in_eps(mine, np.asarray(tape.gradient(loss, there)), dtype) <= 32


def test_a_stateful_network_starts_where_it_is():
    i = Input(batch_shape=(N, T, 3))
    model = Model(i, Dense(K)(SimpleRNN(M, stateful=True)(i)))
    X = np.random.default_rng(0).normal(size=(N, T, 3))
    model.predict(X)
    assert mr.trace(model, X, np.zeros((N, K))).verify().ok
