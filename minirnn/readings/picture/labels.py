"""What is written in the boxes of a picture, as HTML for Graphviz, and how much room it takes."""

from __future__ import annotations

import html
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from ...engine import names
from ...system import plain

MAX_ROWS, MAX_COLS = 3, 4  # of numbers written out; of a larger array, its size, its ends and its norm
NAME, SMALL, NUMBER = 15, 10, 9  # points
LIMIT = 24  # letters of a name
WIDE, NARROW = set("mwMW@Σ⊙⊘—∂"), set("ijlft.,:;|'()[] ·")

Row = tuple[str, float, int]  # HTML, its width, its size


def text_width(text: str, size: float) -> float:
    """A generous estimate: a reader's fonts are not known."""
    return size * sum(0.92 if c in WIDE else 0.36 if c in NARROW else 0.7 if c.isupper() else 0.56 for c in text)


def safe(text: str, limit: int = LIMIT) -> str:
    """Text that Graphviz and a browser show as it is: cut, unprintable characters replaced, markup escaped."""
    return html.escape(plain(text, limit))


def math(name: str, step: object = None, size: int = NAME) -> tuple[str, float]:
    """A name as HTML (italic base, the layer raised, the rest lowered) and its width."""
    if pair := names.derivative(name):
        over, w1 = math(pair[0], None, size)
        under, w2 = math(pair[1], step, size)
        return f"∂{over}/∂{under}", w1 + w2 + text_width("∂/∂", size)
    base, sub, layer = (plain(part, LIMIT) for part in names.parts(name))
    if name.startswith("dL/dz"):
        base, sub, layer = "δ", "", layer
    shown = names.text(base) if base else ""
    if name.startswith("'"):  # a name of the user's own stands as it is
        shown, _, sub = plain(name.split("'")[1].strip("_"), LIMIT).partition("_")
    below = ",".join(filter(None, [sub, "" if step is None else str(step)]))
    little = max(7, round(size * 0.7))
    text, width = f"<I>{html.escape(shown)}</I>", text_width(shown, size)
    if below:
        text += f'<SUB><FONT POINT-SIZE="{little}">{html.escape(below)}</FONT></SUB>'
        width += text_width(below, little)
    if layer:
        text += f'<SUP><FONT POINT-SIZE="{little}">({html.escape(layer)})</FONT></SUP>'
        width += text_width(f"({layer})", little)
    return text, width


def head(name: str, step: object = None, size: int = NAME) -> Row:
    text, width = math(name, step, size)
    return text, width, size


def words(parts: Iterable[str], colour: str, size: int = SMALL) -> Row:
    """What a box does: plain words, "+b_h" for a parameter that is added, "=W" for one that is named."""
    texts, width = [], 0.0
    for part in parts:
        if part[:1] in "+=" and len(part) > 1 and part[1] not in " q":
            text, w = math(part[1:], None, size)
            texts.append(f"{'+ ' * (part[0] == '+')}{text}")
            width += w + text_width("+ , ", size)
        else:
            texts.append(safe(part))
            width += text_width(plain(part, LIMIT) + ", ", size)
    return f'<FONT POINT-SIZE="{size}" COLOR="{colour}">{", ".join(texts)}</FONT>', width, size


def note(text: str, colour: str, size: int = SMALL) -> Row:
    return f'<FONT POINT-SIZE="{size}" COLOR="{colour}">{safe(text, 48)}</FONT>', text_width(plain(text, 48), size), size


def numbers(array: Any, colour: str) -> list[Row]:
    """A small array as rows of numbers, a larger one as its size, its ends and its norm."""
    array = np.asarray(array)
    grid = np.atleast_2d(array)
    if grid.ndim > 2 or grid.shape[0] > MAX_ROWS or grid.shape[1] > MAX_COLS:
        size = " × ".join(map(str, array.shape))
        texts = [size, f"{array.min():.3g} … {array.max():.3g}".replace("-", "−"), f"norm {np.linalg.norm(array):.3g}"]
    else:
        cells = [[f"{v:.3g}".replace("-", "−") for v in row] for row in grid]
        widths = [max(len(row[k]) for row in cells) for k in range(grid.shape[1])]
        texts = ["\u00a0".join(c.rjust(w, "\u00a0") for c, w in zip(row, widths)) for row in cells]
    return [
        (f'<FONT FACE="Courier" POINT-SIZE="{NUMBER}" COLOR="{colour}">{text}</FONT>', 0.62 * NUMBER * len(text), NUMBER)
        for text in texts
    ]


def size_of(rows: list[Row], least: tuple[float, float]) -> tuple[float, float]:
    """Width and height of the box that holds these rows."""
    wide = max((width for _, width, _ in rows), default=0.0) + 12
    high = sum(size * 1.22 + 2.5 for _, _, size in rows) + 8
    return max(least[0], wide), max(least[1], high)


def label(rows: list[Row]) -> str:
    """The rows below each other, as an HTML label."""
    if len(rows) == 1:
        return f"<{rows[0][0]}>"
    table = "".join(f"<TR><TD>{text}</TD></TR>" for text, _, _ in rows)
    return f'<<TABLE BORDER="0" CELLBORDER="0" CELLSPACING="0" CELLPADDING="1">{table}</TABLE>>'


def factor(item: str) -> tuple[str, str, bool]:
    """A factor on a line, "W_h", "W_hᵀ" or "hᵀ@t-1", as its name, its step and whether it is transposed."""
    name, _, step = item.partition("@")
    return name.removesuffix("ᵀ"), step.replace("-", "−"), name.endswith("ᵀ")


def on_line(through: Iterable[str], colours: Mapping[str, str], size: int = 13) -> tuple[str, float]:
    """Factors beside a line."""
    texts, width = [], -5.0
    for name, step, turned in map(factor, through):
        text, w = math(name, step or None, size)
        texts.append(f'<FONT COLOR="{colours["quiet"]}">{text}{"ᵀ" * turned}</FONT>')
        width += w + 5 + size * 0.5 * turned
    return "&#160;".join(texts), width
