"""Matrix expressions in SymPy, put together so that they stay as written: no sorting, no silent evaluation.

SymPy's own matrix product, sum, transpose and Hadamard product are used where they do; the few classes here are what it
lacks: a named quantity at a time step, entrywise functions and quotients, means, and sums over time. Scalars (the loss)
are ordinary SymPy expressions, so that they multiply matrices. Every class has a shape, of letters.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import sympy as sp
from sympy.core.symbol import Str
from sympy.matrices.expressions import (
    HadamardPower,
    HadamardProduct,
    MatAdd,
    MatMul,
    MatrixExpr,
    OneMatrix,
    Transpose,
    ZeroMatrix,
)

from ...engine.names import Name, parse
from ...engine.sizes import Size

t = sp.Symbol("t", integer=True)
T = sp.Symbol("T", integer=True, positive=True)
bound = sp.Symbol("t", integer=True, positive=True)  # the t of a sum over time, which shifting leaves alone


def size_symbol(size: Any) -> Any:
    """A `Size` in SymPy's terms: letters, numbers, and products and sums of them."""
    return sp.Add(
        *[
            sp.Mul(sp.Rational(factor.numerator, factor.denominator), *[_letter(name) for name in letters])
            for letters, factor in Size.of(size).terms.items()
        ]
    )


def _letter(name: str) -> Any:
    return T if name == "T" else sp.Symbol(name, integer=True, positive=True)


def size_of(dims: Sequence[Any]) -> tuple[Any, Any] | None:
    """Rows and columns of a quantity of these sizes; None of a number, and of what has more than two axes."""
    return _rows_cols(dims) if 0 < len(dims) < 3 else None


def _rows_cols(dims: Sequence[Any]) -> tuple[Any, Any]:
    if len(dims) > 2 or not dims:
        no_matrix_form(f"an array of {len(dims)} axes")
    rows, cols = (1, dims[0]) if len(dims) == 1 else dims
    return size_symbol(rows), size_symbol(cols)


# ---------------------------------------------------------------------------------------------------------- quantities


class _Printed:
    """SymPy's printers show these as our own printer does."""

    def _latex(self, printer: Any, *args: Any, **kwargs: Any) -> str:
        from .printer import latex

        return latex(self)

    def _sympystr(self, printer: Any, *args: Any, **kwargs: Any) -> str:
        from .printer import text

        return text(self)


class Named(sp.Atom):
    """A `Name` as an operand of an expression."""

    __slots__ = ("name",)

    def __new__(cls, name: Name) -> Named:
        self = sp.Atom.__new__(cls)
        self.name = name
        return self

    def __getnewargs__(self) -> tuple[Name]:
        return (self.name,)

    def _hashable_content(self) -> tuple[Any, ...]:
        return (repr(self.name),)  # SymPy compares it with others of its kind

    def sort_key(self, order: Any = None) -> Any:
        return self.class_key(), (1, (str(self.name),)), sp.S.One.sort_key(), sp.S.One

    def _sympystr(self, printer: Any, *args: Any, **kwargs: Any) -> str:
        return str(self.name)


class Label(sp.Symbol):
    """The name of an indexed quantity that is printed in another way than its key says."""

    __slots__ = ("quantity",)

    def __new__(cls, name: Name) -> Label:
        self = sp.Symbol.__xnew__(cls, str(name))
        self.quantity = name
        return self

    def __getnewargs_ex__(self) -> tuple[tuple[Name], dict[str, Any]]:
        return (self.quantity,), {}


def label(name: Name) -> sp.Symbol:
    """The label of an indexed quantity: a plain symbol, where the key says how it is printed."""
    return sp.Symbol(str(name)) if parse(str(name)) == name else Label(name)


def name_of(label: sp.Symbol) -> Name:
    """The name of an indexed quantity."""
    return label.quantity if isinstance(label, Label) else parse(label.name)


def _named(name: Any) -> Named:
    return name if isinstance(name, Named) else Named(parse(name) if isinstance(name, str) else name)


