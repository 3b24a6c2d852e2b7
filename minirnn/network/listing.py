"""The layers of a network in the order in which Keras lists them, and the names of those that have none."""

from __future__ import annotations

from typing import Any

from ..layers.layer import Layer
from ..layers.symbolic import Symbolic
from ..layers.written import layers_within


def listed_layers(outputs: list[Symbolic], order: list[Symbolic]) -> list[Layer]:
    """The layers by their distance from the outputs, then as they are met on the way back from the first output.

    Those of a model within are listed where it stands, in its own order.
    """
    met: dict[Symbolic, None] = {}
    waiting = [output.first for output in reversed(outputs)]
    while waiting:
        call = waiting.pop()
        if call not in met:
            met[call] = None
            waiting.extend(s.first for s in reversed(call.needs))
    index = {owner_of(call): i for i, call in reversed([*enumerate(met)])}
    far: dict[Any, int] = {}
    distance: dict[Symbolic, int] = {}
    for call in reversed(order):
        owner = owner_of(call)
        distance[call] = far[owner] = max(distance.get(call, 0), far.get(owner, 0))
        for s in call.needs:
            step = int(owner_of(s.first) is not owner)
            distance[s.first] = max(distance.get(s.first, 0), distance[call] + step)
    owners = sorted(far, key=lambda owner: (-far[owner], index[owner]))
    made: dict[Any, list[Layer]] = {}
    for call in order:
        made.setdefault(owner_of(call), []).append(call.layer)
    found = [layer for owner in owners for layer in _within(owner, made[owner])]
    used = {call.layer for call in order}
    return [layer for layer in dict.fromkeys(found) if layer in used]


def owner_of(call: Symbolic) -> Any:
    """The layer that a call is of, or the model or the layer of the user's own that has made it."""
    return call.within or call.layer


def _within(owner: Any, called: list[Layer]) -> list[Layer]:
    """The layers of an owner: of a layer of the user's own those that it holds, and what it calls besides."""
    if not isinstance(owner, Layer):
        return list(owner.flat_layers)
    return [*layers_within(owner), *called] if owner.is_users else [owner]


def name_layers(layers: list[Layer]) -> None:
    """Give nameless layers Keras' names: simple_rnn, simple_rnn_1, ..."""
    taken = {layer.name for layer in layers}
    for layer in layers:
        if layer.name is None:
            base, k = layer.label, 0
            while layer.name is None or layer.name in taken:
                layer.name, k = (base if k == 0 else f"{base}_{k}"), k + 1
            taken.add(layer.name)
