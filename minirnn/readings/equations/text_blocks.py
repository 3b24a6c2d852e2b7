"""Matrices as blocks of text that stand side by side in a line of a terminal."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

MAX_SIDE = 8  # larger matrices are shown by their size alone


class Block:
    """Lines of equal width; the middle one is in line with its neighbours."""

    def __init__(self, lines: Sequence[str]) -> None:
        width = max(map(len, lines))
        self.lines = [line.ljust(width) for line in lines]

    @property
    def width(self) -> int:
        return len(self.lines[0])

    def __str__(self) -> str:
        return "\n".join(line.rstrip() for line in self.lines)


def beside(*parts: Block | str) -> Block:
    """The parts from left to right, each centred on one line.

    >>> print(beside(matrix(np.eye(2)), " + ", matrix(np.ones((1, 2)))))
    ⎡1  0⎤ + [1  1]
    ⎣0  1⎦
    """
    blocks = [Block([p]) if isinstance(p, str) else p for p in parts]
    above = max((len(b.lines) - 1) // 2 for b in blocks)
    below = max(len(b.lines) - 1 - (len(b.lines) - 1) // 2 for b in blocks)
    rows = [""] * (above + below + 1)
    for b in blocks:
        first = above - (len(b.lines) - 1) // 2
        for i in range(len(rows)):
            inside = first <= i < first + len(b.lines)
            rows[i] += b.lines[i - first] if inside else " " * b.width
    return Block(rows)


def bracketed(block: Block, left: str = "(", right: str = ")") -> Block:
    """In round brackets as high as the block."""
    n = len(block.lines)
    if n == 1:
        return beside(left, block, right)
    return beside(Block(["⎛", *["⎜"] * (n - 2), "⎝"]), block, Block(["⎞", *["⎟"] * (n - 2), "⎠"]))


def number(x: Any) -> str:
    """Four significant digits."""
    return f"{float(x):.4g}"


def matrix(array: np.ndarray) -> Block:
    """A matrix with four significant digits; a number if it is 1 by 1 in spirit (no axes); its size if it is large."""
    if array.ndim == 0:
        return Block([number(array)])
    array = np.atleast_2d(array) if array.ndim < 3 else array.reshape(-1, array.shape[-1])
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