class Quantity(_Printed, MatrixExpr):
    """A named matrix, perhaps at a time step: Quantity("h", N, M, t - 1)."""

    def __new__(cls, name: Any, rows: Any, cols: Any, time: Any = None) -> Quantity:
        return MatrixExpr.__new__(cls, _named(name), sp.sympify(rows), sp.sympify(cols), _time(time))

    @property
    def shape(self) -> tuple[Any, Any]:
        return self.args[1], self.args[2]

    @property
    def name(self) -> Name:
        return self.args[0].name

    @property
    def time(self) -> Any:
        return None if self.args[3] == sp.Tuple() else self.args[3]


class ScalarQuantity(_Printed, sp.Expr):
    """A named number, perhaps at a time step: the loss."""

    is_commutative = True

    def __new__(cls, name: Any, time: Any = None) -> ScalarQuantity:
        return sp.Expr.__new__(cls, _named(name), _time(time))

    @property
    def name(self) -> Name:
        return self.args[0].name

    @property
    def time(self) -> Any:
        return None if self.args[1] == sp.Tuple() else self.args[1]


def _time(time: Any) -> Any:
    return sp.Tuple() if time is None or time == sp.Tuple() else sp.sympify(time)


def quantity(name: str | Name, shape: tuple[Any, Any] | None, time: Any = None) -> Any:
    """The quantity of that name: a matrix of that shape, or a number if the shape is None."""
    return ScalarQuantity(name, time) if shape is None else Quantity(name, *shape, time)


def shape_of(x: Any) -> tuple[Any, Any] | None:
    return x.shape if getattr(x, "is_Matrix", False) else None


class Sequence3(NamedTuple):
    """A whole sequence (N, T, D): no matrix; its steps are."""

    name: Name
    rows: Any
    cols: Any
    backwards: bool = False


class Over(NamedTuple):
    """An operand for each step from lo to hi; `step` is the expression at step t; `down`: the last step comes first."""

    step: Any
    lo: Any
    hi: Any
    down: bool = False


# ------------------------------------------------------------------------------------------------- further expressions


class Entrywise(_Printed, MatrixExpr):
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


class Quotient(_Printed, MatrixExpr):
    """Entry by entry: a / b."""

    def __new__(cls, a: Any, b: Any) -> Quotient:
        return MatrixExpr.__new__(cls, a, b)

    @property
    def shape(self) -> tuple[Any, Any]:
        return self.args[0].shape


class Present(_Printed, MatrixExpr):
    """A column: 1 for each sample of x that has an entry other than the value; `axis` is -1 if samples are rows, else -2."""

    def __new__(cls, x: Any, value: Any, axis: Any = -1) -> Present:
        return MatrixExpr.__new__(cls, x, sp.sympify(value), sp.sympify(axis))

    @property
    def shape(self) -> tuple[Any, Any]:
        x, _, axis = self.args
        return (x.rows, sp.S.One) if axis == -1 else (sp.S.One, x.cols)


class OneHot(_Printed, MatrixExpr):
    """For each sample the row of zeros with a 1 at the place i, counted from 0; `axis` as in `Present`."""

    def __new__(cls, i: Any, classes: Any, axis: Any = -1) -> OneHot:
        return MatrixExpr.__new__(cls, i, sp.sympify(classes), sp.sympify(axis))

    @property
    def shape(self) -> tuple[Any, Any]:
        i, classes, axis = self.args
        if not shape_of(i):
            return (sp.S.One, classes) if axis == -1 else (classes, sp.S.One)
        return (i.rows, classes) if axis == -1 else (classes, i.cols)


class Mean(_Printed, sp.Expr):
    """The mean of all entries."""

    is_commutative = True


class SumAll(_Printed, sp.Expr):
    """The sum of all entries."""

    is_commutative = True


class Iverson(_Printed, sp.Expr):
    """1 where the condition holds, else 0."""

    is_commutative = True

    def __new__(cls, condition: Any) -> Any:
        return sp.Integer(condition == sp.true) if condition in (sp.true, sp.false) else sp.Expr.__new__(cls, condition)


