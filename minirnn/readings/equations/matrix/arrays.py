"""The matrix forms of operations on arrays of any rank, which loops of one's own need; a vector is a row.

What has more than two axes has no matrix form: give its steps names, and it need not have one.
"""

from __future__ import annotations

from typing import Any

import sympy as sp

from ....engine.sizes import Size
from .algebra import at_turn, beside, entrywise, matmul, ones, ones_like, power, quotient, scale, sum_all, transpose, zeros
from .expressions import Above, Beside, Entry, Largest, LargestOfAll, Mean, Part, Selection, SumAll
from .quantities import Over, no_matrix_form, rows_cols, shape_of, size_of, size_symbol


def reciprocal(p: Any) -> Any:
    if isinstance(p, Size):
        return 1 / size_symbol(p)
    return sp.Rational(1, int(p)) if float(p).is_integer() else 1 / sp.sympify(p)


def power_of(x: Any, p: Any) -> Any:
    if float(p).is_integer():
        return power(x, int(p)) if p > 0 else quotient(ones_like(x), power_of(x, -p))
    return entrywise("sqrt", x) if p == 0.5 else no_matrix_form(f"the power {p}")


def as_matrix(x: Any) -> Any:
    return x if shape_of(x) or isinstance(x, Over) else scale(x, ones(1, 1))


def axes(axis: int | tuple[int, ...] | None) -> tuple[Any, ...]:
    """The axes of a matrix, counted from the last: -1 is along a row, -2 down a column."""
    chosen = (-2, -1) if axis is None else axis if isinstance(axis, tuple) else (axis,)
    return tuple(sp.Integer(a if a < 0 else a - 2) for a in chosen)


def reduced(x: Any, axis: int | tuple[int, ...] | None, keepdims: bool, kind: str) -> Any:
    """The sum, mean or largest over `axis` (-1: along a row); without `keepdims` what is left of a matrix is a row."""
    if isinstance(x, sp.Expr) and not shape_of(x):
        return x  # a number
    if not keepdims and axis is None:
        return {"sum": SumAll, "mean": Mean, "max": LargestOfAll}[kind](x)
    axis = axes(axis)
    if kind == "max":
        found: Any = Largest(x, *axis)
    else:
        found, count = x, sp.S.One
        if -2 in axis:
            found, count = matmul(ones(1, found.rows), found), count * x.rows
        if -1 in axis:
            found, count = matmul(found, ones(found.cols, 1)), count * x.cols
        found = scale(1 / count, found) if kind == "mean" else found
    return found if keepdims or -1 not in axis else transpose(found)


def reshaped(x: Any, dims: Any) -> Any:
    """The same entries as a row, a column or a number."""
    if not dims:
        return sum_all(x) if shape_of(x) else x
    wanted = size_of(dims)
    x = as_matrix(x)
    if wanted is None or x.shape == wanted:
        return x if wanted else no_matrix_form("reshape")
    if 1 in wanted and x.shape == (wanted[1], wanted[0]):
        return transpose(x)
    return no_matrix_form("reshape")


def contracted(a: Any, b: Any, spec: str) -> Any:
    """einsum of two operands with at most two axes each, where it is a product of matrices."""
    inputs, out = spec.split("->")
    (left, right) = inputs.split(",")
    shared = [k for k in left if k in right]
    if len(shared) == 1 and shared[0] not in out and max(len(left), len(right)) <= 2 and len(set(left + right)) >= len(out):
        k = shared[0]
        first = a if left[-1] == k else transpose(a)  # k along the columns
        second = transpose(b) if right[-1] == k else b  # k down the rows
        rest = (left + right).replace(k, "")
        if rest == out:
            found = matmul(first, second)
            return transpose(found) if len(left) == 2 and len(out) == 1 else found if out else sum_all(found)
        if rest[::-1] == out:
            return matmul(transpose(second), transpose(first))
    if not shared and len(left) == len(right) == 1 and sorted(out) == sorted(left + right):
        return matmul(transpose(a), b) if out == left + right else matmul(transpose(b), a)
    return no_matrix_form(f"einsum {spec!r}")


# ------------------------------------------------------------------------------------------------------------------ parts


