"""ONNX ``RNN`` nodes: read with the package onnx (extra ``onnx``); nothing in the file is executed.

The operator (version 14 and later, layout 0 or 1) has W (directions, units, D), R (directions, units, units) and B
(directions, 2 units): h_t = f(x_t Wᵀ + h_{t-1} Rᵀ + W_b + R_b), by the specification of its standard.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from ..layers import Bidirectional, Input, SimpleRNN
from ..models import Model
from ..system import plain

FUNCTIONS = {
    "Tanh": "tanh", "Relu": "relu", "Sigmoid": "sigmoid", "Softsign": "softsign", "Softplus": "softplus",
}  # fmt: skip
# those with numbers (alpha, beta): the ones that Keras' function has, and the standard's own where none are given
NUMBERED: dict[str, tuple[str, tuple[float, ...], tuple[float, ...]]] = {
    "Elu": ("elu", (1.0,), (1.0,)),
    "LeakyRelu": ("leaky_relu", (0.2,), (0.01,)),
    "HardSigmoid": ("hard_sigmoid", (1 / 6, 0.5), (0.2, 0.5)),
    "Affine": ("linear", (1.0, 0.0), ()),
    "ScaledTanh": ("tanh", (1.0, 1.0), ()),
}
KNOWN = {"activations", "activation_alpha", "activation_beta", "direction", "hidden_size", "layout"}
MAX_FILE = 128 * 2**20


def from_onnx(path: Any, node: str | None = None) -> Model:
    """The model of the ``RNN`` node in an ONNX file (of the one named `node`).

    Its output is Y, one state at every step, or Y_h, the last, where the node gives no other; both directions are side by
    side. Sequences are (samples, timesteps, features) whatever the layout of the file. A node with an ``initial_h`` gives
    a model of several inputs, ``[X, h]`` or ``[X, h_forward, h_backward]``, each h (samples, units). A node of direction
    ``reverse`` gives its outputs in the order in which it goes through the steps, as Keras does: ``[:, ::-1]`` turns them.

    Raises ValueError for what is no such file, NotImplementedError for what minirnn has not, each with one sentence.
    """
    try:
        import onnx
        from onnx import numpy_helper
    except ImportError as error:
        raise ImportError("this needs onnx: pip install 'minirnn[onnx]'") from error
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"{path}: there is no such file")
    if path.stat().st_size > MAX_FILE:
        raise ValueError(f"{path}: the file is larger than {MAX_FILE // 2**20} MB")
    try:
        graph = onnx.load(path, load_external_data=False).graph
    except Exception as error:  # the parser of protocol buffers raises its own kinds
        raise ValueError(f"{path}: this is not an ONNX file ({plain(error)})") from error
    nodes = [n for n in graph.node if n.op_type == "RNN" and (node is None or n.name == node)]
    if len(nodes) != 1:
        names = ", ".join(plain(n.name) for n in graph.node if n.op_type == "RNN")
        raise ValueError(f"{path}: it has {len(nodes)} RNN nodes to choose from; name one of: {names}")
    attributes = {a.name: onnx.helper.get_attribute_value(a) for a in nodes[0].attribute}
    if unknown := set(attributes) - KNOWN:
        raise NotImplementedError(f"{path}: the RNN node has {', '.join(sorted(unknown))}, which minirnn does not support")
    tensors: dict[str, np.ndarray] = {}
    for tensor in graph.initializer:
        if tensor.name in nodes[0].input:
            if tensor.data_location == onnx.TensorProto.EXTERNAL:
                raise ValueError(f"{path}: {plain(tensor.name)} keeps its numbers in another file, which is not read")
            tensors[tensor.name] = numpy_helper.to_array(tensor)
    every_step = bool(nodes[0].output[0])
    return _model(path, attributes, [tensors.get(name) for name in nodes[0].input], list(nodes[0].input), every_step)


def _model(
    path: Path, attributes: dict[str, Any], inputs: list[np.ndarray | None], names: list[str], every_step: bool
) -> Model:
    W, R, B, lengths, initial = [*inputs[1:6], None, None, None, None, None][:5]
    if W is None or R is None or W.ndim != 3 or R.shape != (W.shape[0], W.shape[1], W.shape[1]) or len(W) > 2:
        raise ValueError(f"{path}: the RNN node has no constant W and R that fit together")
    if lengths is not None or any(names[4:5]):
        raise NotImplementedError(f"{path}: the RNN node is given sequence_lens, which minirnn does not read")
    if initial is not None and initial.any():
        raise NotImplementedError(f"{path}: its initial_h is constant numbers; make it an input of the graph, or zeros")
    directions, units, features = W.shape
    way = attributes.get("direction", b"forward").decode()
    if way not in ("forward", "reverse", "bidirectional") or directions != 1 + (way == "bidirectional"):
        raise ValueError(f"{path}: direction {plain(way)} does not fit W of shape {W.shape}")
    if attributes.get("hidden_size", units) != units:
        raise ValueError(f"{path}: hidden_size {attributes['hidden_size']} does not fit W of shape {W.shape}")
    if B is not None and B.shape != (directions, 2 * units):
        raise ValueError(f"{path}: B has shape {B.shape}, not {(directions, 2 * units)}")
    if any(array.dtype not in (np.float32, np.float64) for array in (W, R) if array is not None):
        raise NotImplementedError(f"{path}: its weights are {W.dtype}; minirnn computes in float32 or float64")
    options: dict[str, Any] = {"use_bias": B is not None, "return_sequences": every_step, "dtype": W.dtype.name}
    rnns = [
        SimpleRNN(units, activation=f, go_backwards=way == "reverse" or k == 1, **options)
        for k, f in enumerate(_activations(path, attributes, directions))
    ]
    i = Input((None, features))
    states = [Input((units,)) for _ in rnns] if any(names[5:6]) and initial is None else []
    layer: Any = rnns[0] if directions == 1 else Bidirectional(rnns[0], backward_layer=rnns[1], dtype=W.dtype.name)
    model = Model([i, *states] if states else i, layer(i, initial_state=states or None), name="onnx_rnn")
    each = [[W[k].T, R[k].T, *([] if B is None else [B[k][:units] + B[k][units:]])] for k in range(directions)]
    layer.set_weights([w for own in each for w in own])
    return model


def _activations(path: Path, attributes: dict[str, Any], directions: int) -> list[str]:
    """Keras' names of the activations, one for each direction; those with numbers must have the numbers of Keras'."""
    names = [f.decode() for f in attributes.get("activations", [b"Tanh"] * directions)]
    if len(names) != directions or any(f not in FUNCTIONS and f not in NUMBERED for f in names):
        known = ", ".join([*FUNCTIONS, *NUMBERED])
        raise NotImplementedError(f"{path}: activations {plain(names)}; minirnn reads {known}, one for each direction")
    given = [list(attributes.get(f"activation_{which}", [])) for which in ("alpha", "beta")]
    found = []
    for name in names:
        keras, wanted, usual = NUMBERED.get(name, (FUNCTIONS.get(name, ""), (), ()))
        own = [rest.pop(0) if rest else default for rest, default in zip(given, [*usual, *[np.nan] * 2][: len(wanted)])]
        if not np.allclose(own, wanted, rtol=1e-6):
            raise NotImplementedError(
                f"{path}: activation {name} with alpha, beta = {plain(own)}; Keras' {keras} has {plain(list(wanted))}"
            )
        found.append(keras)
    return found
