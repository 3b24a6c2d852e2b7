"""ONNX files that make no sense: each is refused in one line that names it."""

from __future__ import annotations

import numpy as np
import pytest

from minirnn.exchange import from_onnx

onnx = pytest.importorskip("onnx")
D, M = 3, 5


def tensor(name, shape, kind=1, **fields):
    made = onnx.numpy_helper.from_array(np.full(shape, 0.1, "float32"), name)
    made.data_type = kind
    for field, value in fields.items():
        getattr(made, field).extend(value) if isinstance(value, list) else setattr(made, field, value)
    return made


def model_bytes(W=None, R=None, outputs=("Y",), inputs=("X", "W", "R"), more=(), **attributes):
    node = onnx.helper.make_node("RNN", list(inputs), list(outputs), name="n", **{"hidden_size": M} | attributes)
    entry = onnx.helper.make_tensor_value_info("X", 1, [4, 1, D])
    end = onnx.helper.make_tensor_value_info("Y", 1, None)
    weights = [tensor("W", (1, M, D)) if W is None else W, tensor("R", (1, M, M)) if R is None else R, *more]
    return onnx.helper.make_model(onnx.helper.make_graph([node], "g", [entry], [end], weights)).SerializeToString()


def refused(path, data):
    path.write_bytes(data)
    with pytest.raises((ValueError, NotImplementedError)) as caught:
        from_onnx(path)
    said = str(caught.value)
    assert said.startswith(f"{path}: ") and said.isprintable() and len(said) < len(str(path)) + 400
    return said


def test_the_good_file_is_read(tmp_path):
    (tmp_path / "a.onnx").write_bytes(model_bytes())
    assert from_onnx(tmp_path / "a.onnx").predict(np.ones((2, 4, D), "float32")).shape == (2, 4, M)


@pytest.mark.parametrize("kind", [0, 8, 9, 14, 16, 17, 23, 999, -1])
def test_weights_of_other_kinds(tmp_path, kind):
    refused(tmp_path / "a.onnx", model_bytes(tensor("W", (1, M, D), kind)))


@pytest.mark.parametrize(
    "options",
    [
        {"direction": 3}, {"direction": 1.5}, {"direction": "up"}, {"direction": b"\xff\xfe"}, {"activations": [1, 2]},
        {"activations": "Tanh"}, {"activations": [b"\xff"]},
        {"activations": ["Elu"], "activation_alpha": 1.0}, {"activations": ["Elu"], "activation_alpha": ["a"]},
        {"hidden_size": "5"}, {"hidden_size": -5}, {"layout": 1.5},
        {"outputs": ()}, {"inputs": ()}, {"inputs": ("X",)}, {"inputs": ("X", "R", "W")}, {"inputs": ("X", "W", "")},
        {"name\nof": 1},
    ],
    ids=repr,
)  # fmt: skip
def test_nodes_that_are_none(tmp_path, options):
    refused(tmp_path / "a.onnx", model_bytes(**options))


def test_arrays_that_do_not_fit_or_lie_elsewhere(tmp_path):
    path = tmp_path / "a.onnx"
    for shape in ((), (1, M), (1, 0, D), (3, M, D), (1, M, D, 1)):
        refused(path, model_bytes(tensor("W", shape)))
    long = tensor("W", (1, M, D))
    long.dims[1] = 2**40
    refused(path, model_bytes(long))
    outside = tensor("W", (1, M, D), data_location=1)
    outside.external_data.add(key="location", value="/etc/hostname")
    assert "another file" in refused(path, model_bytes(outside))


def test_bytes_that_are_no_model(tmp_path):
    for data in (b"", b"\x08\xff" * 40, b"\x00", bytes(1000), b"no such thing", model_bytes()[:-40]):
        refused(tmp_path / "a.onnx", data)


def test_names_are_shown_as_text(tmp_path):
    data = model_bytes().replace(b"\x1a\x01n", b"\x1a\x01\x07")
    (tmp_path / "a.onnx").write_bytes(data)
    with pytest.raises(ValueError, match="name one of") as caught:
        from_onnx(tmp_path / "a.onnx", node="other")
    assert str(caught.value).isprintable()


def test_random_damage(tmp_path):
    good, rng, path = model_bytes(), np.random.default_rng(0), tmp_path / "a.onnx"
    read = 0
    for _ in range(400):
        data = bytearray(good)
        for _ in range(rng.integers(1, 4)):
            data[rng.integers(len(data))] ^= 1 << int(rng.integers(8))
        path.write_bytes(data)
        try:
            from_onnx(path)
            read += 1
        except (ValueError, NotImplementedError) as error:
            assert str(error).startswith(f"{path}: ") and str(error).isprintable()
    assert 0 < read < 400
