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


# ------------------------------------------------------------------------------- what is returned, and slips of whole layers


def drawn(*shapes):
    rng = np.random.default_rng(7)
    return [0.6 * rng.normal(size=shape) for shape in shapes]


def recurrent(X, U, V, b, order=1, steps=None):
    h, hs = np.zeros((len(X), len(V))), []
    for t in range(X.shape[1])[:steps]:
        h = np.tanh(X[:, t] @ U + h @ V + b)
        hs.append(h)
    return np.stack(hs[::order], axis=1)


def layer_alone(sequences):
    i, layer = Input((T, 4)), SimpleRNN(M, return_sequences=sequences)
    model = Model(i, layer(i))
    U, V, b = drawn((4, M), (M, M), (M,))
    layer.set_weights([U, V, b])
    return model, {"U": U, "V": V, "b": b}, *drawn((3, T, 4))


def test_what_is_returned_is_compared_where_the_model_ends_in_its_states():
    model, w, X = layer_alone(sequences=False)
    assert mr.check(lambda X, U, V, b: recurrent(X, U, V, b)[:, -1], model, X, **w).ok
    for spoil in (lambda h: 2 * h + 7, lambda h: h + 1e-3, lambda h: -h, lambda h: h[::-1]):
        assert not mr.check(lambda X, U, V, b, spoil=spoil: spoil(recurrent(X, U, V, b)[:, -1]), model, X, **w).ok
    whole = mr.check(recurrent, model, X, **w)
    assert not whole.ok and [slip.name for slip in whole.slips] == ["sequence for the last step"]


def test_sequences_in_the_wrong_order():
    model, w, X = layer_alone(sequences=True)
    assert mr.check(recurrent, model, X, **w).ok
    found = mr.check(recurrent, model, X, **w, order=-1)
    assert [slip.name for slip in found.slips] == ["outputs reversed"]


def test_steps_left_out_at_the_end_with_their_own_line():
    model, w, X = layer_alone(sequences=False)
    for left_out in (1, 2):
        found = mr.check(lambda X, U, V, b, k=left_out: recurrent(X, U, V, b, steps=-k)[:, -1], model, X, **w)
        assert found.slips[0].name == "off by one step" and f"range(T - {left_out})" in str(found)


def test_two_outputs():
    i = Input((T, 4))
    h = SimpleRNN(M)(i)
    model = Model(i, [Dense(2)(h), Dense(3)(h)])
    weights = dict(zip(("U", "V", "b", "A", "a", "B", "c"), drawn(*(w.shape for w in model.get_weights()))))
    model.set_weights([*weights.values()])
    (X,) = drawn((3, T, 4))

    def both(X, U, V, b, A, a, B, c, twice=1):
        last = recurrent(X, U, V, b)[:, -1]
        return last @ A + a, last @ B + twice * c

    assert mr.check(both, model, X, **weights).ok
    assert "bias is added twice" in mr.check(both, model, X, **weights, twice=2).sentence
    with pytest.raises(ValueError, match="the model has 2 outputs: let the function return as many"):
        mr.check(lambda X: X, model, X)


@pytest.mark.parametrize("heed", [True, False])
def test_a_mask_that_is_ignored(heed):
    from minirnn.layers import Masking

    i, layer, head = Input((T, 4)), SimpleRNN(M), Dense(2)
    model = Model(i, head(layer(Masking(0.0)(i))))
    U, V, b, W, c, X = drawn((4, M), (M, M), (M,), (M, 2), (2,), (2, T, 4))
    layer.set_weights([U, V, b]), head.set_weights([W, c])
    X[0, 3:], X[1, 2:] = 0, 0

    def loop(X, U, V, b, W, c):
        h = np.zeros((2, M))
        for t in range(T):
            new = np.tanh(X[:, t] @ U + h @ V + b)
            h = np.where(np.any(X[:, t] != 0, axis=1)[:, None], new, h) if heed else new
        return h @ W + c

    found = mr.check(loop, model, X, U=U, V=V, b=b, W=W, c=c)
    assert found.ok if heed else [slip.name for slip in found.slips] == ["mask ignored"], found


@pytest.mark.parametrize("flipped", [True, False])
def test_the_half_that_runs_backwards(flipped):
    from minirnn.layers import Bidirectional

    i, two, head = Input((T, 4)), Bidirectional(SimpleRNN(M, return_sequences=True)), Dense(2)
    model = Model(i, head(two(i)))
    forth, back = drawn((4, M), (M, M), (M,)), [-w for w in drawn((4, M), (M, M), (M,))]
    W, c, X = drawn((2 * M, 2), (2,), (3, T, 4))
    two.set_weights([*forth, *back]), head.set_weights([W, c])

    def net(X):
        behind = recurrent(X[:, ::-1], *back)
        return np.concatenate([recurrent(X, *forth), behind[:, ::-1] if flipped else behind], axis=2) @ W + c

    found = mr.check(net, model, X)
    assert found.ok if flipped else [slip.name for slip in found.slips] == ["backward half not turned back"], found


def test_matrices_exchanged_and_a_product_for_a_sum():
    i, layer = Input((T, M)), SimpleRNN(M)
    model = Model(i, layer(i))
    U, V, b, X = drawn((M, M), (M, M), (M,), (3, T, M))
    layer.set_weights([U, V, b])
    exchanged = mr.check(lambda X, U, V, b: recurrent(X, V, U, b)[:, -1], model, X, U=U, V=V, b=b)
    assert exchanged.slips[0].name == "matrices exchanged"

    def multiplied(X, U, V, b):
        h = np.ones((3, M)) * 0
        for t in range(T):
            h = np.tanh((X[:, t] @ U + b) * (h @ V))
        return h

    assert mr.check(multiplied, model, X, U=U, V=V, b=b).slips[0].name == "product for sum"


@pytest.mark.parametrize("start", [np.float32, np.float64])
def test_float32_weights_and_data(start):
    model, w, X = layer_alone(sequences=False)
    w, X = {name: a.astype("float32") for name, a in w.items()}, X.astype("float32")
    model.set_weights([*w.values()])

    def loop(X, U, V, b, twice=0, turned=False):
        h = np.zeros((3, M), start)
        for t in range(T):
            h = np.tanh(X[:, t] @ U + h @ (V.T if turned else V) + b + np.float32(twice) * b)
        return h

    right = mr.check(loop, model, X, **w)
    assert right.ok and "float32" in right.sentence and not right.slips
    assert "the bias is added twice" in mr.check(loop, model, X, **w, twice=1).sentence
    found = mr.check(loop, model, X, **w, turned=True)
    assert "V is transposed" in found.sentence or "W_h is transposed" in found.sentence
    assert found.slips[0].line.endswith("h = np.tanh(X[:, t] @ U + h @ (V.T if turned else V) + b + np.float32(twice) * b)")
