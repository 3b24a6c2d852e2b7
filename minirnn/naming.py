"""Every quantity of a run has a name of its own: what would collide is qualified by the layer that made it."""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence

from .engine.graph import Node, Primitive
from .engine.names import Name, Role, parse

Step = int | None


def distinct(names: Sequence[Name], labels: Sequence[str], own: Sequence[bool]) -> list[Name]:
    """The names of parameters, each once: of equal ones those that a user has given carry the label of their layer."""
    taken = Counter(names)
    found: list[Name] = []
    seen: Counter[Name] = Counter()
    for name, label, by_user in zip(names, labels, own):
        mine = [o for n, o in zip(names, own) if n == name]
        if taken[name] > 1 and (by_user or not any(mine)):
            name = _qualified(name, label)
        seen[name] += 1
        found.append(name if seen[name] == 1 else _qualified(name, str(seen[name])))
    return found


def make_unique(
    nodes: Sequence[Node], parameters: Iterable[Node], own: Iterable[Node], calls: list[tuple[int, str]]
) -> None:
    """Let (name, step) be unique among `nodes`, the forward pass of a run.

    `own` are those that a user's code has named; `calls` has the serial number at which the call of each layer began, and
    the label of the layer. A quantity is qualified where a parameter, or a quantity of another layer, has its name.
    """
    of_user, weights = set(own), set(parameters)
    starts, labels = [start for start, _ in calls], [label for _, label in calls]
    claims: dict[str, dict[str, list[Node]]] = defaultdict(lambda: defaultdict(list))
    for node in nodes:
        if node.name is not None and node not in weights:
            place = bisect_right(starts, node.serial)
            owner = labels[place - 1] if node in of_user and place else ""
            claims[str(node.name)][owner].append(node)
    taken = {str(node.name) for node in weights}
    for key, by_owner in claims.items():
        for owner, members in by_owner.items():
            if key in taken or (owner and (len(by_owner) > 1 or parse(key).of is not None)):
                _qualify(members, owner or _label(members[0], starts, labels))
    _number_repeated(nodes)


def _label(node: Node, starts: list[int], labels: list[str]) -> str:
    place = bisect_right(starts, node.serial)
    return labels[place - 1] if place else "data"


def _qualified(name: Name, label: str) -> Name:
    return name._replace(layer=f"{label}.{name.layer}" if name.layer else label)


def _qualify(nodes: Iterable[Node], label: str) -> None:
    for node in nodes:
        if node.name is not None:
            node.name = _qualified(node.name, label)


def _number_repeated(nodes: Iterable[Node]) -> None:
    """What is named twice at one step, by a cell that uses a name again, is numbered at every step: g^1, g^2."""
    at: Counter[tuple[str, Step]] = Counter()
    place: dict[Node, int] = {}
    for node in nodes:
        if node.name is not None:
            at[str(node.name), node.step] += 1
            place[node] = at[str(node.name), node.step]
    repeated = {key for (key, _), count in at.items() if count > 1}
    for node, k in place.items():
        if str(node.name) in repeated:
            _qualify([node], str(k))


def demand_unique(nodes: Iterable[Node]) -> None:
    """Raise RuntimeError if two quantities of one step share a name: it would be a bug, and could lose a gradient."""
    count = Counter((str(node.name), node.step) for node in nodes if node.name is not None)
    for (name, step), times in count.items():
        if times > 1:
            raise RuntimeError(f"{times} quantities are called {name}" + ("" if step is None else f" at step {step}"))


def infer_pre_activations(nodes: Iterable[Node], activations: Iterable[Primitive]) -> None:
    """A named quantity that an activation function is applied to, and that has no role yet, is a pre-activation."""
    functions = set(activations)
    for node in nodes:
        if node.op in functions:
            x = node.args[0]
            if x.name is not None and x.role is None and x.args:
                x.role = Role.PRE_ACTIVATION
