"""Places that are computed, as matrices: E[i] is onehot(i) E, p[i] the sum of p ⊙ onehot(i)."""

from __future__ import annotations

from typing import Any

import numpy as np


def _pattern(key: Any) -> list[str]:
    return [
        "i"
        if k is None
        else "all"
        if isinstance(k, slice) and k == slice(None)
        else "each"
        if _counts(k)
        else str(type(k).__name__)
        for k in key
    ]


def _counts(k: Any) -> bool:
    """Whether it is the numbers of all rows, one after the other."""
    return isinstance(k, np.ndarray) and k.ndim == 1 and np.array_equal(k, np.arange(len(k)))


def _hot(S: Any, i: Any, classes: Any) -> Any:
    """A row for each of the places that `i`, a number or a row, says."""
    return S.onehot(S.transpose(i) if S.shape_of(i) else i, classes)


def entry(S: Any, x: Any, indices: Any, key: Any) -> Any:
    """x[key] with the places `indices`."""
    pattern, i = _pattern(key), indices[0]
    many = S.shape_of(i) is not None
    if not S.shape_of(x) or (many and i.rows != 1):
        return S.no_matrix_form("a place that is computed")
    if pattern == ["i"]:
        return S.matmul(x, S.transpose(_hot(S, i, x.cols))) if many else S.sum_all(S.hadamard(x, _hot(S, i, x.cols)))
    if pattern == ["i", "all"]:
        return S.matmul(_hot(S, i, x.rows), x)
    if pattern == ["i", "int"] and not many and x.cols == 1 and key[1] in (0, -1):
        return S.sum_all(S.hadamard(S.transpose(x), _hot(S, i, x.rows)))
    if pattern == ["each", "i"] and many:
        return S.transpose(S.matmul(S.hadamard(x, _hot(S, i, x.cols)), S.ones(x.cols, 1)))
    if pattern == ["int", "i"] and not many and x.rows == 1:
        return S.sum_all(S.hadamard(x, _hot(S, i, x.cols)))
    if pattern == ["all", "i"] and not many:
        return S.matmul(_hot(S, i, x.cols), S.transpose(x))
    return S.no_matrix_form("a place that is computed")


def placed(S: Any, x: Any, indices: Any, key: Any, dims: Any) -> Any:
    """Zeros of these sizes, with `x` added at the places `indices`."""
    pattern, i = _pattern(key), indices[0]
    many = S.shape_of(i) is not None
    if not 0 < len(dims) < 3 or (many and i.rows != 1):
        return S.no_matrix_form("a place that is computed")
    rows, cols = S.size_of(dims)
    if pattern == ["i"]:
        return S.matmul(x, _hot(S, i, cols)) if many else S.scale(x, _hot(S, i, cols))
    if pattern == ["i", "all"]:
        return S.matmul(S.transpose(_hot(S, i, rows)), x)
    if pattern == ["i", "int"] and not many and cols == 1 and key[1] in (0, -1):
        return S.scale(x, S.transpose(_hot(S, i, rows)))
    if pattern == ["each", "i"] and many:
        return S.hadamard(S.matmul(S.transpose(x), S.ones(1, cols)), _hot(S, i, cols))
    if pattern == ["int", "i"] and not many and rows == 1:
        return S.scale(x, _hot(S, i, cols))
    if pattern == ["all", "i"] and not many:
        return S.matmul(S.transpose(x), _hot(S, i, cols))
    return S.no_matrix_form("a place that is computed")


def updated(S: Any, x: Any, v: Any, indices: Any, key: Any) -> Any:
    """`x`, with `v` at the places `indices`."""
    if isinstance(x, S.ZeroMatrix):
        return placed(S, v, indices, key, x.shape)
    return S.add(cleared(S, x, indices, key), placed(S, v, indices, key, x.shape))


def cleared(S: Any, x: Any, indices: Any, key: Any) -> Any:
    """`x`, and 0 at the places `indices`."""
    if not S.shape_of(x) or S.shape_of(indices[0]):
        return S.no_matrix_form("a place that is computed")
    rows, cols = x.shape
    one = S.ones(1, cols) if _pattern(key) == ["i", "all"] else 1
    mark = placed(S, one, indices, key, x.shape)
    return S.hadamard(x, S.add(S.ones(rows, cols), S.scale(-1, mark)))
