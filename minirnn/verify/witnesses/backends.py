"""Derivatives by whichever backend Keras runs on: the same question, one adapter each."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

Tensors = list[Any]
Loss = Callable[[Tensors], Any]


def _tensorflow(loss: Loss, arrays: list[np.ndarray]) -> list[np.ndarray]:
    import tensorflow as tf

    tensors = [tf.constant(a) for a in arrays]
    with tf.GradientTape() as tape:
        tape.watch(tensors)
        value = loss(tensors)
    found = tape.gradient(value, tensors, unconnected_gradients=tf.UnconnectedGradients.ZERO)
    return [tf.convert_to_tensor(g).numpy() for g in found]


def _jax(loss: Loss, arrays: list[np.ndarray]) -> list[np.ndarray]:
    import jax

    return [np.asarray(g) for g in jax.grad(loss)([jax.numpy.asarray(a) for a in arrays])]


def _torch(loss: Loss, arrays: list[np.ndarray]) -> list[np.ndarray]:
    import torch

    tensors = [torch.tensor(a, requires_grad=True) for a in arrays]
    found = torch.autograd.grad(loss(tensors), tensors, allow_unused=True)
    return [np.zeros(a.shape, a.dtype) if g is None else g.detach().cpu().numpy() for g, a in zip(found, arrays)]


ADAPTERS: dict[str, tuple[str, Callable[[Loss, list[np.ndarray]], list[np.ndarray]]]] = {
    "tensorflow": ("tf.GradientTape", _tensorflow),
    "jax": ("jax.grad", _jax),
    "torch": ("torch.autograd", _torch),
}


def gradients(backend: str, loss: Loss, arrays: list[np.ndarray]) -> list[np.ndarray]:
    """The derivative of ``loss(tensors)``, a number, by each of the arrays it is given as tensors of that backend."""
    return ADAPTERS[backend][1](loss, arrays)


def cannot_compute(backend: str, dtype: str) -> str | None:
    """Why the backend cannot compute in `dtype`, or None: JAX makes float32 of float64 unless it is told not to."""
    if backend != "jax" or dtype != "float64":
        return None
    import jax

    config: Any = jax.config
    return None if config.jax_enable_x64 else "JAX computes in float32 unless it is started with JAX_ENABLE_X64=1"
