"""Whole epochs of training in one call of C: batches, gradients and the steps of SGD, Adam or RMSprop."""

from __future__ import annotations

import ctypes
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from .compiler import loaded
from .native import Native

RULES = {"SGD": 0, "Adam": 1, "RMSprop": 2}


class Rule(NamedTuple):
    """An optimizer: its name among RULES, its numbers in the order of train.h, and whether it looks ahead (Nesterov)."""

    name: str
    settings: tuple[float, ...]
    nesterov: bool = False


class Trained(NamedTuple):
    """What has come out: the mean loss of each epoch, the last one no finite number if the training ended there."""

    losses: list[float]
    complete: bool


def train(
    native: Native,
    places: Mapping[str, int],
    weights: np.ndarray,
    free: int,
    slots: np.ndarray,
    arrays: Sequence[np.ndarray],
    batch: int,
    order: np.ndarray | None,
    epochs: int,
    rule: Rule,
    rates: np.ndarray,
) -> Trained:
    """Train, in place: `weights` is the vector of all weights, the first `free` are trained; `slots` (2, of these) is kept.

    `places` says where each parameter begins; `arrays` are the data and the targets, whole; `order` (epochs, samples) says
    which samples come when; `rates` are the learning rates of all steps. ValueError if anything does not fit.
    """
    dtype, samples = np.dtype(native.dtype), len(arrays[0])
    lengths = {1: samples, 2: native.steps}
    for array, (name, sizes) in zip(arrays, native.given, strict=False):
        if sizes is None or array.dtype != dtype or not array.flags.c_contiguous or array.ndim != len(sizes):
            raise ValueError(f"{name} does not fit")
        for (which, factor, more), n in zip(sizes, array.shape):
            lengths[which] = n if which == 2 and (factor, more) == (1, 0) else lengths.get(which, 0)
            if n != factor * lengths.get(which, 0) + more:
                raise ValueError(f"{name} does not fit: it has shape {array.shape}")
    T, steps = lengths[2], epochs * -(-samples // batch)
    if len(arrays) != len(native.data) + len(native.targets) or (native.steps != T if native.fixed_steps else T < 3):
        raise ValueError("the data do not fit")
    shapes = dict(native.given[len(arrays) : len(arrays) + len(native.parameters)])
    ends = [places[name] + int(np.prod([more for _, _, more in shapes[name] or ()])) for name in native.parameters]
    vectors = (weights, slots)
    if any(v.dtype != dtype or not v.flags.c_contiguous for v in vectors) or max(ends, default=0) > weights.size:
        raise ValueError("the weights do not fit")
    if slots.shape != (2, weights.size) or rates.shape != (steps,) or free > weights.size:
        raise ValueError("the state of the optimizer does not fit")
    if order is not None and (order.shape != (epochs, samples) or order.min() < 0 or order.max() >= samples):
        raise ValueError("the order of the samples does not fit")
    made = loaded(native.whole)
    made.train.restype = ctypes.c_long
    rows = [array.size // samples for array in arrays]
    sizes_of_batch = (ctypes.c_long * 2)(min(batch, samples), T)
    entries = (
        made.memory(sizes_of_batch) // dtype.itemsize + 2 * (weights.size + 16) + sum(batch * r + 16 for r in rows) + 64
    )
    room = np.empty(entries + 64, dtype)
    start = room.ctypes.data + -room.ctypes.data % 64
    numbers = [samples, batch, epochs, T, len(arrays), len(native.parameters), len(native.constants), native.outputs, free]
    numbers += [weights.size, RULES[rule.name], int(rule.nesterov)]
    losses = np.zeros(epochs)
    settings = np.array([*rule.settings, 0.0, 0.0, 0.0][:3])
    kept = [np.ascontiguousarray(rates, float), None if order is None else np.ascontiguousarray(order, np.int64)]
    done = made.train(
        (ctypes.c_long * len(numbers))(*numbers),
        (ctypes.c_long * len(rows))(*rows),
        (ctypes.c_long * len(native.parameters))(*[places[name] for name in native.parameters]),
        None if kept[1] is None else ctypes.c_void_p(kept[1].ctypes.data),
        ctypes.c_void_p(kept[0].ctypes.data),  # type: ignore[union-attr]
        ctypes.c_void_p(settings.ctypes.data),
        (ctypes.c_void_p * len(arrays))(*[a.ctypes.data for a in arrays]),
        (ctypes.c_void_p * max(1, len(native.constants)))(*[c.ctypes.data for c in native.constants]),
        ctypes.c_void_p(weights.ctypes.data),
        ctypes.c_void_p(slots.ctypes.data),
        ctypes.c_void_p(start),
        ctypes.c_void_p(losses.ctypes.data),
    )
    return Trained(losses[: done + (done < epochs)].tolist(), done == epochs)
