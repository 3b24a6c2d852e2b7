"""One run of the user's function on recording arrays: what it is given, and what it leaves behind."""

from __future__ import annotations

import functools
import inspect
import pickle
import warnings
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from .. import losses
from ..engine import ops
from ..engine.graph import Node, ancestors
from ..system import CannotFollow
from . import errors as refusal
from .arguments import split_arguments
from .given import Given, Plain
from .instrument.clone import Copies
from .instrument.recorder import Recorder
from .instrument.rewrite_source import has_source
from .instrument.snapshot import in_its_order
from .plain_run import called, generators, same_generators, set_generators
from .present import recording
from .primitives import decided
from .recording.dispatch import unrecorded
from .returned import demand_slope, further_of, output_of, values


class AskedLoop(NamedTuple):
    """What a trace of a function was made of."""

    function: Callable[..., Any]
    arguments: dict[str, Any]  # copies of what was given
    target: np.ndarray | None
    loss: losses.Loss | None
    dtype: np.dtype | None
    truncate: int | None
    output: Any  # which of several results is the output
    snapshot: Any  # a `Snapshot`: what the function found when it was traced
    generators: Any  # the states of the generators of random numbers then
    once: bool = False  # whether the function must not be run again

    def packed(self) -> AskedLoop:
        """The same, as it can be pickled: without what the function found, and without the function if it cannot be."""
        try:
            pickle.dumps(self.function)
            return self._replace(snapshot=None)
        except Exception:
            return self._replace(snapshot=None, function=Unpicklable(called(self.function)))


class Unpicklable:
    """What stands for a function that could not be pickled: its name."""

    def __init__(self, name: str) -> None:
        self.__name__ = name

    def __call__(self, **_: Any) -> Any:
        raise TypeError(f"this trace was pickled without its function {self.__name__}: trace that again")


class Ran(NamedTuple):
    """What the run of a function left behind."""

    recorder: Recorder
    output: Node
    name: str | None  # what the variable is called that held the output, if it was filled part by part
    returned: Any
    further: list[Node]  # all else that was returned
    untracked: bool  # whether something was computed that is not recorded
    draws: bool  # whether it has drawn from the generators of random numbers that all share
    fixed: str | None  # where labels have become plain numbers, for which alone the graph holds
    decisions: list[Any]  # the branches that were taken by traced values: node, place, what it is, and the cure


def run(asked: AskedLoop, loud: bool = False) -> Ran:
    """Run the function on recording copies of all that it reaches; what it prints is printed only if `loud`.

    Raises CannotFollow (a TypeError), with file, line and cure, where the function does what cannot be followed.
    """
    recorder = Recorder()
    given = Given(recorder, asked.dtype)
    refusal.run.refused = refusal.run.texts = None
    decisions: list[Any] = []
    refusal.run.decisions, refusal.run.untracked = decisions, 0
    refusal.run.labels = refusal.run.fixed = None
    state, draws = generators(), True
    moved = not same_generators(asked.generators, state)
    try:
        if moved:
            set_generators(asked.generators)
        with recording(recorder), np.errstate(over="ignore"):
            copies, own = _copied(asked, given, recorder, {} if loud else {"print": _silent})
            returned = _called_with(copies.of(asked.function, ""), own)
            if not has_source(inspect.unwrap(getattr(asked.function, "__func__", asked.function))):
                warnings.warn(
                    f"the source of {called(asked.function)} is not to be had here, so its variables and loops have no "
                    "names and no steps: write it into a file or a notebook",
                    stacklevel=2,
                )
            nodes = further_of(returned)
            output, name = output_of(returned, asked.output, decisions)
            if not output.ndim and asked.target is None:
                demand_slope(output)
            if asked.target is None and output.ndim and output.value.size == 1:
                output = ops.part(output, key=ops.Key((0,) * output.ndim))  # a loss of shape (1,) or (1, 1)
            if decisions or refusal.run.untracked:
                _refuse_untracked(output, recorder, decisions)
            draws, fixed = not same_generators(asked.generators, generators()), refusal.run.fixed
            untracked = bool(refusal.run.untracked)
    finally:
        refusal.run.decisions = None
        if draws or moved:
            set_generators(state)
    further = [n for n in nodes if n is not output]
    return Ran(recorder, output, name, values(returned), further, untracked, draws, fixed, decisions)


def _refuse_untracked(output: Node, recorder: Recorder, decisions: list[Any]) -> None:
    """Raise CannotFollow where the result depends on what was not recorded, or on a choice made by what it depends on."""
    tests: list[tuple[Node, str, str, str]] = []
    nodes: set[Node] = set()
    waiting = [output]
    while waiting:
        node = waiting.pop()
        if node not in nodes:
            nodes.add(node)
            if node.op is unrecorded:
                refusal.refuse(node.attrs["what"], node.attrs["cure"], node.attrs["where"])
            if node.op is decided:
                tests.append((node.args[1], node.attrs["where"], *BRANCH))
            waiting.extend(node.args[:1] if node.op is decided else node.args)
    leaves = {n for n in nodes if not n.args and (n in recorder.given or n in recorder.lists)}
    for node, place, what, cure in [*decisions, *tests]:
        if any(leaf in leaves for leaf in ancestors([node])):
            refusal.refuse(what, cure, place)
    for node in nodes:
        if node.op is decided:
            node.op, node.args, node.attrs = ops.same, node.args[:1], {}


BRANCH = "a branch on a traced value", "choose with np.where(condition, a, b)"


class Failed(Exception):
    """The function itself has raised an error, which is the cause of this."""


def _called_with(function: Callable[..., Any], arguments: dict[str, Any]) -> Any:
    try:
        returned = function(**arguments)
    except CannotFollow:
        raise
    except Exception as error:
        if refusal.run.refused is not None:
            raise refusal.run.refused from None
        raise Failed from error
    if refusal.run.refused is not None:
        raise refusal.run.refused
    return returned


def run_plainly(asked: AskedLoop, others: dict[int, Any] | None = None) -> Any:
    """What the function returns, run on plain copies; `others` take the place of originals, by their identity."""
    state = generators()
    try:
        set_generators(asked.generators)
        before = functools.partial(asked.snapshot.of, read=in_its_order)
        copies, own = _copied(asked, Plain(others, before), Recorder(), {"print": _silent}, notes=False)
        with np.errstate(all="ignore"):
            return copies.of(asked.function, "")(**own)
    finally:
        set_generators(state)


def _copied(
    asked: AskedLoop, given: Any, recorder: Recorder, named: dict[str, Any], notes: bool = True
) -> tuple[Copies, dict[str, Any]]:
    """What makes copies, and the copies of the arguments that the function takes."""
    copies = Copies(recorder, given, named, asked.snapshot, notes)
    arguments = {name: copies.of(value, name) for name, value in asked.arguments.items()}
    own, other = split_arguments(asked.function, arguments)
    named.update(other)
    return copies, own


def _silent(*_: Any, **__: Any) -> None:
    """What is printed is printed by the plain run."""
