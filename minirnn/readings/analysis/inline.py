"""A figure of matplotlib that a notebook shows, even where nobody has asked for ``%matplotlib inline``."""

from __future__ import annotations

import io
from typing import Any

from matplotlib.figure import Figure

DPI = 144  # twice what is shown, for screens with small dots


class InlineFigure(Figure):
    """A `Figure` that is its own display: a PNG, which notebooks show whether they trust it or not."""

    def _repr_png_(self) -> tuple[bytes, dict[str, Any]]:
        file = io.BytesIO()
        self.savefig(file, format="png", dpi=DPI)
        width, height = (int(72 * inches) for inches in self.get_size_inches())
        return file.getvalue(), {"width": width, "height": height}
