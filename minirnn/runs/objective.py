"""The loss of a run: of every output, over its steps, under its masks, and the sum of all with what regularizers add."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from .. import losses
from ..engine.graph import Node, at, named, users_names
from ..engine.names import Role, users
from ..engine.ops import add, average, leaf, reshape, reverse, scale, stack, sum_all, take, total
from ..layers.calls import tags_of
from ..layers.nodes import at_each, steps
from ..network import ForwardPass


class Part(NamedTuple):
    """An output, or one step of it: its target, a column of 1 and 0 for what a mask leaves, and one of weights.

    `rows` is the loss of each sample where it is made of all steps at once.
    """

    output: Node
    target: Node
    left: Node | None
    weight: Node | None
    rows: Node | None = None

    def rows_of(self, loss: losses.Loss) -> Node:
        return loss.rows(self.target, self.output) if self.rows is None else self.rows


def loss_of(
    run: ForwardPass,
    targets: list[np.ndarray],
    function: losses.Loss | losses.OfEach,
    weights: Sequence[np.ndarray | None] | None = None,
) -> tuple[Node, list[Node]]:
    """The sum of the losses of the outputs, each times its weight, and of what regularizers add; and those losses.

    `weights` say what each sample, or each step of it, counts for, for each output.
    """
    if len(targets) != len(run.outputs):
        raise ValueError(f"Y has {len(targets)} arrays; the model has {len(run.outputs)} outputs")
    tags = tags_of(len(targets))
    parts: list[Node] = []
    each = losses.one_by_one(function, len(tags))
    counts = weights or [None] * len(tags)
    for output, Y, masks, count, tag, letter, (own, _) in zip(
        run.outputs, targets, run.masks, counts, tags, run.letters, each
    ):
        with users_names() as named_by_it:
            parts.append(_of_one(own, output, Y, masks, count, tag, letter))
        for node in named_by_it:
            if node.name is not None:
                node.name = users(node.name, tag.removeprefix("^"))
        run.own.extend(named_by_it)
    terms = [part if weight == 1 else scale(part, p=weight) for part, (_, weight) in zip(parts, each)] + run.losses
    return named("L", terms[0] if len(terms) == 1 else functools.reduce(add, terms), Role.LOSS), parts


def _of_one(
    loss: losses.Loss, output: Node, Y: np.ndarray, masks: list[Node] | None, weights: np.ndarray | None, tag: str, K: str
) -> Node:
    """The loss of one output of K features; of a sequence the average over the steps, or over what the mask leaves."""
    sparse = loss.sparse or (loss.of_any_target and Y.shape[-1] == 1)
    if Y.shape != (wanted := (*output.shape[:-1], 1 if sparse else output.shape[-1])):
        raise ValueError(f"Y has shape {Y.shape}; this output of the model needs {wanted}")
    Y, letter = Y.astype(output.dtype, copy=False), "1" if sparse else K
    counts = None if weights is None else _column(weights, output)
    if output.op is stack:
        parts = _steps(loss, output, Y, masks, counts, tag, letter)
    else:
        dims = tuple(map(str, output.dims[:-1]))
        target = leaf(Y, f"target{tag}", Role.TARGET, (*dims, letter))
        count = None if counts is None else leaf(counts, f"s{tag}", Role.TARGET, (*dims, "1"))
        parts = [Part(output, target, loss.left_in(target), count)]
    if output.op is stack and isinstance(loss, losses.Own):
        apart, plain = loss.apart(Y.shape[-1], output.shape[-1]), parts[0].left is None and counts is None
        if not apart or (apart == "mean" and not (plain and loss.reduction != "sum")):
            made = loss.applied(stack(*(part.target for part in parts), size=output.dims[1]), output)
            if plain:
                return loss.number_of(made)
            if made.shape == output.shape[:1] and parts[0].left is None and weights is not None and weights.ndim == 1:
                count = leaf(weights.astype(output.dtype)[:, None], f"s{tag}", Role.TARGET, ("N", "1"))
                return loss.weighted(reshape(made, dims=(output.dims[0], 1)), count)
            parts = [part._replace(rows=take(loss.rows_of(made, output), k)) for k, part in enumerate(parts, 1)]
    if parts[0].left is not None:
        return _of_what_is_left(loss, parts, tag)
    found = []
    for part in parts:
        y, count = part.output, part.weight
        with at(y.step if output.op is stack else None):
            if count is not None:
                number = loss.weighted(part.rows_of(loss), count)
            else:
                number = loss.reduced(part.target, y)
            found.append(named(f"l{tag}", number, Role.STEP_LOSS) if output.op is stack else number)
    if output.op is not stack:
        return found[0]
    if weights is not None and loss.reduction == "mean_with_sample_weight":
        raise NotImplementedError("reduction='mean_with_sample_weight' and weights of the steps of a sequence")
    return total(*found) if loss.reduction == "sum" else average(*found, size=output.dims[1])


def _steps(
    loss: losses.Loss,
    output: Node,
    Y: np.ndarray,
    masks: list[Node] | None,
    counts: np.ndarray | None,
    tag: str,
    letter: str,
) -> list[Part]:
    """The steps of a sequence."""
    each = steps(output)
    sequences = [leaf(Y, f"Y{tag}", Role.TARGET, ("N", str(output.dims[1]), letter))]
    if counts is not None:
        counts = np.broadcast_to(counts, (*output.shape[:-1], 1))
        sequences.append(leaf(counts, f"S{tag}", Role.TARGET, ("N", str(output.dims[1]), "1")))
    if len(each) > 1 and each[0].step > each[1].step:  # type: ignore[operator]  # the output runs backwards, as Keras' does
        sequences, positions = [reverse(whole) for whole in sequences], range(len(each), 0, -1)
    else:
        positions = range(1, len(each) + 1)
    found = []
    for k, (t, y) in enumerate(zip(positions, each)):
        with at(y.step):
            target = named(f"target{tag}", take(sequences[0], t), Role.TARGET)
            count = None if counts is None else named(f"s{tag}", take(sequences[1], t), Role.TARGET)
            left = loss.left_in(target)
            if masks is not None:
                left = masks[k] if left is None else masks[k] * left
            found.append(Part(y, target, left, count))
    return found


def _of_what_is_left(loss: losses.Loss, parts: list[Part], tag: str) -> Node:
    """The loss of the samples, at one or more steps, that a mask of 1 and 0 leaves: their sum over their number."""
    sums, used = [], []
    for part in parts:
        left, count = part.left, part.weight
        assert left is not None
        with at(part.output.step if len(parts) > 1 else None):
            factor = left if count is None else left * count
            sums.append(named(f"l{tag}", sum_all(factor * part.rows_of(loss)), Role.STEP_LOSS))
            used.append(sum_all(factor if loss.reduction == "mean_with_sample_weight" else left))
    if loss.reduction == "sum":
        return total(*sums)
    n = named(f"n{tag}", total(*used))
    if not n.value:
        raise ValueError(
            "the mask leaves out every step of every sample: there is nothing to take the loss of (Keras takes 0)"
        )
    return total(*at_each(lambda part: part / n, sums))


def _column(weights: np.ndarray, output: Node) -> np.ndarray:
    """Weights (N,), or (N, T) of a sequence, with the axes of the output."""
    found = weights.astype(output.dtype, copy=False)
    if found.shape != output.shape[: found.ndim] or found.ndim > output.ndim - 1:
        raise ValueError(f"sample_weight has shape {weights.shape}; the output has shape {output.shape}")
    return found.reshape(found.shape + (1,) * (output.ndim - found.ndim))
