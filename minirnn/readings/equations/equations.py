"""Equations of the forward pass and of backpropagation through time, general in t, read off the folded trace."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import sympy as sp

from ...checks import demand_flags
from ...engine.fold import Domain, Folded
from ...engine.names import slug
from ...engine.ops import leaf_op, taken
from ...files import demand_writable, write_whole
from ...system import choices, whole_number
from . import matrix as S
from .build import Expressions, blocks_of_weights, in_order, time_of, values_of
from .column import column
from .component_values import Axes, laid_out
from .components import components
from .evaluate import Values, evaluate, residual
from .merge_samples import alike, numbers_in, of_sample, summed
from .paths import path_equations
from .printer import latex, text, time_text
from .renaming import checked, renamed
from .simplify import rows_sum_to_one, simplified
from .with_numbers import latex_numbers, matrix_latex, numbered

if TYPE_CHECKING:
    from ...run import Run

FORMS = ("matrix", "component", "unrolled")
MAX_UNROLLED = 20  # steps that are still spelled out one by one


@dataclass(frozen=True)
class Equation:
    """lhs = rhs for the steps of `domain` (None: no steps), with the largest relative error against the traced values."""

    lhs: Any
    rhs: Any
    domain: Domain | None
    residual: float
    name: str
    numbers_latex: str = ""
    numbers_text: str = ""
    other_index: tuple[str, str, str] | None = None  # (k, 1, T) where it holds for an index other than t
    samples: int = 0  # the number of samples i for which it holds, each with quantities of its own

    @property
    def sympy(self) -> Any:
        """The equation as SymPy's Eq."""
        return sp.Eq(self.lhs, self.rhs, evaluate=False)

    @property
    def body(self) -> str:
        """The equation as LaTeX, without the steps it holds for."""
        return f"{latex(self.lhs)} = {latex(self.rhs)}" + (f" = {self.numbers_latex}" if self.numbers_latex else "")

    @property
    def latex(self) -> str:
        """The equation as LaTeX, with the steps it holds for."""
        return self.body + (rf" \qquad {self.where_latex}" if self.where_latex else "")

    @property
    def where_latex(self) -> str:
        """The steps for which it holds, as LaTeX; nothing where the left side says it."""
        return self._where(r",\ldots,")

    @property
    def label(self) -> str:
        """A label for LaTeX: eq:h, eq:dL-dh, with the step where there is one (eq:dL-dh-T)."""
        step = getattr(self.lhs, "time", None)
        if self.domain is not None and self.domain.lo == self.domain.hi:
            step = time_of(self.domain.lo)
        tail = "" if step is None or step.has(S.t) else "-" + time_text(step)
        return f"eq:{slug(self.lhs.name)}{tail}"

    def _where(self, between: str) -> str:
        found = []
        if self.other_index is not None:
            found.append(self.other_index)
        elif self.domain is not None and self.domain.lo != self.domain.hi:
            found.append(("t", time_text(time_of(self.domain.lo)), time_text(time_of(self.domain.hi))))
        if self.samples:
            found.append(("i", "1", str(self.samples)))
        return ", ".join(f"{index}={lo}{between}{hi}" for index, lo, hi in found)

    def __str__(self) -> str:
        where = self._where("..")
        line = f"{text(self.lhs)} = {text(self.rhs)}" + (f"    ({where})" if where else "")
        return line + (f"\n{self.numbers_text}" if self.numbers_text else "")

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

    @property
    def sympy(self) -> list[Any]:
        """All of them as SymPy's Eq."""
        return [e.sympy for e in self]

    def latex(self, labels: bool = False) -> str:
        """All of them as one ``align*`` environment for amsmath; with `labels`, ``align`` and a label on each."""
        name = "align" if labels else "align*"
        return f"\\begin{{{name}}}\n" + " \\\\\n".join(self._rows(labels)) + f"\n\\end{{{name}}}"

    def _rows(self, labels: bool) -> list[str]:
        rows = []
        for e in self:
            left, right = e.body.split(" = ", 1)
            row = f"{left} &= {right}" + (f" && {e.where_latex}" if e.where_latex else "")
            rows.append(row + (rf" \label{{{e.label}}}" if labels else ""))
        return rows

    def to_tex(self, path: Any) -> Path:
        """Write a complete LaTeX document that needs amsmath alone."""
        demand_writable(path)
        lines = [
            r"\documentclass{article}",
            r"\usepackage{amsmath}",
            r"\allowdisplaybreaks",
            r"\setcounter{MaxMatrixCols}{20}",
            r"\begin{document}",
            self.latex(labels=True),
            r"\end{document}",
        ]
        write_whole(path, ("\n".join(lines) + "\n").encode())
        return Path(path)

    def markdown(self) -> str:
        """One ``$$`` block for each equation."""
        return "\n\n".join(f"$$\n{e.latex}\n$$" for e in self)

    def mathml(self) -> str:
        """One MathML element for each equation, on lines of their own."""
        import math_core

        converter = math_core.LatexToMathML()
        return "\n".join(converter.convert_with_local_state(e.latex, displaystyle=True) for e in self)

    def __str__(self) -> str:
        lines = [str(e).split("\n", 1) for e in self]
        width = max((len(first) for first, *_ in lines), default=0)
        return "\n".join(
            "\n".join([f"{first:<{width}}    residual {e.residual:.1e}", *rest]) for (first, *rest), e in zip(lines, self)
        )

    __repr__ = __str__

    def _repr_latex_(self) -> str:
        return f"$${self.latex().replace('align*', 'aligned').replace(' && ', r' & & ')}$$"


