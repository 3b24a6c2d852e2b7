"""Names as data, their spellings, and that every quantity of a run has one of its own."""

from __future__ import annotations

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from minirnn.engine import names
from minirnn.engine.names import Name, parse, verbatim

LOSS = parse("L")


@pytest.mark.parametrize(
    ("name", "time", "text", "latex"),
    [
        (parse("h"), "t-1", "hₜ₋₁", "h_{t-1}"),
        (parse("h"), "T", "h_T", "h_{T}"),
        (parse("h"), "T-1", "h[T-1]", "h_{T-1}"),
        (parse("h"), "12", "h₁₂", "h_{12}"),
        (parse("W_x^2"), "", "W⁽²⁾ₓ", "W^{(2)}_{x}"),
        (parse("z_o"), "3", "zₒ₍₃₎", "z_{o,3}"),
        (parse("y"), "", "ŷ", r"\hat{y}"),
        (parse("z_o").derivative(LOSS, delta=True), "t", "δₒ₍ₜ₎", r"\delta_{o,t}"),
        (parse("z^2").derivative(LOSS, delta=True), "t+1", "δ⁽²⁾ₜ₊₁", r"\delta^{(2)}_{t+1}"),
        (parse("dL/dz"), "3", "∂L/∂z₃", r"\frac{\partial L}{\partial z_{3}}"),
        (parse("dL/dW_h"), "", "∂L/∂Wₕ", r"\frac{\partial L}{\partial W_{h}}"),
        (parse("d+L/dh"), "t", "∂⁺L/∂hₜ", r"\frac{\partial^{+} L}{\partial h_{t}}"),
        (parse("dL/dl"), "4", "∂L/∂ℓ₄", r"\frac{\partial L}{\partial \ell_{4}}"),
        (parse("loss"), "", "loss", r"\mathrm{loss}"),
        (verbatim("y"), "2", "y₂", "y_{2}"),
        (verbatim("h_last^3"), "", "h_last⁽³⁾", r"h^{(3)}_{\mathrm{last}}"),
        (verbatim("y").derivative(verbatim("cost")), "", "∂cost/∂y", r"\frac{\partial \mathrm{cost}}{\partial y}"),
    ],
    ids=str,
)
def test_a_name_in_both_scripts(name, time, text, latex):
    assert names.text(name, time) == text and names.latex(name, time) == latex


@given(st.text(string.ascii_letters + "_^/+d '\"\\{}", min_size=1, max_size=12))
def test_the_key_is_one_of_its_spellings(key):
    assert str(parse(key)) == str(verbatim(key)) == key


@pytest.mark.parametrize("key", ["a\nb", "a\0", "\udc80", "\u202e", "\x1b[2J"])
def test_what_cannot_be_printed_is_no_name(key):
    for make in (parse, verbatim):
        with pytest.raises(ValueError, match="cannot be printed") as caught:
            make(key)
        assert str(caught.value).isprintable()


def test_underscores_at_the_ends_and_nothing_else():
    shown = [(names.text(verbatim(key)), names.latex(verbatim(key))) for key in ("X", "X_", "_X", "_", "__", "h_t")]
    assert len(set(shown)) == 6 and shown[1] == ("X_", r"\mathrm{X\_}") and shown[5][1] == r"h_{t}"


def test_renaming_reaches_derivatives_and_layers():
    new = {"W_x": parse("U"), "h^2": parse("s")}
    assert str(parse("dL/dW_x^2").renamed(new)) == "dL/dU^2"
    assert str(parse("h^2").renamed(new)) == "s" and str(parse("h^1").renamed(new)) == "h^1"


def test_markup_escapes_what_a_name_holds():
    assert names.markup(verbatim("<b>")) == "<I>&lt;b&gt;</I>"
    assert names.markup(parse("W_x^2"), "t") == "<I>W</I><SUB>x,t</SUB><SUP>(2)</SUP>"
    assert r"\input" not in names.latex(Name(r"\input{x}"))
