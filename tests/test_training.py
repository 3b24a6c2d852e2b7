"""Training against Keras' own, from the same weights, without shuffling."""

from __future__ import annotations

import os
import signal
import sys

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
import pytest

import minirnn as mr
from minirnn.callbacks import Callback
from minirnn.layers import RNN, Bidirectional, Dense, Dropout, Embedding, Input, SimpleRNN
from minirnn.models import Model, Sequential
from minirnn.optimizers import SGD, Adam
from minirnn.training.feed import checked
from minirnn.training.runners import InSource, runner

from .matrix import Gated


def notebook(dtype, loss="mse"):
    """The network and the sizes of the fifth notebook: N=10, T=20, D=4, M=4, K=3."""
    rng = np.random.default_rng(4)
    i = Input((20, 4))
    model = Model(i, Dense(3, activation="softmax" if loss != "mse" else None)(SimpleRNN(4)(i)))
    model.set_weights([rng.normal(0, 0.5, w.shape).astype(dtype) for w in model.get_weights()])
    X, Y = rng.normal(size=(10, 20, 4)).astype(dtype), rng.normal(size=(10, 3)).astype(dtype)
    return model, X, np.eye(3, dtype=dtype)[Y.argmax(-1)] if loss != "mse" else Y


def keras_losses(model, X, Y, optimizer, epochs, batch_size, dtype, loss="mse"):
    import keras

    keras.config.set_floatx(dtype)  # of the learning rate, and of what the data are converted to
    i = keras.layers.Input((20, 4), dtype=dtype)
    x = keras.layers.SimpleRNN(4, dtype=dtype)(i)
    twin = keras.Model(i, keras.layers.Dense(3, activation="softmax" if loss != "mse" else None, dtype=dtype)(x))
    twin.set_weights(model.get_weights())
    twin.compile(optimizer=optimizer(), loss=loss)
    history = twin.fit(X, Y, epochs=epochs, batch_size=batch_size, shuffle=False, verbose=0)
    keras.config.set_floatx("float32")
    return np.array(history.history["loss"]), twin.get_weights()


@pytest.mark.parametrize("kind", ["adam", "momentum"])
def test_the_loss_curve_is_that_of_keras(kind):
    import keras

    ours = {"adam": lambda: Adam(0.1), "momentum": lambda: SGD(0.05, momentum=0.9)}[kind]
    theirs = {
        "adam": lambda: keras.optimizers.Adam(0.1),
        "momentum": lambda: keras.optimizers.SGD(0.05, momentum=0.9),
    }[kind]
    for dtype, epochs, limit in (("float32", 10, 1e-4), ("float64", 60, 1e-6)):
        model, X, Y = notebook(dtype)
        curve, _ = keras_losses(model, X, Y, theirs, epochs, 32, dtype)
        model.compile(ours(), "mse")
        history = model.fit(X, Y, epochs=epochs, verbose=0, shuffle=False)
        found = np.array(history.history["loss"])
        assert np.abs(found / curve - 1).max() < limit, (dtype, np.abs(found / curve - 1).max())
        assert all(w.dtype == dtype for w in model.get_weights())


def test_batches_of_unequal_size_and_classes():
    import keras

    model, X, Y = notebook("float64", "categorical_crossentropy")
    curve, weights = keras_losses(
        model, X, Y, lambda: keras.optimizers.SGD(0.1), 5, 4, "float64", "categorical_crossentropy"
    )  # 4, 4 and 2 samples
    model.compile("sgd", "categorical_crossentropy")
    model.training_plan().optimizer.learning_rate = 0.1
    history = model.fit(X, Y, epochs=5, batch_size=4, verbose=0, shuffle=False)
    np.testing.assert_allclose(history.history["loss"], curve, rtol=1e-6)
    for ours, theirs in zip(model.get_weights(), weights):
        np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-7)


