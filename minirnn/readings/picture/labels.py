"""What is written in the boxes of a picture, as HTML for Graphviz, and how much room it takes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from ...engine import escapes, names
from ...engine.names import Name
from ...system import plain
from .elements import Factor, Operand

MAX_ROWS, MAX_COLS = 3, 4  # of numbers written out; of a larger array, its size, its ends and its norm
NAME, SMALL, NUMBER = 15, 10, 9  # points
LIMIT = 24  # letters of a name
WIDE, NARROW = set("mwMW@Σ⊙⊘—∂"), set("ijlft.,:;|'()[] ·")

TABLE = '<TABLE BORDER="0" CELLBORDER="0" CELLSPACING="0" CELLPADDING="1">'

Row = tuple[str, float, int]  # HTML, its width, its size


def text_width(text: str, size: float) -> float:
    """A generous estimate: a reader's fonts are not known."""
    return size * sum(0.92 if c in WIDE else 0.36 if c in NARROW else 0.7 if c.isupper() else 0.56 for c in text)


def safe(text: str, limit: int = LIMIT) -> str:
    """Text that Graphviz and a browser show as it is: cut, unprintable characters replaced, markup escaped."""
    return escapes.markup(plain(text, limit))


def math(name: Name, step: object = None, size: int = NAME) -> tuple[str, float]:
    """A name as HTML (italic base, the layer raised, the rest lowered) and its width."""
    little = max(7, round(size * 0.7))
    time = "" if step is None else str(step)
    cut = _cut(name)

    def small(tag: str, text: str) -> str:
        return f'<{tag}><FONT POINT-SIZE="{little}">{text}</FONT></{tag}>'

    return names.markup(cut, time, small), _width(cut, time, size, little)


def _cut(name: Name) -> Name:
    """The name with its parts cut to what a box holds."""
    base, sub, layer = (plain(part, LIMIT) for part in name[:3])
    shown = None if name.shown is None else plain(name.shown, LIMIT)
    of = None if name.of is None else _cut(name.of)
    return name._replace(base=base, sub=sub, layer=layer, shown=shown, of=of)


def _width(name: Name, time: str, size: float, little: float) -> float:
    if name.of is not None and not name.delta:
        return _width(name.of, "", size, little) + _width(name.quantity, time, size, little) + text_width("∂/∂", size)
    parts = names.shown(name)
    _, sub, layer, _ = parts
    lowered = text_width(",".join(filter(None, [sub, time])), little)
    return text_width(parts.symbol, size) + lowered + (text_width(f"({layer})", little) if layer else 0)


def head(name: Name, step: object = None) -> Row:
    return *math(name, step), NAME


def words(parts: Iterable[str | Operand], colour: str, size: int = SMALL) -> Row:
    """What a box does: words, and parameters, with a + before those that are added."""
    texts, width = [], 0.0
    for part in (part for part in parts if part):
        if isinstance(part, Operand):
            text, w = math(part.name, None, size)
            texts.append(f"{'+ ' * part.added}{text}")
            width += w + text_width("+ , ", size)
        else:
            texts.append(safe(part))
            width += text_width(plain(part, LIMIT) + ", ", size)
    return f'<FONT POINT-SIZE="{size}" COLOR="{colour}">{", ".join(texts)}</FONT>', width, size


def note(text: str, colour: str, size: int = SMALL) -> Row:
    return f'<FONT POINT-SIZE="{size}" COLOR="{colour}">{safe(text, 48)}</FONT>', text_width(plain(text, 48), size), size


def numbers(array: Any, colour: str) -> list[Row]:
    """A small array in rows and columns, a larger one as its size, its ends and its norm."""
    array = np.asarray(array)
    grid = np.atleast_2d(array)
    if grid.ndim > 2 or grid.shape[0] > MAX_ROWS or grid.shape[1] > MAX_COLS:
        size = " × ".join(map(str, array.shape))
        cells = [[size], [f"{array.min():.3g} … {array.max():.3g}"], [f"norm {np.linalg.norm(array):.3g}"]]
    else:
        cells = [[f"{v + 0.0:.3g}" for v in row] for row in grid]  # no -0
    cells = [[text.replace("-", "−") for text in row] for row in cells]
    width = sum(0.62 * NUMBER * (max(map(len, column)) + 1) for column in zip(*cells))
    font = f'<FONT FACE="Courier" POINT-SIZE="{NUMBER}" COLOR="{colour}">'
    align = (
        ' ALIGN="RIGHT"' if len(cells[0]) > 1 else ""
    )  # columns, not blanks: some programs drop those that a text begins with
    lines = ('<TD WIDTH="6"></TD>'.join(f"<TD{align}>{font}{text}</FONT></TD>" for text in row) for row in cells)
    high = len(cells) * _height(NUMBER)
    return [(f"{TABLE}{''.join(f'<TR>{line}</TR>' for line in lines)}</TABLE>", width, round((high - 2.5) / 1.22))]


def _height(size: float) -> float:
    """Of a line of text, in points."""
    return size * 1.22 + 2.5


def size_of(rows: list[Row], least: tuple[float, float]) -> tuple[float, float]:
    """Width and height of the box that holds these rows."""
    wide = max((width for _, width, _ in rows), default=0.0) + 12
    high = sum(_height(size) for _, _, size in rows) + 8
    return max(least[0], wide), max(least[1], high)


def label(rows: list[Row]) -> str:
    """The rows below each other, as an HTML label."""
    if len(rows) == 1:
        return f"<{rows[0][0]}>"
    table = "".join(f"<TR><TD>{text}</TD></TR>" for text, _, _ in rows)
    return f"<{TABLE}{table}</TABLE>>"


def on_line(through: Iterable[Factor], colours: Mapping[str, str], size: int = 13) -> tuple[str, float]:
    """Factors beside a line."""
    texts, width = [], -5.0
    for name, step, turned in through:
        text, w = math(name, str(step).replace("-", "−") or None, size)
        texts.append(f'<FONT COLOR="{colours["quiet"]}">{text}{"ᵀ" * turned}</FONT>')
        width += w + 5 + size * 0.5 * turned
    return "&#160;".join(texts), width
