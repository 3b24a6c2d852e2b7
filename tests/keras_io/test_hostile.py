"""Hostile model files, each made here by spoiling a good one.

What cannot be read is refused in one line that names the file and says what is wrong; quickly, in little memory, and
without a look at anything outside the file. What can be read is shown as text, whatever its names are.
"""

from __future__ import annotations

import copy
import html.parser
import io
import json
import os
import re
import struct
import subprocess
import sys
import time
import tracemalloc
import unicodedata
import warnings
import xml.etree.ElementTree as ElementTree
import zipfile
import zlib
from pathlib import Path

import h5py
import numpy as np
import pytest

import minirnn as mr

REFUSALS = (ValueError, NotImplementedError, FileNotFoundError)
SECONDS, MEGABYTES, LONGEST = 2.0, 256, 600  # what a refusal may take: processor time, memory, letters
SECRET = 1234.5  # stands in files that must not be read

ARRAYS = dict(
    zip(
        ("kernel", "recurrent_kernel", "bias", "dense kernel", "dense bias"),
        (np.random.default_rng(0).normal(size=s).astype("float32") for s in ((3, 4), (4, 4), (4,), (4, 2), (2,))),
    )
)
PLACES = {
    "keras": ("layers/simple_rnn/cell/vars/0", "layers/simple_rnn/cell/vars/1", "layers/simple_rnn/cell/vars/2",
              "layers/dense/vars/0", "layers/dense/vars/1"),
    "h5": ("model_weights/simple_rnn/net/kernel", "model_weights/simple_rnn/net/recurrent_kernel",
           "model_weights/simple_rnn/net/bias", "model_weights/dense/net/kernel", "model_weights/dense/net/bias"),
}  # fmt: skip


# ---------------------------------------------------------------------------------------------------------- good files


def entry(kind, **config):
    return {"module": "keras.layers", "class_name": kind, "config": config, "registered_name": None}


def policy():
    return {"module": "keras", "class_name": "DTypePolicy", "config": {"name": "float32"}, "registered_name": None}


def row(*layers):
    """The description of a Sequential model as Keras 3 writes it: SimpleRNN(4) and Dense(2), or `layers`, on (5, 3)."""
    drawn = {"module": "keras.initializers", "class_name": "Zeros", "config": {}, "registered_name": None}
    common = {"trainable": True, "dtype": policy(), "use_bias": True, "kernel_initializer": drawn, "bias_initializer": drawn}
    rnn = {
        "return_sequences": False, "return_state": False, "go_backwards": False, "stateful": False, "unroll": False,
        "zero_output_for_mask": False, "dropout": 0.0, "recurrent_dropout": 0.0, "recurrent_regularizer": None,
    }  # fmt: skip
    layers = layers or (
        entry("SimpleRNN", name="simple_rnn", units=4, activation="tanh", **common, **rnn),
        entry("Dense", name="dense", units=2, activation="linear", kernel_constraint=None, **common),
    )
    start = entry("InputLayer", batch_shape=[None, 5, 3], dtype="float32", sparse=False, ragged=False, name="start")
    config = {"name": "net", "trainable": True, "dtype": policy(), "layers": [start, *layers]}
    config["build_input_shape"] = [None, 5, 3]
    return {"module": "keras", "class_name": "Sequential", "config": config, "registered_name": None}


def functional():
    """The same network as a Functional model."""
    config = row()["config"]
    for before, layer in zip([None, *config["layers"]], config["layers"]):
        layer["name"] = layer["config"]["name"]
        layer["inbound_nodes"] = [call(before["name"])] if before else []
    config = {"name": "net", "trainable": True, "layers": config["layers"]}
    config |= {"input_layers": ["start", 0, 0], "output_layers": ["dense", 0, 0]}
    return {"module": "keras", "class_name": "Functional", "config": config, "registered_name": "Functional"}


def call(*sources, **kwargs):
    """How a layer is called on the outputs of other layers."""
    return {"args": [tensor(source) for source in sources], "kwargs": kwargs}


def tensor(source):
    return {
        "class_name": "__keras_tensor__",
        "config": {"shape": [None], "dtype": "float32", "keras_history": [source, 0, 0]},
    }


