from __future__ import annotations

import numpy as np
import pytest
import sympy as sp

import minirnn as mr
from minirnn.readings.equations import matrix as S
from minirnn.readings.equations.equation import Equation

MANY_TO_ONE = r"""\begin{align*}
h_{0} &= 0 \\
z_{t} &= x_{t}\, W_{x} + \mathbf{1}\, b_{h} + h_{t-1}\, W_{h} && t=1,\ldots,T \\
h_{t} &= \tanh\left(z_{t}\right) && t=1,\ldots,T \\
\hat{y} &= h_{T}\, W_{o} + \mathbf{1}\, b_{o} \\
L &= \operatorname{mean}\left(\left(\hat{y} - y\right)^{2}\right) \\
\frac{\partial L}{\partial \hat{y}} &= \frac{2}{K N}\, \left(\hat{y} - y\right) \\
\frac{\partial L}{\partial h_{T}} &= \frac{\partial L}{\partial \hat{y}}\, W_{o}^{\top} \\
\frac{\partial L}{\partial h_{t}} &= \delta_{t+1}\, W_{h}^{\top} && t=1,\ldots,T-1 \\
\delta_{t} &= \frac{\partial L}{\partial h_{t}} \odot \left(1 - h_{t}^{2}\right) && t=1,\ldots,T \\
\frac{\partial L}{\partial W_{x}} &= \sum_{t=1}^{T} x_{t}^{\top}\, \delta_{t} \\
\frac{\partial L}{\partial W_{h}} &= \sum_{t=1}^{T} h_{t-1}^{\top}\, \delta_{t} \\
\frac{\partial L}{\partial b_{h}} &= \sum_{t=1}^{T} \mathbf{1}^{\top}\, \delta_{t} \\
\frac{\partial L}{\partial W_{o}} &= h_{T}^{\top}\, \frac{\partial L}{\partial \hat{y}} \\
\frac{\partial L}{\partial b_{o}} &= \mathbf{1}^{\top}\, \frac{\partial L}{\partial \hat{y}}
\end{align*}"""

SWEEP = [
    {"activation": activation, "every_step": every_step, "layers": layers, "use_bias": use_bias}
    for activation in ("linear", "tanh", "sigmoid", "relu", "softmax", "exponential")
    for every_step in (False, True)
    for layers in (1, 2)
    for use_bias in (True, False)
]
HEADS = [
    {"head": "softmax", "loss": "categorical_crossentropy", "every_step": True},
    {"head": "softmax", "loss": "categorical_crossentropy"},
    {"head": "sigmoid", "loss": "categorical_crossentropy"},
    {"head": "tanh"},
    {"head": "exponential", "every_step": True},
    {"hidden": "relu", "layers": 2},
    {"flatten": True},
]


def test_the_many_to_one_network_as_a_textbook_prints_it(trace):
    assert trace.equations().latex() == MANY_TO_ONE


def test_a_loss_at_every_step_joins_the_recursion(make):
    lines = [e.latex for e in make(every_step=True).equations()]
    assert (
        r"\frac{\partial L}{\partial h_{t}} = \frac{\partial L}{\partial \hat{y}_{t}}\, W_{o}^{\top}"
        r" + \delta_{t+1}\, W_{h}^{\top} \qquad t=1,\ldots,T-1"
    ) in lines
    assert r"L = \frac{1}{T}\, \sum_{t=1}^{T} \ell_{t}" in lines


def test_stacked_layers_carry_their_number(stacked):
    text = str(stacked.equations())
    assert "∂L/∂h⁽¹⁾ₜ = δ⁽²⁾ₜ W⁽²⁾ₓᵀ + δ⁽¹⁾ₜ₊₁ W⁽¹⁾ₕᵀ    (t=1..T-1)" in text
    assert "δ⁽¹⁾ₜ = ∂L/∂h⁽¹⁾ₜ ⊙ (1 - (h⁽¹⁾ₜ)²)    (t=1..T)" in text


@pytest.mark.parametrize(
    ("activation", "says"),
    [
        ("linear", "δₜ = ∂L/∂hₜ    "),
        ("tanh", "δₜ = ∂L/∂hₜ ⊙ (1 - hₜ²)"),
        ("sigmoid", "δₜ = ∂L/∂hₜ ⊙ hₜ ⊙ (1 - hₜ)"),
        ("relu", "δₜ = ∂L/∂hₜ ⊙ [zₜ > 0]"),
        ("exponential", "δₜ = ∂L/∂hₜ ⊙ hₜ    "),
        ("softmax", "δₜ = hₜ ⊙ (∂L/∂hₜ - (∂L/∂hₜ ⊙ hₜ) 1 1ᵀ)"),
    ],
)
def test_each_activation_has_its_own_delta(make, activation, says):
    assert says in str(make(activation=activation).equations())


@pytest.mark.parametrize("options", SWEEP + HEADS, ids=str)
def test_every_equation_holds_at_every_step(make, options):
    counts = set()
    for steps in (3, 5, 11):
        equations = make(steps=steps, samples=7, **options).equations()
        counts.add(len(equations))
        assert all(e.residual <= 1e-12 for e in equations), equations
    assert len(counts) == 1  # how many there are does not depend on T


