"""Losses, metrics and activations as people write them, with NumPy, keras.ops, Keras' backend or TensorFlow: as in Keras."""

from __future__ import annotations

import copy

import numpy as np
import pytest

import minirnn as mr
from minirnn import CannotFollow, losses, models
from minirnn import backend as B
from minirnn.layers import GRU, Dense, Input, SimpleRNN

keras, tf = pytest.importorskip("keras"), pytest.importorskip("tensorflow")
K, mean_absolute_error = tf.keras.backend, keras.losses.mean_absolute_error
rng = np.random.default_rng(0)
N, T, D, M, C = 22, 4, 3, 5, 2
X = rng.normal(size=(N, T, D)).astype("float32")
Y = rng.uniform(0.1, 0.9, size=(N, C)).astype("float32")
quantile, weights = 0.9, np.array([1.0, 3.0], "float32")


def root_of_k(t, p):
    return K.sqrt(K.mean(K.square(p - t)))


def of_each_sample_of_k(t, p):
    return K.mean(K.maximum(quantile * (t - p), (quantile - 1) * (t - p)), axis=-1)


def of_determination(t, p):
    return K.sum(K.square(t - p)) / (K.sum(K.square(t - K.mean(t))) + K.epsilon())


def of_tensorflow(t, p):
    return tf.reduce_mean(tf.square(t - p))


def parts_of_tensorflow(t, p):
    t = tf.cast(t, p.dtype)
    off = tf.math.abs(tf.convert_to_tensor(t) - p)
    return tf.reduce_mean(tf.where(off < 0.5, 0.5 * tf.square(off), 0.5 * off - 0.125), axis=1)


def entropy_of_k(t, p):
    p = K.clip(K.sigmoid(p), K.epsilon(), 1 - K.epsilon())
    return -K.mean(t * K.log(p) + (1 - t) * K.log(1 - p))


def focal(t, p):
    p = tf.nn.softmax(p)
    return -tf.reduce_sum(t * tf.pow(1.0 - p, 2.0) * tf.math.log(tf.clip_by_value(p, 1e-7, 1.0)), axis=-1)


def of_keras_ops(t, p):
    return keras.ops.mean(keras.ops.abs(t - p) * weights, axis=-1)


def in_a_sum(t, p):
    return tf.reduce_sum((p - t) * (p - t)) + 0.1 * tf.reduce_mean(tf.abs(p))


def of_the_batch(t, p):
    return tf.reduce_mean(tf.square(p - tf.reduce_mean(p, axis=0)) + tf.square(p - t))


def of_a_loss(t, p):
    return keras.losses.mean_squared_error(K.round(10 * t) / 10, p) + 0.1 * tf.reduce_mean(tf.abs(p), axis=-1)


def of_an_imported_one(t, p):
    return 2.0 * mean_absolute_error(t, p)


def of_an_object(t, p):
    return keras.losses.Huber(delta=0.2)(t, p) + K.mean(K.abs(t - p))


OF_KERAS = [
    root_of_k, of_each_sample_of_k, of_determination, of_tensorflow, parts_of_tensorflow, entropy_of_k, focal, of_keras_ops,
    in_a_sum, of_the_batch, of_an_imported_one, of_an_object,
]  # fmt: skip


def plainly_summed(t, p):
    return np.sum((p - t) * (p - t))


def of_numpy(t, p):
    return np.mean(np.abs(p - t) ** 1.5, axis=-1)


def of_backend(t, p):
    return B.mean(B.square(B.softmax(p) - t)) + B.mean(B.abs(p))


def gated(x):
    return x * K.sigmoid(x)


def leaky(x):
    return tf.where(x > 0, x, 0.1 * x)


def of_an_activation(x):
    return keras.activations.softplus(x) - tf.nn.relu(-x)


ACTIVATIONS = [gated, leaky, of_an_activation, lambda x: tf.maximum(x, 0.2 * x), tf.nn.relu, K.tanh, keras.ops.tanh]


