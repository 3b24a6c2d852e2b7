"""Places where Keras differs from itself or its documentation: what it does, what minirnn does, the sentence for it."""

from __future__ import annotations

import os
import subprocess
import sys
import warnings

import numpy as np
import pytest

import minirnn as mr
from minirnn.layers import Bidirectional, Dense, Input, Masking, SimpleRNN
from minirnn.models import Model
from minirnn.verify.keras_differences import TRAPS, concerning

X = np.arange(24.0).reshape(2, 4, 3)
H = np.full((2, 2), 0.5)
LATE = np.array([[0, 0, 1, 1], [1, 1, 1, 1]], bool)
NONE = np.zeros((2, 4), bool)
WEIGHTS = [np.full((3, 2), 0.01), np.full((2, 2), 0.02), np.full(2, 0.03)]


def ours(mask, semantics="tensorflow", **options):
    rnn = SimpleRNN(2, return_state=True, **options)
    rnn.build(X.shape)
    rnn.set_weights(WEIGHTS)
    return [np.asarray(y) for y in rnn(X, initial_state=H, mask=mask, semantics=semantics)]


def theirs(mask, **options):
    import keras

    rnn = keras.layers.SimpleRNN(2, return_state=True, dtype="float64", **options)
    rnn.build(X.shape)
    rnn.set_weights(WEIGHTS)
    return [np.asarray(y) for y in rnn(X, initial_state=H, mask=mask)]


def agree(mask, **options):
    found = ours(mask, **options)
    for a, b in zip(found, theirs(mask, **options), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-13)
    return found


def traced(mask=None, semantics="tensorflow", head=False, training=False, layer=SimpleRNN, x=X, **options):
    """A trace of one recurrent layer, with the mask and the initial state of these tests if there is a mask."""
    i, h, m = Input((4, 3), batch_size=2), Input((2,), batch_size=2), Input((4,), dtype="bool", batch_size=2)
    rnn = layer(2, **options) if layer is SimpleRNN else layer
    given = {"initial_state": [h] * (1 + isinstance(rnn, Bidirectional)), "mask": m} if mask is not None else {}
    out = rnn(i, **given)
    model = Model([i, h, m] if given else i, out[0] if isinstance(out, list) else out)
    for row in model.layers:
        row.set_weights([0.1 * w for w in row.get_weights()])
    data = [x, H, mask] if given else x
    Y = np.random.default_rng(0).normal(size=model.predict(data).shape)
    return mr.trace(model, data, Y, semantics=semantics, training=training, dtype="float64")


def explains(trace, name, ok):
    """The verdict on the trace is `ok`, and the sentence of the trap of that name is in what it prints."""
    said = next(trap.sentence for trap in TRAPS if trap.name == name)
    report = trace.verify()
    assert report.ok is ok and f"{name}: {said.rstrip('.')}" in str(report)
    return str(report)


def test_1_steps_left_out_before_the_first():
    out, _ = agree(LATE, return_sequences=True)
    assert out[0, :2].tolist() == [[0, 0], [0, 0]]
    assert ours(LATE, "jax", return_sequences=True)[0][0, :2].tolist() == [[0.5, 0.5], [0.5, 0.5]]
    assert traced(LATE, return_sequences=True).verify().ok
    said = explains(
        traced(LATE, "jax", return_sequences=True), "steps left out before the first that is used", ok=False
    )  # of the Keras on TensorFlow that is asked here
    assert "With semantics='tensorflow' all agree" in said and "every step left out" not in said


def test_2_every_step_left_out():
    out, state = agree(NONE)
    assert not out.any() and (state == 0.5).all()
    out, state = ours(NONE, "jax")
    assert (out == 0.5).all() and (state == 0.5).all() and not ours(NONE, "jax", unroll=True)[0].any()
    said = explains(traced(NONE, "jax"), "every step left out", ok=False)
    assert "steps left out before" not in said
    with pytest.raises(ValueError, match="leaves out every step of every sample"):
        traced(NONE, return_sequences=True)


def test_3_zeros_without_all_outputs():
    mask = LATE[:, ::-1]
    out, state = agree(mask, zero_output_for_mask=True)
    assert not out[0].any() and state[0].all()
    name = "zero_output_for_mask without return_sequences"
    explains(traced(mask, zero_output_for_mask=True), name, ok=True)
    assert name not in str(traced(LATE, zero_output_for_mask=True).verify())  # there the last step is used
    assert ours(mask, "jax", zero_output_for_mask=True, unroll=True)[0][0].all()


