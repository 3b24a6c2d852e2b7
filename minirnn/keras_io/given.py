"""What a call of a layer is given, as the description of a functional model says it: inputs, states, masks."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..layers import Embedding, Layer, Masking, Symbolic
from ..system import plain


class Given:
    """What a call is given: x, the initial states, the mask, and whether it is in training."""

    def __init__(self, call: Any, find: Callable[[list[Any]], Any], where: str) -> None:
        inputs: list[Any] = []
        keywords: dict[str, Any] = {}
        if isinstance(call, dict):  # Keras 3
            names = ("x", "initial_state", "mask", "training")
            keywords = dict(zip(names[1:], call["args"][1:])) | dict(call.get("kwargs", {}))
            inputs = histories(call["args"][0])
        else:  # Keras 2: [[name, node, tensor, arguments], ...]
            for name, node, tensor, arguments in call:
                inputs.append([name, node, tensor])
                keywords |= arguments
        states = histories(keywords.pop("initial_state", None))
        masks = histories(keywords.pop("mask", None))
        training = keywords.pop("training", None)
        for key, value in keywords.items():
            if histories(value):
                raise NotImplementedError(f"a layer is called with {plain(key)}=, which minirnn does not support yet")
        if not inputs:
            raise ValueError(f"{where} is called on nothing")
        if training not in (None, True, False):
            raise ValueError(f"{where} is called with training={plain(repr(training))}")
        self.inputs = [find(history) for history in inputs]
        self.x, *more = self.inputs
        self.states = more + [find(history) for history in states]
        self.mask = find(masks[0]) if masks else None
        self.training = training or None  # Keras writes False for every recurrent layer, and lets fit override it


def histories(value: Any) -> list[list[Any]]:
    """[layer, call, output] of every tensor in `value`, as Keras 3 or Keras 2 writes it; a dict in the order of its keys."""
    found, waiting = [], [value]
    while waiting:  # no recursion: a file may nest lists as deep as it likes
        value = waiting.pop()
        if isinstance(value, dict) and value.get("class_name") == "__keras_tensor__":
            found.append(value["config"]["keras_history"])
        elif isinstance(value, dict):
            waiting += [value[key] for key in sorted(value, reverse=True)]
        elif isinstance(value, (list, tuple)):
            if len(value) >= 3 and isinstance(value[0], str) and isinstance(value[1], int) and isinstance(value[2], int):
                found.append(list(value[:3]))
            else:
                waiting += reversed(value)
    return found


class Computed:
    """A mask that Keras has written out as operations: NotEqual(x, value), and Any of it over the features."""

    def __init__(self, x: Any, value: Any, over_features: bool) -> None:
        self.x, self.value, self.over_features = x, value, over_features


def all_histories(call: Any) -> list[list[Any]]:
    if isinstance(call, dict):
        return histories([call["args"], call.get("kwargs", {})])
    keywords = [value for entry in call for value in entry[3].values()]
    return [list(entry[:3]) for entry in call] + [h for value in keywords for h in histories(value)]


def computed(entry: dict[str, Any], call: Any, find: Callable[[list[Any]], Any]) -> Computed | None:
    """The mask that an operation computes, if it is part of one that Keras has written out."""
    x = find(histories(call["args"])[0])
    if entry["class_name"] == "NotEqual" and isinstance(x, Symbolic):
        value = call["args"][1]
        if isinstance(value, (int, float)):
            return Computed(x, value, False)
    elif entry["class_name"] == "Any" and isinstance(x, Computed) and entry["config"].get("axis") == -1:
        return Computed(x.x, x.value, True)
    return None


def demand_own_mask(given: Given, layer: Layer) -> None:
    """A mask that Keras has written out must be the one that minirnn hands on by itself; the call then needs none."""
    wants: Any = given.mask
    x: Any = given.x
    while x.inputs and x.mask is None and x.first.layer.supports_masking:
        source, own = x.inputs[0], x.first.layer
        if isinstance(own, Masking) and (source, own.mask_value, True) == (wants.x, wants.value, wants.over_features):
            break
        if isinstance(own, Embedding) and own.mask_zero and (source, 0) == (wants.x, wants.value):
            break
        if isinstance(own, (Masking, Embedding)) or not getattr(own, "return_sequences", True):
            x = None
            break
        x = source
    if x is None or not x.inputs or x.mask is not None or not x.first.layer.supports_masking:
        raise NotImplementedError(
            f"layer {layer.label!r} is called with a mask that is computed, which minirnn cannot follow"
        )
    given.mask = None
