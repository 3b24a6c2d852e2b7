"""The weights of ``torch.nn.RNN``, ``nn.LSTM`` and ``nn.GRU``: two biases, every matrix transposed. PyTorch is not needed.

PyTorch computes a = W_ih x_t + b_ih + W_hh h_{t-1} + b_hh with W_ih (G units, D), of G gates below each other: so
W_x = W_ihᵀ, W_h = W_hhᵀ and b_h = b_ih + b_hh; the GRU of Keras has both biases too (documentation of ``torch.nn``).
Layer k of several is ``weight_ih_l{k}``; the backward direction ends in ``_reverse``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from .. import activations
from ..layers import GRU, Bidirectional, Input, SimpleRNN
from ..layers.nodes import common_dtype
from ..layers.recurrent.simple_rnn import CellLayer
from ..network import MODELS, Network
from .gates import TORCH, Kind

NONLINEARITIES = ("tanh", "relu")


def from_torch(weights: Mapping[str, Any], nonlinearity: str = "tanh", name: str = "torch_rnn") -> Any:
    """The model that computes the output sequence of ``nn.RNN(..., batch_first=True)``, of an ``nn.LSTM`` or an ``nn.GRU``.

    `weights` is its ``state_dict()``, or the same names with arrays; the number of gates in them says which it is.
    `nonlinearity` is that of an ``nn.RNN``. Raises ValueError if a name or a shape does not fit.

    >>> rng = np.random.default_rng(0)
    >>> shapes = {"weight_ih_l0": (20, 3), "weight_hh_l0": (20, 5), "bias_ih_l0": (20,), "bias_hh_l0": (20,)}
    >>> from_torch({key: rng.normal(size=shape) for key, shape in shapes.items()})
    <Model 'torch_rnn': InputLayer() -> LSTM(5)>
    """
    if nonlinearity not in NONLINEARITIES:
        raise ValueError(f"nonlinearity={nonlinearity!r}: nn.RNN has tanh and relu")
    rest = {key: _array(value) for key, value in weights.items()}
    if "weight_ih_l0" not in rest:
        raise ValueError("there is no weight_ih_l0: give the state_dict of an nn.RNN, nn.LSTM or nn.GRU")
    if rest["weight_ih_l0"].ndim != 2:
        raise ValueError(f"weight_ih_l0 has shape {rest['weight_ih_l0'].shape}, not (units, features)")
    kind = _kind(rest)
    if kind.gates > 1 and nonlinearity != "tanh":
        raise ValueError(f"nonlinearity={nonlinearity!r}: these weights are of an {kind.name}, which has none to choose")
    both = "weight_ih_l0_reverse" in rest
    x: Any = Input((None, rest["weight_ih_l0"].shape[1]))
    start, found = x, []
    for k in range(sum(key.startswith("weight_ih_l") and not key.endswith("_reverse") for key in rest)):
        directions = [_of_keras(rest, f"l{k}{end}", x.shape[-1], kind) for end in ("", "_reverse")[: 1 + both]]
        options: dict[str, Any] = {"activation": nonlinearity, "use_bias": len(directions[0]) == 3, "return_sequences": True}
        rnn = kind.layer(len(directions[0][1]), dtype=common_dtype(*directions[0]), **options)
        layer = Bidirectional(rnn) if both else rnn
        x = layer(x)
        found += [(layer, [w for weights_of in directions for w in weights_of])]
    if rest:
        raise ValueError(f"these weights are not of an {kind.name}: {', '.join(map(str, rest))}")
    for layer, arrays in found:
        layer.set_weights(arrays)
    return MODELS["Model"](start, x, name=name)


def _array(value: Any) -> np.ndarray:
    return np.asarray(value.detach().cpu() if hasattr(value, "detach") else value)


def _kind(weights: Mapping[str, np.ndarray]) -> Kind:
    """Which layer these weights are of, by the shape of the recurrent one."""
    shape = weights["weight_hh_l0"].shape if "weight_hh_l0" in weights else ()
    known = {kind.gates: kind for kind in TORCH}
    return known.get(shape[0] // shape[1] if len(shape) == 2 and shape[1] else 1, TORCH[0])


def _of_keras(rest: dict[str, np.ndarray], end: str, features: int, kind: Kind) -> list[np.ndarray]:
    """Kernel, recurrent kernel and bias of one direction of one layer; they are taken out of `rest`."""
    try:
        W_x, W_h = rest.pop(f"weight_ih_{end}").T, rest.pop(f"weight_hh_{end}").T
    except KeyError as error:
        raise ValueError(f"there is no {error.args[0]}") from error
    width = kind.gates * len(W_h)
    if W_h.shape != (len(W_h), width) or W_x.shape != (features, width):
        raise ValueError(f"weight_ih_{end} and weight_hh_{end} have shapes {W_x.T.shape} and {W_h.T.shape}")
    biases = [rest.pop(f"bias_{which}_{end}") for which in ("ih", "hh") if f"bias_{which}_{end}" in rest]
    if biases and (len(biases) != 2 or any(b.shape != (width,) for b in biases)):
        raise ValueError(f"bias_ih_{end} and bias_hh_{end} must both be there, of shape ({width},)")
    bias = [np.stack(biases) if kind.layer is GRU else biases[0] + biases[1]] if biases else []
    return [kind.to_keras(w) for w in (W_x, W_h, *bias)]


def to_torch(model: Network) -> dict[str, np.ndarray]:
    """The ``state_dict`` of an ``nn.RNN``, ``nn.LSTM`` or ``nn.GRU`` of the recurrent layers of `model`, as arrays.

    Where Keras has one bias, the second is zeros.
    ``rnn.load_state_dict({k: torch.from_numpy(v) for k, v in to_torch(model).items()})``. NotImplementedError names what
    PyTorch does not have.
    """
    found: dict[str, np.ndarray] = {}
    rows = [layer for layer in model.flat_layers if isinstance(layer, (CellLayer, Bidirectional))]
    for k, layer in enumerate(rows):
        inner: list[Any] = list(layer.children.values()) if isinstance(layer, Bidirectional) else [layer]
        alike = {(type(row), *map(type, row.children.values()), row.output_shape((None, None, 1))[-1]) for row in rows}
        if isinstance(layer, Bidirectional) and layer.merge_mode != "concat":
            raise NotImplementedError(f"{layer.label}: PyTorch puts its two directions side by side (merge_mode='concat')")
        if len(alike) != 1 or not rows:
            raise NotImplementedError("the layers of an nn.RNN all have the same units and directions")
        for rnn, end in zip(inner, (f"l{k}", f"l{k}_reverse")):
            kind = _demand_known(rnn)
            if rnn.go_backwards != end.endswith("_reverse"):
                raise NotImplementedError(f"{rnn.label}: {kind.name} runs forward, or both ways")
            W_x, W_h, *bias = map(kind.from_keras, rnn.get_weights())
            found |= {f"weight_ih_{end}": np.ascontiguousarray(W_x.T), f"weight_hh_{end}": np.ascontiguousarray(W_h.T)}
            for b in bias:
                first, second = b if b.ndim == 2 else (b, np.zeros_like(b))
                found |= {f"bias_ih_{end}": first, f"bias_hh_{end}": second}
    if not found:
        raise NotImplementedError("the model has no SimpleRNN, LSTM or GRU")
    return found


def _demand_known(rnn: Any) -> Kind:
    """The kind of layer that PyTorch has for it."""
    kind = next((kind for kind in TORCH if kind.layer is type(rnn)), None)
    if kind is None:
        raise NotImplementedError(f"{rnn.label}: PyTorch has nn.RNN, nn.LSTM and nn.GRU")
    if isinstance(rnn, SimpleRNN):
        if activations.name_of(rnn.activation) not in NONLINEARITIES:
            raise NotImplementedError(f"{rnn.label}: nn.RNN has tanh and relu")
    elif [activations.name_of(f) for f in (rnn.activation, rnn.recurrent_activation)] != ["tanh", "sigmoid"]:
        raise NotImplementedError(f"{rnn.label}: {kind.name} has tanh and sigmoid")
    if isinstance(rnn, GRU) and not rnn.reset_after:
        raise NotImplementedError(f"{rnn.label}: nn.GRU resets after the product (reset_after=True)")
    return kind