def history_of(kind, function, initial, activation="tanh", **options):
    i = kind.Input((T, D))
    model = kind.Model(i, kind.layers.Dense(C)(kind.layers.SimpleRNN(M, activation=activation)(i)))
    model.set_weights(initial)
    model.compile("sgd", loss=function, metrics=[function])
    found = model.fit(X, Y, epochs=3, batch_size=8, shuffle=False, verbose=0, **options).history
    return found["loss"] + found[function.__name__], model


@pytest.fixture
def initial():
    i = Input((T, D))
    model = models.Model(i, Dense(C)(SimpleRNN(M)(i)))
    draw = np.random.default_rng(1)
    return [draw.normal(size=w.shape).astype("float32") * 0.5 for w in model.get_weights()]


@pytest.mark.parametrize("function", OF_KERAS, ids=lambda f: f.__name__)
def test_the_history_is_that_of_keras(function, initial):
    found, model = history_of(mr, function, initial)
    right, theirs = history_of(keras, function, initial)
    np.testing.assert_allclose(found, right, rtol=2e-5)
    for a, b in zip(model.get_weights(), theirs.get_weights()):
        np.testing.assert_allclose(a, b, rtol=1e-3, atol=2e-6)


@pytest.mark.parametrize("activation", ACTIVATIONS, ids=lambda f: f.__name__)
def test_an_activation_of_ones_own(activation, initial):
    found, model = history_of(mr, of_tensorflow, initial, activation)
    np.testing.assert_allclose(found, history_of(keras, of_tensorflow, initial, activation)[0], rtol=2e-5)
    trace = mr.trace(model, X[:3], Y[:3], loss="mse", dtype="float64")
    assert trace.verify(with_keras=False).ok and trace.equations().residual < 1e-12
    exec(trace.source(), {})
    copy.deepcopy(model).predict(X[:2])


@pytest.mark.parametrize("function", [of_a_loss, of_each_sample_of_k, parts_of_tensorflow, focal], ids=lambda f: f.__name__)
def test_samples_weigh_what_they_are_given(function, initial):
    given = {"sample_weight": np.linspace(0.1, 2, N).astype("float32")}
    np.testing.assert_allclose(*(history_of(kind, function, initial, **given)[0] for kind in (mr, keras)), rtol=2e-5)


@pytest.mark.parametrize("function", [*OF_KERAS, plainly_summed, of_numpy, of_backend], ids=lambda f: f.__name__)
def test_every_reading_is_there(function, initial):
    i = Input((T, D))
    model = models.Model(i, Dense(C)(GRU(M)(i)))
    trace = mr.trace(model, X[:3], Y[:3], loss=function, dtype="float64")
    assert trace.verify(with_keras=False).ok and trace.equations().residual < 1e-12
    space = {}
    exec(trace.source(), space)
    params = {name: trace.value(name) for name in trace.parameters}
    found, gradients = space["loss_and_gradients"](params, X[:3].astype(float), Y[:3].astype(float))
    np.testing.assert_allclose(found, trace.loss, rtol=1e-12)
    for name, gradient in trace.gradients.items():
        np.testing.assert_allclose(gradients[name], gradient, rtol=1e-9, atol=1e-12)


def test_a_sum_is_not_taken_for_a_mean(initial):
    """np.sum of a node would be the node itself, were it an object in an array."""
    i = Input((T, D))
    model = models.Model(i, Dense(C)(SimpleRNN(M)(i)))
    trace = mr.trace(model, X, Y, loss=plainly_summed)
    np.testing.assert_allclose(trace.loss, plainly_summed(Y, model.predict(X)), rtol=1e-5)


def test_what_cannot_be_followed_is_refused_with_its_line():
    def by_a_branch(t, p):
        if np.sum(p) > 0:
            return np.mean(p - t)
        return np.mean(t - p)

    i = Input((T, D))
    model = models.Model(i, Dense(C)(SimpleRNN(M)(i)))
    with pytest.raises(CannotFollow, match=r"test_own_losses.py:\d+: .*a branch on a traced value"):
        mr.trace(model, X, Y, loss=by_a_branch)


