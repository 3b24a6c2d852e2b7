"""The page: one self-contained HTML file in which the network runs forward and then backward through time, step by step.

It needs no network. A strict content security policy lets one script run, known by its hash; without it the picture, the
equations, the parameters and the verdict are still there. Mathematics is MathML, set in an embedded subset of STIX Two
Math (SIL Open Font License, beside the font). `texts.json` has the words in every language the page speaks.
"""

from __future__ import annotations

import base64
import functools
import hashlib
import json
from collections.abc import Iterable
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ...displays import Picture as Image
from ...engine import names
from ...files import StrPath, write_whole
from ...system import Suggests
from ..equations import printer as spelling
from ..equations.build import values_of
from ..equations.equations import equations
from ..picture.compose import Look, Sheet
from ..picture.picture import Picture
from ..picture.svg import digest
from ..picture.svg import style as svg_style
from ..picture.views import unrolled
from .content import content, layers, nodes, samples_of, templates
from .equation_slots import Line, fragment, lines
from .links import CodeLine, code
from .program import plain
from .words import words

if TYPE_CHECKING:
    from ...runs.run import Run

MAX_ROWS, MAX_COLS = 8, 12  # of a matrix; the page says what it leaves out
DRAWN = "drawn"  # before every id of the picture
MAX_DRAWN = 200  # steps; of more, the picture shows both ends
SCRIPTS = (
    "replay.js", "arrays.js", "math.js", "patch.js", "words.js", "positions.js", "cards.js", "flow.js",
    "inspector.js", "drawing.js", "exercises.js", "stepper.js", "listening.js",
)  # fmt: skip
FONT_FACE = '@font-face {{ font-family: "minirnn math"; src: url(data:font/woff2;base64,{}) format("woff2"); }}\n'
KEYS = [
    (("←", "→"), "key_arrows"),
    (("Shift ←", "Shift →"), "key_shift"),
    (("Home", "End"), "key_home"),
    (("Space",), "key_space"),
    (("f",), "key_f"),
    (("b",), "key_b"),
    (("l",), "key_l"),
    (("w",), "key_w"),
    (("d",), "key_d"),
    (("m",), "key_m"),
    (("PgUp", "PgDn"), "key_page"),
    (("+", "−", "0"), "key_zoom"),
    (("Esc",), "key_escape"),
    (("?",), "key_help"),
]


class Page(Suggests):
    """One HTML text: ``html``; ``save(path)`` writes it. In a notebook the picture stays, and the page opens in a frame."""

    def __init__(self, html: str, svg: str | None, title: str) -> None:
        self.html, self.svg, self.title = html, svg, title

    def save(self, path: StrPath) -> Path:
        write_whole(path, self.html.encode())
        return Path(path)

    def __repr__(self) -> str:
        return f"{self.title}: a page of {len(self.html.encode()) / 1000:.0f} kB"

    @property
    def frame(self) -> str:
        """The page in a frame that may run its script and nothing else."""
        from markupsafe import escape

        style = "width:100%;height:48em;border:0"
        holds = f'title="{escape(self.title)}" srcdoc="{escape(self.html)}"'
        return f'<iframe sandbox="allow-scripts" {holds} style="{style}"></iframe>'

    def _repr_html_(self) -> str:
        """The page in its frame. A notebook without trust removes the frame, and the style that hides the picture."""
        still = f"still-{digest(self.html)}"
        image = "" if self.svg is None else Image(self.svg, self.title).html
        return f'<style>.{still}{{display:none}}</style><div class="{still}">{image}</div>{self.frame}'


