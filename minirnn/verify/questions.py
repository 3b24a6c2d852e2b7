"""Exercises made from the reader's own network: the next number, a shape, the right line; wrong answers are named.

What a wrong number comes from is found by the slips of `minirnn.verify.compare`: the network is computed with each of
them, and an answer that is the number of a slip is told so. The wrong lines to choose from are those of the slips too.
"""

from __future__ import annotations

import contextlib
import itertools
import math
from collections.abc import Iterator

import numpy as np

from ..engine import names
from ..engine.graph import Node, same
from ..engine.names import Role
from ..engine.ops import total
from ..runs.run import Run
from .compare.numbers import UNFIT, Case, Numbers, Piece, Slip, Variant
from .compare.phrases import phrases
from .compare.slips import BACKWARD, FORWARD, gates
from .compare.structure import Structure
from .exercises import Exercise, Exercises, words

LARGE = 1500  # nodes of a trace, past which the slips of numbers are not computed
VARIANTS = 2  # of a slip
CLOSE = 0.01  # of the largest entry: an answer of two digits is right


def exercises(trace: Run) -> Exercises:
    """Questions about `trace`: numbers and lines of the way forward and of the way back, and shapes, with their answers.

    The page has them too; in a notebook ``exercises[0].check(0.5)``, for a class ``exercises.sheet("sheet.html")``.
    """
    found = Exercises(_Maker(trace).all())
    found.title = f"Exercises: {trace.model.label}, {trace.steps} steps"
    return found


class _Maker:
    def __init__(self, trace: Run) -> None:
        self.trace = trace
        self.is_large = len(trace.nodes) > LARGE
        self.net = Structure(trace.folded_trace if self.is_large else trace)  # fewer steps have the same slips
        self.case = Case(self.net, Numbers(self.net), [])
        self.words = phrases(self.net, None, None)

    def all(self) -> Iterator[Exercise]:
        gated = any(node.role is Role.GATE for node in self.trace.forward)
        forward, backward = (gates.FORWARD, gates.BACKWARD) if gated else (FORWARD, BACKWARD)
        t = min(2, self.trace.steps)
        for name in self.trace.state_names[:2]:
            yield from self.number(name, t)
        yield from self.lines(forward)
        if self.trace.loss_node is None:
            return
        yield from self.shapes()
        pre = [str(n.name) for n in self.trace.forward if n.role is Role.PRE_ACTIVATION and n.step is not None]
        back = self.trace.steps
        for name in list(dict.fromkeys(pre))[:1] or self.trace.state_names[:1]:
            yield from self.number(name, back, derivative=True)
        for name in self.trace.state_names[:1]:
            yield from self.number(name, back - 1, derivative=True)
        yield from self.lines(backward)
        for name in sorted(self.trace.parameters, key=lambda name: -self.trace.parameters[name].ndim):
            if asked := list(self.number(name, None, derivative=True, term=back)):
                yield from asked
                break

    def number(self, name: str, step: int | None, derivative: bool = False, term: int | None = None) -> Iterator[Exercise]:
        """An entry of a quantity, or of the derivative by it, of middle size; of a sum over time, of its term of a step."""
        node = self.trace.variables.get((name, step))
        if node is None or (derivative and node not in self.trace.cotangents) or not node.value.size:
            return
        shown = self.trace.cotangents[node] if derivative else node
        found = _term(shown, term)
        if found is None or not (sources := _sources(found)):
            return
        array = np.asarray(found.value, float)
        row = array.reshape(-1)[: array.shape[-1] if array.ndim else 1]
        slipped = list(self.slipped(Piece(step, node, ..., derivative), term, len(row)))
        largest = float(np.abs(array[np.isfinite(array)]).max(initial=0.0))
        tolerances = np.maximum(CLOSE * np.abs(row), 1e-4 * largest)
        wrong, entry = max(
            ((_told_apart(slipped, k, row[k], tolerances[k]), k) for k in range(len(row)) if np.isfinite(row[k]) and row[k]),
            key=lambda found: len(found[0]),
            default=([], -1),
        )
        if entry < 0:
            return
        answer, tolerance = float(row[entry]), float(tolerances[entry])
        index = ", ".join(["0"] * (array.ndim - 1) + [str(entry)])
        inputs = ", ".join(dict.fromkeys(map(_called, sources)))
        kind = "number" if term is None else "term"
        asked = words()[f"ask_{kind}"].format(entry=f"{_called(shown)}[{index}]", inputs=inputs, t=term)
        yield Exercise(kind, asked, answer, (), tuple(wrong), tolerance, _key(shown), term, entry)

    def slipped(self, piece: Piece, term: int | None, size: int) -> Iterator[tuple[str, str, np.ndarray]]:
        """The numbers that slips lead to, each with the name of the slip and what it is."""
        if self.is_large:
            return
        for slip in (BACKWARD if piece.derivative else []) + FORWARD:
            for variant in itertools.islice(_variants(slip, self.case), VARIANTS):
                with contextlib.suppress(*UNFIT):
                    numbers = variant.numbers()
                    if not piece.derivative:
                        numbers.right_before(piece.step or 0)
                    found = None if term is None else _term(numbers.nodes([piece])[0], term)
                    row = np.ravel(numbers.of(piece) if found is None else found.value)[:size]
                    if len(row) == size:
                        yield slip.name, slip.says.format_map(self.words), row

    def lines(self, slips: list[Slip]) -> Iterator[Exercise]:
        """Which line of code is right: the wrong ones are those of slips that this network can have."""
        groups: dict[str, list[tuple[str, Slip]]] = {}
        for slip in slips:
            if slip.wrong and next(_variants(slip, self.case), None) is not None:
                wrong, right = (_bare(line.format_map(self.words)) for line in (slip.wrong, slip.right))
                if wrong != right and "..." not in wrong + right:
                    groups.setdefault(right, []).append((wrong, slip))
        for right, found in sorted(groups.items(), key=lambda item: -len(item[1]))[:2]:
            if len(found) < 2:
                continue
            of = dict(reversed(found[:3]))
            choices = sorted([right, *of])
            slipped = [(i, of[c].name, of[c].says.format_map(self.words)) for i, c in enumerate(choices) if c in of]
            yield Exercise("line", words()["ask_line"], choices.index(right), tuple(choices), tuple(slipped), 0.5)

    def shapes(self) -> Iterator[Exercise]:
        """The shape of a derivative, in letters; to choose from are those of other quantities, and it turned."""
        known: dict[str, Node] = {}
        for node in self.trace.forward:
            if node.name is not None and node.ndim == 2:
                known.setdefault(_letters(node), node)
        for node in self.trace.parameters.values():
            if node.ndim == 2 and node in self.trace.cotangents and len(known) > 1:
                right, turned = _letters(node), " × ".join(reversed(_letters(node).split(" × ")))
                choices = sorted({right, turned, *list(known)[:4]})
                asked = words()["ask_shape"].format(entry=_called(self.trace.cotangents[node]))
                said = words()["shape_turned"], words()["shape_other"]
                wrong = [(i, "shape", said[c != turned]) for i, c in enumerate(choices) if c != right]
                key = _key(self.trace.cotangents[node])
                yield Exercise("shape", asked, choices.index(right), tuple(choices), tuple(wrong), 0.5, key)
                return


