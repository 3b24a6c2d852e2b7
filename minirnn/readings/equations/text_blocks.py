"""Matrices as blocks of text that stand side by side in a line of a terminal."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from typing import Any

import numpy as np

MAX_SIDE = 8  # larger matrices are shown by their size alone


def columns(text: str) -> int:
    """How wide a text is in a terminal: a mark over a letter, as in h̃, takes no room of its own."""
    return len(text) if text.isascii() else len(text) - sum(map(bool, map(unicodedata.combining, text)))


def padded(text: str, width: int) -> str:
    """The text with blanks after it, so that it is so many columns wide.

    >>> len(padded("h̃ = 0", 8)), columns(padded("h̃ = 0", 8))
    (9, 8)
    """
    return text + " " * (width - columns(text))


class Block:
    """Lines of equal width; the middle one is in line with its neighbours."""

    def __init__(self, lines: Sequence[str]) -> None:
        widths = [columns(line) for line in lines]
        self.width = max(widths)
        self.lines = [line + " " * (self.width - width) for line, width in zip(lines, widths)]

    @property
    def above(self) -> int:
        """How many lines there are above the middle one."""
        return (len(self.lines) - 1) // 2

    def __str__(self) -> str:
        return "\n".join(line.rstrip() for line in self.lines)


def beside(*parts: Block | str) -> Block:
    """The parts from left to right, each centred on one line.

    >>> print(beside(matrix(np.eye(2)), " + ", matrix(np.ones((1, 2)))))
    ⎡1  0⎤ + [1  1]
    ⎣0  1⎦
    """
    blocks = [Block([p]) if isinstance(p, str) else p for p in parts]
    if len(blocks) == 1:
        return blocks[0]
    above = max([b.above for b in blocks])
    below = max([len(b.lines) - 1 - b.above for b in blocks])
    rows = [
        [*[" " * b.width] * (above - b.above), *b.lines, *[" " * b.width] * (below + 1 + b.above - len(b.lines))]
        for b in blocks
    ]
    whole = object.__new__(Block)  # whose lines are of one width already
    whole.lines, whole.width = ["".join(row) for row in zip(*rows)], sum([b.width for b in blocks])
    return whole


def bracketed(block: Block) -> Block:
    """In round brackets as high as the block."""
    n = len(block.lines)
    if n == 1:
        return beside("(", block, ")")
    return beside(Block(["⎛", *["⎜"] * (n - 2), "⎝"]), block, Block(["⎞", *["⎟"] * (n - 2), "⎠"]))


def number(x: Any) -> str:
    """Four significant digits."""
    return f"{float(x):.4g}"


def as_rows(array: np.ndarray) -> np.ndarray:
    """A matrix of the numbers: of more than two axes the rows one below the other."""
    return np.atleast_2d(array) if array.ndim < 3 else array.reshape(-1, array.shape[-1])


def matrix(array: np.ndarray) -> Block:
    """A matrix with four significant digits; a number if it is 1 by 1 in spirit (no axes); its size if it is large."""
    if array.ndim == 0:
        return Block([number(array)])
    array = as_rows(array)
    rows, cols = array.shape
    if max(rows, cols) > MAX_SIDE:
        return Block([f"‹{rows}×{cols}›"])
    cells = [[number(x) for x in row] for row in array]
    widths = [max(len(row[j]) for row in cells) for j in range(cols)]
    lines = ["  ".join(cell.rjust(w) for cell, w in zip(row, widths)) for row in cells]
    if rows == 1:
        return Block([f"[{lines[0]}]"])
    left, right = ["⎡", *["⎢"] * (rows - 2), "⎣"], ["⎤", *["⎥"] * (rows - 2), "⎦"]
    return Block([a + line + b for a, line, b in zip(left, lines, right)])
