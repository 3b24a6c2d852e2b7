"""The walk: the network step by step, forward and then backward, each line symbol = numbers = result."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import sympy as sp

from ...checks import unraised
from ...displays import Shown, Table, Text
from ...engine import names
from ...engine.fold import Definition, Family
from ..equations import matrix as S
from ..equations.build import Expressions, in_order, values_of
from ..equations.documents import aligned, sides, typeset
from ..equations.evaluate import Values, evaluate, numbers_of
from ..equations.printer import text
from ..equations.with_numbers import latex_lines, numbered

if TYPE_CHECKING:
    from ...runs.run import Run


SHOWN = 12  # stops of a walk in a notebook: those at its ends


@dataclass(frozen=True)
class Line:
    """lhs = rhs, in symbols; the same with numbers; the result. `adds` marks a step's part of a sum over time.

    If `step` is given, both sides are those of any step t, and it is the number of this one.
    """

    lhs: Any
    rhs: Any
    result: np.ndarray
    values: Values
    adds: bool = False
    step: int | None = None

    def __str__(self) -> str:
        left = text(self.lhs, self.step) + (" += " if self.adds else " = ")
        indent = " " * len(left)
        with_numbers = numbered(self.rhs, self.result, self.values, indent[2:], indent, self.step)
        return "\n".join([left + text(self.rhs, self.step), *with_numbers])

    @property
    def latex(self) -> list[str]:
        """The line as rows of an ``align``: symbols, numbers, result."""
        here = {} if self.step is None else dict.fromkeys((S.t, S.bound), sp.Integer(self.step))
        lhs, rhs = self.lhs.xreplace(here), self.rhs.xreplace(here)
        first, *rest = sides(lhs, rhs)
        first = first.replace("&=", r"&\mathrel{+}=", 1) if self.adds else first
        return [first, *rest, *latex_lines(rhs, self.result, self.values)]


@dataclass(frozen=True)
class Part:
    """A definition at one step, or one term of its sum over time, that of step `t`."""

    family: Family
    definition: Definition
    step: int | None
    t: int | None = None


class Writer:
    """Makes the lines of a trace, when they are asked for: a long walk is seldom read from end to end."""

    def __init__(self, trace: Run) -> None:
        self.trace, self.folded = trace, trace.fold()
        self.values = values_of(self.folded, trace)
        self.expressions = Expressions(self.folded)
        self.known: dict[Definition, tuple[Any, Any]] = {}

    def sides(self, family: Family, definition: Definition) -> tuple[Any, Any]:
        """The two sides of a definition, at any step t."""
        if definition not in self.known:
            assert family.name is not None
            lhs = S.quantity(family.name, self.expressions.shapes[family.index], definition.domain and S.t)
            rhs = self.expressions.expression(definition).xreplace(numbers_of(self.folded.T))  # sums end at a number here
            self.known[definition] = lhs, rhs
        return self.known[definition]

    @unraised
    def line(self, part: Part) -> Line:
        """The line of a part."""
        lhs, rhs = self.sides(part.family, part.definition)
        here, step = ({}, None) if part.step is None else ({S.t: sp.Integer(part.step)}, part.step)
        if part.t is not None:
            lhs, rhs, step = lhs.xreplace(here), rhs.xreplace(here).args[0], part.t
        if step is not None and not S.only_times(rhs):
            lhs, rhs, step = lhs.xreplace(here), S.at_step(rhs, step) if part.t else rhs.xreplace(here), None
        if part.t is None:
            return Line(lhs, rhs, self.trace.variables[str(part.family.name), part.step].value, self.values, step=step)
        return Line(lhs, rhs, evaluate(rhs, self.values, step), self.values, adds=True, step=step)


@dataclass(frozen=True)
class Stop:
    """One stop of the walk, such as the forward step t = 3, with its lines."""

    title: str
    step: int | None
    backward: bool
    parts: list[Part]
    writer: Writer = field(repr=False)

    @property
    def quantities(self) -> list[str]:
        """What it computes, as it is printed."""
        found = ((part.family.name, part.step) for part in self.parts)
        return [names.text(name, "" if step is None else str(step)) for name, step in found if name is not None]

    @property
    def lines(self) -> list[Line]:
        return [self.writer.line(part) for part in self.parts]

    def __str__(self) -> str:
        body = "\n".join(str(line) for line in self.lines)
        return f"── {self.title} " + "─" * max(0, 60 - len(self.title)) + "\n" + body

    def latex(self) -> str:
        """Its lines as one ``align*`` environment for amsmath."""
        return aligned([line.latex for line in self.lines])

    def _repr_latex_(self) -> str:
        return typeset([line.latex for line in self.lines], self.title)


class Walk(Shown):
    """The stops in order; printing it prints them all."""

    def __init__(self, stops: list[Stop]) -> None:
        self._stops = stops

    def __iter__(self) -> Iterator[Stop]:
        return iter(self._stops)

    def __len__(self) -> int:
        return len(self._stops)

    def __getitem__(self, place: int) -> Stop:
        return self._stops[place]

    def __str__(self) -> str:
        return "\n\n".join(map(str, self))

    def latex(self) -> str:
        """All stops, one ``align*`` environment for each below its title."""
        return "\n\n".join(f"\\paragraph{{{stop.title}}}\n{stop.latex()}" for stop in self)

    def _display(self) -> Iterator[Text | Table]:
        """The stops and what each computes; a single one is typeset with its numbers."""
        yield Text(
            f"A walk of {len(self)} stops. One of them, such as walk[{min(1, len(self) - 1)}], is shown with its numbers."
        )
        near = [place for place in range(len(self)) if min(place, len(self) - 1 - place) < SHOWN // 2]
        rows = [(f"walk[{place}]", self[place].title, ", ".join(self[place].quantities)) for place in near]
        if len(near) < len(self):
            rows.insert(SHOWN // 2, ("…", "", ""))
        yield Table(("", "stop", "computes"), rows, code=True)

    def __repr__(self) -> str:
        return f"<Walk of {len(self)} stops, from {self[0].title!r} to {self[-1].title!r}: print it, or one of them>"


def walk(trace: Run) -> Walk:
    """The steps of `trace`: the start, t = 1..T, the loss; then back from T to 1, and the gradients."""
    writer = Writer(trace)
    folded = writer.folded
    forward: dict[int | None, list[Part]] = {}
    backward: dict[int | None, list[Part]] = {}
    gradients: list[Part] = []
    for family, definition in in_order(folded, trace):
        assert family.name is not None
        of_parameter = family.name.of is not None and str(family.name.quantity) in trace.parameters
        passes = backward if family.name.of is not None else forward
        for step in definition.domain.steps(folded.T) if definition.domain else [None]:
            part = Part(family, definition, step)
            (gradients if of_parameter else passes.setdefault(step, [])).append(part)
            if of_parameter and isinstance(total := writer.sides(family, definition)[1], S.TimeSum):
                lo, hi = (int(end.xreplace({S.t: sp.Integer(step or 0)})) for end in total.args[1:])
                for t in range(lo, hi + 1):
                    backward.setdefault(t, []).append(Part(family, definition, step, t))
    return Walk(_stops(forward, backward, gradients, writer))


def _stops(
    forward: dict[int | None, list[Part]],
    backward: dict[int | None, list[Part]],
    gradients: list[Part],
    writer: Writer,
) -> list[Stop]:
    steps = sorted(step for step in forward if step is not None)
    stops = [Stop("start" if t == 0 else f"forward, t = {t}", t, False, forward[t], writer) for t in steps]
    if None in forward:
        stops.append(Stop("output" if writer.trace.loss is None else "output and loss", None, False, forward[None], writer))
    if None in backward:
        stops.append(Stop("backward, at the output", None, True, backward[None], writer))
    for t in sorted((step for step in backward if step is not None), reverse=True):
        stops.append(Stop(f"backward, t = {t}", t, True, backward[t], writer))
    if gradients:
        stops.append(Stop("gradients of the parameters", None, True, gradients, writer))
    return stops
