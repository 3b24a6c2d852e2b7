"""Forms, conventions, names, derivatives and outputs of the equations."""

from __future__ import annotations

import numpy as np
import pytest
import sympy as sp

import minirnn as mr
from minirnn.readings.equations import matrix as S
from minirnn.readings.equations.printer import text

ACTIVATIONS = ("linear", "tanh", "sigmoid", "relu", "softmax", "exponential")
SWEEP = [
    {"activation": activation, "every_step": every_step, "layers": layers, "use_bias": use_bias}
    for activation in ACTIVATIONS
    for every_step in (False, True)
    for layers in (1, 2)
    for use_bias in (True, False)
]
CROSS_ENTROPY = {"head": "softmax", "loss": "categorical_crossentropy"}
HEADS = [CROSS_ENTROPY, CROSS_ENTROPY | {"every_step": True}, {"head": "tanh"}, {"head": "sigmoid", "every_step": True}]
HEADS += [{"head": "sigmoid", "loss": "categorical_crossentropy"}, {"hidden": "relu", "layers": 2}]


# --------------------------------------------------------------------------------------------------------- the sweep


@pytest.mark.parametrize("options", SWEEP + HEADS, ids=str)
def test_every_form_and_convention_holds_at_every_length(make, options):
    import math_core

    counts = set()
    for steps in (3, 4, 50):
        trace = make(steps=steps, samples=7, **options)
        for convention in ("row", "column"):
            for form in ("matrix", "component"):
                found = trace.equations(
                    form=form, convention=convention, wrt=["x", "h^1_0" if options.get("layers") == 2 else "h_0"]
                )
                counts.add(len(found))
                assert all(e.residual <= 1e-12 for e in found), found
                if steps == 4:  # the text does not depend on it
                    for e in found:
                        math_core.LatexToMathML().convert_with_local_state(e.latex, displaystyle=True)
    assert len(counts) == 1


@pytest.mark.parametrize("options", [{}, {"layers": 2, "every_step": True}, {"flatten": True}, *HEADS], ids=str)
def test_unrolled_and_at_a_step(make, options):
    trace = make(steps=3, **options)
    for convention in ("row", "column"):
        unrolled = trace.equations(form="unrolled", convention=convention)
        assert unrolled.residual <= 1e-12 and not any(e.rhs.has(S.t, S.T) for e in unrolled)
        assert trace.equations(t=2, convention=convention).residual <= 1e-12


def test_flatten_in_the_column_convention(make):
    found = make(flatten=True).equations(convention="column")
    assert found.residual <= 1e-12 and r"\begin{bmatrix}h_{1} \\ \vdots \\ h_{T}\end{bmatrix}" in found.latex()
    assert make(flatten=True).equations(form="component", convention="column").residual <= 1e-12


# ------------------------------------------------------------------------------------------------------ golden texts

GOLDEN = {
    "many_to_one": ({}, {}),
    "many_to_one_column": ({}, {"convention": "column"}),
    "many_to_one_components": ({}, {"form": "component"}),
    "many_to_one_components_column": ({}, {"form": "component", "convention": "column"}),
    "many_to_one_unrolled": ({"steps": 3}, {"form": "unrolled"}),
    "many_to_one_step_2": ({"steps": 3, "samples": 1}, {"t": 2}),
    "many_to_one_paths": ({}, {"paths": True}),
    "many_to_one_renamed": ({}, {"names": {"W_x": "U", "W_h": "W", "h": "s", "b_h": "b", "W_o": "V"}, "hide": ["z"]}),
    "many_to_one_all_derivatives": ({}, {"wrt": ["x", "h_0"], "hide": ["dL/dh"]}),
    "softmax_every_step": (CROSS_ENTROPY | {"every_step": True}, {}),
    "softmax_every_step_components": (CROSS_ENTROPY | {"every_step": True, "activation": "softmax"}, {"form": "component"}),
    "stacked": ({"layers": 2, "every_step": True, "activation": "relu"}, {"paths": True}),
}


@pytest.mark.parametrize("name", GOLDEN)
def test_the_printed_text(make, golden, name):
    network, options = GOLDEN[name]
    found = make(**network).equations(**options)
    golden(f"{name}.tex", found.latex())
    lines = "\n".join(str(e) for e in found)
    golden(f"{name}.txt", lines)


