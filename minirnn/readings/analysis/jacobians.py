"""How one state depends on another: dh_t/dh_k, its size for all t and k, and the bound on it.

The Jacobians are read off the graph, one row at a time, by pulling unit vectors back from h_t. The bound is that of
Pascanu, Mikolov and Bengio (2013): no longer than (γ σ_max(W_h))^(t-k), where γ is the steepest slope of the activation;
of a cell with gates, and of several layers, it is put together in the same way from all operations of a step.
"""

from __future__ import annotations

import itertools
from collections.abc import Collection, Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from ...displays import Table, Text, html, watched
from ...engine.backprop import contribution, depending_on, pull_back
from ...engine.components import reached
from ...engine.graph import Node
from ...engine.ops import leaf
from ...network.naming import no_such
from .bounds import States, between, bound_of, serial_of

if TYPE_CHECKING:
    from ...runs.run import Run


MOST = 4096  # numbers of a state whose samples cannot be told apart


class JacobianNorms(NamedTuple):
    """‖dh_t/dh_k‖ in entry [t, k], counted from h_0; 0 where h_t does not depend on h_k, as for k > t.

    Of a layer that runs backwards they are counted from h_1, to its initial state h_{T+1}.
    """

    norms: np.ndarray  # (T+1, T+1): the spectral norm, the largest of all samples
    bound: np.ndarray | None  # of the same shape: (γ σ_max(W_h))^(t-k) of h_t = f(… + h_{t-1} W_h); None where none is known

    def _end(self) -> tuple[int, int, int]:
        """The row of the state that is computed last, its step, and the step of the first column."""
        backwards = bool(np.any(np.triu(self.norms, 1)))  # earlier states depend on later ones
        return (0, 1, 1) if backwards else (len(self.norms) - 1, len(self.norms) - 1, 0)

    def __repr__(self) -> str:
        row, last, first = self._end()
        k = len(self.norms) - 1 if row == 0 else 0
        there = "no bound is known" if self.bound is None else f"bound {self.bound[row, k]:.3g}"
        return f"<norms of dh_t/dh_k: ‖dh_{last}/dh_{k + first}‖ = {self.norms[row, k]:.3g}, {there}>"

    def _repr_html_(self) -> str:
        row, last, first = self._end()
        bounds = ["–"] * len(self.norms) if self.bound is None else [f"{b:.3g}" for b in self.bound[row]]
        rows = [(str(k), f"{norm:.3g}", b) for k, (norm, b) in enumerate(zip(self.norms[row], bounds), start=first)]
        says = f"How much the state that is computed last, h_{last}, depends on each; norms has those of all pairs."
        return html([Text(says), Table(("k", f"‖∂h_{last}/∂h_k‖", "bound"), rows)])


def jacobian(trace: Run, t: int, k: int, name: str | None = None) -> np.ndarray:
    """dh_t/dh_k, the total derivative: entry [n, i, j] is dh_t[n, i] / dh_k[n, j] of sample n.

    (N, M, M) where a state has samples, in its rows or in its columns; (M, M) of a vector (M,) or a column (M, 1).

    - `t`, `k`: the steps of the state that depends, and of the one it depends on
    - `name`: which state is meant; without one, of several, it is the whole state, h and c side by side, and what it depends
      on at step k is all that is side by side there

    KeyError if there is no such state or step.
    """
    names = [name] if name is not None else _whole(trace, (t, k))
    later, earlier = ([_node(trace, each, step) for each in names] for step in (t, k))
    order = [node for node in trace.forward if node.serial <= max(node.serial for node in later)]
    layouts = [_layout(trace, each) for each in names]
    return _back_from(later, earlier, order, layouts)