def changed(config, *changes):
    """A copy of `config`; a change is a path such as "layers.1.config.units" and the new value."""
    config = copy.deepcopy(config)
    for path, value in changes:
        *front, last = [int(part) if part.isdigit() else part for part in path.split(".")]
        inner = config["config"] if front or last in config["config"] else config
        for part in front:
            inner = inner[part]
        inner[last] = value
    return config


def weights_of_keras(spoil=None):
    """model.weights.h5 as bytes."""
    data = io.BytesIO()
    with h5py.File(data, "w") as file:
        for place, array in zip(PLACES["keras"], ARRAYS.values()):
            file[place] = array
        if spoil:
            spoil(file)
    return data.getvalue()


def save_keras(path, config=None, spoil=None, weights=None, compression=zipfile.ZIP_STORED, more=()):
    text = config if isinstance(config, (str, bytes)) else json.dumps(row() if config is None else config)
    members = [("metadata.json", "{}"), ("config.json", text)]
    members += [("model.weights.h5", weights_of_keras(spoil) if weights is None else weights), *more]
    with zipfile.ZipFile(path, "w", compression, compresslevel=1) as archive, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of duplicate names
        for name, data in members:
            if data is not None:
                archive.writestr(name, data)
    return path


def save_h5(path, config=None, spoil=None):
    with h5py.File(path, "w") as file:
        text = config if isinstance(config, (str, bytes)) else json.dumps(row() if config is None else config)
        file.attrs["model_config"] = text
        for place, array in zip(PLACES["h5"], ARRAYS.values()):
            file[place] = array
        file["model_weights/simple_rnn"].attrs["weight_names"] = ["net/kernel", "net/recurrent_kernel", "net/bias"]
        file["model_weights/dense"].attrs["weight_names"] = ["net/kernel", "net/bias"]
        if spoil:
            spoil(file)
    return path


SAVE = {"keras": save_keras, "h5": save_h5}


@pytest.fixture(params=["keras", "h5"])
def kind(request):
    return request.param


@pytest.fixture
def save(kind, tmp_path):
    """save(config, spoil) writes the good network, spoilt, in the one format and in the other."""
    return lambda config=None, spoil=None, name="model": SAVE[kind](tmp_path / f"{name}.{kind}", config, spoil)


# ------------------------------------------------------------------------------------------------------------ refusals


class Cost:
    """The processor time and the peak of memory of a block: all of the process' where the system tells, else Python's."""

    status, reset = Path("/proc/self/status"), Path("/proc/self/clear_refs")

    def __enter__(self):
        try:
            self.reset.write_text("5")
            self.before = self._peak()
        except OSError:
            self.before = None
            tracemalloc.start()
        self.start = time.process_time()
        return self

    def __exit__(self, *_):
        self.seconds = time.process_time() - self.start
        if self.before is None:
            self.megabytes = tracemalloc.get_traced_memory()[1] / 2**20
            tracemalloc.stop()
        else:
            self.megabytes = self._peak() - self.before

    def _peak(self):
        return int(re.search(r"VmHWM:\s*(\d+)", self.status.read_text())[1]) / 1024


def outcome(path):
    """None if the file loads, else what is said of it in one line, at a small price. Anything else fails the test."""
    error = None
    with Cost() as cost, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            mr.load(path)
        except REFUSALS as caught:
            error = caught
    assert cost.seconds < SECONDS and cost.megabytes < MEGABYTES, f"{cost.seconds:.1f} s, {cost.megabytes:.0f} MB"
    return None if error is None else one_line(path, type(error).__name__, str(error))


def one_line(path, kind, text):
    assert kind in [refusal.__name__ for refusal in REFUSALS], f"{kind}: {text[:LONGEST]}"
    assert text.startswith(f"{path}: "), f"the file is not named first: {text[:LONGEST]!r}"
    says = text[len(f"{path}: ") :]
    assert says and len(says) <= LONGEST, f"{len(says)} letters: {says[:LONGEST]!r}"
    assert says.isprintable(), f"not one line of plain text: {says!r}"
    return says


def refused(path, match):
    says = outcome(path)
    assert says is not None, "it was loaded"
    assert re.search(match, says), f"{match!r} is not in {says!r}"