# --------------------------------------------------------------------------------------------------- the conventions


def test_the_column_convention_is_evaluated_not_rewritten(make, monkeypatch):
    """A product left in the order of the row convention does not fit, or does not hold."""
    from minirnn.readings.equations import column as conventions
    from minirnn.readings.equations import equations

    def careless(x):
        return x if x.__class__.__name__ == "MatMul" else conventions.column(x)

    monkeypatch.setattr(equations, "column", careless)
    with pytest.raises(ValueError, match="matmul"):
        make().equations(convention="column")


def test_twice_transposed_is_once(make):
    from minirnn.readings.equations.column import column

    for e in make(layers=2, activation="sigmoid").equations():
        assert column(column(e.rhs)) == e.rhs


# ------------------------------------------------------------------------------------------------------------- names


def test_names_are_used_everywhere(make):
    found = make(layers=2).equations(names={"h": "s", "W_x": "U", "W_h^2": "R"}, paths=True)
    printed = str(found) + found.latex() + "".join(map(str, found.sympy))
    assert (
        "h⁽¹⁾" not in printed
        and "h^{(1)}" not in printed
        and "s⁽¹⁾ₜ₋₁" in printed
        and "U^{(2)}" in printed
        and "∂L/∂R" in printed
    )
    assert found.residual <= 1e-12


@pytest.mark.parametrize(
    ("names", "says"),
    [
        ({"h": r"\input{x}"}, "is no name"),
        ({"h": "<svg onload=alert(1)>"}, "is no name"),
        ({"h": ""}, "is no name"),
        ({"h": "a" * 5000}, "is no name"),
        ({"h": "a_b_c"}, "is no name"),
        ({"h": "a b"}, "is no name"),
        ({"h": 3}, "is no name"),
        ({"s": "h"}, "there is no 's'; there are X, x, W_x"),
        ({"h": "z"}, "z would stand for two quantities"),
        ({"h": "x"}, "would stand for two quantities"),
        ({"h": "T"}, "T has a meaning of its own"),
        ({"h": "delta"}, "delta has a meaning of its own"),
        ({"h": "y"}, "y has a meaning of its own"),
        ({"\\input{x}" * 900: "h"}, "there is no"),
    ],
    ids=lambda v: str(v)[:30],
)
def test_names_that_make_no_sense_are_refused(make, names, says):
    with pytest.raises(ValueError, match=says) as error:
        make().equations(names=names)
    assert len(str(error.value)) < 300 and "\n" not in str(error.value)


def test_a_name_with_both_marks_is_set(make):
    import math_core

    found = make().equations(names={"h": "a_b^c"})
    assert "a^{(c)}_{b,t-1}" in found.latex() and found.residual <= 1e-12
    for e in found:
        math_core.LatexToMathML().convert_with_local_state(e.latex, displaystyle=True)


def test_what_is_hidden_must_be_there(make):
    with pytest.raises(ValueError, match="hide: there is no 'q'"):
        make().equations(hide=["q"])


@pytest.mark.parametrize(
    ("options", "error", "says"),
    [
        ({"form": "tensor"}, ValueError, "form is 'tensor'"),
        ({"convention": "keras"}, ValueError, "convention is 'keras'"),
        ({"t": 9}, ValueError, "steps 0 to 4"),
        ({"wrt": ["q"]}, ValueError, "no quantity 'q'"),
        ({"paths": True, "convention": "column"}, NotImplementedError, "row convention only"),
    ],
)
def test_options_that_make_no_sense(make, options, error, says):
    with pytest.raises(error, match=says):
        make().equations(**options)


def test_long_sequences_are_not_spelled_out(make):
    with pytest.raises(ValueError, match="30 steps are too many to spell out"):
        make(steps=30).equations(form="unrolled")
    assert make(steps=30).equations(t=29).residual <= 1e-12


# -------------------------------------------------------------------------------------------- immediate and total


WITH_PATHS = [{}, {"every_step": True}, {"layers": 2, "every_step": True, "activation": "sigmoid"}, CROSS_ENTROPY]
WITH_PATHS += [{"activation": "softmax"}, {"activation": "linear"}, {"activation": "relu", "layers": 2}]