def jacobian_norms(trace: Run, name: str | None = None) -> JacobianNorms:
    """The spectral norms of dh_t/dh_k for all t and k from 0 to T, and the bound beside them.

    - `name`: which state is meant; without one, of several, the whole state
    """
    names = [name] if name is not None else _whole(trace)
    found = [{n.step: n for n in _steps(trace, each)} for each in names]
    common = [step for step in found[0] if all(step in each for each in found)]
    states = [tuple(each[step] for each in found) for step in common]  # of each step, in the order of computation
    layouts = [_layout(trace, each) for each in names]
    norms = np.zeros((len(states), len(states)))
    chain = _one_after_the_other(trace, states, layouts)
    steps = watched(_each(trace, states, layouts) if chain is None else chain, "Jacobians", len(states))
    for t, all_J in enumerate(steps):
        norms[t, : len(all_J)] = _largest(all_J)
    bound = None if chain is None else bound_of(states)
    by_step = np.ix_(*[sorted(range(len(states)), key=lambda i: states[i][0].step or 0)] * 2)
    return JacobianNorms(norms[by_step], None if bound is None else bound[by_step])


def _whole(trace: Run, steps: Collection[int] = ()) -> list[str]:
    """All states, where they run through the steps the same way; a loss that is summed on the way is none of them.

    Of several that have not all these `steps`, an encoder's and a decoder's, those that have them.
    """
    loss = trace.loss_node
    names = [name for name in trace.state_names if loss is None or name != str(loss.name)]
    if not names:
        raise ValueError("there are no states h_t")
    names = [name for name in names if all((name, step) in trace.variables for step in steps)] or names
    names.sort(key=lambda name: _steps(trace, name)[0].serial)  # by their initial states: h before c
    ways = {(_steps(trace, name)[-1].step or 0) > (_steps(trace, name)[0].step or 0) for name in names}
    if len(ways) > 1:
        raise ValueError(f"the states {', '.join(names)} run through the steps in opposite directions: say which is meant")
    samples = {len(_units(_steps(trace, name)[-1].value, _layout(trace, name))) for name in names}
    if len(samples) > 1:
        raise ValueError(f"the states {', '.join(names)} have not as many samples as each other: say which is meant")
    return names


def _steps(trace: Run, name: str) -> list[Node]:
    """A state at all steps at which there is one, in the order of computation. KeyError if there is none."""
    found = sorted((n for (known, _), n in trace.variables.items() if known == name), key=serial_of)
    if not found:
        trace.value(name)  # raises
    return found


def _node(trace: Run, name: str, step: int) -> Node:
    if (name, step) not in trace.variables:
        raise KeyError(no_such(name, step, trace.variables, trace.names))
    return trace.variables[name, step]


# --------------------------------------------------------------------------------------------- samples and units of a state


def _layout(trace: Run, name: str) -> int | None:
    """Along which axis of a state the samples are; None of a vector, and where all numbers depend on each other.

    Samples do not depend on each other: what goes back from one of them to the step before reaches that one alone.
    """
    states = _steps(trace, name)
    shape = states[-1].shape
    if "N" in (dims := tuple(map(str, states[-1].dims))):
        return dims.index("N")
    if len(shape) != 2 or 1 in shape or len(states) < 2:
        return (0 if shape[0] == 1 or len(states) < 2 else 1) if len(shape) == 2 else None
    before, after = states[-2:]
    for axis in (0, 1):
        seed = np.zeros(shape, after.dtype)
        one = (0,) if axis == 0 else (slice(None), 0)
        seed[one] = np.random.default_rng(0).uniform(1, 2, seed[one].shape)
        found = pull_back({after: [leaf(seed)]}, [before, *between([after], before)], depending_on([before], trace.forward))
        others = np.delete(found[before].value, 0, axis) if before in found else np.zeros(())
        if not np.any(others):
            return axis
    return None


def _units(value: np.ndarray, axis: int | None) -> np.ndarray:
    """(N, M): the samples of a state and the units of each."""
    return np.moveaxis(value, axis, 0).reshape(value.shape[axis], -1) if axis is not None else value.reshape(1, -1)


def _back_from(nodes: Sequence[Node], wrt: Sequence[Node], order: list[Node], layouts: Sequence[int | None]) -> np.ndarray:
    """d(nodes)/d(all of wrt), one below the other; see `jacobian` for the shape.

    Several that stand side by side do not pass on what they are reached by, for each is a variable of its own.
    """
    return np.concatenate([_rows(node, wrt, order, layouts, len(wrt) > 1) for node in nodes], axis=-2)


