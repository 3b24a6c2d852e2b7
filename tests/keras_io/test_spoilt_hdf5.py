"""Spoilt HDF5: what lies outside of the file, and bombs."""

from __future__ import annotations

import json
import re
import struct

import h5py
import numpy as np
import pytest

import minirnn as mr

from .spoilt import (
    ARRAYS,
    PLACES,
    SECRET,
    changed,
    deflated_zeros,
    entry,
    functional,
    in_child,
    one_line,
    outcome,
    refused,
    replace,
    row,
    save_h5,
    save_keras,
    usable,
)


def test_the_good_file_is_loaded(save):
    for config in (row(), functional()):
        model = mr.load(save(config))
        assert [w.tolist() for w in model.get_weights()] == [a.tolist() for a in ARRAYS.values()]
        usable(save(config))


# ------------------------------------------------------------------------------------------------- outside of the file


def external_storage(file, place, folder):
    np.full((4, 2), SECRET, "float32").tofile(folder / "secret.raw")
    del file[place]
    file.create_dataset(place, (4, 2), "float32", external=[(str(folder / "secret.raw"), 0, 32)])


def external_link(file, place, folder):
    del file[place]
    file[place] = h5py.ExternalLink(secret(folder, "kernel"), "kernel")


def external_group(file, place, folder):
    group, _, name = place.rpartition("/")
    outside = secret(folder, "vars/" + name, "vars/bias", "vars/1")
    del file[group]
    file[group] = h5py.ExternalLink(outside, "vars")


def virtual(file, place, folder):
    layout = h5py.VirtualLayout((4, 2), "float32")
    layout[:] = h5py.VirtualSource(secret(folder, "kernel"), "kernel", shape=(4, 2))
    del file[place]
    file.create_virtual_dataset(place, layout)


def secret(folder, *places):
    with h5py.File(folder / "secret.h5", "w") as file:
        for place in places:
            file[place] = np.full((4, 2), SECRET, "float32")
    return str(folder / "secret.h5")


@pytest.mark.parametrize("attack", [external_storage, external_link, external_group, virtual])
def test_nothing_outside_the_file_is_read(attack, save, kind, tmp_path):
    place = PLACES[kind][3]
    plain = tmp_path / "plain.h5"
    with h5py.File(plain, "w") as file:
        file[place] = ARRAYS["dense kernel"]
        attack(file, place, tmp_path)
    with h5py.File(plain) as file:
        assert (file[place][()] == SECRET).all()  # the attack works on whoever trusts the file
    refused(save(spoil=lambda file: attack(file, place, tmp_path)), "another (file|place)")


@pytest.mark.parametrize("link", [h5py.SoftLink("/model_weights"), h5py.ExternalLink("secret.h5", "/")])
def test_no_link_is_followed_in_the_middle_of_a_layer_name(link, tmp_path):
    secret(tmp_path, "dense/net/kernel")

    def spoil(file):
        file["model_weights/outer"] = link

    refused(save_h5(tmp_path / "a.h5", changed(row(), ("layers.2.config.name", "outer/dense")), spoil), "link")


def test_a_soft_link_is_not_followed(save, kind):
    def spoil(file):
        file.move(PLACES[kind][3], "elsewhere")
        file[PLACES[kind][3]] = h5py.SoftLink("/elsewhere")

    refused(save(spoil=spoil), "link")


def test_a_loop_of_hard_links_does_no_harm(save, kind):
    def spoil(file):
        group = file[PLACES[kind][3].rpartition("/")[0]]
        group["loop"] = group
        file["loop"] = file["/"]

    usable(save(spoil=spoil))


def test_a_long_path_through_a_loop_is_not_walked(tmp_path):
    def spoil(file):
        group = file["model_weights/dense"]
        group["loop"] = group
        group.attrs["weight_names"] = np.array(["loop/" * 100_000 + "net/kernel", "net/bias"], object)

    assert outcome(save_h5(tmp_path / "a.h5", spoil=spoil))


# ------------------------------------------------------------------------------------------------------ bombs in HDF5


def test_shape_bomb(save, kind):
    path = save(spoil=lambda file: replace(file, PLACES[kind][3], (200_000, 200_000), "float32"))
    assert path.stat().st_size < 100_000
    refused(path, "shape")


def test_a_description_that_agrees_with_the_bomb(save, kind):
    def spoil(file):
        for place, shape in zip(PLACES[kind], ((3, 200_000), (200_000, 200_000), (200_000,))):
            replace(file, place, shape, "float32")

    refused(save(changed(row(), ("layers.1.config.units", 200_000)), spoil), "too large")


