"""The parts of which a display is made, and the base class of what has one.

An object says in parts what is to be seen of it; the parts know how to write themselves as HTML and as text. The HTML has no
script, no style sheet, no SVG and no MathML in it, since notebooks remove those from the work of others: pictures are
``img``, and colours are those of the page around. So it looks the same trusted or not, in light and in dark, in a notebook
and in what is exported from it. Every text is escaped.
"""

from __future__ import annotations

import base64
from collections.abc import Iterable, Iterator, Sequence
from html import escape
from typing import NamedTuple

from ..system import Suggests

MOST_ROWS = 40  # of a table in HTML; of more, both ends are shown
CELL = "text-align:left"  # notebooks have numbers at the right, and so all cells
MONOSPACED = "white-space:pre;overflow-x:auto;text-align:left"


class Text(NamedTuple):
    """A paragraph."""

    text: str
    strong: bool = False

    @property
    def html(self) -> str:
        said = escape(self.text)
        return f"<p><b>{said}</b></p>" if self.strong else f"<p>{said}</p>"

    def __str__(self) -> str:
        return self.text


class Code(NamedTuple):
    """Lines of code, after a word that says what they are."""

    text: str
    word: str = ""

    @property
    def html(self) -> str:
        word = f"<div>{escape(self.word)}</div>" if self.word else ""
        return f'{word}<pre style="{MONOSPACED}">{escape(self.text)}</pre>'

    def __str__(self) -> str:
        return f"    {self.word:<16}{self.text}"


class Table(NamedTuple):
    """Rows of cells below a head, if there is one; `strong` are the places of the rows that matter most.

    >>> print(Table(("quantity", "error"), [("h", "0.5"), ("dL/dW_h", "3.1")]))
    quantity  error
    h         0.5
    dL/dW_h   3.1
    """

    head: Sequence[str]
    rows: Sequence[Sequence[str]]
    strong: frozenset[int] = frozenset()
    code: bool = False  # whether the first cell of each row is code

    @property
    def html(self) -> str:
        shown: Iterable[int] = range(len(self.rows))
        if len(self.rows) > MOST_ROWS:
            shown = [*range(MOST_ROWS // 2), -1, *range(len(self.rows) - MOST_ROWS // 2, len(self.rows))]
        head = f"<thead>{self._line(self.head, 'th')}</thead>" if self.head else ""
        return f"<table cellpadding=4>{head}<tbody>{''.join(map(self._row, shown))}</tbody></table>"

    def _row(self, place: int) -> str:
        if place < 0:
            return self._line(["…"] * len(self.rows[0]), "td")
        return self._line(self.rows[place], "td", place in self.strong, self.code)

    def _line(self, cells: Sequence[str], tag: str, strong: bool = False, code: bool = False) -> str:
        said = [escape(cell) for cell in cells]
        if code:
            said[0] = f"<code>{said[0]}</code>"
        if strong:
            said = [f"<b>{cell}</b>" for cell in said]
        return "<tr>" + "".join(f'<{tag} style="{CELL}">{cell}</{tag}>' for cell in said) + "</tr>"

    def __str__(self) -> str:
        lines = [self.head, *self.rows] if self.head else [*self.rows]
        widths = [max(map(len, column)) for column in zip(*lines)]
        return "\n".join("  ".join(f"{cell:<{w}}" for cell, w in zip(line, widths)).rstrip() for line in lines)


class Picture(NamedTuple):
    """An image as text of SVG, with the words that stand for it."""

    svg: str
    alt: str
    height: str = ""  # the most it may have

    @property
    def html(self) -> str:
        data = base64.b64encode(self.svg.encode()).decode()
        tall = f";max-height:{self.height}" if self.height else ""
        return f'<img alt="{escape(self.alt)}" style="max-width:100%{tall}" src="data:image/svg+xml;base64,{data}">'

    def __str__(self) -> str:
        return self.alt


class Folded(NamedTuple):
    """Parts below a title that opens them."""

    title: str
    parts: Sequence[Part]

    @property
    def html(self) -> str:
        return f"<details><summary>{escape(self.title)}</summary>{html(self.parts)}</details>"

    def __str__(self) -> str:
        return "\n".join(map(str, self.parts))


Part = Text | Code | Table | Picture | Folded


class Shown(Suggests):
    """What has a display: its class says in `_display` what is to be seen of it."""

    def _display(self) -> Iterator[Part]:
        """What a notebook shows, from above to below."""
        raise NotImplementedError

    def _repr_html_(self) -> str:
        return html(self._display())


def html(parts: Iterable[Part]) -> str:
    """The parts as one piece of HTML, to stand within another page."""
    return "<div>" + "".join(part.html for part in parts) + "</div>"
