"""Read Keras' model files without Keras: ``.keras`` (a zip of JSON and HDF5) and whole-model HDF5 (``.h5``).

A file is data and may be hostile. Nothing in it is executed; it is read once into memory and only fixed places of it are
looked at; links, external and virtual data, wrong shapes and oversized members are refused, with one clear sentence.
"""

from __future__ import annotations

import io
import json
import re
import stat
import warnings
import zipfile
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np

from ..layers import Layer, SimpleRNN
from ..models import Model
from .config import model_from_config

MAX_FILE = 512 * 2**20
MAX_JSON = 16 * 2**20
MEMBERS = ("metadata.json", "config.json", "model.weights.h5")


def load(path: Any) -> Model:
    """The model in a ``.keras`` or whole-model HDF5 file, by Keras 2 or 3.

    Raises FileNotFoundError, ValueError (not such a file, cut, or hostile) or NotImplementedError (a layer or an argument
    that minirnn does not have), each with one sentence.
    """
    path = Path(path)
    data = _read(path)
    try:
        if data[:4] == b"PK\x03\x04":
            return _load_zip(data)
        if data[:8] == b"\x89HDF\r\n\x1a\n":
            return _load_h5(data)
    except (ValueError, NotImplementedError) as error:
        raise type(error)(f"{path}: {error}") from error
    except (OSError, RuntimeError, KeyError, RecursionError, MemoryError, zipfile.BadZipFile, EOFError) as error:
        raise ValueError(f"{path}: the file is damaged ({_short(error)})") from error
    raise ValueError(f"{path}: this is neither a .keras nor an HDF5 model file")


def _read(path: Path) -> bytes:
    if not path.exists():
        raise FileNotFoundError(f"{path}: there is no such file")
    status = path.stat()
    if not stat.S_ISREG(status.st_mode):
        raise ValueError(f"{path}: this is not a regular file")
    if status.st_size > MAX_FILE:
        raise ValueError(f"{path}: the file has {status.st_size / 2**20:.0f} MB; at most {MAX_FILE // 2**20} are read")
    return path.read_bytes()


def _short(error: BaseException) -> str:
    return " ".join(str(error).split())[:120] or type(error).__name__


# -------------------------------------------------------------------------------------------------------------- .keras


def _load_zip(data: bytes) -> Model:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        counts = Counter(archive.namelist())
        for name in MEMBERS[1:]:
            if counts[name] != 1:
                raise ValueError(f"it holds {counts[name] or 'no'} {name}: this is not a model that Keras saved")
        config = _json(_member(archive, "config.json", MAX_JSON))
        weights = _member(archive, "model.weights.h5", MAX_FILE)
    if not isinstance(config, dict) or not isinstance(config.get("config"), dict):
        raise ValueError("config.json does not describe a model")
    with _open_h5(weights) as file:
        return model_from_config(config.get("class_name", ""), config["config"], _Keras3Weights(file))


def _member(archive: zipfile.ZipFile, name: str, limit: int) -> bytes:
    info = archive.getinfo(name)
    if info.flag_bits & 1:
        raise ValueError(f"{name} is encrypted")
    if info.file_size > limit:
        raise ValueError(f"{name} has {info.file_size / 2**20:.0f} MB; at most {limit // 2**20} are read")
    with archive.open(info) as member:
        data = member.read(limit + 1)
    if len(data) > limit:
        raise ValueError(f"{name} is larger than it says")
    return data


def _json(data: bytes) -> Any:
    try:
        return json.loads(data)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"its description is not readable JSON ({_short(error)})") from error


# ---------------------------------------------------------------------------------------------------------------- HDF5


def _open_h5(data: bytes) -> Any:
    import h5py

    return h5py.File(io.BytesIO(data), "r")


def _load_h5(data: bytes) -> Model:
    with _open_h5(data) as file:
        text = file.attrs.get("model_config")
        if text is None:
            raise ValueError("it holds weights only, no model: save the whole model with model.save(...) in Keras")
        if not isinstance(text, (bytes, str)):
            raise ValueError("its model_config is not text")
        config = _json(text.encode() if isinstance(text, str) else text)
        if not isinstance(config, dict) or not isinstance(config.get("config"), dict):
            raise ValueError("its model_config does not describe a model")
        return model_from_config(config.get("class_name", ""), config["config"], _WholeModelWeights(file))


class _Keras3Weights:
    """``layers/simple_rnn_1/cell/vars/0``: groups are named after the class and counted in the order of the layers."""

    def __init__(self, file: Any) -> None:
        self.file, self.seen = file, Counter[str]()

    def __call__(self, layer: Layer, name: str, shapes: list[tuple[int, ...]]) -> list[np.ndarray]:
        kind = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", type(layer).__name__).lower()
        group = kind + (f"_{self.seen[kind]}" if self.seen[kind] else "")
        self.seen[kind] += 1
        inner = "cell/vars" if isinstance(layer, SimpleRNN) else "vars"
        return [_dataset(self.file, f"layers/{group}/{inner}/{i}", shape) for i, shape in enumerate(shapes)]


class _WholeModelWeights:
    """``model_weights/<layer name>``, whose attribute weight_names lists the arrays in Keras' order."""

    def __init__(self, file: Any) -> None:
        self.file = file

    def __call__(self, layer: Layer, name: str, shapes: list[tuple[int, ...]]) -> list[np.ndarray]:
        if not shapes:
            return []
        group = _object(self.file, ["model_weights", *name.split("/")])
        names = [n.decode() if isinstance(n, bytes) else str(n) for n in group.attrs.get("weight_names", [])]
        if len(names) != len(shapes):
            raise ValueError(
                f"layer {name[:60]!r} has {len(names)} weights in the file; its description wants {len(shapes)}"
            )
        return [_dataset(group, weight, shape) for weight, shape in zip(names, shapes)]


def _object(group: Any, parts: list[str]) -> Any:
    """Follow plain links only, part by part."""
    import h5py

    for part in parts:
        link = group.get(part, getlink=True) if isinstance(group, h5py.Group) else None
        if link is None:
            raise ValueError(f"the weights have no {'/'.join(parts)[:120]!r}")
        if not isinstance(link, h5py.HardLink):
            raise ValueError(f"{'/'.join(parts)[:120]!r} is a link to another place, which is not followed")
        group = group[part]
    return group


def _dataset(group: Any, path: str, shape: tuple[int, ...]) -> np.ndarray:
    import h5py

    data = _object(group, path.split("/"))
    said = path[:120]
    if not isinstance(data, h5py.Dataset):
        raise ValueError(f"{said!r} is not an array")
    if data.external or data.is_virtual:
        raise ValueError(f"{said!r} keeps its numbers in another file, which is not read")
    if data.shape != shape:
        raise ValueError(f"{said!r} has shape {data.shape}; the description of the model wants {shape}")
    if data.dtype not in (np.float32, np.float64):
        raise ValueError(f"{said!r} holds {data.dtype}, not float32 or float64 numbers")
    array = np.asarray(data[()])
    if not np.isfinite(array).all():
        warnings.warn(f"{said!r} holds NaN or infinite weights", stacklevel=2)
    return array
