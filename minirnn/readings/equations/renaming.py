"""The reader's own names for quantities: U for W_x, s for h."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

import sympy as sp

from ...engine import names as spelled
from ...engine.names import rename
from . import matrix as S

PATTERN = re.compile(r"[^\W\d_]{1,20}(_[^\W_]{1,20})?(\^[^\W_]{1,10})?")

# steps, sizes, and names that are printed as others
TAKEN = {*"tTNDMKAdl", "delta", "y", "target"}


def checked(names: Mapping[str, str], known: Iterable[str]) -> dict[str, str]:
    """`names` with every name in it, old and new, known to make sense. Raises ValueError, in one sentence, otherwise.

    A name is letters, then perhaps a subscript after ``_`` and a superscript after ``^``: U, W_hh, theta, W_x^2.
    """
    known = list(known)
    bases = {name.partition("^")[0] for name in known}
    for old, new in names.items():
        if old not in known and old not in bases:
            raise ValueError(f"names: there is no {_short(old)}; there are {', '.join(known)}")
        if not isinstance(new, str) or not PATTERN.fullmatch(new):
            raise ValueError(
                f"names: {_short(new)} is no name: give letters, perhaps with a subscript after _, such as U or W_hh"
            )
        if new.partition("^")[0].partition("_")[0] in TAKEN:
            raise ValueError(f"names: {new} has a meaning of its own in the equations; take another name")
    renamed = [rename(name, names) for name in known]
    twice = {spelled.text(name) for name in renamed if [spelled.text(n) for n in renamed].count(spelled.text(name)) > 1}
    if twice:
        raise ValueError(f"names: {', '.join(sorted(twice))} would stand for two quantities")
    return dict(names)


def _short(name: Any) -> str:
    return repr(name)[:40]


def renamed(x: Any, names: Mapping[str, str]) -> Any:
    """The expression with every quantity renamed."""
    if not names:
        return x
    found = {}
    for part in x.atoms(S.Quantity, S.ScalarQuantity, S.StateJacobian, sp.IndexedBase):
        match part:
            case S.Quantity():
                found[part] = S.Quantity(rename(part.name, names), *part.shape, part.time)
            case S.ScalarQuantity():
                found[part] = S.ScalarQuantity(rename(part.name, names), part.time)
            case S.StateJacobian():
                _, time, start, units, kind = part.args
                found[part] = S.StateJacobian(rename(part.args[0].name, names), time, start, units, kind.name)
            case _:
                found[part] = sp.IndexedBase(rename(str(part.label), names))
    return x.xreplace(found)
