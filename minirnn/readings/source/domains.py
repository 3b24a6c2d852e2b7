"""Where the rows of some steps are in an array that holds those of many, as Python text."""

from __future__ import annotations

from typing import NamedTuple

from ...engine.fold import Domain, Fixed, Span
from .numpy_expr import Unwritable, grouped
from .schedule import moved

FIRST, LAST = Fixed(False, 1), Fixed(True, 0)


class Place(NamedTuple):
    """The steps lo..hi of a family; in a loop over them, seen from the running step at a delay."""

    lo: Fixed
    hi: Fixed
    delay: int | None = None

    def moved(self, delay: int) -> Place:
        """The same, `delay` steps later."""
        return Place(moved(self.lo, delay), moved(self.hi, delay), None if self.delay is None else self.delay + delay)


def suffix(delay: int) -> str:
    """h_t, h_prev, h_next, h_prev_2."""
    if delay == 0:
        return "_t"
    return ("_next" if delay > 0 else "_prev") + (f"_{abs(delay)}" if abs(delay) > 1 else "")


def times(a: str, b: str) -> str:
    """The product, without ones."""
    if "1" in (a, b):
        return b if a == "1" else a
    return f"{grouped(a)} * {b}"


def count(steps: Place | Domain | Span) -> str:
    """How many steps there are from lo to hi."""
    number = steps.hi.offset - steps.lo.offset + 1
    if steps.lo.from_end == steps.hi.from_end:
        return str(number)
    return "T" if number == 0 else f"T {'+' if number > 0 else '-'} {abs(number)}"


def sliced(span: Domain | Place, lo: Fixed, hi: Fixed, unit: str) -> str:
    """The rows of the steps lo..hi, as a slice of what holds the steps of `span`, `unit` rows each; "" for all."""
    start = "" if lo == span.lo else _rows(lo, span, unit, 0)
    stop = "" if hi == span.hi else _rows(hi, span, unit, 1)
    if not start and not stop:
        return ""
    simple = all(text.lstrip("-").isidentifier() or not text or text.isdigit() for text in (start, stop))
    if simple:
        return f"[{start}:{stop}]"
    return f"[{start + ' ' if start else ''}:{' ' + stop if stop else ''}]"


def _rows(where: Fixed, span: Domain | Place, unit: str, after: int) -> str:
    if (where.from_end and not span.hi.from_end) or (span.lo.from_end and not where.from_end):
        raise Unwritable("steps counted from the other end")
    n = where.offset + after - (span.hi.offset + 1 if where.from_end else span.lo.offset)
    if abs(n) == 1:
        return f"{'-' if n < 0 else ''}{unit}"
    return f"{n} * {unit}" if unit != "1" else str(n)
