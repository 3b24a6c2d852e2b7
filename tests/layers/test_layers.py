from __future__ import annotations

import numpy as np
import pytest

from minirnn.layers import RNN, Dense, Dropout, Flatten, Input, SimpleRNN, TimeDistributed


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: SimpleRNN(5, time_major=True), r"SimpleRNN\(time_major=True\) is not supported"),
        (lambda: SimpleRNN(5, activation="glu"), "halves the number of units"),
        (lambda: SimpleRNN(5, activation="threshold"), "takes a threshold and a value"),
        (lambda: Dense(5, lora_rank=2), "lora_rank=2"),
        (lambda: Dense(5, lora_rank=2), "lora_rank"),
        (lambda: Dropout(0.5, noise_shape=(1, None, 3)), "noise_shape"),
        (lambda: TimeDistributed(SimpleRNN(5)), r"TimeDistributed\(SimpleRNN\)"),
        (lambda: RNN(Dense(5)), "a cell of type Dense"),
    ],
)
def test_what_keras_has_and_minirnn_has_not_is_refused_by_name(make, says):
    with pytest.raises(NotImplementedError, match=says):
        make()


def test_keras_defaults_are_taken():
    SimpleRNN(5, dropout=0.0, recurrent_dropout=0.0, go_backwards=False, unroll=False, kernel_regularizer=None, seed=3)
    Dense(2, lora_rank=None)
    Flatten(data_format="channels_last")
    assert SimpleRNN(5)(np.ones((1, 2, 3)), mask=None, training=True).shape == (1, 5)
    with pytest.raises(TypeError, match="takes no initial_state"):
        Dense(5)(np.ones((1, 3)), initial_state=np.ones((1, 5)))


@pytest.mark.parametrize(
    ("make", "error", "says"),
    [
        (lambda: SimpleRNN(0), ValueError, "units must be a positive whole number"),
        (lambda: SimpleRNN(2.5), ValueError, "units"),
        (lambda: SimpleRNN(True), ValueError, "units"),
        (lambda: Dense("3"), ValueError, "units"),
        (lambda: SimpleRNN(3, unit=4), TypeError, "no argument 'unit'"),
        (lambda: SimpleRNN(3, dtype="float16"), ValueError, "float32 or float64"),
        (lambda: SimpleRNN(3, kernel_initializer="magic"), ValueError, "unknown initializer 'magic'"),
        (lambda: Input(shape=(3, 4, 5)), ValueError, "features"),
        (lambda: Input(shape=(0, 5)), ValueError, "features"),
        (lambda: Input(shape=(3, None)), ValueError, "must be given"),
        (lambda: SimpleRNN(3)(Input(shape=(4,))), ValueError, "takes sequences"),
        (lambda: SimpleRNN(3).set_weights([]), ValueError, "no weights yet"),
    ],
)
def test_arguments_that_make_no_sense(make, error, says):
    with pytest.raises(error, match=says):
        make()


def test_build_shapes_and_order():
    rnn = SimpleRNN(2)
    rnn.build((None, None, 5))
    assert [w.shape for w in rnn.weights] == [(5, 2), (2, 2), (2,)]
    assert {w.dtype for w in rnn.get_weights()} == {np.dtype("float32")}
    bare = SimpleRNN(2, use_bias=False)
    bare.build((None, None, 5))
    assert len(bare.get_weights()) == 2
    np.testing.assert_allclose(rnn.get_weights()[1] @ rnn.get_weights()[1].T, np.eye(2), atol=1e-6)


def test_a_layer_called_on_an_array_gives_a_node():
    rnn = SimpleRNN(2, return_sequences=True)
    x = np.random.default_rng(0).normal(size=(1, 3, 5)).astype("float32")
    out = rnn(x)
    assert np.asarray(out).shape == (1, 3, 2) and np.asarray(out).dtype == np.float32
    last = SimpleRNN(2)
    last.build((1, 3, 5))
    last.set_weights(rnn.get_weights())
    np.testing.assert_array_equal(np.asarray(last(x)), np.asarray(out)[:, -1])
    np.testing.assert_array_equal(np.asarray(Dense(4)(out)).shape, (1, 3, 4))


def test_the_initial_state_counts_and_must_fit():
    rnn = SimpleRNN(2)
    x, state = np.full((3, 4, 5), 0.05), np.full((3, 2), 0.5)
    assert not np.allclose(np.asarray(rnn(x)), np.asarray(rnn(x, initial_state=state)))
    for wrong in (np.ones((1, 2)), np.ones(2)):
        with pytest.raises(ValueError, match="initial_state has shape"):
            rnn(x, initial_state=wrong)


def test_dtype_of_drawn_and_given_weights():
    layer = SimpleRNN(2, dtype="float64")
    layer.build((None, None, 3))
    assert layer.weights[0].dtype == np.float64
    layer.set_weights([np.ones((3, 2), int), np.ones((2, 2), "float32"), np.ones(2)])
    assert [w.dtype for w in layer.weights] == ["float64", "float32", "float64"]
