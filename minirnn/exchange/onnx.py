"""ONNX ``RNN``, ``LSTM`` and ``GRU`` nodes: read with the package onnx (extra ``onnx``); nothing in the file is executed.

The operators (version 14 and later, layout 0 or 1) have W (directions, G units, D), R (directions, G units, units) and B
(directions, 2 G units) of G gates: x_t Wᵀ + h_{t-1} Rᵀ + W_b + R_b, by the specification of their standard.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..files import open_regular
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
KNOWN = {
    "activations": list, "activation_alpha": list, "activation_beta": list, "direction": bytes, "hidden_size": int,
    "layout": int,
}  # fmt: skip
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
    except ImportError as error:
        raise ImportError("this needs onnx: pip install 'minirnn[onnx]'") from error
    with open_regular(path, MAX_FILE) as file:
        try:
            graph = onnx.ModelProto.FromString(file.read()).graph
        except Exception as error:  # the parser of protocol buffers raises its own kinds
            raise ValueError(f"{path}: this is not an ONNX file ({plain(error)})") from error
    try:
        return _model(graph, node)
    except NotImplementedError as error:
        raise NotImplementedError(f"{path}: {plain(error, 300)}") from error
    except ValueError as error:
        raise ValueError(f"{path}: {plain(error, 300)}") from error
    except (LookupError, TypeError, AttributeError, ArithmeticError, RuntimeError, MemoryError) as error:
        raise ValueError(f"{path}: its RNN node is not as the standard says ({plain(error)})") from error


def _model(graph: Any, name: str | None) -> Model:
    nodes = [n for n in graph.node if n.op_type == "RNN"]
    named = [n for n in nodes if name in (None, n.name)]
    if len(named) != 1:
        names = ", ".join(plain(repr(n.name)) for n in nodes[:9]) or "there is none"
        raise ValueError(f"it has {len(named)} RNN nodes to choose from; name one of: {names}")
    node = named[0]
    inputs, arrays = _inputs(graph, node)
    if not node.output:
        raise ValueError("its RNN node has no output")
    options = _attributes(node)
    W, R, B, lengths, initial = arrays[1:]
    if W is None or R is None or W.ndim != 3 or R.shape != (W.shape[0], W.shape[1], W.shape[1]) or 0 in W.shape:
        raise ValueError("its RNN node has no constant W and R that fit together")
    if lengths is not None or inputs[4]:
        raise NotImplementedError("its RNN node is given sequence_lens, which minirnn does not read")
    if initial is not None and initial.any():
        raise NotImplementedError("its initial_h is constant numbers; make it an input of the graph, or zeros")
    directions, units, features = W.shape
    way = options.get("direction", "forward")
    if way not in ("forward", "reverse", "bidirectional") or directions != 1 + (way == "bidirectional"):
        raise ValueError(f"direction {plain(way)} does not fit W of shape {W.shape}")
    if options.get("hidden_size", units) != units:
        raise ValueError(f"hidden_size {options['hidden_size']} does not fit W of shape {W.shape}")
    if B is not None and B.shape != (directions, 2 * units):
        raise ValueError(f"B has shape {B.shape}, not {(directions, 2 * units)}")
    if any(array is not None and array.dtype not in (np.float32, np.float64) for array in (W, R, B)):
        raise NotImplementedError(f"its weights are {W.dtype}; minirnn computes in float32 or float64")
    common: dict[str, Any] = {
        "use_bias": B is not None,
        "return_sequences": bool(node.output[0]),
        "dtype": W.dtype.name,
    }
    rnns = [
        SimpleRNN(units, activation=f, go_backwards=way == "reverse" or k == 1, **common)
        for k, f in enumerate(_activations(options, directions))
    ]
    i = Input((None, features))
    states = [Input((units,)) for _ in rnns] if inputs[5] and initial is None else []
    layer: Any = rnns[0] if directions == 1 else Bidirectional(rnns[0], backward_layer=rnns[1], dtype=W.dtype.name)
    model = Model([i, *states] if states else i, layer(i, initial_state=states or None), name="onnx_rnn")
    each = [[W[k].T, R[k].T, *([] if B is None else [B[k][:units] + B[k][units:]])] for k in range(directions)]
    layer.set_weights([w for own in each for w in own])
    return model


def _inputs(graph: Any, node: Any) -> tuple[list[str], list[np.ndarray | None]]:
    """The names of X, W, R, B, sequence_lens and initial_h, "" of what is not there; and those that are constants."""
    from onnx import TensorProto, numpy_helper

    names = [*node.input, *[""] * 6][:6]
    tensors: dict[str, np.ndarray] = {}
    for tensor in graph.initializer:
        if tensor.name in names:
            if tensor.data_location == TensorProto.EXTERNAL:
                raise ValueError(f"{plain(tensor.name)} keeps its numbers in another file, which is not read")
            tensors[tensor.name] = numpy_helper.to_array(tensor)
    return names, [tensors.get(name) for name in names]


def _attributes(node: Any) -> dict[str, Any]:
    """The attributes of the node: numbers, texts, and lists of them."""
    from onnx import helper

    found = {}
    for attribute in node.attribute:
        value = helper.get_attribute_value(attribute)
        if attribute.name not in KNOWN:
            raise NotImplementedError(f"its RNN node has {plain(attribute.name)}, which minirnn does not support")
        if not isinstance(value, KNOWN[attribute.name]):
            raise ValueError(f"{attribute.name} of its RNN node is {plain(value)}")
        found[attribute.name] = value.decode() if isinstance(value, bytes) else value
    return found


def _activations(attributes: dict[str, Any], directions: int) -> list[str]:
    """Keras' names of the activations, one for each direction; those with numbers must have the numbers of Keras'."""
    names = [f.decode() for f in attributes.get("activations", [b"Tanh"] * directions)]
    if len(names) != directions or any(f not in FUNCTIONS and f not in NUMBERED for f in names):
        known = ", ".join([*FUNCTIONS, *NUMBERED])
        raise NotImplementedError(f"activations {plain(names)}; minirnn reads {known}, one for each direction")
    given = [list(attributes.get(f"activation_{which}", [])) for which in ("alpha", "beta")]
    found = []
    for name in names:
        keras, wanted, usual = NUMBERED.get(name, (FUNCTIONS.get(name, ""), (), ()))
        own = [rest.pop(0) if rest else default for rest, default in zip(given, [*usual, *[np.nan] * 2][: len(wanted)])]
        if not np.allclose(own, wanted, rtol=1e-6):
            raise NotImplementedError(
                f"activation {name} with alpha, beta = {plain(own)}; Keras' {keras} has {plain(list(wanted))}"
            )
        found.append(keras)
    return found
