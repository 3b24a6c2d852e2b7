"""The equations as the page sets them: MathML with a slot for every quantity.

A slot says which quantity stands there and at which step, seen from t. The script fills the slots of one equation four
ways: with names for general t, with the names of this step, with shapes, and with numbers. So a long sequence costs no
more than a short one.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ...engine import names
from ...engine.domains import Lengths
from ..equations import matrix as S
from ..equations.equation import Equation, Equations
from ..equations.evaluate import numbers_of
from ..equations.printer import ATOM, Latex, Speller

if TYPE_CHECKING:
    from ...runs.run import Run

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
    given: bool  # the left side is a parameter, put together from its blocks

    @property
    def term(self) -> Any:
        """The right side; of a sum over time one of its terms."""
        return self.equation.rhs.args[0].xreplace({S.bound: S.t}) if self.adds else self.equation.rhs

    @property
    def name(self) -> names.Name:
        """What the left side is called."""
        return self.equation.lhs.name

    @property
    def backward(self) -> bool:
        return self.name.of is not None

    @property
    def data(self) -> dict[str, Any]:
        """What the script needs to know."""
        return {
            "left": self.left,
            "right": self.right,
            "adds": self.adds,
            "steps": self.steps,
            "backward": self.backward,
            "bySample": self.by_sample,
        }


def lines(trace: Run, equations: Equations) -> list[Line]:
    """The equations of `trace` in the order of the code. Of a sum over time, the line is what one step adds to it."""
    found = []
    for e in equations:
        adds = isinstance(e.rhs, S.TimeSum)
        right = e.rhs.args[0].xreplace({S.bound: S.t}) if adds else e.rhs
        domain = None if e.domain is None else e.domain.steps(trace.fold().T)
        steps = None if domain is None else (domain[0], domain[-1])
        if adds:
            lo, hi = (int(end.xreplace(numbers_of(trace.fold().T))) for end in e.rhs.args[1:])
            steps = lo, hi
        spelled = _Slots(trace.fold().T)
        latex = spelled.spell(right)[0]
        rows = getattr(e.lhs, "shape", (None,))[0]
        given = str(e.lhs.name) in trace.parameters
        found.append(
            Line(
                e,
                _slot(e.lhs, spelled.others),
                spelled.slots,
                fragment(latex),
                adds,
                steps,
                rows == S.size_symbol("N"),
                given,
            )
        )
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

    def __init__(self, T: Lengths) -> None:
        super().__init__(Latex())
        self.slots: list[list[Any]] = []
        self.others = {size: n for size, n in numbers_of(T).items() if size != S.T}

    def _Quantity(self, x: Any) -> tuple[str, int]:
        self.slots.append(_slot(x, self.others))
        return rf"\text{{{HOLE.format(len(self.slots) - 1)}}}", ATOM

    _ScalarQuantity = _Quantity


def _slot(x: Any, others: dict[Any, Any]) -> list[Any]:
    """[name, base, offset]: at t + offset, T + offset, the t of a sum over time ("sum"), a fixed step (""), none (None)."""
    name = str(x.name)
    if x.time is None:
        return [name, None, 0]
    time = x.time.xreplace(others)
    offset, base = time.as_coeff_Add()
    for symbol, letter in ((S.t, "t"), (S.T, "T"), (S.bound, "sum")):
        if base == symbol:
            return [name, letter, int(offset)]
    return [name, "", int(time)]
