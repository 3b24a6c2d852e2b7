"""Expressions of matrices that SymPy lacks; each has a shape, of letters.

SymPy's own matrix product, sum, transpose and Hadamard product are used where they do. Scalars (the loss) are ordinary
SymPy expressions, so that they multiply matrices.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import sympy as sp
from sympy.core.symbol import Str
from sympy.matrices.expressions import MatrixExpr

from .quantities import LikeItsFirst, Printed, Scalar, named, shape_of


class Entrywise(Printed, MatrixExpr):
    """A function of every entry (softmax: of every row), with numbers as further arguments."""

    def __new__(cls, function: Any, x: Any, *numbers: Any) -> Entrywise:
        return MatrixExpr.__new__(cls, Str(str(function)), x, *map(sp.sympify, numbers))

    @property
    def function(self) -> str:
        """The name of the function."""
        return self.args[0].name

    @property
    def shape(self) -> tuple[Any, Any]:
        return self.args[1].shape


class Quotient(LikeItsFirst):
    """Entry by entry: a / b."""


class Present(Printed, MatrixExpr):
    """A column: 1 for each sample of x that has an entry other than the value; `axis` is -1 if samples are rows, else -2."""

    @property
    def shape(self) -> tuple[Any, Any]:
        x, _, axis = self.args
        return (x.rows, sp.S.One) if axis == -1 else (sp.S.One, x.cols)


class OneHot(Printed, MatrixExpr):
    """For each sample the row of zeros with a 1 at the place i, counted from 0; `axis` as in `Present`."""

    @property
    def shape(self) -> tuple[Any, Any]:
        i, classes, axis = self.args
        if not shape_of(i):
            return (sp.S.One, classes) if axis == -1 else (classes, sp.S.One)
        return (i.rows, classes) if axis == -1 else (classes, i.cols)


class Mean(Scalar):
    """The mean of all entries."""


class SumAll(Scalar):
    """The sum of all entries."""


class Iverson(Scalar):
    """1 where the condition holds, else 0."""

    def __new__(cls, condition: Any) -> Any:
        return sp.Integer(condition == sp.true) if condition in (sp.true, sp.false) else sp.Expr.__new__(cls, condition)


class TimeSum(LikeItsFirst):
    """The sum of a matrix over the steps lo..hi."""


class ScalarTimeSum(Scalar):
    """The sum of a number over the steps lo..hi."""


class SampleSum(TimeSum):
    """The sum of a matrix over the samples i = 1..n of a loop."""


class ScalarSampleSum(Scalar):
    """The sum of a number over the samples i = 1..n of a loop."""


def _shapes(parts: Iterable[Any]) -> list[tuple[Any, Any]]:
    """Of matrices, and numbers, beside each other the shape of each and how often it stands there."""
    return [(p[0].shape, p[2] - p[1] + 1) if isinstance(p, sp.Tuple) else (shape_of(p) or (1, 1), 1) for p in parts]


class Beside(Printed, MatrixExpr):
    """Matrices side by side; one TimeSum-like operand (x, lo, hi) stands for a matrix at every step."""

    @property
    def shape(self) -> tuple[Any, Any]:
        parts = _shapes(self.args)
        return parts[0][0][0], sp.Add(*[shape[1] * count for shape, count in parts])


class Above(Printed, MatrixExpr):
    """Matrices on top of each other: `Beside`, transposed."""

    @property
    def shape(self) -> tuple[Any, Any]:
        parts = _shapes(self.args)
        return sp.Add(*[shape[0] * count for shape, count in parts]), parts[0][0][1]


class Part(Printed, MatrixExpr):
    """The first (1) or the second (2) of two matrices that stand side by side in x; `axis` as in `Present`."""

    @property
    def shape(self) -> tuple[Any, Any]:
        x, width, _, axis = self.args
        return (x.rows, width) if axis == -1 else (width, x.cols)


class Backwards(Printed, MatrixExpr):
    """The rows of x (-2) or its columns (-1), the last one first, and how many there are."""

    @property
    def shape(self) -> tuple[Any, Any]:
        return self.args[0].shape


class Piece(Part):
    """The t-th of the equal pieces of x along an axis, each `width` wide."""


class Diagonal(Printed, MatrixExpr):
    """Row n of x, for the sample n at hand, on the diagonal of a square matrix."""

    @property
    def shape(self) -> tuple[Any, Any]:
        return self.args[0].shape[1], self.args[0].shape[1]


class StateJacobian(Printed, MatrixExpr):
    """d(of_t)/d(by_k) of one sample, "total" or "immediate" (the other states held fixed)."""

    def __new__(cls, of: Any, time: Any, by: Any, start: Any, rows: Any, cols: Any, kind: Any) -> StateJacobian:
        return MatrixExpr.__new__(cls, named(of), time, named(by), start, rows, cols, Str(str(kind)))

    @property
    def shape(self) -> tuple[Any, Any]:
        return self.args[4], self.args[5]


class StateProduct(LikeItsFirst):
    """The product of a Jacobian over s, from hi down to lo, the latest on the left."""


# --------------------------------------------------------------------------------------------------- parts of arrays


class Selection(Printed, MatrixExpr):
    """Rows r0..r1 and columns c0..c1 of x, counted from 0, the ends left out."""

    @property
    def shape(self) -> tuple[Any, Any]:
        _, r0, r1, c0, c1 = self.args
        return r1 - r0, c1 - c0

    def places(self, rows: Any, cols: Any) -> list[tuple[Any, Any, bool]]:
        """First, last and whether it is all, of rows and of columns; of a row its columns only."""
        sizes = self.args[0].shape
        found = [(lo, hi, (lo, hi) == (0, n)) for (lo, hi), n in zip((rows, cols), sizes)]
        return found[1:] if sizes[0] == 1 else found


class Entry(Scalar):
    """One number of a matrix."""

    places = Selection.places


class NumberFunction(Scalar):
    """A function of a number, as `Entrywise` is of a matrix."""


class Written(LikeItsFirst):
    """An expression as it is written, and another that says the same, whose numbers rounding does not spoil."""


class WrittenEntry(Printed, sp.Function):
    """An entry of what is `Written`."""


class Largest(Printed, MatrixExpr):
    """The largest entry of every row (axis -1), of every column (-2), or of all (both), as a matrix."""

    @property
    def shape(self) -> tuple[Any, Any]:
        rows, cols = self.args[0].shape
        return sp.S.One if -2 in self.args[1:] else rows, sp.S.One if -1 in self.args[1:] else cols


class LargestAt(LikeItsFirst):
    """1 at the largest entry of every row, of every column, or of all; equal shares where several are equal."""


class LargestOfAll(Scalar):
    """The largest entry, a number."""
