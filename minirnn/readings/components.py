"""The component form: every entry by its indices, sums written out; plain SymPy underneath.

z[t,n,j] = Σ_i x[t,n,i] W_x[i,j] + b_h[j] + Σ_m h[t-1,n,m] W_h[m,j]. Indices count from 1: n runs over samples, i over
features, j, m, p over units, k, l over outputs.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import sympy as sp
from sympy.matrices.expressions import HadamardPower, HadamardProduct, MatAdd, MatMul, OneMatrix, Transpose, ZeroMatrix

from . import symbols as S
from .evaluation import Values, matrix_steps

LETTERS = {"N": "n", "D": "ir", "M": "jmpq", "K": "kl", "A": "abc", "T": "su"}


def components(lhs: Any, rhs: Any) -> tuple[Any, Any]:
    """Both sides of a matrix equation at one entry, with indices that fit the sizes of the left side."""
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
    name = next(c + "'" * primes for primes in range(9) for c in letters if c + "'" * primes not in used)
    used.add(name)
    return sp.Symbol(name, integer=True, positive=True)


def _product(*factors: Any) -> Any:
    kept = [f for x in factors for f in (x.args if isinstance(x, sp.Mul) else [x]) if f != 1]
    return kept[0] if len(kept) == 1 else sp.Mul(*kept, evaluate=False)


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
                return sp.Indexed(sp.IndexedBase(x.name), *time, *places) if time or places else S.ScalarQuantity(x.name)
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
            case OneMatrix():
                return sp.S.One
            case ZeroMatrix():
                return sp.S.Zero
            case S.Entrywise():
                return self.function(x, r, c)
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
        raise NotImplementedError(f"there is no component form for {type(x).__name__}: use form='matrix'")

    def chain(self, matrices: list[Any], r: Any, c: Any) -> Any:
        """The entry of a product of matrices: one sum over each inner size; matrices of ones leave only their sum."""
        inner = [self.sum_over(m.cols) for m in matrices[:-1]]
        rows, cols = [r, *inner], [*inner, c]
        terms = [self.entry(m, i, j) for m, i, j in zip(matrices, rows, cols)]
        return _sums(_product(*terms), [(i, m.cols) for i, m in zip(inner, matrices)])

    def function(self, x: Any, r: Any, c: Any) -> Any:
        name, inner = x.function, x.args[1]
        if name == "softmax":
            along_rows = x.args[2] == -1
            other = self.sum_over(inner.cols if along_rows else inner.rows)
            below = sp.exp(self.entry(inner, r, other) if along_rows else self.entry(inner, other, c))
            size = inner.cols if along_rows else inner.rows
            return _product(sp.exp(self.entry(inner, r, c)), 1 / _sums(below, [(other, size)]))
        z = self.entry(inner, r, c)
        low, high = (*x.args[2:], None, None)[:2]
        written = {
            "tanh": lambda: sp.tanh(z),
            "softplus": lambda: sp.log(1 + sp.exp(z)),
            "abs": lambda: sp.Max(z, -z, evaluate=False),
            "exp": lambda: sp.exp(z),
            "log": lambda: sp.log(z),
            "sigmoid": lambda: 1 / (1 + sp.exp(-z)),
            "relu": lambda: sp.Max(0, z, evaluate=False),
            "positive": lambda: S.Iverson(z > 0),
            "clip": lambda: sp.Min(sp.Max(z, low, evaluate=False), high, evaluate=False),
            "inside": lambda: S.Iverson(sp.And(z >= low, z <= high)),
        }
        if name not in written:
            raise NotImplementedError(f"there is no component form for {name} yet: use form='matrix'")
        return written[name]()


def _sums(term: Any, over: list[tuple[Any, Any]]) -> Any:
    for index, size in reversed(over):
        if index is not None:
            term = sp.Sum(term, (index, 1, size)) if term.has(index) else _product(size, term)
    return term


# ------------------------------------------------------------------------------------------------------ their numbers


class Axes:
    """The value of a component expression: an array with one axis for each index that it depends on."""

    def __init__(self, values: Values, steps: np.ndarray | None) -> None:
        self.values, self.ranges = values, {S.t: steps}

    def of(self, x: Any) -> tuple[np.ndarray, tuple[Any, ...]]:
        match x:
            case sp.Indexed() | S.ScalarQuantity():
                return self.quantity(x)
            case sp.Sum():
                term, *limits = x.args  # SymPy joins sums of sums into one
                for index, lo, hi in limits:
                    if index == S.bound:
                        self.ranges = {**self.ranges, S.bound: matrix_steps(self.values, lo, hi)}
                summed = {index for index, *_ in limits}
                factors = [self.of(f) for f in (term.args if isinstance(term, sp.Mul) else [term])]
                axes = tuple(a for a in _union(a for _, a in factors) if a not in summed)
                return _einsum(factors, axes), axes
            case sp.Mul():
                factors = [self.of(a) for a in x.args]
                axes = _union(a for _, a in factors)
                return _einsum(factors, axes), axes
            case sp.Add() | sp.Max() | sp.Min():
                parts = [self.of(a) for a in x.args]
                axes = _union(a for _, a in parts)
                arrays = [laid_out(array, own, axes) for array, own in parts]
                combine = {sp.Add: np.add, sp.Max: np.maximum, sp.Min: np.minimum}[x.func]
                out = arrays[0]
                for array in arrays[1:]:
                    out = combine(out, array)
                return out, axes
            case sp.Pow():
                array, axes = self.of(x.base)
                return array ** int(x.exp), axes
            case sp.exp() | sp.log() | sp.tanh():
                array, axes = self.of(x.args[0])
                return getattr(np, type(x).__name__)(array), axes
            case S.Iverson():
                return self.indicator(x.args[0])
        return np.array(float(x.xreplace(self.values.sizes))), ()

    def indicator(self, condition: Any) -> tuple[np.ndarray, tuple[Any, ...]]:
        """1 where the condition holds: a comparison of an expression with numbers."""
        found: tuple[np.ndarray, tuple[Any, ...]] = (np.array(1.0), ())
        for part in condition.args if isinstance(condition, sp.And) else [condition]:
            array, axes = self.of(part.lhs - part.rhs if not part.rhs.is_number else part.lhs)
            limit = float(part.rhs) if part.rhs.is_number else 0.0
            compare = {">": np.greater, ">=": np.greater_equal, "<=": np.less_equal, "<": np.less}[part.rel_op]
            found = _einsum([found, (compare(array, limit).astype(float), axes)], axes), axes
        return found

    def quantity(self, x: Any) -> tuple[np.ndarray, tuple[Any, ...]]:
        name = str(x.base.label) if isinstance(x, sp.Indexed) else x.name
        places = list(x.indices) if isinstance(x, sp.Indexed) else []
        axes: tuple[Any, ...] = ()
        steps = None
        if self.values.has_steps(name):
            time = places.pop(0)
            symbol = next((s for s in (S.t, S.bound) if time.has(s)), None)
            axes = () if symbol is None else (symbol,)
            steps = self.values.step(time, self.ranges.get(symbol))
        array = self.values.of(name, steps)
        shape = array.shape[:-2]
        if len(places) == 1:
            array = array.reshape(*shape, -1)
        elif not places:
            array = array.reshape(shape)
        return array, (*axes, *places)


def _union(axes: Iterator[tuple[Any, ...]]) -> tuple[Any, ...]:
    return tuple(dict.fromkeys(a for own in axes for a in own))


def laid_out(array: np.ndarray, own: tuple[Any, ...], axes: tuple[Any, ...]) -> np.ndarray:
    """An array with the axes `own` as one with the axes `axes`, of length 1 where it does not depend on one."""
    order = [own.index(a) for a in axes if a in own]
    shape = [array.shape[own.index(a)] if a in own else 1 for a in axes]
    return array.transpose(order).reshape(shape)


def _einsum(factors: list[tuple[np.ndarray, tuple[Any, ...]]], out: tuple[Any, ...]) -> np.ndarray:
    numbers = {a: i for i, a in enumerate(_union(axes for _, axes in factors))}
    operands = [part for array, axes in factors for part in (array, [numbers[a] for a in axes])]
    return np.einsum(*operands, [numbers[a] for a in out], optimize=len(factors) > 2)
