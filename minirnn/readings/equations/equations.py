"""Equations of the forward pass and of backpropagation through time, general in t, read off the folded trace."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import sympy as sp

from ...checks import demand_flags
from ...engine.domains import Domain, Lengths
from ...engine.fold import Folded
from ...engine.ops import leaf_op, taken
from ...engine.precision import is_narrow
from ...system import choices, whole_number
from . import matrix as S
from .build import Expressions, blocks_of_weights, in_order, values_of
from .column import column
from .components.entries import components
from .components.values import component_residual
from .equation import Equation, Equations
from .evaluate import Values, evaluate, matrix_steps, numbers_of, residual
from .merge_samples import alike, numbers_in, of_sample, summed
from .paths import path_equations
from .renaming import checked, renamed
from .simplify import of_one_sample, rows_sum_to_one, simplified
from .with_numbers import latex_lines, numbered

if TYPE_CHECKING:
    from ...runs.run import Run

FORMS = ("matrix", "component", "unrolled")
MAX_UNROLLED = 20  # steps that are still spelled out one by one


def equations(
    trace: Run,
    *,
    form: Literal["matrix", "component", "unrolled"] = "matrix",
    convention: Literal["row", "column"] = "row",
    names: Mapping[str, str] | None = None,
    hide: Iterable[str] = (),
    wrt: Iterable[str] = (),
    t: int | None = None,
    paths: bool = False,
    each_sample: bool = False,
    plain: bool = False,
) -> Equations:
    """The equations of `trace`, each evaluated at every step of its domain against the traced values.

    - `form`: "matrix" (general t), "component" (indices, sums written out) or "unrolled" (every t spelled out)
    - `convention`: "row" (a sample is a row: h W, as in Keras) or "column" (W h, everything transposed)
    - `names`: names of your own, ``{"W_x": "U", "h": "s"}``
    - `hide`: names that are left out, their definitions put where they are used
    - `wrt`: further quantities to differentiate by: "x", "h_0"
    - `t`: only the equations of this step, with their numbers
    - `each_sample`: of a loop through samples, the equations of each; otherwise those that are alike are one, for i
    - `plain`: of one sample, + b for + 1 b: without the column of ones that repeats a bias over the samples
    - `paths`: also the total derivative as a sum over paths, with the immediate ones (∂⁺) it is made of
    """
    demand_flags(paths=paths, each_sample=each_sample, plain=plain)
    if form not in FORMS:
        raise ValueError(f"form is {form!r}{choices(form, FORMS)}")
    if convention == "column" and trace.is_loop:
        raise NotImplementedError("a loop of your own has the convention that it is written in: leave convention out")
    if convention not in ("row", "column"):
        raise ValueError(f"convention is {convention!r}; it must be row or column")
    if t is not None and not whole_number("t", t, 0) <= trace.steps:
        raise ValueError(f"t is {t}; the trace has steps 0 to {trace.steps}")
    if plain and not trace.is_loop and len(trace.inputs[0]) != 1:
        raise ValueError(f"plain=True is for one sample; this trace has {len(trace.inputs[0])}: give one, X[:1]")
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
    row_exact = values_of(folded, trace, wide=True) if is_narrow(trace.nodes) else row_values
    values, exact = (v if convention == "row" else v.transpose() for v in (row_values, row_exact))
    rows_of_one = rows_sum_to_one(trace)
    found = []
    split = blocks_of_weights(folded)
    first = {rows[0][0].index: source for source, rows in split.items()}
    others = {family.index for rows in split.values() for row in rows for family in row} - set(first)
    for place, (family, definition) in enumerate(in_order(folded, trace)):
        if family.index in others:  # said with the first block of the weight
            continue
        lhs, rhs = builder.sides(family, definition)
        if family.index in first:
            family = folded.families[first[family.index]]
            lhs, rhs = builder.of_blocks(family.index, split[family.index])
        rhs = simplified(rhs, rows_of_one)
        if plain:
            lhs, rhs = of_one_sample(lhs), of_one_sample(rhs)
        if convention == "column":
            lhs, rhs = column(lhs), column(rhs)
        domain = definition.domain
        spelled = [(lhs, rhs, domain)] if form != "unrolled" and t is None else _spelled_out(lhs, rhs, domain, folded.T, t)
        for left, right, where in spelled:
            shown = components(left, right) if form == "component" else (left, right)
            error = (component_residual if form == "component" else _residual)(*shown, where, exact)
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
        for e in path_equations(trace, builder, row_values):
            result.append(replace(e, lhs=renamed(e.lhs, own_names), rhs=renamed(e.rhs, own_names)))
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


def _spelled_out(lhs: Any, rhs: Any, domain: Domain | None, T: Lengths, t: int | None) -> list[tuple[Any, Any, None]]:
    """The equation at every step of its domain, or at step t alone; sums over time as their terms."""
    steps: Iterable[int | None] = [None] if domain is None else domain.steps(T)
    found = []
    for step in steps:
        if t is not None and step != t:
            continue
        at = numbers_of(T) | ({} if step is None else {S.t: sp.Integer(step)})
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


def _numbers(lhs: Any, rhs: Any, values: Values) -> dict[str, Any]:
    """symbol = numbers = result, as LaTeX and as text."""
    result = evaluate(lhs, values)
    return {
        "numbers_latex": tuple(latex_lines(rhs, result, values)),
        "numbers_text": "\n".join(numbered(rhs, result, values, "   ", "   ")),
    }


def _terms(rhs: Any, values: Values, steps: np.ndarray | None) -> Iterator[float]:
    """How large the terms of a sum are."""
    if isinstance(rhs, (sp.Add, sp.MatAdd)):
        for term in rhs.args:
            yield from _terms(term, values, steps)
        return
    if isinstance(rhs, (S.TimeSum, S.ScalarTimeSum)):
        rhs, lo, hi = rhs.args
        steps = matrix_steps(values, lo, hi)
    yield float(np.max(np.abs(evaluate(rhs, values, steps)), initial=0.0))


NOTICED = 1e-10


def _residual(lhs: Any, rhs: Any, domain: Domain | None, values: Values) -> float:
    """The equation evaluated at every step of its domain against the traced values of its left side."""
    steps = None if domain is None else np.array(domain.steps(values.T))
    with np.errstate(all="ignore"):
        found, traced = evaluate(rhs, values, steps), evaluate(lhs, values, steps)
        error = residual(found, traced)
        if NOTICED < error < np.inf:  # terms may cancel: it is measured against the largest of them
            largest = float(np.max(np.abs(traced), initial=0.0)) or 1.0
            error *= largest / max([largest, *_terms(rhs, values, steps)])
    return error
