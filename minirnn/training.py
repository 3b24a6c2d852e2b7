"""Training as Keras trains: mini-batches, optimizer steps, a history."""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

import numpy as np

from .layers.arguments import boolean
from .layers.layer import Layer
from .layers.nodes import common_dtype
from .readings.source.compiled import ENGINES, Compiled
from .readings.source.source import compiled as compiled_run
from .run import SHORT
from .system import whole_number
from .tracing import checked_run

if TYPE_CHECKING:
    from .models import Model
    from .run import Run

_known: WeakKeyDictionary[Model, dict[Any, Compiled]] = WeakKeyDictionary()
Metric = Callable[[np.ndarray, np.ndarray], Any]


def _mse(Y: np.ndarray, y: np.ndarray) -> Any:
    return np.square(y - Y).mean()


def _mae(Y: np.ndarray, y: np.ndarray) -> Any:
    return np.abs(y - Y).mean()


def _categorical_accuracy(Y: np.ndarray, y: np.ndarray) -> Any:
    return (Y.argmax(-1) == y.argmax(-1)).mean()


def _accuracy(Y: np.ndarray, y: np.ndarray) -> Any:
    return ((y > 0.5) == Y).mean() if Y.shape[-1] == 1 else _categorical_accuracy(Y, y)


METRICS: dict[str, Metric] = {
    "mse": _mse,
    "mean_squared_error": _mse,
    "mae": _mae,
    "mean_absolute_error": _mae,
    "accuracy": _accuracy,
    "acc": _accuracy,
    "categorical_accuracy": _categorical_accuracy,
}


class History:
    """What `fit` returns: ``history.history["loss"]`` is the loss of each epoch, "val_loss" that of the validation data."""

    def __init__(self) -> None:
        self.epoch: list[int] = []
        self.history: dict[str, list[float]] = {}

    def add(self, epoch: int, values: dict[str, float]) -> None:
        """The values of another epoch."""
        self.epoch.append(epoch)
        for name, value in values.items():
            self.history.setdefault(name, []).append(value)

    def __repr__(self) -> str:
        last = ", ".join(f"{name} {values[-1]:.4g}" for name, values in self.history.items())
        return f"<History of {len(self.epoch)} epochs: {last}>"


class Weights:
    """All weights of a model as one flat vector; those that are trained come first, each a part of it."""

    def __init__(self, model: Model, dtype: np.dtype) -> None:
        places = model.parameter_places()
        self.names = sorted(places, key=lambda name: not places[name][0].trainable)
        self._places = [places[name] for name in self.names]
        arrays = [layer.weight_arrays[i] for layer, i in self._places]
        ends = np.cumsum([0, *(w.size for w in arrays)]).tolist()
        self._parts = [(slice(a, b), w.shape) for a, b, w in zip(ends, ends[1:], arrays)]
        self.trained = [part for (part, _), (layer, _) in zip(self._parts, self._places) if layer.trainable]
        self._constraints = [
            (name, layer.constraints[layer.weight_names[i]])
            for name, (layer, i) in zip(self.names, self._places)
            if layer.trainable and layer.weight_names[i] in layer.constraints
        ]
        self.vector = np.concatenate([w.ravel() for w in arrays] or [np.zeros(0)]).astype(dtype)
        self.free = self.trained[-1].stop if self.trained else 0  # where the weights that stay begin

    def views(self, vector: np.ndarray) -> dict[str, np.ndarray]:
        """The weights by name, as parts of a vector."""
        return {name: vector[part].reshape(shape) for name, (part, shape) in zip(self.names, self._parts)}

    def constrain(self, views: dict[str, np.ndarray]) -> None:
        """Make the weights obey their constraints."""
        for name, constraint in self._constraints:
            views[name][...] = constraint(views[name])

    def put_back(self, vector: np.ndarray) -> None:
        """Give the layers these weights."""
        for layer, weights in _by_layer(dict(zip(self.names, self._places)), self.views(vector.copy())).items():
            layer.load(weights)


