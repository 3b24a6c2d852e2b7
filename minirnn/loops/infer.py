"""Names and time steps, settled when the function has run: from its variables, its loops and what depends on what.

A loop runs through time if a turn of it needs what an earlier turn has made, and it reads another place of the data in each
turn; a loop around such a loop runs through samples or chunks, one inside it through layers or units. The place that is
read gives the step: ``x[t]`` is step t + 1. What is assigned in a turn has the step of that turn, what was in the variable
before the loop is step 0. Where one name would stand for several quantities of one step, they are numbered: h^1, h^2.
"""

from __future__ import annotations

import itertools
import operator
from collections import defaultdict
from typing import Any, NamedTuple

from ..engine import ops
from ..engine.graph import Node, same
from ..engine.names import Role
from ..engine.ops import leaf_op
from .instrument.recorder import Recorder

WHOLE = slice(None)
SERIAL = operator.attrgetter("serial")


class Cut(NamedTuple):
    """A part of the data, cut out at places along some axes: of which array, how often cut before, and which place it is.

    `place` numbers the places of all arrays: two cuts of one number are equal.
    """

    node: Node
    leaf: Node
    depth: int
    place: int
    axes: tuple[int, ...]
    places: tuple[int, ...]


def settle(recorder: Recorder, nodes: list[Node]) -> tuple[set[Node], int]:
    """Name and stamp `nodes`, in order of creation. Returns the given arrays that are read step by step, and T."""
    return _Settling(recorder, nodes).settle()


