"""What each definition of a fold says, as a line of text."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .expressions import Expressions, time_of
from .simplify import rows_sum_to_one, simplified
from .spelling import text, time_text

if TYPE_CHECKING:
    from ..trace import Trace


def comments(trace: Trace) -> dict[tuple[int, int], str]:
    """The equation of every named definition that has one, by family and serial number: "hₜ = tanh(zₜ)   (t = 1..T)"."""
    folded = trace.fold()
    builder, known = Expressions(folded), rows_sum_to_one(trace)
    found = {}
    for family in folded.named:
        for definition in family.definitions:
            if definition.refs:
                lhs, rhs = builder.sides(family, definition)
                domain = definition.domain
                steps = "" if domain is None or domain.lo == domain.hi else f"    (t = {_steps(domain)})"
                found[family.index, definition.serial] = f"{text(lhs)} = {text(simplified(rhs, known))}{steps}"
    return found


def _steps(domain: object) -> str:
    lo, hi = (time_text(time_of(end)) for end in domain)  # type: ignore[attr-defined]
    return f"{lo}..{hi}"
