"""The notebooks in examples/, run from top to bottom; ``python tests/notebooks.py`` stores what they show."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Any

import nbformat
from nbclient import NotebookClient

FOLDER = Path(__file__).parent.parent / "examples"
TIMEOUT = 120  # seconds for a cell


def executed(path: Path, folder: Path) -> tuple[Any, str]:
    """The notebook with its outputs, run in `folder`, and what was written to standard error."""
    complaints: list[str] = []
    notebook = nbformat.read(path, as_version=4)
    NotebookClient(notebook, timeout=TIMEOUT, kernel_name="python3", resources={"metadata": {"path": str(folder)}}).execute()
    for cell in notebook.cells:
        cell.metadata.pop("execution", None)  # when it ran
        for output in cell.get("outputs", []):
            _shorten(output)
            complaints += [output.text] if output.output_type == "stream" and output.name == "stderr" else []
        if "outputs" in cell:
            cell.outputs = _joined([output for output in cell.outputs if not _is_passing(output)])
    notebook.metadata = {
        "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
        "language_info": {"name": "python"},
    }
    return notebook, "".join(complaints)


def _shorten(output: Any) -> None:
    """Keep of an output what every notebook shows: the image, not its SVG too; of a page its picture, not the page."""
    data = output.get("data", {})
    if "text/html" in data:
        data.pop("image/svg+xml", None)
        data["text/html"] = re.sub(r"<style>.*?</style>|<iframe.*?</iframe>", "", data["text/html"], flags=re.S)


def _joined(outputs: list[Any]) -> list[Any]:
    """Texts that were printed one after the other as one, however they arrived."""
    found: list[Any] = []
    for output in outputs:
        if found and output.output_type == found[-1].output_type == "stream":
            found[-1].text += output.text
        else:
            found.append(output)
    return found


def _is_passing(output: Any) -> bool:
    """What is written to standard error, and a bar that was shown while something took long."""
    return output.get("name") == "stderr" or output.get("data", {}).get("text/plain") == ""


if __name__ == "__main__":
    import tempfile

    for path in map(Path, sys.argv[1:] or sorted(FOLDER.glob("*.ipynb"))):
        with tempfile.TemporaryDirectory() as folder:
            nbformat.write(executed(path, Path(folder))[0], path)
        print(f"{path.name}: {path.stat().st_size // 1000} kB")
