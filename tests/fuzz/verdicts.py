"""`verify`, `check` and `compare` of models and loops with numbers of every kind: a verdict, or one clear line of ours."""

from __future__ import annotations

import functools
import itertools
import linecache
import traceback
import warnings
from pathlib import Path

import numpy as np

import minirnn as mr
from minirnn.layers import GRU, LSTM, Bidirectional, Dense, Embedding, Input, Masking, SimpleRNN
from minirnn.models import Sequential
from tests.verify.compare.test_slips_in_loops import LOOPS

SEEDS: dict[str, bytes] = {}
REFUSALS = (ValueError, TypeError, KeyError, NotImplementedError, FloatingPointError)
PACKAGE = str(Path(mr.__file__).parent)
LAYERS = {
    "rnn": lambda: [SimpleRNN(5), Dense(3)],
    "every step": lambda: [SimpleRNN(5, return_sequences=True), Dense(3)],
    "states alone": lambda: [SimpleRNN(3, activation="relu")],
    "masked": lambda: [Masking(), SimpleRNN(5), Dense(3, activation="softmax")],
    "lstm": lambda: [LSTM(3)],
    "gru": lambda: [GRU(5, return_sequences=True), SimpleRNN(3)],
    "both ways": lambda: [Bidirectional(SimpleRNN(2)), Dense(3)],
    "words": lambda: [Embedding(7, 4), SimpleRNN(3)],
}


def one_input(data: bytes) -> bool:
    """The combination that these bytes choose; whether there was a verdict."""
    rng = np.random.default_rng(list(data[:16]))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            text = str(_said(rng))
        except REFUSALS as error:
            _demand_clear(error)
            return False
    assert text.strip() and "Traceback" not in text and "<function" not in text, text
    return True


def _demand_clear(error: BaseException) -> None:
    """It was raised on purpose by the package, or by the function that was given, in one line."""
    frame = traceback.extract_tb(error.__traceback__)[-1]
    ours = frame.filename.startswith(PACKAGE) and "raise" in linecache.getline(frame.filename, frame.lineno or 0)
    theirs = frame.filename == __file__
    where = f"{frame.filename}:{frame.lineno}: {type(error).__name__}: {error}"
    assert ours or theirs, where
    assert str(error).strip() and "\n" not in str(error).strip() and len(str(error)) < 1200, where


def _said(rng: np.random.Generator) -> object:
    dtype = rng.choice(["float32", "float64"])
    scale, T = 10.0 ** rng.uniform(-1, 1), int(rng.integers(1, 7))
    if rng.random() < 0.5:
        style = str(rng.choice(list(LOOPS)))
        trace = _loop(style, rng, dtype, scale, T)
    else:
        kind = str(rng.choice(list(LAYERS)))
        model, X = _model(kind, rng, dtype, scale, T)
        if rng.random() < 0.3:
            return mr.check(_returning(_garbage(rng, model.predict(X)), rng), model, X)
        Y = rng.normal(size=model.predict(X).shape).astype(dtype) if rng.random() < 0.8 else None
        trace = mr.trace(model, X, Y, rng.choice(["mse", "mae"]) if Y is not None else None)
    if rng.random() < 0.4:
        return trace.verify(with_keras=False, thorough=bool(rng.random() < 0.3))
    return trace.compare(_numbers(trace, rng))


