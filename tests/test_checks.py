"""Arrays and options are refused in the same sentence wherever they come in."""

from __future__ import annotations

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


@pytest.mark.parametrize("how", [k for k in REFUSED if k not in ("records", "ragged", "dates")] + ["nan", "inf"])
def test_every_door_refuses(how):
    """The same at every trace, planned or not, and nothing is changed by what is refused."""
    model = network()
    kept = model.get_weights()

    def spoilt(array):
        if how == "masked":
            return np.ma.array(array, mask=array > 0)
        if how in ("nan", "inf"):
            return np.where(array == array.max(), float(how), array)
        return array.astype({"complex": complex, "text": str, "objects": object, "longdouble": "g"}[how])

    for turn in range(3):
        for x, y in ((spoilt(X), Y), (X, spoilt(Y))):
            with pytest.raises(ValueError, match=r"^[XY] ") as caught:
                mr.trace(model, x, y)
            assert "\n" not in str(caught.value)
        assert turn or np.isfinite(mr.trace(model, X, Y).loss)
    doors = [
        lambda: model.predict(spoilt(X)),
        lambda: model.evaluate(spoilt(X), Y),
        lambda: model.fit(spoilt(X), Y, verbose=0),
        lambda: mr.trace(model, X, Y).compare(y=spoilt(Y)),
    ]
    if how not in ("nan", "inf"):
        doors.append(lambda: model.set_weights([*kept[:3], spoilt(kept[3]), kept[4]]))
    for door in doors:
        with pytest.raises(ValueError):
            door()
    assert all(np.array_equal(a, b) for a, b in zip(kept, model.get_weights()))


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
