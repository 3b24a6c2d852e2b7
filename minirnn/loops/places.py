"""Places that are computed, entry by entry: x[i] is Σ_k [i = k] x[k]; a place below 0 counts from the end."""

from __future__ import annotations

import functools
import operator
from collections.abc import Callable
from typing import Any

import numpy as np

from ..engine.entries import Expr, Number, choice, expr, total

Index = tuple[Any, ...]


def _plan(dims: Index, operands: Index, key: Any) -> tuple[Index, int, Any]:
    """The key for all axes, how many axes its arrays have together, and where one counts rows. NotImplementedError if it is
    none of one operand beside numbers, whole axes and rows that are counted."""
    key = key if isinstance(key, tuple) else (key,)
    key = (*key, *[slice(None)] * (len(dims) - len(key)))
    arrays = [n for n, k in enumerate(key) if not isinstance(k, slice)]
    rows = [n for n in arrays if isinstance(key[n], np.ndarray)]
    axes = max(len(operands[0].dims), len(rows))
    simple = len(operands) == 1 and axes <= 1 + (not rows) and (not axes or arrays[-1] - arrays[0] < len(arrays))
    counted = all(key[n].ndim == 1 and np.array_equal(key[n], np.arange(len(key[n]))) for n in rows)
    if not (simple and counted and all(k == slice(None) for k in key if isinstance(k, slice))):
        raise NotImplementedError("places that are computed, beside slices")
    return key, axes, rows[0] if rows else None


def _is(place: Expr, k: Expr, size: Any) -> Expr:
    return place.is_(k) | place.is_(k - expr(size))


def entry(index: Index, x: Any, *operands: Any, key: Any) -> Expr:
    """An entry of x[key]."""
    key, axes, _ = _plan(x.dims, operands, key)
    first = next(n for n, k in enumerate(key) if not isinstance(k, slice))
    of_arrays, rest = index[first : first + axes], iter((*index[:first], *index[first + axes :]))
    at = [next(rest) if isinstance(k, slice) else of_arrays[-1] if isinstance(k, np.ndarray) else k for k in key]
    at = [k % size.n if isinstance(k, int) else k for k, size in zip(at, x.dims)]
    axis = next(n for n, k in enumerate(key) if k is None)
    place = operands[0][of_arrays if operands[0].dims else ()]
    return total(x.dims[axis], lambda k: choice(_is(place, k, x.dims[axis]), x[(*at[:axis], k, *at[axis + 1 :])], 0))


def _over(index: Index, dims: Index, operands: Index, key: Any, body: Callable[[Expr, Index], Expr]) -> tuple[Expr, bool]:
    """``body(is there, index of the part)`` for an entry of the whole, and whether it is a sum over all places."""
    key, _, row = _plan(dims, operands, key)

    def at(of_arrays: Index) -> Expr:
        conditions, part, first = [], [], True
        for k, i, size in zip(key, index, dims):
            if isinstance(k, slice):
                part.append(i)
                continue
            part, first = [*part, *(of_arrays if first else ())], False
            if k is None:
                conditions.append(_is(operands[0][of_arrays if operands[0].dims else ()], i, size))
            elif isinstance(k, int) and i != Number(k % size.n):
                conditions.append(i.is_(k % size.n))
        return body(functools.reduce(operator.and_, conditions), tuple(part))

    def summed(sizes: Index, of_arrays: Index) -> Expr:
        return total(sizes[0], lambda k: summed(sizes[1:], (*of_arrays, k))) if sizes else at(of_arrays)

    if row is not None:
        return at((index[row],)), False
    return summed(operands[0].dims, ()), bool(operands[0].dims)


def placed(index: Index, x: Any, *operands: Any, key: Any, dims: Index) -> Expr:
    """Zeros, with `x` added at the places."""
    return _over(index, dims, operands, key, lambda there, part: choice(there, x[part], 0))[0]


def updated(index: Index, x: Any, part: Any, *operands: Any, key: Any) -> Expr:
    """`x` with the part at the places, of which there is one in each row."""
    found, several = _over(index, x.dims, operands, key, lambda there, at: choice(there, part[at], x[index]))
    if several:
        raise NotImplementedError("what is put at several places at once")
    return found


def cleared(index: Index, x: Any, *operands: Any, key: Any) -> Expr:
    """`x` with 0 at the places."""
    return choice(_over(index, x.dims, operands, key, lambda there, at: choice(there, 1, 0))[0] > 0, 0, x[index])
