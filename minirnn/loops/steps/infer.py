"""Names and time steps, settled when the function has run: from its variables, its loops and what depends on what.

What is assigned in a turn of a loop through time (see `minirnn.loops.steps.turns`) has the step of that turn, what was in the
variable before the loop is step 0. Where one name would stand for several quantities of one step, they are numbered: h^1,
h^2.
"""

from __future__ import annotations

import itertools
import operator
from collections import defaultdict
from typing import Any

from ...engine import ops
from ...engine.graph import Node, same
from ...engine.names import Role
from ...engine.ops import leaf_op
from ..instrument.recorder import Recorder
from .one_shape import tell_shapes_apart
from .turns import WHOLE, Cut, Loops

SERIAL = operator.attrgetter("serial")


def settle(recorder: Recorder, nodes: list[Node], present: set[Node], main: set[Node]) -> tuple[set[Node], int]:
    """Name and stamp `nodes`, in order of creation. Returns the given arrays that are read step by step, and T.

    `present` are the same as a set, `main` those that the result is computed from: a name that is used on the side too is
    theirs.
    """
    return _Settling(recorder, nodes, present, main).settle()


class _Settling(Loops):
    def settle(self) -> tuple[set[Node], int]:
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
        table = self.step
        for node in self.nodes:
            node.step = table[node.step]  # type: ignore[index]
        T = max([step for step in {node.step for node in self.nodes} if step is not None], default=0)
        for node, step in [*steps_of_cuts.items(), *self.stamps.items()]:
            node.step = step
        for node in self.nodes:
            if node.op is ops.stack and node.args[0].op is ops.reshape and node.args[0].step is None:
                node.args[0].step = node.args[0].args[0].step  # the row that the others follow: that of a start
        self._make_parts_general(steps_of_cuts)
        return {cut.leaf for cut in cuts if cut.node in steps_of_cuts}, T

    def _stamp_parts(self) -> None:
        """A part of a given list, or of an array that was taken apart before, is read in the turn that uses it first.

        What further runs of the loop use again is no sequence: see `_reading`.
        """
        of_lists = {node for _, nodes in self.recorder.lists.values() for node in nodes}
        given = self.recorder.given
        parts = of_lists | {node for node in self.parts if node.args[0] in given and node.step}
        read: dict[Node, int] = {}
        for node in self.nodes if parts else ():
            for arg in node.args:
                if arg in parts:
                    parts.remove(arg)
                    if arg in of_lists or (node.step and self._is_outside(arg.step or 0, node.step)):
                        arg.step = node.step
                    if arg in of_lists:
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

    def _give_names(self, steps_of_cuts: dict[Node, int]) -> None:
        names = self.recorder.names
        wholes: dict[Node, str] = {}
        for node in steps_of_cuts:
            if node not in names:
                source = node.args[0]
                while source not in names and source not in self.recorder.given and source.args:
                    source = source.args[0]
                name = names[source][0] if source in names else self.recorder.given.get(source, "x")
                names[node] = (name, 0)
                wholes[node.args[0]] = name
        present = self.present
        given = {node: name for node, name in self.recorder.given.items() if node in present}
        of_given = {name for node, name in given.items() if node in self.main}
        by_name: dict[str, list[Node]] = defaultdict(list)
        for node, (name, _) in names.items():
            aside = name in of_given and node not in self.main
            if not aside and node in present and node not in given and node not in wholes:
                by_name[name.partition("^")[0] if "^" in name else name].append(node)
        self.stamps: dict[Node, int | None] = {}
        for name, members in by_name.items():
            self._give_name(name, sorted(members, key=SERIAL), steps_of_cuts)
        nameless = [n for n in self.nodes if n.op is leaf_op and n.name is None and n.value.ndim and n not in given]
        for node in nameless:  # constants that say nothing of themselves
            names[node] = ("c", node.serial)
        self._give_name("c", nameless, steps_of_cuts)
        if wholes:
            elsewhere = itertools.chain.from_iterable([n.args for n in self.nodes if n not in steps_of_cuts])
            used = {*wholes, *given}.intersection(elsewhere)
        else:
            used = present
        for node, name in given.items():
            later = [n for n in by_name.get(name, ()) if n not in steps_of_cuts and n.value.shape == node.value.shape]
            first = min([self.stamps.get(n) or 0 for n in later], default=0)
            if first > 0 and len(later) == len(by_name[name]) and node not in wholes and node in used:
                node.name, self.stamps[node] = name, first - 1  # type: ignore[assignment]  # the state that it begins with
                continue
            taken = wholes.get(node) == name or name in by_name
            node.name = (f"{name}_all" if node in used else None) if taken else name  # type: ignore[assignment]
        for node in wholes:
            if node in used and node.name is None and node.args:
                node.name = f"{wholes[node]}_all"  # type: ignore[assignment]
        tell_shapes_apart(self.nodes, self.stamps)

    def _give_name(self, name: str, members: list[Node], steps_of_cuts: dict[Node, int]) -> None:
        step_of = self.step
        steps = [steps_of_cuts.get(node) or step_of[node.step or 0] for node in members]
        if len(members) == 1 and steps == [None] and members[0].op is same and members[0].args[0] in self.recorder.given:
            return  # W = parameters["W"]: no quantity of its own
        starts = self._starts(members, steps) if None in steps and len(set(steps)) > 1 else None
        if starts is not None:
            kept = [(n, step) for n, step in zip(members, steps) if step is not None or n in starts]
            members = [node for node, _ in kept]  # what the variable holds after the loop is something else
            known = [step for step in steps if step is not None]
            before = max(known) + 1 if known[0] > known[-1] else max(min(known) - 1, 0)  # of a loop that runs backwards
            moving = {self._tag(n) for n, step in kept if step is not None}
            still = {n for n, _ in kept if "^" in self.recorder.names[n][0] and self._tag(n) not in moving}  # in a list, and
            steps = [(None if n in still else before) if step is None else step for n, step in kept]  # never assigned again
        tags = [self._tag(node) for node in members]
        places = list(zip(steps, tags))
        distinct = set(places)
        if len(distinct) < len(places):
            members, steps, tags = self._told_apart(members, steps, tags)
            places = list(zip(steps, tags))
            distinct = set(places)
        several = len(distinct) > len(set(steps))
        if len(distinct) < len(places):
            self._give_numbered(name, members, places, several)
            return
        shown = {tag: name + _superscript(tag if several else ()) for tag in set(tags)}
        for node, tag in zip(members, tags):
            node.name = shown[tag]  # type: ignore[assignment]
        self.stamps.update(zip(members, steps))

    def _tag(self, node: Node) -> tuple[int, ...]:
        """Which of several: the turns of loops that are none through time, and the place in a list, h^2."""
        name, tag = self.recorder.names[node][0], self.tag[node.step or 0]
        return (*tag, int(name.partition("^")[2])) if "^" in name else tag

    def _told_apart(
        self, members: list[Node], steps: list[int | None], tags: list[tuple[int, ...]]
    ) -> tuple[list[Node], list[int | None], list[tuple[int, ...]]]:
        """Where one variable has several values at a step: those on the side are left out, and loops one after the other,
        such as an encoder and a decoder, have a number each."""
        taken = {(step, tag) for n, step, tag in zip(members, steps, tags) if n in self.main}
        kept = [(n, step, tag) for n, step, tag in zip(members, steps, tags) if n in self.main or (step, tag) not in taken]
        runs = [self._loop_of_time(n) for n, _, _ in kept]
        order = list(dict.fromkeys(run for run in runs if run is not None))
        places: dict[Any, set[Any]] = defaultdict(set)
        for run, (_, step, tag) in zip(runs, kept):
            places[step, tag].add(run)
        if any(len(found - {None}) > 1 for found in places.values()):
            following = order[0]
            for k, run in reversed(list(enumerate(runs))):
                following = run if run is not None else following
                node, step, tag = kept[k]
                kept[k] = node, step, (order.index(following) + 1, *tag)
        nodes, new_steps, new_tags = zip(*kept)
        return list(nodes), list(new_steps), list(new_tags)

    def _loop_of_time(self, node: Node) -> Any:
        """The place in the code of the loop through time, in which something is carried on, in which a node was made."""
        turn = node.step or 0
        while turn > 0:
            if self.turns[turn].loop in self.times & self.carrying:
                return self.loops[self.turns[turn].loop].site
            turn = self.turns[turn].outer
        return None

    def _give_numbered(self, name: str, members: list[Node], places: list[Any], several: bool) -> None:
        """Of several assignments of one call at one place the last counts; calls at one place are numbered."""
        placed: dict[Any, dict[int, Node]] = defaultdict(dict)
        for node, place in zip(members, places):
            placed[place][self.recorder.names[node][1]] = node
        calls = any(len(found) > 1 for found in placed.values())
        for (step, tag), found in placed.items():
            for k, node in enumerate(found.values(), start=1):
                node.name = name + _superscript((*(tag if several else ()), *([k] if calls else [])))  # type: ignore[assignment]
                self.stamps[node] = step

    def _starts(self, members: list[Node], steps: list[int | None]) -> set[Node]:
        """What the variable held when its loop began, the last of several; in a loop over samples for each of them."""
        first: dict[tuple[int, ...], int] = {}
        for node, step in zip(members, steps):
            if step is not None:
                first.setdefault(self._tag(node), node.serial)
        earliest = min(first.values())
        found: dict[tuple[int, ...], Node] = {}
        for node, step in zip(members, steps):
            tag = self._tag(node)
            if step is None and node.serial < first.get(tag, earliest):
                found[tag] = node
        return set(found.values())


def _superscript(numbers: tuple[int, ...]) -> str:
    return f"^{','.join(map(str, numbers))}" if numbers else ""
