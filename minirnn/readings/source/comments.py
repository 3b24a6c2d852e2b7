"""What each definition of a fold says, as a line of text."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...engine.graph import leaf_op
from ..equations.build import Expressions, given, time_of
from ..equations.printer import text, time_text
from ..equations.simplify import rows_sum_to_one, simplified

if TYPE_CHECKING:
    from ...run import Run


def comments(trace: Run) -> dict[tuple[int, int], str]:
    """The equation of every named definition that has one, by family and serial number: "hₜ = tanh(zₜ)   (t = 1..T)".

    There are none of a loop with quantities that have no matrix form.
    """
    folded = trace.fold()
    known, found = rows_sum_to_one(trace), {}
    try:
        builder = Expressions(folded)
        for family, definition in [(f, d) for f in folded.named for d in f.definitions if d.op is not leaf_op]:
            if trace.is_loop and given(definition, folded):
                continue  # x is x, cut in steps
            lhs, rhs = (simplified(side, known) for side in builder.sides(family, definition))
            domain = definition.domain
            steps = "" if domain is None or domain.lo == domain.hi else f"    (t = {_steps(domain)})"
            found[family.index, definition.serial] = f"{text(lhs)} = {text(rhs)}{steps}"
    except NotImplementedError:
        return {}
    return found


def _steps(domain: object) -> str:
    lo, hi = (time_text(time_of(end)) for end in domain)  # type: ignore[attr-defined]
    return f"{lo}..{hi}"
