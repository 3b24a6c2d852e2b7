"""How the quantities of a network are called: the bias of its second hidden layer is b_a^2, and M_2 its units.

Every call of a layer belongs to a group, and the calls of a group are numbered if there are several: the calls that make
the outputs of the network (y, W_o), the others of the layer's `family` (a, W_a), the inputs of one role. Recurrences are
numbered by their cells. Calls are counted, not layers: the states of a layer that is used twice are told apart, its
weights are not.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator

from ..layers.calls import Scope, tags_of
from ..layers.dense import Dense
from ..layers.operations.functions import Activation
from ..layers.symbolic import Symbolic
from ..layers.wrappers import at_each_step

Role = Callable[[Symbolic], str]


def scopes(
    order: list[Symbolic], inputs: list[Symbolic], outputs: list[Symbolic], role: Role
) -> Iterator[tuple[Symbolic, Scope]]:
    """Every placeholder, each after those it needs, with the names of its layer's quantities."""
    heads = dict.fromkeys(map(head_of, outputs))
    before = {h.inputs[0].first: h for h in heads if isinstance(h.layer, Activation) and _is_dense(h.inputs[0])}

    def group(s: Symbolic) -> str:
        return "heads" if s in heads else at_each_step(s.layer).family if s.inputs else role(s)

    counted = [s for s in [*inputs, *(s for s in order if s.inputs)] if s not in before]
    tags = _numbered((s, group(s)) for s in counted if group(s) not in ("", "state", "mask"))
    tags |= {s: tags[h] for s, h in before.items()}
    masks = _numbered((s.mask or s, "mask") for s in order if s.mask is not None or at_each_step(s.layer).makes_mask)
    cells = _cells(order)
    letters: dict[Symbolic, list[str]] = {}
    lengths = _lengths(order)
    for s in order:
        letters |= {state: [own] for state, own in zip(s.states, s.layer.state_letters(Scope(tags=cells[s])))}
    unlike = len({s.shape[-1] for s in inputs if role(s) == "data"}) > 1
    for s in order:
        data = Scope(tags.get(s, "")).letter("D") if unlike else "D"
        features, *others = [letters[x.first][x.index] for x in s.inputs] or letters.get(s, [data])
        scope = Scope(
            tags.get(s, ""),
            s in heads or s in before,
            features,
            tuple(others),
            s in before,
            cells[s],
            steps=_letter(s.inputs[0].first if s.inputs else s, lengths),
            mask=masks.get(s.mask or s, ""),
        )
        letters[s] = s.layer.letters(scope)
        yield s, scope


def _lengths(order: list[Symbolic]) -> dict[Symbolic, str]:
    """The letter for the length of each sequence: T, T_2, ... for inputs that need not be as long as each other."""
    same: dict[Symbolic, Symbolic] = {}

    def root(s: Symbolic) -> Symbolic:
        while same[s] is not s:
            s = same[s]
        return s

    for s in order:
        same[s] = s
        given = [x.first for x in s.inputs if len(x.shape) == 3 or not x.inputs]
        if given and len(s.shape) == 3 and s.layer.keeps_steps:
            same[s] = root(given[0])
            length = given[0].shape[1]
            for other in given[1:]:  # what is put together step by step is of one length
                if s.layer.step_by_step and (length is None or other.shape[1] in (None, length)):
                    same[root(other)] = root(given[0])
        if s.mask is not None:
            same[root(s.mask.first)] = root(s.inputs[0].first)
    sources = dict.fromkeys(root(s) for s in order if not s.inputs and len(s.shape) > 1 and _is_sequence(s, order))
    names = {source: "T" if k == 1 else f"T_{k}" for k, source in enumerate(sources, 1)}
    return {s: names[root(s)] for s in order if root(s) in names and s.shape[1:2] == root(s).shape[1:2]}


def _letter(s: Symbolic, lengths: dict[Symbolic, str]) -> str:
    """The letter for the length of a sequence; a number where it is that of no input, as after a RepeatVector."""
    return lengths.get(s, str(s.shape[1]) if len(s.shape) == 3 and s.shape[1] is not None else "T")


def _is_sequence(s: Symbolic, order: list[Symbolic]) -> bool:
    """Whether an input is a sequence, or the numbers of one."""
    return len(s.shape) == 3 or any(call.inputs and call.inputs[0] is s and len(call.shape) == 3 for call in order)


def head_of(output: Symbolic) -> Symbolic:
    """The call that makes an output; what only lays it out anew or drops entries of it may follow."""
    call = output.first
    while call.inputs and at_each_step(call.layer).arranges:
        call = call.inputs[0].first
    return call


def _is_dense(s: Symbolic) -> bool:
    return isinstance(at_each_step(s.layer), Dense)


def _numbered(calls: Iterable[tuple[Symbolic, Hashable]]) -> dict[Symbolic, str]:
    """The tag of each call: none of one that is alone in its group, else ^1, ^2, ..."""
    groups: dict[Hashable, dict[Symbolic, None]] = {}
    for s, group in calls:
        groups.setdefault(group, {})[s] = None
    return {s: tag for members in groups.values() for s, tag in zip(members, tags_of(len(members)))}


def _cells(order: list[Symbolic]) -> dict[Symbolic, tuple[str, ...]]:
    """The tags of the cells in each call, numbered throughout the network."""
    alone, done = sum(s.layer.recurrences for s in order) < 2, 0
    found = {}
    for s in order:
        found[s] = tags_of(s.layer.recurrences, 1 + done, alone) or ("",)
        done += s.layer.recurrences
    return found
