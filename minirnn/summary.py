"""The table that `Model.summary` prints: layers, output shapes and numbers of parameters, as Keras 2 laid it out."""

from __future__ import annotations

from typing import Any

from .network import Network


def summary_text(model: Network, line_length: int | None = None) -> str:
    """The table that `Model.summary` prints."""
    shapes = {s.layer: s.shape for s in model.order}
    rows = []
    for layer in model.layers:
        shape: Any = shapes[layer]
        kind = type(layer).__name__
        rows.append((f"{layer.label} ({kind})", str([shape] if kind == "InputLayer" else shape), layer.count_params()))
    first = max(29, *(len(row[0]) + 2 for row in rows))
    second = max(26, *(len(row[1]) + 2 for row in rows), (line_length or 0) - first - 10)
    line = "_" * (first + second + 10)
    size = {
        flag: (
            sum(layer.count_params() for layer in model.layers if layer.trainable in flag),
            sum(w.nbytes for layer in model.layers if layer.trainable in flag for w in layer.weight_arrays),
        )
        for flag in ((True, False), (True,), (False,))
    }
    body = "\n\n".join(f" {name:<{first - 1}}{shape:<{second}}{count:<10}" for name, shape, count in rows)
    heading = f" {'Layer (type)':<{first - 1}}{'Output Shape':<{second}}{'Param #':<10}"
    words = zip(("Total", "Trainable", "Non-trainable"), size.values())
    totals = "\n".join(f"{word} params: {number} ({_bytes(n)})" for word, (number, n) in words)
    return "\n".join([f'Model: "{model.label}"', line, heading, "=" * len(line), body, "", "=" * len(line), totals, line])


def _bytes(size: float) -> str:
    for unit in ("Byte", "KB", "MB"):
        if size < 1024:
            return f"{size:.2f} {unit}"
        size /= 1024
    return f"{size:.2f} GB"
