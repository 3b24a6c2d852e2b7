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
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ...engine import names
from ...engine.names import DATA
from ...engine.ops import leaf_op
from ...files import write_whole
from ..analysis.bounds import gradient_bound
from ..equations import printer as spelling
from ..equations.build import values_of
from ..equations.equations import equations
from ..picture.picture import picture
from ..picture.svg import style as svg_style
from .equation_slots import Line, fragment, lines, name_fragment
from .links import CodeLine, code
from .program import program
from .words import roles_of, word_of, words

if TYPE_CHECKING:
    from ...engine.graph import Node
    from ...run import Run

MAX_ROWS, MAX_COLS = 8, 12  # of a matrix; the page says what it leaves out
DRAWN = "drawn"  # before every id of the picture
MAX_DRAWN = 200  # steps; of more, the picture shows both ends
SCRIPTS = ("replay.js", "arrays.js", "math.js", "views.js", "stepper.js")
FONT_FACE = '@font-face {{ font-family: "minirnn math"; src: url(data:font/woff2;base64,{}) format("woff2"); }}\n'
KEYS = [
    (("←", "→"), "key_arrows"),
    (("Shift ←", "Shift →"), "key_shift"),
    (("Home", "End"), "key_home"),
    (("Space",), "key_space"),
    (("f",), "key_f"),
    (("b",), "key_b"),
    (("l",), "key_l"),
    (("d",), "key_d"),
    (("Esc",), "key_escape"),
    (("?",), "key_help"),
]


class Page:
    """One HTML text: ``html``; ``save(path)`` writes it. In a notebook the picture stays, and the page opens in a frame."""

    def __init__(self, html: str, svg: str | None, title: str) -> None:
        self.html, self.svg, self.title = html, svg, title

    def save(self, path: Any) -> Path:
        write_whole(path, self.html.encode())
        return Path(path)

    def __str__(self) -> str:
        return f"{self.title}: a page of {len(self.html.encode()) / 1000:.0f} kB"

    @property
    def frame(self) -> str:
        """The page in a frame that may run its script and nothing else."""
        from markupsafe import escape

        style = "width:100%;height:48em;border:0"
        holds = f'title="{escape(self.title)}" srcdoc="{escape(self.html)}"'
        return f'<iframe sandbox="allow-scripts" {holds} style="{style}"></iframe>'

    def _repr_html_(self) -> str:
        from markupsafe import escape

        picture = ""
        if self.svg is not None:
            data = base64.b64encode(self.svg.encode()).decode()
            picture = f'<img alt="{escape(self.title)}" src="data:image/svg+xml;base64,{data}" style="max-width:100%">'
        return f"{picture}<details open><summary>{escape(self.title)}</summary>{self.frame}</details>"


def page(trace: Run, path: Any = None, *, report: Any | None = None, language: str = "en") -> Page:
    """The page of `trace`, with the verdict of `report` if given; written to `path` if given, whole or not at all.

    - `language`: "en", "it" or "pt", that of the text before the script runs; a reader's browser may ask for another
    """
    texts = json.loads(resource("texts.json"))
    if language not in texts:
        raise ValueError(f"language is {language!r}; the page speaks {', '.join(texts)}")
    svg, picture_problem = _svg(trace)
    samples = _samples(trace)
    counted = "" if trace.is_loop else f", {samples} {'sample' if samples == 1 else 'samples'}"
    title = f"{trace.model.label}: {trace.steps} steps{counted}"
    found, shown = equations(trace, each_sample=True), lines(trace)
    layers = _layers(trace)
    listing, no_source = _listing(trace, shown)
    views = ["overview", "step", *(["flow", "ledger"] if trace.loss is not None else []), "parameters", "source"]
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
            nodes=_nodes(trace),
            code=listing,
            no_source=no_source,
            equations=found,
            layers=layers,
            size=sum(layer["size"] for layer in layers),
            report=report,
            views=[*views, *(["verdict"] if report else []), "words"],
            words=words(trace, shown, texts[language]),
            ticks=_ticks(trace),
            last=2 * trace.steps + 1 if trace.loss is not None else trace.steps + 1,
            key_list=KEYS,
            templates=_templates(trace, shown),
            data=_data(trace, shown, layers, texts, language, values_of(found.folded, trace).sizes),
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


def _data(
    trace: Run,
    shown: list[Line],
    layers: list[dict[str, Any]],
    texts: dict[str, Any],
    language: str,
    sizes: dict[Any, int],
) -> dict[str, Any]:
    """What the script is given; it is text to the browser until the script reads it."""
    in_keras = {p["name"]: p["keras"] for layer in layers for p in layer["parameters"]}
    roles = roles_of(trace)
    return {
        "T": trace.steps,
        "samples": _samples(trace),
        "backward": trace.loss is not None,
        "language": language,
        "texts": texts,
        "graph": program(trace),
        "lines": [line.data for line in shown],
        "bySample": [line.left[0] for line in shown if line.by_sample]
        + list(dict.fromkeys(str(n.name) for n in trace.forward if n.role in DATA and n.name is not None and n.ndim == 2)),
        "meanings": {key: word_of(name, roles.get(key)) for key, name in trace.names.items()},
        "loss": "L" if trace.loss_node is None else str(trace.loss_node.name),
        "sizes": {str(symbol): size for symbol, size in sizes.items()},
        "parameters": [{"name": name, "keras": in_keras.get(name, "")} for name in trace.parameters],
        "states": trace.state_names,
        "bounds": {name: bound.tolist() for name in trace.state_names if (bound := gradient_bound(trace, name)) is not None},
        "first": trace.state_names[0] + "_1" if trace.state_names else "",
    }


