"""Steps and stretches of steps as they hold for every length: counted from the nearer end of a sequence."""

from __future__ import annotations

from collections.abc import Container, Hashable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from .graph import Node
from .sizes import Size

End = tuple[int, str]  # how many steps a sequence has, and the letter for it; (0, "") where all is counted from the start


Told = Mapping[str, End]  # of quantities, by their names


class Lengths(int):
    """T, the number of steps; `others` are those of further sequences of lengths of their own, by letter."""

    others: Mapping[str, int]

    def __new__(cls, T: int, others: Mapping[str, int] | None = None) -> Lengths:
        found = super().__new__(cls, T)
        found.others = dict(others or {})
        return found

    @classmethod
    def of_data(cls, data: Sequence[Node], T: int) -> Lengths:
        """As the sizes of sequences say; T, where they say nothing of it."""
        sizes = [size for node in data if node.ndim > 1 for size in node.dims[1:2] if str(size).startswith("T")]
        found = {str(size): size.n for size in sizes}
        return cls(found.pop("T", T), found)

    def of(self, letter: str) -> int:
        """The length of the sequences of that letter."""
        return int(self) if letter == "T" else self.others[letter]

    def __reduce__(self) -> tuple[Any, ...]:
        return Lengths, (int(self), self.others)


class Fixed(NamedTuple):
    """A step counted from the start (3, h_0 is 0), or from the end (T - 1 is -1 from the end of what has length T)."""

    from_end: bool
    offset: int
    length: str = "T"  # the letter for the length of the sequence

    def step(self, T: int) -> int:
        """The step that it is; `T` is a `Lengths` where there are several."""
        return self.offset + (0 if not self.from_end else T.of(self.length) if isinstance(T, Lengths) else T)

    @property
    def size(self) -> Size:
        """The step as a number of letters."""
        return (Size.of(self.length, 0) if self.from_end else Size.of(0)) + self.offset

    def __str__(self) -> str:
        return f"{self.length}{self.offset:+d}".replace("+0", "") if self.from_end else str(self.offset)


class Span(NamedTuple):
    """Consecutive steps of one family, the operands of one operation; `down` if they come in falling order."""

    lo: Fixed
    hi: Fixed
    down: bool

    @property
    def size(self) -> Size:
        """How many steps there are."""
        return self.hi.size - self.lo.size + 1

    def __str__(self) -> str:
        return f"{self.hi}..{self.lo}" if self.down else f"{self.lo}..{self.hi}"


class Ref(NamedTuple):
    """An operand: its family, and where: None (no step), a delay (own step + delay), a fixed step, or a span."""

    family: int
    where: int | Fixed | Span | None

    def __str__(self) -> str:
        if self.where is None:
            return ""
        return f"[t{self.where:+d}]".replace("+0", "") if isinstance(self.where, int) else f"[{self.where}]"


class Domain(NamedTuple):
    """The steps lo..hi for which a definition holds."""

    lo: Fixed
    hi: Fixed

    def steps(self, T: int) -> range:
        return range(self.lo.step(T), self.hi.step(T) + 1)

    def __str__(self) -> str:
        return f"t = {self.lo}" if self.lo == self.hi else f"t = {self.lo}..{self.hi}"


def fixed(step: int, T: int, letter: str = "T", lower: bool = False, upper: bool = False) -> Fixed:
    """Counted from the nearer end; halfway, the lower end of a domain from the start and all else from the end.

    The upper end of a domain is T - 2 rather than 2 in a sequence of 4. With fewer than 3 steps nothing can be said about
    other lengths, and all is counted from the start.
    """
    near_start = step - 1 < T - step - upper or (lower and step - 1 == T - step) or T < 3
    return Fixed(False, step) if near_start else Fixed(True, step - T, letter)


def as_seen(there: int, here: int, end: End) -> int | Fixed:
    """A step as it is seen from another; from one end, the other end is at no delay."""
    T = end[0]
    return fixed(there, *end) if T >= 3 and abs(there - here) >= T - 1 else there - here


