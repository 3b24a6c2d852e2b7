"""The reader's own names for quantities: U for W_x, s for h."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

import sympy as sp

from ...engine.names import Name, parse
from ...engine.names import text as spelled
from ...system import choices
from . import matrix as S

PATTERN = re.compile(r"[^\W\d_]{1,20}(_[^\W_]{1,20})?(\^[^\W_]{1,10})?")

# steps, sizes, and names that are printed as others
TAKEN = {*"tTNDMKAdl", "delta", "y", "target"}


def checked(wanted: Mapping[str, str], known: Iterable[Name]) -> dict[str, Name]:
    """The new names by the key of the old, all known to make sense. Raises ValueError, in one sentence, otherwise.

    A name is letters, then perhaps a subscript after ``_`` and a superscript after ``^``: U, W_hh, theta, W_x^2.
    """
    if not wanted:
        return {}
    known = list(known)
    keys = {str(name) for name in known}
    bases = {str(name._replace(layer="")) for name in known}
    new = {}
    for old, text in wanted.items():
        if old not in keys and old not in bases:
            raise ValueError(f"names: there is no {_short(old)}{choices(old, known)}")
        if not isinstance(text, str) or not PATTERN.fullmatch(text):
            raise ValueError(
                f"names: {_short(text)} is no name: give letters, perhaps with a subscript after _, such as U or W_hh"
            )
        new[old] = parse(text)
        if new[old].base in TAKEN:
            raise ValueError(f"names: {text} has a meaning of its own in the equations; take another name")
    count = Counter(spelled(name.renamed(new)) for name in known)
    if twice := sorted(text for text, times in count.items() if times > 1):
        raise ValueError(f"names: {', '.join(twice)} would stand for two quantities")
    return new


def _short(name: Any) -> str:
    return repr(name)[:40]


def renamed(x: Any, names: Mapping[str, Name]) -> Any:
    """The expression with every quantity renamed."""
    if not names:
        return x
    new: dict[Any, Any] = {part: S.Named(part.name.renamed(names)) for part in x.atoms(S.Named)}
    tables = {part: S.name_of(part.label).renamed(names) for part in x.atoms(sp.IndexedBase)}
    return x.xreplace(new | {part: sp.IndexedBase(S.label(name)) for part, name in tables.items()})
