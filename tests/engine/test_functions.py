"""A function of every entry is one row of one table: all that reads a network knows it by that row."""

from __future__ import annotations

import numpy as np
import pytest

import minirnn as mr
from minirnn.engine import graph, ops
from minirnn.engine.ops.entrywise import FUNCTIONS, function
from minirnn.layers import Dense, Input, SimpleRNN
from minirnn.models import Model
from minirnn.readings.page.program import program


@pytest.fixture
def cosh():
    """cosh and sinh, as somebody would add them."""
    made = {}
    made["sinh"] = function(
        "sinh", "np.sinh({0})", lambda g, y, x: g * made["cosh"](x), lambda S, z: S.sp.sinh(z), latex=r"\sinh"
    )
    made["cosh"] = function(
        "cosh", "np.cosh({0})", lambda g, y, x: g * made["sinh"](x), lambda S, z: S.sp.cosh(z), latex=r"\cosh"
    )
    yield made["cosh"]
    for name in made:
        FUNCTIONS.pop(name), graph._known.pop(name)


def test_a_new_row_is_known_to_every_reading(cosh):
    i = Input((4, 3))
    model = Model(i, Dense(2)(SimpleRNN(5, activation=lambda z: 0.1 * cosh(z))(i)))
    rng = np.random.default_rng(0)
    X, Y = rng.normal(size=(2, 4, 3)), rng.normal(size=(2, 2))
    trace = mr.trace(model, X, Y, dtype="float64")
    for form in ("matrix", "component"):
        equations = trace.equations(form=form)
        assert equations.residual < 1e-13
        assert "cosh(" in "\n".join(map(str, equations)) and r"\sinh" in equations.latex()
    assert all(row.ok for row in trace.verify(with_keras=False))
    assert program(trace)["functions"]["cosh"] == "cosh" and "cosh" in trace.picture(level="op").dot
    parameters = {name: node.value for name, node in trace.parameters.items()}
    for form in ("numpy", "buffers", "loops"):
        module: dict = {}
        exec(trace.source(form), module)
        loss, gradients = module["loss_and_gradients"](parameters, X, Y)
        assert abs(loss - trace.loss) < 1e-14
        for name, gradient in gradients.items():
            np.testing.assert_allclose(gradient, trace.gradients[name], rtol=1e-12, atol=1e-14)


def test_a_wrong_slope_in_a_row_is_found(cosh, monkeypatch):
    monkeypatch.setattr(cosh, "vjp", (lambda g, y, x: g * y,))
    i = Input((4, 3))
    model = Model(i, SimpleRNN(5, activation=lambda z: 0.1 * cosh(z))(i))
    trace = mr.trace(model, np.ones((2, 4, 3)) / 3, np.ones((2, 5)))
    assert not trace.verify(with_keras=False).ok


@pytest.mark.parametrize("name", FUNCTIONS)
def test_the_second_definition_is_the_first(name):
    """What the component form says of one entry, computed by SymPy, is what the operation computes."""
    import sympy as sp

    from minirnn.readings.equations import matrix as S

    known = FUNCTIONS[name]
    numbers = {"low": -0.5, "high": 0.7} if name in ("clip", "inside") else {}
    x = np.abs(np.random.default_rng(0).normal(size=7)) if name in ("log", "sqrt") else np.linspace(-1.9, 2.1, 7)
    z = sp.Symbol("z", real=True)
    written = known.entry(S, z, *numbers.values())
    there = [written.xreplace({z: sp.Float(float(v), 30)}) for v in x]
    there = [float(e.replace(S.Iverson, lambda c: sp.Integer(bool(c)))) for e in there]
    np.testing.assert_allclose(known.op(ops.leaf(x), **numbers).value, there, rtol=1e-15, atol=1e-15)
    assert known.latex and known.text
