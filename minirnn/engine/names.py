"""What a quantity is called and what it is for: names and roles as data, and the one printer of names.

A `Name` is a base, a subscript and a layer: "W_x^2" is W with the subscript x in layer 2. The name of a derivative says
what it is a derivative of: "dL/dh". Whoever makes a quantity gives it its name and its `Role`; nobody takes a name apart.
"""

from __future__ import annotations

import enum
import functools
import re
from collections.abc import Callable, Mapping
from typing import NamedTuple

from . import escapes


class Role(enum.Enum):
    """What a quantity is for."""

    INPUT = "input"
    INDEX = "index"  # whole numbers, each the number of a row
    MASK = "mask"
    STATE = "state"
    INITIAL_STATE = "initial state"
    GATE = "gate"
    CANDIDATE = "candidate"
    PRE_ACTIVATION = "pre-activation"  # what an activation function is applied to
    OUTPUT = "output"
    TARGET = "target"
    STEP_LOSS = "step loss"
    LOSS = "loss"
    PARAMETER = "parameter"
    BLOCK = "block"  # of a weight, that of one gate
    CONSTANT = "constant"
    DROPOUT_MASK = "dropout mask"


DATA = frozenset({Role.INPUT, Role.INDEX, Role.MASK, Role.TARGET})  # what is given anew with every batch


class Name(NamedTuple):
    """The name of a quantity; with `of` that of a derivative, such as dL/dh, whose other fields are those of h.

    - `immediate`: the derivative is taken with all other states held fixed, ∂⁺L/∂h
    - `delta`: printed as δ, since what the derivative is taken by is a pre-activation
    - `shown`: printed as this text, as it stands; None: as the symbol of the base
    """

    base: str
    sub: str = ""
    layer: str = ""
    of: Name | None = None
    immediate: bool = False
    delta: bool = False
    shown: str | None = None

    def __str__(self) -> str:
        return _key(self)

    @property
    def quantity(self) -> Name:
        """Of a derivative, what it is taken by: h of dL/dh."""
        return self._replace(of=None, immediate=False, delta=False)

    @functools.lru_cache(4096)  # noqa: B019  # asked for at every step
    def derivative(self, of: Name, immediate: bool = False, delta: bool = False) -> Name:
        """The name of d`of`/d(this)."""
        return self._replace(of=of, immediate=immediate, delta=delta)

    def renamed(self, names: Mapping[str, Name]) -> Name:
        """The same under other names, by key: where W_x is called U, dL/dW_x^2 is dL/dU^2."""
        if self.of is not None:
            new = self.quantity.renamed(names)
            return new.derivative(self.of.renamed(names), self.immediate, self.delta and new == self.quantity)
        if str(self) in names:
            return names[str(self)]
        bare = names.get(str(self._replace(layer="")))
        return self if bare is None else bare._replace(layer=self.layer)


@functools.lru_cache(4096)
def _key(name: Name) -> str:
    if name.of is not None:
        return f"d{'+' * name.immediate}{name.of}/d{name.quantity}"
    return name.base + f"_{name.sub}" * bool(name.sub) + f"^{name.layer}" * bool(name.layer)


@functools.lru_cache(4096)
def parse(key: str) -> Name:
    """The name that is spelled so in Python: "W_x^2", "dL/dh", "d+L/dh"; any other text is a base.

    >>> parse("W_x^2")
    Name(base='W', sub='x', layer='2', of=None, immediate=False, delta=False, shown=None)
    >>> str(parse("dL/dh").of), str(parse("dL/dh").quantity)
    ('L', 'h')
    """
    if found := re.fullmatch(r"d(\+?)(.+?)/d(.+)", demand_printable(key)):
        return parse(found[3]).derivative(parse(found[2]), bool(found[1]))
    front, _, layer = key.partition("^")
    base, _, sub = front.partition("_")
    name = Name(base, sub, layer)
    return name if str(name) == key else Name(key)


def verbatim(key: str, shown: str | None = None) -> Name:
    """A name of the user's own, printed as it stands, or as `shown`; a number after ``^`` tells several apart."""
    base, _, layer = demand_printable(key).partition("^")
    base = base if layer else key  # nothing is left out of a name that ends with ^
    return Name(base, "", layer, shown=base if shown is None else shown)


def users(name: Name, layer: str) -> Name:
    """The name that a user's own code gave a quantity of `layer`: no derivative, and printed as no symbol of minirnn's."""
    name = Name(str(name)) if name.of is not None else name
    taken = name.base in SYMBOLS and name.base != "delta"
    shown = f"{name.base}_{name.sub}".rstrip("_") if taken else name.shown
    return name._replace(layer=name.layer or layer, shown=shown)


def demand_printable(key: str) -> str:
    """Names are keys in pages and pictures too, where control codes and half characters cannot stand."""
    if not key.isprintable():
        raise ValueError(f"{key!r:.80} is no name for a quantity: it has characters that cannot be printed; give another")
    return key


# ---------------------------------------------------------------------------------------------------------- printing

