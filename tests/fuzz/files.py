"""What `mr.load` may do with a file, whatever it holds: a model or one clear line, in two seconds and 256 MB.

An input is the bytes of a file, the JSON of a description, which is packed with good weights, or an HDF5 file, which is
packed with the description of a model and read as it stands too. Changes of bytes seldom get past the sums of a zip file,
so that descriptions are changed part by part as well.
"""

from __future__ import annotations

import copy
import io
import json
import tempfile
import time
import tracemalloc
import warnings
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

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


MODELS: list[Model] = []


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
        MODELS.append(model)
        good = mr.save(model, FOLDER / f"{k}.keras").read_bytes()
        with zipfile.ZipFile(io.BytesIO(good)) as archive:
            description, weights = archive.read("config.json"), archive.read("model.weights.h5")
        found |= {f"seed{k}.keras": good, f"seed{k}.json": description, f"seed{k}.h5": weights}
    return found


SEEDS = seeds()


def packed(description: bytes, weights: bytes | None = None) -> bytes:
    """The description with weights; without any, with those of the good file whose name it bears, if one does."""
    kind = next((k for k in range(5) if f'"model{k}"'.encode() in description), 0)
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("metadata.json", json.dumps({"keras_version": "3.15.1"}))
        archive.writestr("config.json", description)
        archive.writestr("model.weights.h5", SEEDS[f"seed{kind}.h5"] if weights is None else weights)
    return out.getvalue()


def one_input(data: bytes) -> int:
    """Load one file and judge what comes of it; in how many ways there came a model."""
    if data[:1] == b"{":
        return _loads("fuzzed.keras", packed(data))
    if data[:4] != b"\x89HDF":
        return _loads("fuzzed.keras", data)
    k = min(range(len(MODELS)), key=lambda k: abs(len(SEEDS[f"seed{k}.h5"]) - len(data)))  # whose weights they may have been
    path = FOLDER / "fuzzed.weights.h5"
    path.write_bytes(data)
    done = judged(lambda: MODELS[k].load_weights(path), str(path))
    return done + _loads("fuzzed.h5", data) + _loads("fuzzed.keras", packed(SEEDS[f"seed{k}.json"], data))


def _loads(name: str, data: bytes) -> bool:
    path = FOLDER / name
    path.write_bytes(data)
    return judged(lambda: mr.load(path), str(path))


VALUES = [
    None, True, 0, 1, -1, 2, 3.5, 1e308, 2**31, 2**63, "", "x", "relu", "tanh", "SimpleRNN", "float16", [], [None], [1, 2],
    {},
    {"class_name": "Lambda", "config": {}}, {"class_name": "__tuple__", "items": [None, 4, 3]}, "..", "a" * 500, "\x1b[2J",
]  # fmt: skip


def mutated(data: bytes, rng: np.random.Generator) -> bytes:
    """A description with some of its parts changed, left out, doubled or exchanged; anything else with some of its bytes."""
    from .__main__ import mutated as by_bytes

    try:
        whole = json.loads(data) if data[:1] == b"{" and rng.random() < 0.9 else None
        places = list(_places(whole or {}))
    except (ValueError, RecursionError):  # one that was kept since it is none
        places = []
    if not places:
        return by_bytes(data, rng)
    for _ in range(rng.integers(1, 4)):
        places = list(_places(whole))
        if not places:
            break
        holder, key = places[rng.integers(len(places))]
        other_holder, other_key = places[rng.integers(len(places))]
        match int(rng.integers(5)):
            case 0:
                holder[key] = VALUES[rng.integers(len(VALUES))]
            case 1:
                holder[key] = copy.deepcopy(other_holder[other_key])
            case 2:
                del holder[key]
            case 3 if isinstance(holder, list):
                holder.append(copy.deepcopy(holder[key]))
            case 3:
                holder[str(other_key)] = holder[key]
            case 4 if isinstance(holder[key], (int, float)):
                holder[key] += int(rng.integers(-2, 3))
    return json.dumps(whole).encode()


def _places(part: Any) -> Iterator[tuple[Any, Any]]:
    """Everything in a description, by what holds it and its key there."""
    for key, value in list(part.items() if isinstance(part, dict) else enumerate(part)):
        yield part, key
        if isinstance(value, (dict, list)):
            yield from _places(value)


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
