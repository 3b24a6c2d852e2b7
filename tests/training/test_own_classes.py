"""Losses, metrics, layers and models that are classes of the user's own, as programs for Keras have them."""

from __future__ import annotations

import keras
import numpy as np
import pytest

import minirnn as mr
from minirnn import activations, backend, metrics, regularizers
from minirnn.layers import LSTM, Dense, Input, Layer, SimpleRNN
from minirnn.models import Model, Sequential, load_model, save_model

N, T, D, M, K = 7, 4, 3, 5, 2
rng = np.random.default_rng(0)
X, Y = rng.normal(size=(N, T, D)).astype("f"), rng.normal(size=(N, K)).astype("f")
FIT = {"epochs": 3, "batch_size": 3, "shuffle": False, "verbose": 0}


def both():
    theirs = keras.Sequential([keras.Input((T, D)), keras.layers.SimpleRNN(M), keras.layers.Dense(K)])
    return theirs, mr.from_keras(theirs)


def weighed(base, ops):
    class Weighed(base):
        def __init__(self, factor=2.0, **others):
            super().__init__(**others)
            self.factor = factor

        def call(self, y_true, y_pred):
            return ops.mean(self.factor * ops.square(y_true - y_pred), axis=-1)

    return Weighed


def cubes(base, ops):
    class Cubes(base):
        def __init__(self, name="cubes", **others):
            super().__init__(name=name, **others)
            self.total = self.add_weight(name="total", initializer="zeros")
            self.count = self.add_weight(name="count", initializer="zeros")

        def update_state(self, y_true, y_pred, sample_weight=None):
            self.total.assign_add(ops.sum(ops.abs(y_true - y_pred) ** 3))
            self.count.assign_add(ops.mean(0.0 * y_pred) + 1.0)

        def result(self):
            return self.total / self.count

        def reset_state(self):
            self.total.assign(0.0)
            self.count.assign(0.0)

    return Cubes


@pytest.mark.parametrize("ops", [keras.ops, backend], ids=["keras.ops", "backend"])
def test_a_loss_and_a_metric_of_ones_own_classes(ops):
    theirs, ours = both()
    for model, package, own in ((theirs, keras, keras.ops), (ours, mr, ops)):
        loss, metric = weighed(package.losses.Loss, own)(factor=3.0), cubes(package.metrics.Metric, own)()
        model.compile("sgd", loss, metrics=[metric])
    validation = {"validation_data": (X[:4], Y[:4])}
    wants, found = (model.fit(X, Y, **FIT, **validation).history for model in (theirs, ours))
    assert list(found) == list(wants) and all(type(v) is float for v in found["cubes"])
    for key, values in wants.items():
        np.testing.assert_allclose(found[key], values, rtol=1e-5, err_msg=key)
    np.testing.assert_allclose(ours.evaluate(X, Y, verbose=0), theirs.evaluate(X, Y, verbose=0), rtol=1e-5)


def test_what_is_added_to_a_metric_counts_as_an_array():
    class Seen(metrics.Metric):
        def __init__(self):
            super().__init__(name="seen")
            self.numbers = self.add_weight((3,), "ones")

        def result(self):
            return np.sum(self.numbers) + self.numbers[0] if hasattr(self.numbers, "__getitem__") else self.numbers + 0

    seen = Seen()
    seen.numbers.assign_add([1.0, 2.0, 3.0])
    seen.numbers.assign_sub(1.0)
    assert seen.numbers.numpy().tolist() == [1, 2, 3] and (2 * seen.numbers).tolist() == [2, 4, 6]
    seen.reset_state()
    assert seen.result().tolist() == [0, 0, 0]


class Block(Layer):
    def __init__(self, units, **others):
        super().__init__(**others)
        self.inner, self.out = SimpleRNN(units), Dense(K, activation="tanh")

    def call(self, x, training=None):
        return 2.0 * self.out(self.inner(x))


def test_a_layer_that_calls_layers_is_these():
    i = Input((T, D))
    model = Model(i, Block(M)(i))
    row = Sequential([Input((T, D)), Block(M)])
    assert [w.shape for w in model.get_weights()] == [(D, M), (M, M), (M,), (M, K), (K,)]
    row.set_weights(model.get_weights())
    np.testing.assert_array_equal(row.predict(X), model.predict(X))
    W_x, W_h, b, W_o, b_o = model.get_weights()
    h = np.zeros((N, M), "f")
    for t in range(T):
        h = np.tanh(X[:, t] @ W_x + h @ W_h + b)
    np.testing.assert_allclose(model.predict(X), 2 * np.tanh(h @ W_o + b_o), rtol=1e-5, atol=1e-6)
    assert mr.trace(row, X, Y).verify(with_keras=False).ok and Block(M)(X).shape == (N, K)


@pytest.mark.parametrize("step", ["train_step", "test_step"])
def test_steps_of_ones_own_are_not_left_out_in_silence(step):
    own = type("Own", (Model,), {step: lambda self, data: {"loss": 0.0}})
    i = Input((T, D))
    model = own(i, Dense(K)(SimpleRNN(M)(i)))
    model.compile("adam", "mse")
    with pytest.raises(NotImplementedError, match=f"Own.{step} would not be run"):
        model.fit(X, Y, verbose=0)


