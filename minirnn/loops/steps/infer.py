"""Names and time steps, settled when the function has run: from its variables, its loops and what depends on what.

What is assigned in a turn of a loop through time (see `turns`) has the step of that turn, what was in the variable before
the loop is step 0. Where one name would stand for several quantities of one step, they are numbered (see `naming`).
"""

from __future__ import annotations

import operator
from collections import defaultdict
from typing import Any

from ...engine import ops
from ...engine.domains import Told
from ...engine.graph import Node
from ...engine.names import Role
from ...engine.ops import leaf_op
from ..instrument.recorder import Recorder
from .lengths import other_lengths
from .naming import Named
from .turns import WHOLE, Cut

SERIAL = operator.attrgetter("serial")


def settle(recorder: Recorder, nodes: list[Node], present: set[Node], main: set[Node]) -> tuple[set[Node], int, Told]:
    """Name and stamp `nodes`, in order of creation. Returns the given arrays that are read step by step, T, and the lengths
    of quantities whose steps are not counted to T.

    `present` are the same as a set, `main` those that the result is computed from: a name that is used on the side too is
    theirs.
    """
    return _Settling(recorder, nodes, present, main).settle()


class _Settling(Named):
    def settle(self) -> tuple[set[Node], int, Told]:
        self._stamp_parts()
        cuts = self.cuts()
        self.read(cuts)
        self.step: list[int | None] = [None] * len(self.turns)
        self.tag: list[tuple[int, ...]] = [()] * len(self.turns)
        for i, turn in enumerate(self.turns[1:], start=1):
            own = turn.loop in self.times
            self.step[i] = self.step_of_turn[i] if own else self.step[turn.outer]
            self.tag[i] = self.tag[turn.outer] if own else (*self.tag[turn.outer], turn.number + 1)
        steps_of_cuts = self._steps_of_cuts(cuts)
        self._merge_equal_parts({cut.node: cut.place for cut in cuts if cut.node in steps_of_cuts})
        self._take_lists_apart({cut.leaf for cut in cuts if cut.node in steps_of_cuts})
        self._give_names(steps_of_cuts)
        table, turns = self.step, {node: node.step or 0 for node in self.nodes}
        for node in self.nodes:
            node.step = table[node.step]  # type: ignore[index]
        T = max([step for step in {node.step for node in self.nodes} if step is not None], default=0)
        for node, step in [*steps_of_cuts.items(), *self.stamps.items()]:
            node.step = step
        for node in self.nodes:
            if node.op is ops.stack and node.args[0].op is ops.reshape and node.args[0].step is None:
                node.args[0].step = node.args[0].args[0].step  # the row that the others follow: that of a start
        self._tell_apart()
        self._make_parts_general(steps_of_cuts)
        loops = {node: loop for node in self.nodes if node.step and (loop := self._loop_through_time(turns[node])) >= 0}
        return {cut.leaf for cut in cuts if cut.node in steps_of_cuts}, T, other_lengths(self, loops, T)

    def _loop_through_time(self, turn: int) -> int:
        """The loop through time that a turn is in; -1 if there is none."""
        while turn > 0 and self.turns[turn].loop not in self.times:
            turn = self.turns[turn].outer
        return self.turns[turn].loop if turn > 0 else -1

    def _stamp_parts(self) -> None:
        """A part of a given list, or of an array that was taken apart before, is read in the turn that uses it first.

        What further runs of the loop use again is no sequence: see `_reading`.
        """
        of_lists = {node for _, nodes in self.recorder.lists.values() for node in nodes}
        given = self.recorder.given
        listed = self.recorder.listed
        parts = of_lists | {node for node in self.parts if node.args[0] in given and (node.step or node in listed)}
        read: dict[Node, int] = {}
        for node in self.nodes if parts else ():
            for arg in node.args:
                if arg in parts:
                    parts.remove(arg)
                    if arg in of_lists or arg in listed or (node.step and self._is_outside(arg.step or 0, node.step)):
                        arg.step = node.step
                    if arg in of_lists or arg in listed:
                        read[arg] = self.turns[node.step or 0].loop
                elif arg in read and self._are_runs_of_one_loop(read[arg], self.turns[node.step or 0].loop):
                    self.used_again.add(arg)

    def _are_runs_of_one_loop(self, a: int, b: int) -> bool:
        return a != b and min(a, b) >= 0 and self.loops[a].site == self.loops[b].site

    def _take_lists_apart(self, sequences: set[Node]) -> None:
        """Lists of arrays that are not read step by step are so many parameters."""
        for whole, (name, nodes) in self.recorder.lists.items():
            if whole not in sequences and whole.role is Role.PARAMETER and whole in self.present:
                del self.recorder.given[whole]
                for i, node in enumerate(nodes, start=1):
                    node.op, node.args, node.attrs, node.role, node.step = leaf_op, (), {"dims": ()}, Role.PARAMETER, 0
                    self.recorder.given[node] = f"{name}_{i}"
                    self.recorder.names.pop(node, None)

    def _merge_equal_parts(self, of_data: dict[Node, int]) -> None:
        """One node for one part of an array, however often a turn reads it; of the data, however often it is read."""
        first: dict[Any, Node] = {}
        instead: dict[Node, Node] = {}
        for node in self.parts:
            key = (
                of_data[node] if node in of_data else (node.step, instead.get(node.args[0], node.args[0]), node.attrs["key"])
            )
            kept = first.setdefault(key, node)
            if kept is not node:
                instead[node] = kept
        if instead:
            for node in self.nodes:
                if not instead.keys().isdisjoint(node.args):
                    node.args = tuple([instead.get(a, a) for a in node.args])
            for node, kept in instead.items():
                if node in self.recorder.names:
                    self.recorder.names.setdefault(kept, self.recorder.names.pop(node))
                if node in self.main:
                    self.main.add(kept)
            self.nodes[:] = [node for node in self.nodes if node not in instead]
            self.present.difference_update(instead)

    # ------------------------------------------------------------------------------------------------------ names

    def _steps_of_cuts(self, every: list[Cut]) -> dict[Node, int]:
        """The step of every part of the data along time; such a part is an operation of its own, general in t."""
        along = {
            (cuts[0].leaf, cuts[0].depth, cuts[0].axes): i for loop in self.times for i, cuts in self.reading.get(loop, [])
        }
        found = {}
        for cut in every:
            i = along.get((cut.leaf, cut.depth, cut.axes))
            if i is not None:
                node, step = cut.node, cut.places[i] + 1
                found[node] = step
                if len(cut.axes) == 1 and cut.axes[0] < 3:
                    node.op, node.attrs = ops.taken, {"t": step, "axis": cut.axes[0]}
        return found

    def _make_parts_general(self, known: dict[Node, int]) -> None:
        """A place of an array that moves on with the step, hs[t - 1] or xs[t + 1], is written as that."""
        groups: dict[tuple[Node, int], list[tuple[Node, int, int]]] = defaultdict(list)
        for node in self.nodes:
            if node.op is ops.part and node not in known and node.step is not None:
                chosen = [(axis, k) for axis, k in enumerate(node.attrs["key"]) if type(k) is int]
                rest = [k for k in node.attrs["key"] if type(k) is not int]
                if len(chosen) == 1 and all(type(k) is slice and k == WHOLE for k in rest) and chosen[0][0] < 3:
                    axis, place = chosen[0]
                    groups[node.args[0], axis].append((node, place % node.args[0].shape[axis], node.step))
        for (_, axis), members in groups.items():
            moving = len({step for _, _, step in members}) > 1
            if moving and len({place - step for _, place, step in members}) == 1:
                for node, place, _ in members:
                    node.op, node.attrs = ops.taken, {"t": place + 1, "axis": axis}
