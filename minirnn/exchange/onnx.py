"""ONNX ``RNN``, ``LSTM`` and ``GRU`` nodes: read with the package onnx (extra ``onnx``); nothing in the file is executed.

The operators (version 14 and later, layout 0 or 1) have W (directions, G units, D), R (directions, G units, units) and B
(directions, 2 G units) of G gates: x_t Wᵀ + h_{t-1} Rᵀ + W_b + R_b, by the specification of their standard.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..files import StrPath, open_regular, shown
from ..layers import GRU, LSTM, Bidirectional, Input
from ..network import MODELS
from ..system import plain
from .gates import ONNX, Kind

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
    "layout": int, "input_forget": int, "linear_before_reset": int,
}  # fmt: skip
USUAL = {"RNN": ("Tanh",), "LSTM": ("Sigmoid", "Tanh", "Tanh"), "GRU": ("Sigmoid", "Tanh")}  # of each direction
MAX_FILE = 128 * 2**20


def from_onnx(path: StrPath, node: str | None = None) -> Any:
    """The model of the ``RNN``, ``LSTM`` or ``GRU`` node in an ONNX file (of the one named `node`).

    Its output is Y, one state at every step, or Y_h, the last, where the node gives no other; both directions are side by
    side. Sequences are (samples, timesteps, features) whatever the layout of the file. A node with an ``initial_h`` gives
    a model of several inputs, ``[X, h]`` or ``[X, h_forward, h_backward]``, each h (samples, units); of
    an ``LSTM`` each h is followed by its c. A node of direction
    ``reverse`` gives its outputs in the order in which it goes through the steps, as Keras does: ``[:, ::-1]`` turns them.

    Raises ValueError for what is no such file, NotImplementedError for what minirnn has not, each with one sentence.
    """
    try:
        import onnx
    except ImportError as error:
        raise ImportError("this needs onnx: pip install onnx") from error
    with open_regular(path, MAX_FILE) as file:
        try:
            graph = onnx.ModelProto.FromString(file.read()).graph
        except Exception as error:  # the parser of protocol buffers raises its own kinds
            raise ValueError(f"{shown(path)}: this is not an ONNX file ({plain(error)})") from error
    try:
        return _model(graph, node)
    except NotImplementedError as error:
        raise NotImplementedError(f"{shown(path)}: {plain(error, 300)}") from error
    except ValueError as error:
        raise ValueError(f"{shown(path)}: {plain(error, 300)}") from error
    except (LookupError, TypeError, AttributeError, ArithmeticError, RuntimeError, MemoryError) as error:
        raise ValueError(f"{shown(path)}: its node is not as the standard says ({plain(error)})") from error


def _model(graph: Any, name: str | None) -> Any:
    kinds = {kind.name: kind for kind in ONNX}
    nodes = [n for n in graph.node if n.op_type in kinds]
    named = [n for n in nodes if name in (None, n.name)]
    if len(named) != 1:
        names = ", ".join(plain(repr(n.name)) for n in nodes[:9]) or "there is none"
        raise ValueError(f"it has {len(named)} recurrent nodes to choose from; name one of: {names}")
    node = named[0]
    kind = kinds[node.op_type]
    inputs, arrays = _inputs(graph, node)
    if not any(node.output[:2]):
        raise ValueError(f"its {kind.name} node gives neither Y nor Y_h")
    options = _attributes(node)
    W, R, B, _, *starts, peepholes = arrays[1:]
    fits = W is not None and R is not None and W.ndim == R.ndim == 3 and 0 not in W.shape
    if not fits or R.shape != (len(W), W.shape[1], W.shape[1] // kind.gates) or W.shape[1] % kind.gates:
        raise ValueError(f"its {kind.name} node has no constant W and R that fit together")
    directions, units, features = W.shape[0], R.shape[2], W.shape[2]
    if inputs[4]:
        raise NotImplementedError(f"its {kind.name} node is given sequence_lens, which minirnn does not read")
    if any(start is not None and start.any() for start in starts):
        raise NotImplementedError("its initial states are constant numbers; make them inputs of the graph, or zeros")
    if (inputs[7] and peepholes is None) or (peepholes is not None and peepholes.any()):
        raise NotImplementedError("its LSTM node has peepholes, which Keras has not")
    if options.get("input_forget", 0):
        raise NotImplementedError("its LSTM node couples the input and the forget gate, which Keras does not")
    way = options.get("direction", "forward")
    if way not in ("forward", "reverse", "bidirectional") or directions != 1 + (way == "bidirectional"):
        raise ValueError(f"direction {plain(way)} does not fit W of shape {W.shape}")
    if options.get("hidden_size", units) != units:
        raise ValueError(f"hidden_size {options['hidden_size']} does not fit W of shape {W.shape}")
    if B is not None and B.shape != (directions, 2 * W.shape[1]):
        raise ValueError(f"B has shape {B.shape}, not {(directions, 2 * W.shape[1])}")
    if any(array is not None and array.dtype not in (np.float32, np.float64) for array in (W, R, B)):
        raise NotImplementedError(f"its weights are {W.dtype}; minirnn computes in float32 or float64")
    after = bool(options.get("linear_before_reset", 0))
    common: dict[str, Any] = {"use_bias": B is not None, "return_sequences": bool(node.output[0]), "dtype": W.dtype.name}
    common |= {"reset_after": after} if kind.layer is GRU else {}
    rnns = [
        kind.layer(units, **functions, go_backwards=way == "reverse" or k == 1, **common)
        for k, functions in enumerate(_activations(options, directions, kind))
    ]
    i = Input((None, features))
    given = [bool(name) and start is None for name, start in zip(inputs[5:7], starts)]
    if kind.layer is LSTM and given[0] != given[1]:
        raise NotImplementedError("its LSTM node is given only one of initial_h and initial_c")
    states = [Input((units,)) for rnn in rnns for _ in rnn.sizes] if given[0] else []
    layer: Any = rnns[0] if directions == 1 else Bidirectional(rnns[0], backward_layer=rnns[1], dtype=W.dtype.name)
    model = MODELS["Model"]([i, *states] if states else i, layer(i, initial_state=states or None), name="onnx_rnn")
    found = [W.swapaxes(1, 2), R.swapaxes(1, 2)]
    if B is not None:
        both = np.stack(np.split(B, 2, axis=1), axis=1)  # (directions, 2, G units)
        found.append(both if kind.layer is GRU and after else both.sum(1))
    layer.set_weights([kind.to_keras(w[k]) for k in range(directions) for w in found])
    return model


def _inputs(graph: Any, node: Any) -> tuple[list[str], list[Any]]:
    """The names of X, W, R, B, sequence_lens, initial_h, initial_c and P, "" of what is not there; and the constants."""
    from onnx import TensorProto, numpy_helper

    names = [*node.input, *[""] * 8][:8]
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
            raise NotImplementedError(f"its {node.op_type} node has {plain(attribute.name)}, which minirnn does not support")
        if not isinstance(value, KNOWN[attribute.name]):
            raise ValueError(f"{attribute.name} of its {node.op_type} node is {plain(value)}")
        found[attribute.name] = value.decode() if isinstance(value, bytes) else value
    return found


def _activations(attributes: dict[str, Any], directions: int, kind: Kind) -> list[dict[str, str]]:
    """Keras' names of the activations, for each direction; those with numbers must have the numbers of Keras'."""
    usual = USUAL[kind.name]
    names = [f.decode() for f in attributes.get("activations", [f.encode() for f in usual] * directions)]
    if len(names) != directions * len(usual) or any(f not in FUNCTIONS and f not in NUMBERED for f in names):
        known = ", ".join([*FUNCTIONS, *NUMBERED])
        raise NotImplementedError(f"activations {plain(names)}; minirnn reads {known}, {len(usual)} for each direction")
    given = [list(attributes.get(f"activation_{which}", [])) for which in ("alpha", "beta")]
    found = []
    for name in names:
        keras, wanted, default = NUMBERED.get(name, (FUNCTIONS.get(name, ""), (), ()))
        own = [rest.pop(0) if rest else d for rest, d in zip(given, [*default, *[np.nan] * 2][: len(wanted)])]
        if not np.allclose(own, wanted, rtol=1e-6):
            raise NotImplementedError(
                f"activation {name} with alpha, beta = {plain(own)}; Keras' {keras} has {plain(list(wanted))}"
            )
        found.append(keras)
    each = [found[k : k + len(usual)] for k in range(0, len(found), len(usual))]
    if any(len(set(own[-2:])) > 1 for own in each if kind.layer is LSTM):
        raise NotImplementedError(f"activations {plain(names)}; Keras' LSTM has one for its candidate and its state")
    arguments = ("recurrent_activation", "activation") if kind.gates > 1 else ("activation",)
    return [dict(zip(arguments, own)) for own in each]
