"""The C of a network, what has to be known to call it, and whole epochs of training in one call."""

from __future__ import annotations

import ctypes
import functools
import importlib.resources
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from .compiler import loaded


class Native(NamedTuple):
    """The C of a network, and what has to be known to call it: see `minirnn.readings.source.c.compiled`.

    `block` is what computes a block of samples.
    Sizes are (which, factor, more): factor times N (1), one of the numbers of steps (2 and further) or 0 (0), and more.
    `steps` are the numbers of steps of the trace, the only ones there may be if they are `fixed_steps`.
    """

    block: str
    dtype: str
    data: list[str]
    targets: list[str]
    parameters: list[str]
    constants: list[np.ndarray]
    masks: list[str]
    given: list[tuple[str, tuple[tuple[int, int, int], ...] | None]]
    results: list[tuple[tuple[int, int, int], ...]]
    outputs: int
    gradients: list[str]
    has_loss: bool
    steps: tuple[int, ...]
    fixed_steps: bool

    def lengths(self, arrays: Sequence[np.ndarray | None]) -> tuple[int, ...] | None:
        """N and the numbers of steps, as the first of what is given say; None if anything does not fit.

        What is None is not looked at; nor is what nothing is read of.
        """
        found = {0: 0, **(dict(enumerate(self.steps, 2)) if self.fixed_steps else {})}
        for x, (_, sizes) in zip(arrays, self.given, strict=False):
            if x is None or sizes is None:
                continue
            if type(x) is not np.ndarray or x.dtype != np.dtype(self.dtype):  # of another order of bytes too
                return None
            if not (x.flags.c_contiguous and x.flags.aligned) or x.ndim != len(sizes):
                return None
            for (which, factor, more), n in zip(sizes, x.shape):
                if which and (factor, more) == (1, 0):
                    found.setdefault(which, n)
                if which not in found or n != factor * found[which] + more:
                    return None
        T = tuple(found.get(which, n) for which, n in enumerate(self.steps, 2))
        fits = self.steps == T if self.fixed_steps else min(T) >= 3
        return (found.get(1, 1), *T) if fits and found.get(1, 1) > 0 else None

    @property
    def text(self) -> str:
        """All of it, to be read: one file that needs no other."""
        return f"{self.own}\n{file('samples.h')}"

    @property
    def own(self) -> str:
        """What is this network's alone."""
        return kernels(self.dtype) + self.block

    @property
    def place(self) -> ctypes.c_void_p:
        """Where the compiled network is, as the functions of `shared` take it."""
        return ctypes.c_void_p(ctypes.addressof(ctypes.c_char.in_dll(loaded(self.own, "network"), "network")))


@functools.cache
def file(name: str) -> str:
    """A file of C of this package."""
    return importlib.resources.files(__package__).joinpath(name).read_text()


def kernels(dtype: str) -> str:
    """The functions of numbers, and the products of matrices, in this dtype."""
    head = "typedef double real;\n#define DOUBLE\n" if dtype == "float64" else "typedef float real;\n"
    return head + file("kernels.h")


def shared(dtype: str) -> ctypes.CDLL:
    """What is the same for all networks, compiled once: `memory`, `compute` and `train` of a network."""
    text = kernels(dtype) + file("samples.h") + file("train.h")
    made = loaded(text, "train", ("-O1",))  # which is compiled in two thirds of the time, and takes little when it runs
    made.memory.restype = made.train.restype = ctypes.c_long
    return made


# ------------------------------------------------------------------------------------------------- training

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
    lengths, steps = native.lengths(arrays), epochs * -(-samples // batch)
    of_samples = all(sizes and sizes[0] == (1, 1, 0) for _, sizes in native.given[: len(arrays)])
    if len(arrays) != len(native.data) + len(native.targets) or lengths is None or not of_samples:
        raise ValueError("the data do not fit")
    T = lengths[1:]
    shapes = dict(native.given[len(arrays) : len(arrays) + len(native.parameters)])
    ends = [places[name] + int(np.prod([more for _, _, more in shapes[name] or ()])) for name in native.parameters]
    vectors = (weights, slots)
    if any(v.dtype != dtype or not v.flags.c_contiguous for v in vectors) or max(ends, default=0) > weights.size:
        raise ValueError("the weights do not fit")
    if slots.shape != (2, weights.size) or rates.shape != (steps,) or free > weights.size:
        raise ValueError("the state of the optimizer does not fit")
    if order is not None and (order.shape != (epochs, samples) or order.min() < 0 or order.max() >= samples):
        raise ValueError("the order of the samples does not fit")
    made, network = shared(native.dtype), native.place
    rows = [array.size // samples for array in arrays]
    sizes_of_batch = (ctypes.c_long * (1 + len(T)))(min(batch, samples), *T)
    entries = made.memory(network, sizes_of_batch) // dtype.itemsize + 64
    entries += 2 * (weights.size + 16) + sum(batch * r + 16 for r in rows)
    room = np.empty(entries + 64, dtype)
    start = room.ctypes.data + -room.ctypes.data % 64
    numbers = [
        samples,
        batch,
        epochs,
        len(T),
        len(arrays),
        len(native.parameters),
        len(native.constants),
        native.outputs,
        free,
    ]
    numbers += [weights.size, RULES[rule.name], int(rule.nesterov), *T]
    losses = np.zeros(epochs)
    settings = np.array([*rule.settings, 0.0, 0.0, 0.0][:3])
    kept = [np.ascontiguousarray(rates, float), None if order is None else np.ascontiguousarray(order, np.int64)]
    done = made.train(
        network,
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