def test_4_zeros_unrolled_and_backwards():
    rolled, _ = agree(LATE, zero_output_for_mask=True, go_backwards=True, return_sequences=True)
    unrolled, _ = agree(LATE, zero_output_for_mask=True, go_backwards=True, return_sequences=True, unroll=True)
    assert rolled[0].any(-1).tolist() == [True, True, False, False]
    assert unrolled[0].any(-1).tolist() == [False, False, True, True]
    agree(LATE, zero_output_for_mask=True, go_backwards=True, unroll=True)
    options = {"zero_output_for_mask": True, "go_backwards": True, "return_sequences": True, "unroll": True}
    explains(traced(LATE, **options), "zero_output_for_mask with unroll", ok=True)
    explains(traced(LATE, "jax", **options), "zero_output_for_mask with unroll", ok=False)


def test_5_activity_regularizer():
    import keras

    rnn = keras.layers.SimpleRNN(2, activity_regularizer="l2")
    rnn(X.astype("float32"))
    assert rnn.losses == []
    with pytest.warns(UserWarning, match="has no effect, in Keras as here"):
        mine = SimpleRNN(2, activity_regularizer="l2")
    assert mine.activity_regularizer is None
    with pytest.warns(UserWarning, match="has no effect"):
        trace = traced(activity_regularizer="l2")
    explains(trace, "activity_regularizer of SimpleRNN", ok=True)


def test_6_the_seed(tmp_path):
    import keras

    assert "seed" not in keras.layers.SimpleRNN(2, seed=3).get_config()
    i = Input((4, 3))
    mr.save(Model(i, SimpleRNN(2, dropout=0.5, seed=3)(i)), tmp_path / "a.keras")
    assert keras.saving.load_model(tmp_path / "a.keras").layers[1].cell.seed == 3
    assert mr.load(tmp_path / "a.keras").layers[1].cell.seed == 3
    assert Bidirectional(SimpleRNN(2, seed=3)).forward_layer.cell.seed is None  # as in Keras
    explains(traced(seed=3), "seed of SimpleRNN", ok=True)


def test_7_the_generator_goes_on_outside_training():
    import keras

    rnn = keras.layers.SimpleRNN(2, dropout=0.5, recurrent_dropout=0.5, seed=7)
    rnn(X.astype("float32"))
    assert np.asarray(rnn.cell.seed_generator.state).tolist() == [7, 2]

    def drawn(quiet_calls):
        mine = SimpleRNN(2, dropout=0.5, seed=7)
        model = Model(i := Input((4, 3)), mine(i))
        for _ in range(quiet_calls):
            model.predict(X)
        return mr.trace(model, X, training=True).value("d_x")

    np.testing.assert_array_equal(drawn(0), drawn(2))
    explains(traced(dropout=0.5, training=True), "dropout masks and inference", ok=True)
    assert "dropout masks" not in str(traced(dropout=0.5).verify())


def test_8_nan_at_a_step_left_out():
    import tensorflow as tf

    bad = X.copy()
    bad[0, 0] = np.nan
    rnn = SimpleRNN(2)
    rnn.build(X.shape)
    rnn.set_weights(WEIGHTS)
    import keras

    twin = keras.layers.SimpleRNN(2, dtype="float64")
    twin.build(X.shape)
    twin.set_weights(WEIGHTS)
    with tf.GradientTape() as tape:
        out = twin(bad, mask=LATE)
        loss = tf.reduce_sum(out)
    assert np.isfinite(np.asarray(out)).all()
    assert all(np.isnan(np.asarray(g)).all() for g in tape.gradient(loss, twin.trainable_variables))
    np.testing.assert_allclose(np.asarray(rnn(bad, mask=LATE)), np.asarray(out), rtol=1e-13)
    with pytest.raises(ValueError, match=r"not finite\. Keras predicts finite numbers and gives"):
        traced(LATE, x=bad)
    with pytest.raises(ValueError, match=r"not finite$"):
        traced(x=bad)


