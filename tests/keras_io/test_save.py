"""Files and live models of every kind there and back: minirnn, Keras, Keras' own file, minirnn."""

from __future__ import annotations

import io
import json
import zipfile

import numpy as np
import pytest

import minirnn as mr
from minirnn.layers import Dense, Dropout, Flatten, Input, SimpleRNN
from minirnn.models import Model, Sequential

from ..family import NETWORKS, D, K, M, T, data


def listed(out):
    return [np.asarray(y) for y in (out if isinstance(out, (list, tuple)) else [out])]


def places(path):
    """All groups and arrays of a file: some versions of Keras want the empty ones too."""
    import h5py

    found = set()
    with zipfile.ZipFile(path) as archive, h5py.File(io.BytesIO(archive.read("model.weights.h5"))) as file:
        file.visit(found.add)
    return found


@pytest.mark.parametrize("name", sorted(NETWORKS))
def test_there_and_back(name, tmp_path):
    import keras

    rng = np.random.default_rng(0)
    model = NETWORKS[name]()
    model.set_weights([(0.5 * rng.normal(size=w.shape)).astype("float32") for w in model.get_weights()])
    X = data(name, rng)
    X = X if isinstance(X, list) else [X]
    X = [x.astype("float32") if x.dtype.kind == "f" else x for x in X]
    X = X if len(X) > 1 else X[0]
    ours = listed(model.predict(X))

    mr.save(model, tmp_path / "ours.keras")
    theirs = keras.saving.load_model(tmp_path / "ours.keras")
    assert [layer.name for layer in theirs.layers] == [layer.name for layer in model.layers]
    theirs.save(tmp_path / "theirs.keras")
    for path in ("ours.keras", "theirs.keras"):
        back = mr.load(tmp_path / path)
        for live in (theirs, back, mr.from_keras(theirs)):
            for a, b in zip(model.get_weights(), live.get_weights(), strict=True):
                np.testing.assert_array_equal(a, b)
            for a, b in zip(ours, listed(live(X)), strict=True):
                np.testing.assert_allclose(a, b, atol=4e-6)
    mine, keras_own = (places(tmp_path / name) for name in ("ours.keras", "theirs.keras"))
    assert mine <= keras_own and all("seed_generator" in place for place in keras_own - mine)
    mr.save(mr.load(tmp_path / "ours.keras"), tmp_path / "again.keras")
    assert (tmp_path / "again.keras").read_bytes() == (tmp_path / "ours.keras").read_bytes()


def test_what_a_file_says_is_kept(tmp_path):
    """Arguments that change no prediction are there after the round trip."""
    rnn = SimpleRNN(
        M, kernel_regularizer="l2", recurrent_constraint="max_norm", kernel_initializer="he_normal", dropout=0.25,
        unroll=True, name="mine", trainable=False,
    )  # fmt: skip
    model = Sequential([Input((T, D)), rnn, Dropout(0.5, seed=4), Dense(K, bias_constraint="non_neg", activation="gelu")])
    mr.save(model, tmp_path / "a.keras")
    back = mr.load(tmp_path / "a.keras")
    one, drop, two = back.layers
    assert isinstance(back, Sequential) and (one.name, one.trainable, one.unroll, one.dropout) == ("mine", False, True, 0.25)
    assert one.regularizers == rnn.regularizers and one.constraints == rnn.constraints
    assert type(one.cell.initializers["kernel"]).__name__ == "HeNormal" and (drop.rate, drop.seed) == (0.5, 4)
    assert list(two.constraints) == ["bias"] and two.activation.__name__ == "gelu"


