"""How a layer draws its first weights, with Keras' names and distributions: ``initializer(shape, dtype)`` is an array."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np

from .checks import array_of
from .registry import Configured, Registry
from .system import suggest_names

Initializer = Callable[..., np.ndarray]


_rng: np.random.Generator | None = None  # made when first needed: importing is to be quick


def _shared() -> np.random.Generator:
    global _rng
    _rng = _rng or np.random.default_rng()
    return _rng


def set_random_seed(seed: int) -> None:
    """Make all weights drawn from now on the same in every run of the program.

    >>> set_random_seed(1); a = get("orthogonal")((2, 2))
    >>> set_random_seed(1); b = get("orthogonal")((2, 2))
    >>> bool((a == b).all())
    True
    """
    global _rng
    _rng = np.random.default_rng(seed)


class Draws:
    """What draws the masks of dropout: called, it gives the generator of its seed; None is the shared one."""

    def __init__(self, seed: int | None) -> None:
        self.own = None if seed is None else np.random.default_rng(seed)

    def __call__(self) -> np.random.Generator:
        return self.own or _shared()


@dataclass
class Drawn(Configured):
    """An initializer with a seed: the same seed draws the same weights each time, None draws others."""

    seed: int | None = field(default=None, kw_only=True)

    def __call__(self, shape: tuple[int, ...], dtype: Any = None) -> np.ndarray:
        rng = _shared() if self.seed is None else np.random.default_rng(self.seed)
        return np.asarray(self.draw(rng, tuple(shape)), dtype or "float32")

    def draw(self, rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
        raise NotImplementedError


@dataclass
class VarianceScaling(Drawn):
    """Zero mean and variance scale / n, n the number of inputs, of outputs, or the mean of both (He et al., 2015)."""

    scale: float = 1.0
    mode: str = "fan_in"
    distribution: str = "truncated_normal"

    def __post_init__(self) -> None:
        if self.mode not in ("fan_in", "fan_out", "fan_avg"):
            raise ValueError(f"mode={self.mode!r}: it must be fan_in, fan_out or fan_avg")
        if self.distribution not in ("truncated_normal", "untruncated_normal", "uniform"):
            wanted = "truncated_normal, untruncated_normal or uniform"
            raise ValueError(f"distribution={self.distribution!r}: it must be {wanted}")

    def draw(self, rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
        fan_in, fan_out = fans(shape)
        fan = {"fan_in": fan_in, "fan_out": fan_out, "fan_avg": (fan_in + fan_out) / 2}[self.mode]
        variance = self.scale / max(1.0, fan)
        if self.distribution == "uniform":
            return rng.uniform(-math.sqrt(3 * variance), math.sqrt(3 * variance), shape)
        if self.distribution == "untruncated_normal":
            return rng.normal(0, math.sqrt(variance), shape)
        return _truncated(rng, 0, math.sqrt(variance) / TRUNCATED, shape)


def fans(shape: tuple[int, ...]) -> tuple[int, int]:
    """The numbers of inputs and outputs of a kernel; those of a convolution come once for each place of its window."""
    if len(shape) < 2:
        return (shape[0], shape[0]) if shape else (1, 1)
    window = math.prod(shape[:-2])
    return shape[-2] * window, shape[-1] * window


class GlorotUniform(Drawn):
    """Uniform in ±sqrt(6 / (fan_in + fan_out)) (Glorot and Bengio, 2010)."""

    settings: ClassVar[tuple[float, str, str]] = (1.0, "fan_avg", "uniform")

    def draw(self, rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
        return VarianceScaling(*self.settings).draw(rng, shape)


class GlorotNormal(GlorotUniform):
    settings = (1.0, "fan_avg", "truncated_normal")


class HeUniform(GlorotUniform):
    settings = (2.0, "fan_in", "uniform")


class HeNormal(GlorotUniform):
    settings = (2.0, "fan_in", "truncated_normal")


class LecunUniform(GlorotUniform):
    settings = (1.0, "fan_in", "uniform")


class LecunNormal(GlorotUniform):
    settings = (1.0, "fan_in", "truncated_normal")


@dataclass
class Orthogonal(Drawn):
    """A random matrix with orthonormal rows or columns (Saxe et al., 2014), times `gain`."""

    gain: float = 1.0

    def draw(self, rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
        rows, cols = math.prod(shape[:-1]), shape[-1]
        q, r = np.linalg.qr(rng.normal(size=(max(rows, cols), min(rows, cols))))
        q *= np.sign(np.diag(r))
        return self.gain * (q if rows >= cols else q.T).reshape(shape)


@dataclass
class RandomNormal(Drawn):
    """Normal; Keras' defaults are mean 0 and standard deviation 0.05."""

    mean: float = 0.0
    stddev: float = 0.05

    def draw(self, rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
        return rng.normal(self.mean, self.stddev, shape)


class TruncatedNormal(RandomNormal):
    """Normal, drawn again where it is more than two standard deviations from the mean."""

    def draw(self, rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
        return _truncated(rng, self.mean, self.stddev, shape)


@dataclass
class RandomUniform(Drawn):
    """Uniform from `minval` to `maxval`."""

    minval: float = -0.05
    maxval: float = 0.05

    def draw(self, rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
        return rng.uniform(self.minval, self.maxval, shape)


@dataclass
class Constant(Drawn):
    """One value everywhere."""

    value: Any = 0.0
    seed: int | None = field(default=None, init=False)

    def draw(self, rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
        return np.broadcast_to(array_of(self.value, "the value of Constant"), shape)


@dataclass
class Zeros(Constant):
    value: Any = field(default=0.0, init=False)


@dataclass
class Ones(Constant):
    value: Any = field(default=1.0, init=False)


@dataclass
class Identity(Drawn):
    """The identity matrix times `gain`."""

    gain: float = 1.0
    seed: int | None = field(default=None, init=False)

    def draw(self, rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
        rows, cols = shape
        return self.gain * np.eye(rows, cols)


TRUNCATED = 0.87962566103423978  # the standard deviation of the normal distribution cut off at two of its own


def _truncated(rng: np.random.Generator, mean: float, stddev: float, shape: tuple[int, ...]) -> np.ndarray:
    found = rng.normal(size=shape)
    while (far := np.abs(found) > 2).any():
        found[far] = rng.normal(size=int(far.sum()))
    return mean + stddev * found


KNOWN = Registry(
    "initializer",
    [
        VarianceScaling, GlorotUniform, GlorotNormal, HeUniform, HeNormal, LecunUniform, LecunNormal, Orthogonal,
        RandomNormal, TruncatedNormal, RandomUniform, Constant, Zeros, Ones, Identity,
    ],
    {"uniform": RandomUniform, "normal": RandomNormal, "one": Ones, "zero": Zeros},
    translate=False,  # Keras' own draw the very weights that Keras draws
)  # fmt: skip


def get(initializer: Any) -> Initializer:
    """The initializer of that name or of Keras' description of it, or the callable itself (Keras' own objects too).

    ``initializer(shape, dtype)`` may give anything that NumPy takes for an array.
    """
    if initializer is None:
        raise ValueError(KNOWN.unknown("None"))
    return KNOWN.get_callable(initializer)


suggest_names(globals(), called=KNOWN.called, otherwise="give a function of shape and dtype")
