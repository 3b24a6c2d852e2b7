"""PyTorch's weights and ONNX nodes: the formulas of their documentation, run by hand, and their own programs."""

from __future__ import annotations

import numpy as np
import pytest

import minirnn as mr
from minirnn.exchange import from_onnx, from_torch, to_torch
from minirnn.layers import Bidirectional, Dense, Input, SimpleRNN
from minirnn.models import Model

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


def test_pytorch_itself():
    torch = pytest.importorskip("torch")
    rnn = torch.nn.RNN(D, M, num_layers=2, bidirectional=True, batch_first=True, dtype=torch.float64)
    X = np.random.default_rng(1).normal(size=(N, T, D))
    model = from_torch(rnn.state_dict())
    np.testing.assert_allclose(model.predict(X), rnn(torch.from_numpy(X))[0].detach().numpy(), rtol=1e-12)
    rnn.load_state_dict({key: torch.from_numpy(w) for key, w in to_torch(model).items()})
    np.testing.assert_allclose(model.predict(X), rnn(torch.from_numpy(X))[0].detach().numpy(), rtol=1e-12)


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


def onnx_file(path, directions=1, bias=True, extra=(), **attributes):
    onnx = pytest.importorskip("onnx")
    rng = np.random.default_rng(0)
    arrays = {"W": rng.normal(size=(directions, M, D)), "R": rng.normal(size=(directions, M, M)) / 2}
    if bias:
        arrays["B"] = rng.normal(size=(directions, 2 * M))
    arrays = {name: a.astype("float32") for name, a in arrays.items()}
    node = onnx.helper.make_node("RNN", ["X", *arrays, *extra], ["Y"], name="rnn", hidden_size=M, **attributes)
    shape = onnx.helper.make_tensor_value_info
    graph = onnx.helper.make_graph(
        [node], "g", [shape("X", 1, [T, N, D])], [shape("Y", 1, [T, directions, N, M])],
        [onnx.numpy_helper.from_array(a, name) for name, a in arrays.items()],
    )  # fmt: skip
    onnx.save(onnx.helper.make_model(graph), path)
    return path


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize(
    ("directions", "attributes"),
    [(1, {}), (1, {"activations": ["Relu"]}), (2, {"direction": "bidirectional", "activations": ["Tanh", "Sigmoid"]})],
)
def test_onnx_nodes(tmp_path, directions, attributes, bias):
    path = onnx_file(tmp_path / "a.onnx", directions, bias, **attributes)
    from onnx.reference import ReferenceEvaluator

    X = np.random.default_rng(1).normal(size=(N, T, D)).astype("float32")
    found = from_onnx(path).predict(X)
    if attributes.get("activations", ["Tanh"]) == ["Tanh"]:  # the reference evaluator knows one direction and tanh
        (Y,) = ReferenceEvaluator(str(path)).run(None, {"X": X.transpose(1, 0, 2)})
        np.testing.assert_allclose(found, Y[:, 0].transpose(1, 0, 2), atol=1e-6)
    assert found.shape == (N, T, directions * M)
    functions = {"Tanh": np.tanh, "Relu": lambda z: np.maximum(z, 0), "Sigmoid": lambda z: 1 / (1 + np.exp(-z))}
    import onnx

    W, R, *B = map(onnx.numpy_helper.to_array, onnx.load(path).graph.initializer)
    for k, name in enumerate(attributes.get("activations", ["Tanh"])):
        h, states = np.zeros((N, M)), []
        for t in range(T)[:: -1 if k else 1]:
            b = B[0][k][:M] + B[0][k][M:] if B else 0
            h = functions[name](X[:, t] @ W[k].T + h @ R[k].T + b)
            states.append(h)
        mine = found[:, :, k * M : (k + 1) * M]
        np.testing.assert_allclose(mine, np.stack(states[:: -1 if k else 1], axis=1), atol=1e-5)


@pytest.mark.parametrize(
    ("options", "error", "says"),
    [
        ({"direction": "reverse"}, NotImplementedError, "runs backwards alone"),
        ({"clip": 1.0}, NotImplementedError, "clip"),
        ({"activations": ["Affine"]}, NotImplementedError, "Affine"),
        ({"extra": ("", "h")}, NotImplementedError, "initial_h"),
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
    with pytest.raises(ValueError, match="0 RNN nodes to choose from; name one of: rnn"):
        from_onnx(onnx_file(tmp_path / "c.onnx"), node="other")


def test_a_model_from_pytorch_has_every_reading():
    model = from_torch(torch_weights(both=True))
    rng = np.random.default_rng(2)
    trace = mr.trace(model, rng.normal(size=(N, T, D)), rng.normal(size=(N, T, 2 * M)))
    assert trace.verify(with_keras=False).ok and trace.equations().residual < 1e-13
