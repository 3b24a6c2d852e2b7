"""A picture of a fixed theme is the same picture in a browser, in CairoSVG, in librsvg and in Inkscape."""

from __future__ import annotations

import importlib.util
import io
import re
import shutil
import subprocess

import numpy as np
import pytest

import minirnn as mr
from minirnn.layers import LSTM, Bidirectional, Dense, Input, SimpleRNN
from minirnn.models import Model

BLOCK = 8  # pixels: letters are set a little differently everywhere
LOOKS = {
    "cell": {},
    "numbers": {"values": True, "backward": True},
    "flow": {"flow": True, "theme": "dark"},
    "operations": {"level": "op", "rankdir": "LR"},
    "rolled": {"rolled": True, "backward": True},
    "shapes": {"outline": True},
    "inside": {"level": "inside"},
}


def by_browser(browser, path):
    tab = browser.new_page()
    tab.goto(path.as_uri())
    box = tab.evaluate("(({ width, height }) => ({ width, height }))(document.documentElement.getBoundingClientRect())")
    tab.set_viewport_size({side: round(size) for side, size in box.items()})
    drawn = tab.screenshot()
    tab.close()
    return drawn


def by_cairosvg(path):
    import cairosvg

    return cairosvg.svg2png(path.read_bytes(), background_color="white")


def by_rsvg(path):
    return subprocess.run(["rsvg-convert", "-b", "white", str(path)], capture_output=True, check=True).stdout


def by_inkscape(path):
    command = ["inkscape", "--export-type=png", "--export-filename=-", "-b", "white", "-y", "255", str(path)]
    return subprocess.run(command, capture_output=True, check=True).stdout


OTHERS = {"cairosvg": by_cairosvg, "rsvg-convert": by_rsvg, "inkscape": by_inkscape}


def blocks(png):
    """The mean of every block of pixels and colour."""
    from PIL import Image

    pixels = np.asarray(Image.open(io.BytesIO(png)).convert("RGB")).astype(float)
    high, wide = (n // BLOCK for n in pixels.shape[:2])
    return pixels[: high * BLOCK, : wide * BLOCK].reshape(high, BLOCK, wide, BLOCK, 3).mean((1, 3))


def unlike(one, other):
    """The share of blocks, of those with anything in them, that are not alike; all of them where the sizes differ."""
    if max(abs(a - b) for a, b in zip(one.shape, other.shape)) > 1:
        return 1.0
    high, wide = (min(sizes) for sizes in zip(one.shape[:2], other.shape[:2]))
    a, b = one[:high, :wide], other[:high, :wide]
    paper = a[0, 0]
    inked = (np.abs(a - paper).max(2) > 8) | (np.abs(b - paper).max(2) > 8)
    return float((np.abs(a - b).max(2) > 16)[inked].mean())


def pictures(folder):
    i = Input(shape=(4, 3))
    rng = np.random.default_rng(0)
    X, Y = rng.normal(size=(2, 4, 3)), rng.normal(size=(2, 2))
    for kind, last in {"both": Bidirectional(SimpleRNN(3)), "lstm": LSTM(3)}.items():
        trace = mr.trace(Model(i, Dense(2)(last(i))), X, Y)
        for name, look in LOOKS.items():
            if kind == "lstm" or name in ("cell", "rolled"):
                path = trace.picture(**({"theme": "light"} | look)).save(folder / f"{kind}-{name}.svg")
                path.write_text(path.read_text().replace("Courier", "monospace"))  # which font that is differs
                yield path


def installed(name):
    return importlib.util.find_spec(name) is not None or shutil.which(name) is not None


def test_the_same_picture(browser, tmp_path):
    there = [name for name in OTHERS if installed(name)]
    if not there:
        pytest.skip(f"needs one of {', '.join(OTHERS)}")
    found = {}
    for path in pictures(tmp_path):
        drawn = blocks(by_browser(browser, path))
        found |= {(path.stem, name): unlike(drawn, blocks(OTHERS[name](path))) for name in there}
    assert {where: share for where, share in found.items() if share > 0.014} == {}


@pytest.mark.parametrize("lost", [r"<text[^>]*>h</text>", r'fill="#dfe9f7"', r'<path fill="none" stroke="#454b57"[^>]*>'])
def test_what_another_does_not_draw_is_found(browser, tmp_path, lost):
    """Planted: all letters of a kind, all fillings, or all lines are missing in one of the two."""
    path = next(pictures(tmp_path))
    whole = blocks(by_browser(browser, path))
    text = path.read_text()
    assert re.search(lost, text)
    path.write_text(re.sub(lost, "" if lost.startswith("<") else 'fill="#ffffff"', text))
    assert unlike(whole, blocks(by_browser(browser, path))) > 0.014
