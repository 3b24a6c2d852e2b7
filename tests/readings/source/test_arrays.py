"""The source in arrays: what is computed for all steps at once, what in a loop, and what stands in one product."""

from __future__ import annotations

import re

import numpy as np
import pytest

import minirnn as mr
from minirnn.layers import GRU, LSTM, Dense, Input, SimpleRNN
from minirnn.models import Model, Sequential
from minirnn.readings.source.arrays.blocks import fused

from ... import family
from .test_loops import error

FORMS = ("numpy", "buffers", "loops")


def demand_same(trace, form):
    assert error(trace, trace.source(form)) <= 32


def gated(kind, steps=6, **options):
    model = Sequential([Input((steps, 3)), kind(5, **options), Dense(4)])
    rng = np.random.default_rng(2)
    model.set_weights([0.6 * rng.normal(size=w.shape) for w in model.get_weights()])
    return mr.trace(
        model, rng.normal(size=(2, steps, 3)), rng.normal(size=model.predict(rng.normal(size=(2, steps, 3))).shape)
    )


def loop(function, **arrays):
    rng = np.random.default_rng(1)
    return mr.trace(function, **{name: rng.normal(size=shape) for name, shape in arrays.items()})


@pytest.mark.parametrize("form", ["numpy", "buffers"])
@pytest.mark.parametrize("name", family.NETWORKS)
def test_every_kind_of_network(name, form):
    demand_same(family.traced(name), form)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("steps", [1, 2, 3, 7])
@pytest.mark.parametrize("kind", [LSTM, GRU])
def test_gates(kind, steps, form):
    demand_same(gated(kind, steps, return_sequences=steps == 7), form)


def test_the_gates_of_a_cell_take_one_product_for_each_step():
    text = gated(LSTM).source().partition("def loss_and_gradients")[2]
    loops = re.findall(r"    for t in .*:\n((?:        .*\n)+)", text)
    assert [body.count(".dot(") for body in loops] == [1, 1]
    assert "a = a_part[t - 1] + h[t - 1].dot(W_h)" in loops[0] and "dh = da[t + 1].dot(W_h.T)" in loops[1]
    assert "# aₜ = a_partₜ + hₜ₋₁ Wₕ    (t = 1..T)" in loops[0]


def test_a_block_that_is_missing_leaves_the_others_alone():
    """Of a GRU with the reset before the product, two of three gates have the state in common."""
    trace = gated(GRU, reset_after=False)
    folded = fused(trace.fold())
    assert len(folded.families) > len(trace.fold().families)
    demand_same(trace, "numpy")


def test_every_statement_stands_below_its_equation(make):
    """Apart from those that make arrays."""
    for trace in (make(), make(layers=2, every_step=True), gated(LSTM)):
        body = trace.source().partition("def loss_and_gradients")[2].splitlines()[1:]
        start = next(i for i, line in enumerate(body) if line.strip().startswith("#"))
        for above, line in zip(body[start:], body[start + 1 :]):
            plain = line.strip().startswith(("#", "for ", "return ", '"', "}")) or not line.strip()
            assert plain or "np.empty(" in line or above.strip().startswith("#"), line


def test_several_outputs():
    i = Input((4, 3))
    h = SimpleRNN(5, return_sequences=True)(i)
    model = Model(i, [Dense(2)(h), Dense(4)(SimpleRNN(6)(h))])
    rng = np.random.default_rng(0)
    trace = mr.trace(model, rng.normal(size=(2, 4, 3)), [rng.normal(size=(2, 4, 2)), rng.normal(size=(2, 4))], loss="mse")
    for form in FORMS:
        demand_same(trace, form)
    params = {name: node.value for name, node in trace.parameters.items()}
    loss, gradients = trace.compile()(params, trace.inputs[0], trace.target)
    assert loss == pytest.approx(float(trace.loss)) and list(gradients) == list(trace.gradients)


def test_a_parameter_may_be_called_as_the_source_calls_things():
    def f(X, t, N, T, first, steps):
        h = np.zeros(2)
        for x in X:
            h = np.tanh(x @ t + h @ T + N + first * steps)
        return np.sum(h * h)

    trace = loop(f, X=(4, 3), t=(3, 2), N=(2,), T=(2, 2), first=(2,), steps=(2,))
    for form in FORMS:
        demand_same(trace, form)


def test_a_loop_without_weights_and_one_without_a_recurrence():
    def bare(X):
        h = np.zeros(2)
        for x in X:
            h = np.tanh(x * h + x)
        return np.sum(h * h)

    def apart(X, W):
        total = 0.0
        for x in X:
            y = np.tanh(x @ W)
            total = total + np.sum(y * y)
        return total

    whole, without = loop(apart, X=(5, 3), W=(3, 2)), loop(bare, X=(5, 2))
    assert "y = np.tanh(x @ W)" in whole.source()  # for all steps at once
    for form in ("numpy", "buffers"):
        demand_same(whole, form)
        demand_same(without, form)


def test_what_cannot_be_computed_at_once_stands_in_a_loop():
    def f(X, A):
        total = 0.0
        for x in X:
            y = (A * x[:, None]).max(0)
            total = total + np.sum(np.tanh(y) * y[::-1])
        return total

    trace = loop(f, X=(4, 3), A=(3, 2))
    for form in ("numpy", "buffers"):
        demand_same(trace, form)


def test_a_wrong_block_is_seen(monkeypatch):
    from minirnn.readings.source.arrays import operations

    columns = operations._columns
    monkeypatch.setattr(operations, "_columns", lambda x, k, dims: columns(x, k ^ 1, dims))
    with pytest.raises(NotImplementedError, match="does not compute what its graph computes"):
        gated(LSTM).source()
