"""What rows that sum to 1 do to an equation: a softmax and a one-hot target, times a column of ones, are ones.

With it the derivative of the cross-entropy after a softmax falls into its well-known form, (ŷ - y) / N.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

import numpy as np
from sympy.matrices.expressions import HadamardProduct, MatAdd, MatMul, OneMatrix

from ...engine.names import Name, Role
from . import matrix as S

if TYPE_CHECKING:
    from ...runs.run import Run

SAMPLES = S.size_symbol("N")


def rows_sum_to_one(trace: Run) -> set[Name]:
    """The targets whose rows all sum to 1, as classes in one-hot form do; looked up in the numbers of the trace."""
    targets = [node for node in trace.forward if node.role is Role.TARGET and node.name is not None and node.ndim == 2]
    eps = 8 * np.finfo(trace.dtype).eps
    others = {node.name for node in targets if np.abs(node.value.sum(-1) - 1).max() > eps}
    return {node.name for node in targets if node.name is not None} - others


def simplified(x: Any, ones: set[Name]) -> Any:
    """`x` with the row sums of the quantities in `ones` taken for 1, and a factor common to all terms in front."""
    if not x.has(S.OneHot) and not (ones and any(q.name in ones for q in x.atoms(S.Quantity))):
        return x
    return _factored(_rebuilt(x, ones))


def _rebuilt(x: Any, ones: set[Name]) -> Any:
    match x:
        case MatMul():
            factor, matrices = S.split(x)
            parts = [_rebuilt(m, ones) for m in matrices]
            for i in range(len(parts) - 1, 0, -1):
                q, column = parts[i - 1], parts[i]
                if _sums_to_one(q, ones) and isinstance(column, OneMatrix) and column.cols == 1:
                    parts[i - 1 : i + 1] = [S.ones(q.rows, 1)]
                elif isinstance(q, OneMatrix) and q.rows == 1 and _sums_to_one(S.transpose(column), ones):
                    parts[i - 1 : i + 1] = [S.ones(1, column.cols)]
            return S.scale(factor, functools.reduce(S.matmul, parts))
        case HadamardProduct():
            return functools.reduce(S.hadamard, [_rebuilt(a, ones) for a in x.args])
        case MatAdd():
            return S.add(*[_rebuilt(a, ones) for a in x.args])
    return x


def _sums_to_one(x: Any, ones: set[Name]) -> bool:
    """Whether the entries of every row sum to 1."""
    return (isinstance(x, S.Quantity) and x.name in ones) or (isinstance(x, S.OneHot) and x.args[2] == -1)


def _factored(x: Any) -> Any:
    """c a - c b as c (a - b), the first positive term first."""
    terms = S.terms(x)
    if len(terms) < 2 or not isinstance(x, MatAdd):
        return x
    factors = [S.split(term)[0] for term in terms]
    sizes = {-f if f.could_extract_minus_sign() else f for f in factors}
    if len(sizes) != 1:
        return x
    common = sizes.pop()
    inner = [S.scale(1 / common, term) for term in terms]
    inner.sort(key=lambda term: term.could_extract_minus_sign())
    return S.add(*inner) if common == 1 else S.matmul_scaled(common, S.add(*inner))


def of_one_sample(x: Any) -> Any:
    """`x` where N is 1: without the column of ones that repeats a bias over the samples."""
    one = x.xreplace({SAMPLES: S.sp.Integer(1)})
    return one.replace(lambda part: isinstance(part, MatMul), _without_one)


def _without_one(product: Any) -> Any:
    factor, matrices = S.split(product)
    kept = [m for m in matrices if not (isinstance(m, OneMatrix) and m.shape == (1, 1))]
    return S.joined(factor, kept or matrices[:1])