@pytest.mark.parametrize("options", WITH_PATHS, ids=str)
def test_the_total_derivative_is_the_sum_over_paths(make, options):
    found = make(**options).equations(paths=True)
    assert found.residual <= 1e-11, found
    layers = options.get("layers", 1)
    assert sum("Π" in str(e) for e in found) == layers and sum("∂⁺h" in text(e.lhs) for e in found) == layers


def test_immediate_and_total_look_different(make):
    printed = str(make(every_step=True).equations(paths=True))
    assert "∂⁺L/∂hₜ = ∂L/∂ŷₜ Wₒᵀ" in printed and "∂⁺hₜ/∂hₜ₋₁ = diagₙ(1 - hₜ²) Wₕᵀ" in printed
    assert "∂L/∂hₖ = Σ(t=k..T) ∂⁺L/∂hₜ ∂hₜ/∂hₖ" in printed


def test_too_many_paths_are_refused(make, monkeypatch):
    from minirnn.readings.equations import paths

    monkeypatch.setattr(paths, "MAX_WORK", 10)
    with pytest.raises(ValueError, match="too many to follow every path"):
        make().equations(paths=True)


# --------------------------------------------------------------------------------------------------------- cross-entropy


def test_the_known_form_of_softmax_and_cross_entropy_falls_out(make):
    assert r"\delta_{o} = \frac{1}{N}\, \left(\hat{y} - y\right)" in [e.latex for e in make(**CROSS_ENTROPY).equations()]


def test_it_does_not_where_the_target_does_not_sum_to_one(make):
    trace = make(**CROSS_ENTROPY)
    other = mr.trace(trace.model, trace.inputs[0], 2 * trace.target, loss="categorical_crossentropy")
    found = other.equations()
    line = next(str(e) for e in found if e.name == "dL/dz_o")
    assert "y 1 1ᵀ" in line and found.residual <= 1e-12


# --------------------------------------------------------------------------------------------------------------- outputs


def test_a_document_of_its_own(make, tmp_path):
    path = make().equations().to_tex(tmp_path / "bptt.tex")
    tex = path.read_text()
    assert tex.startswith("\\documentclass") and tex.count("\\label{eq:") == 14 and "\\usepackage{amsmath}" in tex
    assert r"\label{eq:dL-dh-T}" in tex and len(set(__import__("re").findall(r"\\label\{(.*?)\}", tex))) == 14


def test_markdown_and_mathml(make):
    found = make().equations()
    assert found.markdown().count("$$") == 2 * len(found)
    assert found.mathml().count("<math") == len(found)


@pytest.mark.parametrize("name", ["⦜", "a∑", "W_∅", "√√", "漢字", "h⃗"])
def test_mathml_of_names_with_symbols_that_its_converter_does_not_know(name):
    def loop(X, **weights):
        h = np.zeros(2)
        for x in X:
            h = np.tanh(x @ weights[name] + h)
        return np.sum(h * h)

    trace = mr.trace(loop, X=np.ones((3, 2)), **{name: np.eye(2) * 0.3})
    found = trace.equations()
    assert found.mathml().count("<math") == len(found) and all(c in found.mathml() for c in name.replace("_", ""))


def test_components_are_plain_sympy(make):
    allowed = (
        sp.Indexed,
        sp.IndexedBase,
        sp.Sum,
        sp.Symbol,
        sp.Number,
        sp.Add,
        sp.Mul,
        sp.Pow,
        sp.Tuple,
        sp.tanh,
        S.ScalarQuantity,
        S.Named,
    )
    for e in make().equations(form="component"):
        assert all(isinstance(part, allowed) for part in sp.preorder_traversal(e.rhs)), e
        assert isinstance(e.sympy, sp.Equality)


def test_a_fold_that_misses_a_boundary_is_found(make, monkeypatch):
    from minirnn.traces import Trace

    trace, before = make(), Trace.fold

    def without_the_last_step(self, hide=()):
        folded = before(self, hide)
        folded.family("dL/dh").definitions.pop(0)
        return folded

    monkeypatch.setattr(Trace, "fold", without_the_last_step)
    with pytest.raises(RuntimeError, match="equations of dL/dh do not cover"):
        trace.equations()


# ------------------------------------------------------------------------------- SymPy's own derivative, to 30 digits


