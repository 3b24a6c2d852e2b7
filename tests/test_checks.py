"""Arrays and options are refused in the same sentence wherever they come in."""

from __future__ import annotations

import re

import numpy as np
import pytest

import minirnn as mr
from minirnn.checks import array_of, demand_flags
from minirnn.layers import Dense, Dropout, Input, SimpleRNN
from minirnn.models import Model


class Table:
    """As pandas gives columns of several types."""

    def __array__(self, dtype=None, copy=None):
        return np.array([[1, 2.5], [3, True]], object)


def test_what_is_an_array_of_numbers():
    assert array_of([[1, 2]], "X").dtype == int and array_of(True, "X").dtype == bool
    assert array_of(Table(), "X").tolist() == [[1.0, 2.5], [3.0, 1.0]]


REFUSED = {
    "masked": (np.ma.array([1.0, 2.0], mask=[True, False]), "mask would be lost"),
    "complex": (np.array([1j, 2]), "real numbers, not complex numbers"),
    "text": (np.array(["a", "b"]), "real numbers, not text"),
    "objects": (np.array([1.0, 2.0], object), "real numbers, not objects"),
    "dates": (np.array([1, 2], "M8[s]"), "real numbers, not dates"),
    "records": (np.zeros(2, "i4,f8"), "real numbers, not records"),
    "longdouble": (np.array([1.0, 2.0], "g"), "computes in float32 or float64"),
    "ragged": ([[1.0], [2.0, 3.0]], "ragged"),
}


@pytest.mark.parametrize(("wrong", "says"), REFUSED.values(), ids=REFUSED)
def test_what_is_none(wrong, says):
    if says == "computes in float32 or float64" and np.dtype("g").itemsize == 8:
        pytest.skip("a long double is a double here")
    with pytest.raises(ValueError, match=says) as caught:
        array_of(wrong, "X")
    assert str(caught.value).startswith("X ") and "\n" not in str(caught.value)


def network(rate=0.0):
    entry = Input((3, 2))
    x = Dropout(rate)(entry) if rate else entry
    model = Model(entry, Dense(4)(SimpleRNN(5)(x)))
    model.compile("sgd", "mse")
    return model


X, Y = (np.random.default_rng(0).normal(size=shape) for shape in ((2, 3, 2), (2, 4)))


def spoilt(array, how):
    """The array as one of another kind."""
    if how == "masked rows":
        return [*np.ma.array(array, mask=array > 0.1)]
    if how == "masked":
        return np.ma.array(array, mask=array > 0.1)
    if how in ("nan", "inf"):
        return np.where(array == array.max(), float(how), array)
    if how == "records":
        return np.zeros(array.shape, "i4,f8")
    if how == "ragged":
        return [array.tolist()[0], [1.0]]
    kinds = {"complex": complex, "text": str, "bytes": "S9", "objects": object, "longdouble": "g", "dates": "M8[s]"}
    return (array.astype("i8") if how == "dates" else array).astype(kinds[how])


def loop(X, W, U, b, V, c):
    h = np.zeros((len(X), 5))
    for t in range(X.shape[1]):
        h = np.tanh(X[:, t] @ W + b + h @ U)
    return h @ V + c


FIXED, DROPS = network(), network(0.5)
KEPT = FIXED.get_weights()
TRACE = mr.trace(FIXED, X, Y)
OWN = dict(zip("WUbVc", KEPT))
RNN, DENSE = FIXED.layers[1], FIXED.layers[2]
COUNTS = np.array([1.0, 2.0])  # of the samples
STATE = np.ones((2, 5))
QUIET = {"verbose": 0}
DOORS = {  # every way in for numbers, by what they are
    "X of a trace": lambda s: mr.trace(FIXED, s(X), Y),
    "X without a target": lambda s: mr.trace(FIXED, s(X)),
    "Y of a trace": lambda s: mr.trace(FIXED, X, s(Y)),
    "a dropout mask": lambda s: mr.trace(DROPS, X, Y, training=True, masks={"D": s(np.ones((2, 3, 2)))}),
    "predict": lambda s: FIXED.predict(s(X), **QUIET),
    "predict_on_batch": lambda s: FIXED.predict_on_batch(s(X)),
    "a call": lambda s: FIXED(s(X)),
    "fit": lambda s: FIXED.fit(s(X), Y, **QUIET),
    "targets": lambda s: FIXED.fit(X, s(Y), **QUIET),
    "sample_weight": lambda s: FIXED.fit(X, Y, sample_weight=s(COUNTS), **QUIET),
    "class_weight": lambda s: FIXED.fit(X, np.eye(4)[[0, 1]], class_weight=dict(enumerate(s(COUNTS))), **QUIET),
    "validation": lambda s: FIXED.fit(X, Y, validation_data=(s(X), Y), **QUIET),
    "targets of validation": lambda s: FIXED.fit(X, Y, validation_data=(X, s(Y)), **QUIET),
    "evaluate": lambda s: FIXED.evaluate(s(X), Y, **QUIET),
    "targets of evaluate": lambda s: FIXED.evaluate(X, s(Y), **QUIET),
    "sample_weight of evaluate": lambda s: FIXED.evaluate(X, Y, sample_weight=s(COUNTS), **QUIET),
    "train_on_batch": lambda s: FIXED.train_on_batch(X, s(Y)),
    "test_on_batch": lambda s: FIXED.test_on_batch(s(X), Y),
    "set_weights": lambda s: FIXED.set_weights([*KEPT[:3], s(KEPT[3]), KEPT[4]]),
    "set_weights of a layer": lambda s: DENSE.set_weights([s(KEPT[3]), KEPT[4]]),
    "assign": lambda s: RNN.weights[0].assign(s(KEPT[0])),
    "an initializer": lambda s: Dense(4, kernel_initializer=lambda shape, dtype=None: s(KEPT[3])).build((None, 5)),
    "compare": lambda s: TRACE.compare(y=s(Y)),
    "compare a gradient": lambda s: TRACE.compare({"dL/dW_h": s(TRACE.gradients["W_h"])}),
    "check": lambda s: mr.check(loop, FIXED, s(X), **OWN),
    "check weights": lambda s: mr.check(loop, FIXED, X, **OWN | {"W": s(OWN["W"])}),
}
KINDS = [*REFUSED, "masked rows", "bytes", "nan", "inf"]


