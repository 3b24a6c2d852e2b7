"""How the quantities of a network are called: the bias of its second hidden layer is b_a^2, and M_2 its units.

Every call of a layer belongs to a group, and the calls of a group are numbered if there are several: the calls that make
the outputs of the network (y, W_o), the others of the layer's `family` (a, W_a), the inputs of one role. Recurrences are
numbered by their cells. Calls are counted, not layers: the states of a layer that is used twice are told apart, its
weights are not.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator

from .layers.activation import Activation
from .layers.calls import Scope, tags_of
from .layers.dense import Dense
from .layers.symbolic import Symbolic
from .layers.wrappers import at_each_step

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
            mask=masks.get(s.mask or s, ""),
        )
        letters[s] = s.layer.letters(scope)
        yield s, scope


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
