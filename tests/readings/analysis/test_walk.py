from __future__ import annotations

import sys
from dataclasses import replace

import numpy as np
import sympy as sp

import minirnn as mr
from minirnn.layers import LSTM, Dense, Input, SimpleRNN
from minirnn.models import Sequential
from minirnn.readings.equations import matrix as S
from minirnn.readings.equations.text_blocks import beside, bracketed, matrix


def test_stops_go_forward_and_back(trace):
    titles = [stop.title for stop in trace.walk()]
    assert titles[:3] == ["start", "forward, t = 1", "forward, t = 2"]
    assert titles[5:8] == ["output and loss", "backward, at the output", "backward, t = 4"]
    assert titles[-2:] == ["backward, t = 1", "gradients of the parameters"]


def test_a_step_with_all_its_numbers():
    rnn = SimpleRNN(2, return_sequences=True)
    rnn.build((None, None, 3))
    rnn.set_weights([np.array([[1.0, 2], [3, 4], [5, 6]]), np.array([[0.5, 0], [0.25, 1]]), np.array([0.1, -0.1])])
    stop = mr.trace(rnn, np.array([[[0.1, 0.2, -0.1], [0.3, 0, 0]]])).walk()[2]
    assert (
        str(stop)
        == """\
── forward, t = 2 ──────────────────────────────────────────────
z₂ = x₂ Wₓ + 1 bₕ + h₁ Wₕ
                 ⎡1  2⎤
   = [0.3  0  0] ⎢3  4⎥ + [1] [0.1  -0.1] + [0.2913  0.2913] ⎡ 0.5  0⎤
                 ⎣5  6⎦                                      ⎣0.25  1⎦
   = [0.6185  0.7913]
h₂ = tanh(z₂)
   = tanh([0.6185  0.7913])
   = [0.5501  0.6592]"""
    )


def test_parts_of_a_gradient_add_up_to_it(stacked):
    found = {}
    for stop in stacked.walk():
        for line in stop.lines:
            if line.adds:
                name = str(line.lhs.name)
                found[name] = found.get(name, 0) + line.result
    assert set(found) == {f"dL/d{name}" for name in stacked.gradients}
    for name, gradient in stacked.gradients.items():
        np.testing.assert_allclose(found[f"dL/d{name}"].reshape(gradient.shape), gradient, rtol=1e-12, atol=1e-15)


def test_every_kind_of_network_can_be_walked(make):
    for options in ({"head": "softmax", "loss": "categorical_crossentropy", "every_step": True},
                    {"activation": "relu", "hidden": "sigmoid"}, {"flatten": True, "steps": 2}, {"steps": 1}):  # fmt: skip
        text = str(make(**options).walk())
        assert "nan" not in text and "∂L/∂Wₕ" in text


def test_large_matrices_are_shown_by_size(make):
    text = str(make(samples=20).walk()[1])
    assert "‹20×5›" in text


def test_blocks_stand_on_one_line():
    a, b = matrix(np.array([[1.0, 2], [3, 4], [5, 6]])), matrix(np.array([1.0, 10]))
    assert str(beside(a, " + ", b)) == "⎡1  2⎤\n⎢3  4⎥ + [1  10]\n⎣5  6⎦"
    assert str(bracketed(matrix(np.float64(0.123456)))) == "(0.1235)"


def test_the_lines_of_a_stop_are_made_when_it_is_read(make, monkeypatch):
    from minirnn.readings.analysis.walk import Writer

    made = []
    real = Writer.line
    monkeypatch.setattr(Writer, "line", lambda self, part: made.append(part) or real(self, part))
    walk = make().walk()
    assert len(walk) > 8 and not made
    assert "forward, t = 2" in str(walk[2]) and len(made) == len(walk[2].lines)


def test_a_line_of_any_step_is_written_as_that_of_its_step(make):
    """Most lines hold for every t, and are written at the number of theirs; the same as with that number put in."""
    lstm = mr.trace(Sequential([Input((4, 3)), LSTM(2), Dense(2)]), np.linspace(-1, 1, 24).reshape(2, 4, 3), np.ones((2, 2)))
    for trace in (make(), make(activation="relu", hidden="sigmoid", every_step=True), lstm):
        lines = [line for stop in trace.walk() for line in stop.lines]
        moving = [line for line in lines if line.step is not None]
        assert len(moving) > len(lines) / 2
        for line in moving:
            at = dict.fromkeys((S.t, S.bound), sp.Integer(line.step))
            fixed = replace(line, lhs=line.lhs.xreplace(at), rhs=line.rhs.xreplace(at), step=None)
            assert str(fixed) == str(line) and fixed.latex == line.latex


def test_what_a_stop_costs_is_the_same_wherever_it_is(make):
    def calls(stop):
        count = 0

        def counted(frame, event, arg):
            nonlocal count
            count += event in ("call", "c_call")

        sys.setprofile(counted)
        str(stop)
        sys.setprofile(None)
        return count

    few, many = make(steps=10).walk(), make(steps=90).walk()
    str(few), str(many)  # what all steps share is made once
    for place in (5, -5):
        assert calls(many[place * 9]) < 1.3 * calls(few[place])
