"""The generated source for the page: which lines belong to which equation."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ..equations import matrix as S
from ..equations.printer import text
from ..source.source import source
from .equation_slots import Line

if TYPE_CHECKING:
    from ...runs.run import Run


BODY = 4  # blanks before a line of a function that is in no loop


@dataclass
class CodeLine:
    """One line of the program; `equations` are the numbers of those that it computes, `name` the quantity they define."""

    text: str
    equations: list[int] = field(default_factory=list)
    name: str = ""
    when: str = ""  # of an equation that stands outside of a loop over the steps and in it: "first" or "rest" of the steps


def code(trace: Run, shown: list[Line]) -> list[CodeLine]:
    """The source of `trace`, line by line. An equation stands above the statement that computes it, as a comment."""
    by_left: dict[str, list[int]] = {}
    for place, line in enumerate(shown):
        by_left.setdefault(text(line.equation.lhs), []).append(place)
    for place, line in enumerate(shown):  # what the source does at the last step before the loop over the others
        by_left.setdefault(text(line.equation.lhs.xreplace({S.t: S.T})), [place])
    found = []
    equations: list[int] = []
    open_brackets = 0
    for row in source(trace).splitlines():
        comment = row.strip().startswith("# ")
        if comment:
            equations = by_left.get(row.strip()[2:].partition(" = ")[0], [])
        found.append(CodeLine(row, equations, shown[equations[0]].left[0] if equations else ""))
        if not row:
            open_brackets = 0  # no statement goes on after an empty line; what a name in the text above opened ends here
        if not comment:
            open_brackets += sum((c in "([{") - (c in ")]}") for c in row)
            equations = equations if open_brackets else []
    return _told_apart(found)


def _told_apart(rows: list[CodeLine]) -> list[CodeLine]:
    """Where the first step of the way is done before the loop over the others, the lines say for which steps they are."""

    def looped(row: CodeLine) -> bool:
        return len(row.text) - len(row.text.lstrip()) > BODY

    for row in rows:
        places = {looped(other) for other in rows if set(other.equations) & set(row.equations)}
        if len(places) > 1:
            row.when = "rest" if looped(row) else "first"
    return rows