def test_history_validation_and_metrics(capsys):
    model, X, Y = notebook("float32", "categorical_crossentropy")
    model.compile(Adam(0.05), "categorical_crossentropy", metrics=["accuracy", "mae"])
    history = model.fit(X[:7], Y[:7], epochs=3, verbose=1, validation_data=(X[7:], Y[7:]))
    assert list(history.history) == ["accuracy", "loss", "mae", "val_accuracy", "val_loss", "val_mae"]
    assert history.epoch == [0, 1, 2] and all(len(values) == 3 for values in history.history.values())
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 6 and lines[4] == "Epoch 3/3" and lines[5].startswith("1/1 ━━━") and " - val_mae: " in lines[5]
    loss, accuracy, mae = model.evaluate(X[7:], Y[7:], verbose=0)
    assert loss == pytest.approx(history.history["val_loss"][-1]) and mae == pytest.approx(history.history["val_mae"][-1])
    assert accuracy == np.mean(model.predict(X[7:]).argmax(-1) == Y[7:].argmax(-1))
    assert model.evaluate(X[7:], Y[7:], verbose=0, return_dict=True)["loss"] == loss


def test_shuffling_changes_the_order_not_the_samples():
    model, X, Y = notebook("float64")
    model.compile(SGD(0.0), "mse")
    expected = mr.trace(model, X, Y).loss
    assert model.fit(X, Y, batch_size=3, verbose=0).history["loss"][0] == pytest.approx(float(expected), rel=1e-12)


def test_a_layer_that_is_not_trained_keeps_its_weights():
    model = Sequential([Input((4, 3)), SimpleRNN(5, trainable=False), Dense(2)])
    before = model.get_weights()
    model.compile(Adam(0.1), "mse")
    model.fit(np.ones((2, 4, 3), "float32"), np.ones((2, 2), "float32"), epochs=2, verbose=0)
    same = [bool((a == b).all()) for a, b in zip(before, model.get_weights())]
    assert same == [True, True, True, False, False]


def test_a_loss_that_is_no_number_any_more():
    model, X, Y = notebook("float32")
    model.compile(SGD(1e20), "mse")
    says = r"the loss is (inf|nan) at step 2 of the optimizer; the largest gradient .* is dL/d\w+"
    with np.errstate(all="ignore"), pytest.raises(FloatingPointError, match=says):
        model.fit(X, Y, epochs=5, verbose=0)
    assert all(np.isfinite(w).all() for w in model.get_weights())
    assert np.isfinite(mr.trace(model, X, Y).loss)


def test_interrupted_it_keeps_the_last_complete_step():
    model, X, Y = notebook("float64")
    whole, *_ = notebook("float64")
    whole.compile(Adam(0.1), "mse")
    whole.fit(X, Y, epochs=3, verbose=0, shuffle=False)

    class Interrupted(Callback):
        def on_train_batch_end(self, batch, logs=None):
            if self.model.optimizer.iterations == 3:
                raise KeyboardInterrupt

    model.compile(Adam(0.1), "mse")
    with pytest.raises(KeyboardInterrupt):
        model.fit(X, Y, epochs=9, verbose=0, shuffle=False, callbacks=[Interrupted()])
    assert all((a == b).all() for a, b in zip(model.get_weights(), whole.get_weights()))
    for one in (model, whole):
        one.fit(X, Y, epochs=2, verbose=0, shuffle=False)
    assert all((a == b).all() for a, b in zip(model.get_weights(), whole.get_weights()))


@pytest.mark.parametrize("late", range(0, 400, 13))
def test_an_interrupt_anywhere_leaves_weights_and_optimizer_of_one_step(late):
    """Ctrl-C at the line that is the so many-th to run: going on then is the path of a training without it."""

    def made():
        model, X, Y = notebook("float32")
        model.compile(Adam(0.05), "mse")
        model.fit(X, Y, verbose=0, shuffle=False)
        return model, X, Y

    def state(model):
        return b"".join(w.tobytes() for w in model.get_weights())

    model, X, Y = made()
    path = [state(model)]
    for _ in range(5):
        model.fit(X, Y, verbose=0, shuffle=False)
        path.append(state(model))
    model, X, Y = made()
    seen = 0

    def lines(frame, event, _):
        nonlocal seen
        if "training" not in frame.f_code.co_filename:
            return None
        seen += event == "line"
        if seen == late + 200:
            sys.settrace(None)
            signal.raise_signal(signal.SIGINT)
        return lines

    sys.settrace(lines)
    try:
        model.fit(X, Y, epochs=3, verbose=0, shuffle=False)
    except KeyboardInterrupt:
        pass
    finally:
        sys.settrace(None)
    assert state(model) in path
    done = path.index(state(model))
    model.fit(X, Y, epochs=2, verbose=0, shuffle=False)
    assert state(model) == path[done + 2]


