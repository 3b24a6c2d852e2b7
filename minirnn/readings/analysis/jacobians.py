"""How one state depends on another: dh_t/dh_k, its size for all t and k, and the bound on it.

The Jacobians are read off the graph, one row at a time, by pulling unit vectors back from h_t. The bound is that of
Pascanu, Mikolov and Bengio (2013): no longer than (γ σ_max(W_h))^(t-k), where γ is the steepest slope of the activation;
of a cell with gates it is put together in the same way from all operations of a step.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from ...engine.backprop import contribution, depending_on, pull_back
from ...engine.graph import Node
from ...engine.ops import leaf
from .bounds import States, between, bound_of, serial_of

if TYPE_CHECKING:
    from ...run import Run


MOST = 4096  # numbers of a state whose samples cannot be told apart


class JacobianNorms(NamedTuple):
    """‖dh_t/dh_k‖ in entry [t, k], counted from h_0; 0 where h_t does not depend on h_k, as for k > t.

    Of a layer that runs backwards they are counted from h_1, to its initial state h_{T+1}.
    """

    norms: np.ndarray  # (T+1, T+1): the spectral norm, the largest of all samples
    bound: np.ndarray | None  # of the same shape: (γ σ_max(W_h))^(t-k) of h_t = f(… + h_{t-1} W_h); None where none is known


def jacobian(trace: Run, t: int, k: int, name: str | None = None) -> np.ndarray:
    """dh_t/dh_k, the total derivative: entry [n, i, j] is dh_t[n, i] / dh_k[n, j] of sample n.

    (N, M, M) where a state has samples, in its rows or in its columns; (M, M) of a vector (M,) or a column (M, 1). `name`
    says which state is meant; without one, of several, it is the whole state, h and c side by side, and what it depends on
    at step k is all that is side by side there. KeyError if there is no such state or step.
    """
    names = [name] if name is not None else _whole(trace)
    later, earlier = ([_node(trace, each, step) for each in names] for step in (t, k))
    order = [node for node in trace.forward if node.serial <= max(node.serial for node in later)]
    layouts = [_layout(trace, each) for each in names]
    rows = [_back_from(node, earlier, order, layouts, len(names) > 1) for node in later]
    return np.concatenate(rows, axis=-2) if len(rows) > 1 else rows[0]


def jacobian_norms(trace: Run, name: str | None = None) -> JacobianNorms:
    """The spectral norms of dh_t/dh_k for all t and k from 0 to T, and the bound beside them; without a name, of several
    states, those of the whole state.
    """
    names = [name] if name is not None else _whole(trace)
    found = [{n.step: n for n in _steps(trace, each)} for each in names]
    common = [step for step in found[0] if all(step in each for each in found)]
    states = [tuple(each[step] for each in found) for step in common]  # of each step, in the order of computation
    layouts = [_layout(trace, each) for each in names]
    norms = np.zeros((len(states), len(states)))
    chain = _one_after_the_other(trace, states, layouts)
    for t, all_J in enumerate(_each(trace, states, layouts) if chain is None else chain):
        norms[t, : len(all_J)] = [_largest(J) for J in all_J]
    bound = None if chain is None else bound_of(states)
    by_step = np.ix_(*[sorted(range(len(states)), key=lambda i: states[i][0].step or 0)] * 2)
    return JacobianNorms(norms[by_step], None if bound is None else bound[by_step])


def _whole(trace: Run) -> list[str]:
    """All states, where they run through the steps the same way; a loss that is summed on the way is none of them."""
    loss = trace.loss_node
    names = [name for name in trace.state_names if loss is None or name != str(loss.name)]
    if not names:
        raise ValueError("there are no states h_t")
    names.sort(key=lambda name: _steps(trace, name)[0].serial)  # by their initial states: h before c
    ways = {(_steps(trace, name)[-1].step or 0) > (_steps(trace, name)[0].step or 0) for name in names}
    if len(ways) > 1:
        raise ValueError(f"the states {', '.join(names)} run through the steps in opposite directions: say which is meant")
    return names


def _steps(trace: Run, name: str) -> list[Node]:
    """A state at all steps at which there is one, in the order of computation. KeyError if there is none."""
    found = sorted((n for (known, _), n in trace.variables.items() if known == name), key=serial_of)
    if not found:
        trace.value(name)  # raises
    return found


def _node(trace: Run, name: str, step: int) -> Node:
    trace.value(name, step)  # raises where there is none
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


def _back_from(
    node: Node, wrt: Sequence[Node], order: list[Node], layouts: Sequence[int | None], side_by_side: bool = False
) -> np.ndarray:
    """d(node)/d(all of wrt), by one backward pass through `order` for each unit of the node; see `jacobian` for the shape.

    `side_by_side`: the nodes of wrt do not pass on what they are reached by, for each is a variable of its own.
    """
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


def _each(trace: Run, states: States, layouts: Sequence[int | None]) -> Iterator[list[np.ndarray]]:
    """dh_t/dh_k for all k, step by step."""
    for t, later in enumerate(states):
        order = trace.forward[: max(map(trace.forward.index, later)) + 1]
        several = len(layouts) > 1
        yield [
            np.concatenate([_back_from(node, earlier, order, layouts, several) for node in later], axis=-2)
            for earlier in states[: len(states) if t else 1]
        ]


def _one_after_the_other(trace: Run, states: States, layouts: Sequence[int | None]) -> Iterator[list[np.ndarray]] | None:
    """The same for k ≤ t as products of one-step Jacobians; None where a state depends on more than the one before."""
    depending = depending_on([n for each in states for n in each], trace.forward)
    steps = []
    for before, after in itertools.pairwise(states):
        nodes = between(after, min(before, key=serial_of))
        inside = {*before, *nodes}
        if min(map(serial_of, after)) < max(map(serial_of, before)):
            return None
        reached = [n for n in nodes if n in depending and n not in before]
        if any(a in depending and a not in inside for n in reached for a in n.args):
            return None
        order = sorted({*before, *nodes}, key=serial_of)
        rows = [_back_from(node, before, order, layouts, len(before) > 1) for node in after]
        steps.append(np.concatenate(rows, axis=-2))
    if not steps:
        return None
    return _products(np.broadcast_to(np.eye(steps[0].shape[-1]), steps[0].shape), steps)


def _products(identity: np.ndarray, steps: list[np.ndarray]) -> Iterator[list[np.ndarray]]:
    found = [identity]
    yield found
    for J in steps:
        found = [*(J @ so_far for so_far in found), identity]
        yield found
