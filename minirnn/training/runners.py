"""What computes the loss and the gradients of a batch: the source of the network, or a trace of it where it has none."""

from __future__ import annotations

import copy
import warnings
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any, NamedTuple
from weakref import WeakKeyDictionary

import numpy as np

from ..engine.graph import ancestors
from ..engine.ops import matmul, onehot
from ..engine.replay import replay
from ..layers.calls import TENSORFLOW
from ..layers.embedding import Embedding
from ..layers.layer import Layer
from ..losses import Loss, OfEach
from ..network import Network
from ..readings.source.compiled import Compiled
from ..readings.source.source import compiled as compiled_run
from ..runs.request import SHORT
from ..runs.run import Run
from ..runs.tracing import checked_run
from .feed import Batch
from .weights import by_layer

_known: WeakKeyDictionary[Network, dict[Any, Compiled]] = WeakKeyDictionary()
Arrays = Mapping[str, np.ndarray]


class Lookups(NamedTuple):
    """The rows of a table that were looked up, and the gradient of each time."""

    rows: np.ndarray
    gradients: np.ndarray


class Found(NamedTuple):
    """What a batch gives: the loss, the gradients, the loss of each output, the outputs and their masks, the lookups."""

    loss: Any
    gradients: Arrays
    parts: Sequence[float] = ()
    outputs: Sequence[np.ndarray] = ()
    masks: Sequence[np.ndarray | None] = ()
    lookups: Mapping[str, Lookups] = {}


class Runner:
    """Runs batches of one model and loss; `tables` are the weights of embeddings whose lookups are wanted one by one."""

    def train(self, params: Arrays, batch: Batch, outputs: bool, tables: Sequence[str]) -> Found:
        """The loss and the gradients, and the outputs if they are wanted."""
        raise NotImplementedError

    def test(self, params: Arrays, batch: Batch, outputs: bool) -> Found:
        """The loss, as it is when the model is used."""
        raise NotImplementedError


class InSource(Runner):
    """By the source, of a model with one output."""

    def __init__(self, model: Network, loss: Loss | OfEach, like: Batch, engine: str) -> None:
        self._model = model
        self._run = compiled(model, like.inputs, like.targets[0], loss, engine)
        self.compiled, self._like, self._loss = self._run, like, loss

    def train(self, params: Arrays, batch: Batch, outputs: bool, tables: Sequence[str]) -> Found:
        if tables and (rows := self._every_lookup(params, batch, tables)):
            inputs, tables_of_rows, numbers = rows
            loss, gradients = self._run_of(self._by_rows, dict(params) | tables_of_rows, inputs, batch.targets[0])
            if self._masks_zeros and any(gradients[name][0].any() for name in tables):  # 0 is looked up outside of the mask
                return Traced(self._model, self._loss, TENSORFLOW).train(params, batch, outputs, tables)
            lookups = {name: Lookups(numbers[name], gradients[name]) for name in tables}
            found = Found(loss, gradients, lookups=lookups)
        else:
            found = Found(*self._run_of(self._run, params, batch.inputs, batch.targets[0]))
        return found if not outputs else found._replace(**self._outputs(params, batch))

    def test(self, params: Arrays, batch: Batch, outputs: bool) -> Found:
        loss, _ = self._run_of(self._run, params, batch.inputs, batch.targets[0])
        return Found(loss, {}, **(self._outputs(params, batch) if outputs else {}))

    @cached_property
    def _masks_zeros(self) -> bool:
        """Whether the number 0 stands for a step that is left out."""
        return any(getattr(inner, "mask_zero", False) for layer in self._model.flat_layers for inner in layer.inside())

    @cached_property
    def _by_rows(self) -> Compiled:
        """The same for tables of other sizes."""
        return copy.copy(compiled(self._model, self._like.inputs, self._like.targets[0], self._loss))

    @staticmethod
    def _run_of(run: Compiled, params: Arrays, inputs: list[np.ndarray], target: np.ndarray) -> tuple[Any, Any]:
        return run(params, inputs[0] if len(inputs) == 1 else inputs, target)

    def _outputs(self, params: Arrays, batch: Batch) -> dict[str, Any]:
        outputs = [self._run.forward(params, batch.inputs)]
        return {"outputs": outputs, "masks": masks_of(self._model, params, batch.inputs)}

    def _every_lookup(self, params: Arrays, batch: Batch, tables: Sequence[str]) -> tuple[Any, Any, Any] | None:
        """The batch with every lookup numbered by itself, and tables with a row for each; None if none is made twice.

        The gradient of such a table is that of each lookup. Where a mask leaves them out, row 0 stands for all that are 0.
        """
        numbered = [self._model.role(symbolic) == "numbers" for symbolic in self._model.inputs]
        tokens = [x for x, of_rows in zip(batch.inputs, numbered) if of_rows]
        all_rows = np.concatenate([np.zeros(1, np.int64), *[x.ravel().astype(np.int64) for x in tokens]])
        if len(np.unique(all_rows[1:])) == len(all_rows) - 1:
            return None
        inputs, place = [], 1
        for x, of_rows in zip(batch.inputs, numbered):
            each = np.arange(place, place + x.size).reshape(x.shape)
            inputs.append(x if not of_rows else np.where(x == 0, 0, each) if self._masks_zeros else each)
            place += x.size if of_rows else 0
        numbers = {name: np.where(all_rows < len(params[name]), all_rows, 0) for name in tables}
        return inputs, {name: params[name][rows] for name, rows in numbers.items()}, numbers