class TimeSum(_Printed, MatrixExpr):
    """The sum of a matrix over the steps lo..hi."""

    def __new__(cls, x: Any, lo: Any, hi: Any) -> TimeSum:
        return MatrixExpr.__new__(cls, x, sp.sympify(lo), sp.sympify(hi))

    @property
    def shape(self) -> tuple[Any, Any]:
        return self.args[0].shape


class ScalarTimeSum(_Printed, sp.Expr):
    """The sum of a number over the steps lo..hi."""

    is_commutative = True


class SampleSum(TimeSum):
    """The sum of a matrix over the samples i = 1..n of a loop."""

    def __new__(cls, x: Any, n: Any) -> SampleSum:
        return MatrixExpr.__new__(cls, x, n)


class ScalarSampleSum(_Printed, sp.Expr):
    """The sum of a number over the samples i = 1..n of a loop."""

    is_commutative = True


class Beside(_Printed, MatrixExpr):
    """Matrices side by side; one TimeSum-like operand (x, lo, hi) stands for a matrix at every step."""

    @property
    def shape(self) -> tuple[Any, Any]:
        parts = [(p[0].shape, p[2] - p[1] + 1) if isinstance(p, sp.Tuple) else (p.shape, 1) for p in self.args]
        return parts[0][0][0], sp.Add(*[shape[1] * count for shape, count in parts])


class Above(_Printed, MatrixExpr):
    """Matrices on top of each other: `Beside`, transposed."""

    @property
    def shape(self) -> tuple[Any, Any]:
        parts = [(p[0].shape, p[2] - p[1] + 1) if isinstance(p, sp.Tuple) else (p.shape, 1) for p in self.args]
        return sp.Add(*[shape[0] * count for shape, count in parts]), parts[0][0][1]


class Piece(_Printed, MatrixExpr):
    """The t-th of the equal pieces of the columns of x, each `width` wide."""

    def __new__(cls, x: Any, width: Any, time: Any) -> Piece:
        return MatrixExpr.__new__(cls, x, width, sp.sympify(time))

    @property
    def shape(self) -> tuple[Any, Any]:
        return self.args[0].shape[0], self.args[1]


class RowPiece(Piece):
    """The t-th of the equal pieces of the rows of x: `Piece`, transposed."""

    @property
    def shape(self) -> tuple[Any, Any]:
        return self.args[1], self.args[0].shape[1]


class Part(_Printed, MatrixExpr):
    """The first (1) or the second (2) of two matrices that stand side by side in x; `axis` as in `Present`."""

    def __new__(cls, x: Any, width: Any, place: Any, axis: Any = -1) -> Part:
        return MatrixExpr.__new__(cls, x, width, sp.sympify(place), sp.sympify(axis))

    @property
    def shape(self) -> tuple[Any, Any]:
        x, width, _, axis = self.args
        return (x.rows, width) if axis == -1 else (width, x.cols)


class Diagonal(_Printed, MatrixExpr):
    """Row n of x, for the sample n at hand, on the diagonal of a square matrix."""

    @property
    def shape(self) -> tuple[Any, Any]:
        return self.args[0].shape[1], self.args[0].shape[1]


class StateJacobian(_Printed, MatrixExpr):
    """dh_t/dh_k of one sample, "total" or "immediate" (the states between held fixed)."""

    def __new__(cls, name: Any, time: Any, start: Any, units: Any, kind: Any) -> StateJacobian:
        return MatrixExpr.__new__(cls, _named(name), sp.sympify(time), sp.sympify(start), units, Str(str(kind)))

    @property
    def shape(self) -> tuple[Any, Any]:
        return self.args[3], self.args[3]


class StateProduct(_Printed, MatrixExpr):
    """The product of a Jacobian over s, from hi down to lo, the latest on the left."""

    @property
    def shape(self) -> tuple[Any, Any]:
        return self.args[0].shape


# --------------------------------------------------------------------------------- what primitives write themselves with