def in_child(paths, seconds=20):
    """What loading does in a process of its own, which is stopped after `seconds`: one (class, text) each."""
    command = [sys.executable, __file__, *map(str, paths)]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=seconds, check=False)
    except subprocess.TimeoutExpired as error:
        lines = (error.stdout or b"").splitlines()
        pytest.fail(f"loading did not end: {paths[len(lines)]}")
    found = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(found) == len(paths), f"the process died on {paths[len(found)]}: {done.stderr[-500:]}"
    return found


def main(paths):
    """The child: one line of JSON per file."""
    try:
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (4 * 2**30, 4 * 2**30))
    except (ImportError, ValueError, OSError):
        pass
    warnings.simplefilter("ignore")
    for path in paths:
        found = ("", "")
        try:
            mr.load(path)
        except Exception as error:
            found = (type(error).__name__, str(error))
        print(json.dumps(found), flush=True)


def usable(path):
    """Load, show and run: a model that was accepted must work."""
    from minirnn.models import summary_text

    model = mr.load(path)
    summary_text(model)
    repr(model)
    shapes = [[3 if n is None else n for n in symbolic.shape[1:]] for symbolic in model.inputs]
    inputs = [np.zeros((1, *shape)) for shape in shapes]
    assert np.isfinite(model.predict(inputs if len(inputs) > 1 else inputs[0])).all()


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


def replace(file, place, *args, **options):
    del file[place]
    return file.create_dataset(place, *args, **options)


def deflated_zeros(megabytes):
    """A zlib stream of so many MB of zeros, made from one MB."""
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    piece = packer.compress(bytes(2**20)) + packer.flush(zlib.Z_FULL_FLUSH)
    check = 1
    for _ in range(megabytes):
        check = zlib.adler32(bytes(2**20), check)
    return b"\x78\x01" + piece * megabytes + b"\x03\x00" + check.to_bytes(4, "big")


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
                file.create_dataset(place, size, "float32")

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
    refused(path, "weight")


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


# ---------------------------------------------------------------------------------------------------------- zip files


def patch(path, name, **fields):
    """Change what the headers of a member say, in both places."""
    data = bytearray(path.read_bytes())
    with zipfile.ZipFile(path) as archive:
        local = archive.getinfo(name).header_offset
    central = data.rindex(name.encode()) - 46
    assert data[local : local + 4] == b"PK\3\4" and data[central : central + 4] == b"PK\1\2"
    places = {"flags": (6, 8, "<H"), "method": (8, 10, "<H"), "check": (14, 16, "<I"), "packed": (18, 20, "<I"),
              "size": (22, 24, "<I")}  # fmt: skip
    for field, value in fields.items():
        here, there, form = places[field]
        struct.pack_into(form, data, local + here, value)
        struct.pack_into(form, data, central + there, value)
    path.write_bytes(data)
    return path


@pytest.fixture
def path(tmp_path):
    return tmp_path / "a.keras"


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


# -------------------------------------------------------------------------------------------------------------- JSON


@pytest.mark.parametrize(
    "text",
    ["", "{", "null", "[]", "5", '"Sequential"', "{}", '{"class_name": "Sequential"', '{"config": 5}', '{"config": []}',
     '{"class_name": "Sequential", "config": null}', "NaN", "{'a': 1}", "\ufeff{}", "\x01", b"\xff\xfe\xff",
     b'{"class_name": "\xff"}', "[" * 100_000, '{"a":' * 100_000, '{"config": ' + "[" * 100_000 + "]" * 100_000 + "}",
     "1" * 5000],
    ids=lambda text: repr(text[:24]),
)  # fmt: skip
def test_descriptions_that_are_none(save, text):
    refused(save(text), "JSON|describe")


@pytest.mark.parametrize("value", [[], {}, None, 5, True, "", "Evil", "Model.Evil", "__import__('os')", "x" * 10_000])
def test_models_of_another_class(save, value):
    refused(save(changed(row(), ("class_name", value))), "support|describe|as Keras writes")


def test_a_description_that_is_deep_but_can_be_read(save):
    deep = None
    for _ in range(400):
        deep = {"class_name": "x", "config": [deep]}
    assert outcome(save(changed(functional(), ("layers.1.inbound_nodes.0.args", [deep]))))
    assert outcome(save(changed(row(), ("layers.1.config.activation", deep))))


# ------------------------------------------------------------------------------------------------- numbers and flags


HUGE = 10**4000
UNITS = [10**9, 10**6, HUGE, -1, 0, 2.5, 4.0, float("inf"), float("nan"), True, "4", "4" * 10_000, None, [4], {"a": 4}]