def numbers_of(trace, free=None):
    """The values of everything given, to 60 digits, as {Indexed: number}; a symbol for the one entry `free`."""
    known = {}
    for node in trace.nodes:
        if node.args and node.op.name != "take" and node.op.name != "state":
            continue
        if node.name is None or node.ndim == 3:
            continue
        matrix = np.asarray(node.value)
        for place in np.ndindex(*matrix.shape):
            shown = [i + 1 for i, n in zip(place, matrix.shape, strict=True)]
            time = [] if node.step is None else [node.step]
            index = sp.Indexed(sp.IndexedBase(str(node.name)), *time, *shown)
            known[index] = sp.Symbol("w") if index == free else sp.Float(float(matrix[place]), 60)
    return known


def solve(equations, known, T, sizes, digits=None):
    """Work out every equation whose right side is known, entry by entry, until nothing is left."""
    waiting = []
    for e in equations:
        steps = [None] if e.domain is None else e.domain.steps(T)
        for t in steps:
            at = {S.T: sp.Integer(T)} | ({} if t is None else {S.t: sp.Integer(t)})
            lhs, rhs = e.lhs.xreplace(at | sizes), e.rhs.xreplace(at | sizes).doit()
            free = [i for i in getattr(lhs, "indices", ()) if i.is_Symbol]
            ranges = [range(1, int(limit) + 1) for limit in (SIZES[str(i)] for i in free)]
            for place in np.ndindex(*[len(r) for r in ranges]):
                here = {i: sp.Integer(k + 1) for i, k in zip(free, place, strict=True)}
                waiting.append((lhs.xreplace(here), rhs.xreplace(here).doit()))
    while waiting:
        later = []
        for lhs, rhs in waiting:
            if any(i not in known for i in rhs.atoms(sp.Indexed)) or any(
                q not in known for q in rhs.atoms(S.ScalarQuantity)
            ):
                later.append((lhs, rhs))
            else:
                value = rhs.xreplace(known)
                known[lhs] = value.evalf(digits) if digits else value
        if len(later) == len(waiting):
            break
        waiting = later
    return known


SIZES = {"n": 1, "i": 4, "r": 4, "j": 2, "m": 2, "p": 2, "k": 3, "l": 3}


@pytest.mark.parametrize(
    "options",
    [{"activation": a} for a in ACTIVATIONS]
    + [{"every_step": True}, CROSS_ENTROPY, CROSS_ENTROPY | {"every_step": True}, {"head": "sigmoid"}],
    ids=str,
)
def test_sympys_own_derivative_agrees_to_thirty_digits(options):
    """The forward equations, unrolled to scalars and differentiated by SymPy, against the backward equations."""
    from minirnn.layers import Dense, Input, SimpleRNN
    from minirnn.models import Model

    T, D, M, K = 3, 4, 2, 3
    i = Input(shape=(T, D))
    rnn = SimpleRNN(M, activation=options.get("activation", "tanh"), return_sequences=options.get("every_step", False))
    model = Model(i, Dense(K, activation=options.get("head", "linear"))(rnn(i)))
    rng = np.random.default_rng(3)
    model.set_weights([rng.integers(-8, 9, w.shape) / 16 for w in model.get_weights()])
    X = rng.integers(-8, 9, (1, T, D)) / 8
    Y = np.zeros(model.predict(X).shape)
    Y[..., 1] = 1
    trace = mr.trace(model, X, Y, loss=options.get("loss", "mse"))
    found = trace.equations(form="component")
    sizes = {S.size_symbol(name): sp.Integer(n) for name, n in {"N": 1, "D": D, "M": M, "K": K}.items()}
    backward = solve(found, numbers_of(trace), T, sizes, digits=50)
    for name, place in (("W_h", (1, 2)), ("W_x", (3, 1)), ("b_h", (2,))):
        entry = sp.Indexed(sp.IndexedBase(name), *place)
        loss = solve([e for e in found if "/d" not in e.name], numbers_of(trace, free=entry), T, sizes)[
            S.ScalarQuantity("L")
        ]
        derivative = loss.diff(sp.Symbol("w")).subs(sp.Symbol("w"), numbers_of(trace)[entry]).evalf(45)
        ours = backward[sp.Indexed(sp.IndexedBase(f"dL/d{name}"), *place)]
        assert abs(derivative - ours) <= sp.Float("1e-30") * max(1, abs(derivative)), (name, derivative, ours)


