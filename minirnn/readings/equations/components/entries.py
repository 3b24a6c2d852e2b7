"""The component form: every entry by its indices, sums written out; plain SymPy underneath.

z[t,n,j] = Σ_i x[t,n,i] W_x[i,j] + b_h[j] + Σ_m h[t-1,n,m] W_h[m,j]. Indices count from 1: n runs over samples, i over
features, j, m, p over units, k, l over outputs.
"""

from __future__ import annotations

import itertools
from itertools import pairwise
from typing import Any, NamedTuple

import sympy as sp
from sympy.matrices.expressions import HadamardPower, HadamardProduct, MatAdd, MatMul, OneMatrix, Transpose, ZeroMatrix

from ....engine.ops import FUNCTIONS
from .. import matrix as S
from ..computed import Computed, ComputedNumber, operands_of
from ..printer import text

CHOICES = {"maximum": sp.Max, "minimum": sp.Min}
LETTERS = {"N": "n", "D": "ir", "M": "jmpq", "K": "kl", "A": "abc", "T": "su"}


WORDS = {
    S.Largest: "the largest entries",
    S.LargestOfAll: "the largest entry",
    S.LargestAt: "the slope of the largest entry",
}


def components(lhs: Any, rhs: Any) -> tuple[Any, Any]:
    """Both sides of a matrix equation at one entry, with indices that fit the sizes of the left side.

    Raises NotImplementedError, with the quantity, where something on the right side has no entries to be written.
    """
    try:
        return _components(lhs, rhs)
    except NotImplementedError as error:
        said = f"in the equation of {text(lhs)} there is no component form for {error}: use form='matrix'"
        raise NotImplementedError(said) from None


def _components(lhs: Any, rhs: Any) -> tuple[Any, Any]:
    if not S.shape_of(lhs):
        return _Writer(set()).entry(lhs, None, None), _Writer(set()).entry(rhs, None, None)
    used: set[str] = set()
    row, col = (_index(n, used) for n in lhs.shape)
    return _Writer(set(used)).entry(lhs, row, col), _Writer(used).entry(rhs, row, col)


def _index(size: Any, used: set[str]) -> Any:
    """A fresh index over `size`; None where there is but one entry."""
    if size == 1:
        return None
    letters = LETTERS.get(str(size).partition("_")[0].partition("*")[0], "uvw")
    name = next(c + "'" * primes for primes in itertools.count() for c in letters if c + "'" * primes not in used)
    used.add(name)
    return sp.Symbol(name, integer=True, positive=True)


def _product(*factors: Any) -> Any:
    kept = [f for x in factors for f in (x.args if isinstance(x, sp.Mul) else [x]) if f != 1]
    return kept[0] if len(kept) == 1 else sp.Mul(*kept, evaluate=False)


class Block(NamedTuple):
    """A matrix in a row or column of them: where it starts and stops, `steps` the first and last of those it stands for."""

    matrix: Any
    start: Any
    stop: Any
    width: Any
    steps: tuple[Any, Any] | None = None


def _blocks(x: Any) -> list[Block]:
    """What stands beside or above each other; of one at each step, `start` is that of step t."""
    axis = -1 if isinstance(x, S.Beside) else 0
    found: list[Block] = []
    start: Any = sp.S.Zero
    for part in x.args:
        if isinstance(part, sp.Tuple):
            if len(x.args) > 1:
                raise NotImplementedError("steps beside other blocks")
            matrix, lo, hi = part
            width = matrix.shape[axis]
            return [Block(matrix, (S.bound - lo) * width, (hi - lo + 1) * width, width, (lo, hi))]
        width = (S.shape_of(part) or (1, 1))[axis]
        found.append(Block(part, start, start + width, width))
        start = found[-1].stop
    return found


def _within(size: Any, start: Any, index: Any) -> Any:
    """The place in the whole that is `index` within what begins after `start`; None where there is but one."""
    return None if size == 1 else _place(start, index)


