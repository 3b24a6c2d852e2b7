from __future__ import annotations

import itertools
import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
import pytest

import minirnn as mr
from minirnn import optimizers
from minirnn.optimizers import SGD, Adadelta, Adagrad, Adam, Adamax, AdamW, Nadam, Occurrences, RMSprop
from minirnn.optimizers.schedules import ExponentialDecay

CASES = [
    (SGD, {}),
    (SGD, {"learning_rate": 0.1, "momentum": 0.9}),
    (SGD, {"learning_rate": 0.1, "momentum": 0.9, "nesterov": True}),
    (SGD, {"learning_rate": 0.1, "clipnorm": 0.5}),
    (SGD, {"learning_rate": 0.1, "momentum": 0.5, "clipvalue": 0.3}),
    (Adam, {}),
    (Adam, {"learning_rate": 0.1, "beta_1": 0.8, "beta_2": 0.99, "epsilon": 1e-3}),
    (Adam, {"learning_rate": 0.1, "global_clipnorm": 0.7}),
    (Adam, {"learning_rate": 0.1, "amsgrad": True, "weight_decay": 0.1}),
    (AdamW, {"learning_rate": 0.1}),
    (RMSprop, {}),
    (RMSprop, {"learning_rate": 0.1, "rho": 0.7, "momentum": 0.4, "centered": True}),
    (Adagrad, {"learning_rate": 0.1, "initial_accumulator_value": 0.3}),
    (Adadelta, {"learning_rate": 0.7}),
    (Adamax, {"learning_rate": 0.1, "beta_1": 0.8}),
    (Nadam, {"learning_rate": 0.1, "beta_2": 0.99}),
]


@pytest.mark.parametrize("kind, options", CASES, ids=lambda c: str(c))
def test_steps_are_those_of_keras(kind, options):
    import keras

    keras.config.set_floatx("float64")  # the learning rate has this type
    rng = np.random.default_rng(0)
    shapes = [(3, 5), (5, 5), (5,)]
    weights = [rng.normal(size=s) for s in shapes]
    variables = [keras.Variable(w, dtype="float64") for w in weights]
    theirs = getattr(keras.optimizers, kind.__name__)(**options)
    ours = kind(**options)
    ends = np.cumsum([0, *(w.size for w in weights)])
    parts = [slice(a, b) for a, b in itertools.pairwise(ends)]
    vector = np.concatenate([w.ravel() for w in weights])
    for _ in range(7):
        gradients = [rng.normal(size=s) for s in shapes]
        theirs.apply([keras.ops.convert_to_tensor(g, "float64") for g in gradients], variables)
        vector, ours.state = ours.step(vector, np.concatenate([g.ravel() for g in gradients]), parts)
    assert ours.iterations == 7
    found = np.concatenate([np.asarray(v).ravel() for v in variables])
    keras.config.set_floatx("float32")
    np.testing.assert_allclose(vector, found, rtol=1e-12)


@pytest.mark.parametrize(
    "make, says",
    [
        (lambda: SGD(-1), "learning_rate=-1"),
        (lambda: SGD(0.1, momentum=2), "between 0 and 1"),
        (lambda: Adam(beta_1=1), "less than 1"),
        (lambda: Adam(clipnorm=1.0, clipvalue=1.0), "only one of"),
        (lambda: Adam("fast"), "must be a number"),
        (lambda: optimizers.get({"class_name": "Adam", "config": {"use_ema": True}}), "use_ema=True"),
        (lambda: optimizers.get("rmspropp"), "unknown optimizer 'rmspropp'; did you mean 'rmsprop'"),
    ],
)
def test_wrong_settings(make, says):
    with pytest.raises((ValueError, NotImplementedError), match=says):
        make()


def test_names():
    assert isinstance(optimizers.get("Adam"), Adam) and isinstance(optimizers.get("sgd"), SGD)


