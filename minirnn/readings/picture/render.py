"""What draws a picture whose positions are all given: the program ``dot``, or the libraries in pygraphviz."""

from __future__ import annotations

import contextlib
import html
import importlib.util
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

from ...system import quiet_stderr


def draw(dot: str, kind: str) -> bytes:
    """Draw DOT text whose nodes and edges have positions: by the program ``dot``, or by the libraries in pygraphviz.

    Raises RuntimeError that says what to install if neither is there.
    """
    program = shutil.which("dot")
    if program:
        command = [program, "-Kneato", "-n2", f"-T{kind}"]
        done = subprocess.run(command, input=dot.encode(), capture_output=True, check=False)
        if done.returncode == 0:
            return done.stdout
        raise RuntimeError(f"Graphviz could not draw: {done.stderr.decode(errors='replace').strip()[:200]}")
    try:
        with quiet_stderr(), _fonts():  # fontconfig speaks of its own configuration
            import pygraphviz

            graph = pygraphviz.AGraph(string=dot)
            graph.has_layout = True  # and is drawn as it says, edges too
            return graph.draw(format=kind)
    except ImportError as error:
        raise RuntimeError(
            "nothing can draw here: install Graphviz (the program dot) or pip install pygraphviz; "
            "the DOT text can still be saved, picture.save('network.dot')"
        ) from error


FONT_FOLDERS = (
    "/usr/share/fonts", "/usr/local/share/fonts", "~/.fonts", "~/.local/share/fonts",
    "/System/Library/Fonts", "/Library/Fonts", "C:\\Windows\\Fonts",
)  # fmt: skip


@contextlib.contextmanager
def _fonts() -> Iterator[None]:
    """On a machine without any font, let fontconfig find those that matplotlib brings, if it is there."""
    matplotlib = importlib.util.find_spec("matplotlib")
    if "FONTCONFIG_FILE" in os.environ or matplotlib is None or matplotlib.origin is None or has_fonts():
        yield
        return
    fonts = Path(matplotlib.origin).parent / "mpl-data" / "fonts" / "ttf"
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "fonts.conf"
        file.write_text(f"<fontconfig><dir>{html.escape(str(fonts))}</dir><cachedir>{folder}</cachedir></fontconfig>")
        os.environ["FONTCONFIG_FILE"] = str(file)
        try:
            yield
        finally:
            del os.environ["FONTCONFIG_FILE"]


def has_fonts() -> bool:
    """Whether the system has a font that Graphviz can use."""
    files = (name for folder in FONT_FOLDERS for _, _, names in os.walk(Path(folder).expanduser()) for name in names)
    return any(name.lower().endswith((".ttf", ".otf", ".ttc", ".pfb")) for name in files)
