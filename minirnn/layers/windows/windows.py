"""Windows of neighbouring steps that move over a sequence: what Conv1D and MaxPooling1D have in common."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ...engine.graph import Node
from ...engine.ops import repeated, same, stack
from ...system import plain
from ..calls import Call, Masks
from ..layer import Layer
from ..nodes import numbered, steps
from ..symbolic import Shape

Window = list[Node | None]  # None where it reaches beyond the sequence


class Windows(Layer, listed=False):
    """Windows of `width` steps, `gap` steps from one to the next within, `apart` from window to window.

    `padding`: "valid" for windows inside the sequence, "same" for as many windows as there are steps over `apart`, "causal"
    for windows that end at the step they belong to.
    """

    family = "outputs"
    unsaid = ("width", "apart", "gap")  # Keras' descriptions have other names for them
    paddings: tuple[str, ...] = ("valid", "same")

    def __init__(self, width: int, apart: int, padding: str, gap: int = 1, **others: Any) -> None:
        super().__init__(**others)
        padding = padding.lower() if isinstance(padding, str) else padding
        if padding not in self.paddings:
            raise ValueError(f"{self.kind}(padding={plain(repr(padding))}): it must be one of {', '.join(self.paddings)}")
        self.width, self.apart, self.padding, self.gap = width, apart, padding, gap
        self.keeps_length = width == apart == 1
        self.of_one_length = not self.keeps_length

    def build(self, input_shape: Shape) -> None:
        if len(input_shape) != 3:
            raise ValueError(f"{self.label} takes sequences (samples, timesteps, features), not shape {input_shape}")
        T, reach = input_shape[1], 1 + (self.width - 1) * self.gap
        if T is not None and self.padding == "valid" and reach > T:
            raise ValueError(f"{self.label}: a window of {reach} steps does not fit into {T} steps")
        super().build(input_shape)

    def output_features(self, features: int | None) -> int | None:
        """How many features come out of so many."""
        raise NotImplementedError

    def output_shape(self, input_shape: Shape) -> Shape:
        T = input_shape[1]
        return (input_shape[0], None if T is None else len(self.starts(T)), self.output_features(input_shape[2]))

    def starts(self, T: int) -> range:
        """The position, from 0, of the first step of each window; it may lie before the sequence."""
        reach = 1 + (self.width - 1) * self.gap
        if self.padding == "valid":
            return range(0, T - reach + 1, self.apart)
        count = -(-T // self.apart)
        before = reach - 1 if self.padding == "causal" else max(0, (count - 1) * self.apart + reach - T) // 2
        return range(-before, -before + count * self.apart, self.apart)

    def at_windows(self, x: Node, call: Call, function: Callable[[Window], Node]) -> Node:
        """`function` of each window; the results are the steps of the output."""
        each = steps(x)
        if len(each) > 1 and each[0].step > each[1].step:  # type: ignore[operator]  # it runs backwards
            each = renumbered(each)
        by_themselves = self.apart > 1  # window t does not begin so many steps from step t
        starts = self.starts(len(each))

        def one(t: int) -> Node:
            places = [starts[t - 1] + k * self.gap for k in range(self.width)]
            made = function([each[p] if 0 <= p < len(each) else None for p in places])
            return call.output(repeated(made, t=t) if by_themselves else made)

        found = numbered(one, len(starts))
        if not found:
            raise ValueError(f"{self.label}: its window does not fit into {len(each)} steps")
        return stack(*found, size=len(found) if by_themselves else x.dims[1] - (len(each) - len(found)))

    def masks(self, x: Node, call: Call) -> list[Masks | None]:
        return [None]


def renumbered(each: list[Node]) -> list[Node]:
    """The same nodes as steps 1, 2, ... in the order in which they stand."""
    return numbered(lambda t: each[t - 1] if each[t - 1].step == t else same(each[t - 1]), len(each))