@pytest.mark.parametrize("how", KINDS)
@pytest.mark.parametrize("door", DOORS.values(), ids=DOORS)
def test_every_door_refuses(door, how):
    """In one line, whether it was planned or not, and nothing is changed by what is refused."""
    FIXED.set_weights(KEPT)
    before = FIXED.optimizer.iterations
    if how in ("ragged", "objects") and door is DOORS["class_weight"]:
        pytest.skip("it has no rows, and objects are what a dictionary holds")
    if how == "masked rows" and door is DOORS["check weights"]:
        pytest.skip("what a function makes of a list is its own affair")
    refused = ValueError
    if door is DOORS["check weights"]:  # a function may well be given texts: then it is for NumPy to refuse them
        refused = (ValueError, TypeError)
    for _ in range(2):
        with pytest.raises(refused) as caught:
            door(lambda array: spoilt(array, how))
        assert str(caught.value).isprintable(), caught.value
    assert all(np.array_equal(a, b) for a, b in zip(KEPT, FIXED.get_weights())) and FIXED.optimizer.iterations == before


@pytest.mark.parametrize("door", DOORS.values(), ids=DOORS)
def test_every_door_takes_what_is_right(door):
    door(np.copy)
    FIXED.set_weights(KEPT)


COMPILED, COMPILED_C = TRACE.compile(), TRACE.compile("c")
PARAMS = {name: TRACE.value(name) for name in TRACE.parameters}


@pytest.mark.parametrize("how", [k for k in KINDS if k not in ("nan", "inf")])  # NaN is NaN in what is only computed
def test_what_only_computes_refuses_too(how):
    entry = [
        lambda s: RNN(s(X)),
        lambda s: RNN(X, initial_state=s(STATE)),
        lambda s: DENSE(s(STATE)),
        lambda s: mr.losses.mean_squared_error(s(Y), Y),
        lambda s: mr.metrics.MeanSquaredError()(Y, s(Y)),
        lambda s: TRACE.exact().errors(s(Y), "y"),
        *([] if how == "ragged" else [lambda s: mr.utils.pad_sequences(s(Y))]),
        *(lambda s, f=f: f(PARAMS, s(X), Y) for f in (COMPILED, COMPILED_C)),
        *(lambda s, f=f: f(PARAMS, X, s(Y)) for f in (COMPILED, COMPILED_C)),
        *(lambda s, f=f: f(PARAMS | {"W_x": s(PARAMS["W_x"])}, X, Y) for f in (COMPILED, COMPILED_C)),
    ]
    for f in (COMPILED, COMPILED_C):
        f(PARAMS, X, Y)  # the first call makes room
    for door in entry:
        with pytest.raises(ValueError) as caught:
            door(lambda array: spoilt(array, how))
        assert str(caught.value).isprintable()


def test_a_shape_that_is_refused_changes_no_layer():
    model = network()
    kept = model.get_weights()
    with pytest.raises(ValueError, match="takes weights of shapes"):
        model.set_weights([w + 1 for w in kept[:3]] + [kept[3].T, kept[4]])
    assert all(np.array_equal(a, b) for a, b in zip(kept, model.get_weights()))


def test_dropout_masks_that_nobody_asks_for():
    for rate, training in ((0.0, True), (0.5, False)):
        with pytest.raises(ValueError, match="no dropout mask 'zzz'; there is none"):
            mr.trace(network(rate), X, Y, training=training, masks={"zzz": X})
    for masks in (1.5, [X], "D", True):
        with pytest.raises(ValueError, match=r"masks is .* it must be a dictionary"):
            mr.trace(network(0.5), X, Y, training=True, masks=masks)
    with pytest.raises(ValueError, match="no dropout mask 'zzz'; there are D"):
        mr.trace(network(0.5), X, Y, training=True, masks={"zzz": X})