def _by_layer(places: Mapping[str, tuple[Layer, int]], arrays: Mapping[str, np.ndarray]) -> dict[Layer, list[np.ndarray]]:
    """The weights of each layer, with `arrays` in their places."""
    found: dict[Layer, list[np.ndarray]] = {}
    for name, (layer, i) in places.items():
        found.setdefault(layer, list(layer.weight_arrays))[i] = arrays[name]
    return found


def fit(
    model: Model,
    X: Any,
    Y: Any,
    batch_size: int | None = None,
    epochs: int = 1,
    verbose: int | str = "auto",
    validation_data: tuple[Any, Any] | None = None,
    shuffle: bool = True,
) -> History:
    """Train `model`; see `Model.fit`."""
    plan = model.training_plan()
    boolean("fit", "shuffle", shuffle)
    data, targets, dtype = _checked(model, X, Y)
    validation = None if validation_data is None else _checked(model, *_pair(validation_data))[:2]
    size = _batch_size(model, batch_size, len(targets[0]), *([] if validation is None else [len(validation[1][0])]))
    judge = Judge(model, plan)
    run = runner(model, data, targets, judge.loss, plan.engine)
    weights = Weights(model, dtype)
    history = History()
    current, spare = weights.vector, weights.vector.copy()
    params, spare_params = weights.views(current), weights.views(spare)
    gradient = np.zeros_like(current)
    parts = list(weights.views(gradient).values())
    samples, rng = len(targets[0]), np.random.default_rng()
    try:
        for epoch in range(1, whole_number("epochs", epochs) + 1):
            begun = time.perf_counter()
            order = rng.permutation(samples) if shuffle else None
            sums: dict[str, float] = {}
            for chosen in _batches(samples, size, order):
                x, y = [a[chosen] for a in data], [a[chosen] for a in targets]
                loss, gradients = run(params, x, y)
                if not np.isfinite(loss):
                    current = spare  # the last weights with a finite loss
                    raise FloatingPointError(_exploded(epoch, loss, gradient, weights))
                for part, name in zip(parts, weights.names):
                    part[...] = gradients[name]
                _add(sums, judge.values(loss, run, params, x, y), len(y[0]))
                free = weights.free
                plan.optimizer.step(current[:free], gradient[:free], weights.trained, spare[:free])
                weights.constrain(spare_params)
                current, spare, params, spare_params = spare, current, spare_params, params
            values = {name: value / samples for name, value in sums.items()}
            if validation is not None:
                found = _evaluated(run, params, *validation, size, judge)
                values |= {f"val_{name}": value for name, value in found.items()}
            history.add(epoch - 1, values)
            if verbose:
                _say(epoch, epochs, time.perf_counter() - begun, values)
    finally:
        weights.put_back(current)
    return history


def predict(model: Model, data: list[np.ndarray]) -> np.ndarray:
    """The output of `model`, computed by its source in float64 if the weights or the data are float64, else in float32."""
    dtype = common_dtype(*data, *model.weight_arrays)
    run = compiled(model, data, None, None)
    params = {name: np.asarray(layer.weight_arrays[i], dtype) for name, (layer, i) in model.parameter_places().items()}
    with np.errstate(over="ignore"):  # exp overflows in a saturated sigmoid, which then is rightly 0
        return run.forward(params, [np.asarray(x, dtype) for x in data])


def evaluate(model: Model, X: Any, Y: Any, batch_size: int | None = None) -> dict[str, float]:
    """The loss and the metrics of `model` on data, by name."""
    plan = model.training_plan()
    data, targets, dtype = _checked(model, X, Y)
    weights = Weights(model, dtype)
    judge = Judge(model, plan)
    run = runner(model, data, targets, judge.loss, plan.engine)
    size = _batch_size(model, batch_size, len(targets[0]))
    return _evaluated(run, weights.views(weights.vector), data, targets, size, judge)