def seen_from_many(nodes: Sequence[Node]) -> set[tuple[Node, int]]:
    """The operands that are one and the same step of a quantity at every step: the last state of an encoder, at all of a
    decoder's. It is no delay, though the last of these steps may be near."""
    far = {
        node.op
        for node in nodes
        if node.step is not None
        for arg in node.args
        if arg.step is not None and not -2 < arg.step - node.step < 2
    }
    kinds: dict[Node, int] = {}  # quantities by name, what is nameless by how it is computed: numbered
    numbers: dict[Hashable, int] = {}
    groups: dict[Hashable, list[tuple[Node, int]]] = {}
    for node in nodes if far else ():
        made = (node.op, *[kinds[arg] for arg in node.args])
        kinds[node] = numbers.setdefault(node.name or made, len(numbers))
        if node.op in far and not node.op.variadic and node.step is not None:
            for i in range(len(node.args)):
                groups.setdefault((node.name, made, i), []).append((node, i))
    found: set[tuple[Node, int]] = set()
    for group in groups.values():
        read = {node.args[i].step for node, i in group}
        if len(read) == 1 and None not in read and len({node.step for node, _ in group}) > 1:
            found.update(group)
    return found


def lengths_of(nodes: Sequence[Node], told: Told, still: Container[tuple[Node, int]] = ()) -> dict[Any, End]:
    """How long the sequence is that each node is a step of, by its name if it has one.

    A step that is taken out of an array has the length of that axis; what is computed of it, at the same step, has it too.
    A derivative has that of the quantity. What is `told` of quantities by name is in place of what sizes say;
    what is made of `still` operands alone is a step of what is computed of it.
    """
    found: dict[Any, End] = {}
    for node in nodes:
        key: Any = node.name or node
        if (node.step in (None, 0) and "t" not in node.attrs) or key in found:
            continue
        if node.name is not None and node.name.of is not None and node.name.quantity in found:
            found[key] = found[node.name.quantity]
        elif told and str(node.name) in told:
            found[key] = told[str(node.name)]
        elif "t" in node.attrs and not told:
            found[key] = _end_of(node)
        else:
            known = (a for i, a in enumerate(node.args) if (a.name or a) in found and (node, i) not in still)
            near = sorted(known, key=lambda a: a.step != node.step)
            if near:
                found[key] = found[near[0].name or near[0]]
    for node in reversed(nodes) if told else ():
        for arg in node.args if (node.name or node) in found else ():
            if arg.name is None and arg.step == node.step:
                found.setdefault(arg, found[node.name or node])
    return found


def _end_of(node: Node) -> End:
    """The length of the axis, or the number of the pieces, that a step is taken out of."""
    x = node.args[0]
    if "width" in node.attrs:
        whole, width = x.dims[-1], node.attrs["width"]
        pieces = [Size.of(letter, whole.n // width.n) for letter in whole.letters]
        size = next((n for n in pieces if n * width == whole), None)
    else:
        size = x.dims[node.attrs["axis"]] if "axis" in node.attrs else None
    if size is not None and len(size.letters) == 1:
        (letter,) = size.letters
        more = size - Size.of(letter, 0)
        if more.is_number:  # T, or T - 2
            return size.n - more.at({}), letter
    return 0, ""


def domains_of(steps: list[int | None], end: End) -> Iterator[Domain | None]:
    """The runs of consecutive steps among these; None for what has no step."""
    known = sorted(step for step in steps if step is not None)
    if not known:
        yield None
        return
    start = previous = known[0]
    for step in [*known[1:], None]:
        if step is None or step > previous + 1:
            alone = start == previous
            yield Domain(fixed(start, *end, lower=not alone), fixed(previous, *end, upper=not alone))
            start = step if step is not None else start
        previous = step if step is not None else previous
