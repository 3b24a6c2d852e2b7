"""Every number of a run, to be read elsewhere: as a tidy table, a dictionary, CSV, JSON or NumPy's own archive."""

from __future__ import annotations

import csv
import io
import json
import re
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, TypedDict

import numpy as np

from ...displays import watched
from ...files import StrPath, demand_writable, shown, write_whole

if TYPE_CHECKING:
    import pandas

    from ...engine.graph import Node
    from ...runs.run import Run

COLUMNS = ("quantity", "step", "sample", "index", "value", "gradient")


class Entry(NamedTuple):
    """One quantity at one step: its value, and the derivative of the loss by it; None where none flows."""

    quantity: str
    step: int | None
    value: np.ndarray
    gradient: np.ndarray | None
    by_sample: bool  # the first axis is that of the samples


class Numbers(TypedDict):
    """What a quantity is at one step, and the derivative of the loss by it, if one flows."""

    value: np.ndarray
    gradient: np.ndarray | None


def entries(run: Run) -> Iterator[Entry]:
    """Every named quantity of the forward pass, the parameters first, in the order of the code."""
    named = [(key, node) for key, node in run.variables.items() if node.name is not None and node.name.of is None]
    in_order = sorted(named, key=lambda pair: pair[0][0] not in run.parameters)
    for (key, step), node in watched(in_order, "numbers", len(named)):
        g = run.cotangents.get(node)
        yield Entry(key, step, node.value, None if g is None else g.value, _by_sample(node))


def _by_sample(node: Node) -> bool:
    return bool(node.ndim) and node.dims[0].letters == ["N"]


def to_dict(run: Run) -> dict[str, dict[int | None, Numbers]]:
    """By quantity, then by step (None of what has none): ``{"value": array, "gradient": array or None}``."""
    found: dict[str, dict[int | None, Numbers]] = {}
    for entry in entries(run):
        found.setdefault(entry.quantity, {})[entry.step] = {"value": entry.value, "gradient": entry.gradient}
    return found


def rows(run: Run) -> Iterator[tuple[Any, ...]]:
    """One row for each number: quantity, step, sample, index in the sample, value, gradient; None where there is none."""
    for entry in entries(run):
        for place in np.ndindex(entry.value.shape):
            sample, index = (place[0], place[1:]) if entry.by_sample else (None, place)
            gradient = None if entry.gradient is None else entry.gradient[place].item()
            yield entry.quantity, entry.step, sample, index, entry.value[place].item(), gradient


def to_pandas(run: Run) -> pandas.DataFrame:
    """The rows as a data frame; missing steps, samples and gradients are pandas' NA or NaN. ImportError without pandas."""
    try:
        import pandas
    except ImportError as error:
        raise ImportError("a data frame needs pandas: pip install pandas; or take to_dict(), to_csv(path)") from error
    frame = pandas.DataFrame(rows(run), columns=list(COLUMNS))
    return frame.astype({"step": "Int64", "sample": "Int64", "gradient": "float64"})


def to_csv(run: Run, path: StrPath) -> None:
    """The rows as CSV; an index such as (0, 2) is written 0 2, and what is missing is left empty."""
    demand_writable(path)
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    for *front, index, value, gradient in rows(run):
        writer.writerow([*front, " ".join(map(str, index)), repr(value), "" if gradient is None else repr(gradient)])
    write_whole(path, text.getvalue().encode())


def to_json(run: Run, path: StrPath) -> None:
    """The dictionary as JSON: arrays as lists, steps as text, "" for what has none."""
    demand_writable(path)

    def plain(array: np.ndarray | None) -> Any:
        return None if array is None else array.tolist()

    found = {
        quantity: {
            "" if step is None else str(step): {"value": plain(both["value"]), "gradient": plain(both["gradient"])}
            for step, both in steps.items()
        }
        for quantity, steps in to_dict(run).items()
    }
    write_whole(path, json.dumps(found).encode())


def to_npz(run: Run, path: StrPath) -> None:
    """An archive for ``numpy.load``: "h" holds all steps of h along its first axis, "h steps" says which these are, and
    "dL/dh" holds the derivatives at these steps, NaN where none flows."""
    demand_writable(path)
    found: dict[str, np.ndarray] = {}
    for quantity, steps in to_dict(run).items():
        values = [both["value"] for both in steps.values()]
        gradients = [both["gradient"] for both in steps.values()]
        if len({value.shape for value in values}) > 1:
            raise NotImplementedError(f"{quantity} has another shape at another step, as no array has: take to_dict()")
        pairs = {quantity: values}
        if any(g is not None for g in gradients):
            pairs[run.derivative(quantity)] = [
                np.full(v.shape, np.nan) if g is None else g for v, g in zip(values, gradients)
            ]
        found |= {name: arrays[0] if list(steps) == [None] else np.stack(arrays) for name, arrays in pairs.items()}
        if list(steps) != [None]:
            found[f"{quantity} steps"] = np.array(list(steps))
    memory = io.BytesIO()
    with zipfile.ZipFile(memory, "w", zipfile.ZIP_DEFLATED) as archive:  # for NumPy's own writer some names are options
        for name, array in found.items():
            if ".." in re.split(r"[/\\]", name) or name[:1] in ("/", "\\"):
                raise NotImplementedError(f"an archive cannot hold a quantity called {name!r}: take to_dict(), or to_json()")
            with archive.open(f"{name}.npy", "w", force_zip64=True) as member:
                np.lib.format.write_array(member, np.asanyarray(array), allow_pickle=False)
    write_whole(path, memory.getvalue())


WRITERS = {".csv": to_csv, ".json": to_json, ".npz": to_npz}


def export(run: Run, path: StrPath) -> None:
    """Write every number to `path`, as its ending says. ValueError for another ending."""
    suffix = Path(path).suffix
    if suffix not in WRITERS:
        raise ValueError(f"{shown(path)}: numbers are written as {', '.join(WRITERS)}; give the file one of these endings")
    WRITERS[suffix](run, path)