def _ends(key: Any, size: Any) -> tuple[Any, Any]:
    """Where a part of an axis begins and ends."""
    if isinstance(key, slice):
        if key.step not in (None, 1):
            no_matrix_form("a slice with a step")
        lo, hi = (None if end is None else size_symbol(end) for end in (key.start, key.stop))
        lo, hi = sp.S.Zero if lo is None else lo, size if hi is None else hi
        lo, hi = (size + end if end.is_negative else end for end in (lo, hi))
        if all(end.is_number for end in (size, lo, hi)):  # as in Python, no further than the axis goes
            lo, hi = min(lo, size), min(hi, size)
            hi = max(lo, hi)
        return lo, hi
    if isinstance(key, int):
        return (key, key + 1) if key >= 0 else (size + key, size + key + 1)
    return no_matrix_form("an index array")


def _box(shape: Any, key: Any) -> tuple[Any, Any, Any, Any]:
    if len(key) > 2:
        no_matrix_form("a part of more than two axes")
    rows = _ends(key[0], shape[0]) if len(key) == 2 else (0, shape[0])
    return tuple(map(sp.sympify, (*rows, *_ends(key[-1], shape[1]))))


def _cut(x: Any, box: tuple[Any, Any, Any, Any]) -> Any:
    r0, r1, c0, c1 = box
    if (r0, r1) == (0, x.rows) and not (c0.is_number and c1.is_number):  # of two that stand side by side, one
        if c0 == 0 and c1 != x.cols:
            return Part(x, c1, 1, -1)
        if c1 == x.cols and c0 != 0:
            return Part(x, c1 - c0, 2, -1)
    return x if box == (0, x.rows, 0, x.cols) else Selection(x, *box)


def part_of(x: Any, key: Any) -> Any:
    """x[key]; the key has an entry for every axis."""
    if not shape_of(x):
        no_matrix_form("a part of more than two axes")
    box = _box(x.shape, key)
    if all(isinstance(k, int) for k in key):
        return Entry(x, *box)
    found = _cut(x, box)
    return transpose(found) if len(key) == 2 and isinstance(key[1], int) else found


def padded(x: Any, dims: Any, key: Any) -> Any:
    """Zeros of these sizes, with `x` at `key`."""
    rows, cols = rows_cols(dims)
    r0, r1, c0, c1 = _box((rows, cols), key)
    x = as_matrix(x)
    found = transpose(x) if len(key) == 2 and isinstance(key[1], int) and not isinstance(key[0], int) else x
    sides = [(c0, True), (cols - c1, False)]
    for width, before in sides:
        if width != 0:
            gap = zeros(found.rows, width)
            found = beside(gap, found) if before else _appended(found, gap)
    if r0 != 0:
        found = above(zeros(r0, cols), found)
    if rows - r1 != 0:
        found = above(found, zeros(rows - r1, cols))
    return found


def _appended(x: Any, gap: Any) -> Any:
    return beside(*(x.args if isinstance(x, Beside) else [x]), gap)


# -------------------------------------------------------------------------------------------------------------- put together


def _listed(xs: Any) -> list[Any]:
    return [sp.Tuple(as_matrix(at_turn(x)), x.lo, x.hi) if isinstance(x, Over) else as_matrix(x) for x in xs]


def above(*xs: Any) -> Any:
    """Matrices on top of each other."""
    parts = _listed(xs)
    return parts[0] if len(parts) == 1 and not isinstance(parts[0], sp.Tuple) else Above(*parts)


def stacked(xs: Any, axis: int) -> Any:
    """np.stack: numbers as a row, rows on top of each other; what has three axes has no matrix form."""
    first = xs[0].step if isinstance(xs[0], Over) else xs[0]
    if axis:
        no_matrix_form("stack")
    return above(*xs) if shape_of(first) else Beside(*_listed(xs))


def joined_along(xs: Any, axis: int) -> Any:
    """np.concatenate along an axis counted from the last: -1 beside each other, -2 on top of each other."""
    if axis < -2:
        no_matrix_form("concatenate along the first of three axes")
    return beside(*map(as_matrix, xs)) if axis == -1 else above(*xs)
