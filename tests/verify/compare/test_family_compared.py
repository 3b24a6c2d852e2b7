"""Comparison and ledger take every kind of network: right numbers agree, wrong ones differ, nothing breaks."""

from __future__ import annotations

import numpy as np
import pytest

from ...family import NETWORKS, traced


@pytest.mark.parametrize("name", sorted(NETWORKS))
def test_right_and_wrong_numbers(name):
    trace = traced(name)
    right = dict(trace.gradients.items()) | {"L": trace.loss}
    for state in trace.state_names:
        steps = [t for known, t in trace.variables if known == state and 1 <= t <= trace.steps]
        right[state] = np.stack([trace.value(state, t) for t in sorted(steps)], axis=1)
    assert trace.compare(right).ok
    for quantity in [*trace.state_names[-1:], *list(trace.gradients)[:2]]:
        found = trace.compare({quantity: 1.2345 * np.asarray(right[quantity]) + 0.01})
        assert not found.ok and not found.slips, (quantity, str(found))


@pytest.mark.parametrize("name", sorted(NETWORKS))
def test_the_ledger_sums_to_the_gradient_or_says_why_not(name):
    trace = traced(name)
    told = 0
    for parameter, gradient in trace.gradients.items():
        try:
            steps, paths = trace.ledger(parameter), trace.ledger(parameter, by="path")
        except ValueError as error:
            assert f"it is whole in trace.gradients['{parameter}']" in str(error)
            continue
        told += 1
        assert np.allclose(steps.sum(0), gradient, rtol=1e-12, atol=1e-14 * np.abs(gradient).max())
        assert np.allclose(paths.sum(0), steps, rtol=1e-12, atol=1e-14 * np.abs(gradient).max())
    assert told or name == "penalties"


@pytest.mark.parametrize("name", sorted(NETWORKS))
def test_jacobians_keep_to_their_bound(name):
    trace = traced(name)
    for state in trace.state_names:
        norms, bound = trace.jacobian_norms(state)
        assert np.allclose(np.diag(norms), 1) and (bound is None or (norms <= bound * (1 + 1e-12)).all())
