from __future__ import annotations

import sympy as sp

from minirnn.readings.equations import matrix as S
from minirnn.readings.equations.printer import latex, text

N, M = S.size_symbol("N"), S.size_symbol("M")
A, B, C = (S.Quantity(name, N, M, S.t) for name in "ABC")


def test_sums_and_products_keep_their_order_and_brackets():
    W = S.Quantity("W", M, M)
    assert text(S.add(B, S.scale(-1, A), C)) == "Bₜ - Aₜ + Cₜ"
    assert text(S.matmul(S.add(B, A), W)) == "(Bₜ + Aₜ) W"
    assert text(S.hadamard(S.matmul(B, W), A)) == "(Bₜ W) ⊙ Aₜ"
    assert text(S.matmul(S.hadamard(B, A), W)) == "(Bₜ ⊙ Aₜ) W"
    assert text(S.transpose(S.add(A, B))) == "(Aₜ + Bₜ)ᵀ" and S.transpose(S.transpose(A)) == A
    assert text(S.add(S.ones(N, M), S.scale(-1, S.power(A, 2)))) == "1 - Aₜ²"


def test_factors_come_out_in_front_and_ones_vanish():
    third = S.full_like(1 / (N * M), A)
    assert text(S.hadamard(third, S.scale(2, A))) == "2/(M N) Aₜ"
    assert latex(S.hadamard(third, S.scale(2, A))) == r"\frac{2}{M N}\, A_{t}"
    assert text(S.hadamard(A, S.ones(N, M))) == "Aₜ"
    assert text(S.matmul(S.ones(N, 1), S.ones(1, M))) == "1"
    assert text(S.quotient(S.scale(-1, A), B)) == "-(Aₜ ⊘ Bₜ)"


def test_superscripted_names_are_bracketed_before_another_superscript():
    layer = S.Quantity("h^2", N, M, S.t)
    assert latex(S.power(layer, 2)) == r"\left(h^{(2)}_{t}\right)^{2}"
    assert latex(S.transpose(layer)) == r"\left(h^{(2)}_{t}\right)^{\top}"
    assert latex(S.transpose(A)) == r"A_{t}^{\top}"


def test_sums_over_time():
    whole = S.add(S.Over(A, 1, S.T))
    assert text(whole) == "Σ(t=1..T) Aₜ" and latex(whole) == r"\sum_{t=1}^{T} A_{t}"
    assert whole.xreplace({S.t: sp.Integer(3)}) == whole  # its t is its own
    assert S.count([S.Over(A, 1, S.T)]) == S.T


def test_sympy_prints_them_too():
    assert sp.latex(A) == "A_{t}" and str(S.entrywise("tanh", A)) == "tanh(Aₜ)"
