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
KNOWN = {"activations", "direction", "hidden_size", "layout"}
MAX_FILE = 128 * 2**20


def from_onnx(path: Any, node: str | None = None) -> Model:
    """The model of the ``RNN`` node in an ONNX file (of the one named `node`), with an output at every step, both directions
    side by side; sequences are (samples, timesteps, features) whatever the layout of the file.

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
    return _model(path, attributes, [tensors.get(name) for name in nodes[0].input], list(nodes[0].input))


def _model(path: Path, attributes: dict[str, Any], inputs: list[np.ndarray | None], names: list[str]) -> Model:
    W, R, B = [*inputs[1:4], None, None, None][:3]
    if W is None or R is None or W.ndim != 3 or R.shape != (W.shape[0], W.shape[1], W.shape[1]) or len(W) > 2:
        raise ValueError(f"{path}: the RNN node has no constant W and R that fit together")
    if any(names[4:]):
        raise NotImplementedError(f"{path}: the RNN node is given sequence_lens or initial_h, which minirnn does not read")
    directions, units, features = W.shape
    way = attributes.get("direction", b"forward").decode()
    functions = [f.decode() for f in attributes.get("activations", [b"Tanh"] * directions)]
    if way not in ("forward", "reverse", "bidirectional") or directions != 1 + (way == "bidirectional"):
        raise ValueError(f"{path}: direction {plain(way)} does not fit W of shape {W.shape}")
    if len(functions) != directions or any(f not in FUNCTIONS for f in functions):
        raise NotImplementedError(f"{path}: activations {plain(functions)}; minirnn reads {', '.join(FUNCTIONS)}")
    if B is not None and B.shape != (directions, 2 * units):
        raise ValueError(f"{path}: B has shape {B.shape}, not {(directions, 2 * units)}")
    if way == "reverse":
        raise NotImplementedError(f"{path}: it runs backwards alone: ONNX gives its outputs in order, Keras does not")
    rnns = [
        SimpleRNN(units, activation=FUNCTIONS[f], use_bias=B is not None, return_sequences=True, go_backwards=k == 1)
        for k, f in enumerate(functions)
    ]
    i = Input((None, features))
    layer: Any = rnns[0] if directions == 1 else Bidirectional(rnns[0], backward_layer=rnns[1])
    model = Model(i, layer(i), name="onnx_rnn")
    each = [[W[k].T, R[k].T, *([] if B is None else [B[k][:units] + B[k][units:]])] for k in range(directions)]
    model.set_weights([w for own in each for w in own])
    return model