class Traced(Runner):
    """By a trace for each batch: for dropout, which draws its masks anew, for states, and what has no source."""

    def __init__(self, model: Network, loss: Loss | OfEach, semantics: str) -> None:
        self._model, self._loss, self._semantics, self._places = model, loss, semantics, model.parameter_places()

    def train(self, params: Arrays, batch: Batch, outputs: bool, tables: Sequence[str]) -> Found:
        trace = self._trace(params, batch, training=True)
        lookups = {name: _lookups(trace, name) for name in tables}
        return self._found(trace, trace.gradients, outputs)._replace(lookups=lookups)

    def test(self, params: Arrays, batch: Batch, outputs: bool) -> Found:
        return self._found(self._trace(params, batch), {}, outputs)

    @staticmethod
    def _found(trace: Run, gradients: Arrays, outputs: bool) -> Found:
        masks = [_of_steps(masks) for masks in trace.masks_of_outputs] if outputs else []
        parts = [float(part) for part in trace.parts_of_loss]
        return Found(trace.loss, gradients, parts, [node.value for node in trace.outputs] if outputs else [], masks)

    def _trace(self, params: Arrays, batch: Batch, training: bool = False) -> Run:
        weights = {layer: list(layer.weight_arrays) for layer in self._model.flat_layers} | by_layer(self._places, params)
        trace = checked_run(
            self._model, batch.inputs, batch.targets, self._loss, weights, training,
            sample_weights=batch.weights, semantics=self._semantics,
        )  # fmt: skip
        trace.keep_states()
        return trace


def _lookups(trace: Run, name: str) -> Lookups:
    """The products of one-hot rows with the table, which are its lookups, and the cotangent of each."""
    table, rows, gradients = trace.parameters[name], [], []
    for node in trace.forward:
        if node.op is matmul and node.args[1] is table and node.args[0].op is onehot:
            rows.append(node.args[0].args[0].value[:, 0].astype(np.int64))
            cotangent = trace.cotangents.get(node)
            gradients.append(np.zeros_like(node.value) if cotangent is None else cotangent.value)
    return Lookups(np.concatenate(rows), np.concatenate(gradients))


def _of_steps(masks: Any) -> np.ndarray | None:
    """The mask of an output as an array (N, T)."""
    return None if masks is None else np.concatenate([m.value for m in masks], axis=1)


def masks_of(model: Network, params: Arrays, inputs: list[np.ndarray]) -> list[np.ndarray | None]:
    """The mask (N, T) of each output, or None: what it is computed of is computed again for these inputs."""
    if not model.makes_masks:
        return [None] * len(model.outputs)
    known = _masks.setdefault(model, {})
    key = tuple(x.shape[1:] for x in inputs)
    if key not in known:
        run = model.run([x[:1] for x in inputs])
        known[key] = run, ancestors([m for masks in run.masks if masks is not None for m in masks])
    run, nodes = known[key]
    values = {node: params[name] for name, node in run.parameters.items() if name in params}
    for node, x in zip(run.inputs, inputs):
        while node.args:
            node = node.args[0]
        values[node] = x.reshape(len(x), *node.shape[1:])
    found = replay(nodes, values)
    return [None if masks is None else np.concatenate([found[m] for m in masks], axis=1) for masks in run.masks]


