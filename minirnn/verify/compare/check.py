"""One call for a notebook: does a loop of one's own equal a Keras model, and if not, which slip explains it."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from ...engine.graph import Node
from ...engine.precision import least, precisions
from ...loops.trace import LoopRun, run_function
from ...network import Network
from ...system import CannotFollow
from ...tracing import run_network
from ..report import TOLERANCE, error_in_eps, states
from .compare import judged
from .mismatch import Found, Mismatch
from .numbers import Piece
from .structure import Structure
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
    numbers, whole = _returned(net, returned, computed)
    if mine is not None:
        numbers += _states(net, mine, computed)
    return _whole(net, judged(net, numbers, _names(net, mine, arrays), function), numbers, whole)


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


def _returned(net: Structure, returned: Any, computed: str) -> tuple[list[Given], list[str]]:
    """What the function returns as the outputs of the model; and which of them are whole sequences for their last step."""
    labels = _labels(net)
    parts = [returned]
    if len(labels) > 1:
        if not isinstance(returned, (list, tuple)) or len(returned) < len(labels):
            raise ValueError(f"the model has {len(labels)} outputs: let the function return as many, in a tuple")
        parts = [*returned[: len(labels)]]
    found, whole = [], []
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
            whole += [label] * (not isinstance(part, list))
            array = array if last is None else last
        found.append(arranged(net, label, quantity, array, computed))
    return found, whole


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


def _whole(net: Structure, found: Mismatch, numbers: list[Given], whole: list[str]) -> Mismatch:
    """The comparison, where the function returns all steps and the model gives the last: another thing, if that agrees."""
    if not whole or not found.ok:
        return found
    rows = [row._replace(ok=False, error=np.inf, off=np.inf) if row.quantity in whole else row for row in found.rows]
    says = "the outputs of all steps are returned, and the model gives that of the last step"
    slip = Found("sequence for the last step", says, "", 0.0, "return hs  # all steps", "return hs[-1]  # or hs[:, -1]")
    return Mismatch(rows, [slip], 1, found.warnings)


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
    if not there or any(node is None for node in there):
        return None
    source = there[-1].args[0].name if there[-1].op.name == "same" else own  # type: ignore[union-attr]  # h of h_last = h
    last = next((n for k in (str(own), str(source)) if (n := mine.variables.get((k, T))) is not None), None)
    alike = last is not None and all(node is not None and node.shape == last.shape for node in there)
    return [*there, last] if alike else None  # type: ignore[list-item]


def _names(net: Structure, mine: LoopRun | None, arrays: Mapping[str, Any]) -> dict[str, str]:
    """The user's names for the weights of the model, known by their numbers, and for its one state."""
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
    if mine is not None and len(net.states) == 1 and (names := states(mine)):
        found[net.states[0]] = names[0]
    return found
