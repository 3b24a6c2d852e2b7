"""Keras' activation functions, by Keras' names, each as its formula in the operations of `minirnn.ops`.

Formulas and constants are those of the Keras 3 documentation. A function of your own, made of the same operations, may
stand wherever a name may: ``SimpleRNN(5, activation=lambda z: z * ops.sigmoid(z))``.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from . import system
from .engine import ops
from .engine.graph import Node, Primitive, users_names
from .engine.ops import (
    absolute,
    clip,
    divide,
    erf,
    exp,
    inside,
    ones,
    positive,
    shares,
    sigmoid,
    softplus,
    split,
    spreadcols,
    sqrt,
    square,
    sumcols,
    tanh,
)
from .registry import Registry
from .system import Followed, plain, suggest_names

Activation = Callable[[Node], Node]

SLOPE, ROOT = float(np.float32(0.2)), float(np.float32(math.sqrt(0.5)))  # TensorFlow keeps them in single precision
SELU_ALPHA, SELU_SCALE = 1.6732632423543772, 1.0507009873554805  # Klambauer et al., 2017


def linear(x: Node) -> Node:
    return x


def exponential(x: Node) -> Node:
    return exp(x)


def below(x: Node) -> Node:
    """exp(x) - 1 where x is negative, else 0."""
    return exp(-relu(-x)) - 1


def relu(x: Node, negative_slope: float = 0.0, max_value: float | None = None, threshold: float = 0.0) -> Node:
    """max(x, 0), cut at `max_value`; below `threshold` it is negative_slope (x - threshold)."""
    above = ops.relu(x) if not threshold else x * positive(x - threshold)
    above = above if max_value is None else clip(above, low=0, high=max_value)
    return above - negative_slope * ops.relu(threshold - x) if negative_slope else above


def relu6(x: Node) -> Node:
    return clip(x, low=0, high=6)


def leaky_relu(x: Node, negative_slope: float = SLOPE) -> Node:
    return relu(x) - negative_slope * relu(-x)


def elu(x: Node, alpha: float = 1) -> Node:
    return relu(x) + (below(x) if alpha == 1 else alpha * below(x))


def celu(x: Node, alpha: float = 1) -> Node:
    return elu(x) if alpha == 1 else relu(x) + alpha * below(x / alpha)


def selu(x: Node) -> Node:
    return SELU_SCALE * (relu(x) + SELU_ALPHA * below(x))


def gelu(x: Node, approximate: bool = False) -> Node:
    if approximate:  # Hendrycks and Gimpel, 2016
        return 0.5 * x * (1 + tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x * square(x))))
    return 0.5 * x * (1 + erf(ROOT * x))


def silu(x: Node) -> Node:
    return x * sigmoid(x)


def softsign(x: Node) -> Node:
    return x / (1 + absolute(x))


def hard_sigmoid(x: Node) -> Node:
    return clip(x / 6 + 0.5, low=0, high=1)


def hard_silu(x: Node) -> Node:
    return x * hard_sigmoid(x)


def hard_tanh(x: Node) -> Node:
    return clip(x, low=-1, high=1)


def tanh_shrink(x: Node) -> Node:
    return x - tanh(x)


def soft_shrink(x: Node, threshold: float = 0.5) -> Node:
    return relu(x - threshold) - relu(-x - threshold)


def hard_shrink(x: Node, threshold: float = 0.5) -> Node:
    return x * (1 - inside(x, low=-threshold, high=threshold))


def threshold(x: Node, threshold: float, default_value: float) -> Node:
    """x where it is above `threshold`, else `default_value`."""
    above = positive(x - threshold)
    return x * above + default_value * (1 - above)


def mish(x: Node) -> Node:
    return x * tanh(softplus(x))


def log_sigmoid(x: Node) -> Node:
    return -softplus(-x)


def log_softmax(x: Node) -> Node:
    return ops.log_softmax(x, ops.softmax(x))


def squareplus(x: Node, b: float = 4) -> Node:
    return (x + sqrt(square(x) + b)) / 2


def sparse_plus(x: Node) -> Node:
    return square(clip(x, low=-1, high=1) + 1) / 4 + relu(x - 1)


def sparse_sigmoid(x: Node) -> Node:
    return clip(x + 1, low=0, high=2) / 2


def glu(x: Node) -> Node:
    """The left half of the features, gated by the right half: half as many come out."""
    if x.shape[-1] % 2:
        raise ValueError(f"glu halves the number of features, and {x.shape[-1]} is odd")
    left, right = split(x, 2)
    return left * sigmoid(right)


def sparsemax(x: Node) -> Node:
    """relu(x - τ), with τ as Keras computes it: the mean of the cumulative sums of the k largest entries, less 1 / k.

    The rows do not sum to 1, as those of the sparsemax of Martins and Astudillo (2016) do.
    """
    parts = shares(x)  # Σ (k - rank + 1) x, over k, is the mean of the cumulative sums; their own sum is (k + 1) / 2
    total = 2 * sumcols(parts) - 1
    return relu(x - spreadcols(sumcols(parts * x) - divide(ones(total), total), x))


_further = (
    linear, exponential, relu6, leaky_relu, elu, selu, gelu, silu, softplus, softsign, hard_sigmoid, hard_silu, hard_tanh,
    tanh_shrink, soft_shrink, hard_shrink, mish, log_sigmoid, log_softmax, squareplus, sparse_plus, sparse_sigmoid, celu,
    sparsemax, glu,
)  # fmt: skip
KNOWN = Registry(
    "activation",
    ops.activations | {getattr(f, "__name__", getattr(f, "name", "")): f for f in _further},
    {"swish": silu, "hard_swish": hard_silu},
)
NO_ACTIVATION = {
    "threshold": "it takes a threshold and a value, which a name does not give, in Keras as here: "
    "give a function, lambda z: activations.threshold(z, 0.5, 0)",
}


def get(activation: Any) -> Activation:
    """The activation of that name; None is linear; a function of a node is taken as it is."""
    if activation is None:
        return linear
    if isinstance(activation, str) and activation in NO_ACTIVATION:
        raise NotImplementedError(f"activation {activation!r} cannot be used by name: {NO_ACTIVATION[activation]}")
    found = KNOWN.get(activation)
    if found is relu:
        return ops.relu
    found = getattr(found, "as_activation", found)  # of a layer, LeakyReLU(0.2)
    if callable(found):
        return found
    raise TypeError(f"activation={plain(repr(activation))}: give a name, or a function made of minirnn's operations")


def halved(activation: Activation, features: int, whose: str) -> int:
    """How many features come out of so many: half of them after glu."""
    if activation is glu and features % 2:
        raise ValueError(f"{whose}: glu halves the number of features, and {features} is odd")
    return features // 2 if activation is glu else features


def applied(activation: Activation, z: Node, layer: Any) -> Node:
    """activation(z), which must be a node of the shape of z; `layer` is named in the sentence that says otherwise."""
    y = activation(z) if isinstance(activation, Primitive) else _of_a_function(activation, z, layer)
    if y.shape != z.shape and activation is not glu:
        raise ValueError(f"the activation of {layer.label} makes shape {y.shape} of {z.shape}; it must keep the shape")
    return y


def _of_a_function(activation: Activation, z: Node, layer: Any) -> Node:
    """What a function makes of a node: called on it, or followed where it is one of arrays."""
    try:
        with users_names():
            y: Any = activation(z)
    except Exception:  # of NumPy's functions, or of another library's, which know no nodes
        if name_of(activation) is not None:
            raise
        y = None
    if isinstance(y, Node):
        return y
    try:
        return system.follow(activation, (z,), layer.__dict__.setdefault("followed", Followed()))[0]
    except TypeError as error:
        raise TypeError(f"the activation of {layer.label} cannot be followed: {error}") from error


def name_of(activation: Any) -> str | None:
    """The name in Keras of what was given as activation; None for a function of the user's own."""
    if activation is None or isinstance(activation, str):
        return activation or "linear"
    return next((name for name, f in KNOWN.names.items() if f is activation), None)


suggest_names(globals(), called=KNOWN.called, otherwise="give a function, in NumPy or minirnn.ops")
