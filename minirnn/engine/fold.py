"""Fold T copies of one step into one: families of nodes, with delays between them and domains of steps.

A node's *signature* is its operation, its attributes with time steps made relative, and for each operand the family and
where it is seen from the node: at a delay, at a fixed step, or over a span of steps. Nodes of one name, or nameless ones
of one signature, are a *family*; nodes of a family whose signatures differ are its *definitions*, each with its domain.
The recursion ends at names, so one pass in order of creation suffices. Nothing here knows of recurrent networks.

Fixed steps and the ends of domains are counted from the nearer end of the sequence, so that a fold holds for every T
that is long enough: `Folded.retarget`.
"""

from __future__ import annotations

import dataclasses
import graphlib
import html
from collections import Counter
from collections.abc import Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from .components import components
from .domains import Domain, End, Fixed, Lengths, Ref, Span, Told, as_seen, domains_of, fixed, lengths_of, seen_from_many
from .graph import Node, leaf_op
from .names import Name, Role
from .ops import average, total


class Signature(NamedTuple):
    op: Any
    attrs: tuple[tuple[str, Any], ...]
    refs: tuple[Ref, ...]


@dataclass(frozen=True)
class Definition:
    """One equation of a family: how it is computed, and for which steps (None: the family has no steps)."""

    signature: Signature
    domain: Domain | None
    serial: int  # of the first node it was read from: definitions in this order are in the order of the code

    @property
    def op(self) -> Any:
        return self.signature.op

    @property
    def attrs(self) -> dict[str, Any]:
        return dict(self.signature.attrs)

    @property
    def refs(self) -> tuple[Ref, ...]:
        return self.signature.refs


@dataclass
class Family:
    """The copies of one node: one for each step, or a single one."""

    index: int
    name: Name | None
    first: Node
    definitions: list[Definition] = field(default_factory=list)

    @property
    def role(self) -> Role | None:
        """What it is for."""
        return self.first.role


@dataclass(frozen=True)
class Folded:
    """The families in order of first creation, for sequences of T steps."""

    families: list[Family] = field(repr=False)  # printing it prints them
    T: Lengths
    places: dict[Node, tuple[int, int | None]] = field(compare=False, repr=False)  # of each node: its family and its step
    ends: list[End] = field(compare=False, repr=False)  # of each family

    @property
    def of_any_length(self) -> bool:
        """Whether what has each of its steps here has each of them in a longer sequence too, and nothing skips a step."""
        longer = Lengths(self.T + 1, {letter: n + 1 for letter, n in self.T.others.items()})
        for family in self.families:
            domains = [definition.domain for definition in family.definitions if definition.domain is not None]
            for steps in (sorted(t for domain in domains for t in domain.steps(T)) for T in (self.T, longer)):
                if steps and steps != [*range(steps[0], steps[-1] + 1)]:
                    return False
            counts = [count for d in family.definitions if d.op.variadic for count in Counter(d.refs).values()]
            if self.T > 2 and {int(self.T), *self.T.others.values()} & set(counts):  # one operand, once for every step
                return False
        return True

    def retarget(self, T: int) -> Folded:
        """The same program for another length. T must leave room for every boundary step: at least 3."""
        T = T if isinstance(T, Lengths) else Lengths(T, self.T.others)
        for old, new in [(self.T, T), *((n, T.others[letter]) for letter, n in self.T.others.items())]:
            if old != new and min(old, new) < 3:
                raise ValueError(f"a fold of {int(old)} steps cannot be re-targeted to {int(new)}: both must be at least 3")
        return dataclasses.replace(self, T=T)

    def where(self, node: Node) -> tuple[Family, Fixed | None]:
        """The family of a node, and its step as it is counted there."""
        index, step = self.places[node]
        return self.families[index], None if step is None else fixed(step, *self.ends[index])

    @property
    def named(self) -> list[Family]:
        return [family for family in self.families if family.name is not None]

    def family(self, name: str) -> Family:
        return next(family for family in self.families if family.name is not None and str(family.name) == name)

    def cycles(self) -> list[list[Family]]:
        """The groups of families that need each other at other steps: each is a recurrence, a loop over time."""
        return [group for group in together(self.families) if len(group) > 1 or _needs_itself(group[0])]

    def __str__(self) -> str:
        return "\n".join(
            f"{family.name}{'[t]' if d.domain else ''} = {self._text(d)}" + (f"    {d.domain}" if d.domain else "")
            for family in self.named
            for d in family.definitions
        )

    def _repr_html_(self) -> str:
        return f"<details><summary>{html.escape(repr(self))}</summary><pre>{html.escape(str(self))}</pre></details>"

    def _text(self, definition: Definition) -> str:
        texts: dict[int, str] = {}
        for family in self.plumbing(definition):
            texts[family.index] = _spelled(family.definitions[0], texts, self.families)
        return _spelled(definition, texts, self.families)

    def plumbing(self, definition: Definition) -> list[Family]:
        """The nameless families that the definition is made of, each after those it needs."""
        found: set[int] = set()
        waiting = [definition]
        while waiting:
            for ref in waiting.pop().refs:
                family = self.families[ref.family]
                if family.name is None and ref.family not in found:
                    found.add(ref.family)
                    waiting.extend(family.definitions)
        needs = {i: {r.family for d in self.families[i].definitions for r in d.refs} & found for i in sorted(found)}
        return [self.families[index] for index in graphlib.TopologicalSorter(needs).static_order()]


