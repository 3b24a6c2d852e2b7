"""No file and no folder grows beyond what one can keep in mind."""

from __future__ import annotations

import pytest

from . import house

FILE, FOLDER = 300, 20


@pytest.mark.parametrize("path", house.files(), ids=lambda p: str(p.relative_to(house.ROOT)))
def test_a_file_is_short(path):
    assert len(path.read_text().splitlines()) <= FILE


def test_a_folder_holds_few_files():
    for folder in {path.parent for path in house.files()}:
        assert len(list(folder.glob("*.py"))) <= FOLDER, folder
