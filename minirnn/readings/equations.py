"""Equations of the forward pass and of backpropagation through time, general in t, read off the folded trace."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import sympy as sp

from ..fold import Definition, Domain, Family, Fixed, Folded, Ref, Span, data_refs
from ..ops import leaf_op, take_op
from . import symbols as S
from .evaluation import Values, evaluate, residual
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
        lo, hi = time_text(_time(self.domain.lo)), time_text(_time(self.domain.hi))
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
        values = _values(self.folded, trace)
        return [_residual(e, values) for e in self]

    def retarget(self, trace: Trace) -> Equations:
        """The same equations, with bounds and residuals for a longer or shorter trace of the same network."""
        folded = self.folded.retarget(trace.steps)
        values = _values(folded, trace)
        return Equations(
            [Equation(e.lhs, e.rhs, e.domain, _residual(e, values), e.name) for e in self], folded
        )

    def __str__(self) -> str:
        lines = [str(e) for e in self]
        width = max(map(len, lines), default=0)
        return "\n".join(f"{line:<{width}}    residual {e.residual:.1e}" for line, e in zip(lines, self))

    def _repr_latex_(self) -> str:
        return f"$${self.latex().replace('align*', 'aligned').replace(' && ', r' & & ')}$$"


def equations(trace: Trace, *, hide: Iterable[str] = ()) -> Equations:
    """The equations of `trace`, in matrix form. `hide` leaves out names: their definitions are put where they are used."""
    folded = trace.fold(hide)
    builder = _Builder(folded)
    values = _values(folded, trace)
    found = []
    for family, definition in _in_order(folded, list(trace.parameters)):
        lhs, rhs = builder.sides(family, definition)
        equation = Equation(lhs, rhs, definition.domain, 0.0, str(family.name))
        found.append(Equation(lhs, rhs, definition.domain, _residual(equation, values), str(family.name)))
    return Equations(found, folded)


def _in_order(folded: Folded, parameters: list[str]) -> list[tuple[Family, Definition]]:
    """Every definition that says something, as the code goes; the gradients of the parameters last, in their order."""
    last = {f"dL/d{name}": place for place, name in enumerate(parameters)}
    pairs = [(f, d) for f in folded.named for d in f.definitions if d.op is not leaf_op and not _given(d, folded)]

    def place(pair: tuple[Family, Definition]) -> tuple[int, int]:
        family, definition = pair
        together = [d.serial for d in family.definitions if data_refs(d)] if data_refs(definition) else []
        return last.get(str(family.name), -1), min(together, default=definition.serial)

    return sorted(pairs, key=place)


def _given(definition: Definition, folded: Folded) -> bool:
    """A step of the data says nothing: x_t is x_t."""
    return definition.op is take_op and folded.families[definition.refs[0].family].definitions[0].op is leaf_op


class _Builder:
    """Expressions of families, nameless ones inlined; in order of first creation, so that every shape is known."""

    def __init__(self, folded: Folded) -> None:
        self.folded = folded
        self.shapes: dict[int, tuple[Any, Any] | None] = {}
        self.inlined: dict[int, Any] = {}
        for family in folded.families:
            if family.name is not None:
                self.shapes[family.index] = self._shape(family)

    def _shape(self, family: Family) -> tuple[Any, Any] | None:
        dims = family.definitions[0].attrs.get("dims")
        if dims is not None:
            letters = [S.size_symbol(d) for d in dims]
            return None if not letters else (1, letters[0]) if len(letters) == 1 else (letters[0], letters[-1])
        first = min(family.definitions, key=lambda d: d.serial)
        return S.shape_of(self.expression(first))

    def sides(self, family: Family, definition: Definition) -> tuple[Any, Any]:
        lhs, rhs = S.quantity(str(family.name), self.shapes[family.index], S.t), self.expression(definition)
        domain = definition.domain
        if domain is None:
            return S.quantity(str(family.name), self.shapes[family.index]), rhs
        if domain.lo == domain.hi:
            only = {S.t: _time(domain.lo)}
            return lhs.xreplace(only), rhs.xreplace(only)
        return lhs, rhs

    def expression(self, definition: Definition) -> Any:
        """The right side, as a function of t if the definition has steps."""
        for family in self.folded.plumbing(definition):
            if family.index not in self.inlined:
                self.inlined[family.index] = self._written(family.definitions[0])
        return self._written(definition)

    def _written(self, definition: Definition) -> Any:
        attrs = {key: self._attribute(key, value) for key, value in definition.attrs.items() if key not in ("role", "dims")}
        return definition.op.sympy(S, *map(self._operand, definition.refs), **attrs)

    def _attribute(self, key: str, value: Any) -> Any:
        if isinstance(value, Fixed):
            return _time(value)
        return S.t + value if key == "t" else value

    def _operand(self, ref: Ref) -> Any:
        family = self.folded.families[ref.family]
        if isinstance(ref.where, Span):
            return S.Over(self._at(family, S.t), _time(ref.where.lo), _time(ref.where.hi))
        if isinstance(ref.where, Fixed):
            return self._at(family, _time(ref.where))
        return self._at(family, None if ref.where is None else S.t + ref.where)

    def _at(self, family: Family, time: Any) -> Any:
        dims = family.definitions[0].attrs.get("dims", ())
        if family.name is None:
            inner = self.inlined[family.index]
            return inner if time is None else inner.xreplace({S.t: time})
        if len(dims) == 3:
            return S.Sequence3(family.name, S.size_symbol(dims[0]), S.size_symbol(dims[2]))
        return S.quantity(family.name, self.shapes[family.index], time)


def _time(where: Fixed) -> Any:
    return (S.T if where.from_end else 0) + sp.Integer(where.offset)


def _values(folded: Folded, trace: Trace) -> Values:
    sizes: dict[Any, int] = {S.T: folded.T}
    for family in folded.named:
        node = trace.variables.get((family.name, family.first.step))
        for letter, n in zip(family.definitions[0].attrs.get("dims", ()), node.shape if node else ()):
            if "*" not in letter:
                sizes[S.size_symbol(letter)] = n
    return Values(trace.variables, sizes, folded.T)


def _residual(equation: Equation, values: Values) -> float:
    """The equation evaluated at every step of its domain against the traced values of its left side."""
    steps = None
    if equation.domain is not None:
        steps = np.array(equation.domain.steps(values.T))
    traced = evaluate(equation.lhs, values, steps)
    with np.errstate(all="ignore"):
        return residual(evaluate(equation.rhs, values, steps), traced)
