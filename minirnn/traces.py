"""The face of a run: all readings as methods of `Trace`, and `trace`, which makes one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from .checks import all_unraised, unraised
from .engine.names import demand_printable
from .files import demand_writable
from .keras_io.live import as_model
from .layers.calls import TENSORFLOW
from .layers.layer import Layer
from .loops.trace import LoopRun, run_function
from .models import Model, Sequential
from .run import Run
from .tracing import run_network

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from pandas import DataFrame

    from .readings.analysis.jacobians import JacobianNorms
    from .readings.analysis.masks import Masks
    from .readings.analysis.walk import Walk
    from .readings.equations.equations import Equations
    from .readings.page.page import Page
    from .readings.picture.picture import Picture
    from .readings.source.compiled import Compiled
    from .training.update import Update
    from .verify.compare.mismatch import Mismatch
    from .verify.report import Report
    from .verify.witnesses.fifty_digits import Exact

FOREIGN = {"keras", "tensorflow", "tf_keras", "torch", "jax"}  # their models are callable too


@all_unraised
class Trace(Run):
    """A network run on data: the graph of the forward pass and, where there is a loss, of backpropagation through time.

    Steps count from 1; h_0 is step 0. Arrays keep the dtype the network computes in.
    """

    def equations(self, **options: Any) -> Equations:
        """The equations of the forward pass and of backpropagation through time, each with its residual."""
        from .readings.equations.equations import equations

        return equations(self, **options)

    def picture(self, to_file: Any = None, **options: Any) -> Picture:
        """The network as a picture, unrolled or ``rolled=True``: ``save`` writes SVG, PNG, PDF or DOT."""
        from .readings.picture.picture import picture

        return picture(self, to_file, **options)

    def source(self, form: Literal["numpy", "buffers", "loops", "c"] = "numpy") -> str:
        """The network, its loss and its gradients as code that runs on its own.

        `form`: "numpy", to be read; "buffers", what `compile` runs, in arrays that are kept from call to call; "loops", in
        scalars, as the component form says it; "c".
        """
        from .readings.source.source import source

        return source(self, form)

    def compile(self, engine: str = "numpy") -> Compiled:
        """The source as a function ``f(params, X, Y)`` that gives the loss and the gradients, for data of any size.

        `engine`: "numpy", or "c", which the system's C compiler compiles once for a network; NotImplementedError where there
        is none. Of a loop of your own it is for data of the sizes it was traced with, ``f(params, [x, y])`` if there are
        several; dropout masks in training are data too.
        """
        from .readings.source.source import compiled

        return compiled(self, engine, self._data_shapes)

    def masks(self) -> Masks:
        """What the masks do at each step to each sample: the state is computed or carried, the output may be zeroed."""
        from .readings.analysis.masks import masks

        return masks(self)

    def update(self, optimizer: Any = None) -> Update:
        """The step of an optimizer from here, as equations and as new weights; None is the one that `compile` was given."""
        from .training.update import update

        return update(self, optimizer)

    def walk(self) -> Walk:
        """The steps, forward then backward, each printable: symbol = numbers = result."""
        from .readings.analysis.walk import walk

        return walk(self)

    def ledger(self, name: str, by: str = "step") -> np.ndarray:
        """What each time step adds to dL/d`name`, (T, ...); ``by="path"``: and from which step's loss, (T, T, ...)."""
        from .readings.analysis.ledger import ledger

        return ledger(self, name, by)

    def jacobian(self, t: int, k: int, name: str | None = None) -> np.ndarray:
        """dh_t/dh_k, the total derivative, (N, M, M): rows for h_t, columns for h_k; `name` where there are several."""
        from .readings.analysis.jacobians import jacobian

        return jacobian(self, t, k, name)

    def jacobian_norms(self, name: str | None = None) -> JacobianNorms:
        """The norms of dh_t/dh_k for all t and k from 0 to T, and the bound (γ σ_max(W_h))^(t-k) beside them."""
        from .readings.analysis.jacobians import jacobian_norms

        return jacobian_norms(self, name)

    def plot(self, what: str, *, ax: Any = None, **options: Any) -> Figure:
        """A figure of matplotlib: "flow", ‖dL/dh_t‖ over time; "ledger" (``of="W_h"``); "jacobians", ‖dh_t/dh_k‖."""
        from .readings.analysis.figures import plot

        return plot(self, what, ax, **options)

    def page(self, path: Any = None, report: Report | None = None, with_keras: bool = True, language: str = "en") -> Page:
        """One self-contained HTML page that steps through all of it, written to `path` if given.

        The verdict on the page is `report`, or that of a fresh ``verify(with_keras=with_keras)``; `language` is "en", "it"
        or "pt", and a reader's browser may ask for another.
        """
        from .readings.page.page import page

        if path is not None:
            demand_writable(path)  # before the work
        return page(self, path, report=report or self.verify(with_keras=with_keras), language=language)

    def to_dict(self) -> dict[str, Any]:
        """Every number, by quantity and step: ``to_dict()["h"][3]["value"]`` and ``["gradient"]``, None where none flows."""
        from .readings.analysis.export import to_dict

        return to_dict(self)

    def to_pandas(self) -> DataFrame:
        """Every number as a row of a tidy table: quantity, step, sample, index, value, gradient. Needs pandas."""
        from .readings.analysis.export import to_pandas

        return to_pandas(self)

    def to_csv(self, path: Any) -> None:
        """The rows of `to_pandas` as a CSV file; pandas is not needed."""
        from .readings.analysis.export import to_csv

        to_csv(self, path)

    def to_json(self, path: Any) -> None:
        """The dictionary of `to_dict` as a JSON file: arrays as lists, steps as text."""
        from .readings.analysis.export import to_json

        to_json(self, path)

    def to_npz(self, path: Any) -> None:
        """An archive for ``numpy.load``: "h" with all its steps, "h steps" which they are, "dL/dh" the derivatives."""
        from .readings.analysis.export import to_npz

        to_npz(self, path)

    def verify(self, **options: Any) -> Report:
        """Compare every quantity with independent witnesses."""
        from .verify import verify

        return verify(self, **options)

    def exact(self, digits: int = 50) -> Exact:
        """Every number of the trace to so many digits: ``exact().value("y")``, ``exact().errors(mine, "y")`` in eps."""
        from .verify.witnesses.fifty_digits import Exact

        return Exact(self, digits)

    def compare(self, numbers: Mapping[str, Any] | None = None, **more: Any) -> Mismatch:
        """Compare numbers of your own with the trace's; where they differ, name the slip that leads to them."""
        from .verify.compare.compare import compare

        return compare(self, numbers, **more)

    def __repr__(self) -> str:
        loss = "no loss" if self.loss is None else f"{self.loss_name or 'loss'} = {self.loss:.6g}"
        return f"<Trace of {self.model.label!r}: {self.steps} steps, {len(self.nodes)} nodes, {loss}, {self.dtype}>"