def test_nothing_is_written_where_it_cannot_be(tmp_path):
    i = Input((T, D))
    model = Model(i, SimpleRNN(M, activation=lambda z: z * 2)(i))
    with pytest.raises(NotImplementedError, match="a function of your own"):
        mr.save(model, tmp_path / "a.keras")
    with pytest.raises(ValueError, match=r"saved as \.keras or \.h5"):
        mr.save(model, tmp_path / "a.hdf")
    penalized = Model(i, SimpleRNN(M, bias_regularizer=lambda w: w)(i))
    with pytest.raises(NotImplementedError, match="its regularizer is a function of your own"):
        mr.to_keras(penalized)
    assert not list(tmp_path.iterdir())


def test_the_same_model_gives_the_same_bytes_and_no_date(tmp_path):
    i = Input((T, D))
    model = Model(i, Dense(K)(Flatten()(SimpleRNN(M, return_sequences=True)(i))))
    first, second = (mr.save(model, tmp_path / name).read_bytes() for name in ("a.keras", "b.keras"))
    assert first == second
    with zipfile.ZipFile(tmp_path / "a.keras") as archive:
        assert json.loads(archive.read("config.json"))["class_name"] == "Functional"


def test_layers_of_one_class_on_branches_keep_their_weights(tmp_path):
    """Keras numbers them by their distance from the output, not by the order in which they were called."""
    import keras

    i, j = Input((T, D), name="i"), Input((T, 2), name="j")
    late = SimpleRNN(M, name="late")(j, initial_state=SimpleRNN(M, name="early")(i))
    model = Model([i, j], [Dense(3, name="b")(late), Dense(4, name="a")(Dense(2, name="c")(late))])
    rng = np.random.default_rng(0)
    model.set_weights([rng.normal(size=w.shape).astype("float32") for w in model.get_weights()])
    mr.save(model, tmp_path / "a.keras")
    theirs = keras.saving.load_model(tmp_path / "a.keras")
    assert [layer.name for layer in theirs.layers] == [layer.name for layer in model.layers]
    for layer in model.layers:
        for a, b in zip(layer.get_weights(), theirs.get_layer(layer.name).get_weights(), strict=True):
            np.testing.assert_array_equal(a, b)


def test_masks_that_keras_has_written_out_are_followed_or_refused(tmp_path):
    import keras

    L = keras.layers
    i = keras.Input((T, D))
    x = L.Masking(0.5)(i)
    own = keras.Model(i, L.SimpleRNN(M)(L.Dense(4)(x)))
    other = keras.Model(i, L.SimpleRNN(M)(i, mask=keras.ops.any(keras.ops.not_equal(i, 0.0), axis=-1)))
    X = np.where(np.arange(T)[:, None] == 1, 0.5, np.random.default_rng(0).normal(size=(2, T, D))).astype("float32")
    for ending in ("keras", "h5"):
        own.save(tmp_path / f"own.{ending}")
        other.save(tmp_path / f"other.{ending}")
        found = mr.load(tmp_path / f"own.{ending}").predict(X)
        np.testing.assert_allclose(found, own.predict(X, verbose=0), atol=4e-6)
        with pytest.raises(NotImplementedError, match="a mask that is computed"):
            mr.load(tmp_path / f"other.{ending}")


def test_tf_keras_models_of_the_family(tmp_path):
    import tf_keras

    L = tf_keras.layers
    i = L.Input((T, D))
    x = L.Bidirectional(L.SimpleRNN(M, return_sequences=True))(L.Masking()(i))
    x = L.RNN([L.SimpleRNNCell(4), L.SimpleRNNCell(3)], return_sequences=True)(x)
    model = tf_keras.Model(i, L.TimeDistributed(L.Dense(K, activation="softmax"))(L.Dropout(0.5)(x)))
    X = np.random.default_rng(0).normal(size=(2, T, D)).astype("float32")
    X[0, 1:3] = 0
    with pytest.warns(UserWarning, match="HDF5"):
        model.save(tmp_path / "a.h5")
    for mine in (mr.from_keras(model), mr.load(tmp_path / "a.h5")):
        np.testing.assert_allclose(mine.predict(X), model.predict(X, verbose=0), atol=4e-6)
