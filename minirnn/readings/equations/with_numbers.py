"""An expression with numbers in place of its quantities: as blocks of text, and as LaTeX."""

from __future__ import annotations

from typing import Any

import numpy as np
import sympy as sp
from sympy.matrices.expressions import OneMatrix

from . import matrix as S
from .evaluate import Values, evaluate
from .printer import ATOM, Latex, Speller, text
from .text_blocks import MAX_SIDE, Block, beside, bracketed, matrix, number

MAX_TERMS = 8  # of a sum of numbers over time, written out
WIDTH = 110  # of a line of numbers, before the terms of a sum are put below each other


def numbered(x: Any, result: np.ndarray, values: Values, pad: str, term_pad: str) -> list[str]:
    """ "= numbers" and "= result", `pad` before the equals signs, `term_pad` before the plus of a term on a line of its own.

    The numbers are left out where they say no more than the result or the symbols do.
    """
    blocks, last = by_terms(x, values), matrix(result)
    lines = []
    if [str(block) for block in blocks] not in ([str(last)], [text(x)]):
        lines = [str(beside(f"{term_pad}+ " if i else f"{pad}= ", block)) for i, block in enumerate(blocks)]
    return [*lines, str(beside(f"{pad}= ", last))]


def by_terms(x: Any, values: Values) -> list[Block]:
    """The expression with numbers for quantities; as one block per term of a sum where one line would be too long."""
    whole = numbers(x, values)
    if whole.width <= WIDTH or type(x).__name__ not in ("MatAdd", "Add"):
        return [whole]
    return [numbers(term, values) for term in x.args]


def numbers(x: Any, values: Values) -> Block:
    """The expression with numbers in place of quantities, as a block of text."""

    def of(part: Any, loose: tuple[str, ...]) -> Block:
        block = numbers(part, values)
        return bracketed(block) if type(part).__name__ in loose else block

    def joined(parts: list[Any], sign: str, loose: tuple[str, ...]) -> Block:
        blocks = [of(part, loose) for part in parts]
        return beside(*[b for block in blocks for b in (sign, block)][1:])

    match type(x).__name__:
        case "MatAdd" | "Add":
            words: list[Block | str] = []
            for term in x.args:
                negative = term.could_extract_minus_sign()
                words += [(" - " if words else "-") if negative else " + " * bool(words)]
                block = numbers(S.scale(-1, term) if negative else term, values)
                signed = negative and block.lines[len(block.lines) // 2].startswith("-")
                words += [bracketed(block) if signed else block]
            return beside(*words)
        case "MatMul":
            factor, matrices = S.split(x)
            if len(matrices) == 1 and isinstance(matrices[0], OneMatrix):
                return numbers(factor, values)
            scalar = [] if factor == 1 else ["-"] if factor == -1 else [numbers(factor, values), " "]
            return beside(*scalar, joined(matrices, " ", ("MatAdd", "HadamardProduct", "Quotient")))
        case "Mul" if x.has(S.ScalarTimeSum, S.Mean, S.SumAll):
            return joined(list(x.args), " ", ("Add", "ScalarTimeSum"))
        case "HadamardProduct":
            return joined(list(x.args), " ⊙ ", ("MatAdd", "MatMul"))
        case "Quotient":
            return joined(list(x.args), " ⊘ ", ("MatAdd", "MatMul", "HadamardProduct"))
        case "HadamardPower":
            base = of(x.args[0], ("MatAdd", "MatMul", "HadamardProduct"))
            return beside(base, Block([text(x)[-1], *[""] * (len(base.lines) - 1)]))
        case "Entrywise" if x.function not in ("positive", "inside"):
            return beside(text(x).partition("(")[0], bracketed(numbers(x.args[1], values)))
        case "Mean" | "SumAll":
            return beside(text(x).partition("(")[0], bracketed(numbers(x.args[0], values)))
        case "ScalarTimeSum" if x.args[2] - x.args[1] < MAX_TERMS:
            steps = range(int(x.args[1]), int(x.args[2]) + 1)
            return joined([x.args[0].xreplace({S.bound: sp.Integer(t)}) for t in steps], " + ", ())
        case "TimeSum" | "ScalarTimeSum":
            return Block([text(x)])
        case "OneMatrix" if 1 not in x.shape:
            return Block(["1"])
    found = evaluate(x, values)
    return matrix(found) if S.shape_of(x) else Block([number(found.reshape(-1)[0])])


class _LatexNumbers(Speller):
    """LaTeX with a matrix of numbers wherever a quantity stands."""

    def __init__(self, values: Values) -> None:
        super().__init__(Latex())
        self.values = values

    def _Quantity(self, x: Any) -> tuple[str, int]:
        return matrix_latex(evaluate(x, self.values)), ATOM

    def _ScalarQuantity(self, x: Any) -> tuple[str, int]:
        return number(evaluate(x, self.values).reshape(-1)[0]), ATOM

    def _TimeSum(self, x: Any) -> tuple[str, int]:
        return Speller(Latex()).spell(x)

    _ScalarTimeSum = _TimeSum


def latex_numbers(x: Any, values: Values) -> str:
    """`x` as LaTeX, every quantity as a matrix with four significant digits."""
    return _LatexNumbers(values).spell(x)[0]


def matrix_latex(array: np.ndarray) -> str:
    """A matrix of numbers as LaTeX; its size if it is large."""
    array = np.atleast_2d(array)
    if array.shape == (1, 1):
        return number(array[0, 0])
    if max(array.shape) > MAX_SIDE:
        return rf"\left[{array.shape[0]} \times {array.shape[1]}\right]"
    rows = r" \\ ".join(" & ".join(map(number, row)) for row in array)
    return rf"\begin{{bmatrix}} {rows} \end{{bmatrix}}"