@pytest.mark.parametrize("kind, options", CASES, ids=lambda c: str(c))
def test_lookups_of_the_same_row_are_taken_one_by_one_as_keras_takes_them(kind, options):
    import keras
    import tensorflow as tf

    keras.config.set_floatx("float64")
    rng = np.random.default_rng(1)
    table, bias = rng.normal(size=(6, 2)), rng.normal(size=3)
    variables = [keras.Variable(w, dtype="float64") for w in (table, bias)]
    theirs, ours = getattr(keras.optimizers, kind.__name__)(**options), kind(**options)
    vector, parts = np.concatenate([table.ravel(), bias]), [slice(0, 12), slice(12, 15)]
    plain, alone = vector, kind(**options)
    for _ in range(4):
        rows, values, g = rng.integers(0, 6, 9), rng.normal(size=(9, 2)), rng.normal(size=3)
        theirs.apply([tf.IndexedSlices(values, rows, (6, 2)), tf.constant(g)], variables)
        lookups = Occurrences(parts[0], (6, 2), rows, values)
        vector, ours.state = ours.step(vector, np.concatenate([np.zeros(12), g]), parts, [lookups])
        plain, alone.state = alone.step(plain, np.concatenate([lookups.summed(), g]), parts)
    found = np.concatenate([np.asarray(v).ravel() for v in variables])
    keras.config.set_floatx("float32")
    np.testing.assert_allclose(vector, found, rtol=1e-11)
    assert np.allclose(plain, found, rtol=1e-9) != ours.minds_occurrences()


@pytest.mark.parametrize("name", ["ExponentialDecay", "InverseTimeDecay", "PiecewiseConstantDecay", "PolynomialDecay",
                                  "CosineDecay", "CosineDecayRestarts"])  # fmt: skip
def test_schedules_are_those_of_keras(name):
    """Called, as when they are called; in a training as in the graph of Keras' fit, which multiplies by reciprocals."""
    import keras
    import tensorflow as tf

    many = {
        "ExponentialDecay": [(0.1, 3, 0.5), (0.1, 3, 0.5, True)],
        "InverseTimeDecay": [(0.1, 3, 0.5), (0.1, 3, 0.5, True)],
        "PiecewiseConstantDecay": [([2, 5], [0.1, 0.05, 0.01])],
        "PolynomialDecay": [(0.1, 7, 0.001, 2.0), (0.1, 3, 0.001, 1.0, True)],
        "CosineDecay": [(0.1, 6), (0.1, 6, 0.2, "c", 0.5, 4)],
        "CosineDecayRestarts": [(0.1, 3), (0.1, 2, 1.0, 0.8, 0.1)],
    }[name]
    for settings in many:
        theirs = getattr(keras.optimizers.schedules, name)(*settings)
        ours = getattr(optimizers.schedules, name)(*settings)
        for step in range(12):
            off = 0 if "Cosine" not in name else 5e-7  # TensorFlow and NumPy round a cosine differently
            assert ours(step) == pytest.approx(float(theirs(step)), rel=off, abs=off / 10), (settings, step)
        at = tf.Variable(0, dtype=tf.int64)
        in_graph = tf.function(lambda theirs=theirs, at=at: theirs(at))
        found = []
        for step in range(40):
            at.assign(step)
            found.append(float(in_graph()))
        np.testing.assert_allclose([ours.in_fit(step) for step in range(40)], found, rtol=off, atol=off / 10)
        if name in ("ExponentialDecay", "InverseTimeDecay") and len(settings) == 3:
            assert [ours(step) for step in range(40)] != found
        assert optimizers.schedules.get(theirs) == ours


def test_a_schedule_of_ones_own_is_asked_as_it_is():
    class Half(optimizers.schedules.Schedule):
        def __call__(self, step):
            return 0.5**step

    adam = Adam(Half())
    assert adam.rate == 1
    adam.state = adam.state._replace(iterations=3)
    assert adam.rate == 0.125


