"""PyTorch's weights and ONNX nodes: the formulas of their documentation, run by hand, and their own programs."""

from __future__ import annotations

import numpy as np
import pytest

import minirnn as mr
from minirnn.exchange import from_onnx, from_torch, to_torch
from minirnn.layers import GRU, LSTM, Bidirectional, Dense, Input, SimpleRNN
from minirnn.models import Model

from . import write_torch

N, T, D, M = 2, 4, 3, 5


def torch_weights(layers=1, both=False, bias=True, seed=0):
    rng = np.random.default_rng(seed)
    found, features = {}, D
    for k in range(layers):
        for end in ("", "_reverse")[: 1 + both]:
            found |= {
                f"weight_ih_l{k}{end}": rng.normal(size=(M, features)),
                f"weight_hh_l{k}{end}": rng.normal(size=(M, M)),
            }
            if bias:
                found |= {f"bias_ih_l{k}{end}": rng.normal(size=M), f"bias_hh_l{k}{end}": rng.normal(size=M)}
        features = M * (1 + both)
    return {key: 0.5 * w for key, w in found.items()}


def by_hand(X, weights, f):
    """The equation of PyTorch's documentation, one sample at a time, columns as it writes them."""
    out = []
    for sample in X:
        rows, k = sample, 0
        while f"weight_ih_l{k}" in weights:
            sides = []
            for end in ("", "_reverse"):
                if f"weight_ih_l{k}{end}" not in weights:
                    continue
                W, R = weights[f"weight_ih_l{k}{end}"], weights[f"weight_hh_l{k}{end}"]
                b = weights.get(f"bias_ih_l{k}{end}", 0) + weights.get(f"bias_hh_l{k}{end}", 0)
                h, states = np.zeros(M), []
                for x in rows[::-1] if end else rows:
                    h = f(W @ x + b + R @ h)
                    states.append(h)
                sides.append(np.array(states[::-1] if end else states))
            rows, k = np.concatenate(sides, axis=1), k + 1
        out.append(rows)
    return np.array(out)


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("both", [False, True])
@pytest.mark.parametrize(("layers", "nonlinearity"), [(1, "tanh"), (2, "relu")])
def test_pytorch_there_and_back(layers, both, bias, nonlinearity):
    weights = torch_weights(layers, both, bias)
    model = from_torch(weights, nonlinearity)
    X = np.random.default_rng(1).normal(size=(N, T, D))
    f = np.tanh if nonlinearity == "tanh" else lambda z: np.maximum(z, 0)
    np.testing.assert_allclose(model.predict(X), by_hand(X, weights, f), rtol=1e-12, atol=1e-13)
    back = to_torch(model)
    assert set(back) == set(weights)
    np.testing.assert_array_equal(from_torch(back, nonlinearity).predict(X), model.predict(X))


def numbers_of_pytorch(name):
    with np.load(write_torch.FILE) as file:
        return {key.removeprefix(f"{name}/"): file[key] for key in file if key.startswith(f"{name}/")}


def agrees_with_pytorch(given, nonlinearity):
    """Outputs and the gradients of every weight and of X, against PyTorch's numbers."""
    weights = {key[2:]: array for key, array in given.items() if key.startswith("w ")}
    model = from_torch(weights, nonlinearity)
    trace = mr.trace(model, given["X"], given["Y"], dtype="float64").with_respect_to(["x"])
    np.testing.assert_allclose(trace.output, given["output"], rtol=1e-12, atol=1e-14)
    found = iter(trace.gradients.values())
    for end in [key.removeprefix("weight_ih_") for key in weights if key.startswith("weight_ih_")]:
        biases = [f"d bias_{which}_{end}" for which in ("ih", "hh") if f"bias_{which}_{end}" in weights]
        pairs = [(f"d weight_ih_{end}", next(found).T), (f"d weight_hh_{end}", next(found).T)]
        db = next(found) if biases else None
        for key, mine in [*pairs, *[(key, db) for key in biases]]:  # both of PyTorch's have the gradient of the one
            np.testing.assert_allclose(mine, given[key], rtol=1e-10, atol=1e-14, err_msg=key)
    dX = np.stack([trace.adjoint("x", t) for t in range(1, T + 1)], axis=1)
    np.testing.assert_allclose(dX, given["d X"], rtol=1e-10, atol=1e-14)
    back = to_torch(model)
    assert set(back) == set(weights)


