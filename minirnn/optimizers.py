"""Optimizers, with Keras' names, defaults and formulas. All weights are one flat vector; `parts` are the weights in it."""

from __future__ import annotations

from typing import Any

import numpy as np


class Optimizer:
    """Turns weights and their gradient into new weights.

    - `learning_rate`: the size of a step
    - `clipnorm`: the gradient of each weight is shortened to this norm at most
    - `clipvalue`: every entry is kept within plus and minus this value
    - `global_clipnorm`: the gradient of all weights together is shortened to this norm at most
    """

    def __init__(
        self,
        learning_rate: float,
        clipnorm: float | None = None,
        clipvalue: float | None = None,
        global_clipnorm: float | None = None,
    ) -> None:
        given = {"clipnorm": clipnorm, "clipvalue": clipvalue, "global_clipnorm": global_clipnorm}
        for name, value in {"learning_rate": learning_rate, **given}.items():
            if value is not None and not (isinstance(value, (int, float, np.floating)) and 0 <= value < np.inf):
                raise ValueError(f"{type(self).__name__}({name}={value!r}): it must be a number, 0 or more")
        if sum(value is not None for value in given.values()) > 1:
            raise ValueError(f"{type(self).__name__}: only one of {', '.join(given)} can be given")
        self.learning_rate, self.clipnorm, self.clipvalue = learning_rate, clipnorm, clipvalue
        self.global_clipnorm, self.iterations = global_clipnorm, 0

    def step(self, weights: np.ndarray, gradient: np.ndarray, parts: list[slice], out: np.ndarray) -> None:
        """Put the next weights into `out`; `gradient` may be changed."""
        if self.clipvalue is not None:
            np.clip(gradient, -self.clipvalue, self.clipvalue, out=gradient)
        limit = self.clipnorm if self.global_clipnorm is None else self.global_clipnorm
        if limit is not None:
            for part in parts if self.global_clipnorm is None else [slice(None)]:
                norm = np.linalg.norm(gradient[part])
                if norm > limit:
                    gradient[part] *= limit / norm
        if self.iterations == 0:
            self._begin(weights)
        self.iterations += 1
        self._step(weights, gradient, out)

    def _begin(self, weights: np.ndarray) -> None:
        """Set up what is remembered from step to step."""

    def _step(self, weights: np.ndarray, gradient: np.ndarray, out: np.ndarray) -> None:
        raise NotImplementedError


class SGD(Optimizer):
    """w - learning_rate g; with momentum, v = momentum v - learning_rate g and w + v, or w + momentum v - learning_rate g.

    Sutskever et al., On the importance of initialization and momentum in deep learning, 2013.

    >>> weights, new = np.array([1.0, 2.0]), np.empty(2)
    >>> SGD(0.1).step(weights, np.array([1.0, -1.0]), [slice(0, 2)], new)
    >>> new
    array([0.9, 2.1])
    """

    def __init__(self, learning_rate: float = 0.01, momentum: float = 0.0, nesterov: bool = False, **clipping: Any) -> None:
        super().__init__(learning_rate, **clipping)
        if not 0 <= momentum <= 1:
            raise ValueError(f"SGD(momentum={momentum!r}): it must be between 0 and 1")
        self.momentum, self.nesterov = momentum, nesterov

    def _begin(self, weights: np.ndarray) -> None:
        self._velocity = np.zeros_like(weights)

    def _step(self, weights: np.ndarray, gradient: np.ndarray, out: np.ndarray) -> None:
        gradient *= -self.learning_rate
        if not self.momentum:
            np.add(weights, gradient, out)
            return
        momentum = _single(self.momentum)
        self._velocity *= momentum
        self._velocity += gradient
        if self.nesterov:
            np.multiply(self._velocity, momentum, out)
            out += gradient
            out += weights
        else:
            np.add(weights, self._velocity, out)


class Adam(Optimizer):
    """m and v, the running means of g and g²; w - α m / (sqrt(v) + epsilon), α = learning_rate sqrt(1 - β₂ᵗ) / (1 - β₁ᵗ).

    Kingma and Ba, Adam: A Method for Stochastic Optimization, 2015, in the form before section 2.1, where epsilon is not
    corrected for bias: so does Keras, other libraries do not.
    """

    def __init__(
        self,
        learning_rate: float = 0.001,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-7,
        **clipping: Any,
    ) -> None:
        super().__init__(learning_rate, **clipping)
        for name, value in {"beta_1": beta_1, "beta_2": beta_2}.items():
            if not 0 <= value < 1:
                raise ValueError(f"Adam({name}={value!r}): it must be at least 0 and less than 1")
        self.beta_1, self.beta_2, self.epsilon = beta_1, beta_2, epsilon

    def _begin(self, weights: np.ndarray) -> None:
        self._mean, self._square = np.zeros_like(weights), np.zeros_like(weights)

    def _step(self, weights: np.ndarray, gradient: np.ndarray, out: np.ndarray) -> None:
        t, mean, square = self.iterations, self._mean, self._square
        alpha = self.learning_rate * (1 - _single(self.beta_2) ** t) ** 0.5 / (1 - _single(self.beta_1) ** t)
        np.subtract(gradient, mean, out)
        out *= 1 - self.beta_1
        mean += out
        gradient *= gradient
        gradient -= square
        gradient *= 1 - self.beta_2
        square += gradient
        np.sqrt(square, out)
        out += self.epsilon
        np.divide(mean, out, out)
        out *= -alpha
        out += weights


def _single(number: float) -> float:
    """The number as float32 holds it: Keras on TensorFlow takes these settings through float32, in float64 training too."""
    return float(np.float32(number))


_by_name = {"sgd": SGD, "adam": Adam}


def get(optimizer: Any) -> Optimizer:
    """The optimizer, or a new one of that name."""
    if isinstance(optimizer, Optimizer):
        return optimizer
    if isinstance(optimizer, str) and optimizer.lower() in _by_name:
        return _by_name[optimizer.lower()]()
    raise ValueError(f"unknown optimizer {str(optimizer)[:40]!r}; minirnn has {', '.join(_by_name)}")
