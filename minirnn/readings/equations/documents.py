"""Equations as LaTeX that fits a page: lines, environments, whole documents, and what a notebook typesets."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from .printer import latex, text
from .with_numbers import INDENT, broken

WIDTH = 84  # letters of symbols in a terminal, which LaTeX sets closer than numbers
BESIDE = 32  # letters of LaTeX, where the steps it holds for and a number stand beside
FRAME, LINE, FRACTION, SUM = 42, 3, 6, 7  # heights: of a slide, and of a row on it
DOCUMENT = r"""\documentclass{%s}
\usepackage{amsmath}%s
\setcounter{MaxMatrixCols}{20}
\begin{document}
%s
\end{document}
"""
# pdfTeX stops at a letter that it does not know, and sets no accents in mathematics; LuaTeX and XeTeX know all letters
LETTERS = r"""
\ifdefined\DeclareUnicodeCharacter
\usepackage[T1]{fontenc}
%s
\fi"""
LETTER = r"\ifcsname u8:\detokenize{%s}\endcsname\else\DeclareUnicodeCharacter{%04X}{\texttt{U+%04X}}\fi"


def document(kind: str, preamble: str, body: str) -> str:
    """A whole document; letters in it that pdfTeX does not know are shown there by their numbers."""
    declared = [LETTER % (c, ord(c), ord(c)) for c in sorted(set(body)) if not c.isascii()]
    return DOCUMENT % (kind, (LETTERS % "\n".join(declared) if declared else "") + preamble, body)


def sides(lhs: Any, rhs: Any, where: str = "") -> list[str]:
    """lhs &= rhs, and the steps it holds for, as rows of an ``align``: one, or one for each term of what is too long."""

    def fits(part: Any) -> bool:
        return len(text(part)) <= WIDTH and not (where and _letters(latex(part)) > BESIDE)

    first, *rest = broken(rhs, fits, lambda part, small: latex(part))
    return [f"{latex(lhs)} &= {first}" + (f" && {where}" if where else ""), *(f"&{INDENT} {row}" for row in rest)]


def _letters(row: str) -> float:
    """How many letters are as wide as a row of LaTeX: those of an index are half as wide, signs with their room twice."""
    row = re.sub(r"\\left|\\right|\\,", "", row)
    indices = "".join(re.findall(r"[_^]\{([^{}]*)\}", row))
    letters, small = (re.sub(r"\\[a-zA-Z]+", "x", re.sub(r"[{}\s]", "", part)) for part in (row, indices))
    return len(letters) - len(small) / 2 + len(re.findall(r" (\\odot|\\oslash|[+-]) ", row))


def frames(title: str, equations: Iterable[Sequence[str]], labels: Sequence[str]) -> Iterator[str]:
    """Equations, each of its rows, as frames of Beamer: as many on each as fit."""
    slides: list[list[tuple[Sequence[str], str]]] = []
    room = 0
    for rows, label in zip(equations, labels):
        height = sum(map(_height, rows))
        if height > room:
            slides.append([])
            room = FRAME
        slides[-1].append((rows, label))
        room -= height
    for number, slide in enumerate(slides, 1):
        head = title + (f" ({number} of {len(slides)})" if len(slides) > 1 else "")
        body = aligned([rows for rows, _ in slide], [label for _, label in slide])
        too_high = sum(_height(row) for rows, _ in slide for row in rows) > FRAME  # it is one equation then
        yield f"\\begin{{frame}}{'[shrink]' * too_high}{{{head}}}\n\\footnotesize\n{body}\n\\end{{frame}}"


def _height(row: str) -> int:
    one = SUM if r"\sum" in row else FRACTION if r"\frac" in row else LINE
    return one + LINE * row.count(r"\\")  # of a matrix


def aligned(equations: Iterable[Sequence[str]], labels: Sequence[str] = ()) -> str:
    """Equations, each of its rows, as one ``align*``; with `labels`, as ``align``, a number and its label for each."""
    if not labels:
        return environment("align*", [row for rows in equations for row in rows])
    found = []
    for rows, label in zip(equations, labels):  # the number stands at the last row
        found += [*(rf"{row} \notag" for row in rows[:-1]), rf"{rows[-1]} \label{{{label}}}"]
    return environment("align", found)


def typeset(equations: Iterable[Sequence[str]], title: str = "") -> str:
    """Equations, below a title if there is one, as a notebook typesets them."""
    head = [rf"&\textbf{{{title}}}"] if title else []
    return f"$${environment('aligned', [*head, *(row for rows in equations for row in rows)])}$$"


def unique(labels: Sequence[str]) -> list[str]:
    """The labels, a number after those that have been there before: of several samples, say."""
    seen: Counter[str] = Counter()
    found = []
    for label in labels:
        seen[label] += 1
        found.append(label if seen[label] == 1 else f"{label}-{seen[label]}")
    return found


def environment(name: str, rows: Iterable[str]) -> str:
    """Rows in an environment of LaTeX."""
    return f"\\begin{{{name}}}\n" + " \\\\\n".join(rows) + f"\n\\end{{{name}}}"
