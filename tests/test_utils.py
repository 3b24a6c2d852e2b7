from __future__ import annotations

import numpy as np
import pytest

import minirnn as mr
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


@pytest.mark.parametrize(
    "options",
    [
        {"sequence_length": 3},
        {"sequence_length": 3, "sequence_stride": 2, "sampling_rate": 2},
        {"sequence_length": 4, "batch_size": 5, "start_index": 3, "end_index": 17},
        {"sequence_length": 3, "batch_size": None},
    ],
    ids=str,
)
@pytest.mark.parametrize("aims", [None, np.arange(17.0)], ids=["alone", "targets"])
def test_windows_of_a_series_are_those_of_keras(options, aims):
    import keras

    series = np.random.default_rng(0).normal(size=(20, 2))

    def batches(package):
        made = package.utils.timeseries_dataset_from_array(series, aims, **options)
        return [[np.asarray(part) for part in (item if isinstance(item, tuple) else (item,))] for item in made]

    theirs, ours = batches(keras), batches(mr)
    assert len(theirs) == len(ours)
    for wanted, found in zip(theirs, ours):
        for one, other in zip(wanted, found, strict=True):
            np.testing.assert_array_equal(other, one)


def test_windows_in_another_order_are_the_same_windows():
    data = mr.utils.timeseries_dataset_from_array(np.arange(9.0), np.arange(9.0), 2, batch_size=3, shuffle=True, seed=4)
    found = np.concatenate([y for _, y in data])
    assert sorted(found) == list(range(8)) and list(found) != sorted(found) and len(data) == 3
    ((x, y),) = data.take(1)
    assert x.numpy().shape == (3, 2) and y.numpy().tolist() == found[:3].tolist() and len(data.take(9)) == 3
    model = mr.models.Sequential([mr.Input((2, 1)), mr.layers.SimpleRNN(1)])
    model.compile("sgd", "mse")
    series = mr.utils.timeseries_dataset_from_array(np.arange(9.0)[:, None], np.arange(9.0), 2, batch_size=3)
    assert len(model.fit(series, validation_data=series.take(1), verbose=0).history["val_loss"]) == 1
    with pytest.raises(ValueError, match="there are 9 steps"):
        mr.utils.timeseries_dataset_from_array(np.arange(9.0), None, 2, end_index=12)


def test_what_is_not_there_is_said_where_it_is_imported():
    with pytest.raises(ImportError, match="and no plot_model: take it from"):
        from minirnn.utils import plot_model  # noqa: F401
    assert not hasattr(mr.utils, "plot_model")
