"""Reverse accumulation that adds nodes: the backward pass is more of the same graph."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable

from .graph import Node, Primitive, ancestors, at, named, now, same
from .names import Name, Role, parse
from .ops import full, join, ones, put, stack, total, zeros
from .rules import Beside

Rule = Callable[[Node, Node, int], Node | None]  # what a cotangent of a node contributes to that of one of its operands
LOSS, NAMELESS = parse("L"), parse("")


def backprop(loss: Node, wrt: Iterable[Node], order: list[Node] | None = None, every_name: bool = False) -> dict[Node, Node]:
    """The cotangent dL/dn of every node n on a path from `wrt` to the scalar `loss`, as new nodes.

    The cotangent of a named variable is named after it (``"dL/dh"``) and carries the variable's step. A node of `wrt`
    that the loss does not depend on gets zeros. `order`, if at hand, is ``ancestors([loss])``. With `every_name` also what
    is named and given beside another, a probability beside its logits, has its cotangent.

    >>> from minirnn.ops import leaf, mean, square
    >>> w = leaf([1.0, 2.0], "w")
    >>> g = backprop(named("L", mean(square(w))), [w])[w]
    >>> g, g.value
    (<dL/dw (2,) float64>, array([1., 2.]))
    """
    wrt = list(wrt)
    if loss.shape != ():
        raise ValueError(f"the loss must be a single number, not an array of shape {loss.shape}: sum or average it first")
    order = order or ancestors([loss])
    with at(None):
        of = loss.name or LOSS
        cotangents = pull_back({loss: [ones(loss)]}, order, depending_on(wrt, order), of)
        for x in wrt:
            if x not in cotangents:
                now.step = x.step
                cotangents[x] = named((x.name or NAMELESS).derivative(of), zeros(x))
    return cotangents | (beside_others(order, cotangents, of) if every_name else {})


def pull_back(
    seeds: dict[Node, list[Node]], order: list[Node], paths: set[Node], of: Name | None = None, rule: Rule | None = None
) -> dict[Node, Node]:
    """The cotangents that the cotangents `seeds` bring about in the nodes of `paths`; `order` is that of creation.

    With `of` the cotangent of a named variable is named after it, dL/dh of L; that of a pre-activation is δ. `rule` takes
    the place of `contribution`.
    """
    rule = rule or contribution
    contributions = {node: list(terms) for node, terms in seeds.items()}
    cotangents: dict[Node, Node] = {}
    shared: set[Node] = set()  # cotangents handed on to several operands: none of them gives its name to all
    deltas = _printed_delta(order) if of is not None else set()
    with at(None):  # gives back the present step at the end
        for y in reversed(order):
            if y not in contributions:
                continue
            now.step = y.step
            terms = contributions.pop(y)
            g = terms[0] if len(terms) == 1 else _collect(terms)
            if y in seeds:
                shared.add(g)  # the 1 of dL/dL: it is not the derivative by what the loss is a sum of
            elif of is not None and y.name is not None:
                g = named(y.name.derivative(of, delta=y.name in deltas), same(g) if g in shared else g)
            cotangents[y] = g
            handed_on = 0
            for position, x in enumerate(y.args):
                if x not in paths:
                    continue
                part = beside(g, y, position, paths) if y.op.beside else None
                if part is not None or (part := rule(g, y, position)) is not None:
                    contributions.setdefault(x, []).append(part)
                    handed_on += part is g
            if handed_on > 1:
                shared.add(g)
    return cotangents


def _printed_delta(order: Iterable[Node]) -> set[Name]:
    """The pre-activations whose derivative is printed as δ: those that their subscript and layer tell apart."""
    names = {y.name for y in order if y.role is Role.PRE_ACTIVATION and y.name is not None and y.name.shown is None}
    count = Counter((name.sub, name.layer) for name in names)
    return {name for name in names if count[name.sub, name.layer] == 1}


def contribution(g: Node, y: Node, position: int) -> Node | None:
    """What the cotangent g of y contributes to that of its operand at `position`; None where nothing flows."""
    vjp = y.op.vjp
    if callable(vjp):
        return vjp(g, y, position)
    rule = vjp[position]
    return None if rule is None or isinstance(rule, Beside) else rule(g, y, *y.args, **y.attrs)


def beside(g: Node, y: Node, position: int, paths: set[Node]) -> Node | None:
    """What g contributes to an operand that is given beside another, where that other is on no path."""
    rule = y.op.vjp[position] if isinstance(y.op.vjp, tuple) else None
    return rule.vjp(g, y, *y.args, **y.attrs) if isinstance(rule, Beside) and y.args[rule.of] not in paths else None


def beside_others(order: Iterable[Node], cotangents: dict[Node, Node], of: Name) -> dict[Node, Node]:
    """The cotangents of named quantities that are given beside others and reach the loss in no other way."""
    found: dict[Node, list[Node]] = {}
    for y in order:
        if y.op.beside and y in cotangents:
            for position, x in enumerate(y.args):
                if x.name is not None and x not in cotangents:
                    with at(x.step):
                        part = beside(cotangents[y], y, position, set())
                    if part is not None:
                        found.setdefault(x, []).append(part)
    made = {}
    for x, terms in found.items():
        with at(x.step):
            made[x] = named((x.name or NAMELESS).derivative(of), terms[0] if len(terms) == 1 else total(*terms))
    return made


def depending_on(wrt: Iterable[Node], order: Iterable[Node]) -> set[Node]:
    """What a change of `wrt` would change; through a comparison nothing passes."""
    found = set(wrt)
    for node in order:
        rules = node.op.vjp
        for position, arg in enumerate(node.args):
            if arg in found and (callable(rules) or rules[position] is not None):
                found.add(node)
                break
    return found


def _collect(terms: list[Node]) -> Node:
    """The sum of what arrived; steps put back into a whole sequence, each once, are that sequence.

    Parts beside zeros, each at another place, stand beside each other.
    """
    first = terms[0]
    if all(term.op is put for term in terms):
        steps, axis = {term.attrs["t"]: term.args[0] for term in terms}, first.attrs["axis"]
        if len(steps) == len(terms) == first.shape[axis]:
            return stack(*[steps[t] for t in sorted(steps)], axis=axis, size=first.dims[axis])
    terms = _side_by_side(terms)
    return terms[0] if len(terms) == 1 else total(*terms)


def _side_by_side(terms: list[Node]) -> list[Node]:
    """The terms, those that are one block among zeros put together, each in its place."""
    rest: list[Node] = []
    wholes: dict[tuple[Primitive, int], dict[int, Node]] = {}  # of so many blocks: the term with the block at each place
    for term in terms:
        places = [k for k, x in enumerate(term.args) if x.op is not full] if term.op in (join, stack) else []
        found = wholes.setdefault((term.op, len(term.args)), {})
        if len(places) == 1 and places[0] not in found and len({x.shape for x in term.args}) == 1:
            found[places[0]] = term
        else:
            rest.append(term)
    for (op, count), found in wholes.items():
        some = next(iter(found.values()), None)
        if some is not None:
            blocks = [found.get(k, some).args[k] for k in range(count)]
            rest.append(some if len(found) == 1 else op(*blocks, **some.attrs))
    return rest