def fold(nodes: Sequence[Node], hide: Iterable[str] = (), T: int | None = None, told: Told | None = None) -> Folded:
    """Fold `nodes`, given in order of creation. Names in `hide` are taken for plumbing.

    `told` are lengths of quantities; if it is empty, sizes say which there are; without it all have T steps.

    Raises ValueError if a recurrence would keep no name, for then its equation would have no end.

    >>> from minirnn.engine.graph import ancestors, at, named
    >>> from minirnn.ops import leaf, tanh
    >>> s = named("s", leaf([1.0]))
    >>> for t in range(1, 6):
    ...     with at(t):
    ...         s = named("s", tanh(s)) if t == 1 else named("s", tanh(s) + s)
    >>> print(fold(ancestors([s])))
    s = leaf(dims=())
    s[t] = tanh(s)    t = 1
    s[t] = add(tanh(s[t-1]), s[t-1])    t = 2..T
    """
    hidden = set(hide)
    if hidden:
        for cycle in fold(nodes, T=T, told=told).cycles():
            names = [str(family.name) for family in cycle if family.name is not None]
            if names and hidden.issuperset(names):
                raise ValueError(f"cannot hide all of {', '.join(names)}: the recurrence needs one of these names")
    T = T or max((node.step for node in nodes if node.step is not None), default=0)
    still = seen_from_many(nodes)
    known = {} if told is None else lengths_of(nodes, told, still)
    families: list[Family] = []
    keys: dict[Hashable, int] = {}
    members: list[dict[Signature, list[tuple[int | None, int]]]] = []  # (step, serial number) of each node
    place: dict[Node, tuple[int, int | None]] = {}  # node -> its family and its step
    ends: list[End] = []
    for node in nodes:
        name = None if node.name is None or str(node.name) in hidden else node.name
        step = node.step if name is not None or node.op is leaf_op else _own_step(node, place)
        seen = [ends[family] for family, at_step in map(place.__getitem__, node.args) if at_step is not None]
        own = known.get(node.name or node) or next(iter(seen), (T, "T"))
        signature = _signature(node, step, place, own, ends, still)
        key: Hashable = name if name is not None else node.serial if node.op is leaf_op else signature
        index = keys.setdefault(key, len(families))
        if index == len(families):
            families.append(Family(index, name, node))
            members.append({})
            ends.append(own)
        members[index].setdefault(signature, []).append((step, node.serial))
        place[node] = index, step
    for family, by_signature, end in zip(families, members, ends):
        for signature, found in by_signature.items():
            family.definitions.extend(
                Definition(signature, domain, min(serial for _, serial in found))
                for domain in domains_of([step for step, _ in found], end)
            )
        _from_the_end(family, end)
    others = {letter: n for n, letter in known.values() if letter not in ("T", "")}
    return Folded(families, Lengths(next((n for n, letter in known.values() if letter == "T"), T), others), place, ends)


