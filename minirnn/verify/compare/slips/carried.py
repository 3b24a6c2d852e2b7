"""Slips of what goes back from step to step, and of how the losses of the steps enter."""

from __future__ import annotations

import functools
import operator
from collections.abc import Callable, Iterator

from ....engine.backprop import contribution
from ....engine.graph import Node
from ....engine.ops import leaf, scale
from ..numbers import Case, Numbers, Piece, Slip, Sum, Variant, as_it_came, nothing, other
from ..structure import Edge

LONG = 30_000  # nodes times steps, past which the losses of single steps are not gone back from one by one
USUAL = (1, 5, 10, 20, 25, 50, 100, 200)  # steps after which long sequences are truncated
WINDOWS = sorted({*range(1, 13), *USUAL, 15, 16, 24, 30, 32, 35, 40, 48, 64, 75, 128, 256, 500})


def _not_transposed(case: Case) -> Iterator[Variant]:
    for W, products in case.net.matrices.items():
        if W.ndim == 2 and W.shape[0] == W.shape[1] and W.value.size > 1:
            yield case.along(str(W.name), [p.edge for p in products], _once_more)


def _once_more(g: Node, y: Node, place: int) -> Node:
    """The product itself, of what goes back: by W, where Wᵀ is right."""
    return other(y, y.args, place, lambda *_: g)


def _crossing(case: Case) -> Iterator[tuple[str, list[Edge]]]:
    """What goes from one step to another: of all states, and of each."""
    edges = case.net.crossing
    yield "", list(edges)
    if len(case.net.states) > 1:
        yield from (
            (f"of {name}", [e for e, s in edges.items() if case.net.state_of[s] == name]) for name in case.net.states
        )


def _dropped(case: Case) -> Iterator[Variant]:
    for where, edges in _crossing(case):
        if edges:
            yield case.along(where, edges, nothing)


def _without_the_kernel(case: Case) -> Iterator[Variant]:
    net = case.net
    for where, nodes in net.by_layer([p.node for p in net.carrying], net.layer_of):
        yield case.along(where, [p.edge for p in net.carrying if p.node in nodes], as_it_came)


def _of_the_wrong_step(case: Case) -> Iterator[Variant]:
    def earlier(sent: list[Node]) -> Node:
        return sent[-2] if len(sent) > 1 else scale(sent[0], p=0.0)

    yield _remembering(case, "that of the step after the next", earlier)
    yield _remembering(case, "those of all later steps, summed", lambda sent: functools.reduce(operator.add, sent))


def _remembering(case: Case, detail: str, which: Callable[[list[Node]], Node]) -> Variant:
    """What goes back to h_t is chosen among all that the later steps have sent, the last one last."""
    sent: dict[str | None, list[Node]] = {}

    def rule(g: Node, y: Node, place: int) -> Node | None:
        right = contribution(g, y, place)
        if right is None:
            return None
        sent.setdefault(case.net.layer_of(y), []).append(right)
        return which(sent[case.net.layer_of(y)])

    return case.along(detail, [p.edge for p in case.net.carrying], rule)


def _truncated(case: Case) -> Iterator[Variant]:
    net, T = case.net, case.net.T
    windows = [w for w in (WINDOWS if len(net.forward) < LONG / 6 else USUAL) if w < T]
    for w in windows:
        for start, where in ((0, ""), (T % w, ", counted from the last step")):
            cut = [(y, i) for (y, i), s in net.crossing.items() if _chunk(y, w, start) != _chunk(s, w, start)]
            if cut and (start or not where):
                yield case.along(f"after {_steps(w)}{where}", cut, nothing, wrong=f"for t in reversed(range(T - {w}, T)):")
    if len(set(net.losses.values())) > 1 and len(net.forward) * T <= LONG:
        yield from (Variant(f"after {_steps(w)}, for the loss of each step", functools.partial(_windowed, case, w),
                            f"for k in range(t, max(-1, t - {w}), -1):", "for k in range(t, -1, -1):")
                    for w in windows)  # fmt: skip
    else:
        for w in windows:
            cut = [(y, i) for (y, i), s in net.crossing.items() if max(y.step or 0, s.step or 0) <= T - w + 1]
            yield case.along(f"after {_steps(w)}", cut, nothing, wrong=f"for t in reversed(range(T - {w}, T)):")


