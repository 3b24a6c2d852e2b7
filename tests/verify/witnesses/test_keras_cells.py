"""What Keras' cells say of z_t and dL/dh_t, and the adapters for other backends."""

from __future__ import annotations

import sys
import types

import numpy as np
import pytest

import minirnn as mr
from minirnn import demo
from minirnn.engine import ops
from minirnn.verify.witnesses import keras_cells as keras_steps
from minirnn.verify.witnesses.backends import cannot_compute, gradients


def rows(trace, dtype="float64"):
    return {row.quantity: row for row in keras_steps.rows(trace.astype(dtype))}


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("options", [{}, {"layers": 2, "every_step": True}, {"flatten": True, "activation": "sigmoid"}])
def test_pre_activations_and_adjoints(make, options, dtype):
    found = rows(make(**options), dtype)
    assert all(row.ok and not row.missing for row in found.values())
    names = ["h^1", "h^2"] if "layers" in options else ["h"]
    assert set(found) == {f"z{name[1:]}_t" for name in names} | {f"dL/d{name}_t" for name in names}


def test_with_an_initial_state():
    from minirnn.layers import Dense, Input, SimpleRNN
    from minirnn.models import Model

    i, s = Input((4, 3)), Input((5,))
    model = Model([i, s], Dense(6)(SimpleRNN(5)(i, initial_state=s)))
    rng = np.random.default_rng(0)
    found = rows(mr.trace(model, [rng.normal(size=(2, 4, 3)), rng.normal(size=(2, 5))], rng.normal(size=(2, 6))))
    assert len(found) == 2 and all(row.ok for row in found.values())


def test_a_wrong_adjoint_is_found(make, monkeypatch):
    monkeypatch.setattr(ops.tanh, "vjp", (lambda g, y, x: ops.scale(g * (1 - ops.square(y)), p=1.0005),))
    assert not rows(make())["dL/dh_t"].ok and rows(make())["z_t"].ok


def test_the_norms_of_the_adjoints_at_every_step_of_the_first_notebook():
    """The loss is mean(y²); TensorFlow in float64 and minirnn agree at every t."""
    trace = mr.trace(demo.model(), demo.X, np.zeros((1, 2)))
    run = keras_steps._Run(trace, "float64")
    import tensorflow as tf

    found = gradients("tensorflow", lambda moves: tf.reduce_mean(run(moves)[1] ** 2), run.nothing())
    assert len(found) == 10
    for t, truth in enumerate(found, start=1):
        ours = np.linalg.norm(trace.adjoint("h", t))
        assert abs(ours - np.linalg.norm(truth)) <= 32 * np.finfo(float).eps * np.linalg.norm(truth)


def test_what_is_cut_or_has_no_loss(make, network):
    trace = make()
    assert set(rows(mr.trace(trace.model, trace.inputs[0], trace.target, truncate=2))) == {"z_t"}
    assert set(rows(mr.trace(network(), np.ones((2, 4, 3))))) == {"z_t"}


def test_a_backend_that_fails_is_said(trace, monkeypatch):
    def broken(*_):
        raise RuntimeError("no such kernel")

    monkeypatch.setattr(keras_steps, "rows", broken)
    report = trace.verify()
    assert report.ok and any("Keras fails here: RuntimeError: no such kernel" in row.note for row in report)


# ------------------------------------------------------------------------------------------------------------- backends

ARRAYS = [np.array([1.0, 2.0], np.float32), np.array([3.0], np.float32)]


def test_tensorflow():
    import tensorflow as tf

    used, unused = gradients("tensorflow", lambda t: tf.reduce_sum(t[0] ** 3), ARRAYS)
    assert np.allclose(used, [3, 12]) and np.array_equal(unused, [0])


def test_jax():
    jax = pytest.importorskip("jax")
    used, unused = gradients("jax", lambda t: jax.numpy.sum(t[0] ** 3), ARRAYS)
    assert np.allclose(used, [3, 12]) and np.array_equal(unused, [0])
    assert (cannot_compute("jax", "float64") is None) == jax.config.jax_enable_x64


def test_torch(monkeypatch):
    """Torch itself is too large for the tests: what stands in for it keeps to the calls that its manual describes."""

    class Tensor:
        def __init__(self, array, requires_grad=False):
            self.array, self.requires_grad = array, requires_grad

        def detach(self):
            return Tensor(self.array)

        def cpu(self):
            return self

        def numpy(self):
            assert not self.requires_grad, "detach() comes first"
            return self.array

    def grad(output, inputs, allow_unused=False):
        assert allow_unused and all(t.requires_grad for t in inputs)
        return [Tensor(3 * inputs[0].array ** 2, True), None]

    module = types.SimpleNamespace(tensor=Tensor, autograd=types.SimpleNamespace(grad=grad))
    monkeypatch.setitem(sys.modules, "torch", module)
    used, unused = gradients("torch", lambda t: None, ARRAYS)
    assert np.allclose(used, [3, 12]) and np.array_equal(unused, [0])


def test_only_jax_is_asked_about_its_precision():
    assert cannot_compute("tensorflow", "float64") is None and cannot_compute("jax", "float32") is None


def test_gates_one_by_one(monkeypatch):
    """Every pre-activation and gate of an LSTM above a GRU, and what flows back to them; a wrong slope of one is found."""
    from minirnn.layers import GRU, LSTM, Dense, Input
    from minirnn.models import Model

    rng = np.random.default_rng(4)
    i = Input((4, 3))
    model = Model(i, Dense(6)(LSTM(5)(GRU(2, return_sequences=True)(i))))
    model.set_weights([rng.normal(size=w.shape) for w in model.get_weights()])
    X, Y = rng.normal(size=(2, 4, 3)), rng.normal(size=(2, 6))
    found = rows(mr.trace(model, X, Y))
    assert all(row.ok and not row.missing for row in found.values())
    gru, lstm = ("a_z", "z", "a_r", "r", "a_h", "htilde"), ("a_i", "i", "a_f", "f", "a_c", "ctilde", "a_o", "o")
    assert {f"{name}^1_t" for name in gru} | {f"{name}^2_t" for name in lstm} <= set(found)
    assert {"dL/dh^1_t", "dL/dh^2_t", "dL/dc^2_t", "dL/da_f^2_t", "dL/da_r^1_t"} <= set(found)
    monkeypatch.setattr(ops.sigmoid, "vjp", (lambda g, y, x: g * y,))
    wrong = rows(mr.trace(model, X, Y))
    assert not wrong["dL/da_f^2_t"].ok and wrong["f^2_t"].ok
