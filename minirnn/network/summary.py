"""The table that `Model.summary` prints: layers, output shapes and numbers of parameters, as Keras 2 laid it out."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ..displays import Table, Text
from . import Network


def summary_text(model: Network, line_length: int | None = None) -> str:
    """The table that `Model.summary` prints."""
    rows = _rows(model)
    first = max(29, *(len(row[0]) + 2 for row in rows))
    second = max(26, *(len(row[1]) + 2 for row in rows), (line_length or 0) - first - 10)
    line = "_" * (first + second + 10)
    body = "\n\n".join(f" {name:<{first - 1}}{shape:<{second}}{count:<10}" for name, shape, count in rows)
    heading = f" {'Layer (type)':<{first - 1}}{'Output Shape':<{second}}{'Param #':<10}"
    totals = "\n".join(_totals(model))
    return "\n".join([f'Model: "{model.label}"', line, heading, "=" * len(line), body, "", "=" * len(line), totals, line])


def summary_parts(model: Network) -> Iterator[Text | Table]:
    """The same for a notebook, with the shapes that the numbers of parameters come from."""
    yield Text(f'Model: "{model.label}"', strong=True)
    layers = zip(_rows(model), model.flat_layers)
    rows = [(name, shape, count + _shapes(layer)) for (name, shape, count), layer in layers]
    yield Table(("Layer (type)", "Output Shape", "Param #"), rows)
    yield Text(", ".join(_totals(model)))


def _rows(model: Network) -> list[tuple[str, str, str]]:
    shapes: dict[Any, Any] = {s.layer: s.shape for s in vars(model).get("order", ())}
    rows = []
    for layer in model.flat_layers:
        shape = shapes.get(layer, "?")
        kind = layer.kind
        shown = str([shape] if kind == "InputLayer" else shape)
        rows.append((f"{layer.label} ({kind})", shown, str(layer.count_params()) if layer.built else "0 (unbuilt)"))
    return rows


def _shapes(layer: Any) -> str:
    """3·5 + 5·5 + 5"""
    shapes = ["·".join(map(str, w.shape)) or "1" for w in layer.get_weights()]
    return f" = {' + '.join(shapes)}" if len(shapes) > 1 or "·" in "".join(shapes) else ""


def _totals(model: Network) -> Iterator[str]:
    groups = {"Total": model.weights, "Trainable": model.trainable_weights, "Non-trainable": model.non_trainable_weights}
    for word, weights in groups.items():
        arrays = [weight.numpy() for weight in weights]
        yield f"{word} params: {sum(a.size for a in arrays)} ({_bytes(sum(a.nbytes for a in arrays))})"


def _bytes(size: float) -> str:
    for unit in ("Byte", "KB", "MB"):
        if size < 1024:
            return f"{size:.2f} {unit}"
        size /= 1024
    return f"{size:.2f} GB"
