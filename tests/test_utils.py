from __future__ import annotations

import numpy as np
import pytest

from minirnn import utils


def test_as_in_keras():
    import keras

    rows = [[3, 1, 4, 1, 5], [9], [], [2, 6]]
    for padding in ("pre", "post"):
        for truncating in ("pre", "post"):
            for maxlen in (None, 1, 3, 7):
                options = {"maxlen": maxlen, "padding": padding, "truncating": truncating, "value": -1}
                np.testing.assert_array_equal(
                    utils.pad_sequences(rows, **options), keras.utils.pad_sequences(rows, **options)
                )
    pairs = [np.ones((2, 3)), np.zeros((4, 3))]
    np.testing.assert_array_equal(utils.pad_sequences(pairs), keras.utils.pad_sequences(pairs))
    for given in ([0, 2, 1], [[1], [0]], [[1, 0], [2, 2]]):
        np.testing.assert_array_equal(utils.to_categorical(given, 4), keras.utils.to_categorical(given, 4))


def test_what_does_not_fit_is_refused():
    with pytest.raises(ValueError, match="the numbers of 2 classes are 0 to 1"):
        utils.to_categorical([0, 2], 2)
    with pytest.raises(ValueError, match="it must be 'pre' or 'post'"):
        utils.pad_sequences([[1]], padding="left")
    with pytest.raises(AttributeError, match="no plot_model: take it"):
        _ = utils.plot_model
