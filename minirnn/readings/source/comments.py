"""What each definition of a fold says, as a line of text."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from ...engine.fold import Definition, Family, Folded
from ...engine.graph import leaf_op
from ...engine.names import verbatim
from ..equations import matrix as S
from ..equations.build import Expressions, given, time_of
from ..equations.dialects import time_text
from ..equations.printer import text
from ..equations.simplify import rows_sum_to_one, simplified
from .module import About

if TYPE_CHECKING:
    from ...runs.run import Run


class Equations:
    """The equation of every definition that has one: "hₜ = tanh(zₜ)   (t = 1..T)"; that of one step is of this step.

    `parts` are the names of families of the `program` that have none in the trace. There are no equations of a loop with
    quantities that have no matrix form.
    """

    def __init__(self, trace: Run, program: Folded | None = None, parts: Mapping[int, str] = MappingProxyType({})) -> None:
        self._known = rows_sum_to_one(trace)
        self._sides: dict[tuple[int, int], tuple[Any, Any]] = {}
        folded = trace.fold()
        try:
            builder = Expressions(folded)
            for family, definition in [(f, d) for f in folded.named for d in f.definitions if d.op is not leaf_op]:
                if not (trace.is_loop and given(definition, folded)):  # x is x, cut in steps
                    self._add(builder, family, definition)
            families = [] if program is None else program.families
            named = [replace(f, name=verbatim(parts[f.index])) if f.index in parts else f for f in families]
            builder = Expressions(replace(folded, families=named))
            for family in [f for f in named if f.index in parts and f.definitions[0].refs]:
                self._add(builder, family, family.definitions[0])
        except NotImplementedError:
            pass

    def _add(self, builder: Expressions, family: Family, definition: Definition) -> None:
        lhs, rhs = (simplified(side, self._known) for side in builder.sides(family, definition))
        self._sides[family.index, definition.serial] = lhs, rhs

    def __call__(self, about: About) -> str:
        sides = self._sides.get((about.family.index, about.definition.serial))
        if sides is None:
            return ""
        domain = about.definition.domain
        if domain is None or domain.lo == domain.hi:
            return " = ".join(map(text, sides))
        if about.where is not None and not any(side.has(S.Over) for side in sides):  # whose steps are called t too
            return " = ".join(text(side.xreplace({S.t: time_of(about.where)})) for side in sides)
        return f"{' = '.join(map(text, sides))}    (t = {'..'.join(time_text(time_of(end)) for end in domain)})"
