"""Operations that together are a simpler one: a part of what was put together is a part of its piece; softmax written out.

The nodes are changed in place, before they are named and stamped with steps.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from ..engine import ops
from ..engine.graph import Node
from ..engine.sizes import Size
from .instrument.recorder import Recorder
from .primitives import entry_at, log_softmax_down, softmax_down
from .steps.turn_by_turn import ALL, Uses, become, grown, rows_of_turns, set_before

MOST_PIECES = 2000  # that an array written slice by slice is shown as
SIMPLER = {ops.part, ops.update, ops.join, ops.inverse, ops.divide, ops.add, ops.mean, ops.sums, ops.log}
PUT_TOGETHER = {ops.part, ops.stack, ops.join, ops.permute, ops.transpose}


def simplify(nodes: list[Node], recorder: Recorder) -> bool:
    """Whether any was: parts may not be needed any more."""
    instead: dict[Node, Node] = {}
    changed = 0
    uses = Uses(nodes)
    pieces: dict[Node, tuple[int, list[Piece]]] = {}
    joins: list[Node] = []
    for node in nodes:
        if instead and not instead.keys().isdisjoint(node.args):
            node.args = tuple([instead.get(a, a) for a in node.args])
        if node.op not in SIMPLER:
            continue
        if node.op is ops.part:
            whole = node.args[0]
            piece = _piece(node) if whole.op in PUT_TOGETHER and whole not in recorder.written else None
            if piece is not None and piece is not node:
                changed += 1
                if node in recorder.names:
                    node.op, node.args, node.attrs = ops.same, (piece,), {}
                else:
                    instead[node] = piece
            changed += piece is node
        elif node.op is ops.update:
            if node.args[0] in recorder.written:
                pieces.pop(node.args[0], None)  # it has a name
            changed += _pieces(node, pieces, between=uses.count[node] == uses.written[node] == 1)
            if node.op is ops.join and node not in uses.inside and node not in recorder.names:
                node.step = 0  # filled turn by turn, and used as a whole when the loop is over
        elif node.op is ops.join:
            joins.append(node)
            if (before := grown(node, recorder, uses)) is not None:
                joins = [join for join in joins if join is not before]
                changed += 1
        elif node.op is ops.inverse:
            changed += _sigmoid(node, recorder)
        elif node.op is ops.divide:
            changed += _softmax(node, recorder)
        elif node.op is ops.add:
            changed += _sum_of_steps(node, recorder, uses)
        elif node.op in (ops.mean, ops.sums):
            changed += _over_steps(node, recorder)
        elif node.op is ops.log:
            changed += _log_of_softmax(node, recorder)
    changed += sum([rows_of_turns(node) for node in joins])
    _blocks(nodes)
    return changed > 0


class Piece(NamedTuple):
    """What stands in an array from `lo` to `hi` along an axis: a node, from `start` on."""

    lo: int
    hi: int
    node: Node
    start: int


def _pieces(node: Node, known: dict[Node, tuple[int, list[Piece]]], between: bool) -> bool:
    """An array that was written slice by slice, x[:2] = a, is its pieces one after the other.

    What is written once more, and used for nothing else, stands `between`: it is left as it is.
    """
    whole, part = node.args
    axis = _only_axis(node.attrs["key"])
    key = None if axis is None else node.attrs["key"][axis]
    if axis is None or type(key) is not slice or key.step not in (None, 1) or not part.value.size:
        return False
    n = node.shape[axis]
    lo, hi, _ = key.indices(n)
    before = known.get(whole)
    if before is None or before[0] != axis:
        before = axis, [Piece(0, n, whole, 0)]
    found = [p._replace(hi=min(p.hi, lo)) for p in before[1] if p.lo < lo]
    found += [Piece(lo, hi, part, 0)]
    found += [p._replace(lo=max(p.lo, hi), start=p.start + max(hi - p.lo, 0)) for p in before[1] if p.hi > hi]
    if len(found) > MOST_PIECES:
        return False
    known[node] = axis, found
    if between:
        return False
    cut = [_cut(node, p, axis) for p in found]
    made = ops.join(*cut, axis=axis - node.ndim) if len(cut) > 1 else ops.same(part)
    become(node, made)
    return True


def _cut(node: Node, piece: Piece, axis: int) -> Node:
    """The piece as a node, made before `node`."""
    n = piece.hi - piece.lo
    if n == piece.node.shape[axis]:
        return piece.node
    if piece.node.op is ops.full:
        dims = piece.node.dims
        made = ops.full(**{**piece.node.attrs, "dims": (*dims[:axis], Size.of(n), *dims[axis + 1 :])})
    else:
        made = ops.part(piece.node, key=ops.full_key(node.ndim, axis, slice(piece.start, piece.start + n)))
    return set_before(node, made)


def _only_axis(key: Any) -> int | None:
    """The axis along which a key chooses, if it has all of every other."""
    found = None
    for axis, k in enumerate(key):
        if type(k) is not slice or k != ALL:
            if found is not None:
                return None
            found = axis
    return found


def _piece(node: Node) -> Node | None:
    """The piece that a part is of; the node itself if it is now a part of something simpler; None if neither."""
    (x,), key = node.args, node.attrs["key"]
    if x.op is ops.part:
        before = x.attrs["key"]
        axis = _only_axis(before)
        if axis is None or type(before[axis]) is not slice or _only_axis(key) != axis or type(key[axis]) is not int:
            return None
        place = range(x.args[0].shape[axis])[before[axis]][key[axis]]  # a place counted through a slice
        node.args, node.attrs = x.args, {"key": ops.Key(place if i == axis else j for i, j in enumerate(key))}
        return (_piece(node) if node.args[0].op in PUT_TOGETHER else None) or node
    axis = _only_axis(key)
    if axis is None:
        return None
    if x.op in (ops.permute, ops.transpose):  # a step of what was turned round, X.transpose(1, 0, 2)[t]
        axes = [*x.attrs.get("axes", (1, 0))]
        rest = axes[:axis] + axes[axis + 1 :]
        if type(key[axis]) is not int or rest != sorted(rest):
            return None
        node.args, node.attrs = x.args, {"key": ops.full_key(x.ndim, axes[axis], key[axis])}
        return (_piece(node) if node.args[0].op in PUT_TOGETHER else None) or node
    k, n = key[axis], x.shape[axis]
    if x.op is ops.stack and x.attrs["axis"] == axis:
        if type(k) is int:
            return x.args[k]
        if (type(k) is slice and node.value.size and node.value.shape[axis] < len(x.args)) or _reverses(k, n):
            made = ops.stack(*x.args[k], axis=axis, size=len(x.args[k]))
            become(node, made)
            return node
    if x.op is ops.join and type(k) in (int, slice) and x.attrs["axis"] % x.ndim == axis:
        places = range(n)[k] if type(k) is slice else range(n)[k % n : k % n + 1]
        if not places or places.step != 1:
            return None
        start = 0
        for piece in x.args:
            end = start + piece.shape[axis]
            if start <= places[0] and places[-1] < end:
                if places == range(start, end) and type(k) is slice:
                    return piece
                lo = places[0] - start
                within = slice(lo, lo + len(places)) if type(k) is slice else lo
                node.args, node.attrs = (piece,), {"key": ops.Key(within if i == axis else j for i, j in enumerate(key))}
                return (_piece(node) if piece.op in PUT_TOGETHER else None) or node
            start = end
    return None


def _reverses(k: Any, n: int) -> bool:
    return type(k) is slice and range(n)[k] == range(n)[::-1]


def _sum_of_steps(node: Node, recorder: Recorder, uses: Uses) -> bool:
    """l_1 + l_2 + ... + l_T of one quantity, added one after the other."""
    first, last = node.args
    name = recorder.names.get(last)
    if name is None or (first in recorder.names and recorder.names[first][0] != name[0]):
        return False
    if first.op is ops.shift and first.attrs["q"] == 0 and first not in recorder.names:
        first = first.args[0]
    terms = first.args if first.op is ops.total and first not in recorder.names and uses.count[first] == 1 else (first,)
    if any(recorder.names.get(term, ("",))[0] != name[0] for term in terms):
        return False
    node.op, node.args, node.attrs = ops.total, (*terms, last), {}
    return True


def _over_steps(node: Node, recorder: Recorder) -> bool:
    """The sum or the mean of numbers that were put together, l_1, ..., l_T: over the steps."""
    (whole,) = node.args
    if whole.op is not ops.stack or whole in recorder.names or any(x.ndim for x in whole.args) or node.ndim:
        return False
    if len({recorder.names.get(x, ("",))[0] for x in whole.args} - {""}) != 1:
        return False
    made = (ops.average if node.op is ops.mean else ops.total)(*whole.args)
    become(node, made)
    return True


def _blocks(nodes: list[Node]) -> None:
    """Slices that cut the columns of what is computed into equal parts, as the gates of an LSTM, are its blocks."""
    cuts: dict[Node, dict[Node, tuple[int, int]]] = {}
    for node in nodes:
        if node.op is ops.part and node.args[0].args and (ends := _columns(node)) is not None:
            cuts.setdefault(node.args[0], {})[node] = ends
    for whole, parts in cuts.items():
        places = sorted(set(parts.values()))
        width = whole.shape[-1] // len(places)
        if len(places) > 1 and places == [(k * width, (k + 1) * width) for k in range(len(places))]:
            for node, ends in parts.items():
                node.op, node.attrs = ops.block, {"k": places.index(ends), "parts": len(places)}


def _columns(node: Node) -> tuple[int, int] | None:
    """From where to where a part reaches that is made of whole rows."""
    key, whole = node.attrs["key"], node.args[0]
    if not key or len(key) != whole.ndim or whole.ndim > 2 or not all(isinstance(k, slice) for k in key):
        return None
    *rows, (start, stop, step) = [k.indices(n) for k, n in zip(key, whole.shape)]
    all_rows = all(reach == (0, n, 1) for reach, n in zip(rows, whole.shape))
    return (start, stop) if all_rows and step == 1 else None


def _sigmoid(node: Node, recorder: Recorder) -> bool:
    chain = [node]
    while len(chain) < 4 and len(chain[-1].args) == 1:
        chain.append(chain[-1].args[0])
    if [part.op for part in chain] != [ops.inverse, ops.shift, ops.exp, ops.negative]:
        return False
    if not node.attrs["q"] == chain[1].attrs["q"] == 1 or recorder.names.keys() & set(chain[1:]):
        return False
    node.op, node.args, node.attrs = ops.sigmoid, chain[-1].args, {}
    return True


def _softmax(node: Node, recorder: Recorder) -> bool:
    """exp(x) / sum(exp(x)) of a vector, a column or of rows, plain or with the largest entry taken off first."""
    above, below = node.args
    while below.op in (ops.expand, ops.reshape) and below.args:
        below = below.args[0]
    if above.op is not ops.exp or below.op is not ops.sums:
        return False
    same = below.args[0]
    if same is not above and (same.op is not ops.exp or same.args != above.args):
        return False
    x, axis = _unshifted(above.args[0]), below.attrs.get("axis")
    along = {a % x.ndim for a in (range(x.ndim) if axis is None else axis if isinstance(axis, tuple) else (axis,))}
    column = x.ndim == 2 and x.shape[1] == 1 and 0 in along
    if not column and not (along == {x.ndim - 1} or (x.ndim == 2 and x.shape[0] == 1 and 1 in along)):
        return False
    node.op, node.args, node.attrs = softmax_down if column else ops.softmax, (x,), {}
    return True


def _unshifted(x: Node) -> Node:
    """`x` before its largest entry was taken off."""
    if x.op is ops.subtract:
        most = x.args[1]
        while most.op in (ops.expand, ops.reshape) and most.args:
            most = most.args[0]
        if most.op is ops.largest and most.args[0] is x.args[0]:
            return x.args[0]
    return x


def _log_of_softmax(node: Node, recorder: Recorder) -> bool:
    """The log of a softmax, or of some of its entries, computed of what it was applied to: its slope is p - y then."""
    (picked,) = node.args
    p = picked.args[0] if picked.op in (ops.part, entry_at) and picked not in recorder.names else picked
    log = {ops.softmax: ops.log_softmax, softmax_down: log_softmax_down}.get(p.op)
    if log is None or (picked is not p and picked.op is ops.part and p.shape == picked.shape):
        return False
    if picked is p:
        node.op, node.args, node.attrs = log, (p.args[0], p), {}
    else:
        logs = set_before(node, log(p.args[0], p))
        node.op, node.args, node.attrs = picked.op, (logs, *picked.args[1:]), picked.attrs
    return True
