"""Matrix expressions put together so that they stay as written: no sorting, no silent evaluation."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import sympy as sp
from sympy.core.symbol import Str
from sympy.matrices.expressions import HadamardPower, HadamardProduct, MatAdd, MatMul, OneMatrix, Transpose, ZeroMatrix

from .expressions import (
    Backwards,
    Beside,
    Entrywise,
    NumberFunction,
    OneHot,
    Piece,
    Present,
    Quotient,
    ScalarTimeSum,
    SumAll,
    TimeSum,
    Written,
    WrittenEntry,
)
from .quantities import Over, Quantity, ScalarQuantity, Sequence3, bound, no_matrix_form, rows_cols, shape_of, size_symbol, t


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
        return zeros(*rows_cols(dims))
    return scale(number, ones(*rows_cols(dims)))


def expand(x: Any, dims: Sequence[Any]) -> Any:
    """`x` repeated to these sizes: a number over all, a row over rows, a column over columns."""
    if not shape_of(x):
        return scale(x, ones(*rows_cols(dims))) if dims else x
    rows, cols = rows_cols(dims)
    down = x if x.rows == rows else matmul(ones(rows, 1), x)
    return down if down.cols == cols else matmul(down, ones(1, cols))


def count(xs: Sequence[Any]) -> Any:
    """How many operands: an `Over` counts its steps."""
    return sp.Add(*[x.hi - x.lo + 1 if isinstance(x, Over) else 1 for x in xs])


def _number(p: Any) -> Any:
    return sp.Integer(int(p)) if isinstance(p, float) and p.is_integer() else sp.sympify(p)


@lru_cache(1024)
def only_times(x: Any) -> bool:
    """Whether t stands for nothing but the steps of quantities, and no sum over time is in `x`: then it is the same
    expression at every step."""
    if isinstance(x, (Quantity, ScalarQuantity)):
        return True
    return x not in (t, bound) and not isinstance(x, (TimeSum, ScalarTimeSum, sp.Tuple)) and all(map(only_times, x.args))


@lru_cache(1024)
def split(x: Any) -> tuple[Any, list[Any]]:
    """The scalar factor and the matrix factors of a product."""
    if isinstance(x, MatMul):
        scalars = [a for a in x.args if not shape_of(a)]
        return sp.Mul(*scalars), [a for a in x.args if shape_of(a)]
    return (sp.S.One, [x]) if shape_of(x) else (x, [])


def joined(factor: Any, matrices: list[Any]) -> Any:
    factor = sp.sympify(factor).replace(lambda f: f.is_Float and float(f).is_integer(), lambda f: sp.Integer(int(f)))
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
        found[part] = add(*[at_step(term, k) for k in steps])
    return x.xreplace(found)


def at_step(term: Any, k: Any) -> Any:
    """A term of a sum over time, at step k; steps that are listed within it run by themselves."""
    own = sp.Dummy()
    listed = {part: part.xreplace({bound: own}) for part in term.atoms(sp.Tuple) if len(part) == 3 and part.has(bound)}
    return term.xreplace(listed).xreplace({bound: sp.sympify(k)}).xreplace({own: bound})


def scale(p: Any, x: Any) -> Any:
    factor, matrices = split(x)
    return joined(_number(p) * factor, matrices)


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
    flat = [term for term in flat if not (isinstance(term, ZeroMatrix) or term is sp.S.Zero)] or flat[:1]
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
    return joined(factor, [hadamard_of(kept)])


def quotient(a: Any, b: Any) -> Any:
    """The entrywise quotient; scalar factors go in front."""
    if not shape_of(a):
        return a / b
    (p, left), (q, right) = split(a), split(b)
    if all(isinstance(m, OneMatrix) for m in right):  # every entry by one number
        return joined(p / q, left)
    return joined(p / q, [Quotient(joined(sp.S.One, left), joined(sp.S.One, right))])


def power(x: Any, n: int) -> Any:
    return HadamardPower(x, sp.Integer(n)) if shape_of(x) else x**n


def entrywise(function: str, x: Any, *numbers: float) -> Any:
    """A function of every entry."""
    if not shape_of(x):
        return NumberFunction(Str(function), x, *map(sp.sympify, numbers))
    return Entrywise(function, x, *numbers)


def written(shown: Any, exact: Any) -> Any:
    """What is printed as `shown` and has the numbers of `exact`."""
    return (Written if shape_of(shown) else WrittenEntry)(shown, exact)


def present(x: Any, value: float) -> Any:
    return Present(x, _number(value), -1)


def onehot(i: Any, classes: Any) -> Any:
    return OneHot(i, size_symbol(classes), -1)


def transpose(x: Any) -> Any:
    return x.args[0] if isinstance(x, Transpose) else Transpose(x)


def sum_all(x: Any) -> Any:
    return SumAll(x)


def step_of(x: Any, time: Any, axis: int = 1) -> Any:
    """Step t: of a sequence the matrix, of a matrix the row or the column, of a row the entry."""
    if isinstance(x, Backwards) and x.args[1] == axis - 2:
        x, time = x.args[0], x.args[2] + 1 - time
    if shape_of(x) and axis == 0:
        return sum_all(Piece(x, sp.S.One, time, -1)) if x.rows == 1 else Piece(x, sp.S.One, time, -2)
    if shape_of(x) and axis == 1:
        return transpose(Piece(x, sp.S.One, time, -1))
    if not isinstance(x, Sequence3):
        no_matrix_form("take")
    return Quantity(x.name, x.rows, x.cols, x.steps + 1 - time if x.backwards else time)


def backwards(x: Any, axis: int, size: Any) -> Any:
    """The same sequence, the last step first; of a matrix its rows, or its columns, the last one first."""
    if isinstance(x, Sequence3):
        return x._replace(backwards=not x.backwards)
    if not shape_of(x):
        no_matrix_form("reverse")
    return Backwards(x, axis - 2, size_symbol(size))


def spread(x: Any) -> Any:
    """An operand; of one for each step what it is at the step at hand, the first step and the last."""
    return sp.Tuple(at_turn(x), x.lo, x.hi) if isinstance(x, Over) else x


def at_turn(over: Over) -> Any:
    """What stands at place `bound` where all steps are listed: their last comes first if they run down."""
    return over.step.xreplace({t: over.lo + over.hi - bound if over.down else bound})


def beside(*xs: Any) -> Any:
    return Beside(*map(spread, xs))


def hadamard_of(matrices: Sequence[Any]) -> Any:
    """The entrywise product of matrices as they are; of one itself."""
    return matrices[0] if len(matrices) == 1 else HadamardProduct(*matrices, evaluate=False)


def piece(x: Any, width: Any, time: Any) -> Any:
    return Piece(x, size_symbol(width), time, -1)


def block(x: Any, k: int, parts: int) -> Any:
    return Piece(x, x.cols / parts, k + 1, -1)


def nth(x: Any, k: int, parts: int) -> Any:
    return Piece(x, x.rows / parts, k + 1, -2)
