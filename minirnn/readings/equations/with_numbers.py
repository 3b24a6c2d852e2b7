"""An expression with numbers in place of its quantities: as blocks of text, and as LaTeX."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from sympy.matrices.expressions import OneMatrix

from . import matrix as S
from .evaluate import Values, evaluate
from .printer import ATOM, Latex, Speller, Text, latex, text
from .text_blocks import MAX_SIDE, Block, as_rows, beside, bracketed, matrix, number

MAX_TERMS = 8  # of a sum of numbers over time, written out
LATEX_WIDTH = 55  # as many letters in a terminal are as wide, in LaTeX, as the text of an article
INDENT = r"\quad {}"
NAMES = Text()
WIDTH = 110  # of a line of numbers, before the terms of a sum are put below each other


def numbered(x: Any, result: np.ndarray, values: Values, pad: str, term_pad: str, step: int | None = None) -> list[str]:
    """ "= numbers" and "= result", `pad` before the equals signs, `term_pad` before the plus of a term on a line of its own.

    The numbers are left out where they say no more than the result or the symbols do.
    """
    blocks, last = by_terms(x, values, step), matrix(result)
    lines, said = [], [str(block) for block in blocks]
    if said != [str(last)] and (len(said) > 1 or "\n" in said[0] or said != [text(x, step)]):
        lines = [str(beside(f"{term_pad}+ " if i else f"{pad}= ", block)) for i, block in enumerate(blocks)]
    return [*lines, str(beside(f"{pad}= ", last))]


def by_terms(x: Any, values: Values, step: int | None = None) -> list[Block]:
    """The expression with numbers for quantities; as one block per term of a sum where one line would be too long."""
    whole = numbers(x, values, step)
    if whole.width <= WIDTH or type(x).__name__ not in ("MatAdd", "Add"):
        return [whole]
    return [numbers(term, values, step) for term in x.args]


def numbers(x: Any, values: Values, step: int | None = None) -> Block:
    """The expression, at step t if that is given, with numbers in place of quantities, as a block of text."""

    def of(part: Any, loose: tuple[str, ...]) -> Block:
        block = numbers(part, values, step)
        return bracketed(block) if type(part).__name__ in loose else block

    def joined(parts: list[Any], sign: str, loose: tuple[str, ...]) -> Block:
        blocks = [of(part, loose) for part in parts]
        return beside(*[b for block in blocks for b in (sign, block)][1:])

    match type(x).__name__:
        case "MatAdd" | "Add":
            words: list[Block | str] = []
            for term in x.args:
                negative = _negative(term)
                words += [(" - " if words else "-") if negative else " + " * bool(words)]
                block = numbers(S.scale(-1, term) if negative else term, values, step)
                signed = negative and block.lines[len(block.lines) // 2].startswith("-")
                words += [bracketed(block) if signed else block]
            return beside(*words)
        case "Written":
            return numbers(x.args[0], values)
        case "MatMul":
            factor, matrices = S.split(x)
            if len(matrices) == 1 and isinstance(matrices[0], OneMatrix):
                return numbers(factor, values, step)
            scalar = [] if factor == 1 else ["-"] if factor == -1 else [numbers(factor, values, step), " "]
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
            return beside(NAMES.function(x.function), bracketed(numbers(x.args[1], values, step)))
        case "Mean" | "SumAll":
            name = "mean" if isinstance(x, S.Mean) else "sum"
            return beside(NAMES.function(name), bracketed(numbers(x.args[0], values, step)))
        case "ScalarTimeSum" if x.args[2] - x.args[1] < MAX_TERMS:
            steps = range(int(x.args[1]), int(x.args[2]) + 1)
            return joined([S.at_step(x.args[0], t) for t in steps], " + ", ())
        case "TimeSum" | "ScalarTimeSum":
            return Block([text(x)])
        case "OneMatrix" if 1 not in x.shape:
            return Block(["1"])
    if step is not None and isinstance(x, (S.Quantity, S.Transpose)) and not S.moves(x):
        if x not in values.blocks:
            values.blocks[x] = matrix(evaluate(x, values))
        return values.blocks[x]
    found = evaluate(x, values, step)
    return matrix(found) if S.shape_of(x) else Block([number(found.reshape(-1)[0])])


def _negative(term: Any) -> bool:
    """Whether a minus stands in front; SymPy's own way makes every product anew."""
    factor = S.split(term)[0] if type(term).__name__ == "MatMul" else term.as_coeff_Mul()[0]
    return bool(factor.could_extract_minus_sign())


