"""What is made of a run: names and steps, the loss, and what the function's arrays are to the trace."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

import numpy as np

from .. import losses
from ..engine import ops
from ..engine.domains import Told
from ..engine.graph import Node, Primitive, ancestors, at, leaf_op, named
from ..engine.names import DATA, Name, Role, verbatim
from ..network import ForwardPass
from ..network.naming import demand_no_derivatives
from ..runs.run import cut_into_chunks
from .instrument.recorder import Recorder
from .recording.dispatch import unrecorded
from .rewrite import simplify
from .roles import infer_roles
from .running import AskedLoop, Ran
from .steps.infer import settle
from .steps.turn_by_turn import places_first


class LoopResult(NamedTuple):
    """What was made of it."""

    outputs: list[Node]  # what is traced, and what else was returned
    loss: Node | None
    parameters: dict[str, Node]
    data: dict[str, Node]  # the arrays that are read step by step
    steps: int
    nodes: list[Node] | None  # all that the outputs were computed from
    originals: dict[str, Any]  # of each parameter, the array that the function found
    aside: list[Node]  # what has a name, and the outputs were not computed from
    filled: str | None = None  # the variable that holds the output, where it was filled step by step
    lengths: Told = {}  # of quantities whose steps are not counted to T


def assembled(asked: AskedLoop, ran: Ran) -> LoopResult:
    """Name and stamp what the function has computed; add the loss."""
    output = ran.output
    computed = [node for node in ran.recorder.names if node.args]
    # beside a loss, what else is returned is a side of it
    further = list(dict.fromkeys(ran.further)) if output.ndim or asked.target is not None else []
    if ran.untracked:
        recorded = _recorded([output, *further, *computed])
        computed, further = ([node for node in found if node in recorded] for found in (computed, further))
    ends = [output, *further]
    everything = ancestors([*ends, *computed])
    kept = _behind(ends, everything)
    used = _widened([n for n in everything if n in kept], ran.recorder.given)
    for change in (places_first, simplify):
        if change(used, ran.recorder):
            everything = ancestors([*ends, *computed])
            kept = _behind(ends, everything)
            used = [n for n in everything if n in kept]
    present = set(everything)
    _distinct(ran.recorder, present)
    sequences, T, lengths = settle(ran.recorder, everything, present, kept)
    given = {name: leaf for leaf, name in ran.recorder.given.items() if leaf in present}
    kept = _behind(ends, everything)
    nodes = [n for n in everything if n in kept]
    of_steps = output.op is ops.stack and all(n.name is not None and n.step == t for t, n in enumerate(output.args, start=1))
    if output.name is None and output.args and not of_steps:
        wishes = (ran.name or "output", "output") if output.ndim else ("L", "loss")
        output.name, output.step = _free(nodes, *wishes), None  # type: ignore[assignment]
    weights = [n for n in given.values() if n in kept and n not in sequences and n.name and n.role is Role.PARAMETER]
    parameters = {str(n.name): n for n in weights}
    for node in sequences:
        node.role = Role.INPUT if node.role is Role.PARAMETER else node.role
    loss = output if not output.ndim and asked.target is None else None
    if asked.target is not None and asked.loss is not None:
        with at(None):
            loss = _loss(output, asked.target, asked.loss, functools.partial(_free, nodes))
    if loss is not None:
        if loss.name is None:
            loss.name = "L"  # type: ignore[assignment]
        loss.role = Role.LOSS
    added = [] if loss is None or loss is output else ancestors([loss], everything)[len(everything) :]
    _give_names([*everything, *added])
    infer_roles([*nodes, *added])
    data = {name: node for name, node in given.items() if node in kept and (node in sequences or node.role in DATA)}
    originals = {k: ran.recorder.originals[n] for k, n in parameters.items() if n in ran.recorder.originals}
    others = [n for n in everything if n not in kept and n.name is not None]
    made = LoopResult([output, *further], loss, parameters, data, T, nodes, originals, others, ran.name, lengths)
    if asked.truncate is not None:
        run, loss = cut_into_chunks(run_of(made), loss, asked.truncate, T)
        made = made._replace(outputs=run.outputs, loss=loss, nodes=None)
    return made


def run_of(made: LoopResult) -> ForwardPass:
    """As a network leaves it."""
    n = len(made.outputs)
    return ForwardPass(made.outputs, made.parameters, [*made.data.values()], [None] * n, [], [], [], [], [], [])


def _give_names(nodes: list[Node]) -> None:
    """The names, so far texts of the user's own, as data: x_t, which has steps, is printed as x at step t."""
    found = [node for node in nodes if node.name is not None]
    texts = {node.name for node in found}
    demand_no_derivatives({str(name) for name in texts})

    @functools.cache
    def as_data(name: str, in_steps: bool) -> Name:
        base = name.partition("^")[0]
        short = base.removesuffix("_t")
        drop = in_steps and short != base and short.isidentifier() and short not in texts
        return verbatim(name, short if drop else base)

    for node in found:
        if isinstance(node.name, str):
            node.name = as_data(node.name, node.step is not None)
        elif node.role is Role.TARGET and "Y" not in texts and node.name is not None:
            node.name = node.name._replace(shown="Y")


