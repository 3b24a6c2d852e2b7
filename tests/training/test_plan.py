from __future__ import annotations

import numpy as np
import pytest

from minirnn.layers import Dense, Input, SimpleRNN
from minirnn.models import Model


def network():
    rng = np.random.default_rng(7)
    i = Input((3, 4))
    model = Model(i, Dense(6)(SimpleRNN(5)(i)))
    model.set_weights([rng.normal(0, 0.5, w.shape) for w in model.get_weights()])
    return model, rng.normal(size=(7, 3, 4)), rng.normal(size=(7, 6))


def changed(model, before):
    return [bool((a != b).any()) for a, b in zip(before, model.get_weights(), strict=True)]


def test_what_a_second_compile_leaves_out_stays():
    model, X, Y = network()
    model.compile("sgd", "mae", metrics=["mse"])
    before = model.evaluate(X, Y, verbose=0)
    model.compile("adam")
    assert model.evaluate(X, Y, verbose=0) == before and model.loss == "mae" and len(before) == 2
    model.compile("adam", "mse", metrics=[])
    assert np.ndim(model.evaluate(X, Y, verbose=0)) == 0


def test_the_weights_that_are_trained_stay_so_until_the_next_compile():
    model, X, Y = network()
    model.compile("adam", "mse")
    model.train_on_batch(X, Y)
    model.layers[-1].trainable = False
    before = model.get_weights()
    with pytest.warns(UserWarning, match="until it is compiled again"):
        model.fit(X, Y, verbose=0)
    assert changed(model, before) == [True] * 5
    before = model.get_weights()
    model.compile("adam")
    model.fit(X, Y, verbose=0)
    assert changed(model, before) == [True, True, True, False, False]


def test_data_that_do_not_fit_are_said_before_that_there_is_no_compile():
    model, X, Y = network()
    with pytest.raises(ValueError, match="X has 7 samples, Y has 6"):
        model.fit(X, Y[1:], verbose=0)
    with pytest.raises(ValueError, match="say how to train first"):
        model.fit(X, Y, verbose=0)
    with pytest.raises(TypeError, match="fit has no argument 'callback'; did you mean callbacks"):
        model.fit(X, Y, callback=[])
