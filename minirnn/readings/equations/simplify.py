"""What rows that sum to 1 do to an equation: a softmax and a one-hot target, times a column of ones, are ones.

With it the derivative of the cross-entropy after a softmax falls into its well-known form, (ŷ - y) / N.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from sympy.matrices.expressions import HadamardProduct, MatAdd, MatMul, OneMatrix

from ...engine.names import Name, Role
from . import matrix as S

if TYPE_CHECKING:
    from ...run import Run


def rows_sum_to_one(trace: Run) -> set[Name]:
    """The targets whose rows all sum to 1, as classes in one-hot form do; looked up in the numbers of the trace."""
    targets = [node for node in trace.forward if node.role is Role.TARGET and node.name is not None and node.ndim == 2]
    eps = 8 * np.finfo(trace.dtype).eps
    others = {node.name for node in targets if np.abs(node.value.sum(-1) - 1).max() > eps}
    return {node.name for node in targets if node.name is not None} - others


def simplified(x: Any, ones: set[Name]) -> Any:
    """`x` with the row sums of the quantities in `ones` taken for 1, and a factor common to all terms in front."""
    if not ones or not any(q.name in ones for q in x.atoms(S.Quantity)):
        return x
    return _factored(_rebuilt(x, ones))


def _rebuilt(x: Any, ones: set[Name]) -> Any:
    match x:
        case MatMul():
            factor, matrices = S.split(x)
            parts = [_rebuilt(m, ones) for m in matrices]
            for i in range(len(parts) - 1, 0, -1):
                q, column = parts[i - 1], parts[i]
                if isinstance(q, S.Quantity) and q.name in ones and isinstance(column, OneMatrix) and column.cols == 1:
                    parts[i - 1 : i + 1] = [S.ones(q.rows, 1)]
            out = parts[0]
            for part in parts[1:]:
                out = S.matmul(out, part)
            return S.scale(factor, out)
        case HadamardProduct():
            out = _rebuilt(x.args[0], ones)
            for a in x.args[1:]:
                out = S.hadamard(out, _rebuilt(a, ones))
            return out
        case MatAdd():
            return S.add(*[_rebuilt(a, ones) for a in x.args])
    return x


def _factored(x: Any) -> Any:
    """c a - c b as c (a - b), the first positive term first."""
    terms = S.terms(x)
    if len(terms) < 2 or not isinstance(x, MatAdd):
        return x
    factors = [S.split(term)[0] for term in terms]
    sizes = {-f if f.could_extract_minus_sign() else f for f in factors}
    if len(sizes) != 1 or sizes == {1}:
        return x
    common = sizes.pop()
    inner = [S.scale(1 / common, term) for term in terms]
    inner.sort(key=lambda term: term.could_extract_minus_sign())
    return S.matmul_scaled(common, S.add(*inner))
