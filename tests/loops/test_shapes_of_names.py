"""A name has one shape at every step, and a step of a source one name: readings of loops whose variables change shape."""

from __future__ import annotations

import numpy as np
import pytest
from test_source_of_loops import errors

import minirnn as mr

rng = np.random.default_rng(11)


def numbers(*shape):
    return rng.normal(size=shape) / 2


def start_for_all_samples(X, W, U):
    h = np.zeros(4)
    for t in range(X.shape[1]):
        h = np.tanh(X[:, t] @ W + h @ U)
    return np.sum(h**2)


def layers_in_lists(X, Ws, Us):
    hs = [np.zeros(4), np.zeros(4), np.zeros(4)]
    for x in X:
        inp = x
        for k, (W, U) in enumerate(zip(Ws, Us)):
            hs[k] = np.tanh(inp @ W + hs[k] @ U)
            inp = hs[k]
    return np.sum(hs[-1] ** 2)


def rolled_buffer(X, W, U):
    buf = np.zeros((3, 4))
    for x in X:
        buf = np.roll(buf, 1, axis=0)
        buf[0] = np.tanh(x @ W + buf[1] @ U + 0.3 * buf[2])
    return buf.sum()


def normed_messages(prior, A, B, seen):
    a = prior * B[:, seen[0]]
    ll = np.log(a.sum())
    a = a / a.sum()
    for o in seen[1:]:
        a = (a @ A) * B[:, o]
        s = a.sum()
        ll += np.log(s)
        a = a / s
    return -ll


LOOPS = [
    (start_for_all_samples, {"X": numbers(2, 5, 3), "W": numbers(3, 4), "U": numbers(4, 4)}, 5),
    (
        layers_in_lists,
        {
            "X": numbers(5, 3),
            "Ws": [numbers(3, 4), numbers(4, 4), numbers(4, 4)],
            "Us": [numbers(4, 4), numbers(4, 4), numbers(4, 4)],
        },
        5,
    ),
    (rolled_buffer, {"X": numbers(5, 3), "W": numbers(3, 4), "U": numbers(4, 4)}, 5),
    (
        normed_messages,
        {"prior": abs(numbers(3)) + 0.1, "A": abs(numbers(3, 3)), "B": abs(numbers(3, 4)) + 0.1, "seen": [0, 2, 1, 3]},
        4,
    ),
]


@pytest.mark.parametrize(("loop", "given", "steps"), LOOPS, ids=[loop.__name__ for loop, _, _ in LOOPS])
def test_variables_that_change_shape_have_every_reading(loop, given, steps):
    trace = mr.trace(loop, **given)
    assert trace.steps == steps
    shapes = {}
    for node in trace.forward:
        if node.name is not None:
            assert shapes.setdefault(str(node.name), node.shape) == node.shape, node.name
    for form in ("numpy", "buffers"):
        found = errors(trace, trace.source(form))
        assert max(found.values()) <= 32, (form, found)
    assert max(equation.residual for equation in trace.equations()) < 1e-12
    assert trace.walk() and trace.verify(with_keras=False).ok


def test_a_start_that_is_repeated_is_found_at_step_0():
    weights = {"X": numbers(2, 4, 3), "W": numbers(3, 5), "U": numbers(5, 5)}

    def from_a_row(X, W, U, start):
        h = start + 0.5
        for t in range(4):
            h = np.tanh(X[:, t] @ W + h @ U)
        return np.sum(h)

    start = numbers(5)
    trace = mr.trace(from_a_row, **weights, start=start)
    assert np.array_equal(trace.value("h", 0), start + 0.5)
    np.testing.assert_allclose(trace.adjoint("h", 0), trace.gradients["start"], rtol=1e-13)
    with pytest.raises(KeyError, match="h has steps"):
        trace.value("h", 7)