def ones(rows: Any, cols: Any) -> Any:
    return OneMatrix(sp.sympify(rows), sp.sympify(cols))


def zeros(rows: Any, cols: Any) -> Any:
    return ZeroMatrix(sp.sympify(rows), sp.sympify(cols))


def zeros_like(x: Any) -> Any:
    return zeros(*x.shape) if shape_of(x) else sp.S.Zero


def ones_like(x: Any) -> Any:
    return ones(*x.shape) if shape_of(x) else sp.S.One


def full_like(number: Any, x: Any) -> Any:
    return scale(number, ones_like(x))


def full(number: Any, dims: Sequence[Any]) -> Any:
    """The number in every entry; of what has more than two axes the number itself, which its steps have too."""
    if not dims:
        return sp.sympify(number)
    if number == 0:
        return zeros(*_rows_cols(dims))
    return scale(number, ones(*_rows_cols(dims)))


def expand(x: Any, dims: Sequence[Any]) -> Any:
    """`x` repeated to these sizes: a number over all, a row over rows, a column over columns."""
    if not shape_of(x):
        return scale(x, ones(*_rows_cols(dims))) if dims else x
    rows, cols = _rows_cols(dims)
    down = x if x.rows == rows else matmul(ones(rows, 1), x)
    return down if down.cols == cols else matmul(down, ones(1, cols))


def count(xs: Sequence[Any]) -> Any:
    """How many operands: an `Over` counts its steps."""
    return sp.Add(*[x.hi - x.lo + 1 if isinstance(x, Over) else 1 for x in xs])


def _number(p: Any) -> Any:
    return sp.Integer(int(p)) if isinstance(p, float) and p == math.floor(p) else sp.sympify(p)


def split(x: Any) -> tuple[Any, list[Any]]:
    """The scalar factor and the matrix factors of a product."""
    if isinstance(x, MatMul):
        scalars = [a for a in x.args if not shape_of(a)]
        return sp.Mul(*scalars), [a for a in x.args if shape_of(a)]
    return (sp.S.One, [x]) if shape_of(x) else (x, [])


def joined(factor: Any, matrices: list[Any]) -> Any:
    if not matrices:
        return factor
    if factor == 1:
        return matrices[0] if len(matrices) == 1 else MatMul(*matrices, evaluate=False)
    return MatMul(factor, *matrices, evaluate=False)


def matmul_scaled(factor: Any, x: Any) -> Any:
    """factor · (x), the sum x kept together."""
    return MatMul(factor, x, evaluate=False)


def summed_out(x: Any) -> Any:
    """Every sum over known steps as its terms, the last step first, as backpropagation adds them."""
    found = {}
    for part in x.atoms(TimeSum, ScalarTimeSum):
        term, lo, hi = part.args
        steps = range(int(hi), int(lo) - 1, -1) if isinstance(part, TimeSum) else range(int(lo), int(hi) + 1)
        found[part] = add(*[term.xreplace({bound: sp.Integer(k)}) for k in steps])
    return x.xreplace(found)


def scale(p: Any, x: Any) -> Any:
    factor, matrices = split(x)
    number, rest = (_number(p) * factor).as_coeff_Mul()
    return joined((_number(float(number)) if number.is_Float else number) * rest, matrices)


def terms(x: Any) -> list[Any]:
    """The terms of a sum, or the one there is."""
    return list(x.args) if isinstance(x, (MatAdd, sp.Add)) else [x]


def add(*terms: Any) -> Any:
    """The sum in the order given; an `Over` is summed over its steps."""
    flat: list[Any] = []
    for term in terms:
        if isinstance(term, Over):
            flat.append(_over_time(term))
        else:
            flat.extend(term.args if isinstance(term, (MatAdd, sp.Add)) else [term])
    flat = [term for term in flat if not isinstance(term, ZeroMatrix)] or flat[:1]
    if len(flat) == 1:
        return flat[0]
    return (MatAdd if shape_of(flat[0]) else sp.Add)(*flat, evaluate=False)