class _Settling:
    def __init__(self, recorder: Recorder, nodes: list[Node]) -> None:
        self.recorder, self.nodes = recorder, nodes
        self.turns, self.loops = recorder.turns, recorder.loops
        self.present = set(nodes)
        self.parts = [node for node in nodes if node.op is ops.part]
        self.depth = [0] * len(self.turns)
        for i, turn in enumerate(self.turns[1:], start=1):
            self.depth[i] = self.depth[turn.outer] + 1
        self.turns_of: dict[int, list[int]] = defaultdict(list)
        for i, turn in enumerate(self.turns):
            self.turns_of[turn.loop].append(i)

    def settle(self) -> tuple[set[Node], int]:
        self._stamp_parts_of_lists()
        cuts = self._cuts()
        self.carrying_inwards: set[int] = set()  # what is carried is used by loops inside
        self.carrying = self._carrying()
        self.reading = self._reading(cuts)
        self.times = self._times()
        step_of_turn = self._steps_of_turns()
        self.step: list[int | None] = [None] * len(self.turns)
        self.tag: list[tuple[int, ...]] = [()] * len(self.turns)
        for i, turn in enumerate(self.turns[1:], start=1):
            own = turn.loop in self.times
            self.step[i] = step_of_turn[i] if own else self.step[turn.outer]
            self.tag[i] = self.tag[turn.outer] if own else (*self.tag[turn.outer], turn.number + 1)
        steps_of_cuts = self._steps_of_cuts(cuts)
        self._merge_equal_parts({cut.node: cut.place for cut in cuts if cut.node in steps_of_cuts})
        self._take_lists_apart({cut.leaf for cut in cuts if cut.node in steps_of_cuts})
        self._give_names(steps_of_cuts)
        table = self.step
        for node in self.nodes:
            node.step = table[node.step]  # type: ignore[index]
        T = max((node.step for node in self.nodes if node.step is not None), default=0)
        for node, step in [*steps_of_cuts.items(), *self.stamps.items()]:
            node.step = step
        self._make_parts_general(steps_of_cuts)
        return {cut.leaf for cut in cuts if cut.node in steps_of_cuts}, T

    # --------------------------------------------------------------------------------------------- what loops do

    def _stamp_parts_of_lists(self) -> None:
        """A part of a given list is read in the turn in which it is used first."""
        parts = {node for _, nodes in self.recorder.lists.values() for node in nodes}
        if parts:
            for node in self.nodes:
                for arg in node.args:
                    if arg in parts:
                        arg.step = node.step
                        parts.remove(arg)

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
                if any(a in instead for a in node.args):
                    node.args = tuple(instead.get(a, a) for a in node.args)
            for node, kept in instead.items():
                if node in self.recorder.names:
                    self.recorder.names.setdefault(kept, self.recorder.names.pop(node))
            self.nodes[:] = [node for node in self.nodes if node not in instead]
            self.present = set(self.nodes)

    def _cuts(self) -> list[Cut]:
        """The parts of given arrays at numbers along some axes."""
        found: dict[Node, Cut] = {}
        numbers: dict[Any, int] = {}
        given = self.recorder.given
        axes_of: dict[int, tuple[int, ...]] = {}  # by the identity of a key: most keys are one object
        for node in self.parts:
            source, key = node.args[0], node.attrs["key"]
            before = found.get(source)
            if before is None and source not in given:
                continue
            axes = axes_of.get(id(key))
            if axes is None:
                chosen = tuple([i for i, k in enumerate(key) if type(k) is int])
                rest = [k for k in key if type(k) is not int]
                axes = axes_of[id(key)] = chosen if all(type(k) is slice and k == WHOLE for k in rest) else ()
            if axes:
                shape = source.value.shape
                places = (key[axes[0]] % shape[axes[0]],) if len(axes) == 1 else tuple([key[i] % shape[i] for i in axes])
                leaf, depth, place = before[1:4] if before else (source, 0, source)
                number = numbers.setdefault((place, axes, places), len(numbers))
                found[node] = Cut(node, leaf, depth + 1, number, axes, places)
        return list(found.values())

    def _carrying(self) -> set[int]:
        """The loops of which a turn needs what an earlier one has made."""
        found: set[int] = set()
        turns = self.turns
        settled = [False] * len(turns)  # later turns of a loop that is known to carry say nothing new
        for node in self.nodes:
            here: int = node.step  # type: ignore[assignment]
            if here and not settled[here]:
                for arg in node.args:
                    if arg.step and arg.step != here:
                        self._compare(here, arg.step, found)
                        if turns[here].number > 1 and turns[here].loop in found:
                            for turn in self.turns_of[turns[here].loop]:
                                settled[turn] = True
        return found

    def _compare(self, here: int, there: int, found: set[int]) -> None:
        turns, depth, user = self.turns, self.depth, here
        while depth[here] > depth[there]:
            here = turns[here].outer
        while depth[there] > depth[here]:
            there = turns[there].outer
        while here != there and turns[here].outer != turns[there].outer:
            here, there = turns[here].outer, turns[there].outer
        if here != there and turns[here].loop == turns[there].loop and turns[there].number < turns[here].number:
            found.add(turns[here].loop)
            if here != user:
                self.carrying_inwards.add(turns[here].loop)

    def _reading(self, cuts: list[Cut]) -> dict[int, list[tuple[int, list[Cut]]]]:
        """loop -> what its turns read one after the other: the cuts of one array, and which of their axes is run along."""
        groups: dict[tuple[int, Node, tuple[int, ...]], list[Cut]] = defaultdict(list)
        reader: dict[tuple[Any, int], int] = {}
        again: set[int] = set()
        for cut in cuts:
            loop = self.turns[cut.node.step or 0].loop
            if loop >= 0:
                groups[loop, cut.leaf, cut.axes].append(cut)
                if reader.setdefault((self.loops[loop].site, cut.place), loop) != loop:
                    again.add(cut.place)
        found: dict[int, list[tuple[int, list[Cut]]]] = defaultdict(list)
        for (loop, _, axes), members in groups.items():
            if again and any(cut.place in again for cut in members):
                continue  # what is read again by every run of the loop is no sequence: weights of layers
            for i in range(len(axes)):
                if self._in_order(members, i):
                    found[loop].append((i, members))
                    break
        return dict(found)

    def _reading_again(self, loops: list[int]) -> bool:
        """Whether these runs of loops read the same places along their axes: units do, the chunks of a sequence do not."""
        seen: set[Any] = set()
        for loop in loops:
            i, cuts = self.reading[loop][0]
            places = {(self.loops[loop].site, cut.leaf, cut.axes[i], cut.places[i]) for cut in cuts}
            if seen & places:
                return True
            seen |= places
        return False

    def _in_order(self, cuts: list[Cut], i: int) -> bool:
        """Whether the place moves on by one, or back by one, from turn to turn: rows looked up by number do not."""
        turns = [self.turns[cut.node.step or 0].number for cut in cuts]
        moves = {(b.places[i] - a.places[i], m - k) for a, b, k, m in zip(cuts, cuts[1:], turns, turns[1:])} - {(0, 0)}
        ways = {move / turn if turn else move for move, turn in moves}
        return bool(ways) and (all(way > 0 for way in ways) or all(way < 0 for way in ways)) and max(map(abs, ways)) <= 1

    def _times(self) -> set[int]:
        inside: dict[int, list[int]] = defaultdict(list)
        busy = {self.turns[turn or 0].loop for turn in {node.step for node in self.nodes if node.args}}
        for loop, (_, outer) in enumerate(self.loops):
            inside[self.turns[outer].loop].append(loop)
        chosen: dict[int, set[int]] = {}
        for loop in range(len(self.loops) - 1, -1, -1):  # inner loops begin later
            inner = set().union(*(chosen[k] for k in inside[loop]))
            reading = [k for k in inner if k in self.carrying and k in self.reading]
            if reading and not (loop in self.carrying_inwards and self._reading_again(reading)):
                chosen[loop] = inner
            elif loop in self.carrying:
                chosen[loop] = {loop}
            elif any(k in self.carrying for k in inner):
                chosen[loop] = inner
            else:
                chosen[loop] = {loop} if loop in busy or inner else set()
        return set().union(*(chosen[k] for k in inside[-1]))

    def _steps_of_turns(self) -> dict[int, int]:
        """turn -> step, by the place of the data that it reads, else by the number that the loop runs through."""
        found: dict[int, int] = {}
        offsets = {
            cut.places[i] + 1 - item
            for loop in self.times
            for i, cuts in self.reading.get(loop, [])[:1]
            for cut in cuts
            if (item := self.turns[cut.node.step or 0].item) is not None
        }
        items = [item for loop in self.times for turn in self.turns_of[loop] if (item := self.turns[turn].item) is not None]
        offset = offsets.pop() if len(offsets) == 1 else 1 - min(items, default=1)
        for loop in self.times:
            turns = self.turns_of[loop]
            by_place: dict[int, int] = {}
            for i, cuts in self.reading.get(loop, [])[:1]:
                for cut in cuts:
                    by_place.setdefault(cut.node.step or 0, cut.places[i] + 1)
            if len(by_place) == len(turns) == len(set(by_place.values())):
                found.update(by_place)
            elif all(self.turns[turn].item is not None for turn in turns):
                found.update((turn, self.turns[turn].item + offset) for turn in turns)
            else:
                found.update((turn, self.turns[turn].number + 1) for turn in turns)
        return found

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
        by_name: dict[str, list[Node]] = defaultdict(list)
        for node, (name, _) in names.items():
            if node in present and node not in given and node not in wholes:
                by_name[name].append(node)
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
            begins = (
                len(later) == len(by_name.get(name, ())) and min([self.stamps.get(n) or 0 for n in later], default=0) == 1
            )
            if begins and node not in wholes and node in used:
                node.name, self.stamps[node] = name, 0  # type: ignore[assignment]  # the state that it begins with
                continue
            taken = wholes.get(node) == name or name in by_name
            node.name = (f"{name}_all" if node in used else None) if taken else name  # type: ignore[assignment]
        for node in wholes:
            if node in used and node.name is None and node.args:
                node.name = f"{wholes[node]}_all"  # type: ignore[assignment]

    def _give_name(self, name: str, members: list[Node], steps_of_cuts: dict[Node, int]) -> None:
        step_of, tag_of = self.step, self.tag
        steps = [steps_of_cuts.get(node) or step_of[node.step or 0] for node in members]
        if len(members) == 1 and steps == [None] and members[0].op is same and members[0].args[0] in self.recorder.given:
            return  # W = parameters["W"]: no quantity of its own
        starts = self._starts(members, steps) if None in steps and len(set(steps)) > 1 else None
        if starts is not None:
            kept = [(n, step) for n, step in zip(members, steps) if step is not None or n in starts]
            members = [node for node, _ in kept]  # what the variable holds after the loop is something else
            known = [step for step in steps if step is not None]
            before = max(known) + 1 if known[0] > known[-1] else 0  # of a loop that runs backwards
            steps = [before if step is None else step for _, step in kept]
        tags = [tag_of[node.step or 0] for node in members]
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
                first.setdefault(self.tag[node.step or 0], node.serial)
        earliest = min(first.values())
        found: dict[tuple[int, ...], Node] = {}
        for node, step in zip(members, steps):
            tag = self.tag[node.step or 0]
            if step is None and node.serial < first.get(tag, earliest):
                found[tag] = node
        return set(found.values())


def _superscript(numbers: tuple[int, ...]) -> str:
    return f"^{','.join(map(str, numbers))}" if numbers else ""