@pytest.mark.parametrize("units", UNITS, ids=lambda units: repr(units)[:12])
@pytest.mark.parametrize("layer", [1, 2])
def test_units(save, layer, units):
    refused(save(changed(row(), (f"layers.{layer}.config.units", units))), "units|too large|shape")


SHAPES = [
    [None, 10**9, 3], [None, HUGE, 3], [None, 0, 3], [None, -5, 3], [None, 5.0, 3], [None, True, 3], [None, 5, True],
    [None, "5", 3], [None, 5, None], [None, 5, 10**9], [None, [5], 3], [None, {}, 3], [None, 5, 3, 3], [None, 3], [None], [],
    [None] + [3] * 100_000, "abc", None, 5, {"a": 5, "b": 3}, True,
]  # fmt: skip


@pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: repr(shape)[:24])
def test_input_shapes(save, shape):
    refused(save(changed(row(), ("layers.0.config.batch_shape", shape))), "shape|too large|sequences|as Keras writes")


def test_a_million_steps_are_no_trouble_before_they_are_run(save):
    assert outcome(save(changed(row(), ("layers.0.config.batch_shape", [None, 10**6, 3])))) is None


ACTIVATIONS = [
    {"module": "os", "class_name": "function", "config": "system", "registered_name": "system"},
    {"module": "os", "class_name": "function", "config": "tanh", "registered_name": "tanh"},
    {"module": "builtins", "class_name": "function", "config": "eval", "registered_name": "eval"},
    {"module": "keras.activations", "class_name": "function", "config": {"name": "tanh"}},
    {"module": "kerasevil", "class_name": "function", "config": "tanh"},
    {"module": None, "config": "tanh"}, {}, "", "system", "TANH", "tanh\n", "__import__('os').system('true')", "__class__",
    "x" * 100_000, 5, True, False, 0, ["tanh"], [],
]  # fmt: skip


@pytest.mark.parametrize("activation", ACTIVATIONS, ids=lambda activation: repr(activation)[:40])
@pytest.mark.parametrize("layer", [1, 2])
def test_activations(save, layer, activation):
    refused(save(changed(row(), (f"layers.{layer}.config.activation", activation))), "activation")


CLASSES = [
    "Lambda", "TFSMLayer", "TorchModuleWrapper", "LSTM", "Layer", "Functional", "Sequential", "os.system", "__class__",
    "simplernn", "SimpleRNN ", "", "x" * 10_000, "a\nb", None, 5, [], ["SimpleRNN"], {"a": 1},
]  # fmt: skip


@pytest.mark.parametrize("name", CLASSES, ids=lambda name: repr(name)[:24])
def test_layers_of_another_class(save, name):
    entries = ("layers.1.class_name", name), ("layers.1.config", {"name": "evil", "function": ["4wEAAA==", None, None]})
    refused(save(changed(row(), *entries)), "support|as Keras writes")


@pytest.mark.parametrize(
    "path, value",
    [("layers.1.registered_name", "evil>SimpleRNN"), ("layers.1.registered_name", "Lambda"),
     ("layers.1.registered_name", ["SimpleRNN"]), ("layers.1.registered_name", {}), ("layers.1.module", "__main__"),
     ("layers.1.module", "os"), ("layers.1.module", "kerasevil.layers"), ("registered_name", "evil>Sequential"),
     ("module", "evil.models")],
)  # fmt: skip
def test_classes_of_ones_own_under_a_known_name(save, path, value):
    """A class that only bears Keras' name computes something else."""
    config = row()
    if "." not in path:
        config[path] = value
    else:
        config = changed(config, (path, value))
    refused(save(config), "support")


@pytest.mark.parametrize("path", ["registered_name", "layers.1.registered_name"])
def test_the_registered_name_may_be_that_of_the_class(save, path):
    config = changed(functional(), ("layers.1.registered_name", "SimpleRNN"))
    usable(save(config))


