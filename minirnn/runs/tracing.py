"""From a network and data to a run: what is asked for is checked, and planned where it is asked for again."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import Any

import numpy as np

from .. import losses
from ..checks import NAN_LEFT_OUT, array_of, demand_finite
from ..engine.names import Role
from ..layers.calls import Conditions
from ..layers.layer import Layer
from ..layers.recurrent.rnn import RNN
from ..network import Network
from ..system import plain
from .request import Request
from .retrace import again
from .run import Run, make_run


def run_network(
    model: Network,
    X: Any,
    Y: Any = None,
    loss: Any = None,
    loss_weights: Any = None,
    dtype: Any = None,
    truncate: int | None = None,
    training: bool = False,
    masks: Mapping[str, Any] | None = None,
    semantics: str = "tensorflow",
    kind: type[Run] = Run,
) -> Any:
    """Run `model` as `minirnn.trace` does, whose arguments these are. Gives a `kind` of Run."""
    inputs = model.arrays(X)
    for array in inputs:
        demand_finite(array, "X", lambda: NAN_LEFT_OUT if model.takes_mask else "")
    if Y is None and loss is not None:
        raise ValueError("a loss needs a target: mr.trace(model, X, Y, loss=...)")
    function = None if Y is None else losses.of_outputs(loss or "mse", loss_weights, model.output_names)
    shapes = [symbolic.shape for symbolic in model.outputs]
    targets = None
    if function is not None:
        targets = [np.array(y) for y in losses.targets_of(Y, model.output_names, shapes, function)]
    if masks is not None and not isinstance(masks, Mapping):
        raise ValueError(f"masks is {plain(repr(masks))}; it must be a dictionary from the names of dropout masks to arrays")
    for name, mask in (masks or {}).items():
        demand_finite(array_of(mask, f"the mask {plain(name)}"), f"the mask {plain(name)}")
    weights = {layer: layer.get_weights() for layer in model.flat_layers}
    states: dict[Layer, list[np.ndarray]] = {
        inner: inner.states
        for layer in model.flat_layers
        for inner in layer.inside()
        if isinstance(inner, RNN) and inner.states is not None
    }
    conditions = Conditions(training, semantics, masks, states)
    request = Request(model, [np.array(x) for x in inputs], targets, function, weights, conditions, truncate)
    run = _told(again(request, dtype, kind, lambda: make_run(request, dtype, (), kind)))
    if masks:
        _demand_masks(run, masks)
    return run


def _demand_masks(run: Run, given: Mapping[str, Any]) -> None:
    """Raise ValueError if a dropout mask was given that the run has no use for."""
    known = dict.fromkeys(str(node.name) for node in run.forward if node.role is Role.DROPOUT_MASK and not node.args)
    if unknown := [name for name in given if name not in known]:
        there = f"there are {', '.join(known)}" if known else "there is none: dropout is applied with training=True"
        raise ValueError(f"masks: this run has no dropout mask {plain(repr(unknown[0]))}; {there}")


def checked_run(
    model: Network,
    inputs: list[np.ndarray],
    targets: list[np.ndarray] | None,
    loss: losses.Loss | losses.OfEach | None,
    weights: dict[Layer, list[np.ndarray]] | None = None,
    training: bool = False,
    short: bool = False,
    sample_weights: list[np.ndarray | None] | None = None,
    semantics: str = "tensorflow",
) -> Run:
    """A run on data that were checked before; `short`: of two samples and, where the length is free, their first steps."""
    weights = weights or {layer: layer.weight_arrays for layer in model.flat_layers}
    request = Request(model, inputs, targets, loss, weights, Conditions(training, semantics), None, sample_weights)
    if short:
        request = request._replace(inputs=[x[:2] for x in inputs], targets=targets and [y[:2] for y in targets])
        request = request.first_steps() if model.any_length else request
    return _told(make_run(request))


def _told(run: Run) -> Run:
    """The run; of numbers that are not finite a warning names the first."""
    if run.overflow:
        warnings.warn(f"the numbers overflow: {run.overflow} is not finite", RuntimeWarning, stacklevel=4)
    return run