def equations(
    trace: Run,
    *,
    form: str = "matrix",
    convention: str = "row",
    names: Mapping[str, str] | None = None,
    hide: Iterable[str] = (),
    wrt: Iterable[str] = (),
    t: int | None = None,
    paths: bool = False,
    each_sample: bool = False,
) -> Equations:
    """The equations of `trace`, each evaluated at every step of its domain against the traced values.

    - `form`: "matrix" (general t), "component" (indices, sums written out) or "unrolled" (every t spelled out)
    - `convention`: "row" (a sample is a row: h W, as in Keras) or "column" (W h, everything transposed)
    - `names`: names of your own, ``{"W_x": "U", "h": "s"}``
    - `hide`: names that are left out, their definitions put where they are used
    - `wrt`: further quantities to differentiate by: "x", "h_0"
    - `t`: only the equations of this step, with their numbers
    - `each_sample`: of a loop through samples, the equations of each; otherwise those that are alike are one, for i
    - `paths`: also the total derivative as a sum over paths, with the immediate ones (∂⁺) it is made of
    """
    demand_flags(paths=paths, each_sample=each_sample)
    if form not in FORMS:
        raise ValueError(f"form is {form!r}; it must be one of {', '.join(FORMS)}")
    if convention == "column" and trace.is_loop:
        raise NotImplementedError("a loop of your own has the convention that it is written in: leave convention out")
    if convention not in ("row", "column"):
        raise ValueError(f"convention is {convention!r}; it must be row or column")
    if t is not None and not whole_number("t", t, 0) <= trace.steps:
        raise ValueError(f"t is {t}; the trace has steps 0 to {trace.steps}")
    if paths and trace.is_loop:
        raise NotImplementedError("paths are there for the layers of a model, not for a loop of your own: see jacobian")
    if paths and (form != "matrix" or convention != "row"):
        raise NotImplementedError("paths are there in the matrix form and the row convention only")
    if form == "unrolled" and t is None and trace.steps > MAX_UNROLLED:
        raise ValueError(f"{trace.steps} steps are too many to spell out; at most {MAX_UNROLLED}, or choose one with t=")
    trace = trace.with_respect_to([wrt] if isinstance(wrt, str) else wrt)
    hidden = [hide] if isinstance(hide, str) else list(hide)
    for name in hidden:
        if name not in trace.counts:
            raise ValueError(f"hide: there is no {name[:40]!r}{choices(name, trace.counts)}")
        if any(n.op in (leaf_op, taken) for (known, _), n in trace.variables.items() if known == name):
            raise ValueError(f"hide: {name} is given, not computed, so there is nothing to put in its place")
    if paths and (trace.loss_node is None or any(trace.names[name].of is not None for name in hidden)):
        raise ValueError("paths need a target, and the derivatives not hidden")
    folded = trace.fold(hidden)
    _demand_complete(folded, trace)
    own_names = checked(names or {}, [name for name in trace.names.values() if name.of is None])
    builder = Expressions(folded)
    row_values = values_of(folded, trace)
    values = row_values if convention == "row" else row_values.transpose()
    rows_of_one = rows_sum_to_one(trace)
    found = []
    split = blocks_of_weights(folded)
    first = {rows[0][0].index: source for source, rows in split.items()}
    others = {family.index for rows in split.values() for row in rows for family in row} - set(first)
    for place, (family, definition) in enumerate(in_order(folded, list(trace.parameters))):
        if family.index in others:  # said with the first block of the weight
            continue
        lhs, rhs = builder.sides(family, definition)
        if family.index in first:
            family = folded.families[first[family.index]]
            lhs, rhs = builder.of_blocks(family.index, split[family.index])
        rhs = simplified(rhs, rows_of_one)
        if convention == "column":
            lhs, rhs = column(lhs), column(rhs)
        domain = definition.domain
        spelled = [(lhs, rhs, domain)] if form != "unrolled" and t is None else _spelled_out(lhs, rhs, domain, folded.T, t)
        for left, right, where in spelled:
            shown = components(left, right) if form == "component" else (left, right)
            error = _component_residual(*shown, where, values) if form == "component" else _residual(*shown, where, values)
            numbers: dict[str, Any] = _numbers(left, right, values) if t is not None and form != "component" else {}
            left, right = (renamed(side, own_names) for side in shown)
            found.append((place, replace(Equation(left, right, where, error, str(family.name)), **numbers)))
    if form == "unrolled" and t is None:
        found = _in_time(
            found, {trace.derivative(name) for name in trace.parameters} if trace.loss_node is not None else set()
        )
    result = [equation for _, equation in found]
    if trace.is_loop and form == "matrix" and t is None and not each_sample:
        result = _of_all_samples(result)
    if paths:
        for p in path_equations(trace, builder, row_values):
            left, right = (renamed(side, own_names) for side in (p.lhs, p.rhs))
            result.append(Equation(left, right, p.domain, p.residual, p.name, other_index=p.over))
    return Equations(result, folded)