def test_keras_objects_are_taken_with_all_their_settings():
    import keras

    schedule = keras.optimizers.schedules.CosineDecay(0.1, 5)
    found = optimizers.get(keras.optimizers.Adam(schedule, beta_1=0.7, clipnorm=0.5))
    assert isinstance(found, Adam) and found.beta_1 == 0.7 and found.clipnorm == 0.5 and found.rate == pytest.approx(0.1)
    with pytest.raises(TypeError, match="follows a schedule"):
        found.learning_rate = 0.3
    plain = optimizers.get(keras.optimizers.SGD(0.3))
    plain.learning_rate = 0.2
    assert plain.get_config()["learning_rate"] == 0.2 and type(plain).from_config(plain.get_config()).learning_rate == 0.2


@pytest.mark.parametrize("kind, options", CASES, ids=lambda c: str(c))
def test_the_equations_of_a_step_are_a_reading(kind, options):
    from minirnn import demo

    model = demo.model()
    run = mr.trace(model, demo.X, np.zeros((1, 2)), dtype="float32")
    model.compile(kind(**options), "mse")
    found = run.update()
    assert str(found).startswith(f"{kind.__name__}, step 1: g = dL/dw") and "w_new = " in str(found)
    assert found.equations.residual < 1e-14 and model.optimizer.iterations == 0
    model.fit(demo.X, np.zeros((1, 2)), verbose=0)
    for name, (layer, i) in model.parameter_places().items():
        np.testing.assert_allclose(found.weights[name], layer.weight_arrays[i], rtol=1e-5)


@pytest.mark.parametrize("way", ["no mask", "a mask", "a mask that is not used"])
def test_the_number_0_is_looked_up_one_by_one_too(way):
    """Without a mask 0 is a row like others; with one it has no gradient, unless the layer does not use the mask."""
    import keras

    def program(k):
        i = k.Input((6,))
        e = k.layers.Embedding(9, 4, mask_zero=way != "no mask")(i)
        states = {"initial_state": k.layers.SimpleRNN(3)(e)} if way == "a mask that is not used" else {}
        return k.Model(i, k.layers.Dense(2)(k.layers.SimpleRNN(3)(e, **states)))

    rng = np.random.default_rng(2)
    X, Y = rng.integers(1, 9, (8, 6)), rng.normal(size=(8, 2))
    X[:, 4:] = 0
    theirs, ours = program(keras), program(mr)
    start = [0.4 * rng.normal(size=w.shape).astype("f") for w in theirs.get_weights()]
    for model, package in ((theirs, keras), (ours, mr)):
        model.set_weights(start)
        model.compile(package.optimizers.Adam(0.05), "mse")
        model.fit(X, Y, epochs=2, batch_size=4, shuffle=False, verbose=0)
    for mine, keras_weight in zip(ours.get_weights(), theirs.get_weights(), strict=True):
        np.testing.assert_allclose(mine, keras_weight, rtol=2e-3, atol=2e-5)


def test_numbers_that_programs_read():
    optimizer = Adam(ExponentialDecay(0.5, 2, 0.25), use_ema=False, loss_scale_factor=None)
    assert float(optimizer.learning_rate) == 0.5
    model = mr.models.Sequential([mr.layers.Input((4, 2)), mr.layers.SimpleRNN(3)])
    model.compile(optimizer, "mse")
    model.fit(np.ones((5, 4, 2)), np.zeros((5, 3)), epochs=2, verbose=0)
    assert optimizer.iterations.numpy() == optimizer.iterations == 2
    assert optimizer.learning_rate.numpy() == np.float32(0.125)
    with pytest.raises(TypeError, match=r"schedule\(step\)"):
        float(ExponentialDecay(0.5, 2, 0.25))
    for wrong in (lambda: SGD(0.1).lr, lambda: setattr(SGD(0.1), "lr", 0.2)):
        with pytest.raises(AttributeError, match="it is called learning_rate"):
            wrong()


@pytest.mark.parametrize(
    ("given", "error", "says"),
    [
        ({"use_ema": True}, NotImplementedError, r"Adam\(use_ema=True\) is not supported"),
        ({"learnin_rate": 0.1}, TypeError, "Adam has no argument 'learnin_rate'; did you mean learning_rate"),
        ({"lr": 0.1}, TypeError, "it is called learning_rate"),
    ],
)
def test_arguments_that_it_does_not_have(given, error, says):
    with pytest.raises(error, match=says):
        Adam(**given)
