"""Keras as a witness: the forward pass on its active backend, and gradients by its derivatives."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from ... import losses
from ...engine.graph import Node
from ...keras_io.live import as_array, by_cell, import_keras, recurrences, replay, tensor_of, twin_of
from ...layers import RNN
from ...runs.run import Run
from ...system import plain
from ..report import Judge, Row, Unheard, derivative, gradients, states, witness
from .backends import ADAPTERS, cannot_compute
from .backends import gradients as gradients_by

FORWARD, GRADIENT = "Keras forward", "tf.GradientTape"


def expected(trace: Run) -> list[tuple[str, str]]:
    """What this witness judges, where it can be heard."""
    forward = [*(f"{name}_t" for name in states(trace)), "y", *(["L"] if gradients(trace) else [])]
    return [*((name, FORWARD) for name in forward), *((name, GRADIENT) for name in gradients(trace))]


@witness(expected)
def rows(trace: Run) -> Iterator[Row]:
    """One row per quantity; rows that say why, where Keras cannot be asked."""
    if (reason := absent(trace)) is not None:
        raise Unheard(reason)
    keras, dtype, judge = import_keras(), str(trace.dtype), Judge(trace)
    backend = keras.backend.backend()
    if (reason := cannot_compute(backend, dtype)) is not None:
        raise Unheard(reason)
    try:
        twin, layers, tensors = twin_of(trace.model, dtype, trace.weights, trace.conditions.masks)
    except NotImplementedError as error:  # what Keras cannot be told of
        raise Unheard(plain(error, 150)) from error
    training = trace.conditions.training

    def asked(model: Any) -> list[Any]:
        _set_states(layers, trace)
        replay(trace.model, layers, trace.conditions.masks, dtype)
        found = model(inputs, training=training)
        return list(found) if isinstance(found, (list, tuple)) else [found]

    arrays = [x if x.dtype.kind in "iub" else x.astype(dtype) for x in trace.inputs]
    inputs = arrays if len(arrays) > 1 else arrays[0]
    yield from _states(trace, judge, asked, twin, layers, tensors)
    if trace.truncate or backend != "tensorflow":
        yield from _outputs(trace, judge, asked(twin))
        if trace.truncate:
            raise Unheard("the flow is cut, which Keras does not do")
        if backend not in ADAPTERS:
            raise Unheard(f"the backend {backend} has no derivatives")
        yield from _elsewhere(trace, judge, twin, layers, inputs, backend) if gradients(trace) else ()
        return
    import tensorflow as tf

    kinds = losses.one_by_one(trace.loss_function, len(trace.outputs)) if trace.loss_function else []
    with tf.GradientTape() as tape:
        for variable in _variables(trace, layers).values():
            tape.watch(variable.value)  # those too that are not trained
        found = asked(twin)
        loss, reason = None, None
        if gradients(trace):
            parts = [
                weight * twin_of_loss(own, dtype)(target, y) for (own, weight), target, y in zip(kinds, trace.targets, found)
            ]
            try:
                loss = sum([*parts[1:], *twin.losses], parts[0])
            except Exception as error:  # a regularizer of Keras may fail in float64
                reason = f"Keras fails here: {plain(error)}"
    yield from _outputs(trace, judge, found)
    if reason is not None:
        raise Unheard(reason)
    if loss is None or trace.loss_node is None:
        return
    yield judge.row("L", FORWARD, [trace.loss_node], as_array(loss)[None])
    variables = _variables(trace, layers)
    for (name, variable), gradient in zip(variables.items(), tape.gradient(loss, [*variables.values()])):
        truth = np.zeros(variable.shape, dtype) if gradient is None else _dense(gradient)
        yield judge.row(derivative(trace, name), GRADIENT, [trace.cotangents[trace.parameters[name]]], truth[None])


def _variables(trace: Run, layers: dict[Any, Any]) -> dict[str, Any]:
    """The variables of the twin, by the names of the parameters."""
    places = trace.model.parameter_places()
    return {name: _weights_of(layers[layer])[i] for name, (layer, i) in places.items()}


def _elsewhere(trace: Run, judge: Judge, twin: Any, layers: dict[Any, Any], inputs: Any, backend: str) -> Iterator[Row]:
    """The gradients by another backend than TensorFlow, which wants the loss as a function of the weights."""

    name_of_it, dtype = ADAPTERS[backend][0], str(trace.dtype)
    variables = _variables(trace, layers)
    trained = {id(v): k for k, v in enumerate(twin.trainable_variables)}
    assert trace.loss_function is not None
    (kind, weight), *_ = losses.one_by_one(trace.loss_function, len(trace.outputs))
    special = bool(twin.losses) or trace.conditions.training or len(trace.targets) != 1 or weight != 1
    if special or any(id(v) not in trained for v in variables.values()):
        raise Unheard("only plain networks, all of whose weights are trained, are asked for gradients on this backend")
    own = twin_of_loss(kind, dtype)

    def loss(tensors: list[Any]) -> Any:
        y, _ = twin.stateless_call(tensors, twin.non_trainable_variables, inputs)
        return own(trace.targets[0].astype(dtype), y)

    found = gradients_by(backend, loss, [as_array(v) for v in twin.trainable_variables])
    for name, variable in variables.items():
        truth = found[trained[id(variable)]]
        yield judge.row(derivative(trace, name), name_of_it, [trace.cotangents[trace.parameters[name]]], truth[None])


def _weights_of(layer: Any) -> list[Any]:
    return [variable for variable in layer.weights if "rnn_state" not in variable.name]


def _dense(gradient: Any) -> np.ndarray:
    import tensorflow as tf

    return as_array(tf.convert_to_tensor(gradient))


def _outputs(trace: Run, judge: Judge, found: list[Any]) -> Iterator[Row]:
    names = ["y"] if len(found) == 1 else [f"y^{i}" for i, _ in enumerate(found, start=1)]
    for name, node, truth in zip(names, trace.outputs, found):
        yield judge.row(name, FORWARD, [node], as_array(truth)[None])


def _set_states(layers: dict[Any, Any], trace: Run) -> None:
    """Let stateful layers of the twin start from the states that the trace started from."""
    for rnn, twin in _inner(layers):
        if rnn.stateful and twin.states is not None:
            kept = (trace.conditions.states or {}).get(rnn)
            for variable, value in zip(twin.states, kept or [np.zeros(v.shape) for v in twin.states]):
                variable.assign(np.asarray(value))


def _inner(layers: dict[Any, Any]) -> Iterator[tuple[RNN, Any]]:
    for layer, twin in layers.items():
        for rnn, inner, *_ in recurrences(layer, twin, layer.scope()):
            yield rnn, inner


def versions() -> dict[str, str]:
    """Which Keras was asked, on which backend."""
    keras = import_keras()
    found = {"keras": keras.__version__, "backend": keras.backend.backend()}
    if found["backend"] == "tensorflow":
        import tensorflow

        found["tensorflow"] = tensorflow.__version__
    return found


def twin_of_loss(loss: losses.Loss, dtype: str) -> Any:
    """Keras' object of the same class and settings."""
    import keras

    return getattr(keras.losses, type(loss).__name__)(**loss.get_config(), dtype=dtype)


