from __future__ import annotations

import pytest

from minirnn.engine import names


@pytest.mark.parametrize(
    ("name", "time", "text", "latex"),
    [
        ("h", "t-1", "hₜ₋₁", "h_{t-1}"),
        ("h", "T", "h_T", "h_{T}"),
        ("h", "T-1", "h[T-1]", "h_{T-1}"),
        ("h", "12", "h₁₂", "h_{12}"),
        ("W_x^2", "", "W⁽²⁾ₓ", "W^{(2)}_{x}"),
        ("z_o", "3", "zₒ₍₃₎", "z_{o,3}"),
        ("y", "", "ŷ", r"\hat{y}"),
        ("dL/dz_o", "t", "δₒ₍ₜ₎", r"\delta_{o,t}"),
        ("dL/dz^2", "t+1", "δ⁽²⁾ₜ₊₁", r"\delta^{(2)}_{t+1}"),
        ("dL/dW_h", "", "∂L/∂Wₕ", r"\frac{\partial L}{\partial W_{h}}"),
        ("dL/dl", "4", "∂L/∂ℓ₄", r"\frac{\partial L}{\partial \ell_{4}}"),
        ("loss", "", "loss", r"\mathrm{loss}"),
    ],
)
def test_a_name_in_both_scripts(name, time, text, latex):
    assert names.text(name, time) == text and names.latex(name, time) == latex
