"""What the loops of a run do: which carry something on, which read the data step by step, and which run through time.

A loop runs through time if a turn of it needs what an earlier turn has made, and it reads another place of the data in each
turn; a loop around such a loop runs through samples or chunks, one inside it through layers or units. The place that is
read gives the step: ``x[t]`` is step t + 1.
"""

from __future__ import annotations

from collections import defaultdict
from typing import Any, NamedTuple

from ...engine import ops
from ...engine.graph import Node
from ..instrument.recorder import Recorder

WHOLE = slice(None)


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


class Loops:
    """The turns of all loops, and the nodes that were made in them."""

    def __init__(self, recorder: Recorder, nodes: list[Node], present: set[Node], main: set[Node]) -> None:
        self.recorder, self.nodes, self.present, self.main = recorder, nodes, present, main
        self.turns, self.loops = recorder.turns, recorder.loops
        self.parts = [node for node in nodes if node.op is ops.part]
        self.used_again: set[Node] = set()  # parts of lists that several runs of a loop use
        self.depth = [0] * len(self.turns)
        for i, turn in enumerate(self.turns[1:], start=1):
            self.depth[i] = self.depth[turn.outer] + 1
        self.turns_of: dict[int, list[int]] = defaultdict(list)
        for i, turn in enumerate(self.turns):
            self.turns_of[turn.loop].append(i)

    def read(self, cuts: list[Cut]) -> None:
        """Find what the loops do, and the step of each turn of those through time."""
        self.carrying_inwards: set[int] = set()  # what is carried is used by loops inside
        self.of_layers: set[Any] = set()  # loops that read the weights of layers
        self.fixed: dict[int, set[Node]] = defaultdict(set)  # of which arrays each loop reads places that do not move: W[0]
        self.carrying = self._carrying()
        self.reading = self._reading(cuts)
        computed = self._reading(self._cuts_of_computed())
        self.reading |= {loop: ways for loop, ways in computed.items() if loop not in self.reading}
        self.times = self._times()
        self.step_of_turn = self._steps_of_turns()

    def cuts(self) -> list[Cut]:
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

    def _cuts_of_computed(self) -> list[Cut]:
        """The parts, at a number along one axis, of what was computed before the loop began that reads them."""
        found: list[Cut] = []
        numbers: dict[Any, int] = {}
        for node in self.parts:
            source, here = node.args[0], node.step or 0
            chosen = [i for i, k in enumerate(node.attrs["key"]) if type(k) is int]
            if source in self.recorder.given or len(chosen) != 1 or not here or not self._is_outside(source.step or 0, here):
                continue
            if all(type(k) is int or (type(k) is slice and k == WHOLE) for k in node.attrs["key"]):
                place = node.attrs["key"][chosen[0]] % source.shape[chosen[0]]
                number = numbers.setdefault((source, chosen[0], place), len(numbers))
                found.append(Cut(node, source, 1, number, (chosen[0],), (place,)))
        return found

    def _is_outside(self, turn: int, here: int) -> bool:
        """Whether a turn is of no loop that `here` is in, and not in the run of the loop that `here` is a turn of."""
        mine, own = self._loops_around(here), self.turns[here].loop
        return self.turns[turn].loop not in mine and own not in self._loops_around(turn)

    def _loops_around(self, turn: int) -> set[int]:
        """The runs of loops that a turn is in."""
        found = set()
        while turn > 0:
            found.add(self.turns[turn].loop)
            turn = self.turns[turn].outer
        return found

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
        for cut in cuts:
            loop = self.turns[cut.node.step or 0].loop
            if loop >= 0:
                groups[loop, cut.leaf, cut.axes].append(cut)
        firsts = {  # of x[t] and x[t + 1] in a turn
            key: list({cut.node.step: cut for cut in reversed(members)}.values())[::-1] for key, members in groups.items()
        }
        ways_of = {key: [self._way(first, i) for i in range(len(key[2]))] for key, first in firsts.items()}
        reader: dict[Any, int] = {}
        again = {cut.place for cut in cuts if cut.node in self.used_again}
        for (loop, leaf, axes), members in groups.items():
            way = next(filter(None, ways_of[loop, leaf, axes]), 0)  # a sequence may be read once more, backwards
            again |= {c.place for c in members if reader.setdefault((self.loops[loop].site, c.place, way), loop) != loop}
        found: dict[int, list[tuple[int, list[Cut]]]] = defaultdict(list)
        alone = []
        for (loop, leaf, axes), members in groups.items():
            if again and any(cut.place in again for cut in members):
                self.of_layers.add(self.loops[loop].site)
                continue  # what is read again by every run of the loop is no sequence: weights of layers
            first = firsts[loop, leaf, axes]
            along = [i for i, way in enumerate(ways_of[loop, leaf, axes]) if way]
            if along:
                found[loop].append((along[0], first))
            else:
                alone.append((loop, leaf, axes, first))
        for loop, leaf, _, first in alone:
            if len(first) > 1:
                self.fixed[loop].add(leaf)
        ways = {(self.loops[loop].site, cuts[0].leaf, cuts[0].axes): i for loop in found for i, cuts in found[loop]}
        for loop, leaf, axes, first in alone:  # a chunk of a single step, read as the other chunks are
            axis = ways.get((self.loops[loop].site, leaf, axes))
            if len(first) == 1 and axis is not None:
                found[loop].append((axis, first))
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

    def _way(self, cuts: list[Cut], i: int) -> int:
        """1 where the place moves on by one from turn to turn, -1 where it moves back; 0 of rows looked up by number."""
        turns = [self.turns[cut.node.step or 0].number for cut in cuts]
        moves = {(b.places[i] - a.places[i], m - k) for a, b, k, m in zip(cuts, cuts[1:], turns, turns[1:])} - {(0, 0)}
        ways = {move / turn if turn else move for move, turn in moves}
        if not ways or max(map(abs, ways)) > 1:
            return 0
        return 1 if all(way > 0 for way in ways) else -1 if all(way < 0 for way in ways) else 0

    def _times(self) -> set[int]:
        inside: dict[int, list[int]] = defaultdict(list)
        busy = {self.turns[turn or 0].loop for turn in {node.step for node in self.nodes if node.args}}
        for loop, (_, outer) in enumerate(self.loops):
            inside[self.turns[outer].loop].append(loop)
        chosen: dict[int, set[int]] = {}
        for loop in range(len(self.loops) - 1, -1, -1):  # inner loops begin later
            inner = set().union(*(chosen[k] for k in inside[loop]))
            reading = [k for k in inner if k in self.carrying and k in self.reading]
            layers = self._reading_again(reading) or any(self.loops[k].site in self.of_layers for k in reading)
            if reading and not (loop in self.carrying_inwards and layers):
                chosen[loop] = inner
            elif loop in self.carrying:
                chosen[loop] = {loop}
            elif any(k in self.carrying for k in inner):
                chosen[loop] = inner
            else:
                chosen[loop] = {loop} if loop in busy or inner else set()
        return self._of_sequences(set().union(*(chosen[k] for k in inside[-1])))

    def _of_sequences(self, loops: set[int]) -> set[int]:
        """Without those that only go through weights, gradients or terms, where others go through a sequence: what they use
        is the same in every turn of the others, and nothing is carried on but a sum."""
        parts = {node for _, nodes in self.recorder.lists.values() for node in nodes}
        used_in: dict[Node, set[int]] = defaultdict(set)  # of a part of a list, the loops that use it
        seen: dict[int, set[int]] = defaultdict(set)  # the turns of others whose results a loop uses
        sums: dict[int, bool] = {}
        names = self.recorder.names
        for node in self.nodes:
            loop = self.turns[node.step or 0].loop
            for arg in node.args:
                there = self.turns[arg.step or 0].loop
                if arg in parts:
                    used_in[arg].add(loop)
                elif loop == there and loop >= 0 and arg.step != node.step:
                    added = node.op in (ops.add, ops.subtract)  # by a variable, or by Python's sum, which has none
                    sums[loop] = sums.get(loop, True) and added and names.get(node, "")[:1] == names.get(arg, "")[:1]
                elif there in loops and loop != there:
                    seen[loop].add(arg.step or 0)

        through = {loop for loop in loops if loop in self.carrying and not sums.get(loop, False)}
        moving = {cuts[0].leaf for loop in through for _, cuts in self.reading.get(loop, [])}
        weights = {leaf for loop in through for leaf in self.fixed[loop]} - moving

        def reads(loop: int) -> bool:
            cuts = [cut for _, cuts in self.reading.get(loop, []) for cut in cuts]
            read = [cut.node for cut in cuts if cut.leaf not in weights]
            return any(node not in parts or used_in[node] <= {loop} for node in read)

        if not any(map(reads, through)):
            return loops
        return {k for k in loops if reads(k) or len(seen[k]) > 1 or k in through}

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