@pytest.mark.parametrize("name", write_torch.CASES)
def test_numbers_that_pytorch_gave(name):
    agrees_with_pytorch(numbers_of_pytorch(name), write_torch.CASES[name].get("nonlinearity", "tanh"))


@pytest.mark.parametrize("name", write_torch.CASES)
def test_pytorch_itself(name):
    torch = pytest.importorskip("torch")
    options, given = write_torch.CASES[name], write_torch.run(name)
    for key, array in numbers_of_pytorch(name).items():
        np.testing.assert_allclose(array, given[key], rtol=1e-10, atol=1e-14, err_msg=key)
    agrees_with_pytorch(given, options.get("nonlinearity", "tanh"))
    weights = {key[2:]: array for key, array in given.items() if key.startswith("w ")}
    model = from_torch(weights, options.get("nonlinearity", "tanh"))
    again = torch.nn.RNN(D, M, dtype=torch.float64, **options)  # time first, as is PyTorch's own
    again.load_state_dict({key: torch.from_numpy(w) for key, w in to_torch(model).items()})
    found = again(torch.from_numpy(given["X"].transpose(1, 0, 2).copy()))[0].detach().numpy()
    np.testing.assert_allclose(found.transpose(1, 0, 2), model.predict(given["X"]), rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda w: w.pop("weight_ih_l0"), "there is no weight_ih_l0"),
        (lambda w: w.pop("weight_hh_l0"), "there is no weight_hh_l0"),
        (lambda w: w.pop("bias_hh_l0"), "must both be there"),
        (lambda w: w.update(weight_hh_l0=np.ones((4, 5))), "have shapes"),
        (lambda w: w.update(weight_hr_l0=np.ones((4, 5))), "not of an nn.RNN: weight_hr_l0"),
        (lambda w: w.update(weight_ih_l0=np.ones(4)), "has shape"),
    ],
)
def test_weights_of_something_else(change, says):
    weights = torch_weights()
    change(weights)
    with pytest.raises(ValueError, match=says):
        from_torch(weights)
    with pytest.raises(ValueError, match="tanh and relu"):
        from_torch(torch_weights(), "gelu")


@pytest.mark.parametrize(
    ("layers", "says"),
    [
        ([SimpleRNN(M, activation="gelu")], "tanh and relu"),
        ([SimpleRNN(M, go_backwards=True)], "runs forward"),
        ([Bidirectional(SimpleRNN(M), merge_mode="sum")], "side by side"),
        ([SimpleRNN(M, return_sequences=True), SimpleRNN(M + 1)], "same units"),
        ([Dense(M)], "no SimpleRNN"),
    ],
)
def test_what_pytorch_has_not(layers, says):
    i = x = Input((T, D))
    for layer in layers:
        x = layer(x)
    with pytest.raises(NotImplementedError, match=says):
        to_torch(Model(i, x))