def test_an_indicator_beside_other_factors_in_components(network):
    from minirnn.engine import ops

    X, Y = np.random.default_rng(0).normal(size=(2, 4, 3)), np.random.default_rng(1).normal(size=(2, 6))
    trace = mr.trace(network(), X, Y, loss=lambda target, y: ops.mean(ops.positive(y) * y * target))
    for convention in ("row", "column"):
        found = trace.equations(form="component", convention=convention)
        assert found.residual <= 1e-12 and "ŷ" in str(found[4]) and "> 0]" in str(found[4])
    linear = mr.trace(network(), X, np.abs(Y), loss="categorical_crossentropy")
    assert linear.equations(form="component").residual <= 1e-12


@pytest.mark.parametrize("steps", [4, 25])
def test_one_step_to_differentiate_by(make, steps):
    for name in ("x_2", f"x_{steps}", "h_2", "h_0", "z", "y"):
        assert make(steps=steps).equations(wrt=name).residual <= 1e-12


def test_what_is_given_cannot_be_hidden(make):
    for name in ("x", "W_h", "b_h", "target"):
        with pytest.raises(ValueError, match=f"hide: {name} is given"):
            make().equations(hide=name)


def test_reshape_makes_steps_and_features_of_its_own():
    """What is left for -1 is the size of no input, and the steps are not those of the data."""
    from minirnn.layers import Dense, Input, Reshape, SimpleRNN
    from minirnn.models import Model

    rng = np.random.default_rng(0)
    entry = Input((12, 3))
    states = SimpleRNN(5, return_sequences=True)(Reshape((3, -1))(entry))
    trace = mr.trace(Model(entry, Dense(2)(states)), rng.normal(size=(2, 12, 3)), rng.normal(size=(2, 3, 2)))
    lines = trace.equations()
    assert lines.residual < 1e-15 and str(lines[2]).endswith("(t=1..3)")
    last = Model(entry, Dense(2)(Reshape((-1, 1))(states)[:, -1]))
    trace = mr.trace(last, rng.normal(size=(2, 12, 3)), rng.normal(size=(2, 2)))
    assert trace.equations().residual < 1e-15 and trace.verify(with_keras=False).ok


def test_numbers_in_the_code_have_equations_where_they_are_few_and_the_same_at_every_step():
    def loop(X, W):
        h = np.array([1.0, 0.25])
        K = np.array([[0.5, 0.1, -2.0], [0.0, 3.0, 1.0]])
        for x in X:
            h = np.tanh(x @ W + h) * np.array([2.0, 3.0])
        return np.sum((h @ K) ** 2) + np.sum(h * np.array([True, False])) + np.sum(np.arange(20.0))

    rng = np.random.default_rng(3)
    trace = mr.trace(loop, rng.normal(size=(4, 3)), W=rng.normal(size=(3, 2)))
    shown = str(trace.equations())
    for line in ("h₀ = [1 0.25]", "cₜ = [2 3]    (t=1..T)", "K = [[0.5 0.1 -2]; [0 3 1]]", "const = [1 0]"):
        assert line in shown
    assert "const_2" not in shown and max(e.residual for e in trace.equations()) < 1e-15
    component = trace.equations(form="component")
    assert "h[0,u] = [u ≤ 1] + 0.25 [u > 1]" in str(component) and max(e.residual for e in component) < 1e-15
    assert "h₀ = [1 0.25]" in str(trace.walk()) and r"\left[1 \; 0.25\right]" in trace.equations().latex()


def test_numbers_that_differ_from_step_to_step_have_no_equation():
    def loop(X, W):
        h, rng = np.zeros(2), np.random.default_rng(0)
        for x in X:
            noise = rng.normal(size=2)
            h = np.tanh(x @ W + h * noise)
        return np.sum(h)

    trace = mr.trace(loop, np.ones((4, 3)), W=np.full((3, 2), 0.3))
    assert "hₜ = tanh(xₜ W + hₜ₋₁ ⊙ noiseₜ)" in str(trace.equations()) and "noise₁ =" not in str(trace.equations())
