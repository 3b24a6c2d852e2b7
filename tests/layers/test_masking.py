"""Which steps of what comes out of a layer count, beside Keras."""

from __future__ import annotations

import numpy as np
import pytest

from minirnn import layers

RNG = np.random.default_rng(6)
NUMBERS = RNG.integers(0, 4, (5, 6))
X = RNG.normal(size=(5, 6, 3)).astype("float32")
X[:, 2] = X[1, 4] = 0
M = RNG.random((5, 6)) > 0.4

CASES = {
    "Embedding(9, 4, mask_zero=True)": (NUMBERS, None),
    "Embedding(9, 4)": (NUMBERS, M),
    "Masking()": (X, None),
    "Masking(2.0)": (X, M),
    "Dense(2)": (X, M),
    "Activation('tanh')": (X, None),
    "BatchNormalization()": (X, M),
    "TimeDistributed(Dense(2))": (X, M),
    "SimpleRNN(2)": (X, M),
    "SimpleRNN(2, return_sequences=True)": (X, M),
    "GRU(2, return_sequences=True, go_backwards=True)": (X, M),
    "LSTM(2, return_sequences=True, return_state=True)": (X, M),
    "LSTM(2, return_state=True)": (X, None),
    "Bidirectional(LSTM(2, return_sequences=True))": (X, M),
    "GlobalAveragePooling1D()": (X, M),
    "Add()": ([X, X], [M, M[::-1]]),
    "Concatenate()": ([X, X], [M, M[::-1]]),
    "Multiply()": ([X, X], [M, None]),
    "Average()": ([X, X], None),
}


def shown(mask):
    """As a text, which is the same for tensors and arrays."""
    return str([shown(each) for each in mask] if isinstance(mask, list) else None if mask is None else np.array(mask))


@pytest.mark.parametrize("code", CASES)
def test_compute_mask_is_that_of_keras(code):
    import keras

    ours, theirs = (eval(code, vars(kind)).compute_mask(*CASES[code]) for kind in (layers, keras.layers))
    assert shown(ours) == shown(theirs)


def test_a_layer_that_hands_no_mask_on_says_so_and_one_of_ones_own_does():
    class Twice(layers.Layer):
        def call(self, x):
            return 2 * x

    assert layers.Conv1D(2, 3).compute_mask(X, M) is None
    assert Twice().compute_mask(X, M) is M
