"""What each time step adds to a gradient, and which step's loss it comes from: the terms of the sum over time.

Both are read off the graph: the ledger splits the cotangent of a parameter by the step where the parameter is used, the
paths split it by the step from which the loss is read as well. Nothing here knows of recurrent networks.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Literal

import numpy as np

from ...displays import Shown, Table, Text
from ...engine import names
from ...engine.backprop import contribution, depending_on, pull_back
from ...engine.graph import Node

if TYPE_CHECKING:
    from ...runs.run import Run

BAR = 24  # letters of the longest bar
MOST = 2**31  # bytes of one ledger by path
Seeds = dict[Node, list[Node]]


class Ledger(np.ndarray, Shown):
    """The terms of a gradient as an array, which a notebook shows as a table; what is computed from it is plain to it."""

    gradient: np.ndarray | None = None  # what the terms sum to
    symbol = ""

    @classmethod
    def of(cls, terms: np.ndarray, gradient: np.ndarray, symbol: str) -> Ledger:
        """The terms of this gradient."""
        self = terms.view(cls)
        self.gradient, self.symbol = gradient, symbol
        return self

    def _display(self) -> Iterator[Text | Table]:
        """The size of each term, and its share of the sum: the part along the gradient."""
        assert self.gradient is not None
        whole = float(np.linalg.norm(self.gradient)) or 1.0
        flat = np.asarray(self).reshape(len(self), -1, self.gradient.size).sum(1)
        norms = np.linalg.norm(flat, axis=1)
        shares = flat @ self.gradient.ravel() / whole**2
        longest = float(norms.max(initial=0)) or 1.0
        by_path = self.ndim > self.gradient.ndim + 1
        yield Text(f"{self.symbol} is the sum of {len(self)} terms, one for each step{' whose loss is read' * by_path}.")
        rows = [
            (str(t), f"{norm:.3g}", f"{round(float(share), 3) + 0.0:.1%}", "▇" * round(BAR * float(norm) / longest))
            for t, (norm, share) in enumerate(zip(norms, shares), start=1)
        ]
        yield Table(("s" if by_path else "t", "norm of the term", "share of the gradient", ""), rows)

    def _repr_html_(self) -> str | None:  # type: ignore[override]
        return None if self.gradient is None else super()._repr_html_()


def ledger(trace: Run, name: str, by: Literal["step", "path"] = "step") -> Ledger:
    """What each step adds to dL/d`name`.

    - `name`: the parameter, "W_h"
    - `by`: "step", (T, ...), entry t-1 is what the use of the parameter at step t adds; they sum to the gradient. "path",
      (T, T, ...), entry [s-1, t-1] is the part of it that comes from the loss at step s: from what is read off the network
      there; over s they sum to the ledger by step

    KeyError if there is no such parameter; ValueError if there is no loss, or the parameter is not used at the steps only.
    """
    if by not in ("step", "path"):
        raise ValueError(f'by is {by!r}; it is "step" or "path"')
    gradient = trace.gradients[name]
    parameter = trace.parameters[name]
    around = _before_the_steps(trace, name, parameter)
    symbol = names.text(trace.names[trace.derivative(name)])
    if by == "step":
        return Ledger.of(_by_step(trace, trace.cotangents, parameter, around), gradient, symbol)
    if trace.steps**2 * gradient.nbytes > MOST:
        raise ValueError(
            f"the ledger of {name} by path is {trace.steps}² times {gradient.nbytes} bytes: take a shorter sequence"
        )
    paths = depending_on([parameter], trace.forward)
    found = np.zeros((trace.steps, trace.steps, *parameter.shape), gradient.dtype)
    for s, seeds in _read_off(trace, paths).items():
        if s > trace.steps:
            raise ValueError(
                f"the loss is read off at step {s}, beyond the steps 1 to {trace.steps} of the input, so {name} has no "
                f"ledger by path: it is whole in trace.gradients[{name!r}]"
            )
        found[s - 1] = _by_step(trace, pull_back(seeds, trace.forward, paths), parameter, around)
    return Ledger.of(found, gradient, symbol)


def _before_the_steps(trace: Run, name: str, parameter: Node) -> list[Node]:
    """The parameter and what is computed of it outside of the steps, such as its transpose, in order of creation."""
    around = {parameter}
    for node in trace.forward:
        if node.step is None and any(a in around for a in node.args):
            around.add(node)
    users = [n.step for n in trace.forward if n.step is not None and any(a in around for a in n.args)]
    elsewhere = sorted({*users} - {*range(1, trace.steps + 1)})
    if trace.loss_node in around or elsewhere or not users:
        where = f"at step {elsewhere[0]}" if elsewhere else "outside of the time steps"
        raise ValueError(
            f"{name} is used {where}, so its gradient is not a sum over the steps 1 to {trace.steps} alone: "
            f"it is whole in trace.gradients[{name!r}]"
        )
    return [node for node in trace.forward if node in around]


def _by_step(trace: Run, cotangents: dict[Node, Node], parameter: Node, around: list[Node]) -> np.ndarray:
    """The cotangent of the parameter, split by the step of the nodes that use it."""
    inside = set(around)
    seeds: dict[int, Seeds] = {}
    for y in trace.forward:
        if y.step is not None and y in cotangents:
            _collect(seeds.setdefault(y.step, {}), cotangents[y], y, inside)
    found = np.zeros((trace.steps, *parameter.shape), parameter.dtype)
    for t, seed in seeds.items():
        if seed:
            found[t - 1] = pull_back(seed, around, inside)[parameter].value
    return found


def _read_off(trace: Run, paths: set[Node]) -> dict[int, Seeds]:
    """Where the loss meets the steps: the cotangents that enter each step from outside of all steps."""
    seeds: dict[int, Seeds] = {}
    reached = {trace.loss_node}
    for y in reversed(trace.forward):
        if y not in reached or y not in trace.cotangents:
            continue
        for position, x in enumerate(y.args):
            if x not in paths:
                continue
            if x.step is None:
                reached.add(x)
            elif (part := contribution(trace.cotangents[y], y, position)) is not None:
                seeds.setdefault(x.step, {}).setdefault(x, []).append(part)
    return seeds


def _collect(seed: Seeds, g: Node, y: Node, targets: set[Node]) -> None:
    for position, x in enumerate(y.args):
        if x in targets and (part := contribution(g, y, position)) is not None:
            seed.setdefault(x, []).append(part)
