"""The length of an axis as data: a letter (N, T, D, M, K), a number, or sums and products of them (2M, M+D, T-1).

Each `Size` also knows the number that it is in the run at hand; it is equal to another if both say the same in letters.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from fractions import Fraction
from typing import Any

Monomial = tuple[str, ...]  # letters in order, multiplied; () is 1


class Size:
    """A sum of products of letters, each with a whole factor, and the number `n` that it is in this run.

    >>> N, M = Size.of("N", 2), Size.of("M", 5)
    >>> 2 * M, M + N, N * M - 1, int(N * M)
    (2*M, M+N, M*N-1, 10)
    >>> (2 * M).at({"M": 7})
    14
    """

    __slots__ = ("n", "terms")
    __array_ufunc__ = None  # ndarray / size is left to the size, which is a number there

    def __init__(self, terms: Mapping[Monomial, int | Fraction], n: int) -> None:
        self.terms = {letters: factor for letters, factor in terms.items() if factor}
        self.n = n

    @classmethod
    def of(cls, what: Size | str | int, n: int | None = None) -> Size:
        """The size that `what` says: a letter, a number, or text such as "2*M", "M+M_b", "T-1"; it is n in this run."""
        if isinstance(what, Size):
            return what if n is None else Size(what.terms, n)
        if isinstance(what, str):
            terms: dict[Monomial, int] = {}
            for product in what.replace("-", "+-").split("+"):
                parts = product.split("*")
                factor = -1 if parts[0].startswith("-") else 1
                parts[0] = parts[0].removeprefix("-")
                for part in parts:
                    factor *= int(part) if part.isdecimal() else 1
                letters = tuple(sorted(part for part in parts if not part.isdecimal()))
                terms[letters] = terms.get(letters, 0) + factor
            return cls(terms, terms.get((), 0) if n is None else n)
        return cls({(): int(what)}, int(what))

    @property
    def letters(self) -> list[str]:
        """The letters in it, each once."""
        return list(dict.fromkeys(letter for product in self.terms for letter in product))

    @property
    def is_number(self) -> bool:
        """Whether there is no letter in it."""
        return all(not product for product in self.terms)

    @property
    def is_letter(self) -> bool:
        """Whether it is a single letter."""
        return list(self.terms.values()) == [1] and len(next(iter(self.terms))) == 1

    def at(self, numbers: Mapping[str, int]) -> int:
        """The number that it is where the letters are these numbers."""
        found: int | Fraction = 0
        for product, factor in self.terms.items():
            for letter in product:
                factor *= numbers[letter]
            found += factor
        return int(found)

    def over(self, parts: int) -> Size:
        """One of so many equal parts of it: M of 2*M, D/2 of D."""
        return Size({letters: Fraction(factor, parts) for letters, factor in self.terms.items()}, self.n // parts)

    def __add__(self, other: Size | int) -> Size:
        other = Size.of(other)
        terms = dict(self.terms)
        for letters, factor in other.terms.items():
            terms[letters] = terms.get(letters, 0) + factor
        return Size(terms, self.n + other.n)

    __radd__ = __add__

    def __rtruediv__(self, other: Any) -> Any:
        return other / self.n

    def __mul__(self, other: Size | int) -> Size:
        other = Size.of(other)
        terms: dict[Monomial, int | Fraction] = {}
        for left, p in self.terms.items():
            for right, q in other.terms.items():
                letters = tuple(sorted(left + right))
                terms[letters] = terms.get(letters, 0) + p * q
        return Size(terms, self.n * other.n)

    __rmul__ = __mul__

    def __sub__(self, other: Size | int) -> Size:
        return self + -1 * Size.of(other)

    def __rsub__(self, other: Size | int) -> Size:
        return -1 * self + other

    def __index__(self) -> int:
        return self.n

    __int__ = __index__

    def __eq__(self, other: object) -> bool:
        return (isinstance(other, Size) and self.terms == other.terms) or (
            isinstance(other, int) and self.is_number and self.n == other
        )

    def __hash__(self) -> int:
        return hash(self.n) if self.is_number else hash(frozenset(self.terms.items()))

    @property
    def python(self) -> str:
        """As it stands in code: 2 * M, M + M_2."""
        text = repr(self)
        for sign in "+-*":
            text = text[:1] + text[1:].replace(sign, f" {sign} ")
        return text

    def __repr__(self) -> str:
        text = ""
        for letters, factor in self.terms.items():
            above = [str(abs(factor.numerator))] if abs(factor.numerator) != 1 or not letters else []
            under = f"/{factor.denominator}" if factor.denominator != 1 else ""
            text += ("-" if factor < 0 else "+" if text else "") + "*".join([*above, *letters]) + under
        return text or "0"


Sizes = tuple[Size, ...]
ONE = Size.of(1)


def sizes_of(what: Iterable[Any], shape: tuple[int, ...]) -> Sizes:
    """The sizes of the axes of an array of that shape: as said, or the numbers themselves where nothing fits."""
    said = tuple(what)
    return tuple(map(Size.of, said, shape)) if len(said) == len(shape) else tuple(map(Size.of, shape))


def at_sizes(value: Any, numbers: Mapping[str, int]) -> Any:
    """An attribute with its sizes as the numbers that they are where the letters are these numbers."""
    if isinstance(value, Size):
        return value.at(numbers)
    if isinstance(value, slice):
        return slice(*(at_sizes(end, numbers) for end in (value.start, value.stop, value.step)))
    return type(value)(at_sizes(part, numbers) for part in value) if isinstance(value, tuple) else value


def product(sizes: Iterable[Size]) -> Size:
    """How many entries an array of these sizes has."""
    found = ONE
    for size in sizes:
        found = found * size
    return found