def test_what_cannot_be_trained_is_said():
    model, X, Y = notebook("float32")
    with pytest.raises(ValueError, match="say how to train first"):
        model.fit(X, Y)
    with pytest.raises(ValueError, match="unknown metric 'f1'"):
        model.compile(metrics=["f1"])
    model.compile(loss="mse")
    for arguments, options, says in (
        ((X, Y[:4]), {}, "X has 10 samples, Y has 4"),
        ((X, Y), {"epochs": 0}, "epochs is 0"),
        ((X, Y), {"batch_size": 2.5}, "batch_size is 2.5"),
        ((X, np.full_like(Y, np.nan)), {}, "Y has nan at"),
        ((X, Y[:, :2]), {}, r"Y has shape \(10, 2\); the output of the model has shape \(10, 3\)"),
    ):
        with pytest.raises(ValueError, match=says):
            model.fit(*arguments, verbose=0, **options)


def test_predictions_are_those_of_the_trace(make):
    for options in ({}, {"layers": 2, "every_step": True}, {"flatten": True}, {"samples": 1, "head": "softmax"}):
        for dtype in ("float32", "float64"):
            trace = make(**options)
            trace.model.set_weights([w.astype(dtype) for w in trace.model.get_weights()])
            X = trace.inputs[0].astype(dtype)
            y = trace.model.predict(X)
            assert y.dtype == dtype
            assert np.abs(y - mr.trace(trace.model, X).output).max() < 32 * np.finfo(dtype).eps * np.abs(y).max()


def test_a_layer_added_after_a_prediction():
    model = Sequential([SimpleRNN(5), Dense(2)])
    X = np.ones((2, 4, 3))
    assert model.predict(X).shape == (2, 2)
    model.add(Dense(3))
    assert model.predict(X).shape == (2, 3)


def test_constraints_and_penalties_are_those_of_keras():
    import keras

    def settings(kind):
        return {"kernel_constraint": kind.constraints.MaxNorm(0.5), "recurrent_regularizer": kind.regularizers.L2(0.1)}

    i = Input((20, 4))
    model = Model(i, Dense(3)(SimpleRNN(4, **settings(mr))(i)))
    _, X, Y = notebook("float64")
    model.set_weights([w.astype("float64") for w in model.get_weights()])
    keras.config.set_floatx("float64")  # of the learning rate, and of what the data are converted to
    try:
        i = keras.layers.Input((20, 4), dtype="float64")
        x = keras.layers.SimpleRNN(4, dtype="float64", **settings(keras))(i)
        twin = keras.Model(i, keras.layers.Dense(3, dtype="float64")(x))
        twin.set_weights(model.get_weights())
        twin.compile(keras.optimizers.SGD(0.1), "mse")
        curve = twin.fit(X, Y, epochs=6, shuffle=False, verbose=0).history["loss"]
    finally:
        keras.config.set_floatx("float32")
    model.compile(SGD(0.1), "mse")
    found = model.fit(X, Y, epochs=6, shuffle=False, verbose=0).history["loss"]
    np.testing.assert_allclose(found, curve, rtol=1e-6)
    assert np.linalg.norm(model.get_weights()[0], axis=0).max() < 0.5 + 1e-6


def test_dropout_is_drawn_anew_for_each_batch():

    model = Sequential([Input((4, 3)), SimpleRNN(5), Dropout(0.5), Dense(2)])
    model.compile(SGD(0.0), "mse")
    X, Y = np.ones((2, 4, 3), "float32"), np.ones((2, 2), "float32")
    losses = model.fit(X, Y, epochs=6, verbose=0).history["loss"]
    assert len(set(losses)) > 1
    assert model.evaluate(X, Y, verbose=0) == pytest.approx(float(mr.trace(model, X, Y).loss), rel=1e-5)


def two_heads(dtype="float64"):
    """A head at every step and one at the last, and their twin in Keras."""
    import keras

    i = Input((4, 3))
    x = SimpleRNN(5, return_sequences=True)(i)
    last = Dense(2, activation="softmax", name="last")(SimpleRNN(7)(x))
    model = Model(i, [Dense(6, name="each")(x), last])
    rng = np.random.default_rng(5)
    model.set_weights([rng.normal(0, 0.4, w.shape).astype(dtype) for w in model.get_weights()])
    X, Y = rng.normal(size=(9, 4, 3)), [rng.normal(size=(9, 4, 6)), np.eye(2)[rng.integers(0, 2, 9)]]
    keras.config.set_floatx(dtype)
    try:
        twin = mr.to_keras(model)
    finally:
        keras.config.set_floatx("float32")
    return model, twin, X, Y


