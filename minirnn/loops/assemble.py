"""What is made of a run: names and steps, the loss, and what the function's arrays are to the trace."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np

from .. import losses
from ..engine.graph import Node, ancestors, at, named
from ..engine.names import Role, verbatim
from ..engine.ops import arrays as A
from ..engine.ops import basic as ops
from ..network import ForwardPass
from ..run import cut_into_chunks
from .infer import settle
from .instrument.recorder import Recorder
from .running import AskedLoop, Ran


class Made(NamedTuple):
    """What was made of it."""

    output: Node
    loss: Node | None
    parameters: dict[str, Node]
    data: dict[str, Node]  # the arrays that are read step by step
    steps: int
    returned: Any
    nodes: list[Node] | None  # all that the output was computed from


def made_of(asked: AskedLoop, ran: Ran) -> Made:
    """Name and stamp what the function has computed; add the loss."""
    output = ran.output
    nodes = _widened(ancestors([output]), set(ran.recorder.given))
    if _with_sigmoids(nodes, ran.recorder):
        nodes = ancestors([output])
    given = _distinct(ran.recorder, set(nodes))
    sequences, T = settle(ran.recorder, nodes)
    of_steps = output.op in (A.numbers, *A.STACKS.values()) and all(
        n.name is not None and n.step == t for t, n in enumerate(output.args, start=1)
    )
    if output.name is None and output.args and not of_steps:
        wishes = (ran.name or "output", "output") if output.ndim else ("L", "loss")
        output.name, output.step = _free(nodes, *wishes), None  # type: ignore[assignment]
    present = set(nodes)
    parameters = {str(n.name): n for n in given.values() if n in present and n not in sequences and n.name}
    for node in sequences:
        node.role = Role.INPUT
    loss = output if not output.ndim and asked.target is None else None
    if asked.target is not None and asked.loss is not None:
        with at(None):
            loss = _loss(output, asked.target, asked.loss, _free(nodes, "L", "loss"))
    if loss is not None:
        if loss.name is None:
            loss.name = "L"  # type: ignore[assignment]
        loss.role = Role.LOSS
    _give_names(ancestors([output] if loss is None else [output, loss], nodes))
    data = {name: node for name, node in given.items() if node in sequences and node in present}
    made = Made(output, loss, parameters, data, T, ran.returned, nodes)
    if asked.truncate is not None:
        run, loss = cut_into_chunks(run_of(made), loss, asked.truncate, T)
        made = made._replace(output=run.output, loss=loss, nodes=None)
    return made


def _give_names(nodes: list[Node]) -> None:
    """The names, so far texts of the user's own, as data: x_t, which has steps, is printed as x at step t."""
    texts = {node.name for node in nodes if isinstance(node.name, str)}
    for node in nodes:
        if isinstance(node.name, str):
            base = node.name.partition("^")[0]
            short = base.removesuffix("_t")
            drop = node.step is not None and short != base and short.isidentifier() and short not in texts
            node.name = verbatim(node.name, short if drop else base)
        elif node.role is Role.TARGET and "Y" not in texts and node.name is not None:
            node.name = node.name._replace(shown="Y")


def run_of(made: Made) -> ForwardPass:
    """As a network leaves it."""
    return ForwardPass([made.output], made.parameters, [*made.data.values()], [None], [], [], [], [], [], [])


def _distinct(recorder: Recorder, present: set[Node]) -> dict[str, Node]:
    """The given arrays that are used, each under a name of its own: the second Wx is Wx_2."""
    found: dict[str, Node] = {}
    for leaf in recorder.given:
        if leaf in present:
            name, k = recorder.given[leaf], 2
            word = name
            while word in found:
                word, k = f"{name}_{k}", k + 1
            found[word] = leaf
            recorder.given[leaf] = word
            recorder.names[leaf] = (word, 1)
    return found


def _widened(nodes: list[Node], given: set[Node]) -> list[Node]:
    """The nodes; float32 arrays that are only used beside float64 ones are float64 from the start: no value changes."""
    if len({leaf.value.dtype for leaf in given}) < 2:
        return nodes
    users: dict[Node, list[Node]] = {}
    for node in nodes:
        for arg in node.args:
            if arg in given:
                users.setdefault(arg, []).append(node)
    instead = {}
    for leaf, casts in users.items():
        if all(node.op is A.cast and node.attrs["dtype"] == "float64" for node in casts):
            leaf.value = casts[0].value
            instead.update(dict.fromkeys(casts, leaf))
    if instead:
        for node in nodes:
            if any(a in instead for a in node.args):
                node.args = tuple(instead.get(a, a) for a in node.args)
    return [node for node in nodes if node not in instead] if instead else nodes


def _with_sigmoids(nodes: list[Node], recorder: Recorder) -> bool:
    """Let 1 / (1 + exp(-x)) be the sigmoid of x, which computes just that, where the parts have no names of their own.

    Whether there was one: parts of it may not be needed any more.
    """
    found = False
    for node in [node for node in nodes if node.op is A.inverse]:
        chain = [node]
        while len(chain) < 4 and len(chain[-1].args) == 1:
            chain.append(chain[-1].args[0])
        if [part.op for part in chain] == [A.inverse, ops.shift, ops.exp, ops.negative]:
            ones = node.attrs["q"] == chain[1].attrs["q"] == 1
            if ones and not recorder.names.keys() & set(chain[1:]):
                node.op, node.args, node.attrs = ops.sigmoid, chain[-1].args, {}
                found = True
    return found


def _free(nodes: Iterable[Node], *wishes: str) -> str:
    """The first of these names that no quantity has, or the last with a number."""
    taken = {node.name for node in nodes}
    return next(w for w in (*wishes, *(f"{wishes[-1]}_{k}" for k in range(2, len(taken) + 3))) if w not in taken)


def _loss(output: Node, Y: np.ndarray, function: losses.LossFunction, name: str) -> Node:
    """The loss; of an output put together of one for each step, the average of the losses of the steps, as in a model."""
    if Y.shape != output.shape:
        raise ValueError(f"Y has shape {Y.shape}; what the function returns has shape {output.shape}")
    Y = np.array(Y, output.dtype)
    steps = [node.step for node in output.args]
    axis = next((axis for axis, op in A.STACKS.items() if op is output.op), 0 if output.op is A.numbers else None)
    if axis is None or steps != list(range(1, len(steps) + 1)):
        return named(name, losses.applied(function, ops.leaf(Y, "target", Role.TARGET), output))
    whole, step = ops.leaf(Y, "Y", Role.TARGET), A.STEPS[axis] if output.ndim > 1 else A.entry
    each = []
    for t, y in enumerate(output.args, start=1):
        with at(t):
            target = named("target", step(whole, t=t), Role.TARGET)
            each.append(named("l", losses.applied(function, target, y), Role.STEP_LOSS))
    return named(name, ops.average(*each), Role.LOSS)