def test_the_backend_has_keras_numbers():
    a, b = rng.normal(size=(2, 4, 3)).astype("float32")
    u, v = map(tf.constant, (a, b))
    for name in ("mean", "sum", "max", "min", "prod", "std", "var"):
        for options in ({}, {"axis": 0}, {"axis": -1, "keepdims": True}):
            right = np.asarray(getattr(K, name)(u, **options))
            np.testing.assert_allclose(getattr(B, name)(a, **options), right, rtol=1e-5, atol=1e-6)
    for name in (
        "abs",
        "square",
        "exp",
        "sign",
        "tanh",
        "sigmoid",
        "softmax",
        "relu",
        "softplus",
        "round",
        "argmax",
        "flatten",
    ):
        np.testing.assert_allclose(getattr(B, name)(a), np.asarray(getattr(K, name)(u)), rtol=1e-5, atol=1e-6)
    for name in ("maximum", "minimum", "pow", "concatenate"):
        ours, theirs = (([x, y],) if name == "concatenate" else (x * x, y) for x, y in ((a, b), (u, v)))
        np.testing.assert_allclose(getattr(B, name)(*ours), np.asarray(getattr(K, name)(*theirs)), rtol=1e-5)
    p, y = B.softmax(a), B.softmax(b)
    for name in ("binary_crossentropy", "categorical_crossentropy"):
        np.testing.assert_allclose(getattr(B, name)(y, p), np.asarray(getattr(K, name)(y, p)), rtol=1e-5)
    assert K.epsilon() == B.epsilon() and K.floatx() == B.floatx() and B.clear_session() is None
    with pytest.raises(AttributeError, match=r"minirnn\.backend has no no_such"):
        B.no_such  # noqa: B018


def test_the_loss_is_also_a_function_of_arrays():
    found = losses.as_loss(of_numpy).of_samples(Y, Y + 0.5)
    np.testing.assert_allclose(found, of_numpy(Y, Y + 0.5), rtol=1e-6)


def root(K):
    return lambda t, p: K.sqrt(K.mean(K.square(t - p)))


def under_a_mask(K):
    kept = lambda t: K.cast(K.not_equal(t, -1.0), "float32")
    return lambda t, p: K.sum(K.square(t - p) * kept(t)) / K.sum(kept(t))


def from_step_to_step(K):
    return lambda t, p: K.mean(K.square(t - p)) + K.mean(K.abs(p[:, 1:] - p[:, :-1]))


def of_each_feature(K):
    return lambda t, p: K.sqrt(K.sum(K.square(t - p), axis=1))


def of_the_last_step(K):
    return lambda t, p: K.mean(K.square(t[:, -1] - p[:, -1]))


def of_overlap(K):
    return lambda t, p: 1 - (2 * K.sum(t * p) + 1) / (K.sum(K.square(t)) + K.sum(K.square(p)) + 1)


def of_every_entry(K):
    return lambda t, p: K.mean(K.square(t - p), axis=-1)


OF_SEQUENCES = [root, under_a_mask, from_step_to_step, of_each_feature, of_the_last_step, of_overlap, of_every_entry]


@pytest.mark.parametrize("make", OF_SEQUENCES, ids=lambda f: f.__name__)
def test_a_loss_of_a_sequence_is_that_of_all_steps_at_once(make):
    """A mean of the losses of its steps is another number, but for the last of these."""
    draw = np.random.default_rng(3)
    targets = draw.normal(size=(N, T, C)).astype("float32")
    targets[draw.random(targets.shape) < 0.3] = -1.0
    found = []
    for package, K in ((keras, keras.ops), (mr, mr.ops)):
        i = package.layers.Input((T, D))
        h = package.layers.SimpleRNN(M, return_sequences=True)(i)
        model = package.models.Model(i, package.layers.Dense(C)(h))
        draw = np.random.default_rng(1)
        model.set_weights([0.5 * draw.normal(size=w.shape).astype("float32") for w in model.get_weights()])
        model.compile("sgd", make(K), metrics=[make(K)])
        history = model.fit(X, targets, epochs=3, batch_size=8, shuffle=False, verbose=0).history
        found.append((history["loss"], *model.get_weights()))
    for ours, theirs in zip(found[1], found[0]):
        np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=2e-6)
    trace = mr.trace(model, X[:5], targets[:5], loss=make(mr.ops), dtype="float64")
    assert trace.verify(with_keras=False).ok and trace.equations().residual < 1e-12
    assert ("ℓ" in str(trace.equations())) == (make is of_every_entry)  # that alone has a loss of each step


