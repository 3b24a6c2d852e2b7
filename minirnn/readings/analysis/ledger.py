"""What each time step adds to a gradient, and which step's loss it comes from: the terms of the sum over time.

Both are read off the graph: the ledger splits the cotangent of a parameter by the step where the parameter is used, the
paths split it by the step from which the loss is read as well. Nothing here knows of recurrent networks.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ...engine.backprop import contribution, depending_on, pull_back
from ...engine.graph import Node

if TYPE_CHECKING:
    from ...run import Run

MOST = 2**31  # bytes of one ledger by path
Seeds = dict[Node, list[Node]]


def ledger(trace: Run, name: str, by: str = "step") -> np.ndarray:
    """What each step adds to dL/d`name`.

    - ``by="step"``: (T, ...), entry t-1 is what the use of the parameter at step t adds; they sum to the gradient
    - ``by="path"``: (T, T, ...), entry [s-1, t-1] is the part of it that comes from the loss at step s: from what is read
      off the network there; over s they sum to the ledger by step

    KeyError if there is no such parameter; ValueError if there is no loss, or the parameter is not used at the steps only.
    """
    if by not in ("step", "path"):
        raise ValueError(f'by is {by!r}; it is "step" or "path"')
    gradient = trace.gradients[name]
    parameter = trace.parameters[name]
    around = _before_the_steps(trace, name, parameter)
    if by == "step":
        return _by_step(trace, trace.cotangents, parameter, around)
    if trace.steps**2 * gradient.nbytes > MOST:
        raise ValueError(
            f"the ledger of {name} by path is {trace.steps}² times {gradient.nbytes} bytes: take a shorter sequence"
        )
    paths = depending_on([parameter], trace.forward)
    found = np.zeros((trace.steps, trace.steps, *parameter.shape), gradient.dtype)
    for s, seeds in _read_off(trace, paths).items():
        found[s - 1] = _by_step(trace, pull_back(seeds, trace.forward, paths), parameter, around)
    return found


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