_masks: WeakKeyDictionary[Network, dict[Any, Any]] = WeakKeyDictionary()


def runner(model: Network, batch: Batch, loss: Loss | OfEach, engine: str = "numpy", semantics: str = TENSORFLOW) -> Runner:
    """What computes batches like this one."""
    moving = any(inner.fixed for layer in model.flat_layers for inner in layer.inside())  # what training changes by itself
    if len(model.outputs) > 1 or model.is_stateful or moving or model.draws or batch.weights is not None:
        return Traced(model, loss, semantics)
    try:
        return InSource(model, loss, batch, engine)
    except NotImplementedError:
        return Traced(model, loss, semantics)


def compiled(
    model: Network, data: list[np.ndarray], target: np.ndarray | None, loss: Any, engine: str = "numpy"
) -> Compiled:
    """The functions of `model` for sequences as long as `data`, compiled once for each length that needs its own.

    Where the C engine cannot compute it, a warning says why, and NumPy does.
    """
    timed = [a.ndim == 3 or model.role(s) in ("numbers", "mask") for a, s in zip(data, model.inputs)]
    if len({a.shape[1] for a, has_steps in zip(data, timed) if has_steps}) > 1:
        raise NotImplementedError("a source of sequences of several lengths")
    shapes = tuple(a.shape[1:] for a in data)
    if model.any_length:
        shapes = tuple((min(s[0], SHORT), *s[1:]) if has_steps else s for s, has_steps in zip(shapes, timed))
    known = _known.setdefault(model, {})
    key = (*map(id, model.flat_layers), *(w.shape for w in model.weight_arrays), shapes, target is None, loss, engine)
    if key not in known:
        rng = np.random.default_rng(0)  # the nodes of a network do not depend on the numbers
        more = [rng.uniform(size=(5, *a.shape[1:])).astype(a.dtype) for a in data]
        more = [_rows(model, s, a) if model.role(s) == "numbers" else a for s, a in zip(model.inputs, more)]
        aim = None if target is None else [np.resize(target, (5, *target.shape[1:]))]
        if model.any_length:
            more = [a[:, : SHORT + 3] if has_steps else a for a, has_steps in zip(more, timed)]
            aim = aim and [y[:, : SHORT + 3] if y.ndim == 3 else y for y in aim]
        few = [a[:3] for a in more], aim and [y[:3] for y in aim]
        # the source holds for every number of samples and of steps: it is tried on others than those it is made of
        known[key] = _by_engine(checked_run(model, *few, loss, short=True), engine, checked_run(model, more, aim, loss))
    return known[key]


def _by_engine(sample: Run, engine: str, larger: Run) -> Compiled:
    """The functions of a run, compiled by an engine and tried on a larger one; by NumPy if the other cannot."""
    try:
        found = compiled_run(sample, engine, None)
        found.demand_same(larger)  # on its own data it has been tried
        return found
    except NotImplementedError as error:
        if engine == "numpy":
            raise
        warnings.warn(f"NumPy computes in place of the engine {engine!r}: {error}", RuntimeWarning, stacklevel=6)
        return _by_engine(sample, "numpy", larger)


def _rows(model: Network, symbolic: Any, like: np.ndarray) -> np.ndarray:
    """Numbers of rows for an Embedding; not all are 0, which a mask may leave out."""
    most = min(s.layer.input_dim for s in model.order if s.inputs and s.inputs[0] is symbolic)
    return np.full_like(like, min(1, most - 1))


def tables_of(places: Mapping[str, tuple[Layer, int]]) -> list[str]:
    """The weights that are tables of rows, and have no penalty: Keras has their gradient by lookups."""
    return [n for n, (layer, _) in places.items() if isinstance(layer, Embedding) and not layer.regularizers]