@pytest.mark.parametrize(
    "name, value",
    [("dropout", None), ("dropout", True), ("dropout", float("inf")), ("dropout", "0"),
     ("dropout", "x" * 100_000), ("recurrent_dropout", [0.1]), ("go_backwards", 1),
     ("stateful", "yes"), ("stateful", True), ("return_state", True), ("unroll", []), ("time_major", True),
     ("kernel_regularizer", {"l2": 1}), ("kernel_regularizer", {"class_name": "L2", "config": {"l2": "x"}}),
     ("kernel_regularizer", {"class_name": "L2", "module": "os", "config": {"l2": 1}}), ("kernel_regularizer", "evil"),
     ("kernel_regularizer", {"class_name": "L2", "config": {"l3": 1}}), ("bias_regularizer", {"class_name": ["L2"]}),
     ("kernel_constraint", "x"), ("kernel_constraint", {"class_name": "MaxNorm", "config": {"max_value": {}}}),
     ("activation", "evil"), ("activation", "threshold"), ("activation", {"class_name": "function", "config": "os"}),
     ("evil", 1), ("x" * 100_000, 1), ("a\nb", 1), ("self", 1), ("shape", [3]),
     ("use_bias", "no"), ("use_bias", []), ("use_bias", None), ("return_sequences", "no"), ("return_sequences", {}),
     ("return_sequences", 2), ("trainable", "yes"), ("trainable", []), ("dtype", "float16"), ("dtype", "mixed_bfloat16"),
     ("dtype", "object"), ("dtype", {"config": {"name": "int8"}}), ("dtype", {}), ("dtype", []), ("dtype", 5),
     ("dtype", "x" * 10_000), ("dtype", False), ("name", ["a"]), ("name", {"a": 1}), ("name", 5), ("name", True)],
    ids=lambda value: repr(value)[:24],
)  # fmt: skip
def test_arguments_that_cannot_be_meant(save, name, value):
    config = row()
    config["config"]["layers"][1]["config"][name] = value
    refused(save(config), "\\S")


def nodes(value, path=()):
    """Every place in a description."""
    yield path
    for key, inner in value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ():
        yield from nodes(inner, (*path, key))


@pytest.mark.parametrize("good", [row, functional])
def test_wrong_types_everywhere(good, path):
    """Each entry of the description in turn becomes nothing, a list, a number, ...: refused, or else it does not matter."""
    wrong = [None, [], {}, [None], {"a": 1}, -1, 10**9, 0.5, True, "x"]
    weights, failures = weights_of_keras(), []
    for place in nodes(good()):
        for value in wrong if place else ():
            config = inner = good()
            for key in place[:-1]:
                inner = inner[key]
            inner[place[-1]] = value
            save_keras(path, config, weights=weights)
            try:
                try:
                    usable(path)
                except REFUSALS as error:
                    one_line(path, type(error).__name__, str(error))
            except Exception as error:
                failures.append(f"{'.'.join(map(str, place))} = {value!r}: {type(error).__name__}: {str(error)[:100]}")
    assert not failures, f"{len(failures)}, such as\n" + "\n".join(failures[:40])


# ---------------------------------------------------------------------------------------------------------- the graph


@pytest.mark.parametrize("source", ["ghost", "dense", "", None, 5, [], {"a": 1}, ["start"], "x" * 10_000])
def test_layers_fed_by_nothing_or_by_themselves(save, source):
    if source == "dense":
        config = changed(functional(), ("layers.2.inbound_nodes", [call("dense")]))
    else:
        config = changed(functional(), ("layers.1.inbound_nodes", [call(source)]))
    refused(save(config), "which does not come before it|dense|as Keras writes")


def test_layers_that_feed_each_other(save):
    config = changed(functional(), ("layers.1.inbound_nodes", [call("dense")]))
    refused(save(config), "dense|as Keras writes")


