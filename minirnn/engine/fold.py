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
from collections.abc import Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from .graph import Node, leaf_op
from .names import Name, Role


class Fixed(NamedTuple):
    """A step counted from the start (3, h_0 is 0), or from the end (T - 1 is -1 from the end)."""

    from_end: bool
    offset: int

    def step(self, T: int) -> int:
        return self.offset + (T if self.from_end else 0)

    def __str__(self) -> str:
        return f"T{self.offset:+d}".replace("+0", "") if self.from_end else str(self.offset)


class Span(NamedTuple):
    """Consecutive steps of one family, the operands of one operation; `down` if they come in falling order."""

    lo: Fixed
    hi: Fixed
    down: bool

    def __str__(self) -> str:
        return f"{self.hi}..{self.lo}" if self.down else f"{self.lo}..{self.hi}"


class Ref(NamedTuple):
    """An operand: its family, and where: None (no step), a delay (own step + delay), a fixed step, or a span."""

    family: int
    where: int | Fixed | Span | None

    def __str__(self) -> str:
        if self.where is None:
            return ""
        return f"[t{self.where:+d}]".replace("+0", "") if isinstance(self.where, int) else f"[{self.where}]"


class Domain(NamedTuple):
    """The steps lo..hi for which a definition holds."""

    lo: Fixed
    hi: Fixed

    def steps(self, T: int) -> range:
        return range(self.lo.step(T), self.hi.step(T) + 1)

    def __str__(self) -> str:
        return f"t = {self.lo}" if self.lo == self.hi else f"t = {self.lo}..{self.hi}"


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

    families: list[Family]
    T: int
    places: dict[Node, tuple[int, int | None]] = field(compare=False, repr=False)  # of each node: its family and its step

    def retarget(self, T: int) -> Folded:
        """The same program for another length. T must leave room for every boundary step: at least 3."""
        if T < 3 or self.T < 3:
            raise ValueError(f"a fold of {self.T} steps cannot be re-targeted to {T}: both must be at least 3")
        return dataclasses.replace(self, T=T)

    @property
    def named(self) -> list[Family]:
        return [family for family in self.families if family.name is not None]

    def family(self, name: str) -> Family:
        return next(family for family in self.families if family.name is not None and str(family.name) == name)

    def cycles(self) -> list[list[Family]]:
        """The groups of families that need each other at other steps: each is a recurrence, a loop over time."""
        return [group for group in components(self.families) if len(group) > 1 or _needs_itself(group[0])]

    def __str__(self) -> str:
        return "\n".join(
            f"{family.name}{'[t]' if d.domain else ''} = {self._text(d)}" + (f"    {d.domain}" if d.domain else "")
            for family in self.named
            for d in family.definitions
        )

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
        return [self.families[index] for index in sorted(found)]


