"""The public functions: what a user calls first."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from . import system
from .checks import unraised
from .displays import clocked
from .engine.graph import Primitive
from .engine.names import demand_printable
from .files import StrPath
from .keras_io import live
from .keras_io.live import as_model
from .layers.layer import Layer
from .models import Model, Sequential
from .registry import own_objects
from .runs.tracing import run_network
from .system import plain
from .traces import Trace

if TYPE_CHECKING:
    from numpy.typing import DTypeLike

    from .verify.compare.mismatch import Mismatch


def _follow(function: Callable[..., Any], nodes: Any, known: Any, layer: str | None = None) -> Any:
    from .loops.of_nodes import followed

    return followed(function, nodes, known, layer)


@unraised
def _of_arrays(op: Any, args: tuple[Any, ...], attrs: dict[str, Any], as_it_is: Any) -> Any:
    from .backend import of_arrays

    return of_arrays(op, args, attrs, as_it_is)


system.follow = _follow  # losses and activations lie below the loops, and may be functions of NumPy
Primitive.of_arrays = _of_arrays
FOREIGN = {"keras", "tensorflow", "tf_keras", "torch", "jax"}  # their models are callable too


@clocked
@unraised
def trace(
    model: Any,
    X: Any = None,
    Y: Any = None,
    loss: Any = None,
    *,
    loss_weights: Any = None,
    dtype: DTypeLike | None = None,
    truncate: int | None = None,
    training: bool = False,
    masks: Mapping[str, Any] | None = None,
    semantics: Literal["tensorflow", "jax", "keras-3.16"] = "tensorflow",
    **arrays: Any,
) -> Trace:
    """Run `model` on `X` (N, T, D) and, if a target `Y` is given, backpropagate the loss through time.

    - `model`: a Model, a Sequential, or a single layer such as ``SimpleRNN(2)``; or an ordinary function of NumPy, which is
      given all arrays by its own names, ``mr.trace(f, x=..., Wx=...)``, and followed as it stands
    - `X`: an array (N, T, D), or a list of it and the initial states and masks that the model takes
    - `Y`: an array of the shape of the output (a list of several), or None for the forward pass alone
    - `loss`: "mse" (the default), "categorical_crossentropy", a loss object, or a function of (target, output) nodes; of a
      model with an output at every step, the loss is the average of the losses of the steps
    - `loss_weights`: what each of several outputs counts for; `loss` too may be a list or a dictionary by output
    - `dtype`: float32 or float64; by default what X and the weights are
    - `truncate`: truncated backpropagation through time; no gradient passes from one chunk of so many steps to the one
      before it. Chunks are counted from the last step, so that a loss there always reaches back so many steps
    - `training`: whether dropout leaves entries out
    - `masks`: those of dropout in training, by name, ``{"d_x": array}``; without them they are drawn
    - `semantics`: "tensorflow", "jax" or "keras-3.16": whom to follow where Keras differs from itself
    - `arrays`: what a function takes, by the names of its own

    Stateful layers start from the state they have, and keep it: only `predict` goes on to the next.

    Raises ValueError where X or Y has the wrong shape or holds NaN or infinity.

    >>> import numpy as np
    >>> from minirnn import demo, trace
    >>> run = trace(demo.model(), demo.X, np.zeros((1, 2)))
    >>> run
    <Trace of 'demo': 10 steps, 195 nodes, mse = 0.880918, float64>
    >>> run.output.round(4)
    array([[-1.3272, -0.0219]])
    >>> run.value("h", 10).shape, run.adjoint("h", 10).shape, run.gradients["W_h"].shape
    ((1, 5), (1, 5), (5, 5))
    """
    model = as_model(model)
    if isinstance(model, Layer):
        model = Sequential([model], name=model.name or model.label)
    if dtype is not None and np.dtype(dtype) not in (np.float32, np.float64):
        raise ValueError(f"dtype is {np.dtype(dtype).name}; minirnn computes in float32 or float64")
    if truncate is not None and (not isinstance(truncate, (int, np.integer)) or isinstance(truncate, bool) or truncate < 1):
        raise ValueError(f"truncate is {plain(repr(truncate))}; it is a number of steps, 1 or more")
    if callable(model) and not isinstance(model, (Model, type)) and type(model).__module__.partition(".")[0] not in FOREIGN:
        own = {"X": X, "Y": Y, "loss": loss, "masks": masks, "training": training or None}
        given = {name: value for name, value in own.items() if value is not None}
        for name in _names(arrays):
            if not demand_printable(name):
                raise ValueError("an array is given under an empty name: give it another")
        from .loop_traces import trace_function

        return trace_function(model, given | arrays, dtype, truncate)
    if arrays:
        raise TypeError(f"a model takes X and Y, not {', '.join(arrays)}: a function takes arrays by the names of its own")
    if not isinstance(model, Model):
        raise TypeError(
            f"trace takes a model or a layer, or a function, not {type(model).__name__}: see mr.load, mr.from_keras"
        )
    if X is None:
        raise TypeError("trace takes data: mr.trace(model, X), with a loss mr.trace(model, X, Y)")
    if loss is None and Y is not None and model._plan:  # as it is trained
        plan = model.training_plan()
        loss, loss_weights = plan.given, plan.loss_weights if loss_weights is None else loss_weights
    return run_network(model, X, Y, loss, loss_weights, dtype, truncate, training, masks, semantics, Trace)


def _names(arrays: Mapping[Any, Any]) -> Iterator[str]:
    """The names of arrays, also of those in dictionaries."""
    for name, value in arrays.items():
        if isinstance(name, str):
            yield name
        if isinstance(value, Mapping):
            yield from _names(value)


@clocked
@unraised
def check(function: Callable[..., Any], model: Any, X: Any, **arrays: Any) -> Mismatch:
    """Whether a loop of one's own, ``function(X)``, equals a Keras model, to how many eps, and if not, the slip behind it.

    See `minirnn.verify.compare.check.check`.
    """
    from .verify.compare.check import check

    if isinstance(model, Layer):
        model = Sequential([model], name=model.label)
    return check(function, model, X, **arrays)


def load(path: StrPath, custom_objects: Mapping[str, Any] | None = None) -> Model:
    """Read a model from a ``.keras`` or whole-model ``.h5`` file. Nothing in the file is executed; no Keras is needed.

    `custom_objects` are layers, functions, losses and metrics of your own, by the names that the file has for them.
    """
    from .keras_io.file import load

    with own_objects(custom_objects):
        return load(path)


def save(model: Any, path: StrPath, overwrite: bool = True) -> Path:
    """Write `model` to a ``.keras`` file that ``keras.saving.load_model`` opens; no Keras is needed."""
    from .keras_io.write import save

    return save(as_model(model), path, overwrite)


def from_keras(model: Any) -> Model:
    """A minirnn model with the layers and weights of a live Keras model."""
    return live.from_keras(model)


def to_keras(model: Model, dtype: str = "float32") -> Any:
    """A Keras model with the layers and weights of `model`; Keras must be installed."""
    return live.to_keras(model, dtype)