def _of_all_samples(equations: list[Equation]) -> list[Equation]:
    """One equation for all samples of a loop that goes through them."""
    count = max((k for e in equations for k in numbers_in(e.lhs)), default=0)
    found = []
    for places in alike((e.lhs, e.rhs, e.domain) for e in equations):
        e = equations[places[0]]
        if len(places) > 1:
            (k,) = numbers_in(e.lhs)
            sides, name = [of_sample(side, k) for side in (e.lhs, e.rhs)], str(e.lhs.name._replace(layer="i"))
            worst = max(equations[place].residual for place in places)
            e = replace(e, lhs=sides[0], rhs=sides[1], residual=worst, name=name, samples=len(places))
        found.append(replace(e, rhs=summed(e.rhs, count)))
    return found


def _demand_complete(folded: Folded, trace: Run) -> None:
    """Every named quantity of the trace, at every step, is defined exactly once. RuntimeError if not: it would be a bug."""
    for family in folded.named:
        count = trace.counts[str(family.name)]
        steps = [d.domain.steps(folded.T) if d.domain else range(1) for d in family.definitions]
        overlap = any(a.start < b.stop and b.start < a.stop for i, a in enumerate(steps) for b in steps[:i])
        mixed = len({d.domain is None for d in family.definitions}) > 1
        if sum(map(len, steps)) != count or overlap or mixed:
            raise RuntimeError(f"the equations of {family.name} do not cover its steps one by one")


def _spelled_out(lhs: Any, rhs: Any, domain: Domain | None, T: int, t: int | None) -> list[tuple[Any, Any, None]]:
    """The equation at every step of its domain, or at step t alone; sums over time as their terms."""
    steps: Iterable[int | None] = [None] if domain is None else domain.steps(T)
    found = []
    for step in steps:
        if t is not None and step != t:
            continue
        at = {S.T: sp.Integer(T)} | ({} if step is None else {S.t: sp.Integer(step)})
        found.append((lhs.xreplace(at), S.summed_out(rhs.xreplace(at)), None))
    return found


def _in_time(found: list[tuple[int, Equation]], gradients: set[str]) -> list[tuple[int, Equation]]:
    """Step by step forward, what follows, then step by step backward, and the gradients of the parameters."""

    def order(item: tuple[int, Equation]) -> tuple[int, float, int]:
        place, e = item
        time = getattr(e.lhs, "time", None)
        if e.name in gradients:
            return 4, 0.0, place
        if e.lhs.name.of is not None:
            return (2, 0.0, place) if time is None else (3, -float(time), place)
        return (1, 0.0, place) if time is None else (0, float(time), place)

    return sorted(found, key=order)


def _numbers(lhs: Any, rhs: Any, values: Values) -> dict[str, str]:
    """symbol = numbers = result, as LaTeX and as text."""
    result = evaluate(lhs, values)
    shown, said = latex_numbers(rhs, values), matrix_latex(result)
    return {
        "numbers_latex": said if shown == said else f"{shown} = {said}",
        "numbers_text": "\n".join(numbered(rhs, result, values, "   ", "   ")),
    }


def _residual(lhs: Any, rhs: Any, domain: Domain | None, values: Values) -> float:
    """The equation evaluated at every step of its domain against the traced values of its left side."""
    steps = None if domain is None else np.array(domain.steps(values.T))
    with np.errstate(all="ignore"):
        return residual(evaluate(rhs, values, steps), evaluate(lhs, values, steps))


def _component_residual(lhs: Any, rhs: Any, domain: Domain | None, values: Values) -> float:
    """The same for the component form, entry by entry."""
    steps = None if domain is None or domain.lo == domain.hi else np.array(domain.steps(values.T))
    with np.errstate(all="ignore"):
        space = Axes(values, steps)
        traced, axes = space.of(lhs)
        found, own = space.of(rhs)
        if set(own) - set(axes):
            return float("inf")
        whole = laid_out(found, own, axes)
    if any(a not in own for a in axes):  # a constant: the same in every entry
        whole = np.broadcast_to(whole, traced.shape)
    return residual(np.atleast_2d(whole), np.atleast_2d(traced))