@pytest.mark.parametrize(
    "told",
    [
        {"loss": "mse"},
        {"loss": ["mse", "categorical_crossentropy"], "loss_weights": [1.0, 0.25], "metrics": [["mae"], ["accuracy"]]},
        {
            "loss": {"last": "categorical_crossentropy", "each": "mse"},
            "loss_weights": {"last": 2.0, "each": 0.5},
            "metrics": {"last": ["categorical_accuracy", "mse"], "each": ["mae"]},
        },
    ],
)
def test_several_outputs_are_trained_as_keras_trains_them(told):
    import keras

    model, twin, X, Y = two_heads()
    keras.config.set_floatx("float64")
    try:
        twin.compile(keras.optimizers.SGD(0.1), **told)
        theirs = twin.fit(X, Y, epochs=4, batch_size=3, shuffle=False, verbose=0, validation_data=(X, Y)).history
    finally:
        keras.config.set_floatx("float32")
    model.compile(SGD(0.1), **told)
    ours = model.fit(X, Y, epochs=4, batch_size=3, shuffle=False, verbose=0, validation_data=(X, Y)).history
    assert set(ours) == set(theirs)
    for name in theirs:
        np.testing.assert_allclose(ours[name], theirs[name], rtol=2e-5, err_msg=name)
    for w, v in zip(model.get_weights(), twin.get_weights()):
        np.testing.assert_allclose(w, v, rtol=1e-4, atol=1e-6)
    assert model.evaluate(X, Y, verbose=0, return_dict=True)["loss"] == pytest.approx(ours["val_loss"][-1])


def test_the_loss_of_each_output_can_be_told_to_trace():
    model, _, X, Y = two_heads()
    trace = mr.trace(model, X, Y, loss={"each": "mse", "last": "categorical_crossentropy"}, loss_weights=[0.5, 2])
    each, last = trace.parts_of_loss
    assert trace.loss == pytest.approx(0.5 * each + 2 * last) and trace.loss_name == "0.5 mse + 2 categorical_crossentropy"
    assert trace.verify().ok and trace.equations().residual < 1e-13


@pytest.mark.parametrize("both_ways", [False, True])
def test_a_stateful_model_goes_on_from_batch_to_batch_as_in_keras(both_ways):
    import keras

    rnn = SimpleRNN(5, stateful=True)
    model = Sequential([Input((4, 3), batch_size=2), Bidirectional(rnn) if both_ways else rnn, Dense(2)])
    rng = np.random.default_rng(6)
    model.set_weights([rng.normal(0, 0.4, w.shape) for w in model.get_weights()])
    X, Y = rng.normal(size=(6, 4, 3)), rng.normal(size=(6, 2))
    keras.config.set_floatx("float64")
    try:
        twin = mr.to_keras(model)
        twin.compile(keras.optimizers.SGD(0.1), "mse", metrics=["mae"])
        model.compile(SGD(0.1), "mse", metrics=["mae"])
        for _ in range(2):  # the states of the one before, then from zeros
            theirs = twin.fit(X, Y, epochs=3, batch_size=2, shuffle=False, verbose=0, validation_data=(X[:4], Y[:4])).history
            ours = model.fit(X, Y, epochs=3, shuffle=False, verbose=0, validation_data=(X[:4], Y[:4])).history
            for name in theirs:
                np.testing.assert_allclose(ours[name], theirs[name], rtol=2e-5, err_msg=name)
            for layer in twin.layers:
                if hasattr(layer, "reset_states") or hasattr(layer, "reset_state"):
                    layer.reset_state()
            model.reset_states()
    finally:
        keras.config.set_floatx("float32")
    for w, v in zip(model.get_weights(), twin.get_weights()):
        np.testing.assert_allclose(w, v, rtol=1e-4, atol=1e-6)


def test_metrics_see_what_came_out_in_training():
    """With dropout in training, as Keras' do: another computation would give other numbers."""
    model = Sequential([Input((4, 3)), SimpleRNN(5), Dropout(0.5), Dense(2)])
    model.compile(SGD(0.0), "mse", metrics=["mse"])
    history = model.fit(np.ones((2, 4, 3), "f"), np.ones((2, 2), "f"), epochs=3, verbose=0).history
    np.testing.assert_allclose(history["mse"], history["loss"], rtol=1e-6)


