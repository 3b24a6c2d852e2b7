"""The source of a network, executed, against the trace it was read off: outside of both stand the complex step and Keras."""

from __future__ import annotations

import itertools
import re
import subprocess
import sys

import mpmath
import numpy as np
import pytest

import minirnn as mr
from minirnn import demo
from minirnn.layers import RNN, Bidirectional, Dense, Input, Masking, SimpleRNN, SimpleRNNCell, TimeDistributed
from minirnn.models import Model, Sequential
from minirnn.readings.source.compiled import executed

NETWORKS = [
    {"activation": activation, "layers": layers, "every_step": every, "head": head, "loss": loss, "use_bias": bias}
    for (activation, layers, every, (head, loss)), bias in zip(
        itertools.product(
            ("tanh", "relu", "sigmoid", "linear", "exponential"),
            (1, 2),
            (False, True),
            (
                ("linear", "mse"),
                ("sigmoid", "mse"),
                ("softmax", "mse"),
                ("softmax", "categorical_crossentropy"),
                ("sigmoid", "categorical_crossentropy"),
            ),
        ),
        itertools.cycle((True, True, False)),
    )
]
FURTHER = [
    *({"steps": steps, "every_step": every, "layers": 2} for steps in (1, 2, 3, 9) for every in (False, True)),
    *({"flatten": True, "steps": steps, "head": "sigmoid"} for steps in (1, 2, 3, 8)),
    {"layers": 3, "every_step": True, "hidden": "tanh"},
    {"samples": 1},
    {"samples": 1, "layers": 2, "every_step": True, "head": "softmax", "loss": "categorical_crossentropy"},
]


FORMS = ("numpy", "buffers", "loops")


class Poisoned:
    """NumPy, but what is not computed is NaN: reading it would show."""

    def __getattr__(self, name):
        return getattr(np, name)

    @staticmethod
    def empty(shape, dtype):
        return np.full(shape, np.nan, dtype)


POISONED = Poisoned()


def errors(trace, text, numpy=POISONED):
    """The error of every result of the executed text, in eps of the dtype, relative to the largest entry."""
    module = executed(text, numpy)
    params = {name: node.value for name, node in trace.parameters.items()}
    data = [np.asarray(x, trace.dtype) for x in trace.inputs]
    target = trace.target.astype(trace.dtype)
    loss, gradients = module["loss_and_gradients"](params, *data, target)
    assert list(gradients) == list(trace.gradients)
    assert all(g.dtype == trace.dtype for g in gradients.values())
    pairs = {"y": (module["forward"](params, *data), trace.output), "L": (np.asarray(loss), np.asarray(trace.loss))}
    pairs |= {name: (g, trace.gradients[name]) for name, g in gradients.items()}
    eps = np.finfo(trace.dtype).eps
    assert all(a.shape == b.shape and np.isfinite(b).all() for a, b in pairs.values())
    return {
        name: float(np.abs(a - b).max()) / max(float(np.abs(b).max()), 1e-300) / float(eps) for name, (a, b) in pairs.items()
    }


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("options", [*NETWORKS, *FURTHER], ids=lambda o: "-".join(map(str, o.values())))
def test_executed_source_is_the_trace(make, options, dtype, form):
    trace = make(dtype=dtype, **options)
    found = errors(trace, trace.source(form))
    cancels = form == "loops" and dtype == "float32" and options.get("head") == "softmax"  # in a softmax terms cancel
    assert max(found.values()) < (64 if cancels else 32), found


def test_goldens(make, golden):
    golden("source_many_to_one.txt", make().source())
    golden("source_buffers.txt", make().source("buffers"))
    golden("source_stacked.txt", make(layers=2, every_step=True, head="softmax", loss="categorical_crossentropy").source())


def test_the_source_of_the_first_notebook_fits_on_a_screen():
    text = mr.trace(demo.model(), demo.X, np.zeros((1, 2))).source()
    lines = [line.strip() for line in text.split('"""', 2)[2].splitlines()]
    assert len([line for line in lines if line and not line.startswith(("#", '"""'))]) <= 40
    for equation in mr.trace(demo.model(), demo.X, np.zeros((1, 2))).equations():
        assert f"# {str(equation).split('    ')[0]}" in text


def test_it_runs_on_its_own(trace, tmp_path):
    (tmp_path / "bptt.py").write_text(trace.source())
    code = "import sys; before = set(sys.modules); import bptt; print('minirnn' in sys.modules, bptt.__doc__)"
    result = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True)
    says, _, shapes, weights, *_ = result.stdout.splitlines()
    assert says == "False net: forward pass and backpropagation through time"
    assert shapes == "Data: X (N, T, D); target (N, K)" and weights.startswith("params: W_x (D, M); W_h (M, M); b_h (M,)")
    imports = re.findall(r"^(?:import|from) (\w+)", trace.source(), re.MULTILINE)
    assert set(imports) == {"numpy"}


