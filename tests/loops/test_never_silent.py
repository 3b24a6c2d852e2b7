"""Everyday code comes out right or is refused: state outside, tokens, containers, other arrays."""

from __future__ import annotations

import pickle
from collections import namedtuple

import numpy as np
import pytest

import minirnn as mr

RNG = np.random.default_rng(4)
X, W = RNG.normal(size=(3, 4)), RNG.normal(size=(4, 2))
E, U = RNG.normal(size=(6, 5)), 0.5 * RNG.normal(size=(5, 5))


def lookup(tokens, E, U):
    h = np.zeros(5)
    for i in tokens:
        h = np.tanh(E[i] + U @ h)
    return np.sum(h * h)


def one_hot(tokens, E, U):
    h = np.zeros(5)
    for i in tokens:
        x = np.zeros(6)
        x[i] = 1
        h = np.tanh(x @ E + U @ h)
    return np.sum(h * h)


@pytest.mark.parametrize("function", [lookup, one_hot])
@pytest.mark.parametrize("tokens", [[3, 1, 0], [1, 1, 1], [0, 1, 2], np.array([5, 4, 3, 3])])
def test_a_token_is_no_time(function, tokens):
    trace = mr.trace(function, tokens=tokens, E=E, U=U)
    assert trace.steps == len(tokens) and set(trace.gradients) == {"E", "U"}
    moved = E + 0j
    moved[tokens[0], 2] += 1e-30j
    assert abs(trace.gradients["E"][tokens[0], 2] - np.imag(lookup(tokens, moved, U)) / 1e-30) < 1e-13
    assert sum("tanh" in str(e) for e in trace.equations()) == 1


def test_the_source_takes_other_tokens():
    trace = mr.trace(one_hot, tokens=[3, 1, 0], E=E, U=U)
    space = {}
    exec(trace.source(), space)
    loss, _ = space["loss_and_gradients"]({"E": E, "U": U}, np.array([2, 2, 5]))
    assert abs(loss - one_hot([2, 2, 5], E, U)) < 1e-14


class Layer:
    def __init__(self, W):
        self.W, self.seen = W, []

    def __call__(self, x):
        self.seen.append(x @ self.W)
        return np.tanh(self.seen[-1])


Weights = namedtuple("Weights", "first second")


def test_objects_in_containers_are_as_after_one_plain_call():
    layers = {"a": Layer(W), "b": [Layer(W.T)]}

    def function(X, layers):
        return np.sum(layers["b"][0](layers["a"](X)))

    trace = mr.trace(function, X=X, layers=layers)
    assert len(trace.gradients) == 3 and len(layers["a"].seen) == 1
    assert type(layers["a"].seen[0]) is np.ndarray and type(layers["a"]) is Layer
    trace.verify(with_keras=False)
    assert len(layers["a"].seen) == 1


def test_weights_in_a_named_tuple_have_gradients():
    trace = mr.trace(lambda X, w: np.sum(np.tanh(X @ w.first) @ w.second), X=X, w=Weights(W, W.T))
    assert set(trace.gradients) == {"X", "first", "second"}


def test_what_was_traced_stays_when_arguments_change():
    mine = W.copy()
    trace = mr.trace(lambda X, W: np.sum(np.tanh(X @ W)), X=X, W=mine)
    loss = float(trace.loss)
    mine *= 2
    assert float(pickle.loads(pickle.dumps(trace)).loss) == loss and abs(trace.astype("float32").loss - loss) < 1e-5
    with pytest.raises(ValueError, match="read-only"):
        trace.gradients["W"][0] = 0


def test_a_function_that_returns_something_else_when_run_again_is_refused():
    def function(X, W):
        return np.sum(X @ W) * np.random.default_rng().normal()

    with pytest.raises(mr.CannotFollow, match="run twice gives two results"):
        mr.trace(function, X=X, W=W)
    assert mr.trace(function, X=X, W=W, check_run=False).loss is not None


def test_random_numbers_are_those_of_one_plain_call():
    def function(X, W):
        return np.sum(X @ W + np.random.normal(size=2))

    np.random.seed(5)
    plain, state = function(X, W), np.random.get_state()[1].copy()
    np.random.seed(5)
    trace = mr.trace(function, X=X, W=W)
    assert trace.returned == plain and np.array_equal(np.random.get_state()[1], state) and trace.draws_random_numbers


def test_one_of_several_results():
    function = lambda X, W: {"h": np.tanh(X @ W), "loss": np.sum((X @ W) ** 2)}
    assert mr.trace(function, X=X, W=W, output="loss").loss is not None
    assert mr.trace(function, X=X, W=W).loss is None
    with pytest.raises(ValueError, match="output='cost': the function returns a dictionary with 'h', 'loss'"):
        mr.trace(function, X=X, W=W, output="cost")


@pytest.mark.parametrize("given", [np.ma.masked_array(W), W + 1j])
def test_other_kinds_of_arrays_are_refused(given):
    with pytest.raises(mr.CannotFollow, match=r"plain array|complex"):
        mr.trace(lambda X, W: np.sum(X @ W), X=X, W=given)


@pytest.mark.parametrize(
    "by_place", [lambda h: np.tanh(h, h), lambda h: np.cumsum(h, 0, None, h), lambda h: np.multiply(h, 2.0, h)]
)
def test_out_may_be_given_by_its_place(by_place):
    def loop(X, W):
        h = X @ W
        by_place(h)
        return np.sum(h * h)

    trace = mr.trace(loop, X=X, W=W)
    moved = W + 0j
    moved[1, 0] += 1e-30j
    assert abs(trace.gradients["W"][1, 0] - np.imag(loop(X, moved)) / 1e-30) < 1e-12


def test_a_function_that_writes_into_a_global_array_is_verified_from_where_it_began():
    state = np.array([0.3, -0.2, 0.5, 0.1])

    def loop(X, W):
        before = state * 1.0
        state[:2] = before[2:] * 0.5
        return np.sum(np.tanh(X * state) @ W) + np.sum(before * before)

    trace = mr.trace(loop, X=X, W=W)
    assert state[0] == 0.25  # as after one ordinary call
    report = trace.verify(with_keras=False)
    assert report.ok, report
