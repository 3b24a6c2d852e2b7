"""mr.check: loops that equal a Keras model, loops that do not and why."""

from __future__ import annotations

import numpy as np
import published
import pytest
from cases import quiet
from published import K, M, T

import minirnn as mr
from minirnn.layers import Dense, Input, SimpleRNN
from minirnn.models import Model


def network(every_step=False, samples=3, head=True):
    i = Input(shape=(T, 4))
    x = SimpleRNN(M, return_sequences=every_step)(i)
    model = Model(i, Dense(K)(x) if head else x)
    rng = np.random.default_rng(0)
    model.set_weights([0.5 * rng.normal(size=w.shape) for w in model.get_weights()])
    weights = dict(zip(["Wx", "Wh", "bh", "Wo", "bo"], model.get_weights()))
    return model, weights, rng.normal(size=(samples, T, 4))


def transposed(X, Wx, Wh, bh, Wo, bo):
    h = np.zeros((X.shape[0], M))
    for t in range(T):
        h = np.tanh(X[:, t] @ Wx + h @ Wh.T + bh)
    return h @ Wo + bo


def not_carried_on(X, Wx, Wh, bh, Wo, bo):
    h_last = np.zeros(M)
    predictions = []
    for t in range(T):
        h = np.tanh(X[0][t].dot(Wx) + h_last.dot(Wh) + bh)
        predictions.append(h.dot(Wo) + bo)
    return predictions


def without_a_trace(X, Wx, Wh, bh, Wo, bo):
    return np.array(published.batch_with_at(X, Wx, Wh, bh, Wo, bo).tolist())


def test_loops_that_are_right():
    model, weights, X = network()
    for function in (published.batch_with_at, without_a_trace):
        verdict = mr.check(function, model, X, **weights)
        assert verdict.ok and "agree" in verdict.sentence, verdict
    rows = mr.check(published.batch_with_at, model, X, **weights).rows
    assert [row.quantity for row in rows] == ["h", "y"]


def test_the_seed_that_keeps_every_prediction():
    model, weights, X = network(samples=1)
    with quiet():
        verdict = mr.check(published.seed_000, model, X, **weights)
    assert verdict.ok and verdict.rows[0].quantity == "h" and verdict.rows[0].layout == "all steps"


def test_a_prediction_at_every_step():
    model, weights, X = network(every_step=True)
    assert mr.check(published.every_step_into_an_array, model, X, **weights).ok


def test_a_layer_alone():
    model, weights, X = network(every_step=True, samples=1, head=False)
    loop = lambda X: published.growing_list(X[0], np.zeros(M), weights["Wx"], weights["Wh"], weights["bh"])
    assert mr.check(loop, model, X).ok


@pytest.mark.parametrize(
    ("function", "said"),
    [(transposed, "W_h is transposed"), (not_carried_on, "never carried on to the next step")],
)
def test_the_slip_is_named(function, said):
    model, weights, X = network(samples=1 if function is not_carried_on else 3)
    verdict = mr.check(function, model, X, **weights)
    assert not verdict.ok and said in verdict.sentence, verdict


def test_a_live_keras_model():
    keras = pytest.importorskip("keras")
    i = keras.layers.Input((T, 4))
    model = keras.Model(i, keras.layers.Dense(K)(keras.layers.SimpleRNN(M)(i)))
    rng = np.random.default_rng(0)
    model.set_weights([0.5 * rng.normal(size=w.shape) for w in model.get_weights()])
    weights = dict(zip(["Wx", "Wh", "bh", "Wo", "bo"], model.get_weights()))
    X = rng.normal(size=(3, T, 4))
    assert mr.check(published.batch_with_at, model, X, **weights).ok
    assert not mr.check(transposed, model, X, **weights).ok


def test_gradients_of_ones_own():
    """trace.compare checks a backward pass written by hand; a slip in it is seen."""
    from cases import case

    function, arguments = case("characters_with_backward")
    trace = mr.trace(function, **arguments)
    _, dWxh, dWhh, dWhy, dbh, dby, _ = trace.returned
    assert trace.compare(dWxh=dWxh, dWhh=dWhh, dWhy=dWhy, dbh=dbh, dby=dby).ok
    verdict = trace.compare(dWhh=dWhh.T)
    assert not verdict.ok and verdict.first.quantity == "dloss/dWhh"


def test_a_function_that_returns_nothing():
    model = Model(i := Input((4, 3)), Dense(2)(SimpleRNN(5)(i)))
    with pytest.raises(ValueError, match="the function returns None"):
        mr.check(lambda X: None, model, np.ones((2, 4, 3)))
