"""Files written by Keras 3 and by tf-keras (Keras 2 format), read without TensorFlow in the process."""

from __future__ import annotations

import subprocess
import sys
import tarfile
from pathlib import Path

import numpy as np
import pytest

import minirnn as mr

WRITE = """
import os, sys
os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
import numpy as np
import keras, tf_keras
rng = np.random.default_rng(0)
X, S = rng.normal(size=(4, 7, 3)), rng.normal(size=(4, 5))
np.savez("data.npz", X=X, S=S)

def write(k, version, suffixes):
    L = k.layers

    def finish(model, name, inputs):
        model.set_weights([rng.normal(size=w.shape) / 2 for w in model.get_weights()])
        for suffix in suffixes:
            model.save(f"{name}_{version}.{suffix}")
        np.save(f"{name}_{version}.npy", model.predict(inputs, verbose=0))

    i = L.Input((7, 3))
    finish(k.Model(i, L.Dense(2)(L.SimpleRNN(5)(i))), "plain", X)
    x = L.SimpleRNN(5, return_sequences=True, activation="sigmoid", name="first")(i)
    x = L.SimpleRNN(4, use_bias=False, activation="relu", return_sequences=True)(x)
    finish(k.Model(i, L.Dense(2, activation="softmax")(x)), "stacked", X)
    s = L.Input((5,))
    finish(k.Model([i, s], L.Dense(2)(L.SimpleRNN(5)(i, initial_state=s))), "state", [X, S])
    row = k.Sequential([L.SimpleRNN(5, input_shape=(7, 3), return_sequences=True), L.Flatten(), L.Dense(2, name="a/b")]
                       if version == "2" else
                       [L.Input((7, 3)), L.SimpleRNN(5, return_sequences=True), L.Flatten(), L.Dense(2)])
    finish(row, "row", X)

write(keras, "3", ["keras", "h5"])
write(tf_keras, "2", ["h5"])
"""

READ = """
import sys
import numpy as np
import minirnn as mr
data = np.load("data.npz")
for name in sys.argv[1:]:
    inputs = [data["X"], data["S"]] if name.startswith("state") else data["X"]
    inputs = [a.astype("float32") for a in inputs] if isinstance(inputs, list) else inputs.astype("float32")
    out = mr.load(name).predict(inputs)
    expected = np.load(name.rpartition(".")[0] + ".npy")
    assert out.dtype == np.float32 and np.abs(out - expected).max() <= 4e-6, name
assert not {"tensorflow", "keras", "tf_keras"} & set(sys.modules)
"""

VERSIONS = [
    "keras-3.3.3", "keras-3.4.1", "keras-3.5.0", "keras-3.6.0", "keras-3.7.0", "keras-3.8.0", "keras-3.9.2", "keras-3.10.0",
    "keras-3.11.3", "keras-3.12.0", "keras-3.13.2", "keras-3.14.0", "keras-3.15.1", "tf-keras-2.21.0",
]  # fmt: skip
FILES = [f"{name}_3.{suffix}" for name in ("plain", "stacked", "state", "row") for suffix in ("keras", "h5")]
FILES += [f"{name}_2.h5" for name in ("plain", "stacked", "state", "row")]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("models")
    subprocess.run([sys.executable, "-W", "ignore", "-c", WRITE], cwd=folder, check=True, capture_output=True)
    return folder


def test_all_files_are_read_without_tensorflow(folder):
    done = subprocess.run([sys.executable, "-c", READ, *FILES], cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("name", ["plain_3.keras", "stacked_3.h5", "state_3.keras", "row_2.h5"])
def test_what_is_read_is_traced_and_verified(folder, name):
    model = mr.load(folder / name)
    data = np.load(folder / "data.npz")
    inputs = [data["X"], data["S"]] if name.startswith("state") else data["X"]
    trace = mr.trace(model, inputs, np.zeros(model.predict(inputs).shape))
    assert trace.verify().ok and trace.equations().residual < 1e-12


def test_names_and_types_survive(folder):
    model = mr.load(folder / "stacked_3.keras")
    assert [type(layer).__name__ for layer in model.layers] == ["InputLayer", "SimpleRNN", "SimpleRNN", "Dense"]
    assert (
        model.layers[1].name == "first"
        and model.layers[2].use_bias is False
        and model.layers[3].activation.__name__ == "softmax"
    )


def test_loading_draws_no_weights(folder, monkeypatch):
    from minirnn.layers import SimpleRNN

    monkeypatch.setattr(SimpleRNN, "draw_weights", lambda self, shape: pytest.fail("drew weights"))
    mr.load(folder / "plain_3.keras")


def test_weights_alone_are_refused(folder):
    import h5py

    with h5py.File(folder / "only.weights.h5", "w") as file:
        file.create_group("layers")
    with pytest.raises(ValueError, match="weights only"):
        mr.load(folder / "only.weights.h5")


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """The files of every version of Keras, by write_files.py."""
    folder = tmp_path_factory.mktemp("written")
    with tarfile.open(Path(__file__).parent / "files.tar.xz") as archive:
        archive.extractall(folder, filter="data")
    return folder


@pytest.mark.parametrize("version", VERSIONS)
def test_files_of_every_version_give_its_predictions(written, version):
    cases = sorted((written / version).glob("*.npz"))
    assert len(cases) == 30
    for case in cases:
        with np.load(case) as data:
            inputs, outputs = ([data[name] for name in sorted(data) if name[0] == letter] for letter in "xy")
        for path in (case.with_suffix(".keras"), case.with_suffix(".h5")):
            found = mr.load(path).predict(inputs if len(inputs) > 1 else inputs[0])
            for a, b in zip(found if isinstance(found, list) else [found], outputs, strict=True):
                assert a.dtype == b.dtype and np.abs(a - b).max() <= 4e-6, path
