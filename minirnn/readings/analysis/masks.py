"""What a mask does at each step to each sample: computed, carried from the step before, or set to zero.

Read off the graph: a quantity that is chosen by a mask, h_t = where(m_t, h̃_t, h_{t-1}), whatever layer made it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from ...displays import Shown, Table
from ...engine.ops import expand, full, same, where

if TYPE_CHECKING:
    from ...engine.graph import Node
    from ...runs.run import Run

COMPUTED, CARRIED, ZEROED = "computed", "carried", "zeroed"


class Masks(Shown):
    """``masks["h"]``: for each sample and step a word, "computed", "carried" or "zeroed"; prints as a table.

    `steps` are those of each quantity, in the order of its columns; a dash stands for a step that nothing needs.
    """

    def __init__(self, words: dict[str, np.ndarray], steps: dict[str, list[int]]) -> None:
        self.words, self.steps = words, steps

    def __getitem__(self, name: str) -> np.ndarray:
        if name not in self.words:
            raise KeyError(f"no mask chooses {name!r}; there are {', '.join(self.words)}")
        return self.words[name]

    def rows(self) -> list[list[str]]:
        """The table, with its head: quantity, sample, and a word for each step."""
        every = sorted({step for steps in self.steps.values() for step in steps})
        table = [["quantity", "sample", *(f"t={step}" for step in every)]]
        for name, words in self.words.items():
            for n, row in enumerate(words, start=1):
                told = dict(zip(self.steps[name], row))
                table.append([name if n == 1 else "", str(n), *(told.get(step, "–") for step in every)])
        return table

    @property
    def table(self) -> Table:
        """The same to be shown."""
        head, *body = self.rows()
        return Table(head, body)

    def _display(self) -> Iterator[Table]:
        """The table."""
        yield self.table

    def __str__(self) -> str:
        return str(self.table)

    __repr__ = __str__


def masks(trace: Run) -> Masks:
    """What the masks of `trace` do to the states and outputs of its layers. ValueError if it has none."""
    words: dict[str, dict[int, np.ndarray]] = {}
    for (name, step), node in trace.variables.items():
        chosen = _chosen(node)
        if step is not None and chosen is not None and trace.names[name].of is None:
            words.setdefault(name, {})[step] = chosen
    if not words:
        cure = "give a layer mask=, or put Masking or Embedding(mask_zero=True) before it"
        if trace.is_loop:
            cure = "choose the samples that go on with np.where(mask[:, None], new, old)"
        raise ValueError(f"{trace.model.label} has no mask: {cure}")
    steps = {name: sorted(found) for name, found in words.items()}
    return Masks({name: np.stack([words[name][t] for t in order], axis=1) for name, order in steps.items()}, steps)


def _chosen(node: Node) -> np.ndarray | None:
    """A word for each sample, if the quantity is chosen by a mask."""
    while node.op is same:
        node = node.args[0]
    if node.op is not where or node.args[0].op is not expand:
        return None
    condition, _, otherwise = node.args
    if condition.args[0].shape[1:] != (1,):
        return None  # no choice among samples
    while otherwise.op is same:
        otherwise = otherwise.args[0]
    left = ZEROED if otherwise.op is full and otherwise.step == node.step else CARRIED
    return np.where(condition.args[0].value[:, 0] != 0, COMPUTED, left)
