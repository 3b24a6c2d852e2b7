"""One call for a notebook: does a loop of one's own equal a Keras model, and if not, which slip explains it."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np

from ...engine.graph import Node
from ...engine.precision import least, precisions
from ...loops.trace import LoopRun, run_function
from ...network import Network
from ...runs.tracing import run_network
from ...system import CannotFollow
from ..report import TOLERANCE, error_in_eps, states
from .compare import judged
from .mismatch import Found, Mismatch
from .numbers import Piece
from .structure import Structure, Weights
from .user_numbers import Given, Quantity, arranged, numbers_of, of_output


def check(function: Callable[..., Any], model: Any, X: Any, **arrays: Any) -> Mismatch:
    """Whether ``function(X)`` is what the Keras model predicts for X, to how many eps, and if not, the slip behind it.

    - `function`: an ordinary function of NumPy; it is given X under the name of its first argument, and `arrays` by name
    - `model`: a live Keras model, or one of minirnn
    - `X`: as the model takes it, (samples, steps, features)

    Compared is what the function returns (the output, of several a tuple or list of them; a list of the outputs of all steps
    may stand for the last) and, where the function can be followed and has states of that size, every state beside it.
    ``.ok`` says whether they agree, ``.slips`` why they do not. Raises ValueError if the function's output has a shape that
    fits nothing.
    """
    truth = run_network(model if isinstance(model, Network) else _read(model, X), X)
    given = {_first_argument(function): X, **arrays}
    net = Structure(truth)
    try:
        mine: LoopRun | None = run_function(function, given)
        returned = mine.returned  # type: ignore[union-attr]
    except CannotFollow:  # then what it returns is all there is to compare
        mine, returned = None, function(**given)
    if mine is None:
        floats = [a.dtype for a in map(np.asarray, given.values()) if a.dtype.kind == "f"]
        computed = "float32" if any(dtype.itemsize < 8 for dtype in floats) else "float64"
    else:
        computed = least(precisions(mine.forward)[node] for node in mine.outputs)
    numbers, others = _returned(net, returned, computed)
    if mine is not None:
        numbers += _states(net, mine, computed)
    known = dict(arrays) if mine is None else {n: node.value for n, node in mine.parameters.items()} | dict(arrays)
    net.other_weights += _other_weights(net, known)
    return _other_steps(judged(net, numbers, _names(net, mine, known), function), others)


def _first_argument(function: Callable[..., Any]) -> str:
    try:
        return next(iter(inspect.signature(function).parameters))
    except (TypeError, ValueError, StopIteration) as error:
        raise TypeError("check takes a function whose first argument is X") from error


def _read(keras_model: Any, X: Any) -> Any:
    """The model as minirnn reads it. RuntimeError if Keras itself predicts something else: that would be a bug."""
    from ...keras_io.live import from_keras

    model = from_keras(keras_model)
    given = [np.asarray(x) for x in (X if isinstance(X, (list, tuple)) else [X])]
    dtype = keras_model.compute_dtype
    arrays = [x.astype(dtype) if x.dtype.kind == "f" else x for x in given]
    theirs = keras_model(arrays if len(arrays) > 1 else arrays[0])
    ours = run_network(model, arrays if len(arrays) > 1 else arrays[0], dtype=dtype)
    for node, other in zip(ours.outputs, theirs if isinstance(theirs, (list, tuple)) else [theirs]):
        if (off := error_in_eps(node.value, np.asarray(other), dtype)) > TOLERANCE**2:
            raise RuntimeError(
                f"minirnn reads this model as something else than Keras does, by {off:.0f} eps: please report it"
            )
    return model


# ------------------------------------------------------------------------------------------------------ what is returned


WHOLE = Found("sequence for the last step",
              "the outputs of all steps are returned, and the model gives that of the last step", "", 0.0,
              "return hs  # all steps", "return hs[-1]  # or hs[:, -1]")  # fmt: skip
LAST = Found("last step for the sequence",
             "the output of the last step is returned, and the model gives those of all steps", "", 0.0,
             "return h  # the last step", "return np.stack(hs, axis=1)  # all steps")  # fmt: skip


def _returned(net: Structure, returned: Any, computed: str) -> tuple[list[Given], dict[str, Found]]:
    """What the function returns as the outputs of the model; and which of them are of other steps than the model's."""
    labels = _labels(net)
    parts = [returned]
    if len(labels) > 1:
        parts = list(returned.values()) if isinstance(returned, dict) else returned
        if not isinstance(parts, (list, tuple)) or len(parts) < len(labels):
            raise ValueError(f"the model has {len(labels)} outputs: let the function return as many, in a tuple")
    found, others = [], {}
    for index, (label, part) in enumerate(zip(labels, parts)):
        while isinstance(part, tuple) and part:
            part = part[0]
        if isinstance(part, dict) and part and not all(isinstance(k, (int, np.integer)) for k in part):
            part = next(iter(part.values()))
        if part is None:
            raise ValueError("the function returns None: let it return what it computes")
        quantity = of_output(net, label, index)
        array = numbers_of(label, part)
        shape = quantity.pieces[0].node.shape
        if len(quantity.pieces) == 1 and array.size == net.T * int(np.prod(shape)) and array.size != int(np.prod(shape)):
            last = _last_of(array, shape, net.T)
            if not isinstance(part, list):
                others[label] = WHOLE
            array = array if last is None else last
        mine = arranged(net, label, quantity, array, computed)
        if every := [layout for layout in mine.layouts if len(layout.pieces) == len(quantity.pieces)]:
            mine = mine._replace(layouts=every)
        else:
            others[label] = LAST
        found.append(mine)
    return found, others