def onnx_file(
    path, directions=1, bias=True, state=False, last=False, extra=(), constant=None, dtype="float32", **attributes
):
    """A file with one RNN node; X is (T, N, D), or (N, T, D) with layout=1."""
    onnx = pytest.importorskip("onnx")
    rng = np.random.default_rng(0)
    arrays = {"W": rng.normal(size=(directions, M, D)), "R": rng.normal(size=(directions, M, M)) / 2}
    if bias:
        arrays["B"] = rng.normal(size=(directions, 2 * M))
    if constant is not None:
        arrays["h"] = np.full((directions, N, M), constant)
    arrays = {name: a.astype(dtype) for name, a in arrays.items()}
    inputs = ["X", "W", "R", "B" if bias else "", *extra]
    if state or constant is not None:
        inputs = [*inputs, "", "h"]
    attributes.setdefault("hidden_size", M)
    node = onnx.helper.make_node("RNN", inputs, ["", "Y_h"] if last else ["Y"], name="rnn", **attributes)
    shape, kind = onnx.helper.make_tensor_value_info, 1 if dtype == "float32" else 11
    given = [shape("X", kind, ["a", "b", D]), *([shape("h", kind, None)] if state else [])]
    graph = onnx.helper.make_graph(
        [node], "g", given, [shape(node.output[-1], kind, None)],
        [onnx.numpy_helper.from_array(a, name) for name, a in arrays.items()],
    )  # fmt: skip
    onnx.save(onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 14)], ir_version=8), path)
    return path


WAYS = [("forward", ["Tanh"]), ("forward", ["Relu"]), ("reverse", ["Sigmoid"]), ("bidirectional", ["Tanh", "Softsign"])]


@pytest.mark.parametrize("last", [False, True])
@pytest.mark.parametrize("state", [False, True])
@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize(("way", "functions"), WAYS)
def test_onnx_nodes_beside_its_own_runtime(tmp_path, way, functions, bias, state, last):
    """Every direction, with and without biases and initial states, all steps and the last state alone."""
    runtime = pytest.importorskip("onnxruntime")
    path = onnx_file(tmp_path / "a.onnx", len(functions), bias, state, last, direction=way, activations=functions)
    rng = np.random.default_rng(1)
    X, h = rng.normal(size=(N, T, D)).astype("float32"), rng.normal(size=(len(functions), N, M)).astype("float32")
    session = runtime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    (Y,) = session.run(None, {"X": X.transpose(1, 0, 2)} | ({"h": h} if state else {}))
    found = from_onnx(path).predict([X, *h] if state else X)
    if last:  # (directions, N, M)
        wants = np.concatenate(Y, axis=-1)
    else:  # (T, directions, N, M)
        wants = np.concatenate(Y.transpose(1, 2, 0, 3), axis=-1)
        wants = wants[:, ::-1] if way == "reverse" else wants
    assert found.shape == wants.shape
    np.testing.assert_allclose(found, wants, atol=2e-6)


@pytest.mark.parametrize(
    ("name", "numbers", "keras"),
    [
        ("Elu", {}, "elu"),
        ("Elu", {"activation_alpha": [1.0]}, "elu"),
        ("LeakyRelu", {"activation_alpha": [0.2]}, "leaky_relu"),
        ("HardSigmoid", {"activation_alpha": [1 / 6], "activation_beta": [0.5]}, "hard_sigmoid"),
        ("Affine", {"activation_alpha": [1.0], "activation_beta": [0.0]}, "linear"),
        ("ScaledTanh", {"activation_alpha": [1.0], "activation_beta": [1.0]}, "tanh"),
    ],
)
def test_onnx_activations_with_numbers(tmp_path, name, numbers, keras):
    runtime = pytest.importorskip("onnxruntime")
    path = onnx_file(tmp_path / "a.onnx", activations=[name], **numbers)
    model = from_onnx(path)
    assert model.layers[1].activation.__name__ == keras
    X = np.random.default_rng(1).normal(size=(N, T, D)).astype("float32")
    (Y,) = runtime.InferenceSession(str(path), providers=["CPUExecutionProvider"]).run(None, {"X": X.transpose(1, 0, 2)})
    np.testing.assert_allclose(model.predict(X), Y[:, 0].transpose(1, 0, 2), rtol=2e-6, atol=2e-6)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_onnx_nodes_beside_its_reference(tmp_path, dtype):
    path = onnx_file(tmp_path / "a.onnx", dtype=dtype, layout=1, constant=0.0)
    from onnx.reference import ReferenceEvaluator

    X = np.random.default_rng(1).normal(size=(N, T, D)).astype(dtype)
    (Y,) = ReferenceEvaluator(str(onnx_file(tmp_path / "b.onnx", dtype=dtype))).run(None, {"X": X.transpose(1, 0, 2)})
    found = from_onnx(path).predict(X)
    assert found.dtype == dtype
    np.testing.assert_allclose(found, Y[:, 0].transpose(1, 0, 2), atol=1e-6 if dtype == "float32" else 1e-14)


