"""Lambda, and operations on placeholders: the same in Keras, in files, in every reading, or refused with a way out."""

from __future__ import annotations

import numpy as np
import pytest

import minirnn as mr
from minirnn import ops
from minirnn.layers import Lambda

rng = np.random.default_rng(5)
X = rng.normal(size=(2, 5, 3))

OF_SEQUENCES = {
    "numbers": lambda x: 2 * x - 1,
    "a part": lambda x: x[..., 1:],
    "backwards": lambda x: x[:, ::-1],
    "a power": lambda x: x**3 / 2 + 1 / (x + 10),
    "two at once": lambda x: x * x - abs(x),
}
OF_STATES = {
    "the last step": lambda h: h[:, -1],
    "the sum": lambda h: 3.0 - h[:, 0] - h[:, -1],
}


def around(keras, before, after):
    layers = keras.layers
    return keras.Sequential([
        keras.Input((5, 3)), layers.Lambda(before), layers.SimpleRNN(4, return_sequences=True), layers.Lambda(after),
        layers.Dense(2), layers.Lambda(lambda y: 100.0 * y),
    ])  # fmt: skip


@pytest.mark.parametrize("before", OF_SEQUENCES)
@pytest.mark.parametrize("after", OF_STATES)
def test_a_program_with_lambdas_is_as_in_keras(tmp_path, before, after):
    import keras

    theirs = around(keras, OF_SEQUENCES[before], OF_STATES[after])
    theirs.set_weights([0.5 * rng.normal(size=w.shape) for w in theirs.get_weights()])
    wants = theirs.predict(X, verbose=0)
    written = around(mr, OF_SEQUENCES[before], OF_STATES[after])
    written.set_weights(theirs.get_weights())
    for model in (written, mr.from_keras(theirs)):
        assert [layer.label.rstrip("_0123456789") for layer in model.layers] == [
            "lambda", "simple_rnn", "lambda", "dense", "lambda",
        ]  # fmt: skip
        np.testing.assert_allclose(model.predict(X), wants, rtol=2e-5, atol=1e-4)
    path = mr.save(written, tmp_path / "m.keras")
    np.testing.assert_array_equal(mr.load(path).predict(X), written.predict(X))
    np.testing.assert_allclose(keras.saving.load_model(path).predict(X, verbose=0), wants, rtol=2e-5, atol=1e-4)


def test_every_reading_of_lambdas():
    from .. import matrix

    model = around(mr, lambda x: ops.tanh(2 * x - 1), lambda h: np.sqrt(h[:, -1] ** 2 + 1))
    trace = mr.trace(model, X, rng.normal(size=(2, 2)), loss="mse", dtype="float64")
    assert "a⁽²⁾ = √(h_T² + 1)" in str(trace.equations()).replace("sqrt", "√")
    for reading in matrix.READINGS:
        verdict, said = matrix.outcome(reading, trace)
        assert verdict != "wrong", (reading, said)
    assert trace.verify().ok


def test_two_inputs_and_a_shared_lambda():
    i = mr.Input((None, 3))
    apart = Lambda(lambda pair: np.abs(pair[0] - pair[1]))
    states = [mr.layers.SimpleRNN(4)(i) for _ in range(2)]
    model = mr.Model(i, mr.layers.Dense(1)(apart([apart(states), states[0]])))
    trace = mr.trace(model, X, rng.normal(size=(2, 1)), loss="mse", dtype="float64")
    assert trace.equations().residual < 1e-14 and trace.verify().ok


def test_tensorflows_functions_on_a_placeholder():
    import keras
    import tensorflow as tf

    def program(keras):
        return keras.Sequential([
            keras.Input((5,)), keras.layers.Lambda(lambda x: tf.expand_dims(x, axis=-1)), keras.layers.SimpleRNN(4),
            keras.layers.Lambda(lambda h: tf.nn.softmax(tf.square(h)) * tf.cast(h, tf.float32)),
        ])  # fmt: skip

    theirs, ours = program(keras), program(mr)
    ours.set_weights(theirs.get_weights())
    for model in (ours, mr.from_keras(theirs)):
        np.testing.assert_allclose(model.predict(X[:, :, 0]), theirs.predict(X[:, :, 0], verbose=0), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    ("function", "said"),
    [
        (lambda x: np.linalg.inv(x), "there is no inv of placeholders"),
        (lambda x: x.value, "no attribute 'value'"),
        (lambda x: np.mean(x), "must be an array for each sample"),
        (lambda x: 3, "it gives int"),
        (lambda x: mr.layers.Dense(2)(x), "has weights or draws numbers"),
        (lambda x: mr.layers.Dropout(0.3)(x), "has weights or draws numbers"),
    ],
)
def test_what_cannot_be_followed_is_refused_with_a_way_out(function, said):
    with pytest.raises(NotImplementedError, match=said) as found:
        Lambda(function)(mr.Input((5, 3)))
    assert "layer of the model" in str(found.value) or "as a loop in NumPy" in str(found.value)


def test_a_lambda_in_a_file_is_refused():
    import keras

    model = keras.Sequential([keras.Input((5, 3)), keras.layers.Lambda(lambda x: 2 * x)])
    with pytest.raises(NotImplementedError, match="no code of a file is run: build the model in Python"):
        mr.Sequential.from_config(model.get_config())