@pytest.mark.parametrize("value", ["x", 1, 0, None, [], "False"])
def test_flags(value):
    with pytest.raises(ValueError, match="must be True or False"):
        demand_flags(paths=value)
    trace = mr.trace(network(), X, Y)
    for read in (trace.equations, trace.picture, trace.verify):
        name = {"equations": "paths", "picture": "backward", "verify": "thorough"}[read.__name__]
        with pytest.raises(ValueError, match=f"{name} is .*; it must be True or False"):
            read(**{name: value})


def test_names_that_cannot_be_printed():
    def loop(X, p):
        return np.sum(X @ next(iter(p.values())))

    with pytest.raises(ValueError, match="cannot be printed"):
        mr.trace(loop, X=X, p={"a\nb": np.eye(2)})
    with pytest.raises(ValueError, match="empty name"):
        mr.trace(loop, X=X, p={"": np.eye(2)})


@pytest.mark.parametrize("scale", [1.0, 1e-200, 1e-300, 1e3])
def test_errors_of_numpy_change_nothing(scale):
    """Where a user lets NumPy raise, underflow to 0 and a saturated sigmoid are no errors here."""
    entry = Input((3, 2))
    model = Model(entry, Dense(1, activation="sigmoid")(SimpleRNN(5)(entry)))

    def everything():
        trace = mr.trace(model, X * scale, np.zeros((2, 1)))
        said = [str(trace.walk()), trace.equations().latex(), str(trace.verify(with_keras=False).ok), trace.picture().dot]
        return said, model.predict(X * scale).tobytes(), trace.gradients["W_h"].tobytes()

    with np.errstate(all="ignore"):
        wants = everything()
    with np.errstate(all="raise"):
        assert everything() == wants
        with pytest.raises(FloatingPointError):
            np.float64(1e-300) ** 2  # the user's own code is as it was


@pytest.mark.parametrize(
    "spoilt", [np.ma.masked_array, lambda a: a + 1j, lambda a: a.astype(str), lambda a: a.astype("M8[s]")]
)
def test_a_layer_called_on_data_refuses_what_is_no_real_number(spoilt):
    with pytest.raises(ValueError, match=r"x (is a masked array|must hold real numbers)"):
        mr.layers.SimpleRNN(4)(spoilt(np.ones((2, 5, 3))))


def test_what_float32_cannot_hold_is_no_diverging_training():
    """Finite numbers that would become infinite on their way in are told so; nothing is changed."""
    large = X.copy()
    large[1, 2, 0] = 1e300
    doors = {
        "X has 1e+300 at [1, 2, 0]": [lambda: FIXED.fit(large, Y, **QUIET), lambda: FIXED.evaluate(large, Y, **QUIET)],
        "Y has 1e+300": [lambda: FIXED.fit(X, Y * 0 + 1e300, **QUIET), lambda: FIXED.test_on_batch(X, Y * 0 + 1e300)],
        "sample_weight has 1e+300": [lambda: FIXED.fit(X, Y, sample_weight=np.array([1.0, 1e300]), **QUIET)],
        "class_weight has 1e+300": [lambda: FIXED.fit(X, np.eye(4)[[0, 1]], class_weight={0: 1e300, 1: 1.0}, **QUIET)],
        "kernel has 1e+300": [lambda: RNN.weights[0].assign(np.full_like(KEPT[0], 1e300, dtype=float))],
    }
    for said, each in doors.items():
        for door in each:
            with (
                pytest.raises(ValueError, match=re.escape(said) + ".*, which is more than float32 can hold"),
                np.errstate(all="raise"),
            ):
                door()
    assert all(np.array_equal(a, b) for a, b in zip(KEPT, FIXED.get_weights()))


def test_errors_of_numpy_change_nothing_in_what_is_called_directly():
    tiny, far = np.full((2, 2), 1e-200), np.array([[-1e3, 1e3]])
    called = [
        lambda: mr.losses.MeanSquaredError()(tiny, tiny * 0),
        lambda: mr.losses.mean_squared_error(tiny, tiny * 0),
        lambda: mr.losses.BinaryCrossentropy(from_logits=True)(far > 0, far),
        lambda: mr.metrics.MeanSquaredError()(tiny, tiny * 0),
        lambda: mr.metrics.mean_squared_error(tiny, tiny * 0),
        lambda: mr.activations.sigmoid(far),
        lambda: mr.ops.softmax(far),
        lambda: mr.constraints.MaxNorm(1)(tiny),
        lambda: mr.initializers.TruncatedNormal(0, 1e-320, seed=1)((2, 2)),
        lambda: mr.check(lambda X: X[:, 0, :2] @ np.ones((2, 4)), FIXED, X * 1e-300).rows,
    ]
    for function in called:
        with np.errstate(all="ignore"):
            usual = function()
        with np.errstate(all="raise"):
            assert np.array_equal(np.asarray(function(), object), np.asarray(usual, object))
