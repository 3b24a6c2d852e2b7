"""What `mr.load` may do with a file, whatever it holds: a model or one clear line, in two seconds and 256 MB.

An input is the bytes of a file, or the JSON of a description that is packed with good weights.
"""

from __future__ import annotations

import io
import json
import tempfile
import time
import tracemalloc
import warnings
import zipfile
from collections.abc import Callable
from pathlib import Path

import minirnn as mr
from minirnn.layers import (
    RNN,
    Activation,
    Bidirectional,
    Dense,
    Dropout,
    Embedding,
    Flatten,
    Input,
    Masking,
    SimpleRNN,
    SimpleRNNCell,
    TimeDistributed,
)
from minirnn.models import Model, Sequential

FOLDER = Path(tempfile.mkdtemp())
MOST_SECONDS, MOST_BYTES = 2.0, 256 * 2**20


def seeds() -> dict[str, bytes]:
    """Good files to start from, their descriptions and their weights alone."""
    i, h, m = Input((4, 3)), Input((5,)), Input((4,), dtype="bool")
    cells = RNN([SimpleRNNCell(5), SimpleRNNCell(2)], return_sequences=True, return_state=True)(i, mask=m)
    models = [
        Sequential([Input((4, 3)), Masking(), Bidirectional(SimpleRNN(5)), Dense(2)]),
        Sequential([Input((4,)), Embedding(9, 3, mask_zero=True), SimpleRNN(5)]),
        Model([i, h], SimpleRNN(5, kernel_regularizer="l2")(i, initial_state=h)),
        Model([i, m], [Activation("softmax")(TimeDistributed(Dense(2))(cells[0])), *cells[1:]]),
        Sequential([Input((4, 3)), SimpleRNN(5, return_sequences=True), Dropout(0.5), Flatten(), Dense(2)]),
    ]
    found = {}
    for k, model in enumerate(models):
        model.name = f"model{k}"  # which tells the descriptions apart
        good = mr.save(model, FOLDER / f"{k}.keras").read_bytes()
        with zipfile.ZipFile(io.BytesIO(good)) as archive:
            description, weights = archive.read("config.json"), archive.read("model.weights.h5")
        found |= {f"seed{k}.keras": good, f"seed{k}.json": description, f"seed{k}.h5": weights}
    return found


SEEDS = seeds()


def packed(description: bytes) -> bytes:
    """The description with the weights of the good file whose name it bears, if one does."""
    kind = next((k for k in range(5) if f'"model{k}"'.encode() in description), 0)
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("metadata.json", json.dumps({"keras_version": "3.15.1"}))
        archive.writestr("config.json", description)
        archive.writestr("model.weights.h5", SEEDS[f"seed{kind}.h5"])
    return out.getvalue()


def one_input(data: bytes) -> bool:
    """Load one file and judge what comes of it; whether there came a model."""
    path = FOLDER / "fuzzed.keras"
    path.write_bytes(packed(data) if data[:1] == b"{" else data)
    return judged(lambda: mr.load(path), str(path))


def judged(call: Callable[[], object], name: str = "") -> bool:
    """Whether `call` did what it was to do; if not, it has to say why in one short line that begins with `name`."""
    began = time.process_time()
    tracemalloc.reset_peak()
    done = False
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            call()
        done = True
    except (ValueError, NotImplementedError) as error:
        said = str(error)
        if not said.isprintable() or len(said) > 500 or not said.startswith(name):
            raise AssertionError(f"not one short line: {said:.600}") from error
    if time.process_time() - began > MOST_SECONDS:
        raise AssertionError(f"took {time.process_time() - began:.1f} s")
    if tracemalloc.get_traced_memory()[1] > MOST_BYTES:
        raise AssertionError("took more than 256 MB")
    return done
