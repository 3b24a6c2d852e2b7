"""Every quantity of a run has a name of its own: what would collide is qualified by the layer that made it."""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence

from ..engine.graph import Node, Primitive
from ..engine.names import DATA, Name, Role, parse
from ..system import choices

Step = int | None


def distinct(names: Sequence[Name], labels: Sequence[str], own: Sequence[bool]) -> list[Name]:
    """The names of parameters, each once: of equal ones those that a user has given carry the label of their layer."""
    taken = Counter(names)
    found: list[Name] = []
    seen: Counter[Name] = Counter()
    for name, label, by_user in zip(names, labels, own):
        mine = [o for n, o in zip(names, own) if n == name]
        if name.of is not None:  # a weight may be called as a derivative is, and is none
            name = _qualified(Name(str(name)), label)
        elif taken[name] > 1 and (by_user or not any(mine)):
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
    named = [(node, str(node.name)) for node in nodes if node.name is not None]
    taken = {str(node.name) for node in weights}
    once = len({(key, node.step) for node, key in named}) == len(named)
    if once and not of_user and sum(key in taken for _, key in named) == len(taken):
        return  # the names of layers differ
    starts, labels = [start for start, _ in calls], [label for _, label in calls]
    claims: dict[str, dict[str, list[Node]]] = defaultdict(lambda: defaultdict(list))
    for node, key in named:
        if node not in weights:
            place = bisect_right(starts, node.serial)
            owner = labels[place - 1] if node in of_user and place else ""
            claims[key][owner].append(node)
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
    """What is named twice at one step, by a cell that uses a name again, is numbered at every step: g^1, g^2.

    Data give way: where an index of a word is called i as the input gate is, the index is i^data.
    """
    named = [node for node in nodes if node.name is not None]
    computed = {str(node.name) for node in named if node.role not in DATA}
    repeated = _repeated(named)
    for node in named:
        if node.role in DATA and str(node.name) in repeated & computed:
            _qualify([node], "data")
    repeated, at = _repeated(named), Counter[tuple[str, Step]]()
    for node in named:
        key = str(node.name)
        if key in repeated:
            at[key, node.step] += 1
            _qualify([node], str(at[key, node.step]))


def _repeated(named: Iterable[Node]) -> set[str]:
    """The names that two quantities of one step have."""
    at = Counter((str(node.name), node.step) for node in named)
    return {key for (key, _), count in at.items() if count > 1}


def demand_unique(nodes: Iterable[Node]) -> None:
    """Raise RuntimeError if two quantities of one step share a name: it would be a bug, and could lose a gradient."""
    count = Counter((str(node.name), node.step) for node in nodes if node.name is not None)
    for (name, step), times in count.items():
        if times > 1:
            raise RuntimeError(f"{times} quantities are called {name}" + ("" if step is None else f" at step {step}"))


def demand_no_derivatives(keys: Collection[str]) -> None:
    """What is given may be called as one likes, dL/dW too, but not as the derivative by another quantity is called."""
    for key in keys:
        parts = key.split("/d") if key.startswith("d") else []
        for k in range(1, len(parts)):
            if (quantity := "/d".join(parts[k:])) in keys:
                raise ValueError(f"{key!r} is what the derivative by {quantity!r} is called: give it another name")


def infer_pre_activations(nodes: Iterable[Node], activations: Iterable[Primitive]) -> None:
    """A named quantity that an activation function is applied to, and that has no role yet, is a pre-activation."""
    functions = set(activations)
    for node in nodes:
        if node.op in functions:
            x = node.args[0]
            if x.name is not None and x.role is None and x.args:
                x.role = Role.PRE_ACTIVATION


def no_such(name: str, t: Step, variables: Iterable[tuple[str, Step]], names: Mapping[str, Name]) -> str:
    """The sentence that there is no such quantity, or that it has no such step, and what there is."""
    found = [step for known, step in variables if known == name]
    if not found:
        return f"no quantity {name!r}{choices(name, [key for key, known in names.items() if known.of is None])}"
    if found == [None]:
        return f"{name} has no time steps: leave t out"
    steps = sorted(step for step in found if step is not None)
    return f"{name} has steps {steps[0]} to {steps[-1]}" + (f", not {t}" if t is not None else f": value({name!r}, t)")
