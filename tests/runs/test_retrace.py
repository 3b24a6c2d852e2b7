"""A network that is traced again gets the same nodes with other values, whichever way they were made."""

from __future__ import annotations

import copy

import numpy as np
import pytest

import minirnn as mr
from minirnn.layers import Bidirectional, Dense, Dropout, Input, Masking, SimpleRNN
from minirnn.models import Model, Sequential
from minirnn.runs import retrace


@pytest.fixture(params=[retrace.LARGE, 0], ids=["an array for each", "one for many"])
def rooms(request, monkeypatch):
    """Arrays of one shape are made as one where they are large; here small ones too."""
    monkeypatch.setattr(retrace, "LARGE", request.param)


def three(model, X, Y, **options):
    """A trace made by the layers, and the third of a row, which a plan makes."""
    fresh = mr.trace(copy.deepcopy(model), X, Y, **options)
    for _ in range(2):
        mr.trace(model, X + 1, Y, **options)
    made = {type(plan) for _, plan in retrace._plans[model].values()}
    return fresh, mr.trace(model, X, Y, **options), made


def assert_same(a, b):
    assert len(a.nodes) == len(b.nodes) and len(a.forward) == len(b.forward)
    number = {node: i for i, node in enumerate(a.nodes)}, {node: i for i, node in enumerate(b.nodes)}
    for one, other in zip(a.nodes, b.nodes):
        assert (one.op, one.attrs, one.name, one.step) == (other.op, other.attrs, other.name, other.step)
        assert [number[0][x] for x in one.args] == [number[1][x] for x in other.args]
        assert one.value.dtype == other.value.dtype and np.array_equal(one.value, other.value)
    assert [n.serial for n in b.nodes] == sorted(n.serial for n in b.nodes)
    assert list(a.variables) == list(b.variables) and list(a.gradients) == list(b.gradients)
    assert all(np.array_equal(a.gradients[name], b.gradients[name]) for name in a.gradients)
    assert str(a.equations()) == str(b.equations()) and str(a.fold()) == str(b.fold())


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"layers": 2, "every_step": True, "head": "softmax", "loss": "categorical_crossentropy"},
        {"flatten": True, "hidden": "relu"},
        {"activation": "sigmoid", "samples": 1, "dtype": "float32", "steps": 14},
    ],
    ids=str,
)
@pytest.mark.usefixtures("rooms")
def test_the_same_nodes(make, options):
    trace = make(**options)
    kept = {"dtype": options.get("dtype"), "loss": options.get("loss", "mse")}
    fresh, planned, made = three(trace.model, trace.inputs[0], trace.target, **kept)
    assert retrace.Plan in made
    assert_same(fresh, planned)
    assert np.array_equal(planned.adjoint("x", 2), fresh.adjoint("x", 2))
    assert planned.verify(with_keras=False).ok and planned.source() == fresh.source()
    assert str(planned.with_respect_to(["x"]).fold()) == str(fresh.with_respect_to(["x"]).fold())


@pytest.mark.usefixtures("rooms")
def test_layers_of_the_family():
    model = Sequential([Input((4, 3)), Masking(0.0), Bidirectional(SimpleRNN(5, kernel_regularizer="l2")), Dense(2)])
    rng = np.random.default_rng(0)
    X, Y = rng.normal(size=(2, 4, 3)), rng.normal(size=(2, 2))
    X[0, 2:] = 0
    fresh, planned, made = three(model, X, Y)
    assert retrace.Plan in made
    assert_same(fresh, planned)


def test_what_is_drawn_for_each_run_has_no_plan():
    model = Sequential([Input((4, 3)), SimpleRNN(5), Dropout(0.5), Dense(2)])
    X, Y = np.ones((2, 4, 3)), np.ones((2, 2))
    losses = [float(mr.trace(model, X, Y, training=True).loss) for _ in range(6)]
    assert len(set(losses)) > 1


def test_new_weights_new_data_and_new_settings_are_seen():
    i = Input((4, 3))
    model = Model(i, Dense(2)(SimpleRNN(5)(i)))
    X, Y = np.random.default_rng(0).normal(size=(2, 4, 3)), np.ones((2, 2))
    for _ in range(3):
        mr.trace(model, X, Y)
    model.set_weights([2 * w for w in model.get_weights()])
    assert_same(mr.trace(copy.deepcopy(model), X, Y), mr.trace(model, X, Y))
    model.set_weights([w.astype("float32") for w in model.get_weights()])
    assert mr.trace(model, X.astype("float32"), Y).dtype == np.float32
    assert mr.trace(model, X[:1], Y[:1]).output.shape == (1, 2)
    assert mr.trace(model, X).loss is None
    dense = model.layers[2]
    dense.activation = mr.layers.Dense(2, activation="tanh").activation  # the setting is changed behind our back
    assert abs(mr.trace(model, X, Y).output).max() < 1


@pytest.mark.usefixtures("rooms")
def test_what_a_trace_was_given_stays_as_it_was():
    i = Input((4, 3))
    model = Model(i, Dense(2)(SimpleRNN(5)(i)))
    X, Y = np.ones((2, 4, 3)), np.ones((2, 2))
    traces = [mr.trace(model, X, Y) for _ in range(4)]
    loss, h = float(traces[-1].loss), traces[-1].value("h", 1).copy()
    X[:] = 7
    model.set_weights([0 * w for w in model.get_weights()])
    mr.trace(model, X, Y)
    assert np.array_equal(traces[-1].value("h", 1), h)
    assert traces[-1].value("x", 1).max() == 1 and traces[-1].value("W_h").any() and float(traces[-1].loss) == loss


@pytest.mark.usefixtures("rooms")
def test_arrays_are_used_again_when_nothing_is_left_of_a_trace():
    i = Input((4, 3))
    model = Model(i, Dense(2)(SimpleRNN(5)(i)))
    rng = np.random.default_rng(0)
    data = [(rng.normal(size=(2, 4, 3)), rng.normal(size=(2, 2))) for _ in range(12)]
    kept = []
    for k, (X, Y) in enumerate(data):
        trace = mr.trace(model, X, Y)
        whole = {key: node.value.copy() for key, node in trace.variables.items()}
        what = [trace, trace.value("h", 2), trace.value("h", 3)[0, 1:], memoryview(trace.value("h", 1)), None][k % 5]
        kept.append((what, whole))
    for k, (what, whole) in enumerate(kept):
        if k % 5 == 0:
            assert all(np.array_equal(node.value, whole[key]) for key, node in what.variables.items())
        elif k % 5 < 4:
            expected = {1: whole["h", 2], 2: whole["h", 3][0, 1:], 3: whole["h", 1]}[k % 5]
            assert np.array_equal(np.asarray(what), expected)
    ((_, plan),) = retrace._plans[model].values()
    if retrace.LARGE == 0:
        del trace, kept, what
        first = {id(room) for rooms in plan._kept for room in rooms}
        mr.trace(model, *data[0])
        assert first and first == {id(room) for rooms in plan._kept for room in rooms}
