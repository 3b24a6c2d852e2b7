"""How one state depends on another: dh_t/dh_k, its size for all t and k, and the bound on it.

The Jacobians are read off the graph, one row at a time, by pulling unit vectors back from h_t. The bound is that of
Pascanu, Mikolov and Bengio (2013): no longer than (γ σ_max(W_h))^(t-k), where γ is the steepest slope of the activation.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from ...engine.backprop import depending_on, pull_back
from ...engine.graph import Node, same
from ...engine.ops.basic import add, leaf, matmul, relu, sigmoid, softmax, tanh

if TYPE_CHECKING:
    from ...run import Run

SLOPES = {tanh: 1.0, relu: 1.0, same: 1.0, sigmoid: 0.25, softmax: 0.5}  # the largest norm of the activation's Jacobian


class JacobianNorms(NamedTuple):
    """‖dh_t/dh_k‖ in entry [t, k], counted from h_0; 0 where h_t does not depend on h_k, as for k > t.

    Of a layer that runs backwards they are counted from h_1, to its initial state h_{T+1}.
    """

    norms: np.ndarray  # (T+1, T+1): the spectral norm, the largest of all samples
    bound: np.ndarray | None  # of the same shape: (γ σ_max(W_h))^(t-k); None where h_t is not f(… + h_{t-1} W_h)


def jacobian(trace: Run, t: int, k: int, name: str | None = None) -> np.ndarray:
    """dh_t/dh_k of every sample, (N, M, M): entry [n, i, j] is dh_t[n, i] / dh_k[n, j], the total derivative.

    `name` says which states are meant where there are several, such as "h^2". The states of two samples do not depend on
    each other. KeyError if there is no such state or step.
    """
    name = _state(trace, name)
    trace.value(name, t), trace.value(name, k)  # raise where there is none
    return _back_from(trace, trace.variables[name, t], [trace.variables[name, k]])[0]


def jacobian_norms(trace: Run, name: str | None = None) -> JacobianNorms:
    """The spectral norms of dh_t/dh_k for all t and k from 0 to T, and the bound beside them."""
    name = _state(trace, name)
    states = [
        node for node in trace.forward if node.name is not None and str(node.name) == name
    ]  # in the order of computation
    norms = np.zeros((len(states), len(states)))
    for t, all_J in enumerate(_one_after_the_other(trace, states) or _each(trace, states)):
        norms[t, : len(all_J)] = [_largest(J) for J in all_J]
    bound = _bound(states)
    by_step = np.ix_(*[sorted(range(len(states)), key=lambda i: states[i].step or 0)] * 2)
    return JacobianNorms(norms[by_step], None if bound is None else bound[by_step])


def _largest(J: np.ndarray) -> float:
    """The largest spectral norm of all samples; most are spared, for none is above its Frobenius norm, which is cheap."""
    matrices = J.reshape(-1, *J.shape[-2:])
    above = np.linalg.norm(matrices, axis=(1, 2))
    largest = 0.0
    for i in np.argsort(-above):
        if above[i] <= largest:
            break
        largest = max(largest, float(np.linalg.norm(matrices[i], 2)))
    return largest


def _each(trace: Run, states: list[Node]) -> Iterator[list[np.ndarray]]:
    """dh_t/dh_k for all k, step by step."""
    return (_back_from(trace, node, states) for node in states)


def _one_after_the_other(trace: Run, states: list[Node]) -> Iterator[list[np.ndarray]] | None:
    """The same for k ≤ t as products of one-step Jacobians; None where a state depends on more than the one before."""
    depending = depending_on(states, trace.forward)
    pairs = list(itertools.pairwise(states))
    between = [_between([h], before) for before, h in pairs]
    for (before, h), nodes in zip(pairs, between):
        inside = {before, *nodes}
        if h.serial < before.serial or any(a in depending and a not in inside for n in nodes for a in n.args):
            return None
    steps = [_back_from(trace, h, [before], [before, *nodes])[0] for (before, h), nodes in zip(pairs, between)]
    return _products(np.broadcast_to(np.eye(states[0].shape[-1]), (*states[0].shape, states[0].shape[-1])), steps)


def _products(identity: np.ndarray, steps: list[np.ndarray]) -> Iterator[list[np.ndarray]]:
    found = [identity]
    yield found
    for J in steps:
        found = [*(J @ so_far for so_far in found), identity]
        yield found


def _state(trace: Run, name: str | None) -> str:
    names = trace.state_names
    if name is None and len(names) == 1:
        return names[0]
    if name is None:
        raise ValueError(f"the network has the states {', '.join(names)}: say which" if names else "there are no states h_t")
    return name


def _back_from(trace: Run, node: Node, wrt: list[Node], order: list[Node] | None = None) -> list[np.ndarray]:
    """d(node)/d(each of wrt), by one backward pass through `order` for each unit of the node."""
    order = order or trace.forward[: trace.forward.index(node) + 1]
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


def gradient_bound(trace: Run, name: str) -> np.ndarray | None:
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