@pytest.mark.parametrize("name", ["gelu", "softmax", "elu", "leaky_relu", "squeeze", "sum", "absolute", "divide", "clip"])
def test_an_operation_of_keras_keeps_its_arguments(name):
    import keras

    o = keras.ops
    with_arguments = {
        "gelu": o.gelu, "softmax": lambda x: o.softmax(x, axis=-1), "elu": lambda x: o.elu(x, alpha=0.3),
        "leaky_relu": lambda x: o.leaky_relu(x, negative_slope=0.4), "squeeze": lambda x: o.squeeze(x[:, 1:2], 1),
        "sum": lambda x: o.sum(x, axis=1), "absolute": o.abs, "divide": lambda x: o.divide(x, x + 9.0),
        "clip": lambda x: o.clip(x, -0.5, 0.25),
    }  # fmt: skip
    i = keras.Input((5, 3))
    theirs = keras.Model(i, with_arguments[name](i))
    np.testing.assert_allclose(mr.from_keras(theirs).predict(X), theirs.predict(X, verbose=0), rtol=1e-5, atol=1e-6)


def test_an_operation_drops_the_mask_as_in_keras(tmp_path):
    """``2 * x`` is no layer: what follows it sees every step."""
    import keras

    def program(keras):
        i = keras.Input((5, 3))
        return keras.Model(i, keras.layers.SimpleRNN(4)(2 * keras.layers.Masking()(i)))

    theirs = program(keras)
    masked = np.where(np.arange(5)[:, None] < 3, X, 0)
    wants = theirs.predict(masked, verbose=0)
    written = program(mr)
    written.set_weights(theirs.get_weights())
    mr.save(written, tmp_path / "m.keras")
    for model in (written, mr.from_keras(theirs), mr.load(tmp_path / "m.keras")):
        np.testing.assert_allclose(model.predict(masked), wants, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(mr.to_keras(written).predict(masked, verbose=0), wants, rtol=1e-5, atol=1e-6)


def clipped(ops):
    return lambda x: ops.where(ops.abs(x) < 0.2, x, 0.2 * ops.sign(x))


OF_ARRAYS = {
    "a choice": lambda ops: lambda x: ops.where(x > 0, x, ops.zeros_like(x)),
    "a choice of computed numbers": clipped,
    "halves": lambda ops: lambda x: ops.split(x, 2, axis=-1)[0] * ops.split(x, 2, axis=-1)[1],
    "sums so far": lambda ops: lambda x: ops.cumsum(x, axis=1),
    "from step to step": lambda ops: lambda x: ops.concatenate([x[:, :1], x[:, 1:] - x[:, :-1]], axis=1),
}


@pytest.mark.usefixtures("double_precision")
@pytest.mark.parametrize("name", OF_ARRAYS)
def test_what_takes_no_placeholder_is_followed_on_arrays(name):
    import keras

    models = []
    for package, its_ops in ((keras, keras.ops), (mr, ops)):
        i = package.layers.Input((5, 3))
        h = package.layers.SimpleRNN(4, return_sequences=True)(i)
        end = package.layers.Dense(2)(package.layers.Lambda(OF_ARRAYS[name](its_ops))(h))
        models.append(package.models.Model(i, end))
    theirs, model = models
    model.set_weights(theirs.get_weights())
    found = model.predict(X)
    np.testing.assert_allclose(found, theirs.predict(X, verbose=0), rtol=1e-10, atol=1e-13)
    trace = mr.trace(model, X, rng.normal(size=found.shape))
    assert trace.verify().ok and trace.equations().residual < 1e-12


@pytest.mark.parametrize("name", ["minirnn", "keras", "tensorflow"])
def test_numbers_are_taken_as_one_hot_rows(name):
    import keras
    import tensorflow as tf

    functions = {
        "minirnn": lambda x: ops.one_hot(x, 7),
        "keras": lambda x: keras.ops.one_hot(x, 7, axis=1),
        "tensorflow": lambda x: tf.one_hot(tf.cast(x, "int32"), depth=7, on_value=2.0, off_value=-0.5),
    }
    theirs_of = {**functions, "minirnn": lambda x: keras.ops.one_hot(x, 7)}
    models = []
    for package, function in ((keras, theirs_of[name]), (mr, functions[name])):
        i = package.layers.Input((5,), dtype="int32")
        models.append(package.models.Model(i, package.layers.SimpleRNN(4)(package.layers.Lambda(function)(i))))
    theirs, model = models
    model.set_weights(theirs.get_weights())
    numbers = np.random.default_rng(8).integers(0, 9, (3, 5))  # of 7 and 8 there is no row: it is 0
    found = model.predict(numbers)
    np.testing.assert_allclose(found, theirs.predict(numbers, verbose=0), rtol=1e-5, atol=1e-6)
    assert mr.trace(model, numbers, found).verify().ok


def test_a_function_of_tensorflow_that_is_not_followed_is_named_with_a_way_out():
    import tensorflow as tf

    i = mr.Input((5, 3))
    h = Lambda(lambda x: tf.linalg.band_part(x, 0, 1))(i)
    with pytest.raises(TypeError, match=r"TensorFlow's own functions take no traced value; take those of minirnn\.ops") as e:
        mr.Model(i, mr.layers.SimpleRNN(4)(h))(X)
    assert "site-packages" not in str(e.value) and "test_lambda.py" in str(e.value)


def test_a_comparison_of_placeholders_is_refused_with_a_way_out():
    for compare in (lambda x: x > 0, lambda x: ops.not_equal(x, 0.0)):
        with pytest.raises(NotImplementedError, match="true or false, not a number that is differentiated: compare where"):
            compare(mr.Input((5, 3)))