@pytest.mark.parametrize(
    ("options", "error", "says"),
    [
        ({"clip": 1.0}, NotImplementedError, "RNN node has clip"),
        ({"activations": ["Affine"]}, NotImplementedError, "Affine with alpha"),
        ({"activations": ["ThresholdedRelu"]}, NotImplementedError, "ThresholdedRelu"),
        ({"activations": ["HardSigmoid"]}, NotImplementedError, r"HardSigmoid with alpha, beta = \[0.2, 0.5\]"),
        ({"activations": ["LeakyRelu"]}, NotImplementedError, "LeakyRelu with alpha"),
        ({"extra": ("lengths",)}, NotImplementedError, "sequence_lens"),
        ({"constant": 0.5}, NotImplementedError, "initial states are constant"),
        ({"dtype": "float16"}, NotImplementedError, "its weights are float16"),
        ({"hidden_size": 4}, ValueError, "hidden_size 4 does not fit"),
        ({"direction": "bidirectional"}, ValueError, "does not fit"),
    ],
)
def test_onnx_nodes_that_are_refused(tmp_path, options, error, says):
    with pytest.raises(error, match=says):
        from_onnx(onnx_file(tmp_path / "a.onnx", **options))


def test_files_that_are_none(tmp_path):
    pytest.importorskip("onnx")
    (tmp_path / "a.onnx").write_bytes(b"no such thing")
    with pytest.raises(ValueError, match=r"not an ONNX file|0 RNN nodes"):
        from_onnx(tmp_path / "a.onnx")
    with pytest.raises(FileNotFoundError, match="no such file"):
        from_onnx(tmp_path / "b.onnx")
    with pytest.raises(ValueError, match=r"0 recurrent nodes to choose from; name one of: .rnn.$"):
        from_onnx(onnx_file(tmp_path / "c.onnx"), node="other")


def test_a_model_from_pytorch_has_every_reading():
    model = from_torch(torch_weights(both=True))
    rng = np.random.default_rng(2)
    trace = mr.trace(model, rng.normal(size=(N, T, D)), rng.normal(size=(N, T, 2 * M)))
    assert trace.verify(with_keras=False).ok and trace.equations().residual < 1e-13


# --------------------------------------------------------------------------------------------------------------- gates


def torch_gated(kind, gates, W_ih, W_hh, b_ih, b_hh, X):
    """nn.LSTM and nn.GRU by the formulas of the documentation of torch.nn, with columns."""
    h = c = np.zeros((M, len(X)))
    found = []
    for t in range(X.shape[1]):
        own, past = W_ih @ X[:, t].T + b_ih[:, None], W_hh @ h + b_hh[:, None]
        a, q = np.split(own, gates), np.split(past, gates)
        s = [1 / (1 + np.exp(-(u + v))) for u, v in zip(a, q)]
        if kind == "LSTM":
            c = s[1] * c + s[0] * np.tanh(a[2] + q[2])
            h = s[3] * np.tanh(c)
        else:
            h = (1 - s[1]) * np.tanh(a[2] + s[0] * q[2]) + s[1] * h
        found.append(h.T)
    return np.stack(found, axis=1)


