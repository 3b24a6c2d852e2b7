"""Where spoilt model files are written."""

from __future__ import annotations

import pytest

from .spoilt import SAVE


@pytest.fixture(params=["keras", "h5"])
def kind(request):
    return request.param


@pytest.fixture
def save(kind, tmp_path):
    """save(config, spoil) writes the good network, spoilt, in the one format and in the other."""
    return lambda config=None, spoil=None, name="model": SAVE[kind](tmp_path / f"{name}.{kind}", config, spoil)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "a.keras"
