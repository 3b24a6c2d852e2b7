"""Exercises about a network: questions with their answers, and what wrong answers come from."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any

from ..displays import Folded, Shown, Table, Text, html
from ..displays.parts import Part
from ..files import StrPath, write_whole
from ..readings.page.page import resource

MOST_WRONG = 8  # answers that are told beside the right one


@dataclass(frozen=True)
class Exercise:
    """One question: `kind` is "number", "shape" or "line"; the answer is a number, or the place of a choice.

    `wrong` are wrong answers, each with the name of a slip and what it is.
    """

    kind: str
    asked: str  # in words
    answer: float | int
    choices: tuple[str, ...] = ()
    wrong: tuple[tuple[float | int, str, str], ...] = ()
    tolerance: float = 0.0
    key: str = ""  # of the quantity that is asked for, h_3
    term: int | None = None  # of a sum over time, the step whose term is asked for
    entry: int = 0

    def check(self, given: Any) -> str:
        """Whether an answer is right: a number, or a choice by its text or its place from 1; if not, what it comes from."""
        text, value = words(), self._value(given)
        if abs(value - self.answer) <= self.tolerance:
            return text["right"]
        slips = [says for wrong, _, says in self.wrong if abs(value - wrong) <= self.tolerance]
        return f"{text['not_right']} {text['slip'].format(slip=slips[0])}" if slips else text["not_right"]

    def _value(self, given: Any) -> float:
        if not self.choices:
            try:
                return float(given)
            except (TypeError, ValueError):
                raise ValueError(f"{given!r} is no number, as the answer is") from None
        if given in self.choices:
            return self.choices.index(given)
        if not isinstance(given, int) or not 1 <= given <= len(self.choices):
            raise ValueError(f"{given!r} is none of the choices: {', '.join(self.choices)}")
        return given - 1

    @property
    def solution(self) -> str:
        """The answer as text."""
        return self.choices[int(self.answer)] if self.choices else f"{self.answer:.4g}"

    def question(self, number: int) -> list[Part]:
        """What is asked, with the choices if there are some."""
        choices = [(f"{chr(97 + i)})", choice) for i, choice in enumerate(self.choices)]
        return [Text(f"{number}. {self.asked}"), *([Table((), choices)] if choices else [])]

    def solved(self) -> list[Part]:
        """The answer, and what wrong answers come from."""
        wrong = [(self.choices[int(v)] if self.choices else f"{v:.4g}", says) for v, _, says in self.wrong[:MOST_WRONG]]
        return [Text(self.solution, strong=True), *([Table((), wrong)] if wrong else [])]

    @property
    def data(self) -> dict[str, Any]:
        """What the page is given."""
        return dataclasses.asdict(self)


class Exercises(tuple[Exercise, ...], Shown):
    """The exercises of a trace; ``exercises[0].check(0.5)``, ``exercises.sheet("sheet.html")``."""

    title = ""

    def __repr__(self) -> str:
        return "\n".join("\n".join(map(str, one.question(i))) for i, one in enumerate(self, 1))

    def _display(self) -> Iterator[Part]:
        """Each question, and its answer to be opened below it."""
        for i, one in enumerate(self, 1):
            yield from one.question(i)
            yield Folded(words()["answer"], one.solved())

    def sheet(self, path: StrPath, answers: bool = True) -> Path:
        """Write a sheet to print, as HTML.

        - `path`: where
        - `answers`: on a page of their own the answers, and the usual slips
        """
        title = escape(self.title)
        rooms = ("" if one.choices else '<p class="room"></p>' for one in self)
        asked = "".join(html(one.question(i)) + room for i, (one, room) in enumerate(zip(self, rooms), 1))
        solved = "".join(html([Text(f"{i}."), *one.solved()]) for i, one in enumerate(self, 1))
        solved = f'<section class="answers"><h2>{words()["answer"]}</h2>{solved}</section>' if answers else ""
        text = (
            f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{title}</title><style>{SHEET}</style></head>'
            f"<body><h1>{title}</h1>{asked}{solved}</body></html>"
        )
        write_whole(path, text.encode())
        return Path(path)


SHEET = """body { font: 12pt/1.5 serif; max-width: 42em; margin: 2em auto; padding: 0 1em }
div { margin: .5em 0; break-inside: avoid } td { font-size: .9em; vertical-align: top }
.room { border-bottom: 1px solid; width: 12em; height: 2em } .answers { break-before: page }"""


def words() -> dict[str, str]:
    return json.loads(resource("texts.json"))["en"]
