"""Sequences of several lengths: equations and source that hold for any of them."""

from __future__ import annotations

import numpy as np
import pytest

import minirnn as mr
from minirnn.layers import (
    LSTM,
    Conv1D,
    Dense,
    Dropout,
    Flatten,
    Input,
    Masking,
    MaxPooling1D,
    Permute,
    RepeatVector,
    Reshape,
    SimpleRNN,
)  # fmt: skip
from minirnn.models import Model
from minirnn.readings.source.compiled import executed

from ...family import encoder_decoder
from .test_loops import given, params_of


def of_lengths(model, Ta, Tb):
    rng = np.random.default_rng(Ta + 10 * Tb)
    A, B, Y = rng.normal(size=(2, Ta, 3)), rng.normal(size=(2, Tb, 2)), rng.normal(size=(2, Tb, 6))
    return mr.trace(model, [A, B], Y, dtype="float64")


def drawn(model):
    rng = np.random.default_rng(0)
    model.set_weights([rng.normal(0, 0.5, w.shape) for w in model.get_weights()])
    return model


@pytest.mark.parametrize("form", ["numpy", "loops", "c"])
def test_an_encoder_and_a_decoder_of_any_two_lengths(form, tmp_path, monkeypatch):
    monkeypatch.setenv("MINIRNN_CACHE", str(tmp_path))
    model = drawn(encoder_decoder())
    first = of_lengths(model, 5, 4)
    said = [str(e).split("residual")[0] for e in first.equations()]
    assert sum("=1..T)" in line for line in said) and sum("T_2" in line or "T2" in line for line in said), said
    run = first.compile(engine="c") if form == "c" else executed(first.source(form), np)["loss_and_gradients"]
    for lengths in ((4, 5), (9, 3), (6, 6), (20, 12)):
        other = of_lengths(model, *lengths)
        found = other.equations()
        assert found.residual < 1e-12 and [str(e).split("residual")[0] for e in found] == said
        params = {name: node.value for name, node in first.parameters.items()}
        given = [other.inputs, other.target] if form == "c" else [*other.inputs, other.target]
        loss, gradients = run(params, *given)
        assert loss == pytest.approx(other.loss, rel=1e-12)
        for name, gradient in other.gradients.items():
            np.testing.assert_allclose(gradients[name], gradient, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("kind", [SimpleRNN, LSTM])
def test_the_mask_of_outputs_that_run_backwards_is_of_any_length(kind):
    """Keras gives it on by position: step 1 of the mask belongs to step T."""
    i = Input((None, 3))
    backwards = kind(4, return_sequences=True, go_backwards=True)
    model = drawn(Model(i, Dense(2)(SimpleRNN(5, return_sequences=True)(backwards(Masking()(i))))))
    rng = np.random.default_rng(0)
    traces = []
    for steps in (6, 3, 9):
        X = rng.normal(size=(2, steps, 3)) * (rng.random((2, steps, 1)) < 0.7)
        traces.append(mr.trace(model, X, rng.normal(size=(2, steps, 2)), dtype="float64"))
    module = executed(traces[0].source(), np)
    for trace in traces:
        loss, gradients = module["loss_and_gradients"](params_of(trace), trace.inputs[0], trace.target)
        assert loss == pytest.approx(trace.loss, rel=1e-12)
        for name, gradient in trace.gradients.items():
            np.testing.assert_allclose(gradients[name], gradient, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("form", ["numpy", "loops"])
def test_the_last_step_of_what_runs_backwards_is_the_first_of_the_recurrence(form):
    """Its dropout mask is that of position T, in every length; not that of position 4."""
    i = Input((None, 3))
    backwards = SimpleRNN(4, return_sequences=True, go_backwards=True)
    model = drawn(Model(i, Dense(2)(Dropout(0.4)(backwards(i))[:, -1])))
    rng, traces = np.random.default_rng(0), []
    for steps in (4, 3, 7):
        data = rng.normal(size=(2, steps, 3)), rng.normal(size=(2, 2))
        traces.append(mr.trace(model, *data, dtype="float64", training=True))
    module = executed(traces[0].source(form=form), np)
    for trace in traces:
        loss, gradients = module["loss_and_gradients"](params_of(trace), *given(trace), trace.target)
        assert loss == pytest.approx(trace.loss, rel=1e-12)
        for name, gradient in trace.gradients.items():
            np.testing.assert_allclose(gradients[name], gradient, rtol=1e-10, atol=1e-12)


def test_repeated_steps_are_counted_by_themselves():
    i = Input((None, 3))
    model = drawn(Model(i, Dense(2)(SimpleRNN(5, return_sequences=True)(RepeatVector(3)(SimpleRNN(4)(i))))))
    texts = []
    for steps in (4, 7):
        X = np.random.default_rng(steps).normal(size=(2, steps, 3))
        trace = mr.trace(model, X, np.ones((2, 3, 2)), dtype="float64")
        texts.append([str(e).split("residual")[0] for e in trace.equations()])
        assert trace.equations().residual < 1e-12
    assert texts[0] == texts[1]


def test_a_program_for_one_number_of_steps_refuses_others():
    i = Input((None, 3))
    model = drawn(Model(i, Dense(2)(SimpleRNN(5)(Conv1D(4, 3)(i)))))
    module = executed(mr.trace(model, np.ones((2, 6, 3)), np.ones((2, 2))).source(), np)
    params = {name: layer.weight_arrays[k] for name, (layer, k) in model.parameter_places().items()}
    with pytest.raises(ValueError, match="this program is for 6 steps"):
        module["loss_and_gradients"](params, np.ones((2, 7, 3)), np.ones((2, 2)))


def test_a_program_for_two_numbers_of_steps_runs_on_its_own_data():
    i, j = Input((None, 3)), Input((None, 2))
    _, h = SimpleRNN(4, return_state=True)(Conv1D(5, 2)(i))
    model = drawn(Model([i, j], Dense(6)(SimpleRNN(4, return_sequences=True)(j, initial_state=h))))
    trace = of_lengths(model, 6, 5)
    run = executed(trace.source(), np)["loss_and_gradients"]
    assert run(params_of(trace), *trace.inputs, trace.target)[0] == pytest.approx(trace.loss, rel=1e-12)
    for lengths, said in (((7, 5), "for 6 steps of X_1"), ((6, 4), "for 5 steps of X_2")):
        other = of_lengths(model, *lengths)
        with pytest.raises(ValueError, match=said):
            run(params_of(trace), *other.inputs, other.target)


LAID_OUT = {
    "each number a step": lambda h: Reshape((-1, 1))(h),
    "steps of two numbers": lambda h: SimpleRNN(3, return_sequences=True)(Reshape((-1, 2))(h)),
    "features as steps": lambda h: SimpleRNN(3, return_sequences=True)(Permute((2, 1))(h)),
    "half of the steps": lambda h: MaxPooling1D(2)(h),
    "windows": lambda h: Conv1D(3, 2)(h),
    "without the first": lambda h: h[:, 1:],
    "repeated": lambda h: SimpleRNN(2, return_sequences=True)(RepeatVector(7)(h[:, -1])),
}


@pytest.mark.parametrize("T", [3, 4, 5])
@pytest.mark.parametrize("name", LAID_OUT)
def test_a_letter_is_one_number(name, T):
    """What is flattened has as many columns as it has, not T times its features."""
    i = Input((T, 2))
    model = drawn(Model(i, Dense(2)(Flatten()(LAID_OUT[name](SimpleRNN(4, return_sequences=True)(i))))))
    rng = np.random.default_rng(T)
    trace = mr.trace(model, rng.normal(size=(3, T, 2)), rng.normal(size=(3, 2)), dtype="float64")
    known = {}
    for size in (size for node in trace.nodes for size in node.dims if size.is_letter):
        assert known.setdefault(size.letters[0], size.n) == size.n
    assert trace.equations().residual < 1e-12
    for form in ("numpy", "buffers", "loops"):
        made = executed(trace.source(form), np)["loss_and_gradients"](params_of(trace), *trace.inputs, trace.target)
        for key, gradient in trace.gradients.items():
            np.testing.assert_allclose(made[1][key], gradient, rtol=1e-10, atol=1e-13)


@pytest.mark.parametrize("form", ["numpy", "buffers", "loops", "c"])
def test_steps_of_a_fixed_number_beside_a_mask_are_computed_in_order(form):
    """The recurrence counts from the start, its mask to T: what is read at one step is computed before."""
    i, m = Input((2, 1)), Input((2,), dtype="bool")
    h = SimpleRNN(3, return_sequences=True)(Reshape((2, 1))(i), mask=m)
    model = drawn(Model([i, m], Dense(4)(h)))
    rng = np.random.default_rng(0)
    X, Y = rng.normal(size=(5, 2, 1)), rng.normal(size=(5, 2, 4))
    trace = mr.trace(model, [X, np.ones((5, 2), bool)], Y, dtype="float64")
    if form in ("buffers", "c"):
        loss, gradients = trace.compile(engine={"buffers": "numpy"}.get(form, form))(params_of(trace), trace.inputs, Y)
    else:
        run = executed(trace.source(form=form), np)["loss_and_gradients"]
        loss, gradients = run(params_of(trace), *trace.inputs, Y)
    assert loss == pytest.approx(trace.loss, rel=1e-12)
    np.testing.assert_allclose(gradients["W_h"], trace.gradients["W_h"], rtol=1e-10, atol=1e-12)