def compiled(model: Model, data: list[np.ndarray], target: np.ndarray | None, loss: Any, engine: str = "numpy") -> Compiled:
    """The functions of `model` for sequences as long as `data`, compiled once for each length that needs its own.

    Where the C engine cannot compute it, a warning says why, and NumPy does.
    """
    shapes = tuple(a.shape[1:] for a in data)
    if model.any_length:
        shapes = tuple((min(s[0], SHORT), *s[1:]) if len(s) == 2 else s for s in shapes)
    known = _known.setdefault(model, {})
    key = (*map(id, model.layers), *(w.shape for w in model.weight_arrays), shapes, target is None, loss, engine)
    if key not in known:
        rng = np.random.default_rng(0)  # the nodes of a network do not depend on the numbers
        few = [rng.uniform(size=(2, *a.shape[1:])).astype(a.dtype) for a in data]
        few = [a.round() * 0 if model.role(s) == "numbers" else a for s, a in zip(model.inputs, few)]
        aim = None if target is None else [rng.uniform(size=(2, *target.shape[1:])).astype(target.dtype)]
        sample = checked_run(model, few, aim, loss, short=True)
        known[key] = _by_engine(sample, engine)
    return known[key]


def _by_engine(sample: Run, engine: str) -> Compiled:
    """The functions of a trace, compiled by an engine; by NumPy if the other cannot."""
    try:
        found = compiled_run(sample, engine, None)
        _demand_same(found, sample)
        return found
    except NotImplementedError as error:
        if engine == "numpy":
            raise
        warnings.warn(f"NumPy computes in place of the engine {engine!r}: {error}", RuntimeWarning, stacklevel=6)
        return _by_engine(sample, "numpy")


def _demand_same(found: Compiled, trace: Run) -> None:
    """NotImplementedError if the source gives other numbers than the trace, on its own data: that would be a bug."""
    params = {name: node.value for name, node in trace.parameters.items()}
    data = [np.asarray(x, trace.dtype) for x in trace.inputs]
    try:
        pairs = [(found.forward(params, data), trace.output)]
        if trace.loss_node is not None:
            _, gradients = found(params, data, trace.target)
            pairs += [(gradients[name], trace.gradients[name]) for name in gradients]
    except (ValueError, NameError) as error:
        raise NotImplementedError("the source of this network does not run on its own data") from error
    for a, b in pairs:
        if a.shape != b.shape or not np.abs(a - b).max(initial=0) <= 1e-3 * np.abs(b).max(initial=1e-30):
            raise NotImplementedError("the source of this network does not compute what its graph computes")


class InSource:
    """`Compiled`, of a model with one output."""

    def __init__(self, run: Compiled) -> None:
        self._run = run

    def __call__(self, params: Mapping[str, np.ndarray], X: Any, Y: list[np.ndarray]) -> tuple[Any, dict[str, np.ndarray]]:
        return self._run(params, X, Y[0])

    def loss(self, params: Mapping[str, np.ndarray], X: Any, Y: list[np.ndarray]) -> Any:
        """The loss."""
        return self._run(params, X, Y[0])[0]

    def outputs(self, params: Mapping[str, np.ndarray], X: Any) -> list[np.ndarray]:
        """The output, computed again."""
        return [self._run.forward(params, X)]


class Traced:
    """The same by a trace for each batch: for dropout, which draws its masks anew, for states, and what has no source."""

    def __init__(self, model: Model, loss: Any) -> None:
        self._model, self._loss, self._places = model, loss, model.parameter_places()
        self._last: list[np.ndarray] = []
        self.parts: list[float] = []  # the last loss of each output

    def __call__(self, params: Mapping[str, np.ndarray], X: Any, Y: list[np.ndarray]) -> tuple[Any, dict[str, np.ndarray]]:
        trace = self._trace(params, X, Y, training=True)
        return trace.loss, trace.gradients

    def loss(self, params: Mapping[str, np.ndarray], X: Any, Y: list[np.ndarray]) -> Any:
        """The loss, without dropout."""
        return self._trace(params, X, Y).loss

    def outputs(self, params: Mapping[str, np.ndarray], X: Any) -> list[np.ndarray]:
        """What came out when the loss was computed; with dropout in training, as Keras' metrics see it."""
        return self._last

    def _trace(self, params: Mapping[str, np.ndarray], X: Any, Y: list[np.ndarray], training: bool = False) -> Run:
        weights = {layer: list(layer.weight_arrays) for layer in self._model.layers} | _by_layer(self._places, params)
        trace = checked_run(self._model, X, Y, self._loss, weights, training)
        self._last = [node.value for node in trace.outputs]
        self.parts = [float(part) for part in trace.parts_of_loss]
        trace.keep_states()
        return trace


