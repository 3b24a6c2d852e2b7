from __future__ import annotations

import numpy as np
import pytest

import minirnn as mr
from minirnn.layers import Dense, Flatten, Input, SimpleRNN
from minirnn.models import Model, Sequential

SUMMARY = """\
Model: "functional"
_________________________________________________________________
 Layer (type)                Output Shape              Param #
=================================================================
 input_layer (InputLayer)    [(None, 10, 3)]           0

 simple_rnn (SimpleRNN)      (None, 5)                 45

 dense (Dense)               (None, 2)                 12

=================================================================
Total params: 57 (228.00 Byte)
Trainable params: 57 (228.00 Byte)
Non-trainable params: 0 (0.00 Byte)
_________________________________________________________________
"""


def small():
    i = Input(shape=(10, 3))
    x = SimpleRNN(5)(i)
    return Model(i, Dense(2)(x))


def test_summary_prints_the_table(capsys):
    small().summary()
    printed = capsys.readouterr().out
    assert "\n".join(line.rstrip() for line in printed.split("\n")) == SUMMARY


def test_layers_are_counted_as_keras_counts_them():
    functional, sequential = small(), Sequential([Input(shape=(10, 3)), SimpleRNN(5), Dense(2)])
    assert [type(layer).__name__ for layer in functional.layers] == ["InputLayer", "SimpleRNN", "Dense"]
    assert [type(layer).__name__ for layer in sequential.layers] == ["SimpleRNN", "Dense"]
    shapes = [(3, 5), (5, 5), (5,), (5, 2), (2,)]
    assert [w.shape for w in functional.get_weights()] == [w.shape for w in sequential.get_weights()] == shapes
    assert functional.layers[1].count_params() == 45


def test_names_are_given_once_and_kept():
    i = Input(shape=(10, 3), name="words")
    x = SimpleRNN(5, return_sequences=True)(i)
    model = Model(i, SimpleRNN(4, name="simple_rnn")(x))
    assert [layer.name for layer in model.layers] == ["words", "simple_rnn_1", "simple_rnn"]


def test_weights_are_copied_in_and_out():
    model = small()
    weights = model.get_weights()
    weights[0][:] = 7
    assert not (model.get_weights()[0] == 7).any()
    model.set_weights(weights)
    weights[0][:] = 8
    assert (model.get_weights()[0] == 7).all()


def test_wrong_weights_are_refused_and_nothing_is_changed():
    model = small()
    before = model.get_weights()
    with pytest.raises(ValueError, match="takes 5 weight arrays, not 4"):
        model.set_weights(before[:4])
    with pytest.raises(ValueError, match="takes weights of shapes"):
        model.set_weights([*before[:3], before[3].T, before[4]])
    for a, b in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_predict_equals_the_plain_loop():
    model = small()
    X = np.random.default_rng(0).normal(size=(4, 10, 3))
    W_x, W_h, b_h, W_o, b_o = model.get_weights()
    h = np.zeros((4, 5))
    for t in range(10):
        h = np.tanh(X[:, t] @ W_x + h @ W_h + b_h)
    np.testing.assert_allclose(model.predict(X), h @ W_o + b_o, rtol=1e-12)
    assert model.predict(X.astype("float32")).dtype == np.float32


def test_sequential_is_put_together_on_the_first_data():
    model = Sequential([SimpleRNN(5, return_sequences=True), Dense(2)])
    assert model.predict(np.zeros((1, 7, 3))).shape == (1, 7, 2)
    assert model.predict(np.zeros((1, 9, 3))).shape == (1, 9, 2)
    with pytest.raises(ValueError, match="takes"):
        model.predict(np.zeros((1, 9, 4)))
    with pytest.raises(ValueError, match="no layers"):
        Sequential([]).predict(np.zeros((1, 2, 3)))


def test_a_row_that_is_not_put_together_says_so():
    row = Sequential([SimpleRNN(5), Dense(2)])
    with pytest.raises(ValueError, match="not put together yet"):
        _ = row.input_shape
    lines: list[str] = []
    row.summary(print_fn=lines.append)
    assert "simple_rnn (SimpleRNN)" in lines[0] and "0 (unbuilt)" in lines[0]
    row.build((None, None, 3))
    assert len(row.get_weights()) == 5 and repr(row) == "<Sequential 'sequential': SimpleRNN(5) -> Dense(2)>"


