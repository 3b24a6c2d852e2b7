"""A loss that is added up step by step, of probabilities that have names."""

from __future__ import annotations

import numpy as np
import pytest

import minirnn as mr

RNG = np.random.default_rng(3)
DATA = {"x": RNG.normal(size=(5, 3)), "y": [0, 2, 1, 1, 0]}
WEIGHTS = {"U": RNG.normal(size=(3, 4)), "W": 0.5 * RNG.normal(size=(4, 4)), "V": RNG.normal(size=(4, 3))}


def running(x, y, U, W, V):
    h, cost = np.zeros(4), 0.0
    for t in range(len(y)):
        h = np.tanh(x[t] @ U + h @ W)
        e = np.exp(h @ V)
        p = e / np.sum(e)
        cost -= np.log(p[y[t]])
    return cost


@pytest.mark.parametrize("t", [1, 3, 5])
def test_a_named_probability_has_its_derivative_though_the_gradient_goes_by_its_logits(t):
    run = mr.trace(running, **DATA, **WEIGHTS)
    p, y = run.value("p", t), DATA["y"][t - 1]
    np.testing.assert_allclose(run.adjoint("p", t), -np.eye(3)[y] / p[y], rtol=1e-12)
    assert run.adjoint("p", t) is not None and run.verify(with_keras=False).ok


def test_the_last_probabilities_reach_the_loss_at_once():
    lines = [str(e) for e in mr.trace(running, **DATA, **WEIGHTS).equations()]
    (last,) = [line for line in lines if line.startswith("∂cost/∂p_T")]
    assert "T-1" not in last
    assert all("∂cost/∂cost[T-1]" not in line for line in lines if line.startswith("∂cost/∂h_T"))
