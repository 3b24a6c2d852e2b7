"""Every notebook in examples/ runs from top to bottom, complains about nothing, and is stored with what it shows."""

from __future__ import annotations

import nbformat
import pytest

from . import notebooks

EXAMPLES = sorted(notebooks.FOLDER.glob("*.ipynb"))
MOST = 250_000  # bytes of a notebook with its outputs


def test_there_are_examples():
    assert len(EXAMPLES) >= 12 and not list(notebooks.FOLDER.glob("*.py"))


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_a_notebook_runs(path, tmp_path):
    found, complaints = notebooks.executed(path, tmp_path)
    assert "Warning" not in complaints.replace("Fontconfig warning", "") and list(tmp_path.iterdir()) == []
    stored = nbformat.read(path, as_version=4)
    for new, old in zip(found.cells, stored.cells, strict=True):
        if new.cell_type == "code":
            assert kinds(new) == kinds(old), "python tests/notebooks.py stores what the notebooks show"


def kinds(cell):
    """What the outputs of a cell are, whatever their numbers."""
    return [sorted(output.get("data", {})) or output.output_type for output in cell.outputs]


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_a_notebook_is_ready_to_be_opened(path):
    """Small, with a title, and with a first cell that installs minirnn from an archive beside it where it is not there."""
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    assert "/tmp/" not in path.read_text() and "stderr" not in path.read_text()
    title, install, *cells = notebook.cells
    assert path.stat().st_size < MOST and title.cell_type == "markdown" and title.source.startswith("# ")
    assert 'find_spec("minirnn")' in install.source and "%pip install" in install.source and install.outputs == []
    assert "http" not in "".join(cell.source for cell in notebook.cells)
    code = [cell for cell in cells if cell.cell_type == "code"]
    assert len(code) >= 3 and sum(bool(cell.outputs) for cell in code) >= len(code) - 2
    assert "<iframe" not in path.read_text() and "image/svg+xml" not in path.read_text().replace("data:image/svg+xml", "")
