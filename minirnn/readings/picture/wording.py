"""A picture in words: what its boxes and lines stand for, and what is computed from what."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import TYPE_CHECKING

from ...engine import names
from ...engine.names import Name
from .dot import Canvas
from .elements import Factor, Operand

if TYPE_CHECKING:
    from ...runs.run import Run
    from .elements import Flow, Quantity


class Wording:
    """What the boxes of a picture of `trace` stand for; `shown` has, by the id of a group, its keys and its tooltip."""

    def __init__(self, trace: Run, canvas: Canvas) -> None:
        self.trace, self.canvas, self.shown = trace, canvas, dict[str, tuple[str, str]]()

    def said(self, q: Quantity) -> str:
        """A box in words."""
        if q.role == "gap":
            return "the steps between"
        if q.name is None:
            return f"({spoken(q.does)})"
        return names.text(q.name, "" if q.step is None else str(q.step))

    def derivative(self, name: Name) -> Name:
        """What the derivative of the loss by that quantity is called."""
        loss = self.trace.loss_node
        assert loss is not None and loss.name is not None
        new = name.derivative(loss.name)
        return self.trace.names.get(str(new), new)

    def keys(self, quantities: Iterable[Name], step: int | None) -> list[str]:
        """Their keys, and those of their derivatives, that the trace knows; they hold no blanks."""
        backward = self.trace.loss_node is not None
        all_names = [n for q in quantities for n in ([q, self.derivative(q)] if backward else [q])]
        known = [
            (name, s)
            for name in map(str, all_names)
            for s in dict.fromkeys((step, None))
            if (name, s) in self.trace.variables
        ]
        return ["_".join((name if s is None else f"{name}_{s}").split()) for name, s in known]

    def tell(self, quantities: Iterable[Quantity]) -> None:
        """What the id of each box stands for."""
        for q in quantities:
            if q.role == "gap":
                continue
            keys = self.keys(([] if q.name is None else [q.name]) + q.holds, q.step)
            what = self.said(q) if q.name is not None else spoken(q.does)
            shape = f", shape {q.node.shape}" if q.node is not None else ""
            self.shown[self.canvas.name(q.key)] = " ".join(dict.fromkeys(keys)), f"{what}{shape}"

    def sentences(self, quantities: dict[str, Quantity], flows: list[Flow]) -> str:
        """What is computed from what."""
        into: dict[str, list[str]] = {}
        for flow in flows:
            source, target = quantities[flow.source], quantities[flow.target]
            if target.role == "gap":
                continue
            through = f" through {', '.join(map(factor_said, flow.through))}" if flow.through else ""
            into.setdefault(flow.target, []).append(f"{self.said(source)}{f' ({flow.note})' if flow.note else ''}{through}")
        told = " ".join(f"{self.said(quantities[key])} is computed from {', '.join(of)}." for key, of in into.items())
        return told if len(told) < 6000 else told[:6000].rsplit(". ", 1)[0] + ". And so on."


def factor_said(factor: Factor) -> str:
    return names.text(factor.name, str(factor.step)) + "ᵀ" * factor.turned


def spoken(does: Iterable[str | Operand]) -> str:
    """What a box does, in words."""
    return " ".join(f"+{part.name}" if isinstance(part, Operand) else part for part in does)


def way(rankdir: str) -> str:
    return {
        "BT": "from left to right, inputs below", "TB": "from left to right, inputs above",
        "LR": "from top to bottom, inputs on the left", "RL": "from top to bottom, inputs on the right",
    }[rankdir]  # fmt: skip


def gather(quantities: dict[str, Quantity], flows: list[Flow], notes: dict[str, list[str]]) -> None:
    """What is beside each of many lines into a gradient, such as the x_tᵀ of the four gates, once in its box."""
    into: dict[str, list[Flow]] = defaultdict(list)
    for flow in flows:
        into[flow.target].append(flow)
    for key, several in into.items():
        same = {(flow.through, flow.note, flow.loop) for flow in several}
        if quantities[key].role == "gradient" and len(several) > 2 and len(same) == 1 and not several[0].loop:
            factors = " ".join(names.text(f.name, str(f.step)) + "ᵀ" * f.turned for f in several[0].through)
            notes.setdefault(key, []).append(", ".join(filter(None, [factors, several[0].note])))
            for flow in several:
                flow.through, flow.note = (), ""