def _model(kind: str, rng: np.random.Generator, dtype: str, scale: float, T: int) -> tuple[Sequential, np.ndarray]:
    model = Sequential([Input((T,) if kind == "words" else (T, 4)), *LAYERS[kind]()])
    model.set_weights([(scale * rng.normal(size=w.shape)).astype(dtype) for w in model.get_weights()])
    X = rng.integers(0, 7, (2, T)) if kind == "words" else rng.normal(size=(2, T, 4)).astype(dtype)
    if kind == "masked":
        X[0, T // 2 :] = 0
    return model, X


def _loop(style: str, rng: np.random.Generator, dtype: str, scale: float, T: int) -> mr.Trace:
    every, N = bool(rng.random() < 0.5), 3
    rows = style in ("one sample", "a batch")
    shapes = {"U": (4, 5), "W": (5, 5), "V": (5, 2)}
    weights = {k: scale * rng.normal(size=s if rows else s[::-1]) for k, s in shapes.items()}
    weights["b"] = rng.normal(size=5 if rows else (5, 1))
    xs = {"one sample": (T, 4), "a batch": (N, T, 4), "columns": (T, 4, 1), "features by samples": (4, N, T)}[style]
    goal = {"one sample": (T, 2), "a batch": (N, T, 2), "columns": (T, 2, 1), "features by samples": (2, N, T)}[style]
    wanted = np.array(rng.normal(size=goal))
    if not every:
        wanted = np.take(wanted, 0, {"a batch": 1, "features by samples": 2}.get(style, 0))
    mixed = rng.random() < 0.3
    weights = {k: a.astype("float32" if mixed else dtype) for k, a in weights.items()}
    return mr.trace(LOOPS[style], xs=rng.normal(size=xs).astype(dtype), goal=wanted.astype(dtype), every=every, **weights)


def _numbers(trace: mr.Trace, rng: np.random.Generator) -> object:
    """Some of the trace's numbers, as they are or spoilt, under names that are there or not."""
    known = sorted({name for name, _ in trace.variables})
    found: dict[object, object] = {}
    for name in rng.choice(known, size=min(len(known), int(rng.integers(1, 5))), replace=False):
        steps = sorted(step for n, step in trace.variables if n == name and step is not None)
        values = [trace.variables[name, t].value for t in steps] or trace.variables[name, None].value
        found[str(name)] = _garbage(rng, values)
    if rng.random() < 0.2:
        found[rng.choice(["dL/dnothing", "", "h_99", "dL/d", "L/L", "dL/ddL/dh"])] = rng.normal(size=3)
    if rng.random() < 0.05:
        return rng.choice([None, 3, "h"])  # type: ignore[arg-type]
    return found


def _garbage(rng: np.random.Generator, right: object) -> object:
    """The right numbers, or what a user may take for them."""
    array = np.stack(right) if isinstance(right, list) else np.asarray(right)
    spoils = [
        lambda: right, lambda: right, lambda: right, lambda: list(array) if array.ndim else array, lambda: array.tolist(),
        lambda: dict(enumerate(array, 1)) if array.ndim else {}, lambda: array * 2, lambda: -array, lambda: array.T,
        lambda: array[..., None], lambda: array[:1] if array.ndim else array, lambda: array[::-1] if array.ndim else array,
        lambda: array * np.nan, lambda: array * np.inf, lambda: array * 0, lambda: array.astype("float16"),
        lambda: array + rng.normal(size=array.shape), lambda: array.astype(complex), lambda: array.astype(str),
        lambda: array.astype(object), lambda: np.round(array, 3), lambda: np.sum(array), lambda: None, lambda: "numbers",
        lambda: [], lambda: {}, lambda: [[1], [2, 3]], lambda: np.ma.masked_array(array), lambda: array > 0,
        lambda: np.moveaxis(array, 0, -1) if array.ndim > 1 else array, lambda: 1e300 * array, lambda: {"a": 1},
        lambda: array.astype("longdouble"), lambda: np.zeros((0, 3)), lambda: lambda: 0, lambda: {-1: 2.0, "x": 3.0},
    ]  # fmt: skip
    return spoils[rng.integers(len(spoils))]()


def _returning(value: object, rng: np.random.Generator) -> object:
    """A function that returns it, alone or with more."""
    shape = rng.integers(4)

    def mine(X: object) -> object:
        return [value, (value, value), {"output": value}, [value]][shape]

    return mine


def main(count: int = 2000, seed: int = 0) -> None:
    """So many combinations; what was found is told at the end."""
    heard, faults = 0, {}
    for number in itertools.islice(itertools.count(seed), count):
        try:
            heard += one_input(number.to_bytes(8, "little"))
        except BaseException as fault:
            said = f"{type(fault).__name__}: {' '.join(str(fault).split())[:220]}"
            if said not in faults:
                print(number, said, flush=True)
            faults.setdefault(said, []).append(number)
    for fault, numbers in sorted(faults.items(), key=lambda item: -len(item[1])):
        print(len(numbers), numbers[:4], fault)
    print(f"{count} combinations, {heard} verdicts, {sum(map(len, faults.values()))} faults")


if __name__ == "__main__":
    import sys

    functools.partial(main)(*map(int, sys.argv[1:]))
