"""A picture of a fixed theme is drawn alike by a browser and by programs that know no style sheet."""

from __future__ import annotations

import io
import shutil
import subprocess

import numpy as np
import pytest

from minirnn.readings.picture.svg import DARK


def by_rsvg(svg, tmp_path):
    from PIL import Image

    if shutil.which("rsvg-convert") is None:
        pytest.skip("needs rsvg-convert")
    (tmp_path / "a.svg").write_text(svg)
    done = subprocess.run(["rsvg-convert", "-b", "white", str(tmp_path / "a.svg")], capture_output=True, check=True)
    return np.asarray(Image.open(io.BytesIO(done.stdout)).convert("RGB")).astype(float)


def test_colours_are_plain_attributes(trace):
    for theme in ("light", "dark"):
        svg = trace.picture(theme=theme, backward=True).svg
        assert "<style" not in svg and "var(" not in svg and (DARK["state"] in svg) == (theme == "dark")
    assert "var(--mr-state)" in trace.picture().svg


def test_letters_as_shapes(trace, tmp_path):
    plain, shapes = trace.picture(theme="light").svg, trace.picture(theme="light", outline=True).svg
    assert "<text" in plain and "<text" not in shapes and "font" not in shapes
    a, b = by_rsvg(plain, tmp_path), by_rsvg(shapes, tmp_path)
    assert a.shape == b.shape and np.abs(a - b).mean() < 4
    trace.picture(tmp_path / "b.svg", outline=True)
    assert "<text" not in (tmp_path / "b.svg").read_text()


def test_a_png_as_large_as_asked_for(trace, tmp_path):
    from PIL import Image

    sizes = []
    for options in ({}, {"scale": 2}, {"dpi": 192}):
        trace.picture(tmp_path / "a.png", **options)
        with Image.open(tmp_path / "a.png") as drawn:
            sizes.append(drawn.width)
    assert sizes[1] == sizes[2] and sizes[1] == pytest.approx(2 * sizes[0], abs=4)
    for wrong in ({"scale": 0}, {"scale": 2, "dpi": 100}):
        with pytest.raises(ValueError, match="scale is"):
            trace.picture(**wrong)