def _rows(
    node: Node, wrt: Sequence[Node], order: list[Node], layouts: Sequence[int | None], side_by_side: bool
) -> np.ndarray:
    """Those of one node, by one backward pass through `order` for each of its units."""
    paths = depending_on(wrt, order)
    axis = next(a for x, a in zip(wrt, layouts) if x.name == node.name)
    place = np.arange(node.value.size).reshape(node.shape)
    columns = _units(place, axis)
    if columns.shape[1] > MOST:
        raise NotImplementedError(f"{node.name} is of shape {node.shape}, too large where no samples can be told apart")

    def stopping(g: Node, y: Node, position: int) -> Node | None:
        return None if y in wrt else contribution(g, y, position)

    rows = []
    for unit in range(columns.shape[1]):
        seed = np.zeros(node.value.size, node.dtype)
        seed[columns[:, unit]] = 1
        found = pull_back({node: [leaf(seed.reshape(node.shape))]}, order, paths, rule=stopping if side_by_side else None)
        parts = [found[x].value if x in found else np.zeros(x.shape, x.dtype) for x in wrt]
        rows.append(np.concatenate([_units(part, a) for part, a in zip(parts, layouts)], axis=1))
    J = np.stack(rows, axis=1)
    return J[0] if node.ndim == 1 or (node.ndim == 2 and axis != 0 and len(J) == 1) or axis is None else J


def _largest(J: np.ndarray) -> np.ndarray:
    """The largest spectral norm of all samples, for each of some Jacobians ([N,] M, M).

    Most are spared, for none is above its Frobenius norm, which is cheap.
    """
    J = J.reshape(len(J), -1, *J.shape[-2:])
    above = np.linalg.norm(J, axis=(-2, -1))
    largest = np.zeros(len(J))
    for samples in np.argsort(-above, axis=1).T:
        left = np.flatnonzero(above[np.arange(len(J)), samples] > largest)
        if not len(left):
            break
        largest[left] = np.maximum(largest[left], np.linalg.norm(J[left, samples[left]], 2, axis=(-2, -1)))
    return largest


def _each(trace: Run, states: States, layouts: Sequence[int | None]) -> Iterator[np.ndarray]:
    """dh_t/dh_k for all k, step by step."""
    for t, later in enumerate(states):
        order = trace.forward[: max(map(trace.forward.index, later)) + 1]
        yield np.stack([_back_from(later, earlier, order, layouts) for earlier in states[: len(states) if t else 1]])


def _one_after_the_other(trace: Run, states: States, layouts: Sequence[int | None]) -> Iterator[np.ndarray] | None:
    """The same for k ≤ t as products of one-step Jacobians; None where a state depends on more than the one before."""
    every = {node for each in states for node in each}
    steps = []
    for before, after in itertools.pairwise(states):
        nodes = _of_one_step(after, before, every)
        if nodes is None:
            return None
        order = sorted({*before, *nodes}, key=serial_of)
        steps.append(_back_from(after, before, order, layouts))
    if not steps:
        return None
    return _products(np.broadcast_to(np.eye(steps[0].shape[-1]), steps[0].shape), steps)


def _of_one_step(after: Sequence[Node], before: Sequence[Node], every: set[Node]) -> set[Node] | None:
    """What the states after a step are computed from, back to those before it; None if other states are among it."""
    others = every.difference(before, after)

    def onward(node: Node) -> Iterator[Node]:
        return (arg for arg in node.args if arg not in before and node not in others)

    found = reached([node for node in after if node not in before], onward)
    return None if others.intersection(found) else set(found)


def _products(identity: np.ndarray, steps: list[np.ndarray]) -> Iterator[np.ndarray]:
    """For each step the Jacobians of its state by all states up to it, one after the other along the first axis."""
    found = identity[None]
    yield found
    for J in steps:
        found = np.concatenate([J @ found, identity[None]])
        yield found
