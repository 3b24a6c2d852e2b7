"""The complex step: dL/dw = Im L(w + iε) / ε, exact to rounding (Squire and Trapp, 1998).

Only the forward pass is run, on complex numbers and in float64 throughout, so it knows nothing of any vjp.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from ...displays import watched
from ...engine.backprop import backprop
from ...engine.complex_numbers import BOUNDED, STEP
from ...engine.graph import Node, ancestors
from ...engine.ops import leaf, sum_all
from ...engine.precision import widened
from ...engine.replay import replay
from ...runs.run import Run
from .. import kinks
from ..report import Judge, Row, Unheard, derivative, states, witness

NAME = "complex step"
BUDGET = 8_000_000  # numbers computed for one parameter, past which random directions take the place of single entries
DIRECTIONS, LEAST_DIRECTIONS = 8, 2  # of a long sequence fewer
MAX_STEPS, LEAST_STEPS = 50, 8  # of a long sequence, so many states are perturbed


@witness(lambda trace: [("gradients", NAME)])
def rows(trace: Run) -> Iterator[Row]:
    """One row per parameter, and one for the states h_t of each layer."""
    if trace.loss_node is None:
        raise Unheard("there is no loss: trace with a target")
    judge, moved = Judge(trace), _Moved(trace)
    for name, node in watched(trace.parameters.items(), NAME, len(trace.parameters)):
        gradient = trace.cotangents[node]
        if node.value.size * moved.work <= BUDGET:
            truth = moved.by_entry(node)[None]
            yield kinks.judged(judge, trace, node, derivative(trace, name), NAME, truth, lambda g: g[None])
        else:
            count = max(LEAST_DIRECTIONS, min(DIRECTIONS, BUDGET // moved.work))
            note = f"{count} random directions through all {node.value.size} entries"
            yield along(judge, derivative(trace, name), NAME, gradient, lambda v, n=node: moved(n, v), note, count)  # type: ignore[misc]
    for name in states(trace):
        nodes = [n for (known, step), n in trace.variables.items() if known == name and step is not None]
        if any(n in trace.cotangents for n in nodes):
            yield _states(trace, judge, moved, name)


def along(
    judge: Judge, quantity: str, witness: str, gradient: Node, moved: Callable[[np.ndarray], float], note: str, count: int
) -> Row:
    """The worst error of gradient · direction over so many random signs, relative to the norm of the gradient."""
    rng = np.random.default_rng(0)
    directions = rng.choice([-1.0, 1.0], (count, *gradient.shape))
    size = float(np.linalg.norm(gradient.value)) or 1.0
    ours = [float(np.sum(gradient.value * each)) / size for each in directions]
    truth = [moved(each) / size for each in directions]
    return judge.row(quantity, witness, [gradient], np.array([*truth, 1.0]), np.array([*ours, 1.0]), note)


def second(trace: Run) -> Iterator[Row]:
    """One row per parameter: uᵀ H v for random u and v, H the second derivative of the loss; the rules' own derivatives.

    Here the complex step goes through the backward pass too, so it trusts the first derivatives, which have rows of
    their own.
    """
    rng, judge = np.random.default_rng(0), Judge(trace)
    for name, node in trace.parameters.items() if trace.loss_node is not None else ():
        gradient = trace.cotangents[node]
        u, v = rng.choice([-1.0, 1.0], (2, *node.shape))
        along_v = sum_all(gradient * leaf(v.astype(gradient.dtype)))
        order = ancestors([along_v])
        found = backprop(along_v, [node], order)[node]
        wide = widened(order)
        moved = replay(dict.fromkeys(wide.values()), {wide[node]: wide[node].value + 1j * STEP * u})[wide[along_v]]
        size = float(np.linalg.norm(found.value)) or 1.0
        ours, truth = float(np.sum(found.value * u)) / size, float(np.imag(moved)) / STEP / size
        dtype = judge.precision([gradient])
        off = abs(ours - truth) / float(np.finfo(dtype).eps)
        off = off if np.isfinite(off) else np.inf
        yield Row(
            f"d²{trace.names[trace.derivative(name)].of}/d{name}²",
            NAME,
            dtype,
            off,
            "between two random directions",
            nodes=(found,),
        )


class _Moved:
    """The derivative of the loss as a node moves, whatever it was computed from."""

    def __init__(self, trace: Run) -> None:
        loss = trace.loss_node
        assert loss is not None
        self._wide = widened([node for node in trace.forward if node.serial <= loss.serial])
        self._loss, self._order = self._wide[loss], list(dict.fromkeys(self._wide.values()))
        with np.errstate(all="ignore"):
            self._values = replay(self._order, {})  # anew: a value that an operation would not compute is noticed
        self._known: tuple[Node, list[Node], dict[Node, np.ndarray]] | None = None
        self.work = sum(n.value.size + 20 for n in self._order)  # of one run; a call costs as much as some 20 numbers

    def _after(self, node: Node) -> tuple[list[Node], dict[Node, np.ndarray]]:
        """What follows from a node, and the values of what else that needs; kept, as a node is moved many times."""
        if self._known is None or self._known[0] is not node:
            follows = {node: None}
            for n in self._order:
                if not follows.keys().isdisjoint(n.args):
                    follows[n] = None
            del follows[node]
            beside = {a: self._values[a] for n in follows for a in n.args if a not in follows}
            self._known = node, [*follows], beside
        return self._known[1:]

    def __call__(self, node: Node, direction: np.ndarray, numpy: Any = None) -> float:
        if node not in self._wide:  # a weight that nothing was computed from
            return 0.0
        new = self._wide[node]
        follows, beside = self._after(new)
        values = beside | {new: new.value + 1j * STEP * direction}
        with np.errstate(all="ignore"):
            loss = replay(follows, values, numpy).get(self._loss, self._loss.value)
            if not np.isfinite(loss):
                loss = replay(follows, values, BOUNDED)[self._loss]
        return float(np.imag(loss)) / STEP

    def by_entry(self, node: Node) -> np.ndarray:
        out = np.zeros(node.shape)
        for place in np.ndindex(*node.shape):
            direction = np.zeros(node.shape)
            direction[place] = 1
            out[place] = self(node, direction)
        return out


def _states(trace: Run, judge: Judge, moved: _Moved, name: str) -> Row:
    """dL/dh_t along one random direction per step: h_t is moved and what follows is run again."""
    steps = sorted(
        s for n, s in trace.variables if n == name and s is not None and trace.variables[n, s] in trace.cotangents
    )
    chosen = _spread(steps, max(LEAST_STEPS, min(MAX_STEPS, 2 * BUDGET // moved.work)))
    rng = np.random.default_rng(0)
    nodes = [trace.variables[name, t] for t in chosen]
    directions = [rng.choice([-1.0, 1.0], node.shape) for node in nodes]
    found = [trace.cotangents[n] for n in nodes]
    size = max(float(np.linalg.norm(g.value)) for g in found) or 1.0  # a sum along a direction may cancel: this does not
    ours = [float(np.sum(g.value * v)) / size for g, v in zip(found, directions)]
    truth = [moved(n, v, BOUNDED) / size for n, v in zip(nodes, directions)]
    note = "one random direction at each " + ("step" if chosen == steps else f"of {len(chosen)} steps of {len(steps)}")
    return judge.row(f"{derivative(trace, name)}_t", NAME, found, np.array([*truth, 1.0]), np.array([*ours, 1.0]), note)


def _spread(steps: Sequence[int], count: int) -> list[int]:
    """All steps of a short sequence; of a long one the first, the last and some between them."""
    if len(steps) <= count:
        return [*steps]
    return [steps[round(i)] for i in np.linspace(0, len(steps) - 1, count)]
