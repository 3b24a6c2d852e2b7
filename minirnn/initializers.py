"""How a layer draws its first weights, with Keras' names and distributions: ``initializer(shape, dtype)`` is an array."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

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


class _Drawn:
    """An initializer with a seed: the same seed draws the same weights each time, None draws others."""

    def __init__(self, seed: int | None = None) -> None:
        self.seed = seed

    def __call__(self, shape: tuple[int, ...], dtype: Any = "float32") -> np.ndarray:
        rng = _shared() if self.seed is None else np.random.default_rng(self.seed)
        return np.asarray(self.draw(rng, shape), dtype)

    def draw(self, rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
        raise NotImplementedError


class GlorotUniform(_Drawn):
    """Uniform in ±sqrt(6 / (fan_in + fan_out)) (Glorot and Bengio, 2010)."""

    def draw(self, rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
        limit = math.sqrt(6 / (shape[0] + shape[-1]))
        return rng.uniform(-limit, limit, shape)


class Orthogonal(_Drawn):
    """A random matrix with orthonormal rows or columns (Saxe et al., 2014)."""

    def draw(self, rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
        rows, cols = shape
        q, r = np.linalg.qr(rng.normal(size=(max(shape), min(shape))))
        q *= np.sign(np.diag(r))
        return q if rows >= cols else q.T


class RandomNormal(_Drawn):
    """Normal with mean 0 and standard deviation 0.05, Keras' default."""

    def draw(self, rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
        return rng.normal(0, 0.05, shape)


class Zeros(_Drawn):
    def draw(self, rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
        return np.zeros(shape)


class Ones(_Drawn):
    def draw(self, rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
        return np.ones(shape)


_by_name: dict[str, type[_Drawn]] = {
    "glorot_uniform": GlorotUniform,
    "orthogonal": Orthogonal,
    "random_normal": RandomNormal,
    "zeros": Zeros,
    "ones": Ones,
}


def get(initializer: str | Initializer) -> Initializer:
    """The initializer of that name, or the callable itself."""
    if callable(initializer):
        return initializer
    if isinstance(initializer, str) and initializer in _by_name:
        return _by_name[initializer]()
    raise ValueError(f"unknown initializer {initializer!r}: give a callable (shape, dtype) or one of {', '.join(_by_name)}")