class _LatexNumbers(Speller):
    """LaTeX with a matrix of numbers wherever a quantity stands."""

    def __init__(self, values: Values, small: bool) -> None:
        super().__init__(Latex())
        self.values, self.small = values, small

    def _Quantity(self, x: Any) -> tuple[str, int]:
        return matrix_latex(evaluate(x, self.values), self.small), ATOM

    def _Transpose(self, x: Any) -> tuple[str, int]:
        return self._Quantity(x) if isinstance(x.arg, S.Quantity) else super()._Transpose(x)

    def _ScalarQuantity(self, x: Any) -> tuple[str, int]:
        return number(evaluate(x, self.values).reshape(-1)[0]), ATOM

    def _TimeSum(self, x: Any) -> tuple[str, int]:
        return Speller(Latex()).spell(x)

    _ScalarTimeSum = _TimeSum


def latex_numbers(x: Any, values: Values, small: bool = False) -> str:
    """`x` as LaTeX, every quantity as a matrix with four significant digits."""
    return _LatexNumbers(values, small).spell(x)[0]


def latex_lines(x: Any, result: np.ndarray, values: Values) -> list[str]:
    """ "= numbers" and "= result" as rows of an ``align``; without what says no more than the symbols or the result."""
    last = matrix_latex(result, matrix(result).width > LATEX_WIDTH)
    rows = broken(
        x, lambda part: numbers(part, values).width <= LATEX_WIDTH, lambda part, small: latex_numbers(part, values, small)
    )
    if rows in ([last], [latex(x)]):
        rows = []
    return [*(f"&{'=' if i == 0 else INDENT} {row}" for i, row in enumerate(rows)), f"&= {last}"]


def broken(x: Any, fits: Callable[[Any], bool], spell: Callable[[Any, bool], str]) -> list[str]:
    """`x` as LaTeX in as many lines as it takes: one for each term or factor; small matrices where it is too wide still."""
    if fits(x):
        return [spell(x, False)]
    match type(x).__name__:
        case "MatAdd" | "Add":
            lines: list[str] = []
            for term in x.args:
                sign = "-" if term.could_extract_minus_sign() else "+" if lines else ""
                first, *rest = broken(S.scale(-1, term) if sign == "-" else term, fits, spell)
                lines += [f"{sign} {first}".strip(), *rest]
            return lines
        case "Written":
            return broken(x.args[0], fits, spell)
        case "MatMul" if len((found := S.split(x))[1]) > 1:
            factor, matrices = found
            parts = [] if factor == 1 else [spell(factor, False)]
            return _by_factors(matrices, parts, r"\cdot", ("MatAdd", "HadamardProduct", "Quotient"), fits, spell)
        case "HadamardProduct":
            return _by_factors(x.args, [], r"\odot", ("MatAdd", "MatMul"), fits, spell)
        case "Entrywise" if x.function not in ("positive", "inside") and len(x.args) == 2:
            head = latex(x).partition(r"\left(")[0]
            return _bracketed(broken(x.args[1], fits, spell), head)
    return [spell(x, True)]


def _by_factors(
    factors: Sequence[Any],
    lines: list[str],
    sign: str,
    loose: tuple[str, ...],
    fits: Callable[[Any], bool],
    spell: Callable[[Any, bool], str],
) -> list[str]:
    for factor in factors:
        found = broken(factor, fits, spell)
        if type(factor).__name__ in loose:
            found = _bracketed(found)
        lines += [f"{sign} {found[0]}" if lines else found[0], *found[1:]]
    return lines


def _bracketed(lines: list[str], head: str = "") -> list[str]:
    if len(lines) == 1:
        return [rf"{head}\left({lines[0]}\right)"]
    return [rf"{head}\bigl( {lines[0]}", *lines[1:-1], rf"{lines[-1]} \bigr)"]


def matrix_latex(array: np.ndarray, small: bool = False) -> str:
    """A matrix of numbers as LaTeX; its size if it is large; `small` is of small letters."""
    array = as_rows(array)
    if array.shape == (1, 1):
        return number(array[0, 0])
    if max(array.shape) > MAX_SIDE:
        return rf"\left[{array.shape[0]} \times {array.shape[1]}\right]"
    rows = r" \\ ".join(" & ".join(map(number, row)) for row in array)
    if small:
        return rf"\left[\begin{{smallmatrix}} {rows} \end{{smallmatrix}}\right]"
    return rf"\begin{{bmatrix}} {rows} \end{{bmatrix}}"