@pytest.mark.parametrize(("kind", "gates"), [("LSTM", 4), ("GRU", 3)])
def test_weights_of_gated_layers_of_torch(kind, gates):
    rng = np.random.default_rng(3)
    shapes = {
        "weight_ih_l0": (gates * M, D),
        "weight_hh_l0": (gates * M, M),
        "bias_ih_l0": (gates * M,),
        "bias_hh_l0": (gates * M,),
    }
    weights = {key: rng.normal(size=shape) for key, shape in shapes.items()}
    model = from_torch(weights)
    X = rng.normal(size=(N, T, D))
    assert type(model.layers[1]).__name__ == kind
    np.testing.assert_allclose(model.predict(X), torch_gated(kind, gates, *weights.values(), X), atol=1e-14)
    back = to_torch(model)
    assert [w.shape for w in back.values()] == list(shapes.values())
    np.testing.assert_array_equal(back["weight_hh_l0"], weights["weight_hh_l0"])
    np.testing.assert_allclose(back["bias_ih_l0"] + back["bias_hh_l0"], weights["bias_ih_l0"] + weights["bias_hh_l0"])
    np.testing.assert_array_equal(from_torch(back).predict(X), model.predict(X))


def test_gated_layers_that_torch_has_not():
    i = Input((None, D))
    with pytest.raises(NotImplementedError, match="resets after the product"):
        to_torch(Model(i, GRU(M, reset_after=False, return_sequences=True)(i)))
    with pytest.raises(NotImplementedError, match=r"nn\.LSTM has tanh and sigmoid"):
        to_torch(Model(i, LSTM(M, recurrent_activation="hard_sigmoid")(i)))
    weights = {"weight_ih_l0": np.ones((4 * M, D)), "weight_hh_l0": np.ones((4 * M, M))}
    with pytest.raises(ValueError, match=r"nn\.LSTM, which has none to choose"):
        from_torch(weights, nonlinearity="relu")
    with pytest.raises(ValueError, match=r"not of an nn\.LSTM: weight_hr_l0"):
        from_torch(weights | {"weight_hr_l0": np.ones((2, M))})


GATED = [("LSTM", 4, {}), ("GRU", 3, {"linear_before_reset": 1}), ("GRU", 3, {})]


def gated_file(path, kind, gates, bias=True, states=(), outputs=("Y",), lengths="", way="forward", **options):
    """A file with one node of gates, and what its arrays are; `states` are its inputs of initial states."""
    onnx = pytest.importorskip("onnx")
    rng = np.random.default_rng(5)
    directions = 1 + (way == "bidirectional")
    arrays = {"W": rng.normal(size=(directions, gates * M, D)), "R": rng.normal(size=(directions, gates * M, M)) / 2}
    arrays |= {"B": rng.normal(size=(directions, 2 * gates * M))} if bias else {}
    arrays = {name: a.astype("float32") for name, a in arrays.items()}
    inputs = ["X", "W", "R", "B" if bias else "", lengths, *states]
    node = onnx.helper.make_node(kind, inputs, [*outputs], name="rnn", hidden_size=M, direction=way, **options)
    shape = onnx.helper.make_tensor_value_info
    given = [shape("X", 1, ["a", "b", D]), *[shape(name, 1, None) for name in states if name]]
    given += [shape(lengths, 6, None)] if lengths else []
    graph = onnx.helper.make_graph(
        [node], "g", given, [shape(name, 1, None) for name in outputs if name],
        [onnx.numpy_helper.from_array(a, name) for name, a in arrays.items()],
    )  # fmt: skip
    onnx.save(onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 14)], ir_version=8), path)
    return path