def test_training_without_a_loss_is_refused():
    _, ours = both()
    ours.compile("sgd")
    with pytest.raises(ValueError, match="compile was given no loss"):
        ours.fit(X, Y, verbose=0)


def tripled(y_true, y_pred):
    return keras.ops.mean(3 * keras.ops.square(y_true - y_pred), axis=-1)


@pytest.mark.parametrize("ending", ["keras", "h5"])
def test_a_loss_of_ones_own_in_a_file(tmp_path, ending):
    theirs, _ = both()
    theirs.compile("adam", tripled, metrics=[tripled])
    theirs.fit(X, Y, **FIT)
    path = tmp_path / f"model.{ending}"
    theirs.save(path)
    ours = load_model(path, custom_objects={"tripled": tripled})
    wants, found = (model.fit(X, Y, **FIT).history for model in (theirs, ours))
    for key, values in wants.items():
        np.testing.assert_allclose(found[key], values, rtol=1e-5, err_msg=key)
    save_model(ours, tmp_path / "again.keras")
    np.testing.assert_array_equal(load_model(tmp_path / "again.keras").predict(X), ours.predict(X))


@pytest.mark.parametrize("name", ["relu", "tanh", "softmax", "gelu", "elu", "softplus", "hard_sigmoid", "log_softmax"])
def test_activations_of_arrays_are_arrays(name):
    x = rng.normal(size=(3, 4))
    wants = np.asarray(keras.activations.get(name)(keras.ops.convert_to_tensor(x)))
    np.testing.assert_allclose(activations.get(name)(x), wants, rtol=1e-5, atol=1e-7)


def test_regularizers_of_arrays_are_numbers():
    w = rng.normal(size=(3, 4))
    for ours, theirs in (
        (regularizers.l2(0.1), keras.regularizers.L2(0.1)),
        (regularizers.l1(0.2), keras.regularizers.L1(0.2)),
    ):
        assert float(ours(w)) == pytest.approx(float(theirs(w)), rel=1e-6)


def test_a_policy_of_mixed_precision_is_refused_by_name():
    with pytest.raises(ValueError, match=r"LSTM\(dtype='mixed_float16'\): minirnn computes in float32 or float64"):
        LSTM(M, dtype="mixed_float16")


def test_the_line_of_an_epoch_is_that_of_keras(capsys):
    theirs, ours = both()
    lines = []
    for model in (theirs, ours):
        model.compile("sgd", weighed((keras if model is theirs else mr).losses.Loss, keras.ops)(-1.0), metrics=["acc"])
        model.fit(X, np.zeros_like(Y), epochs=1, batch_size=2, shuffle=False, verbose=2)
        told = capsys.readouterr().out.splitlines()[-1]
        lines.append([part for part in told.split(" - ") if "/step" not in part and not part.endswith("s")])
    assert lines[0] == lines[1] and lines[1][0] == "4/4"


@pytest.mark.filterwarnings("ignore:The model does not have any trainable weights")
@pytest.mark.parametrize("package", [keras, mr], ids=["keras", "minirnn"])
def test_a_frozen_model_trains_nothing_whatever_its_layers_say(package):
    model = package.Sequential([package.layers.Input((4, 2)), package.layers.LSTM(3), package.layers.Dense(1)])
    model.trainable = False
    model.layers[-1].trainable = True
    assert not model.trainable_weights and len(model.non_trainable_weights) == 5
    model.compile("sgd", "mse")
    before = model.get_weights()
    model.fit(np.ones((3, 4, 2)), np.zeros((3, 1)), epochs=2, verbose=0)
    assert all(map(np.array_equal, before, model.get_weights()))
    model.trainable = True
    model.layers[0].trainable = False
    assert model.trainable and len(model.trainable_weights) == 2


def test_the_end_of_an_epoch_comes_before_the_first_too():
    """Keras calls it once more, before the first batch, and of validation data before each evaluation."""
    counts, draw = [], np.random.default_rng(0)
    inputs, targets = draw.normal(size=(7, 4, 2)), draw.normal(size=(7, 1))
    for package in (keras, mr):

        class Shuffled(package.utils.Sequence):
            def __init__(self):
                super().__init__()
                self.order, self.rng, self.count = np.arange(7), np.random.default_rng(7), 0

            def __len__(self):
                return 3

            def __getitem__(self, k):
                chosen = self.order[3 * k : 3 * k + 3]
                return inputs[chosen], targets[chosen]

            def on_epoch_end(self):
                self.rng.shuffle(self.order)
                self.count += 1

        model = package.Sequential([package.layers.Input((4, 2)), package.layers.SimpleRNN(3), package.layers.Dense(1)])
        draw = np.random.default_rng(1)
        model.set_weights([draw.normal(size=w.shape) for w in model.get_weights()])
        model.compile("sgd", "mse")
        ones, others = Shuffled(), Shuffled()
        history = model.fit(ones, epochs=3, shuffle=False, verbose=0, validation_data=others).history
        counts.append((ones.count, others.count))
        if package is keras:
            right = history
    assert counts[0] == counts[1]
    for name, values in right.items():
        np.testing.assert_allclose(history[name], values, rtol=1e-5)
