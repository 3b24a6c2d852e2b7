"""The walk: the network step by step, forward and then backward, each line symbol = numbers = result."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import sympy as sp

from ...checks import unraised
from ...engine.fold import Definition, Family
from ..equations import matrix as S
from ..equations.build import Expressions, in_order, values_of
from ..equations.evaluate import Values, evaluate
from ..equations.printer import text
from ..equations.with_numbers import numbered

if TYPE_CHECKING:
    from ...run import Run


@dataclass(frozen=True)
class Line:
    """lhs = rhs, in symbols; the same with numbers; the result. `adds` marks a step's part of a sum over time."""

    lhs: Any
    rhs: Any
    result: np.ndarray
    values: Values
    adds: bool = False

    def __str__(self) -> str:
        left = text(self.lhs) + (" += " if self.adds else " = ")
        indent = " " * len(left)
        return "\n".join([left + text(self.rhs), *numbered(self.rhs, self.result, self.values, indent[2:], indent)])


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

    def expression(self, definition: Definition, step: int | None) -> Any:
        """What a definition computes at a step."""
        rhs = self.expressions.expression(definition)
        at = rhs if step is None else rhs.xreplace({S.t: sp.Integer(step)})
        return at.xreplace({S.T: sp.Integer(self.folded.T)})  # sums end at a number here

    @unraised
    def line(self, part: Part) -> Line:
        """The line of a part."""
        name = part.family.name
        assert name is not None
        lhs = S.quantity(name, self.expressions.shapes[part.family.index], part.step)
        rhs = self.expression(part.definition, part.step)
        if part.t is None:
            return Line(lhs, rhs, self.trace.variables[str(name), part.step].value, self.values)
        term = rhs.args[0].xreplace({S.bound: sp.Integer(part.t)})
        return Line(lhs, term, evaluate(term, self.values), self.values, adds=True)


@dataclass(frozen=True)
class Stop:
    """One stop of the walk, such as the forward step t = 3, with its lines."""

    title: str
    step: int | None
    backward: bool
    parts: list[Part]
    writer: Writer = field(repr=False)

    @cached_property
    def lines(self) -> list[Line]:
        return [self.writer.line(part) for part in self.parts]

    def __str__(self) -> str:
        body = "\n".join(str(line) for line in self.lines)
        return f"── {self.title} " + "─" * max(0, 60 - len(self.title)) + "\n" + body


class Walk:
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

    def __repr__(self) -> str:
        return f"<Walk of {len(self)} stops, from {self[0].title!r} to {self[-1].title!r}: print it, or one of them>"


def walk(trace: Run) -> Walk:
    """The steps of `trace`: the start, t = 1..T, the loss; then back from T to 1, and the gradients."""
    writer = Writer(trace)
    folded = writer.folded
    forward: dict[int | None, list[Part]] = {}
    backward: dict[int | None, list[Part]] = {}
    gradients: list[Part] = []
    for family, definition in in_order(folded, list(trace.parameters)):
        assert family.name is not None
        of_parameter = family.name.of is not None and str(family.name.quantity) in trace.parameters
        passes = backward if family.name.of is not None else forward
        for step in definition.domain.steps(folded.T) if definition.domain else [None]:
            part = Part(family, definition, step)
            (gradients if of_parameter else passes.setdefault(step, [])).append(part)
            if of_parameter and isinstance(total := writer.expression(definition, step), S.TimeSum):
                for t in range(int(total.args[1]), int(total.args[2]) + 1):
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
