"""Spoilt zip files."""

from __future__ import annotations

import json
import struct
import zipfile
import zlib
from pathlib import Path

import pytest

from .spoilt import deflated_zeros, outcome, patch, refused, row, save_keras, usable, weights_of_keras

# ---------------------------------------------------------------------------------------------------------- zip files


def zeros_in_zip(path, megabytes):
    """model.weights.h5 is so many MB of zeros, honestly declared."""
    check = 0
    for _ in range(megabytes):
        check = zlib.crc32(bytes(2**20), check)
    save_keras(path, weights=deflated_zeros(megabytes)[2:-4])
    return patch(path, "model.weights.h5", method=zipfile.ZIP_DEFLATED, size=megabytes * 2**20, check=check)


def test_zip_bomb(path):
    zeros_in_zip(path, 480)
    assert path.stat().st_size < 2**20
    with zipfile.ZipFile(path) as archive, archive.open("model.weights.h5") as member:
        assert all(not any(member.read(2**20)) for _ in range(3))
    refused(path, "MB|larg")


def test_zip_bomb_that_says_it_is_small(path):
    refused(patch(zeros_in_zip(path, 480), "model.weights.h5", size=1000), "larg|damaged")


@pytest.mark.parametrize("size", [10**6, 400 * 2**20, 2**31])
def test_member_that_says_it_is_large(path, size):
    refused(patch(save_keras(path, compression=zipfile.ZIP_DEFLATED), "model.weights.h5", size=size), "MB|larg|damaged")


def test_description_that_is_too_large(path):
    text = json.dumps(row()) + " " * (17 * 2**20)
    refused(save_keras(path, text, compression=zipfile.ZIP_DEFLATED), "config.json.*MB")


@pytest.mark.parametrize("piece", ["[],", "{},", '{"":0},', "0.5,"])
def test_description_that_grows_in_memory(path, piece):
    text = json.dumps(row())[:-1] + ', "more": [' + piece * (15 * 2**20 // len(piece)) + "0]}"
    save_keras(path, text, compression=zipfile.ZIP_DEFLATED)
    assert path.stat().st_size < 500_000
    refused(path, "MB|larg")


def test_members_with_paths_are_ignored(path, tmp_path):
    names = ["../../escaped.txt", "../escaped.txt", str(tmp_path / "escaped.txt"), "..\\escaped.txt", "a/../../escaped.txt"]
    names += ["../config.json", "/config.json", "config.json/", "./config.json", "CONFIG.JSON", "assets/model.weights.h5"]
    save_keras(path, more=[(name, "spoilt") for name in names])
    usable(path)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.keras"]
    assert not any(
        (folder / "escaped.txt").exists() for folder in (Path(), Path(".."), tmp_path.parent, tmp_path.parents[1])
    )


@pytest.mark.parametrize("name", ["config.json", "model.weights.h5"])
def test_members_that_are_there_twice_or_not_at_all(path, name):
    refused(save_keras(path, more=[(name, "{}")]), f"2 {name}")
    refused(save_keras(path, **{"config" if name == "config.json" else "weights": b""}), "JSON|HDF5|damaged")
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("other.json", "{}")
        archive.writestr({"config.json": "model.weights.h5"}.get(name, "config.json"), json.dumps(row()))
    refused(path, f"no {name}")


def test_a_name_that_is_cut_by_a_zero_byte(path):
    save_keras(path, more=[("config.jsonX", "{}")])
    path.write_bytes(path.read_bytes().replace(b"config.jsonX", b"config.json\0"))
    refused(path, "2 config.json")


@pytest.mark.parametrize("name", ["config.json", "model.weights.h5"])
@pytest.mark.parametrize(
    "fields, match",
    [({"flags": 1}, "encrypt"), ({"flags": 65}, "encrypt"), ({"flags": 32}, "patched|damaged"),
     ({"method": 99}, "compress"), ({"method": 8}, "damaged"), ({"check": 7}, "damaged|CRC")],
)  # fmt: skip
def test_flags_methods_and_sums(path, name, fields, match):
    refused(patch(save_keras(path), name, **fields), match)


@pytest.mark.parametrize("method", [zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
@pytest.mark.parametrize("name", ["config.json", "model.weights.h5"])
@pytest.mark.parametrize("fill", [b"\xff", b"\x00"])
def test_damaged_compression(path, name, method, fill):
    save_keras(path, compression=method)
    data = bytearray(path.read_bytes())
    with zipfile.ZipFile(path) as archive:
        start = archive.getinfo(name).header_offset + 30 + len(name)
    data[start : start + 40] = fill * 40
    path.write_bytes(data)
    refused(path, "damaged|compress")


@pytest.mark.parametrize("said", [(65535, 65535), (3, 3), struct.unpack("<2H", b"PK\5\6")])
def test_very_many_members(path, said):
    """However many the end of the file says there are, even in the letters that mark the end itself."""
    save_keras(path)
    with zipfile.ZipFile(path) as archive:
        directory = archive.start_dir
    data = path.read_bytes()
    entries = data[directory : data.rindex(b"PK\5\6")]
    first = entries[: 46 + len("metadata.json")]
    entries += first * 1_000_000
    end = struct.pack("<4s4H2IH", b"PK\5\6", 0, 0, *said, len(entries), directory, 0)
    path.write_bytes(data[:directory] + entries + end)
    outcome(path)


@pytest.mark.parametrize(
    "weights", [b"not HDF5 at all", b"\x89HDF\r\n\x1a\n", b"\x89HDF\r\n\x1a\n" + bytes(1000), bytes(4096)]
)
def test_weights_that_are_not_hdf5(path, weights):
    refused(save_keras(path, weights=weights), "damaged|HDF5")


def test_addresses_far_outside_the_file(path):
    """The sizes and addresses at the head of an HDF5 file become 0, or far too large."""
    good = weights_of_keras()
    for at in range(8, 136, 3):
        for value in (0, 2**40, 2**62, 2**63, 2**64 - 1):
            data = bytearray(good)
            data[at : at + 8] = value.to_bytes(8, "little")
            outcome(save_keras(path, weights=bytes(data)))


def cuts(size):
    return sorted({*range(0, size, size // 60), *range(max(0, size - 30), size), 1, 4, 8, 30})


def test_a_cut_file_is_refused_wherever_it_is_cut(save):
    path = save()
    data = path.read_bytes()
    for length in cuts(len(data)):
        path.write_bytes(data[:length])
        refused(path, "damaged|neither" if length else "neither|empty")


def test_cut_weights_are_refused_wherever_they_are_cut(path):
    data = weights_of_keras()
    for length in cuts(len(data)):
        refused(save_keras(path, weights=data[:length]), "damaged|HDF5")
