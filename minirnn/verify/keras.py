"""Keras as a witness: the forward pass on its active backend, and gradients from tf.GradientTape on TensorFlow."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from .. import losses
from ..keras_io.live import import_keras, twin_of
from ..layers import SimpleRNN
from ..trace import Trace
from .report import Row, error_in_eps

FORWARD, GRADIENT = "Keras forward", "tf.GradientTape"
LOSSES: dict[losses.LossFunction, str] = {
    losses.mse: "MeanSquaredError",
    losses.categorical_crossentropy: "CategoricalCrossentropy",
}


def rows(trace: Trace, dtype: str) -> Iterator[Row]:
    """One row per quantity, for a trace that computes in `dtype`; rows that say why, where Keras cannot be asked."""
    quantities = trace.state_names
    gradients = [f"dL/d{name}" for name in trace.parameters] if trace.loss_node is not None else []
    forward = [*(f"{name}_t" for name in quantities), "y", *(["L"] if gradients else [])]
    if (reason := _absent(trace)) is not None:
        yield from (Row(q, FORWARD, dtype, None, reason) for q in forward)
        yield from (Row(q, GRADIENT, dtype, None, reason) for q in gradients)
        return
    keras = import_keras()
    twin, layers, hidden = _twin(trace, dtype, quantities)
    arrays = [x.astype(dtype) for x in trace.inputs]
    inputs = arrays if len(arrays) > 1 else arrays[0]
    for name, found in zip(quantities, hidden(inputs)):
        ours = np.stack([trace.value(name, t) for t in range(1, trace.steps + 1)], axis=1)
        yield Row(f"{name}_t", FORWARD, dtype, error_in_eps(ours, _array(found), dtype))
    backend = keras.backend.backend()
    if trace.truncate or backend != "tensorflow":
        asked = f"gradients are asked of TensorFlow; the active backend is {backend}"
        reason = "the flow is cut, which Keras does not do" if trace.truncate else asked
        yield Row("y", FORWARD, dtype, error_in_eps(trace.output, _array(twin(inputs)), dtype))
        yield from (Row(q, GRADIENT, dtype, None, reason) for q in gradients)
        return
    import tensorflow as tf

    kind = LOSSES[trace.loss_function] if trace.loss_function else ""
    with tf.GradientTape() as tape:
        y = twin(inputs)
        loss = getattr(keras.losses, kind)(dtype=dtype)(trace.target, y) if gradients else None
    yield Row("y", FORWARD, dtype, error_in_eps(trace.output, _array(y), dtype))
    if loss is None:
        return
    yield Row("L", FORWARD, dtype, error_in_eps(trace.loss, _array(loss), dtype))
    places = trace.model.parameter_places()
    variables = {name: layers[layer].weights[i] for name, (layer, i) in places.items()}
    found = tape.gradient(loss, list(variables.values()))
    for name, gradient in zip(variables, found):
        truth = np.zeros(variables[name].shape, dtype) if gradient is None else _array(gradient)
        yield Row(f"dL/d{name}", GRADIENT, dtype, error_in_eps(trace.gradients[name], truth, dtype))


def versions() -> dict[str, str]:
    """Which Keras was asked, on which backend."""
    try:
        keras = import_keras()
    except ImportError:
        return {}
    found = {"keras": keras.__version__, "backend": keras.backend.backend()}
    if found["backend"] == "tensorflow":
        import tensorflow

        found["tensorflow"] = tensorflow.__version__
    return found


def _absent(trace: Trace) -> str | None:
    """Why Keras cannot be asked, or None."""
    if trace.loss_function is not None and trace.loss_function not in LOSSES:
        return f"Keras has no loss {trace.loss_name!r}"
    try:
        import_keras()
    except ImportError:
        return "Keras is not installed: pip install 'minirnn[keras]'"
    except Exception as error:  # a broken installation of a backend can raise anything
        return f"Keras cannot be imported: {type(error).__name__}"
    return None


def _twin(trace: Trace, dtype: str, names: list[str]) -> tuple[Any, dict[Any, Any], Any]:
    """The Keras model, its layers by ours, and what gives every state of every recurrent layer, in the order of `names`."""
    import keras

    twin, layers, tensors = twin_of(trace.model, dtype, trace.weights)
    states = []
    for call in trace.model.order:
        if isinstance(call.layer, SimpleRNN):
            x, *initial = [tensors[s] for s in call.inputs]
            whole = keras.layers.RNN(layers[call.layer].cell, return_sequences=True, dtype=dtype)
            states.append(whole(x, **({"initial_state": initial[0]} if initial else {})))
    assert len(states) == len(names)
    model = keras.Model(twin.inputs if len(twin.inputs) > 1 else twin.inputs[0], states) if states else None

    def hidden(inputs: Any) -> list[Any]:
        found = model(inputs) if model is not None else []
        return list(found) if isinstance(found, (list, tuple)) else [found]

    return twin, layers, hidden


def _array(tensor: Any) -> np.ndarray:
    import keras

    return np.asarray(keras.ops.convert_to_numpy(tensor[0] if isinstance(tensor, (list, tuple)) else tensor))