SYMBOLS = {  # by base: in text and in LaTeX
    "y": ("ŷ", r"\hat{y}"),
    "target": ("y", "y"),
    "l": ("ℓ", r"\ell"),
    "delta": ("δ", r"\delta"),
    "htilde": ("h̃", r"\tilde{h}"),
    "ctilde": ("c̃", r"\tilde{c}"),
    "hhat": ("ĥ", r"\hat{h}"),
    "chat": ("ĉ", r"\hat{c}"),
}
_SUB = str.maketrans("0123456789+-taehijklmnoprsuvx()", "₀₁₂₃₄₅₆₇₈₉₊₋ₜₐₑₕᵢⱼₖₗₘₙₒₚᵣₛᵤᵥₓ₍₎")
_SUP = str.maketrans("0123456789()i", "⁰¹²³⁴⁵⁶⁷⁸⁹⁽⁾ⁱ")


class Shown(NamedTuple):
    """A name as it is printed: a base, what is lowered and what is raised; `literal`: the base is the user's own text."""

    base: str
    sub: str
    layer: str
    literal: bool

    @property
    def symbol(self) -> str:
        """The base in plain Unicode: ŷ of y."""
        return self.base if self.literal else SYMBOLS.get(self.base, (self.base,))[0]


def shown(name: Name, split: bool = True) -> Shown:
    """How a name is printed; `split`: what follows an underscore in a user's own name is lowered too."""
    if name.delta:
        return Shown("delta", name.sub, name.layer, False)
    if name.shown is None:
        return Shown(name.base, name.sub, name.layer, False)
    if not split:
        return Shown(name.shown or escapes.UNSHOWN, "", name.layer, True)
    base, _, sub = name.shown.partition("_")
    base, sub = (base, sub) if base and sub else (name.shown, "")
    return Shown(base or escapes.UNSHOWN, sub, name.layer, True)


def _is_fraction(name: Name) -> bool:
    return name.of is not None and not name.delta


@functools.lru_cache(maxsize=4096)
def text(name: Name, time: str = "") -> str:
    """In plain Unicode: small letters where there are some, and h_T where there are none.

    >>> text(parse("h"), "t-1"), text(parse("W_x^2")), text(parse("dL/dh"), "3")
    ('hₜ₋₁', 'W⁽²⁾ₓ', '∂L/∂h₃')
    >>> text(verbatim("h_last"), "t-1"), text(parse("z").derivative(parse("L"), delta=True), "T")
    ('h_lastₜ₋₁', 'δ_T')
    """
    if _is_fraction(name):
        return f"∂{'⁺' * name.immediate}{text(name.of)}/∂{text(name.quantity, time)}"
    parts = shown(name, split=False)
    _, sub, layer, _ = parts
    above = f"({layer})".translate(_SUP) if layer else ""
    below = _small(sub, f"_{sub}") + _small(f"({time})" if sub and time else time, "_T" if time == "T" else f"[{time}]")
    return escapes.terminal(parts.symbol + above + below)


def _small(sub: str, otherwise: str) -> str:
    small = sub.translate(_SUB)
    return otherwise if any(c.isascii() for c in small) else small


def latex(name: Name, time: str = "") -> str:
    r"""For amsmath.

    >>> print(latex(parse("h"), "t-1"), latex(parse("W_x^2")), latex(parse("dL/dh"), "3"))
    h_{t-1} W^{(2)}_{x} \frac{\partial L}{\partial h_{3}}
    """
    if _is_fraction(name):
        plus = "^{+}" if name.immediate else ""
        return rf"\frac{{\partial{plus} {latex(name.of)}}}{{\partial {latex(name.quantity, time)}}}"  # type: ignore[arg-type]
    base, sub, layer, literal = shown(name)
    if literal:
        base, sub = _upright(base), _upright(sub)
    else:
        base = SYMBOLS[base][1] if base in SYMBOLS else _upright(base)
        sub = escapes.latex(sub)
    below = ",".join(filter(None, [sub, time]))
    return base + (f"^{{({escapes.latex(layer)})}}" if layer else "") + (f"_{{{below}}}" if below else "")


def _upright(word: str) -> str:
    """A letter, or an upright word."""
    return escapes.latex(word) if len(word) < 2 else rf"\mathrm{{{escapes.latex(word)}}}"


def slug(name: Name) -> str:
    """In letters, digits and hyphens, for labels: "dL-dW_x2" of dL/dW_x^2."""
    return re.sub(r"[^\w+-]", "", str(name).replace("/", "-"))


def markup(name: Name, time: str = "", small: Callable[[str, str], str] = "<{0}>{1}</{0}>".format) -> str:
    """In HTML: the base in italics, the rest raised or lowered; ``small("sub", text)`` is what is lowered."""
    if _is_fraction(name):
        above, below = markup(name.of, "", small), markup(name.quantity, time, small)  # type: ignore[arg-type]
        return f"∂{'⁺' * name.immediate}{above}/∂{below}"
    parts = shown(name)
    _, sub, layer, _ = parts
    whole = f"<I>{escapes.markup(parts.symbol)}</I>"
    if below := ",".join(filter(None, [sub, time])):
        whole += small("SUB", escapes.markup(below))
    return whole + (small("SUP", escapes.markup(f"({layer})")) if layer else "")
