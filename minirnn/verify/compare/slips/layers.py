"""Slips between layers: the half of a Bidirectional that runs backwards, and what a layer reads of the one below it."""

from __future__ import annotations

from collections.abc import Iterator

from ....engine.graph import Node
from ....engine.ops import join
from ..numbers import Case, Slip, Variant
from ..structure import Structure


def _backwards(net: Structure) -> set[str]:
    """The states of the layers that run backwards."""
    ends = {name: net.ends(name) for name in net.states}
    return {name for name, (start, end) in ends.items() if (start.step or 0) > (end.step or 0)}


def _turned(case: Case, detail: str, inputs: bool, outputs: bool) -> Iterator[Variant]:
    """A layer that runs backwards is given its inputs, or what it gives is read, in the other order of time."""
    net = case.net
    backwards = _backwards(net)
    made: dict[Node, Node] = {}

    def other(x: Node) -> Node:
        found = net.at_step(x, net.T + 1 - 2 * (x.step or 0))
        return made[found] if found is not None else made[x]

    def change(node: Node, args: tuple[Node, ...]) -> Node | None:
        inside = _within(net, node, backwards)
        turned = inputs if inside else outputs
        read = [turned and bool(x.step) and _within(net, x, backwards) is not inside for x in node.args]
        new = tuple(other(x) if is_read else arg for x, arg, is_read in zip(node.args, args, read))
        made[node] = found = node.op(*new, **node.attrs) if args else node
        return found

    if backwards and net.T > 1:
        yield case.changed(detail, change)


def _within(net: Structure, node: Node, layers: set[str]) -> bool:
    """Whether a node belongs to one of these layers."""
    return net.state_of.get(node, net.layer_of(node)) in layers


def _not_flipped(case: Case) -> Iterator[Variant]:
    whole = any(out.op.name.startswith("stack") for out in case.net.outputs)
    yield from _turned(case, "" if whole else "its first step is read in place of its last", inputs=False, outputs=True)


def _not_reversed(case: Case) -> Iterator[Variant]:
    yield from _turned(case, "though what it gives is", inputs=True, outputs=False)
    yield from _turned(case, "", inputs=True, outputs=True)


def _halves_exchanged(case: Case) -> Iterator[Variant]:
    pairs = [n for n in case.net.forward if n.op is join and len(n.args) == 2]
    yield case.at("", pairs, lambda node, args: node.op(*reversed(args), **node.attrs))


def _of_the_step_before(case: Case) -> Iterator[Variant]:
    """A layer reads the state of the layer below it before that is renewed."""
    net = case.net
    made: dict[Node, Node] = {}
    before = {x: y for name in net.states for y, x in zip(net.steps(name), net.steps(name)[1:])}

    def change(node: Node, args: tuple[Node, ...]) -> Node | None:
        layer = net.state_of.get(node, net.layer_of(node))
        late = [layer is not None and net.state_of.get(x, layer) != layer and x.step == node.step for x in node.args]
        new = tuple(made[before[x]] if is_late and x in before else arg for x, arg, is_late in zip(node.args, args, late))
        made[node] = found = node.op(*new, **node.attrs) if args else node
        return found

    if len(net.states) > 1:
        yield case.changed("", change)


SLIPS = [
    Slip("backward half not turned back", "the half that runs backwards is not flipped back into the order of time",
         "np.concatenate([forward, backward], axis=-1)", "np.concatenate([forward, backward[:, ::-1]], axis=-1)",
         _not_flipped),
    Slip("backward half not reversed", "the half that runs backwards is given the steps in the order of time, not reversed",
         "backward = rnn({x})", "backward = rnn({x}[:, ::-1])", _not_reversed),
    Slip("halves exchanged", "two arrays that are put together are exchanged: each stands where the other belongs",
         "np.concatenate([backward, forward], axis=-1)", "np.concatenate([forward, backward], axis=-1)", _halves_exchanged),
    Slip("layer below of the step before", "a layer reads the state of the layer below it of the step before",
         "{h}2 = {f}({h} @ W2 + {h}2 @ U2)  # before {h} is renewed", "{loop}  # first, then {h}2", _of_the_step_before),
]  # fmt: skip
