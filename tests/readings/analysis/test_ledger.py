from __future__ import annotations

import numpy as np
import pytest

import minirnn as mr
from minirnn.engine import ops
from minirnn.engine.replay import replay

EPS = np.finfo("float64").eps
NETWORKS = {
    "many to one": {},
    "a head at every step": {"every_step": True},
    "two layers": {"layers": 2, "every_step": True},
    "flattened": {"flatten": True},
    "sigmoid": {"activation": "sigmoid"},
    "cross-entropy": {"loss": "categorical_crossentropy", "head": "softmax", "every_step": True},
}


def in_steps(trace):
    return [name for name in trace.parameters if name[2] in "xh" or trace.output.ndim == 3]


@pytest.mark.parametrize("options", NETWORKS.values(), ids=NETWORKS)
def test_it_sums_to_the_gradient_and_by_path_to_itself(make, options):
    trace = make(**options)
    for name in in_steps(trace):
        gradient, steps, paths = trace.gradients[name], trace.ledger(name), trace.ledger(name, by="path")
        assert steps.shape == (4, *gradient.shape) and paths.shape == (4, 4, *gradient.shape)
        assert np.abs(steps.sum(0) - gradient).max() <= 32 * EPS * np.abs(gradient).max()
        assert np.abs(paths.sum(0) - steps).max() <= 32 * EPS * np.abs(steps).max()
        assert all(np.any(step) for step in steps[1:])  # W_h at step 1 meets h_0 = 0


def test_each_entry_is_the_derivative_by_the_weight_of_that_step_alone(make):
    """The complex step through one use of W_h, and one loss, at a time."""
    trace = make(every_step=True)
    W = trace.parameters["W_h"]
    direction = np.random.default_rng(0).normal(size=W.shape)
    uses = [n for n in trace.forward if n.op is ops.matmul and n.args[1] is W]
    assert [n.step for n in uses] == [1, 2, 3, 4]
    for use in uses:
        moved = use.value + 1e-30j * (use.args[0].value @ direction)
        found = replay(trace.forward, {use: moved})
        assert np.isclose(np.sum(trace.ledger("W_h")[use.step - 1] * direction), found[trace.loss_node].imag / 1e-30)
        for s in range(1, 5):
            part = np.sum(trace.ledger("W_h", by="path")[s - 1, use.step - 1] * direction)
            assert np.isclose(part, np.imag(found[trace.variables["l", s]]) / 1e-30 / 4, atol=1e-16)


def test_a_loss_at_the_last_step_only(trace):
    paths = trace.ledger("W_x", by="path")
    assert not paths[:3].any() and np.array_equal(paths[3], trace.ledger("W_x"))


def test_float32_stays(make):
    assert make(dtype="float32").ledger("W_h").dtype == make(dtype="float32").ledger("W_h", by="path").dtype == np.float32


def test_what_cannot_be_had(trace, network):
    with pytest.raises(ValueError, match=r"W_o is used outside of the time steps.*trace.gradients\['W_o'\]"):
        trace.ledger("W_o")
    with pytest.raises(KeyError, match="no parameter 'W'"):
        trace.ledger("W")
    with pytest.raises(ValueError, match='it is "step" or "path"'):
        trace.ledger("W_h", by="time")
    with pytest.raises(ValueError, match="no loss to differentiate"):
        mr.trace(network(), np.ones((2, 4, 3))).ledger("W_h")


def test_a_ledger_too_large_is_refused(make, monkeypatch):
    from minirnn.readings.analysis import ledger

    monkeypatch.setattr(ledger, "MOST", 16 * 25 * 8 - 1)
    with pytest.raises(ValueError, match="take a shorter sequence"):
        make().ledger("W_h", by="path")


def test_a_weight_computed_before_the_steps(make, monkeypatch):
    """Used through its transpose, made once: what each step adds still is that step's."""
    from minirnn.layers import SimpleRNN

    before = SimpleRNN.call

    def twice_transposed(self, x, call):
        W = call.parameters["cell/recurrent_kernel"]
        call.parameters = call.parameters | {"cell/recurrent_kernel": ops.transpose(ops.transpose(W))}
        return before(self, x, call)

    plain = make()
    monkeypatch.setattr(SimpleRNN, "call", twice_transposed)
    assert np.allclose(make().ledger("W_h"), plain.ledger("W_h"), rtol=1e-13)