def packed(made: LoopResult) -> tuple[Any, ...]:
    """What was made, without a node that refers to another: for pickling, however deep the graph is."""
    nodes = ancestors([*made.outputs, *([] if made.loss is None else [made.loss])], made.nodes)
    place = {node: i for i, node in enumerate(nodes)}
    rows = [(n.op, [place[a] for a in n.args], n.attrs, n.value, n.name, n.step, n.role) for n in nodes]
    named_nodes = [{name: place[node] for name, node in known.items()} for known in (made.parameters, made.data)]
    aside = [(n.name, n.step, n.value) for n in made.aside]
    return rows, [place[n] for n in made.outputs], made.loss and place[made.loss], *named_nodes, made.steps, aside


def unpacked(parts: tuple[Any, ...]) -> LoopResult:
    """What `packed` has taken apart."""
    rows, outputs, loss, parameters, data, steps, beside = parts
    nodes: list[Node] = []

    def made(op: Primitive, args: tuple[int, ...], attrs: Any, value: Any, name: Any, step: Any, role: Any) -> Node:
        node = Node(op, tuple([nodes[i] for i in args]), attrs, value)
        node.name, node.step, node.role = name, step, role
        return node

    for row in rows:
        nodes.append(made(*row))
    aside = [made(leaf_op, (), {"dims": ()}, value, name, step, None) for name, step, value in beside]
    weights, read = ({name: nodes[i] for name, i in known.items()} for known in (parameters, data))
    ends = [nodes[i] for i in outputs]
    return LoopResult(ends, None if loss is None else nodes[loss], weights, read, steps, ancestors(ends), {}, aside)


def _recorded(ends: Iterable[Node]) -> set[Node]:
    """The nodes behind `ends` that were computed from recorded numbers alone."""
    found: set[Node] = set()
    for node in ancestors(ends):
        if node.op is not unrecorded and all(arg in found for arg in node.args):
            found.add(node)
    return found


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


def _behind(ends: Iterable[Node], nodes: list[Node]) -> set[Node]:
    """Which of `nodes`, in order of creation, `ends` are computed from, and they themselves."""
    found = set(ends)
    for node in reversed(nodes):
        if node in found:
            found.update(node.args)
    return found


def _widened(nodes: list[Node], given: Iterable[Node]) -> list[Node]:
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
        if all(node.op is ops.cast and node.attrs["dtype"] == "float64" for node in casts):
            leaf.value = casts[0].value
            instead.update(dict.fromkeys(casts, leaf))
    if instead:
        for node in nodes:
            if any(a in instead for a in node.args):
                node.args = tuple(instead.get(a, a) for a in node.args)
    return [node for node in nodes if node not in instead] if instead else nodes


def _free(nodes: Iterable[Node], *wishes: str) -> str:
    """The first of these names that no quantity has, or the last with a number."""
    taken = {node.name for node in nodes}
    return next(w for w in (*wishes, *(f"{wishes[-1]}_{k}" for k in range(2, len(taken) + 3))) if w not in taken)


def _demand_classes_last(output: Node, Y: np.ndarray) -> None:
    """ValueError where the classes stand along another axis than the last, as columns have them."""
    value, classes = output.value, np.ndim(output.value) and output.value.shape[-1]

    def along(axis: int) -> bool:
        return value.shape[axis] > 1 and all(np.allclose(a.sum(axis), 1, atol=1e-3) for a in (value, Y))

    other = next((axis for axis in range(value.ndim - 1) if along(axis)), None)
    if classes == 1 or (other is not None and not along(value.ndim - 1)):
        where = "" if other is None else f", and what sums to 1 is along axis {other}"
        raise ValueError(
            f"categorical_crossentropy takes the classes along the last axis; the output of shape {value.shape} has "
            f"{classes} there{where}: transpose what the function returns, or let it return a loss of its own"
        )


def _loss(output: Node, Y: np.ndarray, function: losses.Loss, free: Callable[..., str]) -> Node:
    """The loss, its names those that are `free`.

    Of an output put together of one for each step it is the average of the losses of the steps, as in a model.
    """
    if Y.shape != output.shape:
        raise ValueError(f"Y has shape {Y.shape}; what the function returns has shape {output.shape}")
    Y = np.array(Y, output.dtype)
    if isinstance(function, losses.CategoricalCrossentropy):
        _demand_classes_last(output, Y)
    steps, name = [node.step for node in output.args], free("L", "loss")
    if output.op is not ops.stack or steps != list(range(1, len(steps) + 1)):
        return named(name, losses.applied(function, ops.leaf(Y, free("target"), Role.TARGET), output))
    whole, axis = ops.leaf(Y, free("Y", "Y_target"), Role.TARGET), output.attrs["axis"]
    one, of_step = free("target"), free("l", "loss")
    each = []
    for t, y in enumerate(output.args, start=1):
        with at(t):
            target = named(one, ops.take(whole, t, axis), Role.TARGET)
            each.append(named(of_step, losses.applied(function, target, y), Role.STEP_LOSS))
    length = output.dims[axis]  # of what is not called by a letter itself: that of its steps
    return named(name, ops.average(*each, size=None if length.is_number else length), Role.LOSS)