class LoopTrace(LoopRun, Trace):
    """A function of one's own run on arrays: all that a `Trace` has, in the names of the function's own variables.

    `returned` is what the function returned, with plain arrays.
    """


@unraised
def trace(
    model: Any,
    X: Any = None,
    Y: Any = None,
    loss: Any = None,
    *,
    loss_weights: Any = None,
    dtype: Any = None,
    truncate: int | None = None,
    training: bool = False,
    masks: Mapping[str, Any] | None = None,
    semantics: str = TENSORFLOW,
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
    - `training`: whether dropout leaves entries out; its masks are drawn, or those of `masks`, by name: ``{"d_x": array}``
    - `semantics`: "tensorflow", "jax" or "keras-3.16": whom to follow where Keras differs from itself

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
        raise ValueError(f"truncate is {truncate!r}; it is a number of steps, 1 or more")
    if callable(model) and not isinstance(model, (Model, type)) and type(model).__module__.partition(".")[0] not in FOREIGN:
        own = {"X": X, "Y": Y, "loss": loss, "masks": masks, "training": training or None}
        given = {name: value for name, value in own.items() if value is not None}
        for name in _names(arrays):
            if not demand_printable(name):
                raise ValueError("an array is given under an empty name: give it another")
        return run_function(model, given | arrays, dtype, truncate, LoopTrace)
    if arrays:
        raise TypeError(f"a model takes X and Y, not {', '.join(arrays)}: a function takes arrays by the names of its own")
    if not isinstance(model, Model):
        raise TypeError(
            f"trace takes a model or a layer, or a function, not {type(model).__name__}: see mr.load, mr.from_keras"
        )
    if X is None:
        raise TypeError("trace takes data: mr.trace(model, X), with a loss mr.trace(model, X, Y)")
    if loss is None and Y is not None and "_plan" in vars(model):  # as it is trained
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
