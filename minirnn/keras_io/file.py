"""Read Keras' model files without Keras: ``.keras`` (a zip of JSON and HDF5) and whole-model HDF5 (``.h5``).

A file is data and may be hostile. Nothing in it is executed; it is read once into memory and only fixed places of it are
looked at; links, external and virtual data, wrong shapes and oversized members are refused, with one clear sentence.
"""

from __future__ import annotations

import io
import json
import math
import stat
import struct
import warnings
import zipfile
import zlib
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np

from ..layers import Layer, StackedRNNCells
from ..layers.arguments import snake
from ..models import Model, Sequential
from ..system import plain, write_whole
from .config import model_from_config
from .describe import described_model
from .guards import check_heaps, check_texts

MAX_FILE = 128 * 2**20
MAX_JSON = 2 * 2**20  # in memory, JSON takes up to fifty times as much
MAX_METADATA = 2**16
MAX_MEMBERS = 1000
MAX_DEPTH = 16
MAX_MESSAGE = 300
DAMAGE = (
    OSError, RuntimeError, LookupError, TypeError, AttributeError, ArithmeticError, MemoryError, EOFError,
    zipfile.BadZipFile, zlib.error, struct.error,
)  # fmt: skip
MEMBERS = ("metadata.json", "config.json", "model.weights.h5")


KERAS_VERSION = "3.15.1"  # whose files are written


def save(model: Model, path: Any) -> Path:
    """Write `model` to a ``.keras`` file that ``keras.saving.load_model`` opens, of 3.4 and later; no Keras is needed.

    Raises ValueError for another ending, NotImplementedError for what Keras has no description for.
    """
    import h5py

    path = Path(path)
    if path.suffix != ".keras":
        raise ValueError(f"{path}: a model is saved as .keras; give the file this ending")
    config = described_model(model)
    layers = [s.layer for s in model.inputs if s.layer not in model.layers] + model.layers
    if isinstance(model, Sequential):  # the input of a row has no group
        layers = model.layers
    memory = io.BytesIO()
    with h5py.File(memory, "w") as file:
        for layer, group in groups(layers).items():
            for place in folders(layer):
                file.create_group(f"{group}/{place}")
            for array, place in zip(layer.weights, paths(layer)):
                file.create_dataset(f"{group}/{place}", data=array)
        file.require_group("layers")
        file.create_group("vars")
    whole = io.BytesIO()
    with zipfile.ZipFile(whole, "w") as archive:
        members: dict[str, str | bytes] = {
            "metadata.json": json.dumps({"keras_version": KERAS_VERSION, "date_saved": "1980-01-01@00:00:00"}),
            "config.json": json.dumps(config),
            "model.weights.h5": memory.getvalue(),
        }
        for name, data in members.items():
            archive.writestr(zipfile.ZipInfo(name), data)  # no date: the same model gives the same bytes
    write_whole(path, whole.getvalue())
    return path


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
    except NotImplementedError as error:
        raise NotImplementedError(f"{path}: {plain(error, MAX_MESSAGE)}") from error
    except ValueError as error:
        said = "the file is damaged: its text is not UTF-8" if isinstance(error, UnicodeError) else plain(error, MAX_MESSAGE)
        raise ValueError(f"{path}: {said}") from error
    except DAMAGE as error:
        raise ValueError(f"{path}: the file is damaged ({_short(error)})") from error
    raise ValueError(f"{path}: this is neither a .keras nor an HDF5 model file")


def _read(path: Path) -> bytes:
    try:
        status = path.stat()
    except (OSError, ValueError) as error:  # a name may also be too long, or none at all
        raise FileNotFoundError(f"{path}: there is no such file") from error
    if not stat.S_ISREG(status.st_mode):
        raise ValueError(f"{path}: this is not a regular file")
    if status.st_size > MAX_FILE:
        raise ValueError(f"{path}: the file has {status.st_size / 2**20:.0f} MB; at most {MAX_FILE // 2**20} are read")
    return path.read_bytes()


