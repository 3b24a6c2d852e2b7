"""The bound on how states depend on each other, and so on the gradients that go back through them.

It is that of Pascanu, Mikolov and Bengio (2013): no longer than (γ σ_max(W_h))^(t-k), where γ is the steepest slope of the
activation.
"""

from __future__ import annotations

import itertools
import operator
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from ...engine.backprop import contribution, depending_on
from ...engine.components import reached
from ...engine.graph import Node, same
from ...engine.ops import (
    add,
    clip,
    complement,
    divide,
    erf,
    leaf,
    matmul,
    multiply,
    negative,
    relu,
    scale,
    shift,
    sigmoid,
    softmax,
    subtract,
    tanh,
    where,
)
from ...engine.rules import EACH

if TYPE_CHECKING:
    from ...runs.run import Run

States = Sequence[tuple[Node, ...]]  # all states side by side, at every step
serial_of = operator.attrgetter("serial")
SLOPES = {tanh: 1.0, relu: 1.0, same: 1.0, sigmoid: 0.25, softmax: 0.5}  # the largest norm of the activation's Jacobian


def bound_of(states: States) -> np.ndarray | None:
    """‖B_t ⋯ B_{k+1}‖ of the bounds of single steps; None where an operation on the way has none."""
    steps = [_bound_of_step(before, after) for before, after in itertools.pairwise(states)]
    bound = np.eye(len(states))
    for k in range(len(steps)):
        product = np.eye(len(states[0]))
        for t in range(k, len(steps)):
            step = steps[t]
            if step is None:
                return None
            product = step @ product
            bound[t + 1, k] = np.linalg.norm(product, 2)
    return bound


def _bound_of_step(before: tuple[Node, ...], after: tuple[Node, ...]) -> np.ndarray | None:
    """Entry [i, j] is what ‖d(after_i)/d(before_j)‖ cannot exceed: by the rules of sums, products and slopes.

    A product of two that both depend on the state, f ⊙ c, has the largest entries of each in this run for a factor; so of a
    matrix of blocks no block, and the matrix itself not more than that of these norms.
    """
    found: dict[Node, np.ndarray] = dict(zip(before, np.eye(len(before))))
    for node in between(after, min(before, key=serial_of)):
        if node in found:
            continue
        known = [found.get(x) for x in node.args]
        reached = [part for part in known if part is not None]
        if not reached:
            continue
        factors = _factors(node)
        if factors is None:
            return None
        total = sum(factor * part for factor, part in zip(factors, known, strict=True) if part is not None)
        found[node] = np.asarray(total) if node.op is not where else np.max(reached, axis=0)  # whole samples are chosen
    return np.stack([found.get(x, np.zeros(len(before))) for x in after])


def _factors(node: Node) -> list[float] | None:
    """How many times a change of each operand the change of the result can be; None where that is not known."""
    sizes = [float(np.abs(x.value).max(initial=0)) for x in node.args]
    match node.op:
        case op if op in SLOPES:
            return [SLOPES[op]]
        case op if op in (add, subtract, shift, complement, negative, where, clip):
            return [1.0] * len(node.args)
        case op if op is scale:
            return [abs(node.attrs["p"])]
        case op if op is multiply:
            return sizes[::-1]
        case op if op is divide:
            a, b = (np.asarray(x.value) for x in node.args)
            return [float(np.max(np.abs(1 / b), initial=0)), float(np.max(np.abs(a / b**2), initial=0))]
        case op if (op.entry is EACH or op is erf) and len(node.args) == 1:  # of every entry
            # the steepest slope in this run
            slope = contribution(leaf(np.ones(node.shape, node.dtype)), node, 0)
            return [0.0 if slope is None else float(np.abs(slope.value).max(initial=0))]
        case op if op is matmul:
            return [float(np.linalg.norm(node.args[1].value, 2)), np.inf]
    return None


def stretch(trace: Run, name: str) -> tuple[Node, float, float] | None:
    """The recurrent kernel, γ and σ_max of the step back along a state; None where h_t is not f(… + h_{t-1} W_h)."""
    states = sorted((n for (key, _), n in trace.variables.items() if key == name and n.args), key=serial_of)
    for before, after in itertools.pairwise(states):
        W = _recurrent_kernel(after, before)
        if W is not None:
            return W, SLOPES[after.op], float(np.linalg.norm(W.value, 2))
    return None


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
    depending = depending_on([before], between(terms, before))
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


def between(terms: Iterable[Node], before: Node) -> list[Node]:
    """What the terms were computed from since `before`, in order of creation."""

    def later(nodes: Iterable[Node]) -> list[Node]:
        return [node for node in nodes if node.serial > before.serial]

    return sorted(reached(later(terms), lambda node: later(node.args)), key=serial_of)