def test_a_loss_of_all_steps_takes_no_weights():
    i = Input((T, D))
    model = models.Model(i, SimpleRNN(M, return_sequences=True)(i))
    model.compile("sgd", root(mr.ops))
    with pytest.raises(
        NotImplementedError, match="makes one number of all samples, so that masks and weights cannot be put"
    ):
        model.fit(X, np.zeros((N, T, M)), sample_weight=np.ones(N), verbose=0)


@pytest.mark.parametrize("samples", [5, 4])
def test_a_last_batch_of_one_sample(samples):
    data = {"verbose": 0, "shuffle": False, "batch_size": 2, "sample_weight": np.arange(samples) + 1.0}
    losses_of = [history_of_one(package, X[:samples], Y[:samples], **data) for package in (keras, mr)]
    np.testing.assert_allclose(*losses_of, rtol=2e-5)


def history_of_one(package, x, y, **data):
    K = keras.ops if package is keras else mr.ops
    i = package.layers.Input((T, D))
    model = package.models.Model(i, package.layers.Dense(C)(package.layers.SimpleRNN(M)(i)))
    draw = np.random.default_rng(1)
    model.set_weights([draw.normal(size=w.shape).astype("float32") for w in model.get_weights()])
    model.compile("sgd", lambda t, p: K.mean(K.square(t - p), axis=-1))
    return model.fit(x, y, epochs=2, **data).history["loss"]


def masked(package):
    """The loss of many a translator: that of each word, but for the padding."""
    K = keras.ops if package is keras else mr.ops
    of_each = package.losses.SparseCategoricalCrossentropy(from_logits=True, reduction="none")

    def loss(real, predicted):
        counts = K.cast(K.not_equal(real, 0), "float32")
        return K.sum(of_each(real, predicted) * counts) / K.sum(counts)

    return loss


def of_classes(package):
    return lambda real, predicted: package.losses.sparse_categorical_crossentropy(real, predicted, from_logits=True)


def of_each_row(package):
    K = keras.ops if package is keras else mr.ops
    return lambda real, predicted: K.sqrt(K.mean(K.square(real - predicted), axis=-1))


def largest_of_each(package):
    K = keras.ops if package is keras else mr.ops
    of_each = package.losses.MeanSquaredError(reduction="none")
    return lambda real, predicted: K.max(K.abs(real - predicted), axis=-1) + of_each(real, predicted)


@pytest.mark.parametrize(
    ("make", "shape", "outputs", "sequences"),
    [
        (masked, (N, T), 4, True), (masked, (N,), 4, False), (masked, (N, 1), 4, False), (of_classes, (N, T, 1), 4, True),
        (of_classes, (N, T), 4, True), (of_each_row, (N, T), 1, True), (of_each_row, (N, T, 1), 1, True),
        (of_each_row, (N,), 1, False), (largest_of_each, (N, T), 1, True), (largest_of_each, (N, T, 4), 4, True),
    ],
)  # fmt: skip
def test_a_target_has_the_axes_that_it_was_given_with(make, shape, outputs, sequences):
    draw = np.random.default_rng(3)
    aim = draw.integers(0, 4, shape) if make in (masked, of_classes) else draw.normal(size=shape).astype("float32")
    losses_of = []
    for package in (keras, mr):
        i = package.layers.Input((T, D))
        h = package.layers.SimpleRNN(M, return_sequences=sequences)(i)
        model = package.models.Model(i, package.layers.Dense(outputs)(h))
        start = np.random.default_rng(1)
        model.set_weights([start.normal(size=w.shape).astype("float32") for w in model.get_weights()])
        model.compile("sgd", make(package))
        losses_of.append(model.fit(X, aim, epochs=2, batch_size=9, shuffle=False, verbose=0).history["loss"])
    np.testing.assert_allclose(*losses_of, rtol=2e-6)
    trace = mr.trace(model, X[:5], aim[:5], dtype="float64")
    assert trace.verify(with_keras=False).ok and trace.equations().residual < 1e-12


