"""Statements that run over steps, brought together: of two loops over the same steps one, where the order allows it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from ...engine.fold import Domain
from .module import Line

Reads = set[tuple[int, object]]  # the families that are read, and where: a delay, or a fixed step, a span, no step


@dataclass
class Run:
    """Statements for the steps of `domain`, one after the other in a loop if there are several, or without steps (None)."""

    domain: Domain | None
    lines: list[Line]
    makes: set[int]
    reads: Reads = field(default_factory=set)
    down: bool | None = None  # whether the loop runs backwards; None: as you like

    @property
    def single(self) -> bool:
        """Whether there is nothing to loop over."""
        return self.domain is None or self.domain.lo == self.domain.hi


def together(runs: Iterable[Run]) -> list[Run]:
    """The runs in an order that gives the same values, those over the same steps in one loop."""
    found: list[Run] = []
    for run in runs:
        k = next((k for k in range(len(found) - 1, -1, -1) if _joins(found[k], run, found[k + 1 :])), None)
        if k is None:
            found.append(run)
        else:
            before = found.pop(k)
            down = before.down if before.down is not None else run.down
            lines = before.lines + run.lines
            both = Run(run.domain, lines, before.makes | run.makes, before.reads | run.reads, down)
            late = any(_needs(other, before.makes) for other in found[k:])
            found.insert(k if late else len(found), both)
    return found


def _joins(before: Run, run: Run, between: list[Run]) -> bool:
    """Whether `run` can follow in the same loop: what it reads there is made by then, and all between too."""
    if run.single or before.domain != run.domain or {before.down, run.down} == {True, False}:
        return False
    down = before.down if before.down is not None else run.down
    for family, where in run.reads:
        if family in before.makes and not (isinstance(where, int) and (where >= 0 if down else where <= 0)):
            return False
    if not any(_needs(other, before.makes) for other in between):
        return True
    return not any(_needs(run, other.makes) for other in between)


def _needs(run: Run, made: set[int]) -> bool:
    return any(family in made for family, _ in run.reads)