def _short(error: BaseException) -> str:
    return plain(" ".join(str(error).split()) or type(error).__name__, 120)


# -------------------------------------------------------------------------------------------------------------- .keras


def _load_zip(data: bytes) -> Model:
    _demand_short_listing(data)
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        counts = Counter(archive.namelist())
        for name in MEMBERS[1:]:
            if counts[name] != 1:
                raise ValueError(f"it holds {counts[name] or 'no'} {name}: this is not a model that Keras saved")
        config = _json(_member(archive, "config.json", MAX_JSON))
        weights = _member(archive, "model.weights.h5", MAX_FILE)
        about = _json(_member(archive, "metadata.json", MAX_METADATA)) if counts["metadata.json"] == 1 else {}
    if not isinstance(config, dict) or not isinstance(config.get("config"), dict):
        raise ValueError("config.json does not describe a model")
    with _open_h5(weights) as file:
        version = about.get("keras_version") if isinstance(about, dict) else None
        return model_from_config(config, _Keras3Weights(file), _text(version or "3"))


def _demand_short_listing(data: bytes) -> None:
    """Each member has an entry in the list at the end; a model has three, not a million."""
    if data.count(b"PK\x01\x02") > MAX_MEMBERS:
        raise ValueError("the file holds far more members than a model has")


def _member(archive: zipfile.ZipFile, name: str, limit: int) -> bytes:
    info = archive.getinfo(name)
    if info.flag_bits & 1:
        raise ValueError(f"{name} is encrypted")
    if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise ValueError(f"the file is damaged: {name} is compressed in a way that Keras does not use")
    if info.file_size > limit:
        raise ValueError(f"{name} has {info.file_size / 2**20:.0f} MB; at most {limit // 2**20} are read")
    with archive.open(info) as member:
        data = member.read(limit + 1)
    if len(data) != info.file_size:
        raise ValueError(f"{name} is not as large as it says")
    return data


def _json(data: bytes) -> Any:
    if len(data) > MAX_JSON:
        raise ValueError(f"its description has {len(data) / 2**20:.0f} MB; at most {MAX_JSON // 2**20} are read")
    try:
        return json.loads(data)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"its description is not readable JSON ({_short(error)})") from error


# ---------------------------------------------------------------------------------------------------------------- HDF5


def _open_h5(data: bytes) -> Any:
    import h5py

    check_heaps(data)
    check_texts(data)
    return h5py.File(io.BytesIO(data), "r")


def _load_h5(data: bytes) -> Model:
    with _open_h5(data) as file:
        text = _attribute(file, "model_config", ())
        if text is None:
            raise ValueError("it holds weights only, no model: save the whole model with model.save(...) in Keras")
        if not isinstance(text, (bytes, str)):
            raise ValueError("its model_config is not text")
        config = _json(text.encode(errors="replace") if isinstance(text, str) else text)
        if not isinstance(config, dict) or not isinstance(config.get("config"), dict):
            raise ValueError("its model_config does not describe a model")
        return model_from_config(config, _WholeModelWeights(file), _text(_attribute(file, "keras_version", ()) or "3"))


def _attribute(group: Any, name: str, shape: tuple[int, ...]) -> Any:
    """An attribute that is text of that shape; None if it is not there. A short file can declare a very long one."""
    import h5py

    if name not in group.attrs:
        return None
    declared = group.attrs.get_id(name)
    if h5py.check_string_dtype(declared.dtype) is None or declared.dtype.itemsize > MAX_JSON:
        raise ValueError(f"its {name} is not text")  # HDF5 can crash on other types of variable length
    if declared.shape != shape:
        raise ValueError(f"its {name} is not text of shape {shape}, but of {declared.shape}")
    return group.attrs[name]


def _text(value: Any) -> str:
    return value.decode(errors="replace") if isinstance(value, bytes) else str(value)


