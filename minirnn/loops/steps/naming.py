"""The names of quantities, from the variables that held them: those of several at one step are numbered, h^1, h^2."""

from __future__ import annotations

import itertools
import operator
from collections import Counter, defaultdict
from collections.abc import Container
from typing import Any

from ...engine.graph import Node, same
from ...engine.ops import leaf_op
from .one_shape import tell_shapes_apart
from .turns import Loops

SERIAL = operator.attrgetter("serial")


class Named(Loops):
    """What gives the names; `step` and `tag` are those of the turns."""

    step: list[int | None]
    tag: list[tuple[int, ...]]

    def _give_names(self, steps_of_cuts: dict[Node, int]) -> None:
        names = self.recorder.names
        self._take_back()
        self._copy_starts(steps_of_cuts)
        wholes: dict[Node, str] = {}
        for node in steps_of_cuts:
            if node not in names:
                source = self._source(node, names)
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
        for members in by_name.values():  # a variable may begin with an array of numbers; further ones are constants
            turns = {n.step for n in members if n.op is not leaf_op}
            numbers = [n for n in members if n.op is leaf_op and n.step not in turns]
            if len(numbers) > 1 and len(numbers) < len(members):
                for node in sorted(numbers, key=SERIAL)[1:]:
                    members.remove(node)
                    names.pop(node)
        self.stamps: dict[Node, int | None] = {}
        for name, members in by_name.items():
            self._give_name(name, sorted(members, key=SERIAL), steps_of_cuts)
        nameless = [n for n in self.nodes if n.op is leaf_op and n.name is None and n.value.ndim and n not in given]
        words = {*by_name, *given.values()}
        free = itertools.chain(("c", "const"), (f"const_{k}" for k in itertools.count(2)))
        in_turns = [n for n in nameless if self.step[n.step or 0] is not None]
        for group in (in_turns, *([n] for n in nameless if n not in in_turns)):  # constants that say nothing of themselves
            constant = next(word for word in free if word not in words) if group else ""
            names.update({node: (constant, node.serial) for node in group})
            self._give_name(constant, group, steps_of_cuts)
        if wholes:
            elsewhere = itertools.chain.from_iterable([n.args for n in self.nodes if n not in steps_of_cuts])
            used = {*wholes, *given}.intersection(elsewhere)
        else:
            used = present
        for node, name in given.items():
            later = [n for n in by_name.get(name, ()) if n not in steps_of_cuts and n.value.shape == node.value.shape]
            first = min([self.stamps.get(n) or 0 for n in later], default=0)
            of_one = {n.name for n in by_name.get(name, ())} <= {name}  # h^1 and h^2 begin with what is called otherwise
            if first > 0 and of_one and len(later) == len(by_name[name]) and node not in wholes and node in used:
                node.name, self.stamps[node] = name, first - 1  # type: ignore[assignment]  # the state that it begins with
                continue
            own_steps = any(n in steps_of_cuts and self._source(n) is node for n in by_name.get(name, ()))
            if own_steps or wholes.get(node) == name:
                node.name = f"{name}_all" if node in used else None  # type: ignore[assignment]
                continue
            node.name = name  # type: ignore[assignment]  # what is given keeps its name, W = (W + W.T) / 2 is another quantity
            again = next(word for word in (f"{name}_{'new' * k}" for k in itertools.count(1)) if word not in words)
            for n in by_name.get(name, ()):
                n.name = again if n.name == name else n.name  # type: ignore[assignment]
        for node in wholes:
            if node in used and node.name is None and node.args:
                node.name = f"{wholes[node]}_all"  # type: ignore[assignment]
        tell_shapes_apart(self.nodes, self.stamps)

    def _take_back(self) -> None:
        """Of a quantity that a caller calls otherwise at a few steps only, such as the state that a function returns, all
        steps have the name that the function gives."""
        names, inner = self.recorder.names, self.recorder.inner
        renamed: dict[Any, list[Node]] = defaultdict(list)
        for node, own in inner.items():
            renamed[own[0], names[node][0]].append(node)
        if renamed:
            many = Counter(name for name, _ in names.values())
            for (own, other), nodes in renamed.items():
                if own != other and len(nodes) < many[own]:
                    names.update((node, inner[node]) for node in nodes)

    def _source(self, cut: Node, names: Container[Node] = ()) -> Node:
        """What a step is cut from: the array that is given, or has one of these names."""
        source = cut.args[0]
        while source not in names and source not in self.recorder.given and source.args:
            source = source.args[0]
        return source

    def _copy_starts(self, steps_of_cuts: dict[Node, int]) -> None:
        """What a variable begins with is its own, s = X[0], where the other steps of the data are in another variable.

        Two variables of one turn, as in ``zip(X[:-1], X[1:])``, hold one row after the other: both are rows of X.
        """
        names, of_data = self.recorder.names, defaultdict(list)
        for node in steps_of_cuts:
            of_data[node.args[0]].append(node)
        copies: dict[Node, Node] = {}
        for data, nodes in of_data.items():
            words = [names[node][0] if node in names else self.recorder.given.get(data, "x") for node in nodes]
            usual, rows = max(words, key=words.count), defaultdict(set)
            for node in nodes:
                rows[node.step].add(steps_of_cuts[node])
            together = any(len(found) > 1 for turn, found in rows.items() if turn)
            if together and any(node in names and words.count(word) == 1 for node, word in zip(nodes, words)):
                names.update((node, (self.recorder.given.get(self._source(node), usual), 0)) for node in nodes)
                continue
            for node, word in zip(nodes, words):
                if node in names and words.count(word) == 1 < words.count(usual):
                    made = copies[node] = Node(same, (node,), {}, node.value)
                    made.step, made.serial = node.step, node.serial + 0.5  # type: ignore[assignment]  # right after it
                    names[made], names[node] = names[node], (usual, 0)
        if copies:
            for node in self.nodes:
                node.args = tuple([copies.get(arg, arg) for arg in node.args])
            for node, made in copies.items():
                self.nodes.insert(self.nodes.index(node) + 1, made)
                self.present.add(made)
                if node in self.main:
                    self.main.add(made)

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
        used: dict[Any, list[bool]] = defaultdict(list)  # of each place, which of its values the result is computed from
        for n, step, tag in zip(members, steps, tags):
            used[step, tag].append(n in self.main)
        usual = [each for each in used.values() if each[-1]]  # the value of the last turn may be one that nobody needs
        found: dict[Any, int] = defaultdict(int)
        kept = []
        for n, step, tag in zip(members, steps, tags):
            each, k = used[step, tag], found[step, tag]
            found[step, tag] += 1
            if n in self.main or not any(each) or any(len(u) == len(each) and u[k] for u in usual):
                kept.append((n, step, tag))
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

    def _tell_apart(self) -> None:
        """No two quantities of a step have one name, whatever they are called by."""
        known: dict[Any, Node] = {}
        names = {node.name for node in self.nodes}
        for node in self.nodes:
            if node.name is not None and known.setdefault((node.name, node.step), node) is not node:
                words = (f"{node.name}_{k}" for k in itertools.count(2))
                node.name = next(w for w in words if w not in names or (w, node.step) not in known)  # type: ignore[assignment]
                known[node.name, node.step] = node
                names.add(node.name)


def _superscript(numbers: tuple[int, ...]) -> str:
    return f"^{','.join(map(str, numbers))}" if numbers else ""