def test_9_the_mask_after_a_recurrent_layer():
    """The numbers of Keras 3.16 are those of a second layer, and of a loss, that know of no mask."""
    rng = np.random.default_rng(0)
    i = Input((4, 3))
    model = Model(i, SimpleRNN(4, return_sequences=True)(SimpleRNN(5, return_sequences=True)(Masking()(i))))
    data = rng.normal(size=(2, 4, 3)) * LATE[..., None]
    Y = rng.normal(size=(2, 4, 4))
    now, later = (mr.trace(model, data, Y, semantics=s, dtype="float64") for s in ("tensorflow", "keras-3.16"))
    assert now.verify().ok
    explains(later, "the mask after a recurrent layer", ok=False)
    first = Model(i, SimpleRNN(5, return_sequences=True)(Masking()(i)))
    first.set_weights(model.get_weights()[:3])
    j = Input((4, 5))
    second = Model(j, SimpleRNN(4, return_sequences=True)(j))
    second.set_weights(model.get_weights()[3:])
    between = first.predict(data)
    np.testing.assert_allclose(later.output, second.predict(between), rtol=1e-6)
    assert abs(later.loss - np.mean((later.output - Y) ** 2)) < 1e-12
    used = np.repeat(LATE[..., None], 4, -1)
    assert abs(now.loss - np.mean((now.output - Y)[used] ** 2)) < 1e-12


def test_10_both_ways_stateful_with_states():
    import keras

    for every_step in (False, True):
        rnn = keras.layers.SimpleRNN(2, stateful=True, return_state=True, return_sequences=every_step)
        layer = keras.layers.Bidirectional(rnn)
        for given in (X.astype("float32"), keras.layers.Masking()(X.astype("float32"))):
            with pytest.raises(TypeError, match="generator"), warnings.catch_warnings():
                warnings.simplefilter("ignore")
                layer(given)
    mine = Bidirectional(SimpleRNN(2, stateful=True, return_state=True, return_sequences=True))
    out, *states = mine(X, mask=LATE)
    assert np.asarray(out).shape == (2, 4, 4) and len(states) == 2
    trace = traced(LATE, layer=mine, dtype="float64")
    said = explains(trace, "Bidirectional with stateful and return_state", ok=True)  # by the complex step
    assert "Keras fails here: TypeError" in said


@pytest.mark.parametrize("kind", ["SimpleRNN", "GRU", "LSTM", "Bidirectional"])
def test_11_a_mask_and_initial_states(kind):
    """The mask of the input is not used where there are initial states, and handed on to the next layer and the loss."""
    import keras

    L = keras.layers
    states = {"LSTM": 2, "Bidirectional": 2}.get(kind, 1)
    layer = (
        L.Bidirectional(L.GRU(3, return_sequences=True))
        if kind == "Bidirectional"
        else getattr(L, kind)(3, return_sequences=True)
    )
    words, given = keras.Input((4,)), [keras.Input((3,)) for _ in range(states)]
    x = layer(L.Embedding(9, 5, mask_zero=True)(words), initial_state=given if states > 1 else given[0])
    twin = keras.Model([words, *given], L.Dense(2)(L.SimpleRNN(6, return_sequences=True)(x)))
    twin.set_weights([np.random.default_rng(0).normal(size=w.shape) for w in twin.get_weights()])
    rng = np.random.default_rng(1)
    data = [np.array([[0, 3, 2, 0], [5, 0, 1, 4]]), *[rng.normal(size=(2, 3)).astype("float32") for _ in given]]
    Y = rng.normal(size=(2, 4, 2)).astype("float32")
    model = mr.from_keras(twin)
    np.testing.assert_allclose(model.predict(data), twin.predict(data, verbose=0), rtol=1e-5, atol=1e-6)
    twin.compile("sgd", "mse")
    trace = mr.trace(model, data, Y)
    assert np.isclose(trace.loss, twin.evaluate(data, Y, verbose=0), rtol=1e-5)
    assert "a mask and initial states" in {trap.name for trap in concerning(trace)}
    assert trace.equations().residual < 1e-5


