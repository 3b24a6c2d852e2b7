"""The user's own numbers: which quantity they are, how exactly they are known, and how they may be laid out."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from ...checks import array_of, demand_finite
from ...engine.precision import least, precisions
from ...runs.run import Run
from ...system import choices
from ..report import TOLERANCE, derivative
from .numbers import Piece
from .structure import Structure

ALIASES = {"yhat": "y", "loss": "L", "wy": "W_o", "by": "b_o", "bias": "b_h"}  # beside the names without their underscore


class Quantity(NamedTuple):
    """A quantity, or the derivative of the loss by it: its numbers at every step, and whether it is a parameter."""

    label: str
    pieces: list[Piece]  # in the order of steps
    shape: tuple[int, ...]  # at one step
    parameter: bool = False

    @property
    def derivative(self) -> bool:
        return self.pieces[0].derivative

    @property
    def last(self) -> Piece:
        """The last in the order of computation, which is step 1 of a layer that runs backwards."""
        return max(self.pieces, key=lambda piece: (piece.node.serial, piece.step or 0))


class Precision(NamedTuple):
    """How exactly numbers are known: to `eps` of the largest, and no better than `floor`."""

    says: str
    eps: float
    floor: float = 0.0

    def unit(self, largest: float) -> float:
        """What counts for one eps; 32 of them, as everywhere, are allowed."""
        return self.eps * (largest or 1.0) + self.floor / TOLERANCE


class Layout(NamedTuple):
    """The user's array read as (steps, ...): at which pieces, of which samples."""

    pieces: list[Piece]
    rows: Any
    array: np.ndarray
    says: str

    @property
    def steps(self) -> list[int | None]:
        return [piece.step for piece in self.pieces]


class Given(NamedTuple):
    """A quantity and the user's numbers for it, in every way they may be laid out."""

    quantity: Quantity
    precisions: list[Precision]  # the first that makes the numbers agree is theirs
    layouts: list[Layout]
    computed: str = "float64"  # the precision that was to be expected

    @property
    def held(self) -> bool:
        """Whether float32 numbers may be held in a float64 array."""
        return len({precision.eps for precision in self.precisions}) > 1


def given(net: Structure, key: str, mine: Any) -> Given:
    """The numbers `mine` for the quantity called `key`. ValueError where there is none or the shape fits nothing."""
    quantity = _quantity(net, key)
    array = numbers_of(key, mine)
    begins = len(quantity.pieces) > 1 and quantity.label in net.parameters  # the states, and the array they begin with
    if begins and net.loss is not None and array.shape == quantity.shape:
        last, gradient = quantity.last.node.value, net.trace.gradients[quantity.label]
        if np.abs(array - gradient).max(initial=0) < np.abs(array - last).max(initial=0):
            quantity = _quantity(net, f"d{key}")
    if quantity.parameter and array.any():
        name, value = next((n, p.value) for n, p in net.parameters.items() if p is quantity.pieces[0].node)
        itself = array.shape == value.shape and np.allclose(array, value, 1e-6, 0)
        if itself and not np.allclose(array, net.trace.gradients[name]):
            said = f"{key} is the parameter {name} itself"
            raise ValueError(f"{said}: compare takes the gradient of the loss by it, {quantity.label}")
    return arranged(net, key, quantity, array, of_trace(net.trace, quantity))


def arranged(net: Structure, key: str, quantity: Quantity, array: np.ndarray, computed: str = "float64") -> Given:
    """The array in every way in which its shape fits the quantity; `computed` is the precision that may be expected."""
    layouts = list(_layouts(net, quantity, array))
    if not layouts:
        raise ValueError(f"{key} has shape {array.shape}; {quantity.label} {_shapes(net, quantity)}")
    return Given(quantity, _precisions(array, computed), layouts, computed)


