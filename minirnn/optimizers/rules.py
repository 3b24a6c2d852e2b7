"""The optimizers, with Keras' names, defaults and formulas. A class declares its formula once, as a function of NumPy.

eta is the learning rate and t the number of the step, from 1. Where Keras differs from the paper, the formula is Keras'.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from .optimizer import Each, Optimizer, State, of_sum, single

Arrays = tuple[np.ndarray, ...]
Array = np.ndarray


@dataclass(eq=False)
class SGD(Optimizer):
    """A step against the gradient; with `momentum` each step goes on with a part of the one before.

    Sutskever et al., On the importance of initialization and momentum in deep learning, 2013.

    >>> weights, _ = SGD(0.1).step(np.array([1.0, 2.0]), np.array([1.0, -1.0]), [slice(0, 2)])
    >>> weights
    array([0.9, 2.1])
    """

    momentum: float = 0.0
    nesterov: bool = False

    slots = ("v",)
    single = ("momentum",)

    def kept_together(self) -> list[tuple[str, ...]]:
        return [self.slots] if self.momentum else []

    @staticmethod
    def formula(w: Array, g: Array, v: Array, eta: float, t: int, momentum: float, nesterov: bool, **_: Any) -> Arrays:
        if not momentum:
            w_new = w - eta * g
            return w_new, v
        v_new = momentum * v - eta * g
        w_new = w + momentum * v_new - eta * g if nesterov else w + v_new
        return w_new, v_new


@dataclass(eq=False)
class Adam(Optimizer):
    """Steps along the running mean m of the gradient, divided by the root of the running mean v of its square.

    Kingma and Ba, Adam: A Method for Stochastic Optimization, 2015, in the form before section 2.1, where epsilon is not
    corrected for bias: so does Keras, other libraries do not. `amsgrad` keeps the largest v (Reddi et al., 2018).
    """

    learning_rate: Any = 0.001
    beta_1: float = 0.9
    beta_2: float = 0.999
    epsilon: float = 1e-7
    amsgrad: bool = False

    slots = ("m", "v", "v_max")

    def kept_together(self) -> list[tuple[str, ...]]:
        return [("m", "v"), ("v_max",)] if self.amsgrad else [("m", "v")]

    @property
    def settings(self) -> dict[str, Any]:
        return super().settings | to_the_step(self.state.iterations + 1, beta_1=self.beta_1, beta_2=self.beta_2)

    @staticmethod
    def formula(
        w: Array, g: Array, m: Array, v: Array, v_max: Array,
        eta: float, beta_1: float, beta_2: float, beta_1_t: float, beta_2_t: float, epsilon: float, amsgrad: bool,
        each: Each = of_sum, **_: Any,
    ) -> Arrays:  # fmt: skip
        alpha = eta * (1 - beta_2_t) ** 0.5 / (1 - beta_1_t)
        m_new = m + (1 - beta_1) * (g - m)
        v_new = v + (1 - beta_2) * (each(np.square, g) - v)
        if amsgrad:
            v_max_new = np.maximum(v_max, v_new)
            w_new = w - alpha * m_new / (np.sqrt(v_max_new) + epsilon)
            return w_new, m_new, v_new, v_max_new
        w_new = w - alpha * m_new / (np.sqrt(v_new) + epsilon)
        return w_new, m_new, v_new, v_max


def to_the_step(t: int, **betas: float) -> dict[str, float]:
    """β₁ᵗ and β₂ᵗ, by which the running means are corrected, since they begin at 0; as Keras on TensorFlow has them."""
    return {f"{name}_t": single(beta) ** t for name, beta in betas.items()}


@dataclass(eq=False)
class AdamW(Adam):
    """Adam, with weights that decay by themselves (Loshchilov and Hutter, 2019)."""

    weight_decay: float | None = 0.004


@dataclass(eq=False)
class RMSprop(Optimizer):
    """Steps along the gradient, divided by the root of the running mean v of its square (Hinton, 2012).

    `centered` takes the square of the running mean of the gradient off, `momentum` goes on with a part of the step before.
    """

    learning_rate: Any = 0.001
    rho: float = 0.9
    momentum: float = 0.0
    epsilon: float = 1e-7
    centered: bool = False

    slots = ("v", "m", "u")

    def kept_together(self) -> list[tuple[str, ...]]:
        return [("v",), *[("u",)] * bool(self.momentum), *[("m",)] * self.centered]

    @staticmethod
    def formula(
        w: Array, g: Array, v: Array, m: Array, u: Array,
        eta: float, rho: float, momentum: float, epsilon: float, centered: bool, each: Each = of_sum, **_: Any,
    ) -> Arrays:  # fmt: skip
        v_new = rho * v + (1 - rho) * each(np.square, g)
        m_new, u_new = m, u
        if centered:
            m_new = rho * m + (1 - rho) * g
            step = eta * g / np.sqrt(v_new - m_new**2 + epsilon)
        else:
            step = eta * g / np.sqrt(v_new + epsilon)
        if momentum:
            u_new = momentum * u + step
            step = u_new
        w_new = w - step
        return w_new, v_new, m_new, u_new


@dataclass(eq=False)
class Adagrad(Optimizer):
    """Steps along the gradient, divided by the root of the sum a of all its squares (Duchi et al., 2011)."""

    learning_rate: Any = 0.001
    initial_accumulator_value: float = 0.1
    epsilon: float = 1e-7

    slots = ("a",)

    def first(self, name: str, weights: np.ndarray) -> np.ndarray:
        return np.full_like(weights, np.float32(self.initial_accumulator_value))  # as Keras draws a constant

    @staticmethod
    def formula(w: Array, g: Array, a: Array, eta: float, epsilon: float, each: Each = of_sum, **_: Any) -> Arrays:
        a_new = a + each(np.square, g)
        w_new = w - eta * g / np.sqrt(a_new + epsilon)
        return w_new, a_new


@dataclass(eq=False)
class Adadelta(Optimizer):
    """Steps as large as the root of the running mean d of the squares of the steps before (Zeiler, 2012)."""

    learning_rate: Any = 0.001
    rho: float = 0.95
    epsilon: float = 1e-7

    slots = ("v", "d")

    @staticmethod
    def formula(
        w: Array, g: Array, v: Array, d: Array, eta: float, rho: float, epsilon: float, each: Each = of_sum, **_: Any
    ) -> Arrays:
        v_new = rho * v + (1 - rho) * each(np.square, g)
        r = np.sqrt(d + epsilon) / np.sqrt(v_new + epsilon)
        d_new = rho * d + (1 - rho) * r**2 * each(np.square, g)
        w_new = w - eta * r * g
        return w_new, v_new, d_new


@dataclass(eq=False)
class Adamax(Optimizer):
    """Adam with the largest absolute gradient u in place of the root of v (Kingma and Ba, 2015, section 7.1)."""

    learning_rate: Any = 0.001
    beta_1: float = 0.9
    beta_2: float = 0.999
    epsilon: float = 1e-7

    slots = ("m", "u")

    @property
    def settings(self) -> dict[str, Any]:
        return super().settings | to_the_step(self.state.iterations + 1, beta_1=self.beta_1)

    @staticmethod
    def formula(
        w: Array, g: Array, m: Array, u: Array,
        eta: float, beta_1: float, beta_2: float, beta_1_t: float, epsilon: float, each: Each = of_sum, **_: Any,
    ) -> Arrays:  # fmt: skip
        alpha = eta / (1 - beta_1_t)
        m_new = m + (1 - beta_1) * (g - m)
        u_new = np.maximum(beta_2 * u, each(np.abs, g))
        w_new = w - alpha * m_new / (u_new + epsilon)
        return w_new, m_new, u_new


@dataclass(eq=False)
class Nadam(Optimizer):
    """Adam with Nesterov's momentum (Dozat, 2016)."""

    learning_rate: Any = 0.001
    beta_1: float = 0.9
    beta_2: float = 0.999
    epsilon: float = 1e-7

    slots, of_all = ("m", "v", "p"), ("p",)
    single = ("beta_1", "beta_2")

    def kept_together(self) -> list[tuple[str, ...]]:
        return [("m", "v")]

    def first(self, name: str, weights: np.ndarray) -> Any:
        return 1.0 if name == "p" else np.zeros_like(weights)

    def counted(self) -> State:
        of_weights, p = self.state.slots[:-1], self.state.slots[-1:]
        return State(self.state.iterations + 1, (*of_weights, *(one * self.settings["factor"] for one in p)))

    @property
    def settings(self) -> dict[str, Any]:
        """With the share mu of the momentum at this step, that at the next, and what its product p grows by."""
        t = self.state.iterations + 1
        beta_1, beta_2, decay = map(single, (self.beta_1, self.beta_2, 0.96))
        found = {"mu": beta_1 * (1 - 0.5 * decay**t), "mu_next": beta_1 * (1 - 0.5 * decay ** (t + 1))}
        return super().settings | found | {"factor": self.beta_1 * (1 - 0.5 * 0.96**t), "correction": 1 - beta_2**t}

    @staticmethod
    def formula(
        w: Array, g: Array, m: Array, v: Array, p: float, eta: float, beta_1: float, beta_2: float, epsilon: float,
        mu: float, mu_next: float, factor: float, correction: float, each: Each = of_sum, **_: Any,
    ) -> Arrays:  # fmt: skip
        p_new = p * factor
        m_new = m + (1 - beta_1) * (g - m)
        v_new = v + (1 - beta_2) * (each(np.square, g) - v)
        m_hat = mu_next / (1 - p_new * mu_next) * m_new + (1 - mu) / (1 - p_new) * g
        w_new = w - eta * m_hat / (np.sqrt(v_new / correction) + epsilon)
        return w_new, m_new, v_new, p_new  # type: ignore[return-value]