def _place(start: Any, index: Any) -> Any:
    """The place that is `index` within what begins after `start`."""
    index = 1 if index is None else index
    return index if start == 0 else sp.Add(start, index, evaluate=False)


class _Writer:
    def __init__(self, used: set[str]) -> None:
        self.used = used

    def sum_over(self, size: Any) -> Any:
        return _index(size, self.used)

    def entry(self, x: Any, r: Any, c: Any) -> Any:
        """The entry of x in row r and column c (None: the only one)."""
        match x:
            case S.Quantity() | S.ScalarQuantity():
                places = [i for i in (r, c) if i is not None]
                time = [x.time] if x.time is not None else []
                return (
                    sp.Indexed(sp.IndexedBase(S.label(x.name)), *time, *places)
                    if time or places
                    else S.ScalarQuantity(x.name)
                )
            case MatMul():
                factor, matrices = S.split(x)
                return _product(self.entry(factor, None, None), self.chain(matrices, r, c))
            case MatAdd() | sp.Add():
                return sp.Add(*[self.entry(a, r, c) for a in x.args], evaluate=False)
            case HadamardProduct() | sp.Mul():
                return _product(*[self.entry(a, r, c) for a in x.args])
            case HadamardPower() | sp.Pow():
                return self.entry(x.args[0], r, c) ** x.args[1]
            case S.Quotient():
                return _product(self.entry(x.args[0], r, c), 1 / self.entry(x.args[1], r, c))
            case Transpose():
                return self.entry(x.arg, c, r)
            case S.Beside():
                return self.of_blocks(x, c, lambda block, place: self.entry(block, r, place))
            case S.Above():
                return self.of_blocks(x, r, lambda block, place: self.entry(block, place, c))
            case S.Part():
                whole, width, place, axis = x.args
                piece = isinstance(x, S.Piece)
                start = (place - 1) * width if piece else 0 if place == 1 else whole.shape[axis] - width
                return self.entry(whole, r, _place(start, c)) if axis == -1 else self.entry(whole, _place(start, r), c)
            case S.Backwards():
                whole, axis, n = x.args
                return self.entry(whole, n + 1 - r, c) if axis == -2 else self.entry(whole, r, n + 1 - c)
            case Computed() | ComputedNumber() if x.args[0].call.op.name in CHOICES:
                _, operands, _ = operands_of(x)
                return CHOICES[x.args[0].call.op.name](*[self.entry(a, r, c) for a in operands], evaluate=False)
            case S.Present():
                return self.present(x, r, c)
            case S.OneHot():
                number, _, axis = x.args
                i, row = (self.entry(number, r, None), c) if axis == -1 else (self.entry(number, None, c), r)
                return S.Iverson(sp.Eq(i, sp.Add(row, -1, evaluate=False), evaluate=False))
            case OneMatrix():
                return sp.S.One
            case ZeroMatrix():
                return sp.S.Zero
            case S.Selection() | S.Entry():
                return self.entry(x.args[0], *map(_within, x.args[0].shape, x.args[1::2], (r, c)))
            case S.Entrywise() | S.NumberFunction():
                return self.function(x, r, c)
            case S.Written() | S.WrittenEntry():
                return S.WrittenEntry(*[self.entry(a, r, c) for a in x.args])
            case S.Mean() | S.SumAll():
                inner = x.args[0]
                i, j = map(self.sum_over, inner.shape)
                total = _sums(self.entry(inner, i, j), [(i, inner.rows), (j, inner.cols)])
                return total if isinstance(x, S.SumAll) else _product(1 / (inner.rows * inner.cols), total)
            case S.TimeSum() | S.ScalarTimeSum():
                term, lo, hi = x.args
                return sp.Sum(self.entry(term, r, c), (S.bound, lo, hi))
            case _ if x.is_number or x.is_Symbol:
                return x
        raise NotImplementedError(WORDS.get(type(x), f"what is written as {text(x)}"))

    def chain(self, matrices: list[Any], r: Any, c: Any) -> Any:
        """The entry of a product of matrices: one sum over each inner size; matrices of ones leave only their sum."""
        for k, (left, right) in enumerate(pairwise(matrices)):
            if isinstance(left, S.Beside) or isinstance(right, S.Above):
                found = [
                    self.block(block, matrices, k, r, c) for block in _blocks(left if isinstance(left, S.Beside) else right)
                ]
                return found[0] if len(found) == 1 else sp.Add(*found, evaluate=False)
        inner = [self.sum_over(m.cols) for m in matrices[:-1]]
        rows, cols = [r, *inner], [*inner, c]
        terms = [self.entry(m, i, j) for m, i, j in zip(matrices, rows, cols)]
        return _sums(_product(*terms), [(i, m.cols) for i, m in zip(inner, matrices)])

    def block(self, block: Block, matrices: list[Any], k: int, r: Any, c: Any) -> Any:
        """What one block contributes to a product, where it stands beside others in matrix k or above them in the next."""
        i = self.sum_over(block.width)
        there = _place(block.start, i)  # the same in the whole
        if isinstance(matrices[k], S.Beside):
            ends = self.chain([*matrices[:k], block.matrix], r, i), self.chain(matrices[k + 1 :], there, c)
        else:
            ends = self.chain(matrices[: k + 1], r, there), self.chain([block.matrix, *matrices[k + 2 :]], i, c)
        term = _sums(_product(*ends), [(i, block.width)])
        return term if block.steps is None else sp.Sum(term, (S.bound, *block.steps))

    def of_blocks(self, x: Any, place: Any, entry: Any) -> Any:
        """The entry at a place of what is made of blocks: of the block in which the place is."""
        blocks, found, place = _blocks(x), [], sp.S.One if place is None else place
        for block in blocks:
            if block.steps is not None:
                lo, _ = block.steps
                time = sp.ceiling(place / block.width) + lo - 1
                inside = place - (time - lo) * block.width
                return entry(block.matrix.xreplace({S.bound: time}), None if block.width == 1 else inside)
            conditions = [place > block.start] * (block.start != 0) + [place <= block.stop] * (block is not blocks[-1])
            inside = None if block.width == 1 else sp.Add(place, -block.start, evaluate=False) if block.start != 0 else place
            there = entry(block.matrix, inside)
            found += [] if there == 0 else [_product(*map(S.Iverson, conditions), there)]
        return sp.Add(*found, evaluate=False) if found else sp.S.Zero

    def present(self, whole: Any, r: Any, c: Any) -> Any:
        """Whether an entry of the sample is other than the value."""
        x, value, axis = whole.args
        i = self.sum_over(x.shape[axis])
        entry = self.entry(x, r, i) if axis == -1 else self.entry(x, i, c)
        if i is None:
            return S.Iverson(sp.Ne(entry, value, evaluate=False))
        none = sp.Product(S.Iverson(sp.Eq(entry, value, evaluate=False)), (i, 1, x.shape[axis]))
        return sp.Add(1, -none, evaluate=False)

    def function(self, x: Any, r: Any, c: Any) -> Any:
        name, inner = x.args[0].name, x.args[1]
        if name == "softmax":
            along_rows = x.args[2] == -1
            other = self.sum_over(inner.cols if along_rows else inner.rows)
            below = sp.exp(self.entry(inner, r, other) if along_rows else self.entry(inner, other, c))
            size = inner.cols if along_rows else inner.rows
            return _product(sp.exp(self.entry(inner, r, c)), 1 / _sums(below, [(other, size)]))
        z = self.entry(inner, r, c)
        if name not in FUNCTIONS:
            raise NotImplementedError(f"what is written as {text(x)}")
        return FUNCTIONS[name].entry(S, z, *x.args[2:])


def _sums(term: Any, over: list[tuple[Any, Any]]) -> Any:
    for index, size in reversed(over):
        if index is not None:
            term = sp.Sum(term, (index, 1, size)) if term.has(index) else _product(size, term)
    return term
