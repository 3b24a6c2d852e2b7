"""Hostile model files, each made here by spoiling a good one.

What cannot be read is refused in one line that names the file and says what is wrong; quickly, in little memory, and
without a look at anything outside the file. What can be read is shown as text, whatever its names are.
"""

from __future__ import annotations

import copy
import io
import json
import re
import struct
import subprocess
import sys
import time
import tracemalloc
import warnings
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
    from minirnn.network.summary import summary_text

    model = mr.load(path)
    summary_text(model)
    repr(model)
    shapes = [[3 if n is None else n for n in symbolic.shape[1:]] for symbolic in model.inputs]
    inputs = [np.zeros((1, *shape)) for shape in shapes]
    assert np.isfinite(model.predict(inputs if len(inputs) > 1 else inputs[0])).all()


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


if __name__ == "__main__":
    main(sys.argv[1:])
