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

COLUMNS = -2  # the axis that a softmax or shares run along when a sample is a column


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
        case MatAdd() | HadamardProduct():
            return x.func(*map(column, x.args), evaluate=False)
        case HadamardPower():
            return S.power(column(x.base), x.exp)
        case OneMatrix() | ZeroMatrix():
            return x.func(x.cols, x.rows)
        case S.Entrywise():
            numbers = (COLUMNS,) if x.function in ("softmax", "shares") else x.args[2:]
            return S.Entrywise(x.function, column(x.args[1]), *numbers)
        case S.Present() | S.OneHot() | S.Part():
            return x.func(column(x.args[0]), *x.args[1:-1], COLUMNS)
        case S.Beside() | S.Above():
            parts = [sp.Tuple(column(p[0]), *p[1:]) if isinstance(p, sp.Tuple) else column(p) for p in x.args]
            return (S.Above if isinstance(x, S.Beside) else S.Beside)(*parts)
        case S.Piece():
            other = S.Piece if isinstance(x, S.RowPiece) else S.RowPiece
            return other(column(x.args[0]), *x.args[1:])
        case S.Quotient() | S.TimeSum() | S.ScalarTimeSum() | S.Mean() | S.SumAll() | sp.Add() | sp.Mul() | sp.Pow():
            parts = [column(a) for a in x.args]
            return x.func(*parts, **({"evaluate": False} if isinstance(x, (sp.Add, sp.Mul)) else {}))
        case Computed() | ComputedNumber():
            first = 3 if isinstance(x, Computed) else 1
            parts = [sp.Tuple(column(p[0]), *p[1:]) if isinstance(p, sp.Tuple) else column(p) for p in x.args[first:]]
            return x.func(x.args[0], *x.args[1:first][::-1], *parts)
        case _:
            return x  # a number, a size, a named number, a step
