"""The total derivative as a sum over paths: ∂L/∂h_k = Σ_t ∂⁺L/∂h_t ∂h_t/∂h_k, ∂h_t/∂h_k a product of one-step Jacobians.

∂⁺ is the *immediate* derivative, the other states of the layer held fixed (Pascanu, Mikolov and Bengio, 2013); ∂ is the
*total* one. The one-step Jacobian is not written down: it is read off the recursion for the adjoints, as the matrix that
carries one into the next, and compared with the complex step.
Jacobians are of one sample n, rows for h_t, columns for h_{t-1}; diag_n puts row n of a matrix on a diagonal.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import sympy as sp
from sympy.matrices.expressions import HadamardProduct, Identity, MatAdd, MatMul

from ...engine.graph import replay
from ...engine.names import Name, Role
from . import matrix as S
from .build import Expressions, time_of
from .evaluate import Values, evaluate, residual

if TYPE_CHECKING:
    from ...engine.fold import Domain
    from ...run import Run

MAX_WORK = 1_000_000_000  # multiplications that the check of a sum over paths may take


class PathEquation(NamedTuple):
    """One equation about paths; `over` is (k, 1, T) where it holds for k from 1 to T."""

    name: str
    lhs: Any
    rhs: Any
    domain: Domain | None
    residual: float
    over: tuple[str, str, str] | None = None


def path_equations(trace: Run, expressions: Expressions, values: Values) -> Iterator[PathEquation]:
    """The equations of every recurrent layer, the last one first."""
    for name in reversed(trace.state_names):
        assert trace.loss_node is not None and trace.loss_node.name is not None
        loss, state = trace.loss_node.name, trace.names[name]
        z = pre_activation(trace, name)
        known = {family.name: family for family in expressions.folded.named}
        adjoint = state.derivative(loss)
        if adjoint not in known:
            raise ValueError(f"paths: no parameter reaches the loss through {name}")
        delta = next((n for n in known if z is not None and n is not None and n.of == loss and n.quantity == z), None)
        if delta is None:
            raise NotImplementedError(
                f"paths: {name} is no activation of a pre-activation, as in SimpleRNN; trace.jacobian has the numbers"
            )
        if any((name, t) not in trace.variables for t in range(1, trace.steps + 1)):
            raise NotImplementedError(f"paths: {name} is not used at every step; trace.jacobian has the numbers")
        shape = expressions.shapes[known[adjoint].index]
        assert shape is not None
        yield from _layer(trace, expressions, values, state, known[adjoint], known[delta], shape)


def pre_activation(trace: Run, state: str) -> Name | None:
    """The pre-activation that `state` is an activation of; None if it is another function."""
    h = trace.variables[state, trace.steps]
    z = h.args[0] if h.args else h
    return z.name if z.role is Role.PRE_ACTIVATION and z.step == h.step else None


def _layer(
    trace: Run, expressions: Expressions, values: Values, name: Name, adjoint: Any, delta: Any, shape: Any
) -> Iterator[PathEquation]:
    T, units = expressions.folded.T, shape[1]
    direct = name.derivative(adjoint.name.of, immediate=True)
    samples, size = trace.variables[str(name), 1].shape
    if max(T * T * samples * size**3, T * size * len(trace.forward) * 20) > MAX_WORK:
        raise ValueError(f"paths: {T} steps of {size} units are too many to follow every path: take a shorter sequence")
    own = S.quantity(delta.name, shape, S.t + 1)
    arriving: dict[Any, Any] = {}  # what reaches h_t from outside its own recurrence, by domain
    recurrent = None
    for definition in adjoint.definitions:
        terms = S.terms(expressions.expression(definition))
        rest = [term for term in terms if not term.has(own)]
        recurrent = recurrent or next((term for term in terms if term.has(own)), None)
        if rest:
            arriving[definition.domain] = S.add(*rest)
    if recurrent is None:
        return
    G = S.quantity(adjoint.name, shape, S.t)
    inner = _carried(expressions.expression(delta.definitions[0]), G)
    outer = _carried(recurrent.xreplace({S.t: S.t - 1}), own.xreplace({S.t: S.t - 1}))
    one_step = _times(inner, outer)
    immediate = S.StateJacobian(name, S.t, S.t - 1, units, "immediate")
    everything = expressions.folded.family(str(name)).definitions[-1].domain
    numeric = {t: _per_sample(one_step, values, t) for t in range(1, T + 1)}
    yield PathEquation(
        str(name.derivative(name, immediate=True)), immediate, one_step, everything, _check_steps(trace, name, numeric)
    )
    s, k = sp.Symbol("s", integer=True), sp.Symbol("k", integer=True)
    product = S.StateProduct(S.StateJacobian(name, s, s - 1, units, "immediate"), s, k + 1, S.t)
    carried = _products(numeric, T)
    whole = S.StateJacobian(name, S.t, k, units, "total")
    error = _check_products(trace, name, carried)
    yield PathEquation(str(name.derivative(name)), whole, product, None, error, ("k", "0", "t"))
    for domain, rhs in arriving.items():
        lhs = S.quantity(direct, shape, S.t)
        if domain is not None and domain.lo == domain.hi:
            only = {S.t: time_of(domain.lo)}
            lhs, rhs = lhs.xreplace(only), rhs.xreplace(only)
        yield PathEquation(str(direct), lhs, rhs, domain, 0.0)  # its name is given here
    steps = sorted({t for domain in arriving if domain for t in domain.steps(T)})
    lhs = S.quantity(adjoint.name, shape, k)
    last = steps == [T]
    at = S.T if last else S.bound
    term = S.joined(sp.S.One, [S.quantity(direct, shape, at), S.StateJacobian(name, at, k, units, "total")])
    total = term if last else S.TimeSum(term, k, S.T)
    error = _check_total(trace, name, arriving, values, carried, T)
    yield PathEquation(str(adjoint.name), lhs, total, None, error, ("k", "1", "T"))


def _times(a: Any, b: Any) -> Any:
    """a b, an identity left out."""
    return b if isinstance(a, Identity) else a if isinstance(b, Identity) else S.matmul(a, b)


def _carried(x: Any, target: Any) -> Any:
    """The matrix R with x_n = target_n R for every sample n, where x is linear in `target`."""
    if x == target:
        return Identity(target.cols)
    match x:
        case MatMul():
            factor, (first, *others) = S.split(x)
            if first.has(target) and not any(m.has(target) for m in others):
                return S.scale(
                    factor, _times(_carried(first, target), S.joined(sp.S.One, others) if others else Identity(1))
                )
        case HadamardProduct():
            holding = [a for a in x.args if a.has(target)]
            others = [a for a in x.args if not a.has(target)]
            if len(holding) == 1 and others:
                weight = others[0] if len(others) == 1 else HadamardProduct(*others, evaluate=False)
                return _times(_carried(holding[0], target), S.Diagonal(weight))
        case MatAdd():
            return MatAdd(*[_carried(a, target) for a in x.args], evaluate=False)
    raise NotImplementedError(f"paths: what reaches {target} is more than one product, as with masks: see trace.jacobian")


def _per_sample(x: Any, values: Values, t: int) -> np.ndarray:
    """The value of a Jacobian at step t, for every sample: (N, rows, columns)."""
    match x:
        case MatMul():
            factor, matrices = S.split(x)
            out = _per_sample(matrices[0], values, t)
            for m in matrices[1:]:
                out = out @ _per_sample(m, values, t)
            return out * float(factor)
        case MatAdd():
            return sum((_per_sample(a, values, t) for a in x.args[1:]), _per_sample(x.args[0], values, t))
        case S.Diagonal():
            rows = evaluate(x.args[0].xreplace({S.t: sp.Integer(t)}), values)
            return np.einsum("nm,mk->nmk", rows, np.eye(rows.shape[1]))
        case Identity():
            return np.eye(int(x.shape[0].xreplace(values.sizes)))[None]
    return evaluate(x.xreplace({S.t: sp.Integer(t)}), values)[None]


def _products(numeric: dict[int, np.ndarray], T: int) -> dict[tuple[int, int], np.ndarray]:
    """dh_t/dh_k for all k <= t, as plain products."""
    N, M = numeric[1].shape[0], numeric[1].shape[1]
    found: dict[tuple[int, int], np.ndarray] = {}
    for k in range(T + 1):
        found[k, k] = np.broadcast_to(np.eye(M), (N, M, M))
        for t in range(k + 1, T + 1):
            found[t, k] = numeric[t] @ found[t - 1, k]
    return found


def _moved(trace: Run, name: Name, start: int, unit: int) -> dict[Any, np.ndarray]:
    """The network run again with unit `unit` of h_start moved a little, along the imaginary axis: an outside witness."""
    node = trace.variables[str(name), start]
    move = np.zeros(node.shape)
    move[:, unit] = 1e-30
    return replay(trace.forward, {node: node.value + 1j * move})


def _check_steps(trace: Run, name: Name, numeric: dict[int, np.ndarray]) -> float:
    """The one-step Jacobians against the complex step."""
    errors = []
    for t, ours in numeric.items():
        moved = [_moved(trace, name, t - 1, unit) for unit in range(ours.shape[2])]
        truth = np.stack([np.imag(found[trace.variables[str(name), t]]) / 1e-30 for found in moved], axis=2)
        errors.append(residual(np.broadcast_to(ours, truth.shape), truth))
    return max(errors)


def _check_products(trace: Run, name: Name, carried: dict[tuple[int, int], np.ndarray]) -> float:
    """The products against the complex step, from the first state to the last."""
    T = max(t for t, _ in carried)
    moved = [_moved(trace, name, 0, unit) for unit in range(carried[T, 0].shape[2])]
    truth = np.stack([np.imag(found[trace.variables[str(name), T]]) / 1e-30 for found in moved], axis=2)
    return residual(np.broadcast_to(carried[T, 0], truth.shape), truth)


def _check_total(
    trace: Run, name: Name, arriving: dict[Any, Any], values: Values, carried: dict[tuple[int, int], np.ndarray], T: int
) -> float:
    """The sum over paths against the traced adjoints, at every step."""
    immediate = {}
    for domain, rhs in arriving.items():
        for t in domain.steps(T):
            at = rhs.xreplace({S.t: sp.Integer(t)})
            immediate[t] = np.broadcast_to(evaluate(at, values), trace.variables[str(name), t].shape)
    errors = []
    for k in range(1, T + 1):
        total = sum(np.einsum("nm,nmk->nk", g, carried[t, k]) for t, g in immediate.items() if t >= k)
        errors.append(residual(np.asarray(total), trace.adjoint(str(name), k)))
    return max(errors)