def _own_step(node: Node, place: dict[Node, tuple[int, int | None]]) -> int | None:
    """Plumbing has the step it cuts out or was made in; made of what has no step, it has none itself."""
    if "t" in node.attrs:
        return node.attrs["t"]
    return node.step if any(place[a][1] is not None for a in node.args) else None


def _signature(
    node: Node,
    step: int | None,
    place: dict[Node, tuple[int, int | None]],
    own: End,
    ends: list[End],
    still: set[tuple[Node, int]],
) -> Signature:
    if step is None and node.op.variadic:
        places = [place[a] for a in node.args]
        refs = tuple(_spans(_by_family(places) if node.op in (total, average) else places, ends))
    else:
        steps = [None if (node, i) in still else step for i in range(len(node.args))] if still else [step] * len(node.args)
        refs = tuple([_ref(*place[a], here, own, ends) for a, here in zip(node.args, steps)])
    attrs = tuple([(k, _attribute(k, v, step, own)) for k, v in node.attrs.items()]) if node.attrs else ()
    return Signature(node.op, attrs, refs)


def _ref(family: int, there: int | None, here: int | None, own: End, ends: list[End]) -> Ref:
    """An operand at step `there`, seen from step `here`; what is at another end, or of another length, is at no delay."""
    if there is None:
        return Ref(family, None)
    across = here is not None and ends[family][1] != own[1]
    return Ref(family, fixed(there, *ends[family]) if here is None or across else as_seen(there, here, ends[family]))


def _attribute(key: str, value: Any, step: int | None, own: End) -> Any:
    if key != "t":
        return value
    return fixed(value, *own) if step is None else as_seen(value, step, own)


def _by_family(places: list[tuple[int, int | None]]) -> list[tuple[int, int | None]]:
    """The terms of a sum, those of one family together: a weight that a step uses twice has a sum over t for each use."""
    first: dict[int, int] = {}
    return sorted(places, key=lambda place: first.setdefault(place[0], len(first)))


def _spans(places: list[tuple[int, int | None]], ends: list[End]) -> Iterator[Ref]:
    """Operands that are consecutive steps of one family, as one reference each."""
    i = 0
    while i < len(places):
        family, start = places[i]
        j = i + 1
        if start is not None and j < len(places) and places[j] in ((family, start + 1), (family, start - 1)):
            way = places[j][1] - start  # type: ignore[operator]
            while j < len(places) and places[j] == (family, start + way * (j - i)):
                j += 1
            lo, hi = sorted((start, start + way * (j - 1 - i)))
            end = ends[family]
            yield Ref(family, Span(fixed(lo, *end, lower=True), fixed(hi, *end), way < 0))
        else:
            yield _ref(family, start, None, ends[family], ends)
        i = j


def _from_the_end(family: Family, end: End) -> None:
    """Of 3 steps, two alone: a derivative, which runs from the end, is special at its last step and alike at the others."""
    T, letter = end
    if T == 3 and family.name is not None and family.name.of is not None:
        alone = [definition.domain for definition in family.definitions]
        T = Lengths(T, {letter: T})
        if sorted(domain.lo.step(T) for domain in alone if domain and domain.lo == domain.hi) == [1, 2] and len(alone) == 2:
            most = Domain(Fixed(False, 1), Fixed(True, -2, letter))
            family.definitions = [
                dataclasses.replace(d, domain=most) if d.domain and d.domain.lo.step(T) == 1 else d
                for d in family.definitions
            ]


def _spelled(definition: Definition, texts: dict[int, str], families: list[Family]) -> str:
    def one(ref: Ref) -> str:
        family = families[ref.family]
        inner = texts[ref.family] if family.name is None else str(family.name)
        return inner + str(ref) if family.name is not None or ref.where else inner

    parts = [one(ref) for ref in definition.refs]
    parts += [f"{key}={value}" for key, value in definition.attrs.items()]
    return f"{definition.op.name}({', '.join(parts)})"


def together(families: list[Family]) -> list[list[Family]]:
    """The families that are computed from each other."""
    edges = [[ref.family for d in family.definitions for ref in d.refs] for family in families]
    return [[families[index] for index in group] for group in components(edges)]


def _needs_itself(family: Family) -> bool:
    return any(ref.family == family.index for d in family.definitions for ref in d.refs)