def _over_time(over: Over) -> Any:
    step = over.step.xreplace({t: bound})
    return (TimeSum if shape_of(step) else ScalarTimeSum)(step, sp.sympify(over.lo), sp.sympify(over.hi))


def matmul(a: Any, b: Any) -> Any:
    (p, left), (q, right) = split(a), split(b)
    matrices = [m for m in left + right if not (isinstance(m, OneMatrix) and m.shape == (1, 1))] or left
    if len(matrices) == 2 and all(isinstance(m, OneMatrix) for m in matrices):
        return joined(p * q * matrices[0].cols, [ones(matrices[0].rows, matrices[1].cols)])
    return joined(p * q, matrices)


def hadamard(a: Any, b: Any) -> Any:
    """The entrywise product; a matrix of ones is left out, scalar factors go in front."""
    if not shape_of(a) or not shape_of(b):
        return a * b
    if isinstance(a, ZeroMatrix) or isinstance(b, ZeroMatrix):
        return zeros_like(a)
    factor = sp.S.One
    parts: list[Any] = []
    for x in (a, b):
        p, matrices = split(x)
        factor = factor * p
        whole = joined(sp.S.One, matrices)
        parts.extend(whole.args if isinstance(whole, HadamardProduct) else [whole])
    kept = [m for m in parts if not isinstance(m, OneMatrix)] or parts[:1]
    return joined(factor, [kept[0] if len(kept) == 1 else HadamardProduct(*kept, evaluate=False)])


def quotient(a: Any, b: Any) -> Any:
    if not shape_of(a):
        return a / b
    (p, left), (q, right) = split(a), split(b)
    return joined(p / q, [Quotient(joined(sp.S.One, left), joined(sp.S.One, right))])


def power(x: Any, n: int) -> Any:
    return HadamardPower(x, sp.Integer(n)) if shape_of(x) else x**n


def entrywise(function: str, x: Any, *numbers: float) -> Any:
    """A function of every entry."""
    if not shape_of(x):
        return __getattr__("of_number")(function, x, *numbers)
    return Entrywise(function, x, *numbers)


def present(x: Any, value: float) -> Any:
    return Present(x, _number(value))


def onehot(i: Any, classes: Any) -> Any:
    return OneHot(i, size_symbol(classes))


def transpose(x: Any) -> Any:
    return x.args[0] if isinstance(x, Transpose) else Transpose(x)


def sum_all(x: Any) -> Any:
    return SumAll(x)


def step_of(x: Any, time: Any, axis: int = 1) -> Any:
    """Step t: of a sequence the matrix, of a matrix the row, of a row the entry."""
    if shape_of(x) and axis == 0:
        return sum_all(Piece(x, sp.S.One, time)) if x.rows == 1 else RowPiece(x, sp.S.One, time)
    if not isinstance(x, Sequence3):
        no_matrix_form("take")
    return Quantity(x.name, x.rows, x.cols, T + 1 - time if x.backwards else time)


def backwards(x: Any) -> Any:
    """The same sequence, the last step first."""
    if not isinstance(x, Sequence3):
        no_matrix_form("reverse")
    return x._replace(backwards=not x.backwards)


def beside(*xs: Any) -> Any:
    def each(x: Over) -> Any:
        return sp.Tuple(x.step.xreplace({t: x.lo + x.hi - bound if x.down else bound}), x.lo, x.hi)

    return Beside(*[each(x) if isinstance(x, Over) else x for x in xs])


def piece(x: Any, width: Any, time: Any) -> Any:
    return Piece(x, size_symbol(width), time)


def block(x: Any, k: int, parts: int) -> Any:
    return Piece(x, x.cols / parts, k + 1)


def nth_row(x: Any, k: int) -> Any:
    return RowPiece(x, sp.S.One, k + 1)


def no_matrix_form(op: str) -> Any:
    raise NotImplementedError(f"there is no matrix form for {op!r} yet: name the quantities before and after it")


def __getattr__(name: str) -> Any:
    """The forms of operations on arrays of any rank, which only loops written by hand need."""
    from . import array_forms

    return getattr(array_forms, name)