def test_many_layers_that_are_too_large_together(tmp_path):
    layers = [entry("Dense", name=f"d{i}", units=4000) for i in range(4)]
    shapes = [(3, 4000)] + 3 * [(4000, 4000)]

    def spoil(file):
        for i, shape in enumerate(shapes):
            group = "layers/dense/vars/" if i == 0 else f"layers/dense_{i}/vars/"
            for place, size in ((group + "0", shape), (group + "1", (4000,))):
                if place in file:
                    del file[place]
                file.create_dataset(place, size, "float32", data=None if i else np.zeros(size))

    refused(save_keras(tmp_path / "a.keras", row(*layers), spoil), "too large")


def test_a_small_array_in_a_huge_chunk(save, kind):
    def spoil(file):
        options = {"maxshape": (None, None), "chunks": (2**14, 2**13), "compression": "gzip", "compression_opts": 1}
        array = replace(file, PLACES[kind][3], (4, 2), "float32", **options)
        array.id.write_direct_chunk((0, 0), deflated_zeros(512))

    refused(save(spoil=spoil), "chunk|compress|filter")


def test_a_chunk_that_inflates_beyond_its_size(save, kind):
    def spoil(file):
        array = replace(
            file, PLACES[kind][3], (4, 2), "float32", maxshape=(None, None), chunks=(128, 128), compression="gzip"
        )
        array.id.write_direct_chunk((0, 0), deflated_zeros(512))

    refused(save(spoil=spoil), "chunk|compress|filter")


def test_one_text_said_a_thousand_times(tmp_path):
    """All entries of an attribute point at the same long text: half a megabyte in the file, 500 in memory."""

    def spoil(file):
        text = np.array(["Q" * 500_000] + ["R"] * 1000, object)
        file["model_weights/dense"].attrs.create("weight_names", text, dtype=h5py.string_dtype())

    path = save_h5(tmp_path / "a.h5", spoil=spoil)
    data = path.read_bytes()
    sizes = struct.pack("<I", 500_000), struct.pack("<I", 1)
    at = next(m.start() for m in re.finditer(re.escape(sizes[0]), data) if data[m.start() + 16 : m.start() + 20] == sizes[1])
    path.write_bytes(data[:at] + data[at : at + 16] * 1001 + data[at + 16 * 1001 :])
    with h5py.File(path) as file:
        assert file["model_weights/dense"].attrs.get_id("weight_names").shape == (1001,)
    refused(path, "weight|longer than the file")


def test_an_attribute_with_a_huge_shape(tmp_path):
    def spoil(file):
        file["model_weights/dense"].attrs.create("weight_names", np.zeros(1001, "S1"))

    path = save_h5(tmp_path / "a.h5", spoil=spoil)
    data = path.read_bytes()
    assert data.count(struct.pack("<Q", 1001)) >= 1
    path.write_bytes(data.replace(struct.pack("<Q", 1001), struct.pack("<Q", 10**9)))
    assert outcome(path)


@pytest.mark.parametrize("name", ["model_config", "weight_names"])
def test_a_text_that_has_become_a_list(tmp_path, name):
    """A type of variable length that is no text: HDF5 may crash when it reads one that is spoilt."""
    path = save_h5(tmp_path / "a.h5")
    data = bytearray(path.read_bytes())
    at = data.index(b"\x19\x01\x01\x00\x10\0\0\0", data.index(name.encode()))
    data[at + 1] = 0
    path.write_bytes(data)
    ((kind, text),) = in_child([path])
    assert "text" in one_line(path, kind, text)


def test_a_heap_on_which_hdf5_itself_would_turn_for_ever(tmp_path):
    path = save_h5(tmp_path / "a.h5")
    data = bytearray(path.read_bytes())
    at = data.index(b"GCOL") + 16
    while index := int.from_bytes(data[at : at + 2], "little"):  # on to the free space at the end
        size = int.from_bytes(data[at + 8 : at + 16], "little")
        at += 16 + -(-size // 8) * 8
    assert index == 0
    data[at + 8 : at + 16] = bytes(8)
    path.write_bytes(data)
    ((kind, text),) = in_child([path], seconds=5)
    one_line(path, kind, text)


@pytest.mark.parametrize("name", ["model_config", "weight_names"])
def test_a_text_that_says_it_is_very_long(tmp_path, name):
    path = save_h5(tmp_path / "a.h5")
    data = bytearray(path.read_bytes())
    heap = struct.pack("<Q", data.index(b"GCOL")) if name == "model_config" else b""
    at = (
        data.index(heap, data.index(name.encode())) - 4
        if heap
        else data.index(struct.pack("<I", 10), data.index(b"weight_names"))
    )
    data[at : at + 4] = struct.pack("<I", 2**29)
    path.write_bytes(data)
    refused(path, "damaged|long")


def test_a_very_long_description(tmp_path):
    text = json.dumps(row())[:-1] + ', "more": [' + "[]," * 6_000_000 + "[]]}"
    refused(save_h5(tmp_path / "a.h5", text), "MB")
