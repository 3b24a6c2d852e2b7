"""Small files that ask for much: each part is allowed, their sum is not."""

from __future__ import annotations

import json
import struct
import zipfile

import numpy as np
import pytest

import minirnn as mr

from .spoilt import PLACES, Cost, changed, entry, functional, refused, replace, row, save_h5, save_keras


@pytest.mark.parametrize("n", [2, 1000, 9000])
def test_heaps_within_the_entries_of_heaps(tmp_path, n):
    one = lambda size: b"\1" + bytes(7) + size.to_bytes(8, "little")
    weights = b"".join(one(32) + b"GCOL\1\0\0\0" + (48 * (n - i) - 16).to_bytes(8, "little") + one(0) for i in range(n))
    refused(save_keras(tmp_path / "a.keras", weights=weights), "does not fit")


def test_a_heap_of_millions_of_empty_entries(tmp_path):
    size = 32 * 2**20
    weights = b"GCOL\1\0\0\0" + size.to_bytes(8, "little") + (b"\1" + bytes(15)) * (size // 16 - 1)
    refused(save_keras(tmp_path / "a.keras", weights=weights, compression=zipfile.ZIP_DEFLATED), "does not fit")


@pytest.mark.parametrize("n", [3000, 60_000])
def test_attributes_that_each_say_a_thousand_texts(tmp_path, n):
    said = bytearray(48)
    said[:22] = b"\x03\x00" + struct.pack("<3H", 13, 4, 11) + b"\x00" + b"model_config\0"
    said[22], said[26], said[27], said[30:38] = 9, 2, 1, struct.pack("<Q", 1000)
    weights = bytes(said) * n + bytes(17_000)
    refused(save_keras(tmp_path / "a.keras", weights=weights), "more texts|far more attributes|longer than the file")


def test_a_type_that_is_kept_elsewhere(tmp_path):
    weights = b"\x03\x01" + struct.pack("<3H", 13, 4, 11) + b"\x00" + b"model_config\0" + bytes(99)
    refused(save_keras(tmp_path / "a.keras", weights=weights), "elsewhere")


def test_attributes_that_are_compressed(tmp_path):
    refused(save_keras(tmp_path / "a.keras", weights=b"FRHP\0\x08\0\x20\0" + bytes(99)), "compressed")


@pytest.mark.parametrize("chunks", [(1, 1), (4, 2), (2, 2)])
def test_arrays_in_pieces(save, kind, chunks):
    refused(save(spoil=lambda file: replace(file, PLACES[kind][3], (4, 2), "float32", chunks=chunks)), "one piece")


def test_a_million_pieces(tmp_path):
    def spoil(file):
        replace(file, "layers/simple_rnn/cell/vars/0", (1000, 1000), "float32", chunks=(1, 1))

    config = changed(row(), ("layers.0.config.batch_shape", [None, 5, 1000]), ("layers.1.config.units", 1000))
    refused(save_keras(tmp_path / "a.keras", config, spoil), "one piece")


def test_an_array_that_was_never_written(save, kind):
    refused(save(spoil=lambda file: replace(file, PLACES[kind][3], (4, 2), "float32")), "one piece")


def test_one_array_for_many_layers(tmp_path):
    """Each layer's weights are links to the same array: together they are more than the file."""
    many = 20
    layers = [entry("Dense", name=f"d{i}", units=300) for i in range(many)]

    def spoil(file):
        file["w"], file["b"] = np.ones((300, 300), "float32"), np.ones(300, "float32")
        for i in range(many):
            group = "layers/dense" + (f"_{i}" if i else "")
            for key, source in (("0", "w"), ("1", "b")):
                if f"{group}/vars/{key}" in file:
                    del file[f"{group}/vars/{key}"]
                file[f"{group}/vars/{key}"] = file[source]

    config = changed(row(*layers), ("layers.0.config.batch_shape", [None, 5, 300]))
    refused(save_keras(tmp_path / "a.keras", config, spoil), "larger than it")


@pytest.mark.parametrize(("depth", "tensors"), [(450, 100_000), (900, 1000), (450, 3)])
def test_calls_with_lists_within_lists(tmp_path, depth, tensors):
    inner = [["start", 0, 0]] * tensors
    for _ in range(depth):
        inner = [inner]
    config = functional()
    config["config"]["layers"][1]["inbound_nodes"] = [{"args": [inner], "kwargs": {}}]
    text = json.dumps(config).replace(" ", "")
    refused(save_keras(tmp_path / "a.keras", text), "inputs|JSON|damaged|initial states")


def test_layers_in_the_order_that_costs_most(tmp_path):
    """Each is fed by the one after it, and by a hundred others that are there: every round finds one that can be called."""
    config = functional()
    start = config["config"]["layers"][0]
    layers = []
    for i in range(150):
        source = "start" if i == 0 else f"d{i - 1}"
        layer = entry("Dense", name=f"d{i}", units=2) | {"name": f"d{i}"}
        layer["inbound_nodes"] = [{"args": [[["start", 0, 0]] * 150 + [[source, 0, 0]]], "kwargs": {}}]
        layers.append(layer)
    config["config"]["layers"] = [start, *reversed(layers)]
    config["config"]["output_layers"] = ["d149", 0, 0]
    refused(save_keras(tmp_path / "a.keras", config), "the weights have no")


def large(path, megabytes, save):
    """A good file with so many MB of something else beside its weights, such as the state of an optimizer."""
    junk = np.random.default_rng(0).bytes(2**20)

    def spoil(file):
        file["optimizer"] = np.frombuffer(junk * megabytes, "u1")

    return save(path, spoil=spoil)


@pytest.mark.parametrize("save", [save_keras, save_h5])
def test_a_large_good_file_takes_no_more_than_itself(tmp_path, save):
    path = large(tmp_path / "a.model", 120, save)
    mr.load(path)
    with Cost() as cost:
        mr.load(path)
    assert cost.megabytes < 160 and cost.seconds < 2
