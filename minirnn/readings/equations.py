"""Equations of the forward pass and of backpropagation through time, general in t, read off the folded trace."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import sympy as sp

from ..fold import Domain, Folded
from .evaluation import Values, evaluate, residual
from .expressions import Expressions, in_order, time_of, values_of
from .spelling import latex, text, time_text

if TYPE_CHECKING:
    from ..trace import Trace


@dataclass(frozen=True)
class Equation:
    """lhs = rhs for the steps of `domain` (None: no steps), with the largest relative error against the traced values."""

    lhs: Any
    rhs: Any
    domain: Domain | None
    residual: float
    name: str

    @property
    def sympy(self) -> Any:
        """The equation as SymPy's Eq."""
        return sp.Eq(self.lhs, self.rhs, evaluate=False)

    @property
    def latex(self) -> str:
        return f"{latex(self.lhs)} = {latex(self.rhs)}" + (rf" \qquad {self.where_latex}" if self.where_latex else "")

    @property
    def where_latex(self) -> str:
        """The steps for which it holds, as LaTeX; nothing where the left side says it."""
        return self._where(r",\ldots,")

    def _where(self, between: str) -> str:
        if self.domain is None or self.domain.lo == self.domain.hi:
            return ""
        lo, hi = time_text(time_of(self.domain.lo)), time_text(time_of(self.domain.hi))
        return f"t={lo}{between}{hi}"

    def __str__(self) -> str:
        where = self._where("..")
        return f"{text(self.lhs)} = {text(self.rhs)}" + (f"    ({where})" if where else "")

    def _repr_latex_(self) -> str:
        return f"$\\displaystyle {self.latex}$"


class Equations:
    """The equations in the order of the code: forward, backward, then the gradients of the parameters."""

    def __init__(self, equations: list[Equation], folded: Folded) -> None:
        self._equations, self.folded = equations, folded

    def __iter__(self) -> Iterator[Equation]:
        return iter(self._equations)

    def __len__(self) -> int:
        return len(self._equations)

    def __getitem__(self, place: int) -> Equation:
        return self._equations[place]

    @property
    def residual(self) -> float:
        """The largest residual of all."""
        return max((e.residual for e in self), default=0.0)

    def latex(self) -> str:
        """All of them as one ``align*`` environment, for amsmath."""
        rows = [rf"{latex(e.lhs)} &= {latex(e.rhs)}" + (rf" && {e.where_latex}" if e.where_latex else "") for e in self]
        return "\\begin{align*}\n" + " \\\\\n".join(rows) + "\n\\end{align*}"

    def residuals(self, trace: Trace) -> list[float]:
        """Each equation's residual against the values of another trace, of any length: re-target first."""
        values = values_of(self.folded, trace)
        return [_residual(e, values) for e in self]

    def retarget(self, trace: Trace) -> Equations:
        """The same equations, with bounds and residuals for a longer or shorter trace of the same network."""
        folded = self.folded.retarget(trace.steps)
        values = values_of(folded, trace)
        return Equations([Equation(e.lhs, e.rhs, e.domain, _residual(e, values), e.name) for e in self], folded)

    def __str__(self) -> str:
        lines = [str(e) for e in self]
        width = max(map(len, lines), default=0)
        return "\n".join(f"{line:<{width}}    residual {e.residual:.1e}" for line, e in zip(lines, self))

    __repr__ = __str__

    def _repr_latex_(self) -> str:
        return f"$${self.latex().replace('align*', 'aligned').replace(' && ', r' & & ')}$$"


def equations(trace: Trace, *, hide: Iterable[str] = ()) -> Equations:
    """The equations of `trace`, in matrix form. `hide` leaves out names: their definitions are put where they are used."""
    folded = trace.fold(hide)
    builder = Expressions(folded)
    values = values_of(folded, trace)
    found = []
    for family, definition in in_order(folded, list(trace.parameters)):
        lhs, rhs = builder.sides(family, definition)
        equation = Equation(lhs, rhs, definition.domain, 0.0, str(family.name))
        found.append(Equation(lhs, rhs, definition.domain, _residual(equation, values), str(family.name)))
    return Equations(found, folded)


def _residual(equation: Equation, values: Values) -> float:
    """The equation evaluated at every step of its domain against the traced values of its left side."""
    steps = None
    if equation.domain is not None:
        steps = np.array(equation.domain.steps(values.T))
    traced = evaluate(equation.lhs, values, steps)
    with np.errstate(all="ignore"):
        return residual(evaluate(equation.rhs, values, steps), traced)
