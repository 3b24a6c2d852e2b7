"""The losses of the outputs of a network, and the targets that go with them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from ..checks import array_of, demand_finite
from .loss import Loss


class OfEach(NamedTuple):
    """The losses of several outputs, and what each counts for in their sum."""

    functions: tuple[Loss, ...]
    weights: tuple[float, ...]

    @property
    def name(self) -> str:
        """The names of the losses as a sum."""
        names = [function.label for function in self.functions]
        return " + ".join(name if w == 1 else f"{w:g} {name}" for name, w in zip(names, self.weights))


def one_by_one(loss: Loss | OfEach, outputs: int) -> list[tuple[Loss, float]]:
    """The loss of each of so many outputs, and what it counts for."""
    return list(zip(*loss)) if isinstance(loss, OfEach) else [(loss, 1.0)] * outputs


def for_each(what: str, given: Any, names: Sequence[str]) -> list[Any]:
    """What is given for each output: by name, in a list, or the same for all. ValueError says what does not fit."""
    if isinstance(given, dict):
        if set(given) != set(names):
            raise ValueError(
                f"{what} is given for {', '.join(map(str, given))}; the model has the outputs {', '.join(names)}"
            )
        return [given[name] for name in names]
    if isinstance(given, (list, tuple)):
        if len(given) != len(names):
            raise ValueError(f"{what} has {len(given)} entries; the model has {len(names)} outputs")
        return list(given)
    return [given] * len(names)


def fitted(Y: Any, shape: tuple[int | None, ...], loss: Loss | None, what: str = "Y") -> np.ndarray:
    """The target of an output of that shape (the first axis is that of the samples), as an array of the axes of its node.

    A last axis of one may be missing. The numbers of classes have it in place of the K entries of a row.
    """
    array = array_of(Y, what)
    sparse = loss is not None and loss.sparse
    wanted = (len(array) if array.ndim else 0, *shape[1:-1], 1 if sparse else shape[-1])
    one_each = array.ndim == len(wanted) - 1 or (array.ndim == len(wanted) and array.shape[-1] == 1)
    if loss is not None and loss.of_any_target and one_each and array.dtype.kind in "iub":
        wanted = (*wanted[:-1], 1)  # numbers of classes, for a loss of one's own
    if loss is not None:
        loss.given(array, len(shape), shape[-1])
    if array.ndim == len(wanted) - 1 and wanted[-1] == 1:
        array = array[..., None]
    if array.ndim != len(wanted) or any(w not in (None, n) for w, n in zip(wanted, array.shape)):
        given = tuple(Y.shape) if hasattr(Y, "shape") else np.shape(Y)
        sizes = ", ".join("any" if n is None else str(n) for n in wanted)
        raise ValueError(f"{what} has shape {given}; the output of the model has shape ({sizes}){_way_out(array, shape)}")
    demand_finite(array, what)
    if loss is not None:
        loss.check(array, shape[-1] or 1)
    return array


def targets_of(
    Y: Any, names: Sequence[str], shapes: Sequence[tuple[int | None, ...]], loss: Loss | OfEach | None
) -> list[np.ndarray]:
    """The target of each output; of several a list, or a dictionary by their names."""
    if len(names) == 1 and not isinstance(Y, dict):
        Y = [Y]
    functions = [None] * len(names) if loss is None else [one for one, _ in one_by_one(loss, len(names))]
    given = for_each("Y", Y if isinstance(Y, dict) else list(Y), names)
    several = len(names) > 1
    return [
        fitted(y, shape, function, f"Y of {name}" if several else "Y")
        for y, shape, function, name in zip(given, shapes, functions, names)
    ]


def _way_out(array: np.ndarray, shape: tuple[int | None, ...]) -> str:
    """What may have been meant by a target of fewer axes."""
    whole = array.size and array.ndim == len(shape) - 1 and (array == np.floor(array)).all()
    return ": numbers of classes go with the loss sparse_categorical_crossentropy" if whole and (shape[-1] or 0) > 1 else ""