@pytest.mark.parametrize(
    "place, value, match",
    [("layers.2.inbound_nodes", [], "0 times"),
     ("layers.2.inbound_nodes", [call("simple_rnn", "simple_rnn")], "\\S"),
     ("layers.2.inbound_nodes", [call("simple_rnn", initial_state=tensor("simple_rnn"))], "\\S"),
     ("layers.1.inbound_nodes", [call("start", "start", "start")], "\\S"),
     ("layers.1.inbound_nodes", [call("start", mask=tensor("start"))], "mask"),
     ("layers.1.inbound_nodes", [call()], "\\S"),
     ("layers.1.inbound_nodes", [[["start", 0, 0]]], "\\S"),
     ("layers.1.inbound_nodes", [[["ghost", 0, 0, {}]]], "ghost"),
     ("layers.0.inbound_nodes", [call("dense")], "\\S"),
     ("output_layers", [["dense", 0, 1]], "\\S"), ("output_layers", [["dense", 1, 0]], "\\S"),
     ("layers.2.inbound_nodes", [call("simple_rnn", training="yes")], "training"),
     ("layers.2.inbound_nodes", [call("simple_rnn")] * 300, "at most"),
     ("output_layers", [], "\\S"), ("output_layers", ["ghost", 0, 0], "ghost"),
     ("output_layers", [["ghost", 0, 0]], "ghost"),
     ("input_layers", [], "\\S"), ("input_layers", ["ghost", 0, 0], "ghost"), ("input_layers", ["dense", 0, 0], "\\S"),
     ("input_layers", [["start", 0, 0], ["start", 0, 0]], "\\S"),
     ("layers", [], "\\S"), ("layers", {}, "\\S"), ("layers", None, "\\S")],
)  # fmt: skip
def test_graphs_that_are_none(save, place, value, match):
    refused(save(changed(functional(), (place, value))), match)


@pytest.mark.parametrize("shape", [[None, 4], [None, 7], [None, None], [None, 5, 4], [None, 4, 4]])
def test_initial_states_must_fit(save, shape):
    state = entry("InputLayer", batch_shape=shape, dtype="float32", name="state") | {"name": "state", "inbound_nodes": []}
    config = changed(functional(), ("layers.1.inbound_nodes", [call("start", initial_state=tensor("state"))]))
    config["config"]["layers"].insert(1, state)
    config = changed(config, ("input_layers", [["start", 0, 0], ["state", 0, 0]]))
    if shape == [None, 4]:
        usable(save(config))
    else:
        refused(save(config), "state|shape")


@pytest.mark.parametrize("missing", [0, 1, 2])
def test_a_layer_is_missing(save, missing):
    config = functional()
    del config["config"]["layers"][missing]
    refused(save(config), ["start", "simple_rnn", "dense"][missing])


def test_two_layers_of_one_name(save):
    config = changed(functional(), ("layers.2.name", "simple_rnn"), ("layers.2.config.name", "simple_rnn"))
    refused(save(changed(config, ("output_layers", ["simple_rnn", 0, 0]))), "simple_rnn")


def test_rows_that_are_none(save):
    start, *layers = row()["config"]["layers"]
    for made in ([], [start], [start, start, *layers], [*layers[:1], start, *layers[1:]], [None], ["SimpleRNN"], [layers]):
        refused(save(changed(row(), ("layers", made))), "\\S")


def test_a_row_without_an_input_shape(save):
    config = changed(row(), ("layers", row()["config"]["layers"][1:]), ("build_input_shape", None))
    refused(save(config), "input shape")


def test_very_many_layers(path):
    outcome(save_keras(path, row(*[entry("Flatten", name=f"f{i}") for i in range(2000)])))


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


# -------------------------------------------------------------------------------------------------------------- names


NAMES = {
    "svg": "<svg onload=alert(1)>",
    "script": "<script>alert(1)<!--",
    "attribute": '" onmouseover="alert(1)" x="',
    "dot": 'a"]; evil [label="x',
    "record": "{a|b} \\N <B>x<B> &lt;",
    "latex": "$\\input{x}$",
    "braces": "}{%s}{{0}}\\",
    "template": "{{ 7 * 7 }}{% raw %}",
    "right to left": "a\u202egnp.exe\u200f",
    "terminal": "a\x1b]0;b\x07\x1b[2J\r",
    "lines": "a\nb\u2028c\td",
    "long": "n" * 5000,
}


def named(name, kind, tmp_path):
    """The good network, its model and layers called `name`, each with a number behind it."""
    places = ["layers.0.config.name", "layers.1.config.name", "layers.2.config.name"]
    config = changed(row(), ("name", name), *[(place, f"{name}{i}") for i, place in enumerate(places)])

    def spoil(file):
        if kind == "h5":
            file.move("model_weights/simple_rnn", f"model_weights/{name}1")
            file.move("model_weights/dense", f"model_weights/{name}2")

    return mr.load(SAVE[kind](tmp_path / f"a.{kind}", config, spoil))


