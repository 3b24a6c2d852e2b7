"""Arrays and options of every kind into the methods of a model: right, or refused in one line; never taken in silence.

What is taken is what NumPy computes from the same numbers: finite where they are, of one dtype, and the model is as it was.
"""

from __future__ import annotations

import warnings

import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import minirnn as mr
from minirnn.layers import Dense, Input, SimpleRNN
from minirnn.models import Model

REFUSALS = (ValueError, TypeError, NotImplementedError)
N, T, D, M, K = 2, 3, 4, 5, 6


def network() -> Model:
    """Of a free length, with weights that do not change from run to run."""
    entry = Input((None, D))
    model = Model(entry, Dense(K)(SimpleRNN(M)(entry)))
    rng = np.random.default_rng(0)
    model.set_weights([rng.normal(size=w.shape) for w in model.get_weights()])
    model.compile("sgd", "mse")
    return model


MODEL = network()
WEIGHTS = MODEL.get_weights()
GOOD = {"X": (N, T, D), "Y": (N, K)}


def spoilt(array: np.ndarray, how: str) -> object:
    """The array as another thing than an array of real numbers."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        match how:
            case "nan" | "inf":
                array = array.copy()
                array.flat[-1] = float(how)
                return array
            case "masked":
                return np.ma.array(array, mask=array > 0.3)
            case "complex":
                return array + 1j
            case "text" | "bytes" | "object" | "half" | "longdouble" | "dates":
                kinds = {"text": str, "bytes": "S9", "object": object, "half": "f2", "longdouble": "g", "dates": "M8[s]"}
                return (array.astype("i8") if how == "dates" else array).astype(kinds[how])
            case "none":
                return None
            case "ragged":
                return [list(row)[: 1 + i] for i, row in enumerate(array)]
            case "empty":
                return array[:0]
            case "flat":
                return array.ravel()
            case "more":
                return array[..., None]
            case "list":
                return array.tolist()
            case "string":
                return "X"
    return array


HOW = [
    "good", "nan", "inf", "masked", "complex", "text", "bytes", "object", "half", "longdouble", "dates", "none", "ragged",
    "empty", "flat", "more", "list", "string",
]  # fmt: skip
NEVER = {"nan", "inf", "masked", "complex", "text", "bytes", "dates", "none", "ragged", "empty", "flat", "more", "string"}
calls = st.sampled_from(["trace", "predict", "fit", "evaluate", "set_weights", "compare"])
options = st.dictionaries(
    st.sampled_from(
        ["epochs", "batch_size", "verbose", "shuffle", "validation_split", "dtype", "truncate", "loss", "masks"]
    ),
    st.sampled_from([0, -1, 1, 2, 1.5, "x", None, True, [], {}, float("nan"), {"zzz": 1}]),
    max_size=2,
)


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck), database=None)
@given(calls, st.sampled_from(HOW), st.sampled_from(HOW), options, st.integers(0, 3))
def any_call(name: str, how_x: str, how_y: str, more: dict[str, object], place: int) -> None:
    """The property."""
    rng = np.random.default_rng(1)
    X, Y = (rng.normal(size=shape) for shape in GOOD.values())
    x, y = spoilt(X, how_x), spoilt(Y, how_y)
    MODEL.set_weights(WEIGHTS)
    told = {"trace": {"dtype", "truncate", "loss", "masks"}, "fit": {"epochs", "batch_size", "verbose", "shuffle"},
            "predict": {"batch_size", "verbose"}, "evaluate": {"batch_size", "verbose"}}  # fmt: skip
    more = {key: value for key, value in more.items() if key in told.get(name, ())}
    if name in ("fit", "predict", "evaluate"):
        more.setdefault("verbose", 0)
    bad = {how_x} if name in ("predict", "set_weights", "compare") else {how_x, how_y}
    if name == "trace" and how_x != "none":
        bad.discard("none")  # there may be no target
    before = [w.copy() for w in MODEL.get_weights()]
    try:
        match name:
            case "trace":
                found = mr.trace(MODEL, x, y, **more)
                assert np.isfinite(found.output).all() and found.dtype in (np.float32, np.float64)
            case "predict":
                found = MODEL.predict(x, **more)
                assert np.isfinite(found).all() and (how_x != "more" or np.array_equal(found, MODEL.predict(X, **more)))
            case "fit":
                MODEL.fit(x, y, **more)
            case "evaluate":
                assert np.isfinite(MODEL.evaluate(x, y, **more))
            case "set_weights":
                given_weights = [*WEIGHTS]
                given_weights[place] = spoilt(WEIGHTS[place], how_x)
                MODEL.set_weights(given_weights)
            case "compare":
                trace = mr.trace(MODEL, X, Y)
                trace.compare(y=spoilt(trace.output, how_x))
    except REFUSALS as error:
        assert str(error).isprintable() and len(str(error)) < 1000, f"refused in several lines: {error!s:.300}"
        if name != "fit":
            assert all(np.array_equal(a, b) for a, b in zip(before, MODEL.get_weights())), (
                "what was refused changed the weights"
            )
        return
    wrong = bad & NEVER
    if name == "predict" or (name not in ("set_weights", "compare") and how_y != "more"):
        wrong -= {"more"}  # a last axis of one is taken off the data, as Keras does
    if name == "set_weights":
        wrong -= {"nan", "inf"}  # weights may have exploded
    if name == "compare":
        wrong -= {"flat", "more"}  # it finds out how the axes lie
    if name == "set_weights" and how_x == "flat" and WEIGHTS[place].ndim == 1:
        wrong = set()
    assert not wrong, f"{name} takes what is {', '.join(sorted(wrong))} ({more})"


SEEDS: dict[str, bytes] = {}


def one_input(data: bytes) -> bool:
    """The property of the call that these bytes choose; whether they chose one."""
    return any_call.hypothesis.fuzz_one_input(data) is not None
