"""What the witnesses found: one row per quantity and witness."""

from __future__ import annotations

import html
import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

TOLERANCE = 32.0  # eps of the dtype, relative to the largest entry


class Row(NamedTuple):
    """One quantity as one witness sees it: the error in eps of `dtype`, or the reason why it could not be had."""

    quantity: str
    witness: str
    dtype: str
    error: float | None
    note: str = ""
    allowed: float = TOLERANCE  # more where rounding alone explains more

    @property
    def missing(self) -> bool:
        return self.error is None

    @property
    def ok(self) -> bool:
        return self.error is None or self.error <= self.allowed

    @property
    def said(self) -> str:
        """The error in two digits."""
        return "–" if self.error is None else f"{self.error:.2g}"

    @property
    def verdict(self) -> str:
        return "missing" if self.missing else "agrees" if self.ok else "DIFFERS"


def error_in_eps(found: np.ndarray, truth: np.ndarray, dtype: str) -> float:
    """max |found - truth| / max |truth| in eps of `dtype`; infinite where shapes differ or a value is not finite."""
    found, truth = np.asarray(found), np.asarray(truth)
    if found.shape != truth.shape or not (np.isfinite(found).all() and np.isfinite(truth).all()):
        return math.inf
    largest = float(np.max(np.abs(truth), initial=0.0)) or 1.0
    return float(np.max(np.abs(found - truth), initial=0.0)) / largest / float(np.finfo(dtype).eps)


@dataclass(frozen=True, repr=False)
class Report:
    """The verdict. `ok` is True if no witness disagrees; `checked` if at least one could be heard."""

    rows: list[Row]
    versions: dict[str, str] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)  # where states are saturated, and where Keras surprises

    @property
    def ok(self) -> bool:
        return self.checked and all(row.ok for row in self.rows)

    @property
    def checked(self) -> bool:
        return any(not row.missing for row in self.rows)

    @property
    def worst(self) -> float:
        """The largest error, in eps."""
        return max((row.error for row in self.rows if row.error is not None), default=0.0)

    def __iter__(self) -> Iterator[Row]:
        return iter(self.rows)

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def sentence(self) -> str:
        """The verdict in one sentence."""
        heard = [row for row in self.rows if not row.missing]
        missing = len(self.rows) - len(heard)
        tail = f"; {missing} could not be checked" if missing else ""
        if not heard:
            return "Nothing could be checked: no witness is available."
        wrong = [row for row in heard if not row.ok]
        if wrong:
            first = wrong[0]
            where = f"{first.quantity} against {first.witness} in {first.dtype}, {first.error:.3g} eps off"
            return f"{len(wrong)} of {len(heard)} checks differ, the first {where} ({TOLERANCE:.0f} are allowed){tail}."
        rounded = sum(row.allowed > TOLERANCE for row in heard)
        if rounded:
            return (
                f"All {len(heard)} checks agree, {rounded} of them as far as rounding allows in a saturated network{tail}."
            )
        return f"All {len(heard)} checks agree, the worst within {self.worst:.2g} eps ({TOLERANCE:.0f} are allowed){tail}."

    def __str__(self) -> str:
        head = ("quantity", "witness", "dtype", "error in eps", "verdict")
        body = [(r.quantity, r.witness, r.dtype, r.said, r.verdict + f" ({r.note})" * bool(r.note)) for r in self.rows]
        widths = [max(len(row[i]) for row in [head, *body]) for i in range(4)]
        lines = ["  ".join([*(f"{cell:<{w}}" for cell, w in zip(row, widths)), row[4]]) for row in [head, *body]]
        versions = ", ".join(f"{name} {version}" for name, version in self.versions.items())
        return "\n".join([*lines, "", self.sentence, *(f"Note: {said}." for said in self.warnings), versions])

    __repr__ = __str__

    def _repr_html_(self) -> str:
        def cells(row: Row) -> str:
            verdict = row.verdict + (f": {row.note}" if row.note else "")
            return "".join(f"<td>{html.escape(x)}</td>" for x in (row.quantity, row.witness, row.dtype, row.said, verdict))

        head = "".join(f"<th>{x}</th>" for x in ("quantity", "witness", "dtype", "error in eps", "verdict"))
        body = "".join(f"<tr>{cells(row)}</tr>" for row in self.rows)
        notes = "".join(f"<p>Note: {html.escape(said)}.</p>" for said in self.warnings)
        return (
            f"<p>{html.escape(self.sentence)}</p>{notes}<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
        )
