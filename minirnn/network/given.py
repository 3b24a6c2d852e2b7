"""What a network is given: arrays that fit its inputs, alone, in a list or by name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ..checks import array_of
from ..layers.symbolic import Symbolic
from ..system import plain


def arrays_for(X: Any, inputs: Sequence[Symbolic]) -> list[np.ndarray]:
    """An array for each input; none is known of a row of layers that is not put together yet."""
    if isinstance(X, Mapping):
        X = _in_order(X, [symbolic.layer.label for symbolic in inputs])
    sequences = isinstance(X, (list, tuple)) and any(np.ndim(x) == 3 for x in X if isinstance(x, np.ndarray))
    several = isinstance(X, (list, tuple)) and (sequences or len(inputs) > 1)
    found = [array_of(x, "X") for x in (X if several else [X])]
    return [_of_rank(a, symbolic.shape) for a, symbolic in zip(found, inputs)] if len(found) == len(inputs) else found


def _in_order(X: Mapping[str, Any], names: list[str]) -> Any:
    """The entries of a dictionary in the order of the inputs of these names."""
    if set(X) != set(names):
        there = ", ".join(plain(name) for name in X)
        raise ValueError(f"X is given for {there}; the model has the inputs {', '.join(names) or 'of its first data'}")
    return [X[name] for name in names] if len(names) > 1 else X[names[0]]


def _of_rank(array: np.ndarray, shape: Sequence[int | None]) -> np.ndarray:
    """The array with a last axis of one put there, or taken off, if it then fits."""
    found = array
    if array.ndim == len(shape) - 1 and shape[-1] == 1:
        found = array[..., None]
    elif array.ndim == len(shape) + 1 and array.shape[-1] == 1:
        found = array[..., 0]
    fits = all(wanted in (None, n) for wanted, n in zip(shape[1:], found.shape[1:]))
    return found if fits else array


def demand_fit(arrays: Sequence[np.ndarray], inputs: Sequence[Symbolic], label: str) -> None:
    """Raise ValueError, in one sentence, where the arrays do not fit the inputs of the model of that name."""
    if len(arrays) != len(inputs):
        raise ValueError(f"the model takes {len(inputs)} inputs, not {len(arrays)}")
    for array, symbolic in zip(arrays, inputs):
        wants = symbolic.shape
        fits = array.ndim == len(wants) and all(w is None or w == n for w, n in zip(wants[1:], array.shape[1:]))
        if not fits:
            with_samples = (1, *array.shape)
            advised = len(with_samples) == len(wants) and all(w in (None, n) for w, n in zip(wants[1:], array.shape))
            shape = ", ".join("any" if n is None else str(n) for n in wants[1:])
            raise ValueError(
                f"X has shape {array.shape}; the model {label!r} takes (N, {shape})"
                + (": add the axis of the samples with X[None]" if advised else "")
            )
        if 0 in array.shape:
            raise ValueError(f"X has shape {array.shape}: it holds no sample or no time step")
