"""A function of arrays, followed, on nodes: a loss that is written in NumPy, or with functions of Keras or TensorFlow."""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from ..engine.graph import Node, ancestors
from ..engine.names import Role, users, verbatim
from ..system import CannotFollow
from .instrument.snapshot import Snapshot
from .plain_run import called, generators
from .rewrite import simplify
from .running import AskedLoop, Failed, Ran, run


class Recorded(NamedTuple):
    """What a function has made of arrays of some shapes: the leaves that stand for them, and all nodes up to the result."""

    leaves: list[Node | None]
    nodes: list[Node]


def followed(function: Callable[..., Any], given: tuple[Node, ...], known: dict[Any, Recorded]) -> Node:
    """The node that `function` makes of the nodes `given`, which it is called on as arrays.

    What it has made of others of their shapes is in `known`. Raises CannotFollow (a TypeError), with file, line and cure,
    where it does what cannot be followed, and where it computes something else than what was recorded.
    """
    kinds = tuple((node.shape, node.dims, node.dtype) for node in given)
    if kinds not in known:
        known[kinds] = _recorded(function, given)
    leaves, nodes = known[kinds]
    made = {leaf: node for leaf, node in zip(leaves, given) if leaf is not None}
    for node in nodes:
        if node not in made:
            made[node] = node.op(*[made[arg] for arg in node.args], **node.attrs) if node.args else node
    return made[nodes[-1]]


def _recorded(function: Callable[..., Any], given: tuple[Node, ...]) -> Recorded:
    values = [np.array(node.value) for node in given]
    letters = {shape: dims for node in given for shape, dims in ((node.shape[-1:], node.dims[-1:]), (node.shape, node.dims))}
    parameters = [*inspect.signature(function).parameters.values()][: len(values)]
    names, asked_for = [p.name for p in parameters], function
    if any(p.kind is p.POSITIONAL_ONLY for p in parameters):  # np.tanh itself
        asked_for = lambda **arrays: function(*arrays.values())
    asked = AskedLoop(asked_for, dict(zip(names, values)), None, None, None, None, None, Snapshot(), generators(), False)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # that a function has no source: names of variables are not needed here
            ran = run(asked)
    except Failed as failed:
        raise CannotFollow(f"{called(function)} raises {failed.__cause__!r}") from failed.__cause__
    for _, place, what, cure in ran.decisions:  # it would be taken for all numbers that come
        raise CannotFollow(f"{place}: {what}; {cure}")
    simplify(ancestors([ran.output]), ran.recorder)
    _demand_same(function, values, ran)
    of_arguments = {name: leaf for leaf, name in ran.recorder.given.items()}
    leaves = [of_arguments.get(name) for name in names]
    nodes = ancestors([ran.output])
    for node in nodes:
        node.step = None
        if node.shape in letters and ("dims" in node.attrs):  # what is recorded has sizes in numbers
            node.attrs = {**node.attrs, "dims": letters[node.shape]}
        if not node.args and node.ndim and node not in leaves:  # what the function finds outside of its arguments
            node.name, node.role = users(verbatim(ran.recorder.given.get(node, "c")), called(function)), Role.CONSTANT
    return Recorded(leaves, nodes)


def _demand_same(function: Callable[..., Any], values: list[np.ndarray], ran: Ran) -> None:
    """CannotFollow where the function itself, called plainly, gives another number."""
    try:
        plain = np.asarray(function(*values), float)
    except Exception:  # made of what takes no plain arrays
        return
    found = ran.output.value
    if ran.draws or plain.shape != found.shape or not np.allclose(plain, found, 1e-4, 1e-6, equal_nan=True):
        raise CannotFollow(
            f"{called(function)} gives {plain!r:.80}, and what was recorded of it {found!r:.80}: a loss must depend on "
            "nothing but its arguments, or minirnn follows it wrongly"
        )