def test_hostile_names_stay_text(make):
    trace = make()
    trace.model.name = '"""\nraise SystemExit\n"""\\'
    executed(trace.source(), np)
    assert "raise SystemExit" not in [line.strip() for line in trace.source().splitlines()]


def test_no_size_is_baked_in(make):
    assert make(samples=1).source() == make(samples=7).source()
    assert make(steps=4).source() == make(steps=9).source() == make(steps=30).source()


def test_from_five_steps_to_a_thousand(make):
    short, long = make(steps=5, activation="tanh"), make(steps=1000, activation="tanh")
    assert short.source() == long.source()
    assert max(errors(long, short.source()).values()) < 32


def test_given_initial_states(make):
    i, h_1, h_2 = Input((4, 3)), Input((5,)), Input((7,))
    x = SimpleRNN(5, return_sequences=True)(i, initial_state=h_1)
    model = Model([i, h_1, h_2], Dense(6)(SimpleRNN(7)(x, initial_state=h_2)))
    rng = np.random.default_rng(3)
    model.set_weights([0.5 * rng.normal(size=w.shape) for w in model.get_weights()])
    data = [rng.normal(size=(2, 4, 3)), rng.normal(size=(2, 5)), rng.normal(size=(2, 7))]
    trace = mr.trace(model, data, rng.normal(size=(2, 6)))
    for form in FORMS:
        assert max(errors(trace, trace.source(form)).values()) < 32


@pytest.mark.parametrize("every", [False, True])
def test_given_initial_states_of_layers_that_run_backwards(every):
    """They stand at the step after the last: h_T_plus_1 in Python."""
    i, h, g = Input((None, 3)), Input((5,)), Input((5,))
    model = Model([i, h, g], Dense(6)(Bidirectional(SimpleRNN(5, return_sequences=every))(i, initial_state=[h, g])))
    rng = np.random.default_rng(3)
    data = [rng.normal(size=(2, 4, 3)), rng.normal(size=(2, 5)), rng.normal(size=(2, 5))]
    trace = mr.trace(model, data, rng.normal(size=(2, 4, 6) if every else (2, 6)))
    for form in FORMS:
        assert max(errors(trace, trace.source(form)).values()) < 32
    np.testing.assert_allclose(model.predict(data), trace.output, rtol=1e-5)


FAMILY = {
    "backwards": lambda: [SimpleRNN(5, go_backwards=True), Dense(2)],
    "backwards, every step": lambda: [SimpleRNN(5, go_backwards=True, return_sequences=True), Dense(2)],
    "the last layer is recurrent": lambda: [SimpleRNN(5, return_sequences=True), TimeDistributed(Dense(4)), SimpleRNN(2)],
    "masked": lambda: [Masking(0.0), SimpleRNN(5), Dense(2)],
    "penalties": lambda: [SimpleRNN(5, kernel_regularizer="l2", recurrent_regularizer="l1"), Dense(2)],
    "cells": lambda: [RNN([SimpleRNNCell(5), SimpleRNNCell(4)]), Dense(2)],
    "activations": lambda: [SimpleRNN(5, activation="softplus"), Dense(2, activation="gelu")],
    **{
        f"both ways, {mode}{', every step' * every}": lambda mode=mode, every=every: [
            Bidirectional(SimpleRNN(5, return_sequences=every), merge_mode=mode),
            Dense(2),
        ]
        for mode in ("concat", "sum", "mul", "ave")
        for every in (False, True)
    },
}


@pytest.mark.parametrize("name", FAMILY)
def test_the_whole_family(name):
    model = Sequential([Input((6, 3)), *FAMILY[name]()])
    rng = np.random.default_rng(0)
    model.set_weights([0.5 * rng.normal(size=w.shape) for w in model.get_weights()])
    X = rng.normal(size=(2, 6, 3))
    X[1, 3:5] = 0
    for options in ({}, {"truncate": 2}):
        trace = mr.trace(model, X, rng.normal(size=model.predict(X).shape), **options)
        for form in FORMS:
            assert max(errors(trace, trace.source(form)).values()) < 32


@pytest.mark.parametrize("form", ["numpy", "buffers"])
def test_forward_alone(make, form):
    trace = make()
    alone = mr.trace(trace.model, trace.inputs[0])
    module = executed(alone.source(form), np)
    assert "loss_and_gradients" not in module
    params = {name: node.value for name, node in alone.parameters.items()}
    np.testing.assert_allclose(module["forward"](params, trace.inputs[0]), trace.output, rtol=1e-14)


def test_a_parameter_that_does_nothing_has_gradient_zero(make):
    model = make(layers=1, activation="relu").model
    model.set_weights([0 * w for w in model.get_weights()])
    X, Y = np.ones((2, 4, 3)), np.ones((2, 6))
    trace = mr.trace(model, X, Y)
    assert all(np.isfinite(e) or trace.gradients[n].max() == 0 for n, e in errors(trace, trace.source()).items())


