"""A script as a user with a strict type checker writes it: every public call, none of unknown type. It also runs."""

import tempfile
from pathlib import Path
from typing import assert_type

import numpy as np
import sympy as sp

import minirnn as mr
from minirnn import demo
from minirnn.callbacks import History
from minirnn.displays import Table
from minirnn.engine.fold import Folded
from minirnn.layers import GRU, LSTM, Dense, Input, Masking, SimpleRNN
from minirnn.models import Model, Sequential, clone_model, load_model, model_from_json
from minirnn.readings.analysis.export import Numbers
from minirnn.readings.analysis.jacobians import JacobianNorms
from minirnn.readings.analysis.ledger import Ledger
from minirnn.readings.analysis.masks import Masks
from minirnn.readings.analysis.walk import Stop, Walk
from minirnn.readings.equations.equation import Equation, Equations
from minirnn.readings.page.page import Page
from minirnn.readings.picture.animation import Animation
from minirnn.readings.picture.picture import Picture
from minirnn.readings.source.compiled import Compiled
from minirnn.training.update import Update
from minirnn.verify.compare.mismatch import Mismatch
from minirnn.verify.exercises import Exercise, Exercises
from minirnn.verify.report import Report
from minirnn.verify.witnesses.fifty_digits import Exact

place = tempfile.TemporaryDirectory()  # removed at the end
folder = Path(place.name)
mr.set_random_seed(1)
i = Input(shape=(4, 3))
model = Model(i, Dense(2)(SimpleRNN(5)(i)))
assert_type(model, Model)
assert_type(model.count_params(), int)
assert_type(model.get_weights(), list[np.ndarray])
Sequential([Input((4, 3)), LSTM(2, return_sequences=True), GRU(3)]).summary()
X, Y = np.ones((2, 4, 3)), np.zeros((2, 2))
assert_type(mr.save(model, folder / "model.keras"), Path)
assert_type(mr.load(folder / "model.keras"), Model)

model.compile("adam", "mse", metrics=["mae"])
assert_type(model.fit(X, Y, epochs=2, verbose=0), History)
assert_type(model.predict(X), np.ndarray | list[np.ndarray] | dict[str, np.ndarray])
assert_type(model.evaluate(X, Y, verbose=0), float | list[float] | dict[str, float])
assert_type(model.train_on_batch(X, Y), float | list[float] | dict[str, float])
assert_type(model.save_weights(folder / "model.weights.h5"), Path)
model.load_weights(folder / "model.weights.h5")
assert_type(clone_model(model), Model)
assert_type(model_from_json(model.to_json()), Model)
assert_type(load_model(folder / "model.keras"), Model)

trace = mr.trace(model, X, Y, loss="mse", dtype="float64", truncate=3, semantics="jax")
assert_type(mr.trace(Sequential([Input((4, 3)), Masking(), SimpleRNN(2)]), X).masks(), Masks)
assert_type(trace, mr.Trace)
assert_type(trace.steps, int)
assert_type(trace.output, np.ndarray)
assert_type(trace.loss, np.floating | None)
assert_type(trace.target, np.ndarray | list[np.ndarray] | None)
assert_type(trace.fold(hide=["z"]), Folded)
assert_type(trace.astype("float32"), mr.Trace)
assert_type(trace.with_respect_to(["x"]), mr.Trace)
assert_type(trace.value("h", 3), np.ndarray)
assert_type(trace.adjoint("h", 3), np.ndarray)
assert_type(trace.gradients["W_h"], np.ndarray)

equations = trace.equations(form="matrix", convention="row", hide=["z"], names={"W_x": "U"}, t=None, plain=False)
assert_type(equations, Equations)
assert_type(equations[0], Equation)
assert_type(equations[0].latex, str)
assert_type(equations[0].sympy, sp.Eq)
assert_type(equations.residual, float)
assert_type(equations.latex(labels=True), str)
assert_type(equations.to_tex(folder / "rnn.tex", fragment=True), Path)
assert_type(equations.markdown(), str)

picture = trace.picture(level="op", backward=True, max_steps=None, rankdir="LR", theme="light")
assert_type(picture, Picture)
assert_type(picture.svg, str)
assert_type(picture.save(folder / "rnn.svg"), Path)

assert_type(trace.animate(folder / "rnn.gif", max_steps=4, theme="dark"), Animation)

assert_type(trace.walk(), Walk)
assert_type(trace.walk()[1], Stop)
assert_type(trace.walk()[1].latex(), str)
assert_type(trace.source("numpy"), str)
assert_type(trace.compile(engine="numpy"), Compiled)
assert_type(trace.ledger("W_h", by="path"), Ledger)
assert_type(trace.jacobian(3, 1), np.ndarray)
assert_type(trace.jacobian_norms(), JacobianNorms)
figure = trace.plot("ledger", of="W_h", by="step")
figure.savefig(folder / "ledger.png")
assert_type(trace.verify(with_keras=False, thorough=False), Report)
assert_type(trace.verify(with_keras=False).ok, bool)
assert_type(trace.exact(digits=50), Exact)
assert_type(trace.compare(h=trace.value("h", 4)), Mismatch)
assert_type(trace.compare(h=trace.value("h", 4)).sentence, str)
assert_type(trace.compare(h=trace.value("h", 4)).table, Table)
assert_type(trace.page(folder / "page.html", with_keras=False, language="it"), Page)
assert_type(trace.to_dict(), dict[str, dict[int | None, Numbers]])
trace.to_csv(folder / "numbers.csv")
trace.to_json(folder / "numbers.json")
trace.to_npz(folder / "numbers.npz")
assert_type(trace.update("adam"), Update)
assert_type(trace.exercises(), Exercises)
assert_type(trace.exercises()[0], Exercise)
assert_type(trace.exercises().sheet(folder / "sheet.html", answers=False), Path)
print(trace.to_pandas().head())


def loop(X: np.ndarray, Wx: np.ndarray, Wh: np.ndarray) -> np.ndarray:
    h = np.zeros(5)
    for x in X[0]:
        h = np.tanh(x @ Wx + h @ Wh)
    return h


Wx, Wh = demo.WEIGHTS[:2]
assert_type(mr.trace(loop, X=demo.X, Wx=Wx, Wh=Wh), mr.Trace)
assert_type(mr.check(loop, Model(i, SimpleRNN(5)(i)), X, Wx=Wx, Wh=Wh), Mismatch)
