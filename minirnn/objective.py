"""The loss of a run: of every output, over its steps, under its masks, and the sum of all with what regularizers add."""

from __future__ import annotations

import functools

import numpy as np

from . import losses
from .engine.graph import Node, at, named, users_names
from .engine.names import Role, users
from .engine.ops import add, average, leaf, reverse, scale, stack, sum_all, take, total
from .layers.calls import tags_of
from .layers.nodes import steps
from .network import ForwardPass


def loss_of(
    run: ForwardPass, targets: list[np.ndarray], function: losses.LossFunction | losses.OfEach
) -> tuple[Node, list[Node]]:
    """The sum of the losses of the outputs, each times its weight, and of what regularizers add; and those losses."""
    if len(targets) != len(run.outputs):
        raise ValueError(f"Y has {len(targets)} arrays; the model has {len(run.outputs)} outputs")
    tags = tags_of(len(targets))
    parts: list[Node] = []
    each = losses.one_by_one(function, len(tags))
    for output, Y, masks, tag, letter, (own, _) in zip(run.outputs, targets, run.masks, tags, run.letters, each):
        with users_names() as named_by_it:
            parts.append(_of_one(output, Y, masks, tag, letter, own))
        for node in named_by_it:
            if node.name is not None:
                node.name = users(node.name, tag.removeprefix("^"))
        run.own.extend(named_by_it)
    terms = [part if weight == 1 else scale(part, p=weight) for part, (_, weight) in zip(parts, each)] + run.losses
    return named("L", terms[0] if len(terms) == 1 else functools.reduce(add, terms), Role.LOSS), parts


def _of_one(output: Node, Y: np.ndarray, masks: list[Node] | None, tag: str, K: str, function: losses.LossFunction) -> Node:
    """The loss of one output of K features; of a sequence the average over the steps, or over what the mask leaves."""
    if Y.shape != output.shape:
        raise ValueError(f"Y has shape {Y.shape}; the output of the model has shape {output.shape}")
    Y = Y.astype(output.dtype, copy=False)
    if output.op is not stack:
        return losses.applied(function, leaf(Y, f"target{tag}", Role.TARGET, ("N", K)), output)
    target = leaf(Y, f"Y{tag}", Role.TARGET, ("N", str(output.dims[1]), K))
    each = steps(output)
    if len(each) > 1 and each[0].step > each[1].step:  # type: ignore[operator]  # the output runs backwards, as Keras' does
        target = reverse(target)
        positions = range(len(each), 0, -1)
    else:
        positions = range(1, len(each) + 1)
    found, used = [], []
    for t, y_t, k in zip(positions, each, range(len(each))):
        with at(y_t.step):
            y = named(f"target{tag}", take(target, t), Role.TARGET)
            if masks is None:
                found.append(named(f"l{tag}", losses.applied(function, y, y_t), Role.STEP_LOSS))
            else:
                found.append(named(f"l{tag}", sum_all(masks[k] * losses.of_samples(function)(y, y_t)), Role.STEP_LOSS))
                used.append(sum_all(masks[k]))
    if masks is None:
        return average(*found, size=output.dims[1])
    n = named(f"n{tag}", total(*used))
    if not n.value:
        raise ValueError(
            "the mask leaves out every step of every sample: there is nothing to take the loss of (Keras takes 0)"
        )
    shares = []
    for loss in found:
        with at(loss.step):
            shares.append(loss / n)
    return total(*shares)