def runner(
    model: Model, data: list[np.ndarray], targets: list[np.ndarray], loss: Any, engine: str = "numpy"
) -> InSource | Traced:
    """What computes loss and gradients in training: the source of the model, or its trace where it has none."""
    if len(model.outputs) > 1 or model.is_stateful:
        return Traced(model, loss)
    if checked_run(model, data, targets, loss, training=True, short=True).conditions.masks:
        return Traced(model, loss)
    try:
        return InSource(compiled(model, data, targets[0], loss, engine))
    except NotImplementedError:
        return Traced(model, loss)


class Plan:
    """How a model is trained: what `Model.compile` was told."""

    def __init__(self, optimizer: Any, loss: Any, metrics: Any, loss_weights: Any = None, engine: str = "numpy") -> None:
        from . import losses, optimizers

        if engine not in ENGINES:
            raise ValueError(f"engine={engine!r}: it must be one of {', '.join(ENGINES)}")
        self.engine = engine
        self.optimizer, self.metrics, self.weights = optimizers.get(optimizer), metrics, loss_weights
        self.loss = loss if isinstance(loss, (list, tuple, dict)) else losses.get(loss)
        for metric in _flat(metrics):
            if isinstance(metric, str) and metric not in METRICS:
                raise ValueError(f"unknown metric {metric[:40]!r}; minirnn has {', '.join(METRICS)}")
            if not isinstance(metric, str) and not callable(metric):
                raise ValueError(f"a metric must be a name or a function of the arrays (Y, output), not {metric!r}")


def _flat(metrics: Any) -> list[Any]:
    """All metrics of a list, of lists, or of a dictionary of them."""
    if isinstance(metrics, dict):
        return _flat(list(metrics.values()))
    if isinstance(metrics, (list, tuple)):
        return [metric for each in metrics for metric in _flat(each)]
    return [] if metrics is None else [metrics]


class Judge:
    """The loss of a model as it was told to `compile`, and what is said of every batch."""

    def __init__(self, model: Model, plan: Plan) -> None:
        from . import losses

        names = model.output_names
        self.loss = losses.of_outputs(plan.loss, plan.weights, names)
        several = len(names) > 1
        self._losses = [f"{name}_loss" for name in names] if several else []
        of_each = losses.for_each("metrics", plan.metrics or [None] * len(names), names) if several else [plan.metrics]
        self._metrics = [
            [(f"{name}_{told}" if several else told, metric) for told, metric in map(_named, _flat(metrics))]
            for name, metrics in zip(names, of_each)
        ]

    def values(self, loss: Any, run: InSource | Traced, params: Any, X: Any, Y: list[np.ndarray]) -> dict[str, float]:
        """The loss and the metrics of one batch; of several outputs, the loss of each."""
        found = {"loss": float(loss)}
        if isinstance(run, Traced):
            found |= zip(self._losses, run.parts)
        if not any(self._metrics):
            return found
        outputs = run.outputs(params, X)
        for metrics, *each in zip(self._metrics, Y, outputs):
            found |= {name: float(metric(*each)) for name, metric in metrics}
        return found


def _named(metric: Any) -> tuple[str, Metric]:
    """The name and the function of a metric."""
    if isinstance(metric, str):
        return metric, METRICS[metric]
    return getattr(metric, "__name__", "metric"), metric