def test_12_rows_that_are_looked_up_again():
    """Keras' Adam squares the gradient of each lookup: a row that is looked up twice moves otherwise than by the sum."""
    import keras

    i = Input((2,))
    model = Model(i, Dense(1)(SimpleRNN(3)(mr.layers.Embedding(4, 2)(i))))
    again, once, Y = np.array([[1, 1], [2, 3]]), np.array([[0, 1], [2, 3]]), np.ones((2, 1))
    said = [trap.name for trap in concerning(mr.trace(model, again, Y, loss="mse"))]
    assert said == ["the gradient of an Embedding in training"]
    assert not concerning(mr.trace(model, once, Y, loss="mse")) and not concerning(mr.trace(model, again))
    assert "each lookup" in " ".join(mr.trace(model, again, Y, loss="mse").verify(with_keras=False).warnings)
    start, tables = model.get_weights(), {}
    for semantics in ("tensorflow", "jax"):
        model.set_weights(start)
        model.compile(mr.optimizers.Adam(0.1), "mse", semantics=semantics)
        model.fit(again, Y, epochs=3, verbose=0)
        tables[semantics] = model.get_weights()[0]
    model.set_weights(start)
    twin = mr.to_keras(model)
    twin.compile(keras.optimizers.Adam(0.1), "mse")
    twin.fit(again, Y, epochs=3, verbose=0)
    np.testing.assert_allclose(tables["tensorflow"], twin.get_weights()[0], rtol=1e-4, atol=1e-6)
    assert np.abs(tables["jax"] - tables["tensorflow"]).max() > 1e-3


def test_a_trace_knows_what_it_can_run_into():
    i, m = Input((4, 3)), Input((4,), dtype="bool")
    model = Model([i, m], SimpleRNN(2, zero_output_for_mask=True, unroll=True)(i, mask=m))
    names = [trap.name for trap in concerning(mr.trace(model, [X, LATE]))]
    assert "zero_output_for_mask with unroll" in names and "seed of SimpleRNN" not in names
    with pytest.raises(ValueError, match="must be one of tensorflow, jax"):
        mr.trace(model, [X, LATE], semantics="torch")


OTHER_BACKEND = """
import itertools
import numpy as np
import keras
import minirnn as mr
from minirnn.layers import Dense, Input, SimpleRNN
from minirnn.models import Model

assert keras.backend.backend() == "numpy"
rng = np.random.default_rng(0)
X, H = rng.normal(size=(3, 4, 2)), rng.normal(size=(3, 5))
mask = np.array([[0, 0, 1, 1], [0, 0, 0, 0], [1, 0, 1, 0]], bool)
flags = ("return_sequences", "go_backwards", "unroll", "zero_output_for_mask")
for values in itertools.product((False, True), repeat=4):
    options = dict(zip(flags, values))
    mine = SimpleRNN(5, return_state=True, dtype="float64", **options)
    mine.build(X.shape)
    twin = keras.layers.SimpleRNN(5, return_state=True, dtype="float64", **options)
    twin.build(X.shape)
    twin.set_weights(mine.get_weights())
    for a, b in zip(mine(X, initial_state=H, mask=mask, semantics="jax"), twin(X, initial_state=H, mask=mask)):
        np.testing.assert_allclose(np.asarray(a), np.asarray(b), atol=1e-6, err_msg=str(options))

i, h, m = Input((4, 2)), Input((5,)), Input((4,), dtype="bool")
model = Model([i, h, m], Dense(3)(SimpleRNN(5, return_sequences=True)(i, initial_state=h, mask=m)))
def wrong(semantics):  # in float32: this backend does not compute in float64 all the way
    report = mr.trace(model, [X, H, mask], semantics=semantics).verify()
    return [row for row in report if not row.ok and row.dtype == "float32"]

found = wrong("tensorflow")
assert found and all("initial state on JAX and NumPy" in r.note and "semantics='jax'" in r.note for r in found), found
assert not wrong("jax")
"""


def test_on_another_backend_jax_semantics_agree_and_a_difference_is_explained():
    pytest.importorskip("jax", reason="Keras' NumPy backend needs it")
    env = os.environ | {"KERAS_BACKEND": "numpy"}
    done = subprocess.run([sys.executable, "-W", "ignore", "-c", OTHER_BACKEND], capture_output=True, text=True, env=env)
    assert done.returncode == 0, done.stderr[-2000:]


def test_a_dense_head_after_a_mask():
    rng = np.random.default_rng(0)
    i = Input((4, 3))
    model = Model(i, Dense(2)(SimpleRNN(5, return_sequences=True)(Masking()(i))))
    trace = mr.trace(model, rng.normal(size=(2, 4, 3)) * LATE[..., None], rng.normal(size=(2, 4, 2)), semantics="keras-3.16")
    assert not trace.verify().ok  # the Keras that is installed hands the mask on