class Fifty:
    """What the source calls NumPy, with numbers of fifty digits."""

    ndarray, float32, float64 = np.ndarray, object, object
    empty, zeros, asarray, shape = np.empty, np.zeros, np.asarray, np.shape
    add, subtract, multiply, divide, negative, square = (
        np.add, np.subtract, np.multiply, np.divide, np.negative, np.square,
    )  # fmt: skip
    maximum, vdot = np.maximum, np.vdot

    @staticmethod
    def ones(shape, dtype):
        return np.full(shape, mpmath.mpf(1), object)

    @staticmethod
    def tanh(x, out=None):
        values = np.frompyfunc(mpmath.tanh, 1, 1)(x)
        if out is None:
            return values
        out[...] = values
        return out


@pytest.mark.parametrize("form", ["numpy", "buffers"])
def test_fifty_digits(make, form):
    trace = make(samples=2, steps=5)
    with mpmath.workdps(50):
        exact = np.frompyfunc(mpmath.mpf, 1, 1)
        module = executed(trace.source(form), Fifty)
        params = {name: exact(node.value) for name, node in trace.parameters.items()}
        loss, gradients = module["loss_and_gradients"](params, exact(trace.inputs[0]), exact(trace.target))
        assert abs(loss - trace.loss) < 1e-14 * abs(loss)
        for name, gradient in gradients.items():
            assert np.abs((gradient - trace.gradients[name]).astype(float)).max() < 1e-14
        tiny = mpmath.mpf(10) ** -20  # a central difference with fifty digits: a witness of its own
        params["W_h"][1, 3] += tiny
        above, _ = module["loss_and_gradients"](params, exact(trace.inputs[0]), exact(trace.target))
        params["W_h"][1, 3] -= 2 * tiny
        below, _ = module["loss_and_gradients"](params, exact(trace.inputs[0]), exact(trace.target))
        found = (above - below) / (2 * tiny)  # numbers such as 2 / (N K) are doubles
        assert abs(found / gradients["W_h"][1, 3] - 1) < 1e-15


PLANTED_PLAIN = {
    "the loop runs the wrong way": ("for t in range(T - 1, 0, -1):", "for t in range(1, T):"),
    "the last step is dropped": ("    dz[T] = dh * slope[T - 1]\n", ""),
    "h_t is taken for the step before": ("h[:-1].reshape(-1, M).T", "h[1:].reshape(-1, M).T"),
    "W_h is not transposed": ("dz[t + 1].dot(W_h.T)", "dz[t + 1].dot(W_h)"),
    "the slope is left out": ("dz[t] = dh * slope[t - 1]", "dz[t] = dh"),
    "the slope is that of the step after": ("dz[t] = dh * slope[t - 1]", "dz[t] = dh * slope[t]"),
    "the bias is left out": ("z_part = x @ W_x + b_h", "z_part = x @ W_x"),
}
PLANTED = {
    "the loop runs the wrong way": ("reversed(dh_steps)", "dh_steps"),
    "the last step is dropped": ("    multiply(dh_T, slope_T, dz_T)\n", ""),
    "h_t is taken for the step before": ("h_0_to_T_minus_1_rows.T", "h_1_to_T.reshape(-1, h_T.shape[-1]).T"),
    "W_h is not transposed": ("W_hT = W_h.T", "W_hT = W_h"),
    "the slope is left out": ("multiply(dh, slope_t, dz_t)", "multiply(dh, 1, dz_t)"),
    "the slope is that of the step after": ("slope_1_to_T_minus_1 = slope[:-1]", "slope_1_to_T_minus_1 = slope[1:]"),
    "the bias is left out": ("    add(z_part, b_h, z_part)\n", ""),
}


@pytest.mark.parametrize("slip", PLANTED)
@pytest.mark.parametrize("form", ["numpy", "buffers"])
def test_planted(make, slip, form):
    trace = make(steps=6)
    right, wrong = (PLANTED if form == "buffers" else PLANTED_PLAIN)[slip]
    text = trace.source(form)
    assert right in text and max(errors(trace, text).values()) < 32
    found = errors(trace, text.replace(right, wrong)).values()
    assert any(not error < 1e3 for error in found)


def test_the_direction_of_a_loop_is_the_sign_of_its_delays():
    from minirnn.engine.fold import fold
    from minirnn.engine.graph import ancestors, at, named
    from minirnn.engine.ops import add, leaf, tanh
    from minirnn.readings.source.schedule import Schedule

    def directions(folded):
        schedule = Schedule(folded, [folded.family("a")])
        schedule.store(schedule.needed)
        return [loop.backwards for loop in schedule.parts]

    def nodes(there):
        b = leaf(np.ones(2), "b")
        with at(0 if there else 7):
            a = named("a", leaf(np.ones(2)))
        for t in range(1, 7):
            with at(t if there else 7 - t):
                a = named("a", tanh(add(a, b)))
        return a

    folded = fold(ancestors([nodes(True)]))
    assert directions(folded) == [False]
    folded = fold(ancestors([nodes(False)]))
    assert directions(folded) == [True]