@pytest.mark.parametrize(
    ("told", "says"),
    [
        ({"loss": ["mse"]}, "loss has 1 entries; the model has 2 outputs"),
        ({"loss": {"each": "mse", "other": "mse"}}, "loss is given for each, other; the model has the outputs each, last"),
        ({"loss_weights": [1.0, "two"]}, "loss_weights holds 'two'"),
        ({"metrics": ["mae"]}, "metrics must have an entry for each of the 2 outputs"),
    ],
)
def test_what_does_not_fit_the_outputs_is_said(told, says):
    i = Input((4, 3))
    model = Model(i, [Dense(6, name="each")(SimpleRNN(5)(i)), Dense(2, name="last")(SimpleRNN(7)(i))])
    with pytest.raises(ValueError, match=says):
        model.compile(**told)
        model.fit(np.ones((2, 4, 3), "f"), [np.ones((2, 6), "f"), np.ones((2, 2), "f")], verbose=0)


@pytest.mark.parametrize(
    ("samples", "size", "says"), [(5, None, "there are 5 samples; the input of .* takes 2"), (4, 4, "batch_size is 4")]
)
def test_a_stateful_model_needs_whole_batches(samples, size, says):
    model = Sequential([Input((4, 3), batch_size=2), SimpleRNN(5, stateful=True), Dense(2)])
    model.compile(loss="mse")
    with pytest.raises(ValueError, match=says):
        model.fit(np.ones((samples, 4, 3), "f"), np.ones((samples, 2), "f"), batch_size=size, verbose=0)


def test_numbers_without_a_row_in_the_table_are_refused():
    model = Sequential([Input((None,)), Embedding(9, 4), SimpleRNN(5), Dense(2)])
    model.compile(loss="mse")
    with pytest.raises(ValueError, match="has rows 0 to 8; X holds 0 to 9"):
        model.fit(np.arange(10).reshape(2, 5), np.ones((2, 2), "f"), verbose=0)


@pytest.mark.parametrize("kind", ["numbers", "mask", "own cell"])
def test_what_is_no_plain_sequence_is_trained_by_its_source(kind):
    """Any number of samples, though the source is made of a trace of two."""
    rng = np.random.default_rng(0)
    if kind == "numbers":
        model = Sequential([Input((None,)), Embedding(9, 4, mask_zero=True), SimpleRNN(5), Dense(2)])
        X = rng.integers(0, 9, (7, 6))
    elif kind == "mask":
        i, m = Input((None, 3)), Input((None,), dtype="bool")
        model = Model([i, m], Dense(2)(SimpleRNN(5)(i, mask=m)))
        X = [rng.normal(size=(7, 6, 3)), rng.random((7, 6)) > 0.3]
    else:
        model = Sequential([Input((None, 3)), RNN(Gated(5)), Dense(2)])
        X = rng.normal(size=(7, 6, 3))
    model.set_weights([rng.normal(0, 0.4, w.shape) for w in model.get_weights()])
    Y = rng.normal(size=(7, 2))
    model.compile(SGD(0.1), "mse")
    before = mr.trace(model, X, Y)
    expected = {name: before.value(name) - 0.1 * g for name, g in before.gradients.items()}
    assert isinstance(runner(model, checked(model, X, Y), mr.losses.as_loss("mse")), InSource)
    assert model.fit(X, Y, verbose=0).history["loss"] == [pytest.approx(float(before.loss))]
    after = mr.trace(model, X, Y)
    for name in expected:
        np.testing.assert_allclose(after.value(name), expected[name], rtol=1e-12, atol=1e-14)


def test_a_table_is_trained_as_keras_trains_it():
    import keras

    mr.set_random_seed(2)
    rng = np.random.default_rng(1)
    X, Y = rng.integers(0, 7, (5, 4)), rng.normal(size=(5, 2))
    i = Input((4,))
    model = Model(i, Dense(2)(SimpleRNN(3)(Embedding(7, 2, mask_zero=True)(i))))
    twin = mr.to_keras(model)
    twin.compile(keras.optimizers.SGD(0.1), "mse", metrics=["mae"])
    theirs = twin.fit(X, Y, epochs=4, batch_size=2, shuffle=False, verbose=0)
    model.compile(SGD(0.1), "mse", metrics=["mae"])
    ours = model.fit(X, Y, epochs=4, batch_size=2, shuffle=False, verbose=0)
    for name in ("loss", "mae"):
        np.testing.assert_allclose(ours.history[name], theirs.history[name], rtol=1e-5)
    np.testing.assert_allclose(model.evaluate(X, Y, verbose=0), twin.evaluate(X, Y, verbose=0), rtol=1e-5)
    np.testing.assert_allclose(model.predict(X, batch_size=2), twin.predict(X, batch_size=2, verbose=0), rtol=1e-5)