@pytest.mark.parametrize("last", [False, True])
@pytest.mark.parametrize("state", [False, True])
@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("way", ["forward", "reverse", "bidirectional"])
@pytest.mark.parametrize(("kind", "gates", "options"), GATED)
def test_gated_nodes_of_onnx_beside_its_own_runtime(tmp_path, kind, gates, options, way, bias, state, last):
    runtime = pytest.importorskip("onnxruntime")
    names = (["h", "c"] if kind == "LSTM" else ["h"]) if state else []
    outputs = ("", "Y_h") if last else ("Y",)
    path = gated_file(tmp_path / "a.onnx", kind, gates, bias, names, outputs, way=way, **options)
    rng = np.random.default_rng(1)
    X = rng.normal(size=(N, T, D)).astype("float32")
    both = 1 + (way == "bidirectional")
    given = {name: rng.normal(size=(both, N, M)).astype("float32") for name in names}
    session = runtime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    (Y,) = session.run(None, {"X": X.transpose(1, 0, 2)} | given)
    found = from_onnx(path).predict([X, *[given[name][k] for k in range(both) for name in names]] if state else X)
    wants = np.concatenate(Y if last else Y.transpose(1, 2, 0, 3), axis=-1)
    wants = wants[:, ::-1] if way == "reverse" and not last else wants
    np.testing.assert_allclose(found, wants, atol=3e-6)


@pytest.mark.parametrize(
    ("kind", "options", "says"),
    [
        ("LSTM", {"lengths": "lengths"}, "sequence_lens"),
        ("LSTM", {"states": ("h",)}, "only one of initial_h and initial_c"),
        ("LSTM", {"outputs": ("", "", "Y_c")}, "gives neither Y nor Y_h"),
        ("LSTM", {"input_forget": 1}, "couples the input and the forget gate"),
        ("GRU", {"clip": 2.0}, "has clip"),
    ],
)
def test_gated_nodes_that_are_refused(tmp_path, kind, options, says):
    gates = {"LSTM": 4, "GRU": 3}[kind]
    with pytest.raises((NotImplementedError, ValueError), match=says):
        from_onnx(gated_file(tmp_path / "a.onnx", kind, gates, **options))


@pytest.mark.parametrize(("kind", "gates", "options"), GATED)
def test_the_layout_of_a_gated_node_changes_nothing(tmp_path, kind, gates, options):
    """Whether the file has time or samples first, sequences here are (samples, timesteps, features)."""
    X = np.random.default_rng(1).normal(size=(N, T, D)).astype("float32")
    each = [
        from_onnx(gated_file(tmp_path / f"{layout}.onnx", kind, gates, layout=layout, **options)).predict(X)
        for layout in (0, 1)
    ]
    np.testing.assert_array_equal(*each)


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize(("kind", "gates", "options"), GATED)
def test_gated_nodes_of_onnx_beside_the_reference(tmp_path, kind, gates, options, bias):
    """The reference implementation of the standard, one direction, biases of both sides different."""
    onnx = pytest.importorskip("onnx")
    from onnx.reference import ReferenceEvaluator

    rng = np.random.default_rng(5)
    arrays = {"W": rng.normal(size=(1, gates * M, D)), "R": rng.normal(size=(1, gates * M, M)) / 2}
    arrays |= {"B": rng.normal(size=(1, 2 * gates * M))} if bias else {}
    node = onnx.helper.make_node(kind, ["X", *arrays], ["Y", "Y_h"], name="rnn", hidden_size=M, **options)
    shape = onnx.helper.make_tensor_value_info
    graph = onnx.helper.make_graph(
        [node], "g", [shape("X", 11, ["a", "b", D])], [shape("Y", 11, None), shape("Y_h", 11, None)],
        [onnx.numpy_helper.from_array(a, name) for name, a in arrays.items()],
    )  # fmt: skip
    path = tmp_path / "gated.onnx"
    onnx.save(onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 14)], ir_version=8), path)
    X = rng.normal(size=(N, T, D))
    _, last = ReferenceEvaluator(str(path)).run(None, {"X": X.transpose(1, 0, 2)})
    found = from_onnx(path)
    assert type(found.layers[1]).__name__ == kind
    np.testing.assert_allclose(found.predict(X)[:, -1], last[0], atol=1e-14)