def absent(trace: Run) -> str | None:
    """Why Keras cannot be asked, or None."""
    if trace.is_loop:
        return "a loop of your own has no twin in Keras: mr.check compares it with a model"
    if trace.loss_function is not None and any(
        isinstance(own, losses.Own) for own, _ in losses.one_by_one(trace.loss_function, len(trace.outputs))
    ):
        return f"Keras has no loss {trace.loss_name!r}"
    try:
        import_keras()
    except ImportError:
        return "Keras is not installed: pip install keras tensorflow"
    except Exception as error:  # a broken installation of a backend can raise anything
        return f"Keras cannot be imported: {type(error).__name__}"
    return None


def _states(
    trace: Run, judge: Judge, asked: Any, twin: Any, layers: dict[Any, Any], tensors: dict[Any, Any]
) -> Iterator[Row]:
    """The states of every cell at all steps: those of the same cells in a layer of Keras that gives all its outputs."""
    import keras

    probes: list[Any] = []
    found: list[tuple[list[str], list[list[Node]]]] = []
    dtype = str(trace.dtype)
    for call, scope in trace.model.scopes():
        done = trace.call_of(call)
        history = iter(done.history if done else [])
        given = [tensor_of(tensors, s) for s in call.states]
        for rnn, _, cells, tags in recurrences(call.layer, layers.get(call.layer), scope):
            initial, given = given[: len(rnn.sizes)], given[len(rnn.sizes) :]
            kept = (trace.conditions.states or {}).get(rnn) if rnn.stateful else None
            if kept and not initial:
                initial = [keras.ops.convert_to_tensor(a.astype(dtype)) for a in kept]
            for k, (tag, own) in enumerate(zip(tags, rnn.cells)):
                names = [f"{name}{tag}_t" for name in own.state_names]
                ours = [next(history) for _ in names]
                if done is not None and done.mask is not None and (initial or k + 1 < len(cells)):
                    reason = "Keras gives outputs, not states, where a mask leaves steps out"
                    yield from (Row(name, FORWARD, dtype, None, reason) for name in names)
                    continue
                cell = keras.layers.StackedRNNCells(cells[: k + 1], dtype=dtype) if k else cells[0]
                cell = _all_states(cell, dtype) if len(names) > 1 else cell
                whole = keras.layers.RNN(cell, return_sequences=True, go_backwards=rnn.go_backwards, dtype=dtype)
                keywords: dict[str, Any] = {"mask": tensors[call.mask]} if call.mask is not None else {}
                if initial:
                    below = RNN(list(rnn.cells[: k + 1])) if k else rnn
                    keywords["initial_state"] = by_cell(below, initial[: sum(len(c.sizes) for c in rnn.cells[: k + 1])])
                probes.append(whole(tensor_of(tensors, call.inputs[0]), **keywords))
                found.append((names, ours))
    if probes:
        model = keras.Model(twin.inputs if len(twin.inputs) > 1 else twin.inputs[0], probes)
        for (names, ours), truth in zip(found, asked(model)):
            for name, nodes, theirs in zip(names, ours, np.split(as_array(truth), len(names), axis=-1)):
                yield judge.row(name, FORWARD, nodes, np.swapaxes(theirs, 0, 1))


def _all_states(cell: Any, dtype: str) -> Any:
    """The same cell of Keras with all states of its last cell side by side for an output."""
    import keras

    class States(keras.layers.Layer):
        state_size = cell.state_size
        output_size = sum(getattr(cell, "cells", [cell])[-1].state_size)

        def call(self, x: Any, states: Any, training: bool = False) -> Any:
            _, new = cell(x, states, training=training)
            return keras.ops.concatenate(list(new[-1] if hasattr(cell, "cells") else new), axis=-1), new

        def get_initial_state(self, batch_size: Any = None) -> Any:
            return cell.get_initial_state(batch_size=batch_size)

    return States(dtype=dtype)
