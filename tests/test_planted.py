"""Bugs planted on purpose: each is found by the witness that should find it."""

from __future__ import annotations

import pytest

from minirnn.engine import ops
from minirnn.readings.equations.build import Expressions

from . import family


def gradients_agree(trace) -> bool:
    return trace.verify(with_keras=False).ok


def equations_hold(trace) -> bool:
    return trace.equations().residual <= 1e-12


def test_nothing_planted_nothing_found(make):
    assert gradients_agree(make()) and equations_hold(make())


def test_a_wrong_derivative_of_tanh(make, monkeypatch):
    monkeypatch.setattr(ops.tanh, "vjp", (lambda g, y, x: g * (1 - y),))
    assert not gradients_agree(make())
    assert equations_hold(make())  # they faithfully repeat the wrong rule: only an outsider can tell


def test_a_lost_transpose_in_matmul(make, monkeypatch):
    """Square weights hide it from the shapes, not from the complex step."""
    monkeypatch.setattr(
        ops.matmul,
        "vjp",
        (lambda g, y, a, b: g @ (b if b.shape[0] == b.shape[1] else ops.transpose(b)), ops.matmul.vjp[1]),
    )
    assert not gradients_agree(make())


def test_a_lost_transpose_of_the_other_operand(make, monkeypatch):
    monkeypatch.setattr(ops.matmul, "vjp", (ops.matmul.vjp[0], lambda g, y, a, b: a @ g))
    with pytest.raises(ValueError, match="matmul"):
        make()


def test_a_halved_bias_gradient(make, monkeypatch):
    monkeypatch.setattr(ops.expand, "vjp", (lambda g, y, b, dims: ops.scale(ops.sumrows(g), p=0.5) if b.ndim else None,))
    wrong = {row.quantity for row in make().verify(with_keras=False) if not row.ok}
    assert wrong == {"dL/db_h", "dL/db_o"}


def test_h_t_for_h_t_minus_1_in_an_equation(make, monkeypatch):
    before = Expressions._operand

    def shifted(self, ref):
        if str(self.folded.families[ref.family].name) == "h" and ref.where == -1:
            ref = ref._replace(where=0)
        return before(self, ref)

    monkeypatch.setattr(Expressions, "_operand", shifted)
    wrong = {e.name for e in make().equations() if e.residual > 1e-12}
    assert wrong == {"z", "dL/dW_h"}


def test_a_sum_read_as_a_mean(make, monkeypatch):
    monkeypatch.setattr(ops.total, "sympy", lambda S, *xs: S.scale(1 / S.count(xs), S.add(*xs)))
    wrong = {e.name for e in make().equations() if e.residual > 1e-12}
    assert wrong == {"dL/dW_x", "dL/dW_h", "dL/db_h"}


def test_swapped_factors_in_an_equation(make, monkeypatch):
    monkeypatch.setattr(ops.matmul, "sympy", lambda S, a, b: S.matmul(b, a))
    with pytest.raises(ValueError, match="matmul"):  # sizes that all differ do not multiply
        make().equations()


def test_a_factor_taken_twice_in_an_equation(make, monkeypatch):
    monkeypatch.setattr(ops.multiply, "sympy", lambda S, a, b: S.hadamard(a, a))
    assert not equations_hold(make())


def test_a_shifted_delay_in_the_recursion(make, monkeypatch):
    before = Expressions._operand

    def shifted(self, ref):
        if str(self.folded.families[ref.family].name) == "dL/dz" and ref.where == 1:
            ref = ref._replace(where=0)
        return before(self, ref)

    monkeypatch.setattr(Expressions, "_operand", shifted)
    assert {e.name for e in make().equations() if e.residual > 1e-12} == {"dL/dh"}


@pytest.mark.parametrize(("name", "wrong"), [("both ways", "y"), ("flat", "y"), ("both ways", "dL/dh^b")])
def test_a_block_that_begins_at_the_wrong_place_in_components(name, wrong, monkeypatch):
    """Blocks and steps beside each other are read by place."""
    from minirnn.readings.equations.components import entries

    trace = family.traced(name)
    assert trace.equations(form="component").residual <= 1e-13
    monkeypatch.setattr(entries, "_place", lambda start, index: index)
    assert wrong in {e.name for e in trace.equations(form="component") if e.residual > 1e-12}


def test_a_lost_transpose_in_an_equation(make, monkeypatch):
    monkeypatch.setattr(ops.transpose, "sympy", lambda S, x: x)
    with pytest.raises(ValueError, match="matmul"):  # sizes that all differ do not multiply
        make().equations()


def test_a_wrong_function_in_an_equation(make, monkeypatch):
    monkeypatch.setattr(ops.tanh, "sympy", lambda S, x: S.entrywise("sigmoid", x))
    assert {e.name for e in make().equations() if e.residual > 1e-12} == {"h"}


def test_a_cotangent_that_keeps_the_step_it_was_made_in(make, monkeypatch):
    """Without its own step the equation would speak of another one."""
    from minirnn.engine import backprop

    def unstamped(name, node):
        node = ops.same(node) if node.name is not None else node
        node.name = name
        return node

    monkeypatch.setattr(backprop, "named", unstamped)
    with pytest.raises((KeyError, RuntimeError)):
        make(steps=9).equations()