def of_trace(trace: Run, quantity: Quantity) -> str:
    """The precision in which the trace itself has computed something of that kind."""
    known = precisions(trace.nodes)
    if quantity.derivative:
        return least(known[node] for node in trace.cotangents.values() if node in known)
    forward = {trace.variables[key] for key in trace.variables if key[0] == quantity.label}
    return least(known[node] for node in forward or trace.outputs if node in known)


def _quantity(net: Structure, key: str) -> Quantity:
    trace = net.trace
    names = {name for name, _ in net.variables}
    plain = {name.replace("_", "").replace("^", "").lower(): name for name in sorted(names, reverse=True)} | {
        alias: name for alias, name in ALIASES.items() if name in names
    }

    def known(text: str) -> str | None:
        return text if text in names else plain.get(text.replace("_", "").replace("^", "").lower())

    name, loss = known(key), net.loss
    states = {name for name, step in net.variables if step and name in trace.parameters}  # that begin with an array
    of_loss = name in trace.parameters and name not in states
    for prefix in (f"d{loss.name}/d" if loss is not None else "dL/d", "dL/d", "d"):
        if name is None and key.startswith(prefix) and (name := known(key.removeprefix(prefix))) is not None:
            of_loss = True
    if name is None and key in ("output", getattr(trace, "filled", None)):  # or the array that holds the output
        return of_output(net, key)
    if name is None:
        one = derivative(trace, next(iter(net.states or trace.parameters), "h"))
        raise ValueError(f"no quantity {key!r}{choices(key, sorted(names))}, and derivatives such as {one}")
    if of_loss and loss is None:
        raise ValueError(f"there is no loss, so no dL/d{name} to compare: trace with a target, mr.trace(model, X, Y)")
    found = {step: node for (known, step), node in net.variables.items() if known == name}
    pieces = [
        Piece(step, found[step], ..., of_loss) for step in sorted(found, key=lambda step: -1 if step is None else step)
    ]
    label = derivative(trace, name) if of_loss else name
    return Quantity(label, pieces, pieces[-1].node.shape, name in trace.parameters and name not in states)


def of_output(net: Structure, label: str, index: int = 0) -> Quantity:
    """An output; of one for every step, its steps."""
    node = net.outputs[index]
    of_steps = [a.step for a in node.args]
    for axis in range(node.ndim):
        whole = len(of_steps) == node.shape[axis] and len(of_steps) > 1 and None not in of_steps
        if whole and sorted(of_steps) == list(range(1, len(of_steps) + 1)) and node.op.name.startswith(("stack", "numbers")):  # type: ignore[type-var]
            alike = node.args[0].ndim == node.ndim - 1
            if alike and np.array_equal(np.take(node.value, 0, axis), node.args[0].value):
                pieces = [Piece(a.step, node, (slice(None),) * axis + (k,)) for k, a in enumerate(node.args)]
                return Quantity(label, sorted(pieces, key=lambda piece: piece.step or 0), node.args[0].shape)
    return Quantity(label, [Piece(None, node)], node.shape)


def numbers_of(key: str, mine: Any) -> np.ndarray:
    """Anything array-like: lists, tensors that NumPy can read, lists and dictionaries of the states of each step."""
    if mine is None:
        raise ValueError(f"{key} is None: there is nothing to compare")
    if isinstance(mine, dict):
        if not mine or not all(isinstance(k, (int, np.integer)) for k in mine):
            raise ValueError(f"{key} is a dictionary: compare takes one whose keys are the steps, in numbers")
        mine = [mine[k] for k in sorted(mine)]
    if isinstance(mine, (list, tuple)):
        mine = [part for k, part in enumerate(mine) if part is not None or k]  # the place of step 0 may be empty
        mine = [array_of(part, key) if hasattr(part, "shape") else part for part in mine]
    return demand_finite(array_of(mine, key), key, lambda: "It cannot be compared")