def _steps(w: int) -> str:
    return f"{w} step{'s' * (w > 1)}"


def _chunk(node: Node, w: int, start: int) -> int:
    return ((node.step or 1) - 1 - start) // w if node.step else -start // w if start else 0


def _windowed(case: Case, w: int) -> Numbers:
    """The sum over the losses of the steps, each of which goes back through so many steps."""
    net, parts = case.net, []
    for t in sorted(set(net.losses.values())):
        others = {edge: nothing for edge, step in net.losses.items() if step != t}
        far = {edge: nothing for edge, s in net.crossing.items() if max(edge[0].step or 0, s.step or 0) <= t - w + 1}
        parts.append(Numbers(net, rules=others | far))
    return Sum(parts)


# ------------------------------------------------------------------------------------------------------------- the loss


def _last_loss_only(case: Case) -> Iterator[Variant]:
    net = case.net
    if len(steps := set(net.losses.values())) < 2:
        return
    last, T = max(steps), len(steps)
    earlier = [edge for edge, step in net.losses.items() if step != last]
    yield case.along("", earlier, nothing)

    def undivided(g: Node, y: Node, place: int) -> Node | None:
        right = contribution(g, y, place)
        return right and scale(right, p=float(T))

    kept = {edge: undivided for edge, step in net.losses.items() if step == last}
    yield case.by_rules("and it is not divided by T", {**dict.fromkeys(earlier, nothing), **kept})
    leading = net.recurrent
    heads = [
        (y, i) for y in net.forward for i, x in enumerate(y.args)
        if (s := net.origin(x)) in net.state_of and y not in leading and s.step not in (None, 0, last)
    ]  # fmt: skip
    if heads:
        yield case.along("though the head's own gradients have all of them", heads, nothing)


def _loss_at_every_step(case: Case) -> Iterator[Variant]:
    """The loss is at the last step only, and what it sends back is added to every dL/dh_t."""
    net = case.net
    if len(set(net.losses.values())) > 1 or not net.states:
        return
    name = net.states[-1]
    start, end = net.ends(name)

    @functools.cache
    def sent() -> Node:
        return leaf(case.right.of(Piece(end.step, end, derivative=True)))

    def more(g: Node, y: Node, place: int) -> Node | None:
        right = contribution(g, y, place)
        return right and right + sent() if right is not None and right.shape == sent().shape else right

    later = [edge for edge, s in net.crossing.items() if net.state_of[s] == name and s is not start]
    if later:
        yield case.along("", later, more)


CARRY = "dh_next = {back}"
LOSS = "dh = {home} + dh_next"
SLIPS = [
    Slip("matrix not transposed", "the matrix is not transposed on the way back",
         "dh_next = {unturned}", CARRY, _not_transposed),
    Slip("dh_next dropped", "what later steps send back is dropped: no gradient goes from one step to the one before",
         "dh = {home}", LOSS, _dropped),
    Slip("dh_next without W_h", "what is sent back to the step before is not multiplied by {Wh}",
         "dh_next = dz", CARRY, _without_the_kernel),
    Slip("dh_next of the wrong step", "what later steps send back comes from the wrong step",
         LOSS + "  # before dh_next is renewed", CARRY + "  # once at the end of every step", _of_the_wrong_step),
    Slip("loss of the last step only", "only the loss of the last step is sent back, and there is one at every step",
         "dh = dh_next  # and dy[T-1] before the loop", LOSS, _last_loss_only),
    Slip("loss at every step", "the loss's gradient is added at every step, and there is a loss at the last only",
         LOSS + "  # in the loop", "dh_next = {home}  # before the loop, and dh = dh_next in it", _loss_at_every_step),
    Slip("truncated", "the backward pass is truncated: it is cut off",
         "for t in reversed(range(T - k, T)):", "for t in reversed(range(T)):", _truncated),
]  # fmt: skip