def fold(nodes: Sequence[Node], hide: Iterable[str] = (), T: int | None = None) -> Folded:
    """Fold `nodes`, given in order of creation. Names in `hide` are taken for plumbing.

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
        for cycle in fold(nodes, T=T).cycles():
            names = [str(family.name) for family in cycle if family.name is not None]
            if names and hidden.issuperset(names):
                raise ValueError(f"cannot hide all of {', '.join(names)}: the recurrence needs one of these names")
    T = T or max((node.step for node in nodes if node.step is not None), default=0)
    families: list[Family] = []
    keys: dict[Hashable, int] = {}
    members: list[dict[Signature, list[tuple[int | None, int]]]] = []  # (step, serial number) of each node
    place: dict[Node, tuple[int, int | None]] = {}  # node -> its family and its step
    for node in nodes:
        name = None if node.name is None or str(node.name) in hidden else node.name
        step = node.step if name is not None or node.op is leaf_op else _own_step(node, place)
        signature = _signature(node, step, place, T)
        key: Hashable = name if name is not None else node.serial if node.op is leaf_op else signature
        index = keys.setdefault(key, len(families))
        if index == len(families):
            families.append(Family(index, name, node))
            members.append({})
        members[index].setdefault(signature, []).append((step, node.serial))
        place[node] = index, step
    for family, by_signature in zip(families, members):
        for signature, found in by_signature.items():
            family.definitions.extend(
                Definition(signature, domain, min(serial for _, serial in found))
                for domain in _domains([step for step, _ in found], T)
            )
    return Folded(families, T, place)


def _own_step(node: Node, place: dict[Node, tuple[int, int | None]]) -> int | None:
    """Plumbing has the step it cuts out or was made in; made of what has no step, it has none itself."""
    if "t" in node.attrs:
        return node.attrs["t"]
    return node.step if any(place[a][1] is not None for a in node.args) else None


def _signature(node: Node, step: int | None, place: dict[Node, tuple[int, int | None]], T: int) -> Signature:
    if step is None and node.op.variadic:
        refs = tuple(_spans([place[a] for a in node.args], T))
    else:
        refs = tuple([_ref(*place[a], step, T) for a in node.args])
    attrs = tuple([(k, _attribute(k, v, step, T)) for k, v in node.attrs.items()]) if node.attrs else ()
    return Signature(node.op, attrs, refs)


def _ref(family: int, there: int | None, here: int | None, T: int) -> Ref:
    """An operand at step `there`, seen from step `here`; from one end of the sequence to the other is no delay."""
    if there is None:
        return Ref(family, None)
    across = here is not None and T >= 3 and abs(there - here) >= T - 1
    return Ref(family, fixed(there, T) if here is None or across else there - here)


def _attribute(key: str, value: Any, step: int | None, T: int) -> Any:
    if key == "t" and step is not None:
        return value - step
    return fixed(value, T) if key == "t" else value


def fixed(step: int, T: int, lower: bool = False) -> Fixed:
    """Counted from the nearer end; halfway, the lower end of a domain from the start and all else from the end.

    With fewer than 3 steps nothing can be said about other lengths, and all is counted from the start.
    """
    near_start = step - 1 < T - step or (lower and step - 1 == T - step) or T < 3
    return Fixed(False, step) if near_start else Fixed(True, step - T)


def _spans(places: list[tuple[int, int | None]], T: int) -> Iterator[Ref]:
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
            yield Ref(family, Span(fixed(lo, T, lower=True), fixed(hi, T), way < 0))
        else:
            yield _ref(family, start, None, T)
        i = j


def _domains(steps: list[int | None], T: int) -> Iterator[Domain | None]:
    known = sorted(step for step in steps if step is not None)
    if not known:
        yield None
        return
    start = previous = known[0]
    for step in [*known[1:], None]:
        if step is None or step > previous + 1:
            alone = start == previous
            yield Domain(fixed(start, T, lower=not alone), fixed(previous, T))
            start = step if step is not None else start
        previous = step if step is not None else previous


def _spelled(definition: Definition, texts: dict[int, str], families: list[Family]) -> str:
    def one(ref: Ref) -> str:
        family = families[ref.family]
        inner = texts[ref.family] if family.name is None else str(family.name)
        return inner + str(ref) if family.name is not None or ref.where else inner

    parts = [one(ref) for ref in definition.refs]
    parts += [f"{key}={value}" for key, value in definition.attrs.items()]
    return f"{definition.op.name}({', '.join(parts)})"


def _needs_itself(family: Family) -> bool:
    return any(ref.family == family.index for d in family.definitions for ref in d.refs)


def components(families: list[Family]) -> list[list[Family]]:
    """Strongly connected components (Tarjan 1972), without recursion, each in order of creation."""
    edges = [[ref.family for d in family.definitions for ref in d.refs] for family in families]
    number: dict[int, int] = {}
    low: dict[int, int] = {}
    stacked: list[int] = []
    on_stack: set[int] = set()
    found: list[list[Family]] = []
    for root in range(len(families)):
        if root in number:
            continue
        work = [(root, iter(edges[root]))]
        number[root] = low[root] = len(number)
        stacked.append(root)
        on_stack.add(root)
        while work:
            v, rest = work[-1]
            for w in rest:
                if w not in number:
                    number[w] = low[w] = len(number)
                    stacked.append(w)
                    on_stack.add(w)
                    work.append((w, iter(edges[w])))
                    break
                if w in on_stack:
                    low[v] = min(low[v], number[w])
            else:
                work.pop()
                if work:
                    low[work[-1][0]] = min(low[work[-1][0]], low[v])
                if low[v] == number[v]:
                    cut = stacked.index(v)
                    group, stacked = stacked[cut:], stacked[:cut]
                    on_stack.difference_update(group)
                    found.append([families[w] for w in sorted(group)])
    return found