def _precisions(array: np.ndarray, computed: str) -> list[Precision]:
    """What the digits may say: float32 numbers held in a float64 array are float32, copied ones have decimals."""
    single, double = (Precision(name, float(np.finfo(name).eps)) for name in ("float32", "float64"))
    if array.dtype.kind == "f" and array.itemsize < 8:
        return [Precision(array.dtype.name, float(np.finfo(array.dtype).eps))]
    array = array.astype(np.float64)
    if computed == "float32" or np.array_equal(array.astype(np.float32), array):
        return [double, single]
    decimals = next((d for d in range(3, 11) if np.array_equal(np.round(array, d), array)), None)
    if decimals is None:
        return [double]
    floor = 0.5001 * 10.0**-decimals
    return [
        double,
        double._replace(says=f"{decimals} decimals", floor=floor),
        single._replace(says=f"float32, {decimals} decimals", floor=floor),
    ]


def _layouts(net: Structure, quantity: Quantity, array: np.ndarray) -> Iterator[Layout]:
    each, pieces, T = quantity.shape, quantity.pieces, net.T
    if quantity.parameter:
        bias = len(_bare(each)) == 1 and array.size == net.N  # a bias summed over the wrong axis
        if math.prod(array.shape) == math.prod(each) or bias:
            alike = _bare(array.shape) == _bare(each)
            yield Layout(pieces[-1:], ..., (array.reshape(each) if alike else array)[None], "")
        return
    spans: list[tuple[int, list[Piece], str]] = [(1, pieces[-1:], "")]
    if pieces[0].step is not None:
        after = [piece for piece in pieces if piece.step is not None and 1 <= piece.step <= T]
        last = quantity.last
        spans = [(len(after), after, "all steps"), (1, [last], "the last step")]
        spans += [(1, pieces[:1], "the initial state")] * (quantity.derivative and pieces[0].step == 0)
        spans += [(len(pieces), pieces, "all steps and the initial state")] * (len(pieces) > len(after))
        if after and (last.step or 0) < (after[-1].step or 0):  # a loop that runs backwards may have them in its own order
            spans += [(len(after), after[::-1], "all steps, the last one first")]
            spans += [(len(pieces), pieces[::-1], "the initial state and all steps, the last one first")] * (
                len(pieces) > len(after)
            )
    else:
        spans += [(T, pieces[-1:], f"the last of {T} steps")] * (T > 1)
    seen: list[Layout] = []
    samples = [(each, ..., "")] + [((1, *each[1:]), slice(0, 1), "the first sample")] * (len(each) > 1 and each[0] > 1)
    for shape, rows, who in samples:
        for count, chosen, says in spans:
            for read in _read_as(array, (count, *shape)):
                layout = Layout(chosen, rows, read[-len(chosen) :], ", ".join(filter(None, [says, who])))
                if not any(o.pieces == chosen and o.rows == rows and np.array_equal(o.array, layout.array) for o in seen):
                    seen.append(layout)
                    yield layout


def _read_as(array: np.ndarray, shape: tuple[int, ...]) -> Iterator[np.ndarray]:
    """The array with its axes in every order in which it has this shape, but for axes of length 1."""
    bare, wanted = array.reshape(_bare(array.shape)), _bare(shape)
    if bare.ndim < 6 and sorted(bare.shape) == sorted(wanted):
        for axes in itertools.permutations(range(bare.ndim)):
            if tuple(bare.shape[a] for a in axes) == wanted:
                yield bare.transpose(axes).reshape(shape)


def _bare(shape: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(n for n in shape if n != 1)


def _shapes(net: Structure, quantity: Quantity) -> str:
    """Which shapes would do, in words."""
    each, T = quantity.shape, len([p for p in quantity.pieces if p.step is not None and 1 <= p.step <= net.T])
    if not T:
        return f"has shape {each}"
    if len(each) != 2:
        return f"has shape {each} at each of {T} steps"
    return f"has shape {(each[0], T, each[1])} for all steps, {each} for the last, in any order of the axes"