def _variants(slip: Slip, case: Case) -> Iterator[Variant]:
    """The ways to make a slip in this network; none where it cannot be made."""
    with contextlib.suppress(*UNFIT):
        yield from slip.variants(case)


def _told_apart(
    slipped: list[tuple[str, str, np.ndarray]], k: int, right: float, apart: float
) -> list[tuple[float, str, str]]:
    """Of the k-th numbers that slips lead to, those that differ from the right one and from each other."""
    seen, found = [right], []
    for name, says, row in slipped:
        value = float(row[k])
        if math.isfinite(value) and all(abs(value - other) > 2 * apart for other in seen):
            seen.append(value)
            found.append((value, name, says))
    return found


def _term(node: Node, step: int | None) -> Node | None:
    """Of a sum over time, its term of that step; the node itself where none is asked for."""
    if step is None:
        return node
    while node.op is same and not node.step:
        node = node.args[0]
    return next((arg for arg in node.args if arg.step == step), None) if node.op is total else None


def _sources(node: Node) -> list[Node]:
    """The named quantities that a node is computed from."""
    found, waiting = [], list(node.args)
    while waiting:
        arg = waiting.pop(0)
        if arg.name is None:
            waiting[:0] = arg.args
        elif arg not in found:
            found.append(arg)
    return found if len(found) <= 6 else []


def _called(node: Node) -> str:
    assert node.name is not None
    return names.text(node.name, "" if node.step is None else str(node.step))


def _key(node: Node) -> str:
    return str(node.name) if node.step is None else f"{node.name}_{node.step}"


def _letters(node: Node) -> str:
    return " × ".join(str(size) for size in node.dims)


def _bare(line: str) -> str:
    return line.partition("  #")[0].strip()
