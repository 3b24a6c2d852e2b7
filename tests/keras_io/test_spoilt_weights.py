"""Spoilt weights."""

from __future__ import annotations

import h5py
import numpy as np
import pytest

import minirnn as mr

from .spoilt import PLACES, refused, replace, save_h5

# -------------------------------------------------------------------------------------------------------------- weights


@pytest.mark.parametrize("missing", range(5))
def test_missing_weights(save, kind, missing):
    def spoil(file):
        del file[PLACES[kind][missing]]

    refused(save(spoil=spoil), "no .*" + PLACES[kind][missing].split("/")[-1])


@pytest.mark.parametrize("depth", [1, 2, 3])
def test_missing_groups(save, kind, depth):
    group = "/".join(PLACES[kind][3].split("/")[:depth])

    def spoil(file):
        array = replace(file, group, (4, 2), "float32")
        array.attrs["weight_names"] = ["net/kernel", "net/bias"]

    refused(save(spoil=lambda file: file.pop(group)), "no ")
    refused(save(spoil=spoil), "no ")


@pytest.mark.parametrize("shape", [(2, 4), (8,), (4, 2, 1), (), (4, 3), (0, 2), None])
def test_weights_of_another_shape(save, kind, shape):
    def spoil(file):
        replace(file, PLACES[kind][3], data=h5py.Empty("float32") if shape is None else np.ones(shape, "float32"))

    refused(save(spoil=spoil), "shape")


def test_a_group_in_place_of_an_array(save, kind):
    def spoil(file):
        del file[PLACES[kind][3]]
        file.create_group(PLACES[kind][3])

    refused(save(spoil=spoil), "not an array")


KINDS = {
    "bytes": np.full((4, 2), b"1.0"),
    "float16": np.ones((4, 2), "float16"),
    "int32": np.ones((4, 2), "int32"),
    "uint8": np.ones((4, 2), "uint8"),
    "bool": np.ones((4, 2), bool),
    "complex64": np.ones((4, 2), "complex64"),
    "compound": np.ones((4, 2), [("a", "float32"), ("b", "float32")]),
    "array": np.ones((4, 2), [("a", "float32", 3)]),
    "opaque": np.ones((4, 2), "V4"),
    "date": np.ones((4, 2), "int64").astype(h5py.opaque_dtype(np.dtype("datetime64[s]"))),
}


@pytest.mark.parametrize("numbers", KINDS.values(), ids=KINDS)
def test_weights_that_are_no_floating_point_numbers(save, kind, numbers):
    refused(save(spoil=lambda file: replace(file, PLACES[kind][3], data=numbers)), "holds|type|float32")


@pytest.mark.parametrize(
    "dtype", [h5py.string_dtype(), h5py.vlen_dtype(np.float32), h5py.ref_dtype, h5py.enum_dtype({"A": 1})], ids=repr
)
def test_weights_that_are_objects(save, kind, dtype):
    refused(save(spoil=lambda file: replace(file, PLACES[kind][3], (4, 2), dtype)), "holds|type|float32")


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_weights_that_are_not_finite_are_loaded_with_a_warning(save, kind, value):
    def spoil(file):
        file[PLACES[kind][3]][1, 1] = value

    with pytest.warns(UserWarning, match="NaN or infinite") as found:
        model = mr.load(save(spoil=spoil))
    assert "kernel" in str(found[0].message) or "dense" in str(found[0].message)
    assert not np.isfinite(model.get_weights()[3][1, 1]) and np.isfinite(model.get_weights()[3]).sum() == 7


WEIGHT_NAMES = [
    [1, 2], 5, "net/kernel", ["net/kernel"], ["net/kernel"] * 3, [], [b"\xff\xfe", b"net/bias"], ["", ""], [".", ".."],
    ["/model_weights/dense/net/kernel", "net/bias"], ["net//kernel", "net/bias"], ["./net/kernel", "net/bias"],
    ["net/kernel/", "net/bias"], ["../dense/net/kernel", "net/bias"], ["a\nb", "net/bias"], ["x" * 10_000, "net/bias"],
    [["net/kernel"], ["net/bias"]], h5py.Empty("S1"), True,
]  # fmt: skip


@pytest.mark.parametrize("names", WEIGHT_NAMES, ids=lambda names: repr(names)[:32])
def test_lists_of_weights_that_are_none(tmp_path, names):
    def spoil(file):
        file["model_weights/dense"].attrs["weight_names"] = names

    refused(save_h5(tmp_path / "a.h5", spoil=spoil), "weight|no |damaged|as Keras writes")


@pytest.mark.parametrize("text", [5, [1, 2], ["{}", "{}"], h5py.Empty("S1"), 1.5, True, np.void(b"abc")], ids=repr)
def test_descriptions_that_are_not_text(tmp_path, text):
    def spoil(file):
        del file.attrs["model_config"]
        file.attrs["model_config"] = text

    refused(save_h5(tmp_path / "a.h5", spoil=spoil), "not text|no model")
