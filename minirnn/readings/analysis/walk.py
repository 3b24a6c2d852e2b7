"""The walk: the network step by step, forward and then backward, each line symbol = numbers = result."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import sympy as sp

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
class Stop:
    """One stop of the walk, such as the forward step t = 3, with its lines."""

    title: str
    step: int | None
    backward: bool
    lines: list[Line] = field(default_factory=list)

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
    folded = trace.fold()
    values = values_of(folded, trace)
    expressions = Expressions(folded)
    forward: dict[int | None, list[Line]] = {}
    backward: dict[int | None, list[Line]] = {}
    gradients: list[Line] = []
    for family, definition in in_order(folded, list(trace.parameters)):
        assert family.name is not None
        name, of_parameter = str(family.name), family.name.of is not None and str(family.name.quantity) in trace.parameters
        shape, rhs = expressions.shapes[family.index], expressions.expression(definition)
        passes = backward if family.name.of is not None else forward
        for step in definition.domain.steps(folded.T) if definition.domain else [None]:
            at = rhs if step is None else rhs.xreplace({S.t: sp.Integer(step)})
            at = at.xreplace({S.T: sp.Integer(folded.T)})  # sums end at a number here
            line = Line(S.quantity(family.name, shape, step), at, trace.variables[name, step].value, values)
            (gradients if of_parameter else passes.setdefault(step, [])).append(line)
            if of_parameter and isinstance(at, S.TimeSum):
                for t in range(int(at.args[1]), int(at.args[2]) + 1):
                    term = at.args[0].xreplace({S.bound: sp.Integer(t)})
                    part = evaluate(term, values)
                    backward.setdefault(t, []).append(Line(line.lhs, term, part, values, adds=True))
    return Walk(_stops(forward, backward, gradients, trace))


def _stops(
    forward: dict[int | None, list[Line]], backward: dict[int | None, list[Line]], gradients: list[Line], trace: Run
) -> list[Stop]:
    steps = sorted(step for step in forward if step is not None)
    stops = [Stop("start" if t == 0 else f"forward, t = {t}", t, False, forward[t]) for t in steps]
    if None in forward:
        stops.append(Stop("output" if trace.loss is None else "output and loss", None, False, forward[None]))
    if None in backward:
        stops.append(Stop("backward, at the output", None, True, backward[None]))
    for t in sorted((step for step in backward if step is not None), reverse=True):
        stops.append(Stop(f"backward, t = {t}", t, True, backward[t]))
    if gradients:
        stops.append(Stop("gradients of the parameters", None, True, gradients))
    return stops
