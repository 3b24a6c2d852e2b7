"""predict: the output of a model, at once or batch after batch."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

import numpy as np

from ..callbacks import CallbackList, ProgressBar
from ..checks import demand_finite
from ..engine.graph import at
from ..layers.arguments import put_in
from ..layers.calls import TENSORFLOW, Conditions
from ..layers.nodes import common_dtype
from ..system import whole_number
from .evaluate import listed, verbosity
from .feed import is_stream
from .planned import PlannedNetwork, Predicted
from .runners import compiled


def predict(
    model: PlannedNetwork,
    x: Any,
    batch_size: int | None = None,
    verbose: int | str = 0,
    steps: int | None = None,
    callbacks: Any = None,
    *,
    training: bool = False,
    semantics: str = TENSORFLOW,
) -> Predicted:
    """The output for `x`: (N, K), or (N, T, K) from a model that returns sequences; a list of several outputs, or a
    dictionary if the model was put together with one.

    All samples are computed at once, or `batch_size` after `batch_size`, which takes less memory; of a generator or a
    data set batch after batch, `steps` of them. Stateful layers keep their states for the next call, and for the next
    batch.
    """
    several = verbosity(verbose) not in (0, "auto") or callbacks or steps or batch_size is not None or is_stream(x)
    if not several:
        return _by_key(model, _predicted(model, model.arrays(x), training, semantics))
    given, many = _inputs(model, x, batch_size, steps)
    shown = [ProgressBar()] if verbose in (1, 2) else []
    calls = CallbackList([*listed(callbacks), *shown], model, epochs=1, steps=many, verbose=verbose)
    calls.call("on_predict_begin", {})
    made: list[Any] = []
    for number, arrays in enumerate(given):
        calls.call("on_predict_batch_begin", number, {})
        made.append(_predicted(model, arrays, training, semantics))
        calls.call("on_predict_batch_end", number, {"outputs": made[-1]})
    calls.call("on_predict_end", {})
    if not made:
        raise ValueError("there are no data to predict from")
    whole: Any = [np.concatenate(each) for each in zip(*made)] if isinstance(made[0], list) else np.concatenate(made)
    return _by_key(model, whole)


def _by_key(model: PlannedNetwork, found: Any) -> Predicted:
    """In the dictionary, or in the lists within lists, that the outputs of the model are."""
    return found if model.output_form is None else put_in(model.output_form, found if isinstance(found, list) else [found])


def predict_on_batch(model: PlannedNetwork, x: Any) -> Predicted:
    """The output for one batch."""
    return predict(model, x)


def _inputs(
    model: PlannedNetwork, x: Any, batch_size: int | None, steps: int | None
) -> tuple[Iterator[list[np.ndarray]], int | None]:
    """The inputs batch after batch, and how many batches there are, if that is known."""
    if is_stream(x):
        batches = (model.arrays(item[0] if isinstance(item, tuple) else item) for item in x)
        return itertools.islice(batches, steps), steps
    arrays = model.arrays(x, batches=True)
    samples = len(arrays[0])
    size = whole_number("batch_size", -(-samples // (steps or 1)) if batch_size is None else batch_size)
    starts = list(range(0, samples, size))[:steps]
    return ([a[k : k + size] for a in arrays] for k in starts), len(starts)


def _predicted(
    model: PlannedNetwork, arrays: list[np.ndarray], training: bool, semantics: str
) -> np.ndarray | list[np.ndarray]:
    """The output for one batch: by the source, or by the graph where there is none."""
    if not model.takes_mask:  # which may leave them out
        for array in arrays:
            demand_finite(array, "X")
    roles = {model.role(symbolic) for symbolic in model.inputs}
    plain_run = not training and semantics == TENSORFLOW and len(model.outputs) == 1 and not model.is_stateful
    if plain_run and roles <= {"data", "state"}:
        try:
            return _in_source(model, arrays)
        except NotImplementedError:
            pass
    with at(None), np.errstate(over="ignore"):  # exp overflows in a saturated sigmoid, which then is rightly 0
        run = model.run(arrays, conditions=Conditions(training, semantics))
    run.keep()
    found = [np.array(node.value) for node in run.outputs]
    return found if len(found) > 1 else found[0]


def _in_source(model: PlannedNetwork, data: list[np.ndarray]) -> np.ndarray:
    """The output by the source, in float64 if the weights or the data are float64, else in float32."""
    dtype = common_dtype(*data, *model.weight_arrays)
    run = compiled(model, data, None, None)
    params = {name: np.asarray(layer.weight_arrays[i], dtype) for name, (layer, i) in model.parameter_places().items()}
    with np.errstate(over="ignore"):
        return run.forward(params, [np.asarray(x, dtype) for x in data])