class Tags(html.parser.HTMLParser):
    """Every tag and attribute that a browser would see, and the text of headings."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.attributes, self.text = [], [], ""
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += [name for name, _ in attrs]

    def handle_data(self, data):
        self.text += data


def unseen(text):
    """The characters that steer a terminal or a browser rather than show."""
    return {c for c in text if c != "\n" and unicodedata.category(c) in ("Cc", "Cf", "Zl", "Zp")}


def traced(model):
    rng = np.random.default_rng(1)
    return mr.trace(model, rng.normal(size=(1, 5, 3)), np.zeros((1, 2)))


@pytest.mark.parametrize("name", NAMES.values(), ids=NAMES)
def test_hostile_names_are_shown_as_text_or_cut(name, kind, tmp_path, capsys):
    model = named(name, kind, tmp_path)
    assert model.name == name and [layer.name for layer in model.layers] == [f"{name}1", f"{name}2"]
    model.summary()
    printed = capsys.readouterr().out
    assert not unseen(printed)
    assert printed.count("(SimpleRNN)") == printed.count("(Dense)") == 1 and len(printed.splitlines()) < 25
    assert max(map(len, printed.splitlines())) < 200


@pytest.mark.parametrize("name", NAMES.values(), ids=NAMES)
def test_hostile_names_in_pictures_and_pages(name, tmp_path):
    trace = traced(named(name, "keras", tmp_path))
    good = traced(mr.load(save_keras(tmp_path / "good.keras")))
    assert trace.picture().dot == good.picture().dot  # layers are not named in it
    try:
        assert [e.tag for e in ElementTree.fromstring(trace.picture().svg).iter()].count(
            "{http://www.w3.org/2000/svg}svg"
        ) == 1
    except RuntimeError as error:
        assert "nothing can draw" in str(error)
    assert trace.equations().latex() == good.equations().latex() and str(trace.equations()) == str(good.equations())
    page, usual = (t.page(tmp_path / "p.html", report=t.verify(with_keras=False)) for t in (trace, good))
    seen, expected = Tags(page.html), Tags(usual.html)
    assert seen.tags == expected.tags and seen.attributes == expected.attributes
    assert "<svg onload" not in page.html and seen.tags.count("script") == 2  # its data and its own script
    assert re.match("[ -~]+", name)[0][:10] in seen.text and "n" * 1000 not in page.html
    assert unseen(seen.text) <= unseen(expected.text)
    frame = Tags(page._repr_html_())
    assert set(frame.tags) <= {"img", "details", "summary", "iframe"} and not any(
        a.startswith("on") for a in frame.attributes
    )
    for said in (repr(trace), repr(trace.model), str(trace.picture()), str(page)):
        assert said.isprintable() and len(said) < 500, said[:500]


@pytest.mark.parametrize("name", ["\ud800", "a\udc80", "\x00", "a\x00b", "\ufffe"], ids=ascii)
def test_names_that_are_not_text(name, save, tmp_path):
    """Halves of characters and zero bytes: refused, or everything can still be written."""
    for place in ("name", "layers.0.config.name", "layers.2.config.name"):
        path = save(changed(row(), (place, name)))
        if outcome(path) is None:
            trace = traced(mr.load(path))
            trace.page(tmp_path / "p.html", report=trace.verify(with_keras=False))
            trace.picture().save(tmp_path / "p.dot")


@pytest.mark.parametrize("name", NAMES.values(), ids=NAMES)
def test_hostile_names_in_refusals(name, save):
    """The shape does not fit the layer of that name; its class is unknown; an argument is bad; weights are missing."""
    flat = entry("Flatten", name="flat")
    config = changed(row(), ("layers.1.config.name", name), ("name", name))
    layers = config["config"]["layers"]
    refused(save(changed(config, ("layers", [layers[0], flat, *layers[1:]]))), "sequences")
    refused(save(changed(config, ("layers.1.class_name", name))), "support")
    refused(save(changed(config, ("layers.1.config.units", name))), "units")
    refused(save(changed(config, ("layers.1.config.activation", name))), "activation")
    refused(save(changed(config, ("layers.2.config.units", 3))), "\\S")
    calls = changed(functional(), ("layers.1.inbound_nodes", [call(name)]))
    refused(save(calls), "\\S")
    refused(save(changed(functional(), ("layers.1.inbound_nodes", [call("start", **{name: tensor("start")})]))), "\\S")


# ---------------------------------------------------------------------------------------------------- other than files


def test_no_file(tmp_path):
    refused(tmp_path / "none.keras", "no such file")
    (tmp_path / "file").write_text("x")
    refused(tmp_path / "file" / "none.keras", "no such file|cannot be read")
    for name in ("x" * 5000, "a\0b.keras"):  # no file system has these
        with pytest.raises(REFUSALS, match=r"no such file|cannot be read|too long") as caught:
            mr.load(tmp_path / name)
        assert len(str(caught.value).splitlines()) == 1


def test_folders_and_empty_files(tmp_path):
    refused(tmp_path, "regular file")
    (tmp_path / "empty.keras").touch()
    refused(tmp_path / "empty.keras", "neither|empty")
    for data in (
        b"PK",
        b"PK\3\4",
        b"PK\5\6" + bytes(18),
        b"\x89HDF",
        b"\x89PNG\r\n\x1a\n",
        b"<html>",
        b"\x80\x04cos\nsystem\n.",
    ):
        (tmp_path / "other.keras").write_bytes(data)
        refused(tmp_path / "other.keras", "neither|damaged|no config.json")


def test_links_in_the_file_system(save, tmp_path):
    link = tmp_path / "link.keras"
    try:
        link.symlink_to(save())
    except OSError:
        pytest.skip("no links here")
    usable(link)
    (tmp_path / "folder").symlink_to(tmp_path)
    refused(tmp_path / "folder", "regular file")
    (tmp_path / "dangling").symlink_to(tmp_path / "none")
    refused(tmp_path / "dangling", "no such file")
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    refused(tmp_path / "loop", "no such file|cannot be read|loop")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes here")
def test_pipes_and_devices(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    paths = [tmp_path / "pipe", *(Path(p) for p in ("/dev/zero", "/dev/null", "/dev/stdin") if Path(p).exists())]
    for path, (kind, text) in zip(paths, in_child(paths, seconds=10)):
        assert "regular file" in one_line(path, kind, text)


def test_a_file_of_ten_gigabytes(save):
    path = save()
    try:
        os.truncate(path, 10 * 2**30)  # a hole: it takes no room
    except OSError:
        pytest.skip("no such files here")
    refused(path, "MB")
    os.truncate(path, 0)


def test_a_file_that_may_not_be_read(save):
    path = save()
    path.chmod(0)
    if os.access(path, os.R_OK):
        pytest.skip("this user may read everything")
    refused(path, "[Pp]ermission|cannot be read")


# ------------------------------------------------------------------------------------------------------------ mutations


def mutate(data, rng):
    """A few bytes flipped, set, cut out or put in; often to what length and address fields do not expect."""
    data = bytearray(data)
    for _ in range(rng.integers(1, 6)):
        at = int(rng.integers(len(data)))
        match int(rng.integers(5)):
            case 0 | 1:
                data[at] ^= 1 << int(rng.integers(8))
            case 2:
                data[at : at + 8] = int(rng.choice([0, 1, 255, 2**31 - 1, 2**40])).to_bytes(8, "little")
            case 3:
                del data[at : at + int(rng.integers(1, 40))]
            case 4:
                data[at:at] = rng.bytes(int(rng.integers(1, 20)))
    return bytes(data)


@pytest.mark.parametrize("target", ["keras", "deflated keras", "weights in keras", "h5"])
def test_random_damage(target, tmp_path):
    """In a process of its own: HDF5 could hang or crash, and then this fails and the other tests go on."""
    good = tmp_path / "good"
    if target == "weights in keras":
        good.write_bytes(weights_of_keras())
    elif target == "h5":
        save_h5(good)
    else:
        save_keras(good, compression=zipfile.ZIP_DEFLATED if "deflated" in target else zipfile.ZIP_STORED)
    data, paths = good.read_bytes(), []
    for seed in range(100):
        path = tmp_path / f"{seed}.model"
        spoilt = mutate(data, np.random.default_rng(seed))
        save_keras(path, weights=spoilt) if target == "weights in keras" else path.write_bytes(spoilt)
        paths.append(path)
    found = in_child(paths)
    for path, (kind, text) in zip(paths, found):
        if kind:
            one_line(path, kind, text)
    assert any(kind for kind, _ in found)


if __name__ == "__main__":
    main(sys.argv[1:])
