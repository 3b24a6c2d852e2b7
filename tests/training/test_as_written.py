"""Data, names and targets as programs write them: each beside Keras from the same weights, or with its known number."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

import minirnn as mr
from minirnn import (
    callbacks,
    constraints,
    initializers,
    layers,
    losses,
    metrics,
    models,
    ops,
    optimizers,
    regularizers,
    utils,
)
from minirnn.layers import GRU, RNN, Concatenate, Dense, Embedding, Input, Layer, SimpleRNN

N, T, D, M, K = 11, 4, 3, 5, 6
rng = np.random.default_rng(2)
X, Y = rng.normal(size=(N, T, D)), rng.normal(size=(N, 1))


def plain_model(kind=mr):
    model = kind.models.Sequential([kind.layers.Input((T, D)), kind.layers.SimpleRNN(M), kind.layers.Dense(1)])
    own = np.random.default_rng(0)
    model.set_weights([own.normal(0, 0.4, w.shape) for w in model.get_weights()])
    model.compile("sgd", "mse")
    return model


def test_every_validation_begins_with_the_first_batch():
    import keras

    found = []
    for kind in (mr, keras):
        fit = {"epochs": 4, "batch_size": 4, "shuffle": False, "verbose": 0}
        found.append(plain_model(kind).fit(X, Y, validation_data=(X, Y), validation_steps=1, **fit).history["val_loss"])
    np.testing.assert_allclose(*found, rtol=1e-4)


def test_a_data_set_that_cannot_tell_its_length():
    class Unknown:
        def __iter__(self):
            yield X[:4], Y[:4]
            yield X[4:], Y[4:]

        def __len__(self):
            raise TypeError("The dataset length is unknown.")

    listed = plain_model().fit([*Unknown()].__iter__(), epochs=1, verbose=0).history["loss"]
    assert plain_model().fit(Unknown(), epochs=2, verbose=0, validation_data=Unknown()).history["loss"][0] == listed[0]


def test_batches_by_number():
    class Batches(utils.Sequence):
        def __len__(self):
            return 3

        def __getitem__(self, k):
            return X[4 * k : 4 * k + 4], Y[4 * k : 4 * k + 4]

    whole = plain_model().fit(X, Y, batch_size=4, shuffle=False, epochs=2, verbose=0).history["loss"]
    model = plain_model()
    assert model.fit(Batches(), epochs=2, verbose=0).history["loss"] == pytest.approx(whole)
    assert model.predict(Batches()).shape == (N, 1) and issubclass(Batches, utils.PyDataset)
    with pytest.raises(NotImplementedError, match="write __len__"):
        len(utils.PyDataset())


def test_outputs_as_a_dictionary():
    i = Input((T, D))
    x = GRU(M)(i)
    parts = {"price": Dense(1, name="b")(x), "class": Dense(K, activation="softmax", name="a")(x)}
    model, row = models.Model(i, parts), models.Model(i, [parts["class"], parts["price"]])
    classes = np.eye(K)[rng.integers(0, K, N)]
    kinds = {"price": "mae", "class": "categorical_crossentropy"}
    model.compile("sgd", kinds, loss_weights={"price": 2.0, "class": 1.0}, metrics={"price": ["mse"]})
    found = model.evaluate(X, {"price": Y, "class": classes}, verbose=0, return_dict=True)
    assert list(found) == ["class_loss", "loss", "price_loss", "price_mse"]
    assert found["loss"] == pytest.approx(found["class_loss"] + 2 * found["price_loss"])
    out = model.predict(X, batch_size=4)
    for a, b in zip((out["class"], out["price"]), row.predict(X), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-6)
    assert sorted(model(X)) == ["class", "price"]


def test_a_loss_of_ones_own_takes_numbers_of_classes():
    tokens, wanted = rng.integers(0, K, (N, T)), rng.integers(0, K, (N, T))

    def own(labels, scores):
        return losses.sparse_categorical_crossentropy(labels, scores, from_logits=True)

    found = []
    for loss in (own, losses.SparseCategoricalCrossentropy(from_logits=True)):
        mr.set_random_seed(4)
        model = models.Sequential([Embedding(K, 4), SimpleRNN(M, return_sequences=True), Dense(K)])
        model.compile("adam", loss)
        found.append(model.fit(tokens, wanted, epochs=3, batch_size=4, shuffle=False, verbose=0).history["loss"])
    np.testing.assert_allclose(*found, rtol=1e-6)


def test_rows_that_do_not_sum_to_1_are_said():
    model = models.Sequential([Input((T, D)), SimpleRNN(M), Dense(K, activation="softmax")])
    model.compile("sgd", "categorical_crossentropy")
    both = rng.integers(0, 2, (N, K)) + np.eye(K)[np.zeros(N, int)]
    with pytest.warns(UserWarning, match="do not sum to 1"):
        model.fit(X, both, verbose=0)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model.fit(X, np.eye(K)[rng.integers(0, K, N)], verbose=0)
        model.evaluate(X, both, verbose=0)


def test_a_cell_that_holds_layers_is_refused():
    class Normed(Layer):
        state_size = M

        def __init__(self):
            super().__init__()
            self.inner = [layers.SimpleRNNCell(M)]

    with pytest.raises(NotImplementedError, match="holds the layer 'inner', whose weights nothing would train"):
        RNN(Normed())


def test_what_keras_calls_by_small_letters():
    assert (regularizers.l2(0.1), constraints.max_norm(3)) == (regularizers.L2(0.1), constraints.MaxNorm(3))
    assert regularizers.l1_l2(l1=0.1, l2=0.2) == regularizers.L1L2(0.1, 0.2)
    assert initializers.glorot_uniform is initializers.GlorotUniform and losses.MSE(Y, 0 * Y) == pytest.approx(Y[:, 0] ** 2)
    np.testing.assert_allclose(metrics.mean_squared_error(Y, 0 * Y), losses.mse(Y, 0 * Y))
    np.testing.assert_array_equal(metrics.binary_accuracy([[1.0], [0.0]], [[0.7], [0.6]]), [[1], [0]])
    with pytest.raises(AttributeError, match="has no l22; did you mean"):
        _ = regularizers.l22
    i, j = Input((T, D)), Input((T, D))
    assert layers.concatenate([i, j]).shape == (None, T, 2 * D) and layers.add([i, j]).shape == (None, T, D)
    assert isinstance(layers.concatenate([i, j], axis=-1, name="both").layer, Concatenate)
    model = plain_model()
    model.compile("sgd", losses.mse, metrics=[metrics.mean_absolute_error, metrics.binary_accuracy])
    assert list(model.evaluate(X, Y, verbose=0, return_dict=True)) == ["binary_accuracy", "loss", "mean_absolute_error"]
    assert ops.tanh is not None


def test_everything_that_is_imported_by_a_star():
    space = {}
    for room in ("layers", "losses", "optimizers", "callbacks"):
        exec(f"from minirnn.{room} import *", space)
    assert {"Dense", "concatenate", "Huber", "binary_crossentropy", "Adam", "EarlyStopping"} <= set(space)
    exec("from minirnn.metrics import *", space)
    assert {"AUC", "Precision"} <= set(space) and space["Dense"] is Dense


def test_the_learning_rate_is_read_and_set_as_a_variable():
    optimizer = optimizers.Adam(0.25)
    assert optimizer.learning_rate.numpy() == np.float32(0.25) and optimizer.learning_rate == 0.25
    optimizer.learning_rate.assign(0.5)
    assert float(optimizer.learning_rate) == 0.5 and optimizer.name == "adam" and optimizers.RMSprop().name == "rm_sprop"


def test_what_a_checkpoint_says(tmp_path, capsys):
    path = str(tmp_path / "best.h5")
    kept = callbacks.ModelCheckpoint(path, monitor="loss", mode="max", save_best_only=True, verbose=1)
    plain_model().fit(X, Y, epochs=2, verbose=0, callbacks=[kept])
    first, second, third = [line for line in capsys.readouterr().out.splitlines() if line]
    assert first.startswith("Epoch 1: loss improved from None to ") and first.endswith(f"saving model to {path}")
    assert second == f"Epoch 1: finished saving model to {path}" and third.startswith("Epoch 2: loss did not improve from ")
    assert models.load_model(path).evaluate(X, Y, verbose=0) > 0