def _labels(net: Structure) -> list[str]:
    """What the outputs of a model are called: "y", or the state where no Dense follows."""
    labels = []
    for node in net.outputs:
        inner = node.args[-1] if node.op.name.startswith("stack") else node
        labels.append(net.name_of.get(inner) or "y")
    return [f"{label} (output {k})" if labels.count(label) > 1 else label for k, label in enumerate(labels, start=1)]


def _last_of(array: np.ndarray, shape: tuple[int, ...], T: int) -> np.ndarray | None:
    """The last step of an array of all steps, whose axis may be anywhere."""
    for axis in range(array.ndim):
        rest = array.shape[:axis] + array.shape[axis + 1 :]
        if array.shape[axis] == T and [n for n in rest if n != 1] == [n for n in shape if n != 1]:
            return np.take(array, -1, axis)
    return None


def _other_steps(found: Mismatch, others: dict[str, Found]) -> Mismatch:
    """The comparison, where the function returns other steps than the model: another thing, if all else agrees."""
    if not others or not found.ok:
        return found
    rows = [row._replace(ok=False, error=np.inf, off=np.inf) if row.quantity in others else row for row in found.rows]
    return Mismatch(rows, list(others.values())[:1], 1, found.warnings)


# ------------------------------------------------------------------------------------------------------------- the states


def _states(net: Structure, mine: LoopRun, computed: str) -> list[Given]:
    """The states of the function that have the size of the model's, where each has one set of them."""
    if len(net.states) != 1:
        return []
    name = net.states[0]
    pieces = [Piece(t, net.variables[name, t]) for t in range(1, net.T + 1) if (name, t) in net.variables]
    quantity = Quantity(name, pieces, pieces[0].node.shape)
    for own in states(mine):
        nodes = _all_steps(mine, own, net.T)
        if nodes is not None and nodes[0].ndim and quantity.shape[-1] in nodes[0].shape and len(pieces) == net.T:
            known = precisions(mine.forward)
            try:
                array = np.stack([node.value for node in nodes])
                return [arranged(net, own, quantity, array, least(known[node] for node in nodes))]
            except ValueError:  # of another shape: it is something else
                continue
    return []


def _all_steps(mine: LoopRun, own: str, T: int) -> list[Node] | None:
    there = [mine.variables.get((own, t)) for t in range(1, T)]
    if not there or any(node is None for node in there) or there != sorted(there, key=lambda node: node.serial):  # type: ignore[union-attr]
        return None  # a loop that runs backwards has its states in another order than the model
    source = there[-1].args[0].name if there[-1].op.name == "same" else own  # type: ignore[union-attr]  # h of h_last = h
    last = next((n for k in (str(own), str(source)) if (n := mine.variables.get((k, T))) is not None), None)
    alike = last is not None and all(node is not None and node.shape == last.shape for node in there)
    return [*there, last] if alike else None  # type: ignore[list-item]


def _names(net: Structure, mine: LoopRun | None, arrays: Mapping[str, Any]) -> dict[str, str]:
    """The user's names for the weights of the model, known by their numbers, and for its state, what is bent and output."""
    found: dict[str, str] = {}
    for name, node in net.parameters.items():
        for own, value in arrays.items():
            if (
                isinstance(value, np.ndarray)
                and value.shape == node.shape
                and np.array_equal(value, node.value)
                and value.any()
            ):
                found.setdefault(name, own)
    if mine is None:
        return found
    own_net = Structure(mine)
    if len(net.states) == 1 and own_net.states:
        found[net.states[0]] = own_net.states[0]
    pairs = [*zip(net.outputs, own_net.outputs), *((a.args[0], b.args[0]) for a, b in [*zip(net.bent, own_net.bent)][:1])]
    named = [(net.name_of.get(a), own_net.name_of.get(b, "")) for a, b in pairs if a not in net.state_of]
    return found | {name: own for name, own in named if name is not None}


def _other_weights(net: Structure, known: Mapping[str, Any]) -> Iterator[Weights]:
    """Arrays that the function is given and that are none of the model's weights, in the place of those that are missing."""
    arrays = {own: value for own, value in known.items() if isinstance(value, np.ndarray) and value.dtype.kind == "f"}
    alike = {(name, own) for name, node in net.parameters.items() for own, value in arrays.items()
             if value.shape == node.shape and np.array_equal(value, node.value.astype(value.dtype))}  # fmt: skip
    missing = {name: node for name, node in net.parameters.items() if name not in {name for name, _ in alike}}
    spare = {own: value for own, value in arrays.items() if own not in {own for _, own in alike}}
    pairs = [(name, own) for name, node in missing.items() for own in spare if spare[own].shape == node.shape]
    first: dict[str, str] = {}
    for name, own in pairs:
        if name not in first and own not in first.values():
            first[name] = own
    for chosen in ([first] if len(first) > 1 else []) + [{name: own} for name, own in pairs]:
        said = " and ".join(f"{own} is not the model's {name}" for name, own in chosen.items())
        yield said, {name: spare[own] for name, own in chosen.items()}
