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


class Draws:
    """What draws the masks of dropout: called, it gives the generator of its seed; None is the shared one."""

    def __init__(self, seed: int | None) -> None:
        self.own = None if seed is None else np.random.default_rng(seed)

    def __call__(self) -> np.random.Generator:
        return self.own or _shared()


class _Drawn:
    """An initializer with a seed: the same seed draws the same weights each time, None draws others."""

    def __init__(self, seed: int | None = None) -> None:
        self.seed = seed

    def __call__(self, shape: tuple[int, ...], dtype: Any = None) -> np.ndarray:
        rng = _shared() if self.seed is None else np.random.default_rng(self.seed)
        return np.asarray(self.draw(rng, tuple(shape)), dtype or "float32")

    def draw(self, rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
        raise NotImplementedError

    def get_config(self) -> dict[str, Any]:
        """Keras' description of it."""
        return dict(vars(self))


class VarianceScaling(_Drawn):
    """Zero mean and variance scale / n, n the number of inputs, of outputs, or the mean of both (He et al., 2015)."""

    def __init__(
        self,
        scale: float = 1.0,
        mode: str = "fan_in",
        distribution: str = "truncated_normal",
        seed: int | None = None,
    ) -> None:
        super().__init__(seed)
        if mode not in ("fan_in", "fan_out", "fan_avg"):
            raise ValueError(f"mode={mode!r}: it must be fan_in, fan_out or fan_avg")
        if distribution not in ("truncated_normal", "untruncated_normal", "uniform"):
            raise ValueError(f"distribution={distribution!r}: it must be truncated_normal, untruncated_normal or uniform")
        self.scale, self.mode, self.distribution = scale, mode, distribution

    def draw(self, rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
        fan_in, fan_out = (shape[0], shape[-1]) if shape else (1, 1)
        fan = {"fan_in": fan_in, "fan_out": fan_out, "fan_avg": (fan_in + fan_out) / 2}[self.mode]
        variance = self.scale / max(1.0, fan)
        if self.distribution == "uniform":
            return rng.uniform(-math.sqrt(3 * variance), math.sqrt(3 * variance), shape)
        if self.distribution == "untruncated_normal":
            return rng.normal(0, math.sqrt(variance), shape)
        return _truncated(rng, 0, math.sqrt(variance) / TRUNCATED, shape)


class _Scaled(VarianceScaling):
    """Variance scaling with a name of its own."""

    settings: tuple[float, str, str]

    def __init__(self, seed: int | None = None) -> None:
        super().__init__(*self.settings, seed=seed)

    def get_config(self) -> dict[str, Any]:
        return {"seed": self.seed}


class GlorotUniform(_Scaled):
    """Uniform in ±sqrt(6 / (fan_in + fan_out)) (Glorot and Bengio, 2010)."""

    settings = (1.0, "fan_avg", "uniform")


class GlorotNormal(_Scaled):
    settings = (1.0, "fan_avg", "truncated_normal")


class HeUniform(_Scaled):
    settings = (2.0, "fan_in", "uniform")


class HeNormal(_Scaled):
    settings = (2.0, "fan_in", "truncated_normal")


class LecunUniform(_Scaled):
    settings = (1.0, "fan_in", "uniform")


class LecunNormal(_Scaled):
    settings = (1.0, "fan_in", "truncated_normal")


class Orthogonal(_Drawn):
    """A random matrix with orthonormal rows or columns (Saxe et al., 2014), times `gain`."""

    def __init__(self, gain: float = 1.0, seed: int | None = None) -> None:
        super().__init__(seed)
        self.gain = gain

    def draw(self, rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
        rows, cols = shape
        q, r = np.linalg.qr(rng.normal(size=(max(shape), min(shape))))
        q *= np.sign(np.diag(r))
        return self.gain * (q if rows >= cols else q.T)


class RandomNormal(_Drawn):
    """Normal; Keras' defaults are mean 0 and standard deviation 0.05."""

    def __init__(self, mean: float = 0.0, stddev: float = 0.05, seed: int | None = None) -> None:
        super().__init__(seed)
        self.mean, self.stddev = mean, stddev

    def draw(self, rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
        return rng.normal(self.mean, self.stddev, shape)


class TruncatedNormal(RandomNormal):
    """Normal, drawn again where it is more than two standard deviations from the mean."""

    def draw(self, rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
        return _truncated(rng, self.mean, self.stddev, shape)


class RandomUniform(_Drawn):
    """Uniform from `minval` to `maxval`."""

    def __init__(self, minval: float = -0.05, maxval: float = 0.05, seed: int | None = None) -> None:
        super().__init__(seed)
        self.minval, self.maxval = minval, maxval

    def draw(self, rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
        return rng.uniform(self.minval, self.maxval, shape)


class Constant(_Drawn):
    """One value everywhere."""

    def __init__(self, value: Any = 0.0) -> None:
        self.value = value

    seed = None

    def draw(self, rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
        return np.broadcast_to(self.value, shape)


class Zeros(Constant):
    def __init__(self) -> None:
        super().__init__(0.0)

    def get_config(self) -> dict[str, Any]:
        return {}


class Ones(Constant):
    def __init__(self) -> None:
        super().__init__(1.0)

    def get_config(self) -> dict[str, Any]:
        return {}


class Identity(_Drawn):
    """The identity matrix times `gain`."""

    seed = None

    def __init__(self, gain: float = 1.0) -> None:
        self.gain = gain

    def draw(self, rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
        rows, cols = shape
        return self.gain * np.eye(rows, cols)


TRUNCATED = 0.87962566103423978  # the standard deviation of the normal distribution cut off at two of its own


def _truncated(rng: np.random.Generator, mean: float, stddev: float, shape: tuple[int, ...]) -> np.ndarray:
    found = rng.normal(size=shape)
    while (far := np.abs(found) > 2).any():
        found[far] = rng.normal(size=int(far.sum()))
    return mean + stddev * found


CLASSES: dict[str, type[_Drawn]] = {
    kind.__name__: kind
    for kind in (
        VarianceScaling, GlorotUniform, GlorotNormal, HeUniform, HeNormal, LecunUniform, LecunNormal, Orthogonal,
        RandomNormal, TruncatedNormal, RandomUniform, Constant, Zeros, Ones, Identity,
    )
}  # fmt: skip
_by_name: dict[str, type[_Drawn]] = {
    "".join("_" * (i > 0 and c.isupper()) + c.lower() for i, c in enumerate(name)): kind for name, kind in CLASSES.items()
} | {"orthogonal": Orthogonal, "uniform": RandomUniform, "normal": RandomNormal, "one": Ones, "zero": Zeros}


def get(initializer: Any) -> Initializer:
    """The initializer of that name or of Keras' description of it, or the callable itself (Keras' own objects too).

    ``initializer(shape, dtype)`` may give anything that NumPy takes for an array.
    """
    if isinstance(initializer, str) and (initializer in _by_name or initializer in CLASSES):
        return (_by_name | CLASSES)[initializer]()
    if isinstance(initializer, dict) and initializer.get("class_name") in CLASSES:
        return CLASSES[initializer["class_name"]](**initializer.get("config", {}))
    if isinstance(initializer, type) and issubclass(initializer, _Drawn):
        return initializer()
    if callable(initializer):
        return initializer
    raise ValueError(f"unknown initializer {initializer!r}: give a callable (shape, dtype) or one of {', '.join(_by_name)}")
