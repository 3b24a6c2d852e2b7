"""The generated source for the page: which lines belong to which equation."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ..source import source
from ..spelling import text
from .lines import Line

if TYPE_CHECKING:
    from ...trace import Trace


@dataclass
class CodeLine:
    """One line of the program; `equations` are the numbers of those that it computes, `name` the quantity they define."""

    text: str
    equations: list[int] = field(default_factory=list)
    name: str = ""


def code(trace: Trace, shown: list[Line]) -> list[CodeLine]:
    """The source of `trace`, line by line. An equation stands above the lines that compute it, as a comment."""
    by_left: dict[str, list[int]] = {}
    for place, line in enumerate(shown):
        by_left.setdefault(text(line.equation.lhs), []).append(place)
    found = []
    indent, equations = 0, list[int]()
    for line in source(trace).splitlines():
        bare = line.strip()
        if bare.startswith("# "):
            indent, equations = len(line) - len(line.lstrip()), by_left.get(bare[2:].partition(" = ")[0], [])
        elif not bare or len(line) - len(line.lstrip()) < indent:
            equations = []
        found.append(CodeLine(line, equations, shown[equations[0]].left[0] if equations else ""))
    return found
