"""The page: one self-contained HTML file with the picture, the equations, every number and the verdict.

It needs no network and runs no script; a strict content security policy says so to the browser. Mathematics is MathML,
set in an embedded subset of STIX Two Math (SIL Open Font License, beside the font).
"""

from __future__ import annotations

import base64
import functools
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ...system import write_whole
from .. import names, spelling
from ..equations import equations
from ..picture import picture
from ..walk import Stop, walk

if TYPE_CHECKING:
    from ...trace import Trace
    from ...verify.report import Report

MAX_ROWS, MAX_COLS = 8, 12  # of a matrix; the page says what it leaves out
MAX_STEPS = 100  # of each pass, half of them at either end


class Page:
    """One HTML text: ``html``; ``save(path)`` writes it. In a notebook the picture stays, and the page opens in a frame."""

    def __init__(self, html: str, svg: str | None, title: str) -> None:
        self.html, self.svg, self.title = html, svg, title

    def save(self, path: Any) -> Path:
        write_whole(path, self.html.encode())
        return Path(path)

    def __str__(self) -> str:
        return f"{self.title}: a page of {len(self.html.encode()) / 1000:.0f} kB"

    def _repr_html_(self) -> str:
        from markupsafe import escape

        picture = ""
        if self.svg is not None:
            data = base64.b64encode(self.svg.encode()).decode()
            picture = f'<img alt="{escape(self.title)}" src="data:image/svg+xml;base64,{data}" style="max-width:100%">'
        frame = f'<iframe sandbox="" srcdoc="{escape(self.html)}" style="width:100%;height:36em;border:0"></iframe>'
        return f"{picture}<details open><summary>{escape(self.title)}</summary>{frame}</details>"


def page(trace: Trace, path: Any = None, *, report: Report | None = None) -> Page:
    """The page of `trace`, with the verdict of `report` if given; written to `path` if given, whole or not at all."""
    svg, picture_problem = _svg(trace)
    samples = len(trace.output)
    title = f"{trace.model.label}: {trace.steps} steps, {samples} {'sample' if samples == 1 else 'samples'}"
    stops = list(walk(trace))
    html = (
        _environment()
        .get_template("template.html")
        .render(
            title=title,
            trace=trace,
            svg=svg,
            picture_problem=picture_problem,
            description=_description(trace),
            equations=equations(trace),
            parameters=_parameters(trace),
            forward=_few([s for s in stops if not s.backward]),
            backward=_few([s for s in stops if s.backward]),
            flow=_flow(trace),
            report=report,
            style=resource("style.css").decode(),
            font=base64.b64encode(resource("fonts/stix-two-math-subset.woff2")).decode(),
            spelling=spelling,
        )
    )
    made = Page(html, svg, title)
    if path is not None:
        made.save(path)
    return made


def _svg(trace: Trace) -> tuple[str | None, str]:
    try:
        return picture(trace, max_steps=10).svg, ""
    except RuntimeError as error:  # nothing can draw: the page is still worth having
        return None, str(error)


def _description(trace: Trace) -> str:
    """The picture in words."""
    layers = ", then ".join(type(layer).__name__ for layer in trace.model.layers if layer.weights)
    loss = f" The loss L is {trace.loss_name}." if trace.loss_name else ""
    return (
        f"The network unrolled over {trace.steps} time steps, from left to right: inputs below, {layers} above them.{loss}"
    )


def _parameters(trace: Trace) -> list[dict[str, Any]]:
    """The shape ledger: what Keras calls each parameter, and how many numbers it holds."""
    rows = []
    for name, (layer, place) in trace.model.parameter_places().items():
        w = trace.parameters[name].value
        product = " · ".join(map(str, w.shape))
        rows.append(
            {
                "name": name,
                "keras": f"{layer.label}: {layer.weight_names[place]}",
                "size": f"{product} = {w.size}" if w.ndim > 1 else product,
                "value": w,
                "gradient": None if trace.loss is None else trace.gradients[name],
            }
        )
    return rows


def _flow(trace: Trace) -> list[dict[str, Any]]:
    """‖dL/dh_t‖ at every step of every recurrent layer, and its share of the largest."""
    if trace.loss is None:
        return []
    found = [
        (f"dL/d{name}", t, float(np.linalg.norm(trace.adjoint(name, t))))
        for name in trace.state_names
        for t in range(1, trace.steps + 1)
        if (f"dL/d{name}", t) in trace.variables
    ]
    largest = max((norm for _, _, norm in found), default=0.0) or 1.0
    return [{"name": name, "step": t, "norm": norm, "share": norm / largest} for name, t, norm in found]


def _few(stops: list[Stop]) -> list[Stop | None]:
    """All stops, or the first and last ones with a gap (None) between them."""
    if len(stops) <= MAX_STEPS:
        return list(stops)
    half = MAX_STEPS // 2
    return [*stops[:half], None, *stops[-half:]]


@functools.cache
def _environment() -> Any:
    import jinja2

    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("minirnn.readings", "page"), autoescape=True, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters["mathml"] = mathml
    environment.filters["cells"] = cells
    environment.globals["math_of"] = lambda name, step="": mathml(names.latex(name, str(step)))
    return environment


@functools.cache
def resource(name: str) -> bytes:
    """A file that is part of the page: its style, the font."""
    return resources.files("minirnn.readings.page").joinpath(name).read_bytes()


def mathml(latex: str, display: bool = False) -> Any:
    """LaTeX as MathML; as the LaTeX text itself should the converter not know it."""
    import markupsafe
    import math_core

    try:
        return markupsafe.Markup(math_core.LatexToMathML().convert_with_local_state(latex, displaystyle=display))
    except math_core.LatexError:
        return markupsafe.Markup("<code>{}</code>").format(latex)


def cells(array: Any) -> dict[str, Any]:
    """A matrix as rows of text with four significant digits, cut to what a page can hold, and what was cut."""
    array = np.atleast_2d(np.asarray(array))
    rows, cols = array.shape
    body = [[f"{float(x):.4g}" for x in row[:MAX_COLS]] for row in array[:MAX_ROWS]]
    return {
        "rows": body,
        "cut": f"{rows} × {cols}, of which the corner is shown" if rows > MAX_ROWS or cols > MAX_COLS else "",
    }