def _templates(trace: Run, shown: list[Line]) -> dict[str, str]:
    """The right side of every equation and the name of every quantity as MathML with holes, by what the script asks for."""
    made = {f"line:{place}": line.skeleton for place, line in enumerate(shown)}
    for key, stepped in dict.fromkeys((key, step is not None) for key, step in trace.variables):
        made[f"name:{key}:{str(stepped).lower()}"] = name_fragment(trace.names[key], stepped)
    return made


def _ticks(trace: Run) -> list[dict[str, str]]:
    """The words below the slider; of many steps some."""
    T = trace.steps
    every = next(n * 10**k for k in range(9) for n in (1, 2, 5) if 13 * n * 10**k >= T)
    steps = [str(t) if t == 1 or (t % every == 0 and (t == T or T - t >= every / 2)) else "" for t in range(1, T + 1)]
    ticks = [("overview", ""), *(("forward", t) for t in steps), ("loss", "L" if trace.loss is not None else "ŷ")]
    ticks += [("backward", t) for t in reversed(steps)] if trace.loss is not None else []
    return [{"kind": kind, "text": text} for kind, text in ticks]


def _nodes(trace: Run) -> list[dict[str, str]]:
    """The picture as a table: every named quantity of the forward pass, its shape, what it is computed from."""

    rows = []
    for node in trace.forward:
        if node.name is None or node.op is leaf_op:
            continue
        sources: list[Node] = []
        waiting = list(node.args)
        while waiting:
            arg = waiting.pop(0)
            if arg.name is None:
                waiting = [*arg.args, *waiting]
            elif arg not in sources:
                sources.append(arg)
        key = str(node.name) if node.step is None else f"{node.name}_{node.step}"
        shape = " × ".join(map(str, node.shape)) or "1"
        rows.append({"key": key, "text": _said(node), "shape": shape, "sources": ", ".join(map(_said, sources))})
    return rows


def _said(node: Any) -> str:
    return names.text(node.name, "" if node.step is None else str(node.step))


def _listing(trace: Run, shown: list[Line]) -> tuple[list[CodeLine], str]:
    try:
        return code(trace, shown), ""
    except NotImplementedError as error:  # a network whose source cannot be written yet
        return [], str(error)


def _samples(trace: Run) -> int:
    """How many there are to choose from; in a loop of one's own no axis is known to be that of samples."""
    return 1 if trace.is_loop else len(np.atleast_2d(trace.output))


def _svg(trace: Run) -> tuple[str | None, str]:
    try:
        return picture(trace, max_steps=MAX_DRAWN).to_svg(DRAWN, theme=""), ""
    except RuntimeError as error:  # nothing can draw: the page is still worth having
        return None, str(error)


def _description(trace: Run) -> str:
    """The picture in words."""
    layers = ", then ".join(type(layer).__name__ for layer in trace.model.layers if layer.weight_arrays)
    loss = f" The loss L is {trace.loss_name}." if trace.loss_name else ""
    return (
        f"The network unrolled over {trace.steps} time steps, from left to right: inputs below, {layers} above them.{loss}"
    )


def _layers(trace: Run) -> list[dict[str, Any]]:
    """The shape ledger, layer by layer: what Keras calls each parameter, and how many numbers it holds."""
    layers: dict[Any, dict[str, Any]] = {}
    for name, (layer, place) in trace.model.parameter_places().items():
        w = trace.parameters[name].value
        product = " · ".join(map(str, w.shape))
        found = layers.setdefault(layer, {"label": layer.label, "parameters": [], "size": 0})
        found["size"] += w.size
        found["parameters"].append(
            {
                "name": name,
                "keras": f"{layer.label}: {layer.weight_names[place]}",
                "product": product,
                "size": f"{product} = {w.size}" if w.ndim > 1 else product,
                "value": w,
                "gradient": None if trace.loss is None else trace.gradients[name],
            }
        )
    return list(layers.values())


@functools.cache
def _environment() -> Any:
    import jinja2

    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("minirnn.readings", "page"), autoescape=True, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters["mathml"] = mathml
    environment.filters["cells"] = cells
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
    rows, cols = array.shape
    body = [[f"{float(x):.4g}" for x in row[:MAX_COLS]] for row in array[:MAX_ROWS]]
    return {
        "rows": body,
        "cut": f"{rows} × {cols}, of which the corner is shown" if rows > MAX_ROWS or cols > MAX_COLS else "",
    }
