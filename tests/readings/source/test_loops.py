"""Source in scalars, executed, against the trace: of every kind of network, and of the cells that have gates."""

from __future__ import annotations

import numpy as np
import pytest

import minirnn as mr
from minirnn import demo
from minirnn.engine.names import Role
from minirnn.layers import GRU, LSTM, Dense, GlobalMaxPooling1D, Input, SimpleRNN
from minirnn.models import Sequential
from minirnn.readings.source.compiled import executed

from ... import family


def given(trace):
    """The data of a trace and its dropout masks, as functions of its source take them."""
    masks = [node.value for node in trace.forward if not node.args and node.role is Role.DROPOUT_MASK]
    return [*map(np.asarray, trace.inputs), *masks]


def params_of(trace):
    return {name: node.value for name, node in trace.parameters.items()}


def worst(trace, loss, gradients, outputs):
    """The largest error of any result, in eps, relative to the largest entry of its array."""
    several = outputs if len(trace.outputs) > 1 else [outputs]
    pairs = [(found, node.value) for found, node in zip(several, trace.outputs, strict=True)]
    pairs += [(loss, trace.loss), *((gradients[name], truth) for name, truth in trace.gradients.items())]
    assert list(gradients) == list(trace.gradients)
    assert all(np.shape(a) == np.shape(b) and np.asarray(a).dtype == trace.dtype for a, b in pairs)
    eps = float(np.finfo(trace.dtype).eps)
    return max(float(np.abs(a - b).max()) / max(float(np.abs(b).max()), 1e-300) / eps for a, b in pairs)


def error(trace, text):
    module = executed(text, np)
    loss, gradients = module["loss_and_gradients"](params_of(trace), *given(trace), *trace.targets)
    return worst(trace, loss, gradients, module["forward"](params_of(trace), *given(trace)))


def gated(kind, units=(5, 4), steps=4, dtype="float64", **options):
    """Two layers with gates and a head, with random weights."""
    rows = [kind(m, return_sequences=m != units[-1], **options) for k, m in enumerate(units)]
    model = Sequential([Input((steps, 3)), *rows, Dense(6)])
    rng = np.random.default_rng(4)
    model.set_weights([0.6 * rng.normal(size=w.shape) for w in model.get_weights()])
    return mr.trace(model, rng.normal(size=(2, steps, 3)), rng.normal(size=(2, 6)), dtype=dtype)


@pytest.mark.parametrize("name", family.NETWORKS)
def test_every_kind_of_network(name):
    trace = family.traced(name)
    assert error(trace, trace.source("loops")) <= 32


@pytest.mark.parametrize("steps", [1, 2, 3, 7])
@pytest.mark.parametrize("kind", [LSTM, GRU])
def test_gates(kind, steps):
    trace = gated(kind, steps=steps)
    assert error(trace, trace.source("loops")) <= 32


def test_one_text_for_every_length(make):
    short, long = make(steps=5, activation="tanh"), make(steps=60, samples=3, activation="tanh")
    assert short.source("loops") == long.source("loops")
    assert error(long, short.source("loops")) <= 32


def test_a_sum_stands_in_one_place_below_its_equation():
    text = mr.trace(demo.model(), demo.X, np.zeros((1, 2))).source("loops")
    assert (
        """\
        for n in range(N):
            for j in range(M):
                # zₜ = xₜ Wₓ + 1 bₕ + hₜ₋₁ Wₕ    (t = 1..T)
                s = b_h[j]
                for i in range(D):
                    s += x[t, n, i] * W_x[i, j]
                for m in range(M):
                    s += h[t - 1, n, m] * W_h[m, j]
                z[t, n, j] = s
                # hₜ = tanh(zₜ)    (t = 1..T)
                h[t, n, j] = tanh(z[t, n, j])
"""
        in text
    )
    assert text.count("for t in range(T - 1, 0, -1):") == 1


PLANTED = {
    "the step before is the step": ("h[t - 1, n, m] * W_h[m, j]", "h[t, n, m] * W_h[m, j]"),
    "a kernel is transposed": ("dz[t + 1, n, m] * W_h[j, m]", "dz[t + 1, n, m] * W_h[m, j]"),
    "a sum forgets its last step": ("for t in range(T, 0, -1):", "for t in range(T - 1, 0, -1):"),
    "the bias is left out": ("s = b_h[j]", "s = 0"),
}


@pytest.mark.parametrize("slip", PLANTED)
def test_planted(make, slip):
    trace = make(steps=6)
    text, (right, wrong) = trace.source("loops"), PLANTED[slip]
    assert right in text and error(trace, text) <= 32
    assert not error(trace, text.replace(right, wrong)) < 1e3


def test_an_unknown_form_is_told_the_known_ones(trace):
    with pytest.raises(ValueError, match="form='fortran': it must be one of numpy, buffers, loops, c"):
        trace.source("fortran")


@pytest.mark.parametrize("form", ["loops", "c"])
def test_a_maximum_over_time_is_found_among_equal_entries(form):
    model = Sequential([Input((5, 3)), SimpleRNN(4, return_sequences=True), GlobalMaxPooling1D(), Dense(6)])
    rng = np.random.default_rng(7)
    model.set_weights([0.8 * rng.normal(size=w.shape) for w in model.get_weights()])
    trace = mr.trace(model, rng.normal(size=(2, 5, 3)), rng.normal(size=(2, 6)))
    if form == "loops":
        assert error(trace, trace.source("loops")) <= 32
    else:
        loss, gradients = trace.compile(engine="c")(params_of(trace), trace.inputs[0], trace.target)
        assert abs(loss - trace.loss) < 1e-13
        assert all(np.abs(gradients[name] - g).max() < 1e-13 for name, g in trace.gradients.items())
