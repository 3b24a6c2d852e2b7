"""Slips of what the steps are given: inputs, masks, initial states."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator

import numpy as np

from ....engine.graph import Node, leaf_op
from ....engine.names import Role
from ....engine.ops import leaf, where
from ....engine.replay import replay
from ..numbers import Case, Numbers, Slip, Variant

MOST_SAMPLES = 64  # of a batch that is run once for each of them
LATE = 4  # steps left out at the end, one after the other

Order = tuple[str, Callable[[np.ndarray], np.ndarray], str]  # what it is, the sequences in that order, and the line of code


def _inputs(*orders: Order) -> Callable[[Case], Iterator[Variant]]:
    """The sequences (N, T, D) in another order, where that makes a difference; those of a loop have their steps first."""

    def variants(case: Case) -> Iterator[Variant]:
        wide = case.net.wide
        for X in [wide[n] for n in case.net.trace.data if n in wide and n.role is Role.INPUT and n.dtype.kind == "f"]:
            for detail, order, wrong in orders:
                value = X.value if X.ndim == 3 else X.value[None]
                moved = order(value).reshape(X.shape)
                if X.ndim in (2, 3) and not np.array_equal(moved, X.value):
                    other = leaf(np.ascontiguousarray(moved), **X.attrs)
                    yield case.at(detail, [X], lambda node, args, other=other: other, wrong=wrong)  # type: ignore[misc]

    return variants


def _shifted(X: np.ndarray, by: int) -> np.ndarray:
    """The sequence moved by one step, 0 where nothing comes in."""
    moved = np.roll(X, by, axis=1)
    moved[:, 0 if by > 0 else -1] = 0
    return moved


def _repeated(X: np.ndarray, step: int) -> np.ndarray:
    return np.repeat(X[:, [step]], X.shape[1], axis=1)


_reversed = _inputs(("", lambda X: X[:, ::-1], ""))
_one_input = _inputs(
    ("the last, x[-1]", lambda X: _repeated(X, -1), "{h} = {f}({x}[-1] @ {Wx}{plus_b} + {carried})"),
    ("the first, x[0]", lambda X: _repeated(X, 0), "{h} = {f}({x}[0] @ {Wx}{plus_b} + {carried})"),
)
_reshaped = _inputs(("", lambda X: X.reshape(X.shape[1], X.shape[0], -1).swapaxes(0, 1), ""))
_first_sample = _inputs(("", lambda X: np.repeat(X[:1], len(X), axis=0), ""))
_inputs_moved = _inputs(
    (
        "x[t-1] is used at step t, and x[-1], the last, at the first",
        lambda X: np.roll(X, 1, axis=1),
        "{x}[t - 1]  # in the loop",
    ),
    ("x[t-1] is used at step t, and 0 at the first", lambda X: _shifted(X, 1), "{x}[t - 1]  # in the loop"),
    (
        "x[t+1] is used at step t, and the first at the last",
        lambda X: np.roll(X, -1, axis=1),
        "{x}[(t + 1) % T]  # in the loop",
    ),
    ("x[t+1] is used at step t, and 0 at the last", lambda X: _shifted(X, -1), "{x}[t + 1]  # in the loop"),
)


def _off_by_one(case: Case) -> Iterator[Variant]:
    yield from _inputs_moved(case)
    T = case.net.T
    if T > 1:
        yield skipping(case, "the loop leaves out the first step", {1}, "for t in range(1, T):")
    for k in range(1, min(LATE, T // 2) + 1):
        last = "the last step" if k == 1 else f"the last {k} steps"
        yield skipping(case, f"the loop leaves out {last}", {*range(T - k + 1, T + 1)}, f"for t in range(T - {k}):")


def skipping(case: Case, detail: str, steps: set[int], line: str) -> Variant:
    """The states of these steps are still those of the step before."""
    made: dict[tuple[str, int], Node] = {}
    net = case.net

    def change(node: Node, args: tuple[Node, ...]) -> Node | None:
        name = net.state_of.get(node)
        if name is None or node.step is None:
            return None
        before = made.get((name, node.step - 1)) if node.step in steps else None
        made[name, node.step] = new = before or (node.op(*args, **node.attrs) if args else node)
        return new

    return case.changed(detail, change, wrong=line)


def _masked(case: Case) -> Iterator[Variant]:
    """Where a mask carries the state, what was computed is taken at every step."""
    net = case.net
    carried = [y for (y, i), s in net.crossing.items() if y.op is where and i == 2]
    outputs = [n for n in net.forward if n.op is where and n.step and n not in carried]
    yield case.at("", carried, lambda node, args: args[1])
    yield case.at("for the states and the outputs", [*carried, *outputs], lambda node, args: args[1])


# ------------------------------------------------------------------------------------------------------- the initial state


def _starting(case: Case, detail: str, start: Callable[[Node], np.ndarray]) -> Variant:
    return case.at(detail, _starts(case), lambda node, args: leaf(start(node)))


def _starts(case: Case) -> dict[Node, Node]:
    """The initial states, and the last one of each."""
    pairs = map(case.net.ends, case.net.states)
    return {start: end for start, end in pairs if start.step in (0, case.net.T + 1)}


def _ones(case: Case) -> Iterator[Variant]:
    yield _starting(case, "", lambda node: np.ones(node.shape))


def _left_over(case: Case) -> Iterator[Variant]:
    net = case.net
    pairs = _starts(case)
    if not pairs:
        return
    batch = {start: end.value for start, end in pairs.items()}
    yield _starting(case, "from the batch before, here the same one", lambda node: batch[node])
    if 1 < net.N <= MOST_SAMPLES and all(start.shape[:1] == (net.N,) for start in pairs) and not net.trace.is_loop:
        yield Variant("from the sample before", functools.cache(lambda: _in_a_row(case, pairs)))


def _in_a_row(case: Case, pairs: dict[Node, Node]) -> Numbers:
    """Sample n starts with the last state of sample n - 1: each is run alone."""
    net = case.net
    data = [net.wide[node] for node in net.trace.data]
    of_samples = [node for node in data if node.shape[:1] == (net.N,)]
    starts = {start: [start.value[:1]] for start in pairs}
    sizes = _sizes(net.forward) | {"N": 1}
    order = [n for n in net.forward if n.serial <= max(end.serial for end in pairs.values())]
    for n in range(net.N - 1):
        alone = {node: node.value[n : n + 1] for node in of_samples}
        found = replay(order, alone | {start: rows[-1] for start, rows in starts.items()}, sizes=sizes)
        for start, end in pairs.items():
            starts[start].append(found[end])
    return _starting(case, "", lambda node: np.concatenate(starts[node])).numbers()


SLIPS = [
    Slip("time reversed", "the steps are taken in reversed order",
         "for t in reversed(range(T)):", "for t in range(T):", _reversed),
    Slip("off by one step", "the steps are off by one",
         "for t in range(1, T):", "for t in range(T):  # and {x}[t]", _off_by_one),
    Slip("mask ignored", "the mask is ignored: the state goes on through the steps that it leaves out", "{loop}",
         "{h} = np.where(mask[:, t, None], new, {h})", _masked),
    Slip("one input at every step", "the same input is used at every step", "", "{loop}", _one_input),
    Slip("one sample for all", "the first sample is used for all of them", "x = X[0]  # outside of the loop over samples",
         "x = X[i]  # inside it", _first_sample),
    Slip("samples for steps", "reshape is taken for an exchange of samples and steps", "x = X.reshape(T, N, D)[t]",
         "x = X[:, t]  # or X.transpose(1, 0, 2)[t]", _reshaped),
    Slip("initial state of ones", "the initial state is 1 in place of 0", "{h} = np.ones(M)", "{h} = np.zeros(M)", _ones),
    Slip("initial state left over", "the initial state is the last one of what was computed before",
         "{h} = np.zeros(M)  # once, before the loop over samples", "{h} = np.zeros(M)  # just before the loop over t",
         _left_over),
]  # fmt: skip


def _sizes(nodes: list[Node]) -> dict[str, int]:
    """What every letter stands for in the run of these nodes, read off their leaves."""
    found: dict[str, int] = {}
    for node in nodes:
        for size in node.dims if node.op is leaf_op else ():
            if size.is_letter:
                found.setdefault(str(size), size.n)
    return found
