"""The complex step: dL/dw = Im L(w + iε) / ε, exact to rounding (Squire and Trapp, 1998).

Only the forward pass is run, on complex numbers, so it knows nothing of any vjp.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from ...engine.backprop import backprop
from ...engine.graph import Node, ancestors, replay
from ...engine.ops.basic import leaf, sum_all
from ...traces import Trace
from ..report import Row, error_in_eps

NAME = "complex step"
STEP = 1e-30
BUDGET = 20_000_000  # numbers computed for one parameter, past which random directions take the place of single entries
DIRECTIONS = 8
MAX_STEPS = 50  # of a long sequence, so many states are perturbed


def rows(trace: Trace) -> Iterator[Row]:
    """One row per parameter, and one for the states h_t of each layer, of a trace in float64."""
    assert trace.loss_node is not None
    order = _loss_order(trace)
    work = sum(node.value.size + 20 for node in order)  # of one run; a call costs as much as some 20 numbers
    for name, node in trace.parameters.items():
        gradient = trace.cotangents[node].value
        if node.value.size * work <= BUDGET:
            error = error_in_eps(gradient, _by_entry(trace, order, node), "float64")
            yield Row(f"dL/d{name}", NAME, "float64", error)
        else:
            error = _by_direction(trace, order, node, gradient)
            note = f"{DIRECTIONS} random directions through all {node.value.size} entries"
            yield Row(f"dL/d{name}", NAME, "float64", error, note)
    for name in trace.state_names:
        if any(n == f"dL/d{name}" for n, _ in trace.variables):
            yield _states(trace, order, name)


def second(trace: Trace) -> Iterator[Row]:
    """One row per parameter: uᵀ H v for random u and v, H the second derivative of the loss; the rules' own derivatives.

    Here the complex step goes through the backward pass too, so it trusts the first derivatives, which have rows of
    their own.
    """
    rng = np.random.default_rng(0)
    for name, node in trace.parameters.items():
        gradient = trace.cotangents[node]
        u, v = rng.choice([-1.0, 1.0], (2, *node.shape))
        along = sum_all(gradient * leaf(v))
        order = ancestors([along])
        found = backprop(along, [node], order)[node].value
        moved = replay(order, {node: node.value + 1j * STEP * u})[along]
        size = float(np.linalg.norm(found)) or 1.0
        off = abs(float(np.sum(found * u)) - float(np.imag(moved)) / STEP) / size / float(np.finfo("float64").eps)
        yield Row(f"d²L/d{name}²", NAME, "float64", off if np.isfinite(off) else np.inf, "between two random directions")


def _loss_order(trace: Trace) -> list[Node]:
    loss = trace.loss_node
    assert loss is not None
    return [node for node in trace.forward if node.serial <= loss.serial]


class _Bounded:
    """NumPy, with an exp of complex numbers that does not overflow: 1 / (1 + exp(800)) is 0, and so is its derivative."""

    def __getattr__(self, name: str) -> Any:
        return getattr(np, name)

    @staticmethod
    def exp(x: Any) -> Any:
        return np.exp(np.minimum(x.real, 700) + 1j * x.imag) if np.iscomplexobj(x) else np.exp(np.minimum(x, 700))


BOUNDED = _Bounded()


def _derivative(trace: Trace, order: list[Node], node: Node, direction: np.ndarray) -> float:
    """The derivative of the loss as `node` moves along `direction`, whatever it was computed from."""
    assert trace.loss_node is not None
    moved = {node: node.value + 1j * STEP * direction}
    with np.errstate(all="ignore"):
        loss = replay(order, moved)[trace.loss_node]
        if not np.isfinite(loss):
            loss = replay(order, moved, BOUNDED)[trace.loss_node]
    return float(np.imag(loss)) / STEP


def _by_entry(trace: Trace, order: list[Node], node: Node) -> np.ndarray:
    out = np.zeros(node.shape)
    for place in np.ndindex(*node.shape):
        direction = np.zeros(node.shape)
        direction[place] = 1
        out[place] = _derivative(trace, order, node, direction)
    return out


def _by_direction(trace: Trace, order: list[Node], node: Node, gradient: np.ndarray) -> float:
    """The worst error of gradient · direction over random signs, relative to the norm of the gradient, in eps."""
    rng = np.random.default_rng(0)
    worst = 0.0
    norm = float(np.linalg.norm(gradient)) or 1.0
    for _ in range(DIRECTIONS):
        direction = rng.choice([-1.0, 1.0], node.shape)
        difference = float(np.sum(gradient * direction)) - _derivative(trace, order, node, direction)
        worst = max(worst, abs(difference) / norm / float(np.finfo("float64").eps)) if np.isfinite(difference) else np.inf
    return worst


def _states(trace: Trace, order: list[Node], name: str) -> Row:
    """dL/dh_t along one random direction per step: h_t is moved and what follows is run again."""
    steps = sorted(s for n, s in trace.variables if n == f"dL/d{name}" and s is not None)
    chosen = steps if len(steps) <= MAX_STEPS else [steps[round(i)] for i in np.linspace(0, len(steps) - 1, MAX_STEPS)]
    rng = np.random.default_rng(0)
    ours, truth = [], []
    for t in chosen:
        node = trace.variables[name, t]
        direction = rng.choice([-1.0, 1.0], node.shape)
        ours.append(float(np.sum(trace.adjoint(name, t) * direction)))
        truth.append(_derivative(trace, order, node, direction))
    note = "one random direction at each " + ("step" if chosen == steps else f"of {len(chosen)} steps of {len(steps)}")
    return Row(f"dL/d{name}_t", NAME, "float64", error_in_eps(np.array(ours), np.array(truth), "float64"), note)
