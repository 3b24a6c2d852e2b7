"""Slips of cells with gates: another order of the gates, one forgotten, the state that is carried by ⊙ lost on its way.

A gate is known by what it does in the graph: an activation that multiplies what is let through. So the slips are found in
a loop of one's own as in an LSTM or GRU of Keras.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from functools import partial

from ....engine.graph import Node
from ....engine.ops import block, nth, same, shift, sigmoid, tanh
from ....layers.recurrent.cell import Cell
from ....layers.recurrent.cells import OwnCell, cells_in
from ..numbers import Case, Slip, Variant, as_it_came, nothing, other, without
from ..structure import MULTIPLY, Edge, Structure, summands


def _gates(net: Structure) -> dict[str, list[Edge]]:
    """Where each gate multiplies what it lets through, by its name; one without a name by its place in its step."""
    bent, found = set(net.bent), dict[str, list[Edge]]()
    place: dict[int | None, int] = {}
    for y in net.forward:
        for i, x in enumerate(y.args) if y.op.name == "multiply" and y.step and y in net.recurrent else ():
            gate = net.origin(x)
            if gate in bent and gate not in _squashed(net):
                place[y.step] = place.get(y.step, 0) + 1
                found.setdefault(net.name_of.get(gate) or f"gate {place[y.step]}", []).append((y, i))
    return found


def _said(net: Structure, name: str) -> str:
    """A gate as it is called, and what it is: f_t, the forget gate."""
    titles = {gate.name: gate.title for cell in _cells(net) for gate in cell.gates if gate.title}
    title = titles.get(name.partition("^")[0])
    return f"{name}_t, the {title}" if title else name if " " in name else f"{name}_t"


def _cells(net: Structure) -> list[Cell | OwnCell]:
    return [] if net.trace.is_loop else cells_in(net.trace.model.flat_layers)


def _squashed(net: Structure) -> dict[Node, Node]:
    """The activations of a state at its own step, tanh(c_t), each with the state."""
    pairs = [(n, net.origin(n.args[0])) for n in net.bent]
    return {n: s for n, s in pairs if s in net.state_of and s.step == n.step and n not in net.state_of}


def _carried(net: Structure) -> dict[str, list[Edge]]:
    """Where a state of the step before is multiplied by a gate, f_t ⊙ c_{t-1}: by the name of the state.

    Where it is multiplied more than once in a step, as in r ⊙ h and (1 - z) ⊙ h, what is added to the new state counts.
    """
    found: dict[str, list[Edge]] = {}
    products = {p.node for p in net.products}
    sums = {term: net.state_of[state] for state in net.state_of for term in summands(state)}
    for (y, i), state in net.crossing.items():
        name = net.state_of[state]
        if y.op.name == "multiply" and y not in products and sums.get(y, name) == name and y in net.recurrent:
            found.setdefault(name, []).append((y, i))
    return {name: [e for e in edges if e[0] in sums] or edges for name, edges in found.items()}


def _order(case: Case) -> Iterator[Variant]:
    """The blocks of the fused weights, each taken for another gate."""
    net = case.net
    layers: dict[tuple[str, int], list[Node]] = {}
    owners = {x: state for y in reversed(net.forward) if (state := net.layer_of(y)) for x in y.args}
    for node in net.forward:
        if node.op is block and (state := owners.get(node) or net.layer_of(node)):
            layers.setdefault((net.trace.names[state].layer, node.attrs["parts"]), []).append(node)
    for (layer, parts), nodes in layers.items():
        names = next(([g.name for g in c.gates] for c in _cells(net) if len(c.gates) == parts), None)
        letters = names or [str(k + 1) for k in range(parts)]
        for places in itertools.permutations(range(parts)) if parts <= 4 else ():
            moved = [k for k in range(parts) if places[k] != k]
            if not moved:
                continue
            theirs = ", ".join(letters[places.index(k)] for k in range(parts))
            both = len(moved) == 2 and f", {letters[moved[0]]} and {letters[moved[1]]} exchanged"
            where = f" in layer {layer}" if len(layers) > 1 else ""

            def change(node: Node, args: tuple[Node, ...], places: tuple[int, ...] = places) -> Node:
                return block(args[0], k=places[node.attrs["k"]], parts=node.attrs["parts"])

            yield case.at(f"{theirs} in place of {', '.join(letters)}{both or ''}{where}", nodes, change)


def _left_out(case: Case) -> Iterator[Variant]:
    for name, edges in _gates(case.net).items():
        kept = {y: 1 - i for y, i in edges}
        yield case.at(_said(case.net, name), kept, lambda node, args, kept=kept: same(args[kept[node]]))  # type: ignore[misc]


def _not_carried(case: Case) -> Iterator[Variant]:
    for name, edges in _carried(case.net).items():
        starts: dict[str, Node] = {}
        places = dict(edges)
        yield case.operands(f"of {name}", places, lambda _, x, starts=starts: starts.setdefault("", x))  # type: ignore[misc]
        yield case.at(f"{name}_{{t-1}} ⊙ its gate is left out", places, without)


def _no_tanh(case: Case) -> Iterator[Variant]:
    if nodes := _squashed(case.net):
        yield case.at(f"of {case.net.state_of[next(iter(nodes.values()))]}", nodes, lambda node, args: same(args[0]))


def _tanh_too_early(case: Case) -> Iterator[Variant]:
    squashed = _squashed(case.net)
    states = set(squashed.values())

    def change(again: bool, node: Node, args: tuple[Node, ...]) -> Node | None:
        if node in states and node.args:
            return tanh(node.op(*args, **node.attrs))
        return same(args[0]) if node in squashed and not again else None

    if states:
        name = case.net.state_of[next(iter(states))]
        yield case.changed(f"{name}_t is carried on as tanh({name}_t)", partial(change, False))
        yield case.changed(f"{name}_t is carried on as tanh({name}_t), and bent again", partial(change, True))


def _exchanged_complement(case: Case) -> Iterator[Variant]:
    """z for 1 - z, and 1 - z for z."""
    net = case.net
    mixing = {n: net.origin(n.args[0]) for n in net.forward if n.op.name == "complement" and n in net.recurrent}
    gates = set(mixing.values())
    for name, edges in _gates(net).items():
        direct = {y: i for y, i in edges if net.origin(y.args[i]) in gates}
        others = [n for n, gate in mixing.items() if net.name_of.get(gate) == name or not net.name_of.get(gate)]

        def change(node: Node, args: tuple[Node, ...], direct: dict[Node, int] = direct) -> Node:
            if node not in direct:
                return same(args[0])
            return node.op(*[1 - x if i == direct[node] else x for i, x in enumerate(args)])

        if direct and others:
            yield case.at(f"{name} and 1 - {name}", [*direct, *others], change)


def _reset_elsewhere(case: Case) -> Iterator[Variant]:
    """The reset gate before the product, (r ⊙ h) W, where it is after it, r ⊙ (h W + b); or the other way round."""
    net = case.net
    weighing = {p.node: p for p in net.products}
    after: dict[Node, tuple[int, Node]] = {}  # r ⊙ (h W + b): where the sum stands, and the product in it
    before: dict[Node, int] = {}  # (r ⊙ h) W: where r ⊙ h stands
    for edges in _gates(net).values():
        for y, i in edges:
            terms = summands(y.args[1 - i])
            inside = [t for t in terms if t in weighing and weighing[t].array in net.state_of]
            if len(inside) == 1:
                after[y] = 1 - i, inside[0]
            before |= {n: n.args.index(y) for n in net.forward if n.op in MULTIPLY and y in n.args and n in weighing}

    def earlier(node: Node, args: tuple[Node, ...]) -> Node:
        place, product = after[node]
        gate, total = args[1 - place], args[place]
        known = weighing[product]
        return total - product.op(*remade[product]) + other(product, remade[product], known.place, lambda _, a: a * gate)

    remade: dict[Node, tuple[Node, ...]] = {}
    wanted = {product for _, product in after.values()}

    def change(node: Node, args: tuple[Node, ...]) -> Node | None:
        if node in wanted:
            remade[node] = args
        return earlier(node, args) if node in after else None

    def later(node: Node, args: tuple[Node, ...]) -> Node:
        place = before[node]
        product = node.args[place]
        gate = next(i for i, x in enumerate(product.args) if net.origin(x) in set(net.bent))
        inner = args[place].args
        return other(node, args, place, lambda *_: inner[1 - gate]) * inner[gate]

    if after:
        yield case.changed("before the product with the recurrent weights, where it belongs after it", change)
    if before:
        yield case.at("after the product with the recurrent weights, where it belongs before it", before, later)


def _second_bias(case: Case) -> Iterator[Variant]:
    for k, which in ((1, "of the state"), (0, "of the input")):
        nodes = [n for n in case.net.forward if n.op is nth and n.attrs["k"] == k]
        if nodes:
            yield case.at(f"the bias {which}", nodes, without)


def _forget_bias(case: Case) -> Iterator[Variant]:
    biases, net = set(case.net.biases), case.net
    places = {i for c in _cells(net) for i, g in enumerate(c.gates) if getattr(c, "unit_forget_bias", 0) and g.letter == "f"}
    nodes = [n for n in net.forward if n.op is block and n.args[0] in biases and n.attrs["k"] in places]
    for q, what in ((-1.0, "forgotten"), (1.0, "added once more")):
        if nodes:
            yield case.at(what, nodes, lambda n, args, q=q: shift(n.op(*args, **n.attrs), q=q))  # type: ignore[misc]


def _no_gradient(case: Case) -> Iterator[Variant]:
    for name, edges in _gates(case.net).items():
        yield case.along(_said(case.net, name), edges, nothing)


def _no_slope_of(case: Case) -> Iterator[Variant]:
    net = case.net
    gated = {net.origin(y.args[i]): name for name, edges in _gates(net).items() for y, i in edges}
    chosen = {"of every sigmoid": [n for n in gated if n.op is sigmoid]}
    for node, name in gated.items():
        chosen.setdefault(f"of {_said(net, name)}", []).append(node)
    for where, nodes in chosen.items():
        yield case.along(where, [(n, 0) for n in nodes], as_it_came)


def _no_slope_of_state(case: Case) -> Iterator[Variant]:
    if nodes := _squashed(case.net):
        name = case.net.state_of[next(iter(nodes.values()))]
        yield case.along(f"1 - tanh({name})² is missing", [(n, 0) for n in nodes], as_it_came)


def _carried_back(rule: Callable[[Node, Node, int], Node | None]) -> Callable[[Case], Iterator[Variant]]:
    """What goes from d(state)_t to d(state)_{t-1} through its gate, by another rule."""

    def variants(case: Case) -> Iterator[Variant]:
        for name, edges in _carried(case.net).items():
            yield case.along(f"d{name}, that is ∂L/∂{name}", edges, rule)

    return variants


def _overwritten(case: Case) -> Iterator[Variant]:
    if nodes := _squashed(case.net):
        name = case.net.state_of[next(iter(nodes.values()))]
        carried = {y.args[i] for y, i in _carried(case.net).get(name, [])}
        last = [n for n, state in nodes.items() if state in carried]
        yield case.along(f"d{name} of the step after takes the place of what comes from h", [(n, 0) for n in last], nothing)


def _one_gate_back(case: Case) -> Iterator[Variant]:
    """dh_{t-1} is what one gate sends back, the last that wrote it."""
    net = case.net
    by_weight: dict[Node, list[Edge]] = {}
    for product in net.carrying:
        if net.layer_of(product.node):
            by_weight.setdefault(product.node.args[1 - product.place], []).append(product.edge)
    for kept, edges in by_weight.items() if len(by_weight) > 1 else ():
        lost = [e for w, other in by_weight.items() if w is not kept for e in other]
        name = net.name_of.get(kept) or "one weight"
        yield case.along(f"what goes back through {name} alone is left of dh", lost, nothing, at=edges[-1][0])


FORWARD = [
    Slip("order of the gates", "the gates stand in another order in the weights",
         "f, i, g, o = np.split(z, 4, axis=1)", "i, f, g, o = np.split(z, 4, axis=1)  # Keras; a GRU has z, r, h", _order),
    Slip("gate left out", "a gate is left out", "c = c + i * g", "c = f * c + i * g", _left_out),
    Slip("state not carried on", "the state that a gate keeps is not carried on to the next step: it is forgotten",
         "c = i * g", "c = f * c + i * g", _not_carried),
    Slip("tanh of the state left out", "the output gate lets the state through without its tanh",
         "h = o * c", "h = o * np.tanh(c)", _no_tanh),
    Slip("tanh of the state too early", "the state goes through tanh before it is carried on",
         "c = np.tanh(f * c + i * g)", "c = f * c + i * g  # and h = o * np.tanh(c)", _tanh_too_early),
    Slip("gate and complement exchanged", "a gate and its complement are exchanged: z and 1 - z",
         "h = (1 - z) * h + z * new", "h = z * h + (1 - z) * new  # Keras; the paper has the other", _exchanged_complement),
    Slip("reset gate elsewhere", "the reset gate acts at another place",
         "new = np.tanh(x @ W + (r * h) @ U)", "new = np.tanh(x @ W + r * (h @ U + b[1]))  # reset_after=True",
         _reset_elsewhere),
    Slip("one of two biases", "one of the two biases is left out", "a = x @ W + b[0] + h @ U",
         "a = x @ W + b[0] + h @ U + b[1]", _second_bias),
    Slip("forget bias", "the 1 that the bias of the forget gate starts with counts otherwise",
         "b = np.zeros(4 * M)", "b[M:2*M] = 1  # unit_forget_bias; it is in the weights already", _forget_bias),
]  # fmt: skip
BACKWARD = [
    Slip("dc_next dropped", "what later steps send back along the state that its gate keeps is dropped",
         "dc = dh * o * (1 - np.tanh(c)**2)", "dc = dc_next + dh * o * (1 - np.tanh(c)**2)", _carried_back(nothing)),
    Slip("dc_next without its gate", "what is sent back to the step before is not multiplied by the gate, f_t ⊙",
         "dc_next = dc", "dc_next = dc * f", _carried_back(as_it_came)),
    Slip("dc overwritten", "only what the step after sends back along the state is left",
         "dc = dc_next", "dc += dh * o * (1 - np.tanh(c)**2)", _overwritten),
    Slip("gradient of a gate missing", "a gate gets no gradient", "df = 0", "df = dc * c_before", _no_gradient),
    Slip("slope of a gate left out", "the slope of the activation of a gate, σ' = σ (1 - σ), is left out",
         "da_f = df", "da_f = df * f * (1 - f)", _no_slope_of),
    Slip("slope of tanh(c) left out", "the slope of the tanh of the state is left out",
         "dc = dc_next + dh * o", "dc = dc_next + dh * o * (1 - np.tanh(c)**2)", _no_slope_of_state),
    Slip("dh of one gate", "dh_next is overwritten by each gate in place of summed over all",
         "dh = da_o @ U_o.T", "dh = da_i @ U_i.T + da_f @ U_f.T + da_c @ U_c.T + da_o @ U_o.T", _one_gate_back),
]  # fmt: skip
