"""How long the sequences of a function are that it reads: an encoder's has T steps, a decoder's T_2."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping

from ...engine import ops
from ...engine.domains import End
from ...engine.graph import Node
from .turns import Cut, Loops


def other_lengths(loops: Loops, loop_of: Mapping[Node, int], T: int) -> dict[str, End]:
    """The quantities, by name, whose loops read sequences of other lengths than T, and these lengths with their letters.

    `loop_of` is the loop through time that a node was made in. Loops that read nothing, and those that read the sequences
    of which there are T steps, only not to the end, count their steps to T.
    """
    last: dict[int, int] = defaultdict(int)
    for node, loop in loop_of.items():
        last[loop] = max(last[loop], node.step or 0)
    read = {loop: {_length(cut, i) for i, cuts in loops.reading.get(loop, []) for cut in cuts} for loop in last}
    of_T = set().union(*(read[loop] for loop in last if last[loop] >= T), {T})
    alone = {loop: lengths.pop() for loop, lengths in read.items() if len(lengths) == 1 and not lengths & of_T}
    if not alone:
        return {}
    letters = {n: f"T_{k}" for k, n in enumerate(dict.fromkeys(alone.values()), start=2)}
    found: dict[str, set[int]] = defaultdict(set)  # of each quantity, the lengths of the loops that it is made in
    seen: dict[tuple[int, int], set[int]] = defaultdict(set)
    for node, loop in loop_of.items():
        n = alone.get(loop, T)
        if node.name is not None:
            found[str(node.name)].add(n)
        for arg in node.args if not node.op.variadic else ():
            there = alone.get(loop_of[arg], T) if arg in loop_of else n
            if there != n:
                seen[there, n].add(arg.step or 0)
    beside = {n for pair, steps in seen.items() if len(steps) > 1 for n in pair}  # step by step, so they have one length
    return {
        name: (n, letters[n]) if n in letters and len(lengths) == 1 and n not in beside else (T, "T")
        for name, lengths in found.items()
        for n in lengths
    }


def _length(cut: Cut, i: int) -> int:
    """How many steps there are of what a step is cut out of; of a slice of it, X[1:], all."""
    source, axis = cut.node.args[0], cut.axes[i]
    while source.op is ops.part and all(type(k) is slice for k in source.attrs["key"]):
        source = source.args[0]
    return source.shape[axis]