@pytest.mark.parametrize("options", [{}, *HEADS[:1], {"layers": 2}], ids=str)
@pytest.mark.parametrize("steps", [1, 2])
def test_short_sequences_have_true_equations_too(make, options, steps):
    assert make(steps=steps, **options).equations().residual <= 1e-12


def test_equations_of_a_short_trace_hold_for_a_long_one(make):
    short, long = make(steps=5).equations(), make(steps=200)
    assert short.latex() == long.equations().latex()
    assert str(make(steps=5).fold().retarget(200)) == str(long.fold()) and long.equations().residual <= 1e-12


def test_float32_holds_to_its_own_precision(make):
    equations = make(dtype="float32").equations()
    assert 0 < equations.residual < 32 * np.finfo("float32").eps


def test_hiding_gives_the_terser_recursions(trace):
    hidden_z = str(trace.equations(hide=["z"]))
    assert "hₜ = tanh(xₜ Wₓ + 1 bₕ + hₜ₋₁ Wₕ)    (t=1..T)" in hidden_z and "zₜ =" not in hidden_z
    terse = trace.equations(hide=["dL/dh"])
    assert "δ_T = (∂L/∂ŷ Wₒᵀ) ⊙ (1 - h_T²)" in str(terse) and "δₜ = (δₜ₊₁ Wₕᵀ) ⊙ (1 - hₜ²)    (t=1..T-1)" in str(terse)
    assert terse.residual <= 1e-12


def test_each_equation_is_sympy(trace):
    for e in trace.equations():
        assert isinstance(e, Equation) and isinstance(e.sympy, sp.Equality)
        assert e.sympy.lhs == e.lhs and S.shape_of(e.lhs) == S.shape_of(e.rhs)
        assert sp.latex(e.lhs) in e.latex
        assert e._repr_latex_().startswith("$")


def test_printing_is_the_same_every_time(make):
    assert str(make(layers=2).equations()) == str(make(layers=2).equations())
    assert make().equations()._repr_latex_().count("aligned") == 2


def test_forward_only_has_the_forward_equations(network):
    equations = mr.trace(network(), np.random.default_rng(0).normal(size=(2, 4, 3))).equations()
    assert [e.name for e in equations] == ["h", "z", "h", "y"]


def test_an_operation_without_matrix_form_is_written_as_the_function_that_it_is():
    from minirnn.engine import ops

    def odd(target, y):
        return ops.sum_all(ops.square(ops.permute(y - target, axes=(1, 0))))

    from minirnn.layers import SimpleRNN

    trace = mr.trace(SimpleRNN(4), np.ones((2, 3, 2)), np.ones((2, 4)), loss=odd)
    equations = trace.equations()
    assert any("permute(" in str(e) for e in equations) and equations.residual < 1e-6


def test_the_equations_say_what_an_independent_derivation_says(make):
    """SymPy's own derivative of the unrolled scalar network, at M=2, T=3, against the traced gradients."""
    from minirnn.layers import Dense, Input, SimpleRNN
    from minirnn.models import Model

    i = Input(shape=(3, 1))
    model = Model(i, Dense(1)(SimpleRNN(2)(i)))
    rng = np.random.default_rng(4)
    model.set_weights([rng.normal(size=w.shape) for w in model.get_weights()])
    X, Y = rng.normal(size=(1, 3, 1)), rng.normal(size=(1, 1))
    W_x, W_h, b_h, W_o, b_o = model.get_weights()
    w = sp.Matrix(2, 2, sp.symbols("w:4"))
    h = sp.zeros(1, 2)
    for t in range(3):
        h = (sp.Matrix(X[:, t]) * sp.Matrix(W_x) + sp.Matrix([b_h]) + h * w).applyfunc(sp.tanh)
    loss = ((h * sp.Matrix(W_o))[0] + b_o[0] - Y[0, 0]) ** 2
    at = dict(zip(w, W_h.ravel(), strict=True))
    expected = [[float(loss.diff(w[i, j]).subs(at)) for j in range(2)] for i in range(2)]
    np.testing.assert_allclose(mr.trace(model, X, Y).gradients["W_h"], expected, rtol=1e-12)


def test_a_step_is_a_whole_number(trace):
    for wrong in (2.5, "2", -1):
        with pytest.raises(ValueError, match=r"t is .*; it must be a whole number, 0 or more"):
            trace.equations(t=wrong)
    with pytest.raises(ValueError, match="t is 99; the trace has steps 0 to 4"):
        trace.equations(t=99)


@pytest.mark.parametrize("T", [4, 5, 8])
def test_a_mask_with_zeroed_outputs_gives_the_lines_of_three_steps(T):
    def lines(T):
        entry, valid = mr.layers.Input((T, 3)), mr.layers.Input((T,), dtype="bool")
        layer = mr.layers.SimpleRNN(2, return_sequences=True, zero_output_for_mask=True)
        model = mr.models.Model([entry, valid], layer(entry, mask=valid))
        return [str(e) for e in mr.trace(model, [np.ones((1, T, 3)), np.ones((1, T))], np.zeros((1, T, 2))).equations()]

    assert lines(T) == lines(3)