def test_lists_are_arrays_where_there_is_one_input():
    model = small()
    X = np.random.default_rng(0).normal(size=(2, 10, 3))
    for same in (X.tolist(), list(X), [X]):
        np.testing.assert_array_equal(model.predict(same), model.predict(X))
    with pytest.raises(ValueError, match="X is ragged"):
        model.predict([X[0].tolist(), X[1, :4].tolist()])


def test_the_same_seed_draws_the_same_weights():
    drawn = []
    for _ in range(2):
        mr.set_random_seed(7)
        drawn.append(small().get_weights())
    assert all(np.array_equal(a, b) for a, b in zip(*drawn, strict=True))


def test_several_layers_are_told_apart_in_names(make):
    names = {name for name, _ in make(layers=2, hidden="relu").variables}
    assert {"W_x^1", "W_x^2", "h^1", "h^2", "W_a", "a", "z_a", "W_o", "y"} <= names


def test_a_layer_used_twice_shares_its_weights():
    i = Input(shape=(4, 5))
    rnn = SimpleRNN(5, return_sequences=True)
    model = Model(i, Dense(2)(SimpleRNN(3)(rnn(rnn(i)))))
    assert len(model.get_weights()) == 8
    rng = np.random.default_rng(0)
    trace = mr.trace(model, rng.normal(size=(2, 4, 5)), rng.normal(size=(2, 2)))
    assert {"h^1", "h^2", "h^3"} <= set(trace.counts) and list(trace.parameters)[:2] == ["W_x^1", "W_h^1"]
    assert "W_x^2" not in trace.parameters and trace.equations().residual <= 1e-12
    assert trace.verify().ok and len(trace.page(with_keras=False).html) > 50_000


def test_flatten_keeps_time_in_order():
    model = Sequential([Input(shape=(3, 2)), Flatten(), Dense(4)])
    X = np.random.default_rng(0).normal(size=(5, 3, 2))
    np.testing.assert_allclose(model.predict(X), X.reshape(5, 6) @ model.get_weights()[0], rtol=1e-5, atol=1e-6)
    assert mr.trace(model, X, np.zeros((5, 4))).verify(with_keras=False).ok


def test_models_that_do_not_hold_together():
    i, j = Input(shape=(4, 3)), Input(shape=(5,))
    x = SimpleRNN(5)(i, initial_state=j)
    with pytest.raises(ValueError, match="not among the inputs"):
        Model(i, x)
    with pytest.raises(ValueError, match="not connected"):
        Model([i, j, Input(shape=(2, 2))], x)
    with pytest.raises(ValueError, match="needs an output"):
        Model([i, j], [])


def test_layers_are_found_by_name_and_by_place(tmp_path):
    model = Sequential([Input((4, 3)), SimpleRNN(5, name="memory"), Dense(2)])
    assert model.get_layer("memory") is model.get_layer(index=0) is model.layers[0]
    assert model.count_params() == sum(w.size for w in model.get_weights()) == 57
    for wrong, says in (
        ({"name": "nix"}, "no layer 'nix'; there are memory"),
        ({"index": 9}, "no layer 9"),
        ({}, "say which"),
    ):
        with pytest.raises(ValueError, match=says):
            model.get_layer(**wrong)
    model.save(tmp_path / "model.keras")
    X = np.random.default_rng(0).normal(size=(5, 4, 3))
    assert np.array_equal(mr.load(tmp_path / "model.keras").predict(X), model.predict(X))


def test_predictions_in_batches():
    mr.set_random_seed(0)
    i = Input((4, 3))
    h = SimpleRNN(5)(i)
    two = Model(i, [Dense(2)(h), Dense(3)(h)])
    X = np.random.default_rng(0).normal(size=(5, 4, 3))
    for whole, parts in zip(two.predict(X), two.predict(X, batch_size=2), strict=True):
        np.testing.assert_allclose(parts, whole, rtol=1e-14)
    with pytest.raises(ValueError, match="batch_size is 0"):
        two.predict(X, batch_size=0)


def test_the_output_of_a_layer_in_a_row_is_that_of_the_whole_row():
    """Each `add` puts the row together anew: what a layer gave before is not its output any more."""
    row = mr.Sequential([mr.Input((4, 3)), mr.layers.SimpleRNN(5, return_sequences=True), mr.layers.LSTM(2)])
    row.add(mr.layers.Dense(6))
    X = np.random.default_rng(0).normal(size=(2, 4, 3))
    below = mr.Model(row.inputs, row.layers[0].output)
    assert below.predict(X).shape == (2, 4, 5)
    np.testing.assert_array_equal(mr.Model(row.inputs, row.layers[-1].output).predict(X), row.predict(X))
