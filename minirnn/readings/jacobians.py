"""How one state depends on another: dh_t/dh_k, its size for all t and k, and the bound on it.

The Jacobians are read off the graph, one row at a time, by pulling unit vectors back from h_t. The bound is that of
Pascanu, Mikolov and Bengio (2013): no longer than (γ σ_max(W_h))^(t-k), where γ is the steepest slope of the activation.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from ..backprop import depending_on, pull_back
from ..graph import Node, same
from ..ops import add, leaf, matmul, relu, sigmoid, softmax, tanh

if TYPE_CHECKING:
    from ..trace import Trace

SLOPES = {tanh: 1.0, relu: 1.0, same: 1.0, sigmoid: 0.25, softmax: 0.5}  # the largest norm of the activation's Jacobian


class JacobianNorms(NamedTuple):
    """‖dh_t/dh_k‖ in entry [t, k], counted from h_0; 0 where h_t does not depend on h_k, as for k > t."""

    norms: np.ndarray  # (T+1, T+1): the spectral norm, the largest of all samples
    bound: np.ndarray | None  # of the same shape: (γ σ_max(W_h))^(t-k); None where h_t is not f(… + h_{t-1} W_h)


def jacobian(trace: Trace, t: int, k: int, name: str | None = None) -> np.ndarray:
    """dh_t/dh_k of every sample, (N, M, M): entry [n, i, j] is dh_t[n, i] / dh_k[n, j], the total derivative.

    `name` says which states are meant where there are several, such as "h^2". The states of two samples do not depend on
    each other. KeyError if there is no such state or step.
    """
    name = _state(trace, name)
    trace.value(name, t), trace.value(name, k)  # raise where there is none
    return _back_from(trace, trace.variables[name, t], [trace.variables[name, k]])[0]


def jacobian_norms(trace: Trace, name: str | None = None) -> JacobianNorms:
    """The spectral norms of dh_t/dh_k for all t and k from 0 to T, and the bound beside them."""
    name = _state(trace, name)
    states = [trace.variables[name, t] for t in range(trace.steps + 1) if (name, t) in trace.variables]
    norms = np.zeros((len(states), len(states)))
    for t, node in enumerate(states):
        for k, J in enumerate(_back_from(trace, node, states)):
            norms[t, k] = np.linalg.norm(J.reshape(-1, *J.shape[-2:]), 2, axis=(1, 2)).max()
    return JacobianNorms(norms, _bound(states))


def _state(trace: Trace, name: str | None) -> str:
    names = trace.state_names
    if name is None and len(names) == 1:
        return names[0]
    if name is None:
        raise ValueError(f"the network has the states {', '.join(names)}: say which" if names else "there are no states h_t")
    return name


def _back_from(trace: Trace, node: Node, wrt: list[Node]) -> list[np.ndarray]:
    """d(node)/d(each of wrt), by one backward pass for each unit of the node."""
    order = trace.forward[: trace.forward.index(node) + 1]
    paths = depending_on(wrt, order)
    rows: list[list[np.ndarray]] = [[] for _ in wrt]
    for unit in range(node.shape[-1]):
        seed = np.zeros(node.shape, node.dtype)
        seed[..., unit] = 1
        cotangents = pull_back({node: [leaf(seed)]}, order, paths)
        for found, x in zip(rows, wrt):
            found.append(cotangents[x].value if x in cotangents else np.zeros(x.shape, x.dtype))
    return [np.stack(found, axis=-2) for found in rows]


def _bound(states: list[Node]) -> np.ndarray | None:
    """The product of γ σ_max over the steps from k to t."""
    bound = np.eye(len(states))
    for t in range(1, len(states)):
        W = _recurrent_kernel(states[t], states[t - 1])
        if W is None:
            return None
        bound[t, :t] = bound[t - 1, :t] * SLOPES[states[t].op] * np.linalg.norm(W.value, 2)
    return bound


def gradient_bound(trace: Trace, name: str) -> np.ndarray | None:
    """What ‖dL/dh_t‖ cannot exceed, for t from 1 to T: γ σ_max(W_h) times the bound of step t+1, plus the norm of what
    reaches h_t by other ways than h_{t+1}. None where h_t is not f(… + h_{t-1} W_h), or there is no loss.
    """
    states = [trace.variables[name, t] for t in range(trace.steps + 1) if (name, t) in trace.variables]
    if trace.loss is None or len(states) != trace.steps + 1:
        return None
    found = np.zeros(trace.steps)
    above = 0.0
    for t in range(trace.steps, 0, -1):
        other = trace.adjoint(name, t)
        if t < trace.steps:
            after = states[t + 1]
            W = _recurrent_kernel(after, states[t])
            if W is None or after.args[0] not in trace.cotangents:
                return None
            other = other - trace.cotangents[after.args[0]].value @ W.value.T
            above *= SLOPES[after.op] * float(np.linalg.norm(W.value, 2))
        above += float(np.linalg.norm(other))
        found[t - 1] = above
    return found


def _recurrent_kernel(h: Node, before: Node) -> Node | None:
    """W where h = f(… + before W), f of known slope and nothing else depending on `before`."""
    if h.op not in SLOPES:
        return None
    terms = list(_summands(h.args[0]))
    depending = depending_on([before], _between(terms, before))
    carrying = [term for term in terms if term in depending]
    if len(carrying) != 1 or carrying[0].op is not matmul:
        return None
    x, W = carrying[0].args
    return W if x is before and W not in depending else None


def _summands(z: Node) -> Iterable[Node]:
    waiting = [z]
    while waiting:
        node = waiting.pop()
        if node.op in (add, same):
            waiting.extend(node.args)
        else:
            yield node


def _between(terms: list[Node], before: Node) -> list[Node]:
    """What the terms were computed from since `before`, in order of creation."""
    found: set[Node] = set()
    waiting = list(terms)
    while waiting:
        node = waiting.pop()
        if node not in found and node.serial > before.serial:
            found.add(node)
            waiting.extend(node.args)
    return sorted(found, key=lambda node: node.serial)
