"""One call for a notebook: does a loop of one's own equal a Keras model, and if not, which slip explains it."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import numpy as np

from ...layers.layer import Layer
from ...loops.trace import LoopTrace
from ...models import Model
from ...system import CannotFollow
from ...traces import Trace, trace
from ..report import TOLERANCE, error_in_eps
from .mismatch import Mismatch, compare


def check(function: Callable[..., Any], model: Any, X: Any, **arrays: Any) -> Mismatch:
    """Whether ``function(X)`` is what the Keras model predicts for X, to how many eps, and if not, the slip behind it.

    - `function`: an ordinary function of NumPy; it is given X under the name of its first argument, and `arrays` by name
    - `model`: a live Keras model, or one of minirnn
    - `X`: as the model takes it, (samples, steps, features)

    Compared are the output (one prediction, or one for each step, of all samples or of the first) and, where the function
    can be followed and has states of that size, every state. ``.ok`` says whether they agree, ``.slips`` why they do not.
    Raises ValueError if the function's output has a shape that fits nothing.
    """
    truth = trace(model if isinstance(model, (Model, Layer)) else _read(model, np.asarray(X)), X)
    given = {next(iter(inspect.signature(function).parameters)): X, **arrays}
    try:
        mine: Any = trace(function, **given)
        numbers = {truth_name(truth): _settled(mine.returned, truth), **_states(mine, truth)}
    except CannotFollow:  # then its output alone is compared
        numbers = {truth_name(truth): _settled(function(**given), truth)}
    return compare(truth, numbers)


def truth_name(truth: Trace) -> str:
    """What the output of a model is called: "y", or "h" where no Dense follows."""
    return next((name for name in ("y", *reversed(truth.state_names)) if name in truth.counts), "y")


def _read(keras_model: Any, X: np.ndarray) -> Model:
    """The model as minirnn reads it. RuntimeError if Keras itself predicts something else: that would be a bug."""
    from ...keras_io.live import from_keras

    model = from_keras(keras_model)
    theirs = np.asarray(keras_model(X.astype("float32")))
    ours = trace(model, X, dtype=theirs.dtype.name).output
    if (off := error_in_eps(ours, theirs, theirs.dtype.name)) > TOLERANCE:
        raise RuntimeError(f"minirnn reads this model as something else than Keras does, by {off:.0f} eps: please report it")
    return model


def _settled(output: Any, truth: Trace) -> Any:
    """The output as one array: of a tuple its first part; of predictions for every step the last, if the model has one."""
    while isinstance(output, tuple):
        output = output[0]
    if output is None:
        raise ValueError("the function returns None: let it return what it computes")
    array = np.asarray(output)
    each_step = array.ndim > 1 and len(array) == truth.steps and array.shape != truth.output.shape
    return array[-1] if each_step and truth.output.ndim == 2 else array


def _states(mine: LoopTrace, truth: Trace) -> dict[str, np.ndarray]:
    """The states of the function that have the size of the model's, where each has one set of them."""
    names = truth.state_names
    if len(names) != 1:
        return {}
    units, T = truth.value(names[0], 1).shape[-1], truth.steps
    for name in mine.state_names:
        there = [mine.variables.get((name, t)) for t in range(1, T)]
        if there and all(node is not None and node.ndim and node.shape[-1] == units for node in there):
            source = (
                there[-1].args[0].name if there[-1] is not None and there[-1].op.name == "same" else name
            )  # h of h_last = h
            known = [mine.variables.get((str(n), T)) for n in (name, source)]
            last = next((node for node in known if node is not None), None)
            if last is not None and last.shape == there[0].shape:  # type: ignore[union-attr]
                return {names[0]: np.stack([*(n.value for n in there if n is not None), last.value])}
    return {}
