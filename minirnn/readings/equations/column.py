"""Two conventions for the same network: rows (a sample is a row, h W, as in Keras) and columns (W h, as in textbooks).

In the column convention every quantity is the transpose of what it is in the row convention, parameters too; an
expression is transposed by taking its parts in turn, and comes out in the column quantities.
"""

from __future__ import annotations

from typing import Any

import sympy as sp
from sympy.matrices.expressions import HadamardPower, HadamardProduct, MatAdd, MatMul, OneMatrix, Transpose, ZeroMatrix

from . import matrix as S
from .computed import Computed, ComputedNumber

BY_PARTS = (S.Written, S.WrittenEntry, S.Mean, S.SumAll, S.Quotient, S.TimeSum, S.ScalarTimeSum, sp.Pow)
ROWS, COLUMNS = -1, -2  # the axis that a softmax or shares run along when a sample is a row, and when it is a column


def column(x: Any) -> Any:
    """The transpose of the row-convention expression `x`, in column-convention quantities; a number stays what it is."""
    match x:
        case S.Quantity():
            return S.Quantity(x.name, x.cols, x.rows, x.time)
        case MatMul():
            factor, matrices = S.split(x)
            return S.joined(column(factor), [column(m) for m in reversed(matrices)])
        case Transpose():
            return S.transpose(column(x.arg))
        case MatAdd() | HadamardProduct() | sp.Add() | sp.Mul():
            return x.func(*map(column, x.args), evaluate=False)
        case HadamardPower():
            return S.power(column(x.base), x.exp)
        case OneMatrix() | ZeroMatrix():
            return x.func(x.cols, x.rows)
        case S.Entrywise():
            numbers = (COLUMNS,) if x.function in ("softmax", "shares") else x.args[2:]
            return S.Entrywise(x.function, column(x.args[1]), *numbers)
        case S.Present() | S.OneHot() | S.Part():
            return x.func(column(x.args[0]), *x.args[1:-1], ROWS + COLUMNS - x.args[-1])
        case S.Backwards():
            return S.Backwards(column(x.args[0]), ROWS + COLUMNS - x.args[1], x.args[2])
        case S.Selection():
            whole, *rows, left, right = x.args
            return S.Selection(column(whole), left, right, *rows)
        case S.Beside() | S.Above():
            return (S.Above if isinstance(x, S.Beside) else S.Beside)(*map(column, x.args))
        case _ if isinstance(x, BY_PARTS):
            return x.func(*map(column, x.args))
        case Computed() | ComputedNumber():
            first = 3 if isinstance(x, Computed) else 1
            return x.func(x.args[0], *x.args[1:first][::-1], *map(column, x.args[first:]))
        case sp.Tuple():  # one at each step
            return sp.Tuple(column(x[0]), *x[1:])
        case _:
            return x  # a number, a size, a named number, a step