def test_what_a_loss_without_reduction_may_do():
    of_each = losses.MeanSquaredError(reduction=None)
    np.testing.assert_allclose(of_each(Y, Y + 2.0, sample_weight=np.arange(N)), 4.0 * np.arange(N), rtol=1e-6)
    model = models.Sequential([Input((T, D)), SimpleRNN(M)])
    with pytest.raises(ValueError, match="with reduction='none' it is a number for each sample, and training needs one"):
        model.compile("sgd", of_each)
    model.compile("sgd", lambda y, p: losses.MeanSquaredError()(y, p, sample_weight=np.ones(N)))
    with pytest.raises(CannotFollow, match="takes no sample_weight"):
        model.fit(X, np.zeros((N, M)), verbose=0)
    model.compile("sgd", lambda y, p: losses.sparse_categorical_crossentropy(y, p))
    with pytest.raises((ValueError, CannotFollow), match="numbers of classes of shape"):
        model.fit(X, np.zeros((N, M)), verbose=0)


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("relu", {"negative_slope": 0.1, "max_value": 2.0, "threshold": 0.5}), ("relu", {"max_value": 1.0}), ("relu", {}),
        ("relu", {"negative_slope": 0.3}), ("gelu", {"approximate": True}), ("gelu", {}), ("elu", {"alpha": 0.5}),
    ],
)  # fmt: skip
def test_activations_with_options(name, options):
    x = np.random.default_rng(0).normal(size=(5, 4)) * 2
    theirs = np.asarray(getattr(keras.activations, name)(tf.constant(x), **options))
    np.testing.assert_allclose(getattr(mr.activations, name)(x, **options), theirs, rtol=1e-7, atol=1e-9)
    i = Input((T, D))
    model = models.Model(i, SimpleRNN(M, activation=lambda z: getattr(mr.activations, name)(z, **options))(i))
    trace = mr.trace(model, X[:5], np.zeros((5, M)), dtype="float64")
    assert trace.verify(with_keras=False).ok and trace.equations().residual < 1e-12
    assert Dense(2, mr.activations.relu).get_config()["activation"] == "relu"


def test_the_call_of_a_class_is_given_both_as_they_are():
    class Half(losses.Loss):
        def call(self, y, p):
            return mr.ops.mean(0.5 * mr.ops.square(y - p), axis=-1)

    model = models.Sequential([Input((T, D)), SimpleRNN(M), Dense(1)])
    model.compile("sgd", Half())
    with pytest.raises(ValueError, match=r"every sample meets every other: give y\[..., None\]"):
        model.fit(X, np.zeros(N), verbose=0)
    model.fit(X, np.zeros((N, 1)), verbose=0)


def test_weights_of_whole_sequences_on_a_loss_of_all_steps():
    found = []
    for package in (keras, mr):
        ops = keras.ops if package is keras else mr.ops
        i = package.layers.Input((T, D))
        h = package.layers.GRU(M, return_sequences=True)(i)
        model = package.models.Model(i, package.layers.Dense(1)(h))
        draw = np.random.default_rng(1)
        model.set_weights([draw.normal(size=w.shape).astype("float32") for w in model.get_weights()])
        model.compile("sgd", lambda y, p, ops=ops: ops.mean(ops.square(y - p), axis=-1))
        aim, counts = np.random.default_rng(2).normal(size=(N, T)), np.arange(N) / 7.0
        history = model.fit(X, aim, sample_weight=counts, epochs=2, batch_size=9, shuffle=False, verbose=0)
        found.append(history.history["loss"])
    np.testing.assert_allclose(*found, rtol=3e-6)


