"""No file and no folder grows beyond what one can keep in mind; those that are larger today may only shrink."""

from __future__ import annotations

import pytest

from . import house

FILE, FOLDER = 300, 20
LARGE = {
    "engine/graph.py": 356,
    "keras_io/config.py": 315,
    "layers/layer.py": 307,
    "loops/recording/array.py": 406,
    "network/__init__.py": 351,
}
FULL: dict[str, int] = {}


@pytest.mark.parametrize("path", house.files(), ids=lambda p: str(p.relative_to(house.ROOT)))
def test_a_file_is_short(path):
    name = path.relative_to(house.ROOT).as_posix()
    assert len(path.read_text().splitlines()) <= LARGE.get(name, FILE)


def test_a_folder_holds_few_files():
    folders = {path.parent for path in house.files()}
    for folder in folders:
        assert len(list(folder.glob("*.py"))) <= FULL.get(folder.relative_to(house.ROOT).as_posix(), FOLDER), folder
