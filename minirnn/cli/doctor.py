"""What is installed here, and what each of it is for."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import platform
import shutil
import sys

from .. import __version__

NEEDED = {
    "numpy": "every number",
    "sympy": "equations, walk, page",
    "graphviz": "pictures",
    "h5py": "model files",
    "jinja2": "the page",
    "math-core": "formulas on the page",
    "tqdm": "progress of long work",
}
OPTIONAL = {
    "keras": "the witness Keras, live Keras models",
    "tensorflow": "the witness tf.GradientTape",
    "matplotlib": "plots",
    "pillow": "animations",
    "pandas": "to_pandas",
    "torch": "PyTorch models",
    "onnx": "ONNX files",
    "ziglang": "the compiled engine, where there is no C compiler",
}


def report() -> tuple[list[str], list[str]]:
    """The lines to print, and what is missing of what minirnn cannot do without."""
    lines = [f"minirnn {__version__}, Python {platform.python_version()} on {platform.system()} {platform.machine()}", ""]
    missing = []
    for name, what in NEEDED.items():
        version = _version(name)
        missing += [] if version else [name]
        lines.append(_line(name, version, what, f"pip install {name}"))
    drawing, version = _drawing()
    lines.append(_line(drawing, version, "drawing pictures", "install Graphviz, or pip install pygraphviz"))
    lines.append("")
    lines += [_line(name, _version(name), what, f"pip install {name}") for name, what in OPTIONAL.items()]
    compiler = next((c for c in ("cc", "gcc", "clang") if shutil.which(c)), None)
    lines.append(_line("C compiler", compiler, "the compiled engine", "pip install ziglang"))
    lines += ["", f"missing: {', '.join(missing)}" if missing else "All that minirnn needs is there."]
    return lines, missing


def _version(name: str) -> str | None:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        module = sys.modules.get(name) or (importlib.util.find_spec(name) and True)
        return "found" if module else None


def _drawing() -> tuple[str, str | None]:
    """What draws, tried on a small graph."""
    from ..readings.picture.render import draw, has_fonts

    name = "dot" if shutil.which("dot") else "pygraphviz"
    try:
        draw('digraph { a [pos="10,10" label="a"] }', "svg")
    except (RuntimeError, OSError):
        return name, None
    return name, (_version(name) or shutil.which(name) or "found") + (
        "" if has_fonts() else ", with the fonts of matplotlib"
    )


def _line(name: str, version: str | None, what: str, cure: str) -> str:
    return f"  {name:<12} {version or 'not there':<14} {what}" + ("" if version else f": {cure}")
