"""The weights of ``torch.nn.RNN``: two biases where Keras has one, and every matrix transposed. PyTorch is not needed.

PyTorch computes h_t = f(W_ih x_t + b_ih + W_hh h_{t-1} + b_hh) with W_ih (units, D): so W_x = W_ihᵀ, W_h = W_hhᵀ and
b_h = b_ih + b_hh (documentation of ``torch.nn.RNN``). Layer k of several is ``weight_ih_l{k}``; the backward direction ends
in ``_reverse``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from .. import activations
from ..layers import Bidirectional, Input, SimpleRNN
from ..layers.nodes import common_dtype
from ..models import Model

NONLINEARITIES = ("tanh", "relu")


def from_torch(weights: Mapping[str, Any], nonlinearity: str = "tanh", name: str = "torch_rnn") -> Model:
    """The model that computes the output sequence of ``nn.RNN(..., batch_first=True)``.

    `weights` is its ``state_dict()``, or the same names with arrays. Raises ValueError if a name or a shape does not fit.

    >>> rng = np.random.default_rng(0)
    >>> shapes = {"weight_ih_l0": (5, 3), "weight_hh_l0": (5, 5), "bias_ih_l0": (5,), "bias_hh_l0": (5,)}
    >>> from_torch({key: rng.normal(size=shape) for key, shape in shapes.items()})
    <Model 'torch_rnn': InputLayer() -> SimpleRNN(5)>
    """
    if nonlinearity not in NONLINEARITIES:
        raise ValueError(f"nonlinearity={nonlinearity!r}: nn.RNN has tanh and relu")
    rest = {key: _array(value) for key, value in weights.items()}
    if "weight_ih_l0" not in rest:
        raise ValueError("there is no weight_ih_l0: give the state_dict of an nn.RNN")
    if rest["weight_ih_l0"].ndim != 2:
        raise ValueError(f"weight_ih_l0 has shape {rest['weight_ih_l0'].shape}, not (units, features)")
    both = "weight_ih_l0_reverse" in rest
    x: Any = Input((None, rest["weight_ih_l0"].shape[1]))
    start, found = x, []
    for k in range(sum(key.startswith("weight_ih_l") and not key.endswith("_reverse") for key in rest)):
        directions = [_of_keras(rest, f"l{k}{end}", x.shape[-1]) for end in ("", "_reverse")[: 1 + both]]
        units = len(directions[0][1])
        options: dict[str, Any] = {"activation": nonlinearity, "use_bias": len(directions[0]) == 3, "return_sequences": True}
        rnn = SimpleRNN(units, dtype=common_dtype(*directions[0]), **options)
        layer = Bidirectional(rnn) if both else rnn
        x = layer(x)
        found += [(layer, [w for weights_of in directions for w in weights_of])]
    if rest:
        raise ValueError(f"these weights are not of an nn.RNN: {', '.join(map(str, rest))}")
    for layer, arrays in found:
        layer.set_weights(arrays)
    return Model(start, x, name=name)


def _array(value: Any) -> np.ndarray:
    return np.asarray(value.detach().cpu() if hasattr(value, "detach") else value)


def _of_keras(rest: dict[str, np.ndarray], end: str, features: int) -> list[np.ndarray]:
    """Kernel, recurrent kernel and bias of one direction of one layer; they are taken out of `rest`."""
    try:
        W_x, W_h = rest.pop(f"weight_ih_{end}").T, rest.pop(f"weight_hh_{end}").T
    except KeyError as error:
        raise ValueError(f"there is no {error.args[0]}") from error
    if W_h.shape != W_x.shape[-1:] * 2 or W_x.shape != (features, len(W_h)):
        raise ValueError(f"weight_ih_{end} and weight_hh_{end} have shapes {W_x.T.shape} and {W_h.T.shape}")
    biases = [rest.pop(f"bias_{which}_{end}") for which in ("ih", "hh") if f"bias_{which}_{end}" in rest]
    if biases and (len(biases) != 2 or any(b.shape != (len(W_h),) for b in biases)):
        raise ValueError(f"bias_ih_{end} and bias_hh_{end} must both be there, of shape ({len(W_h)},)")
    return [W_x, W_h, *([biases[0] + biases[1]] if biases else [])]


def to_torch(model: Model) -> dict[str, np.ndarray]:
    """The ``state_dict`` for an ``nn.RNN`` of the recurrent layers of `model`, as arrays; its second biases are zeros.

    ``rnn.load_state_dict({k: torch.from_numpy(v) for k, v in to_torch(model).items()})``. NotImplementedError names what
    ``nn.RNN`` does not have.
    """
    found: dict[str, np.ndarray] = {}
    rows = [layer for layer in model.layers if isinstance(layer, (SimpleRNN, Bidirectional))]
    for k, layer in enumerate(rows):
        inner = list(layer.children.values()) if isinstance(layer, Bidirectional) else [layer]
        alike = {(type(row), row.output_shape((None, None, 1))[-1]) for row in rows}
        if isinstance(layer, Bidirectional) and layer.merge_mode != "concat":
            raise NotImplementedError(f"{layer.label}: nn.RNN puts its two directions side by side (merge_mode='concat')")
        if len(alike) != 1 or not rows:
            raise NotImplementedError("the layers of an nn.RNN all have the same units and directions")
        for rnn, end in zip(inner, (f"l{k}", f"l{k}_reverse")):
            if not isinstance(rnn, SimpleRNN) or activations.name_of(rnn.activation) not in NONLINEARITIES:
                raise NotImplementedError(f"{rnn.label}: nn.RNN has tanh and relu")
            if rnn.go_backwards != end.endswith("_reverse"):
                raise NotImplementedError(f"{rnn.label}: nn.RNN runs forward, or both ways")
            W_x, W_h, *bias = rnn.get_weights()
            found |= {f"weight_ih_{end}": np.ascontiguousarray(W_x.T), f"weight_hh_{end}": np.ascontiguousarray(W_h.T)}
            found |= {f"bias_ih_{end}": b for b in bias} | {f"bias_hh_{end}": np.zeros_like(b) for b in bias}
    if not found:
        raise NotImplementedError("the model has no SimpleRNN")
    return found
