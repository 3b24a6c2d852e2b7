"""What a wheel holds: every file of the package, and metadata that says what is needed."""

from __future__ import annotations

import configparser
import runpy
from pathlib import Path

import pytest

from . import house

ROOT = Path(__file__).parent.parent


def settings():
    found = configparser.ConfigParser()
    found.read(ROOT / "setup.cfg")
    return found


def test_every_file_that_is_not_python_is_packed():
    patterns = settings()["options.package_data"]["minirnn"].split()
    packed = {path for pattern in patterns for path in house.ROOT.glob(pattern)}
    files = {path for path in house.ROOT.rglob("*") if path.is_file() and path.suffix not in (".py", ".pyc")}
    assert files <= packed, f"missing in setup.cfg: {sorted(str(path) for path in files - packed)}"
    assert all(list(house.ROOT.glob(pattern)) for pattern in patterns) and house.ROOT / "py.typed" in files


def test_every_folder_is_a_package():
    folders = {path.parent for path in house.files()}
    assert all((folder / "__init__.py").exists() for folder in folders)


def test_the_readme_stands_alone_where_there_are_no_other_files(monkeypatch):
    """An index of packages shows it: without pictures and links that lead nowhere, and with all of its words."""
    setuptools = pytest.importorskip("setuptools")
    given = {}
    monkeypatch.setattr(setuptools, "setup", given.update)
    runpy.run_path(str(ROOT / "setup.py"))
    text, readme = given["long_description"], (ROOT / "README.md").read_text()
    assert "](" in readme and "](" not in text and "*The page of a small network" in text
    assert [line for line in text.splitlines() if line.startswith(("#", "    ", "```"))] == [
        line for line in readme.splitlines() if line.startswith(("#", "    ", "```"))
    ]
    assert given["long_description_content_type"] == "text/markdown"


def test_a_source_archive_holds_what_its_tests_need():
    lines = (ROOT / "MANIFEST.in").read_text().splitlines()
    for folder in ("tests", "docs", "examples", ".ci"):
        assert f"graft {folder}" in lines and (ROOT / folder).is_dir()


def test_metadata():
    metadata = settings()["metadata"]
    assert metadata["description"] and "long_description" not in metadata  # setup.py makes it
    assert all((ROOT / path).exists() for path in metadata["license_files"].split())
    needed = settings()["options"]["install_requires"]
    assert all(">=" in line for line in needed.split("\n") if line.strip())