def _checked(model: Model, X: Any, Y: Any) -> tuple[list[np.ndarray], list[np.ndarray], np.dtype]:
    """The data and the targets as arrays of the dtype of the weights; ValueError says what does not fit."""
    from . import losses

    data = model.arrays(X, batches=True)
    dtype = common_dtype(*model.weight_arrays)
    names = model.output_names
    targets = [np.asarray(Y)] if len(names) == 1 and not isinstance(Y, dict) else []
    targets = targets or [np.asarray(y) for y in losses.for_each("Y", Y if isinstance(Y, dict) else list(Y), names)]
    for target, output in zip(targets, model.outputs):
        if len({len(a) for a in [*data, target]}) > 1:
            raise ValueError(f"X has {len(data[0])} samples, Y has {len(target)}")
        wants = (len(target), *output.shape[1:])
        if target.ndim != len(wants) or any(w not in (None, n) for w, n in zip(wants, target.shape)):
            raise ValueError(f"Y has shape {target.shape}; the output of the model has shape {(None, *wants[1:])}")
    for name, array in (*(("X", a) for a in data), *(("Y", target) for target in targets)):
        if array.dtype.kind not in "fiub" or not np.isfinite(array).all():
            raise ValueError(f"{name} must hold finite numbers")
    types = [dtype if model.role(symbolic) in ("data", "state") else a.dtype for a, symbolic in zip(data, model.inputs)]
    return [np.ascontiguousarray(a, own) for a, own in zip(data, types)], [y.astype(dtype) for y in targets], dtype


def _pair(validation_data: Any) -> tuple[Any, Any]:
    if not isinstance(validation_data, (tuple, list)) or len(validation_data) != 2:
        raise ValueError("validation_data must be a pair, (X, Y)")
    return tuple(validation_data)


def _batch_size(model: Model, asked: int | None, *samples: int) -> int:
    """Samples per step: 32 if nothing is asked, or what the input of the model says."""
    own = model.inputs[0].shape[0]
    size = whole_number("batch_size", asked if asked is not None else own or 32)
    if own is not None and (size != own or any(n % own for n in samples)):
        bad = f"batch_size is {size}" if size != own else f"there are {next(n for n in samples if n % own)} samples"
        raise ValueError(f"{bad}; the input of {model.label!r} takes {own} at a time")
    return size


def _batches(samples: int, size: int, order: np.ndarray | None) -> Iterator[Any]:
    for start in range(0, samples, size):
        yield slice(start, start + size) if order is None else order[start : start + size]


def _add(sums: dict[str, float], values: dict[str, float], samples: int) -> None:
    for name, value in values.items():
        sums[name] = sums.get(name, 0.0) + value * samples


def _evaluated(
    run: InSource | Traced, params: Any, data: Any, targets: list[np.ndarray], size: int, judge: Judge
) -> dict[str, float]:
    sums: dict[str, float] = {}
    for chosen in _batches(len(targets[0]), size, None):
        x, y = [a[chosen] for a in data], [a[chosen] for a in targets]
        _add(sums, judge.values(run.loss(params, x, y), run, params, x, y), len(y[0]))
    return {name: value / len(targets[0]) for name, value in sums.items()}


def _exploded(epoch: int, loss: Any, gradient: np.ndarray, weights: Weights) -> str:
    """What to say when the loss is no number any more: `gradient` is that of the step before."""
    norms = {name: float(np.linalg.norm(part)) for name, part in weights.views(gradient).items()}
    name = max(norms, key=lambda n: norms[n])
    return (
        f"the loss is {loss} in epoch {epoch}; the largest gradient of the step before is dL/d{name}, with norm "
        f"{norms[name]:.3g}: lower the learning rate or give the optimizer clipnorm=1.0. The model keeps its last weights "
        "with a finite loss"
    )


def _say(epoch: int, epochs: int, seconds: float, values: dict[str, float]) -> None:
    said = " - ".join(f"{name}: {value:.4{'f' if 1e-3 <= abs(value) < 1e4 else 'e'}}" for name, value in values.items())
    took = f"{seconds:.0f}s" if seconds >= 1 else f"{1000 * seconds:.0f}ms"
    print(f"Epoch {epoch}/{epochs} - {took} - {said}", flush=True)