NUMBERS = {"threshold": {"threshold": 0.3, "default_value": 0.1}}
THREE_AXES = (
    "relu relu6 leaky_relu elu celu selu gelu silu softplus softsign hard_sigmoid hard_silu hard_tanh tanh_shrink "
    "soft_shrink hard_shrink mish log_sigmoid "
    "squareplus sparse_plus sparse_sigmoid exponential log_softmax softmax threshold"
)


@pytest.mark.parametrize("options", [{}, {"threshold": 0.3}, {"negative_slope": 0.2, "threshold": 0.4, "max_value": 1.0}])
def test_activations_of_sequences(options):
    x = np.random.default_rng(0).normal(size=(2, 3, 4)).astype("float32") * 2
    for name in THREE_AXES.split() if not options else ["relu"]:
        numbers = options or NUMBERS.get(name, {})
        theirs = np.asarray(getattr(keras.activations, name)(x, **numbers))
        ours = getattr(mr.activations, name)
        i = Input((3, 4))
        model = models.Model(i, mr.layers.Lambda(lambda v, f=ours, n=numbers: f(v, **n))(i))
        for found in (ours(x, **numbers), model.predict(x, verbose=0)):
            np.testing.assert_allclose(found, theirs, rtol=1e-5, atol=1e-5, err_msg=name)


@pytest.mark.parametrize("kind", ["ELU", "LeakyReLU", "ReLU"])
def test_layers_as_activations(kind):
    found = []
    for package in (keras, mr):
        i = package.layers.Input((T, D))
        h = package.layers.GRU(M, activation=getattr(package.layers, kind)(0.3))(i)
        model = package.models.Model(i, getattr(package.layers, kind)(0.2)(package.layers.Dense(C)(h)))
        draw = np.random.default_rng(1)
        model.set_weights([draw.normal(size=w.shape).astype("float32") for w in model.get_weights()])
        found.append(model.predict(X, verbose=0))
    np.testing.assert_allclose(*found, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("reduction", ["none", "sum_over_batch_size", "sum"])
def test_a_class_left_out_within_a_loss_of_ones_own(reduction):
    """The masked loss of language models, as it is usually written."""
    import keras

    X, Y = np.linspace(-1, 2, 12).reshape(2, 3, 2), np.array([[1, 2, 0], [0, 2, 0]])
    found = []
    for layers, kinds, optimizer, module in (
        (keras.layers, keras, keras.optimizers, keras.losses), (mr.layers, mr.models, mr.optimizers, losses),
    ):  # fmt: skip
        inner = module.SparseCategoricalCrossentropy(ignore_class=0, reduction=reduction)
        model = kinds.Sequential([layers.Input((3, 2)), layers.Dense(3, activation="softmax")])
        model.set_weights([np.linspace(-1, 1, 6).reshape(2, 3), np.zeros(3)])
        model.compile(optimizer.SGD(0.1), loss=lambda y, p, inner=inner: inner(y, p))
        found.append(model.fit(X, Y, epochs=3, verbose=0, shuffle=False).history["loss"])
    assert np.allclose(*found, atol=2e-6)


def test_a_function_with_a_class_left_out_is_refused_within_a_loss_of_ones_own():
    model = mr.models.Sequential([mr.layers.Input((3, 2)), mr.layers.Dense(3, activation="softmax")])
    model.compile("sgd", loss=lambda y, p: losses.sparse_categorical_crossentropy(y, p, ignore_class=0))
    with pytest.raises(CannotFollow, match=r"take SparseCategoricalCrossentropy\(ignore_class=...\)"):
        model.fit(np.ones((2, 3, 2)), np.array([[1, 2, 0], [0, 2, 0]]), verbose=0)
