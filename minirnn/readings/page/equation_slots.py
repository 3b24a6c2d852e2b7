"""The equations as the page sets them: MathML with a slot for every quantity.

A slot says which quantity stands there and at which step, seen from t. The script fills the slots of one equation four
ways: with names for general t, with the names of this step, with shapes, and with numbers. So a long sequence costs no
more than a short one.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import sympy as sp

from ...engine import names
from ..equations import matrix as S
from ..equations.equations import Equation, equations
from ..equations.printer import ATOM, Latex, Speller

if TYPE_CHECKING:
    from ...run import Run

HOLE = "⟦{}⟧"  # what math-core sets as <mtext>⟦0⟧</mtext>


@dataclass(frozen=True)
class Line:
    """One equation: `left` and `right` are slots [name, base, offset], `skeleton` the right side as MathML with holes."""

    equation: Equation
    left: list[Any]
    right: list[list[Any]]
    skeleton: str
    adds: bool  # what one step adds to the gradient of a parameter
    steps: tuple[int, int] | None
    by_sample: bool  # every sample is a row of its own on both sides

    @property
    def data(self) -> dict[str, Any]:
        """What the script needs to know."""
        return {
            "left": self.left,
            "right": self.right,
            "adds": self.adds,
            "steps": self.steps,
            "backward": self.equation.lhs.name.of is not None,
            "bySample": self.by_sample,
        }


def lines(trace: Run) -> list[Line]:
    """Every equation of `trace`, in the order of the code. Of a sum over time, the line is what one step adds to it."""
    found = []
    for e in equations(trace, each_sample=True):
        adds = isinstance(e.rhs, S.TimeSum)
        right = e.rhs.args[0].xreplace({S.bound: S.t}) if adds else e.rhs
        domain = None if e.domain is None else e.domain.steps(trace.steps)
        steps = None if domain is None else (domain[0], domain[-1])
        if adds:
            lo, hi = (int(end.xreplace({S.T: sp.Integer(trace.steps)})) for end in e.rhs.args[1:])
            steps = lo, hi
        spelled = _Slots()
        latex = spelled.spell(right)[0]
        rows = getattr(e.lhs, "shape", (None,))[0]
        found.append(Line(e, _slot(e.lhs), spelled.slots, fragment(latex), adds, steps, rows == S.size_symbol("N")))
    return found


def fragment(latex: str) -> str:
    """LaTeX as the inside of a MathML element; as text should the converter not know it."""
    import markupsafe
    import math_core

    try:
        whole = math_core.LatexToMathML().convert_with_local_state(latex, displaystyle=False)
    except math_core.LatexError:
        return f"<mtext>{markupsafe.escape(latex)}</mtext>"
    return re.sub(r'^<math[^>]*>|</math>$| style="[^"]*"', "", whole)  # the page allows no style but its own


def name_fragment(name: names.Name, with_step: bool) -> str:
    """The name of a quantity as MathML, with a hole for its step if it has one."""
    return fragment(names.latex(name, rf"\text{{{HOLE.format('t')}}}" if with_step else ""))


class _Slots(Speller):
    """LaTeX with a numbered hole wherever a quantity stands."""

    def __init__(self) -> None:
        super().__init__(Latex())
        self.slots: list[list[Any]] = []

    def _Quantity(self, x: Any) -> tuple[str, int]:
        self.slots.append(_slot(x))
        return rf"\text{{{HOLE.format(len(self.slots) - 1)}}}", ATOM

    _ScalarQuantity = _Quantity


def _slot(x: Any) -> list[Any]:
    """[name, base, offset]: at t + offset, T + offset, the t of a sum over time ("sum"), a fixed step (""), none (None)."""
    name = str(x.name)
    if x.time is None:
        return [name, None, 0]
    offset, base = x.time.as_coeff_Add()
    for symbol, letter in ((S.t, "t"), (S.T, "T"), (S.bound, "sum")):
        if base == symbol:
            return [name, letter, int(offset)]
    return [name, "", int(x.time)]