@pytest.mark.parametrize(
    "told, error, says",
    [
        ({"validation_data": (np.zeros((2, 3, 4)),)}, ValueError, r"validation_data must be \(x, y\)"),
        ({"validation_data": np.zeros((2, 3, 4))}, ValueError, r"validation_data must be \(x, y\)"),
        ({"shuffle": "batch"}, TypeError, "shuffle='batch'"),
        ({"metrics": [5]}, ValueError, "a metric must be a name, an object, or a function"),
        ({"callbacks": [Callback]}, TypeError, "give objects"),
        ({"verbose": "loud"}, ValueError, "verbose='loud'"),
        ({"validation_split": 2.0}, ValueError, "validation_split=2.0"),
        ({"class_weight": {0: 1.0}, "sample_weight": np.ones(2)}, ValueError, "not both"),
        ({"loss": lambda y, p: (p if p.sum() > 0 else y).mean()}, TypeError, "a branch on a traced value"),
    ],
)
def test_what_was_told_wrongly_is_said(told, error, says):
    model = Sequential([Input((3, 4)), SimpleRNN(5), Dense(2)])
    with pytest.raises(error, match=says):
        model.compile(**{"loss": "mse"} | {key: told.pop(key) for key in ("loss", "metrics") if key in told})
        model.fit(np.zeros((2, 3, 4)), np.zeros((2, 2)), **({"verbose": 0} | told))


def trained_with_a_schedule_of_ones_own(layers, models, optimizer, ops):
    """The warm-up of transformers, which divides by the step that is 0 at first."""

    class WarmUp(optimizer.schedules.LearningRateSchedule):
        def __init__(self, width, steps=4):
            super().__init__()
            self.width, self.steps = ops.cast(width, "float32"), steps

        def __call__(self, step):
            step = ops.cast(step, "float32")
            return ops.rsqrt(self.width) * ops.minimum(ops.rsqrt(step), step * self.steps**-1.5)

    model = models.Sequential([layers.Input((3, 2)), layers.SimpleRNN(2), layers.Dense(1)])
    model.set_weights([np.linspace(-1, 1, w.size).reshape(w.shape) for w in model.get_weights()])
    model.compile(optimizer.Adam(WarmUp(8)), "mse")
    X, Y = np.linspace(-1, 2, 36).reshape(6, 3, 2), np.arange(6.0)[:, None] / 5
    return model.fit(X, Y, epochs=4, batch_size=4, shuffle=False, verbose=0).history["loss"]


def test_a_schedule_of_ones_own_as_keras_has_it():
    import keras

    ours = trained_with_a_schedule_of_ones_own(mr.layers, mr.models, mr.optimizers, mr.ops)
    assert np.allclose(
        ours, trained_with_a_schedule_of_ones_own(keras.layers, keras, keras.optimizers, keras.ops), rtol=1e-4
    )


def test_what_nobody_can_watch_is_refused():
    model = mr.models.Sequential([mr.layers.Input((3, 2)), mr.layers.SimpleRNN(2), mr.layers.Dense(1)])
    assert not model.compiled
    model.compile("sgd", "mse")
    X, Y = np.ones((2, 3, 2)), np.ones((2, 1))
    with pytest.raises(ValueError, match=r"EarlyStopping\(monitor='val_nothing'\): say whether it is to be small or large"):
        model.fit(X, Y, verbose=0, callbacks=[mr.callbacks.EarlyStopping(monitor="val_nothing")])
    with pytest.warns(UserWarning, match="watches 'val_loss'; there are loss"):
        model.fit(X, Y, verbose=0, callbacks=[mr.callbacks.EarlyStopping(monitor="val_loss")])
    model.train_on_batch(X, Y)
    model.reset_metrics()
    assert model.compiled and model.metrics[0].result() == 0.0
