"""Algebra of the matrices that rows are multiplied with on their way back: kernels, and diagonals of what is entrywise."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
import sympy as sp
from sympy.matrices.expressions import HadamardProduct, Identity, MatAdd, MatMul

from . import matrix as S
from .evaluate import Values, evaluate


def flattened(x: Any) -> Any:
    """Entrywise products inside each other as one."""
    if isinstance(x, HadamardProduct):
        return functools.reduce(S.hadamard, map(flattened, x.args))
    if isinstance(x, MatMul):
        factor, matrices = S.split(x)
        return functools.reduce(S.matmul, map(flattened, matrices[1:]), S.scale(factor, flattened(matrices[0])))
    return x


def distributed(x: Any, inside: list[Any]) -> Any | None:
    """A product of sums as a sum of products, as far as the sums hold what is asked for; None where there is no such sum."""
    if not isinstance(x, (MatMul, HadamardProduct)):
        return None
    held = [any(a.has(q) for q in inside) for a in x.args]
    place = next((i for i, a in enumerate(x.args) if isinstance(a, MatAdd) and held[i]), None)
    if place is None:
        return None
    before, after = x.args[:place], x.args[place + 1 :]
    return S.add(*[x.func(*before, a, *after, evaluate=False) for a in x.args[place].args])


def carried_by(x: Any, target: Any) -> Any:
    """The matrix R with x_n = target_n R for every sample n, where x is linear in `target`."""
    if x == target:
        return Identity(target.cols)
    match x:
        case MatMul():
            factor, (first, *others) = S.split(x)
            if first.has(target) and not any(m.has(target) for m in others):
                R = carried_by(first, target)
                return S.scale(factor, times(R, S.joined(sp.S.One, others)) if others else R)
        case HadamardProduct():
            holding = [a for a in x.args if a.has(target)]
            others = [a for a in x.args if not a.has(target)]
            if len(holding) == 1 and others:
                return times(carried_by(holding[0], target), S.Diagonal(S.hadamard_of(others)))
        case MatAdd():
            return sum_of([carried_by(a, target) for a in x.args if a.has(target)])
        case S.Quotient() if x.args[0].has(target) and not x.args[1].has(target):
            a, b = x.args
            return times(carried_by(a, target), S.Diagonal(S.Quotient(S.ones(*b.shape), b)))
        case S.Beside():
            zeros = (S.zeros(target.cols, a.cols) for a in x.args)
            return S.beside(*[carried_by(a, target) if a.has(target) else zero for a, zero in zip(x.args, zeros)])
    raise NotImplementedError(f"paths: {target} does not go on as its rows times a matrix; trace.jacobian has the numbers")


def times(a: Any, b: Any) -> Any:
    """a b: an identity left out, diagonals that meet as one."""
    if isinstance(a, Identity):
        return b
    if isinstance(b, Identity):
        return a
    (p, left), (q, right) = S.split(a), S.split(b)
    if isinstance(left[-1], S.Diagonal) and isinstance(right[0], S.Diagonal):
        left, right = left[:-1], [S.Diagonal(S.hadamard(left[-1].args[0], right[0].args[0])), *right[1:]]
    return S.joined(p * q, [*left, *right])


def sum_of(matrices: list[Any]) -> Any:
    """The sum; of terms that are a diagonal times the same matrix one, of the sum of the diagonals."""
    found: dict[Any, list[Any]] = {}
    for m in matrices:
        _, (first, *others) = S.split(m)
        found.setdefault(tuple(others) if isinstance(first, S.Diagonal) else m, []).append(m)
    return S.add(*[alike[0] if len(alike) == 1 else _of_diagonals(alike) for alike in found.values()])


def _of_diagonals(matrices: list[Any]) -> Any:
    """The sum of products that differ in their first factor alone, a diagonal."""
    parts = [S.split(m) for m in matrices]
    diagonals = [S.scale(factor, first.args[0]) for factor, (first, *_) in parts]
    diagonals.sort(key=lambda x: S.split(x)[0].is_negative is True)  # h - h̃ rather than -h̃ + h
    return S.joined(sp.S.One, [S.Diagonal(_factored(diagonals)), *parts[0][1][1:]])


def _factored(xs: list[Any]) -> Any:
    """The sum of entrywise products, what all have in common outside the bracket: (h - h̃) ⊙ z ⊙ (1 - z)."""
    if len(xs) == 1:
        return xs[0]
    parts = []
    for x in xs:
        factor, matrices = S.split(x)
        whole = S.joined(sp.S.One, matrices)
        parts.append((factor, list(whole.args) if isinstance(whole, HadamardProduct) else [whole]))
    common = [m for m in parts[0][1] if all(m in own for _, own in parts)]
    if not common or any(len(own) == len(common) for _, own in parts):
        return S.add(*xs)
    left = []
    for factor, own in parts:
        left.append(S.scale(factor, S.hadamard_of([m for m in own if m not in common])))
    return HadamardProduct(S.add(*left), *common, evaluate=False)


def of_samples(x: Any, values: Values, t: int) -> np.ndarray:
    """The value of a Jacobian at step t, for every sample: (N, rows, columns)."""
    match x:
        case MatMul():
            factor, matrices = S.split(x)
            out = of_samples(matrices[0], values, t)
            for m in matrices[1:]:
                out = out @ of_samples(m, values, t)
            return out * float(factor)
        case MatAdd():
            return sum((of_samples(a, values, t) for a in x.args[1:]), of_samples(x.args[0], values, t))
        case S.Diagonal():
            rows = evaluate(x.args[0].xreplace({S.t: sp.Integer(t)}), values)
            size = int(x.shape[1].xreplace(values.sizes))
            return np.einsum("nm,mk->nmk", np.broadcast_to(rows, (len(rows), size)), np.eye(size))
        case S.Beside():
            parts = [of_samples(a, values, t) for a in x.args]
            return np.concatenate([np.broadcast_to(p, (max(map(len, parts)), *p.shape[1:])) for p in parts], axis=2)
        case Identity():
            return np.eye(int(x.shape[0].xreplace(values.sizes)))[None]
    return evaluate(x.xreplace({S.t: sp.Integer(t)}), values)[None]
