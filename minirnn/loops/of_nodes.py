"""A function of arrays, followed, on nodes: a loss that is written in NumPy, or with functions of Keras or TensorFlow."""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from ..engine.graph import Node, ancestors, named
from ..engine.names import Role, users, verbatim
from ..engine.ops import reshape
from ..engine.sizes import Size
from ..system import CannotFollow
from .instrument.snapshot import Snapshot
from .plain_run import called, generators
from .rewrite import simplify
from .running import AskedLoop, Failed, Ran, run


class Recorded(NamedTuple):
    """What a function has made of arrays of some shapes: the leaves that stand for them, and all nodes up to the results."""

    leaves: list[Node | None]
    nodes: list[Node]
    ends: list[Node]
    names: dict[Node, str]  # what its code calls them


def followed(
    function: Callable[..., Any], given: tuple[Node, ...], known: dict[Any, Recorded], layer: str | None = None
) -> list[Node]:
    """The nodes that `function` makes of the nodes `given`, which it is called on as arrays: one for each result.

    What it has made of others of their shapes is in `known`. As quantities of `layer`, if that is said, they have the names
    that the code has for them. Raises CannotFollow (a TypeError), with file, line and cure, where it does what cannot be
    followed, and where it computes something else than what was recorded.
    """
    kinds = tuple((node.shape, node.dims, node.dtype) for node in given)
    if kinds not in known:
        known[kinds] = _recorded(function, given)
    recorded = known[kinds]
    made = {leaf: node for leaf, node in zip(recorded.leaves, given) if leaf is not None}
    for node in recorded.nodes:
        if node not in made:
            made[node] = node.op(*[made[arg] for arg in node.args], **node.attrs) if node.args else node
            if layer is not None and node in recorded.names and node not in recorded.ends:
                named(users(verbatim(recorded.names[node]), layer.removeprefix("^")), made[node])
    return [made[end] for end in recorded.ends]


def _recorded(function: Callable[..., Any], given: tuple[Node, ...]) -> Recorded:
    values = [np.array(node.value) for node in given]
    letters = {shape: dims for node in given for shape, dims in ((node.shape[-1:], node.dims[-1:]), (node.shape, node.dims))}
    sizes: dict[int, set[Size]] = {}
    for size in (size for node in given for size in node.dims):
        sizes.setdefault(int(size), set()).add(size)
    alone = {n: one for n, (one, *more) in sizes.items() if not more}  # the letters of sizes that no other has
    parameters = [*inspect.signature(function).parameters.values()][: len(values)]
    names, asked_for = [p.name for p in parameters], function
    if any(p.kind in (p.POSITIONAL_ONLY, p.VAR_POSITIONAL) for p in parameters):  # np.tanh itself
        names = [f"x_{i}" for i in range(len(values))]
        asked_for = lambda **arrays: function(*arrays.values())
        if any(p.kind is p.VAR_POSITIONAL for p in parameters):  # it is followed as what it calls
            asked_for.__module__ = function.__module__
    asked = AskedLoop(asked_for, dict(zip(names, values)), None, None, None, None, None, Snapshot(), generators(), False)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # that a function has no source: names of variables are not needed here
            ran = run(asked)
    except Failed as failed:
        raise CannotFollow(f"{called(function)} raises {failed.__cause__!r}") from failed.__cause__
    for _, place, what, cure in ran.decisions:  # it would be taken for all numbers that come
        raise CannotFollow(f"{place}: {what}; {cure}")
    simplify(ancestors([ran.output, *ran.further]), ran.recorder)
    ends = _shaped([ran.output, *ran.further], _demand_same(function, values, ran))
    of_arguments = {name: leaf for leaf, name in ran.recorder.given.items()}
    leaves = [of_arguments.get(name) for name in names]
    nodes = ancestors(ends)
    for node in nodes:
        node.step = None
        if "dims" in node.attrs:  # what is recorded has sizes in numbers
            dims = letters.get(node.shape) or tuple(alone.get(int(size), size) for size in node.attrs["dims"])
            node.attrs = {**node.attrs, "dims": dims}
        if not node.args and node.ndim and node not in leaves:  # what the function finds outside of its arguments
            node.name, node.role = users(verbatim(ran.recorder.given.get(node, "c")), called(function)), Role.CONSTANT
    words = {node: word for node, (word, _) in ran.recorder.names.items() if node.args}
    return Recorded(leaves, nodes, ends, words)


def _shaped(ends: list[Node], said: list[Any]) -> list[Node]:
    """The results with the axes that the function gives them: of a single number a loop takes them off."""
    if len(ends) != len(said):
        return ends
    return [
        end if end.ndim or not np.ndim(each) else reshape(end, dims=(Size.of(1),) * np.ndim(each))
        for end, each in zip(ends, said)
    ]


def _demand_same(function: Callable[..., Any], values: list[np.ndarray], ran: Ran) -> list[Any]:
    """What the function itself gives, called plainly; CannotFollow where that is another number."""
    try:
        said = function(*values)
        plain = np.asarray(said[0] if isinstance(said, (list, tuple)) else said, float)
    except Exception:  # made of what takes no plain arrays
        return []
    found = ran.output.value
    plain = plain.reshape(()) if plain.size == 1 and not found.ndim else plain
    if ran.draws or plain.shape != found.shape or not np.allclose(plain, found, 1e-4, 1e-6, equal_nan=True):
        raise CannotFollow(
            f"{called(function)} gives {plain!r:.80}, and what was recorded of it {found!r:.80}: a loss must depend on "
            "nothing but its arguments, or minirnn follows it wrongly"
        )
    results = list(said) if isinstance(said, tuple) else [said]
    if len(results) != 1 + len(ran.further):
        raise CannotFollow(
            f"{called(function)} gives {len(results)} results, and {1 + len(ran.further)} of them are computed from the "
            "arrays that it is given: all must be, each of its own"
        )
    return results