class _Keras3Weights:
    """``layers/simple_rnn_1/cell/vars/0``: groups are named after the class and counted in the order of the layers."""

    def __init__(self, file: Any) -> None:
        self.file = file

    def listed(self, layers: list[Layer]) -> None:
        self.groups = groups(layers)

    def __call__(self, layer: Layer, name: str, shapes: list[tuple[int, ...]]) -> list[np.ndarray]:
        group = self.groups[layer]
        return [_dataset(self.file, f"{group}/{path}", shape) for path, shape in zip(paths(layer), shapes)]


def groups(layers: list[Layer]) -> dict[Layer, str]:
    """Where Keras 3 keeps each layer: ``layers/simple_rnn``, and ``layers/simple_rnn_1`` for the second of its class."""
    seen = Counter[str]()
    found = {}
    for layer in layers:
        kind = snake(type(layer).__name__)
        found[layer] = f"layers/{kind}" + (f"_{seen[kind]}" if seen[kind] else "")
        seen[kind] += 1
    return found


def paths(layer: Layer) -> list[str]:
    """Where Keras 3 keeps the weights of a layer below its group, in their order: cell/vars/0."""
    own = [f"vars/{i}" for i, _ in enumerate(layer.own_weights)]
    between = "cells/" if isinstance(layer, StackedRNNCells) else ""
    return own + [f"{between}{key}/{path}" for key, child in layer.children.items() for path in paths(child)]


def folders(layer: Layer) -> list[str]:
    """Where Keras 3 looks for weights below the group of a layer, whether there are any or not: vars, cell/vars."""
    between = "cells/" if isinstance(layer, StackedRNNCells) else ""
    return ["vars", *[f"{between}{key}/{place}" for key, child in layer.children.items() for place in folders(child)]]


class _WholeModelWeights:
    """``model_weights/<layer name>``, whose attribute weight_names lists the arrays in Keras' order."""

    def __init__(self, file: Any) -> None:
        self.file = file

    def __call__(self, layer: Layer, name: str, shapes: list[tuple[int, ...]]) -> list[np.ndarray]:
        if not shapes:
            return []
        group = _object(self.file, ["model_weights", *name.split("/")])
        listed = _attribute(group, "weight_names", (len(shapes),))
        names = [_text(n) if isinstance(n, bytes) else n for n in ([] if listed is None else listed)]
        if not all(isinstance(n, str) for n in names):
            raise ValueError(f"the names of the weights of layer {plain(name)!r} are not text")
        if len(names) != len(shapes):
            raise ValueError(
                f"layer {plain(name)!r} has {len(names)} weights in the file; its description wants {len(shapes)}"
            )
        return [_dataset(group, weight, shape) for weight, shape in zip(names, shapes)]


def _object(group: Any, parts: list[str]) -> Any:
    """Follow plain links only, part by part."""
    import h5py

    if len(parts) > MAX_DEPTH:
        raise ValueError(f"{plain('/'.join(parts[:9]), 60)!r} lies deeper than Keras puts its weights")
    for part in parts:
        link = group.get(part, getlink=True) if isinstance(group, h5py.Group) else None
        if link is None:
            raise ValueError(f"the weights have no {plain('/'.join(parts), 120)!r}")
        if not isinstance(link, h5py.HardLink):
            raise ValueError(f"{plain('/'.join(parts), 120)!r} is a link to another place, which is not followed")
        group = group[part]
    return group


def _dataset(group: Any, path: str, shape: tuple[int, ...]) -> np.ndarray:
    import h5py

    data = _object(group, path.split("/"))
    said = plain(path, 120)
    if not isinstance(data, h5py.Dataset):
        raise ValueError(f"{said!r} is not an array")
    if data.id.get_create_plist().get_nfilters():
        raise ValueError(f"{said!r} is compressed, which Keras does not do")
    if data.chunks and math.prod(data.chunks) > 4 * max(data.size, 1024):
        raise ValueError(f"{said!r} is stored in pieces that are larger than itself")
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