def page(
    trace: Run,
    path: StrPath | None = None,
    *,
    report: Any | None = None,
    language: str = "en",
    exercises: Iterable[Any] = (),
) -> Page:
    """The page of `trace`, with the verdict of `report` if given; written to `path` if given, whole or not at all.

    - `language`: "en", "it" or "pt", that of the text before the script runs; a reader's browser may ask for another
    - `exercises`: questions for the reader, as `minirnn.verify.exercises` makes them
    """
    texts = json.loads(resource("texts.json"))
    if language not in texts:
        raise ValueError(f"language is {language!r}; the page speaks {', '.join(texts)}")
    svg, picture_problem = _svg(trace)
    samples = samples_of(trace)
    counted = "" if trace.is_loop else f", {samples} {'sample' if samples == 1 else 'samples'}"
    title = f"{trace.model.label}: {trace.steps} steps{counted}"
    found = equations(trace, each_sample=True)
    shown = lines(trace, found)
    held = layers(trace)
    listing, no_source = _listing(trace, shown)
    views = ["overview", "step", *(["flow", "ledger"] if trace.loss is not None else [])]
    asked = [one.data for one in exercises]
    views += [*(["practice"] if asked else []), "parameters", "source"]
    script = "\n".join(resource(name).decode() for name in SCRIPTS)
    font = base64.b64encode(resource("fonts/stix-two-math-subset.woff2")).decode()
    style = FONT_FACE.format(font) + svg_style(DRAWN, "auto") + "\n" + resource("style.css").decode()
    html = (
        _environment()
        .get_template("template.html")
        .render(
            title=title,
            trace=trace,
            samples=samples,
            svg=svg,
            picture_problem=picture_problem,
            description=_description(trace),
            nodes=nodes(trace),
            code=listing,
            no_source=no_source,
            equations=found,
            layers=held,
            size=sum(layer["size"] for layer in held),
            report=report,
            views=[*views, *(["verdict"] if report else []), "words"],
            words=words(trace, shown, texts[language]),
            badge=_badge(report),
            key_list=KEYS,
            templates=templates(trace, shown),
            data=plain(content(trace, shown, values_of(found.folded, trace).sizes, texts, language) | {"exercises": asked}),
            texts=texts[language],
            all_texts=texts,
            language=language,
            style=style,
            script=script,
            style_hash=_hash(style),
            script_hash=_hash(script),
            spelling=spelling,
        )
    )
    made = Page(html, svg, title)
    if path is not None:
        made.save(path)
    return made


def _hash(text: str) -> str:
    """What a content security policy calls this text."""
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def _badge(report: Any) -> tuple[str, str, dict[str, int]] | None:
    """The verdict in a few words: how it looks, the key of its text, and the numbers in it."""
    verdicts = [row.verdict for row in report or () if report.overflow is None]
    counts = {verdict: verdicts.count(verdict) for verdict in ("DIFFERS", "agrees")}
    if counts["DIFFERS"]:
        return "bad", "checks_differ", {"n": counts["DIFFERS"], "total": sum(counts.values())}
    return ("good", "checks_agree", {"n": counts["agrees"]}) if counts["agrees"] else ("none", "checks_none", {})


def _listing(trace: Run, shown: list[Line]) -> tuple[list[CodeLine], str]:
    try:
        return code(trace, shown), ""
    except NotImplementedError as error:  # a network whose source cannot be written yet
        return [], str(error)


def _svg(trace: Run) -> tuple[str | None, str]:
    look = Look("cell", False, False, False, False, False, "BT", "light", strips=True)
    sheet = Sheet.of_unrolled(trace, unrolled(trace, "cell", MAX_DRAWN), look)
    try:
        return Picture(sheet, "", "light", {}).to_svg(DRAWN, theme=""), ""
    except RuntimeError as error:  # nothing can draw: the page is still worth having
        return None, str(error)


def _description(trace: Run) -> str:
    """The picture in words."""
    layers = ", then ".join(type(layer).__name__ for layer in trace.model.flat_layers if layer.weight_arrays)
    loss = f" The loss L is {trace.loss_name}." if trace.loss_name else ""
    return (
        f"The network unrolled over {trace.steps} time steps, from left to right: inputs below, {layers} above them.{loss}"
    )


@functools.cache
def _environment() -> Any:
    import jinja2

    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("minirnn.readings", "page"), autoescape=True, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters["mathml"] = mathml
    environment.filters["cells"] = cells
    environment.filters["fill"] = lambda text, values: text.format_map(values)
    environment.filters["spoken"] = lambda name: name.replace("_", " ").replace("^", " ")
    environment.globals["math_of"] = lambda name, step="": mathml(names.latex(name, str(step)))
    return environment


@functools.cache
def resource(name: str) -> bytes:
    """A file that is part of the page: its style, the font."""
    return resources.files("minirnn.readings.page").joinpath(name).read_bytes()


def mathml(latex: str, display: bool = False) -> Any:
    """LaTeX as a MathML element."""
    import markupsafe

    return markupsafe.Markup("<math{}>{}</math>").format(
        markupsafe.Markup(' displaystyle="true"' if display else ""), markupsafe.Markup(fragment(latex))
    )


def cells(array: Any) -> dict[str, Any]:
    """A matrix as rows of text with four significant digits, cut to what a page can hold, and what was cut."""
    array = np.atleast_2d(np.asarray(array))
    array = array.reshape(-1, array.shape[-1])  # of three axes the matrices on top of each other
    rows, cols = array.shape
    body = [[f"{float(x):.4g}" for x in row[:MAX_COLS]] for row in array[:MAX_ROWS]]
    return {
        "rows": body,
        "cut": f"{rows} × {cols}, of which the corner is shown" if rows > MAX_ROWS or cols > MAX_COLS else "",
    }
