"""Slips of what is read from the states: the output of another step, steps that are left empty, another order."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator

import numpy as np

from ....engine.graph import Node
from ....engine.ops import scale, total
from ..numbers import Case, Piece, Slip, Variant
from .steps import skipping


def _read_from(which: Callable[[list[Node]], Node]) -> Callable[[Case], Iterator[Variant]]:
    """What comes after the recurrence reads `which` of the states of all steps in place of the last."""

    def variants(case: Case) -> Iterator[Variant]:
        net = case.net
        last = {net.ends(name)[1]: name for name in net.states}
        made: dict[str, list[Node]] = {name: [] for name in net.states}

        def change(node: Node, args: tuple[Node, ...]) -> Node | None:
            if node.step is None and any(x in last for x in node.args):
                args = tuple(which(made[last[x]]) if x in last else new for x, new in zip(node.args, args))
            found = node.op(*args, **node.attrs) if args else node
            if node in net.state_of and node.step in range(1, net.T + 1):
                made[net.state_of[node]].append(found)
            return found

        if net.T > 1 and not any(out.op.name.startswith("stack") for out in net.outputs):
            yield case.changed("", change)
        states = {out: net.steps(last[out]) for out in net.outputs if out in last}  # the output is a state itself

        def finish(piece: Piece, found: np.ndarray) -> np.ndarray:
            nodes = [node for node in states.get(piece.node, []) if node.step in range(1, net.T + 1)]
            return which(nodes).value[piece.index] if nodes and piece.step is None else found

        if states and net.T > 1:
            yield case.finished("", finish)

    return variants


def _mean(states: list[Node]) -> Node:
    return scale(total(*states), p=1 / len(states))


def _outputs_reversed(case: Case) -> Iterator[Variant]:
    """The steps of what is compared in reversed order: of all quantities, and of each."""
    every = [[piece for piece in one.quantity.pieces if piece.step in range(1, case.net.T + 1)] for one in case.given]
    sequences = [pieces for pieces in every if len(pieces) > 1]
    for chosen in [sequences] * (len(sequences) > 1) + [[pieces] for pieces in sequences]:

        def finish(piece: Piece, found: np.ndarray, chosen: list[list[Piece]] = chosen) -> np.ndarray:
            pieces = next((each for each in chosen if piece in each), None)
            return found if pieces is None else case.right.of(pieces[-1 - pieces.index(piece)])

        yield case.finished("", finish)


def _outputs_exchanged(case: Case) -> Iterator[Variant]:
    """Two outputs of one shape, each in the other's place."""
    for a, b in itertools.combinations(dict.fromkeys(case.net.outputs), 2):
        other = {a: b, b: a}

        def finish(piece: Piece, found: np.ndarray, other: dict[Node, Node] = other) -> np.ndarray:
            return case.right.of(piece._replace(node=other[piece.node])) if piece.node in other else found

        if a.shape == b.shape:
            yield case.finished("", finish)


def _left_empty(case: Case) -> Iterator[Variant]:
    """Steps at which an array of zeros was never filled: the last ones, or the first, from which nothing was carried on."""
    for one in case.given:
        for layout in one.layouts:
            filled = layout.array.reshape(len(layout.pieces), -1).any(axis=1)
            pieces = [p for p, there in zip(layout.pieces, filled) if not there and case.right.of(p).any()]
            empty = sorted(p.step for p in pieces if p.step is not None)
            if not empty or filled.sum() == 0:
                continue

            def finish(piece: Piece, found: np.ndarray, pieces: list[Piece] = pieces) -> np.ndarray:
                return 0 * found if piece in pieces else found

            detail = f"step{'s' * (len(empty) > 1)} {', '.join(map(str, empty))}"
            yield case.finished(detail, finish, wrong=f"for t in range({empty[-1]}, T):" if empty[0] == 1 else "")
            line = f"for t in range({empty[-1]}, T):"
            yield case.finished(detail, finish, of=skipping(case, detail, {*empty}, line).numbers, wrong=line)


SLIPS = [
    Slip("output of the first step", "the output is computed from the first state in place of the last",
         "{y} = {h}s[0] @ {V} + {c}", "{y} = {h}s[-1] @ {V} + {c}", _read_from(lambda states: states[0])),
    Slip("mean of the states", "the output is computed from the mean of the states of all steps in place of the last state",
         "{y} = np.mean({h}s, axis=0) @ {V} + {c}", "{y} = {h}s[-1] @ {V} + {c}", _read_from(_mean)),
    Slip("sum of the states", "the output is computed from the sum of the states of all steps in place of the last state",
         "{y} = np.sum({h}s, axis=0) @ {V} + {c}", "{y} = {h}s[-1] @ {V} + {c}", _read_from(lambda states: total(*states))),
    Slip("outputs reversed", "the arrays of the steps stand in reversed order", "np.stack({h}s[::-1], axis=1)",
         "np.stack({h}s, axis=1)", _outputs_reversed),
    Slip("outputs exchanged", "two outputs are exchanged, each stands where the other belongs", "return second, first",
         "return first, second", _outputs_exchanged),
    Slip("steps left empty", "the loop leaves out steps, and their places in the array are still 0",
         "for t in range(T - 1):", "for t in range(T):", _left_empty),
]  # fmt: skip
