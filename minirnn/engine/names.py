"""How the name of a quantity, such as "W_x^2" or "dL/dh", is written: in plain Unicode and in LaTeX.

A name is a base, a subscript after ``_`` and a layer after ``^``; a time step joins the subscript. dL/dz is called δ.
"'y'y" is the quantity "y" printed as it stands in quotes: a name of the user's own.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

_text = {"y": "ŷ", "target": "y", "l": "ℓ", "delta": "δ", "htilde": "h̃"}
_latex = {"y": r"\hat{y}", "target": "y", "l": r"\ell", "delta": r"\delta", "htilde": r"\tilde{h}"}
_sub = str.maketrans("0123456789+-taehijklmnoprsuvx()", "₀₁₂₃₄₅₆₇₈₉₊₋ₜₐₑₕᵢⱼₖₗₘₙₒₚᵣₛᵤᵥₓ₍₎")
_sup = str.maketrans("0123456789()i", "⁰¹²³⁴⁵⁶⁷⁸⁹⁽⁾ⁱ")


def parts(name: str) -> tuple[str, str, str]:
    """Base, subscript and layer: "W_x^2" is ("W", "x", "2")."""
    front, _, layer = name.partition("^")
    base, _, sub = front.partition("_")
    return base, sub, layer


def derivative(name: str) -> tuple[str, str] | None:
    """("L", "h") for "dL/dh"; None for what is no derivative, and for δ."""
    match = re.fullmatch(r"d\+?(.+?)/d(.+)", name)
    return (match[1], match[2]) if match and parts(match[2])[0] != "z" else None


def immediate(name: str) -> bool:
    """Whether "d+L/dh" is meant: the derivative with all other states held fixed."""
    return name.startswith("d+")


def _plain(name: str) -> tuple[str, str, str]:
    match = re.fullmatch(r"d.+?/dz(.*)", name)
    return parts(f"delta{match[1]}" if match else name)


def text(name: str, time: str = "") -> str:
    """Small letters where Unicode has them, and h_T where it has not.

    >>> text("h", "t-1"), text("W_x^2"), text("dL/dh", "3"), text("dL/dz", "T")
    ('hₜ₋₁', 'W⁽²⁾ₓ', '∂L/∂h₃', 'δ_T')
    >>> text("'h_last'h_last", "t-1"), text("dL/d'y'y", "3")
    ('h_lastₜ₋₁', '∂L/∂y₃')
    """
    if pair := derivative(name):
        return f"∂{'⁺' * immediate(name)}{text(pair[0])}/∂{text(pair[1], time)}"
    if name.startswith("'"):
        base, _, layer = _own(name)
        return base + (f"({layer})".translate(_sup) if layer else "") + _small(time, "_T" if time == "T" else f"[{time}]")
    base, sub, layer = _plain(name)
    above = f"({layer})".translate(_sup) if layer else ""
    below = _small(sub, f"_{sub}") + _small(f"({time})" if sub and time else time, "_T" if time == "T" else f"[{time}]")
    return _text.get(base, base) + above + below


def rename(name: str, names: Mapping[str, str]) -> str:
    """The new name of a quantity or of a derivative: dL/dW_x^2 becomes dL/dU^2 where W_x is called U."""
    match = re.fullmatch(r"(d\+?)(.+?)/d(.+)", name)
    if match:
        derivative, above, below = match.groups()
        return f"{derivative}{rename(above, names)}/d{rename(below, names)}"
    base, caret, layer = name.partition("^")
    return names[name] if name in names else names.get(base, base) + caret + layer


def quoted(name: str, shown: str) -> str:
    """The name of the quantity `name`, to be printed as `shown`."""
    return f"'{shown}'{name}"


def unquoted(name: str) -> str:
    """The name of the quantity, without how it is printed."""
    return re.sub("'[^']*'", "", name)


def _own(name: str) -> tuple[str, str, str]:
    """How a quoted name is printed: whole, its part after ``_``, and its number."""
    front, _, layer = name.partition("^")
    whole = front.split("'")[1]
    return whole, whole.strip("_").partition("_")[2], layer


def _small(sub: str, otherwise: str) -> str:
    small = sub.translate(_sub)
    return otherwise if any(c.isascii() for c in small) else small


def latex(name: str, time: str = "") -> str:
    r"""For amsmath.

    >>> print(latex("h", "t-1"), latex("W_x^2"), latex("dL/dh", "3"))
    h_{t-1} W^{(2)}_{x} \frac{\partial L}{\partial h_{3}}
    """
    if pair := derivative(name):
        plus = "^{+}" if immediate(name) else ""
        return rf"\frac{{\partial{plus} {latex(pair[0])}}}{{\partial {latex(pair[1], time)}}}"
    if name.startswith("'"):
        whole, sub, layer = _own(name)
        base = whole.strip("_").partition("_")[0]
        sub = sub.replace("_", r"\_")
        sub = rf"\mathrm{{{sub}}}" if len(sub) > 1 else sub
    else:
        base, sub, layer = _plain(name)
        base = _latex.get(base, base)
    base = base if len(base) < 2 or base.startswith("\\") else rf"\mathrm{{{base}}}"
    below = ",".join(filter(None, [sub, time]))
    return base + (f"^{{({layer})}}" if layer else "") + (f"_{{{below}}}" if below else "")
