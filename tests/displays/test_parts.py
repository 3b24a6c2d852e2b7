"""The parts of a display: escaped, without anything that a notebook removes from the work of others."""

from __future__ import annotations

import base64
import re

import pytest

from minirnn.displays import Code, Folded, Picture, Shown, Table, Text, html

HOSTILE = '<script>alert(1)</script>"&<svg onload=alert(1)>'


class Everything(Shown):
    def __init__(self, said):
        self.said = said

    def _display(self):
        yield Text(self.said)
        yield Text(self.said, strong=True)
        yield Table([self.said], [[self.said], ["plain"]], frozenset([0]), code=True)
        yield Code(self.said, self.said)
        yield Picture(f"<svg>{self.said}</svg>", self.said, "9em")
        yield Folded(self.said, [Text(self.said)])


def test_every_text_is_escaped():
    shown = Everything(HOSTILE)._repr_html_()
    assert "<script" not in shown and "<svg" not in shown and shown.count("&lt;script&gt;alert(1)") == 9
    assert set(re.findall(r"<(\w+)", shown)) == {
        "div", "p", "b", "table", "thead", "tbody", "tr", "th", "td", "code", "pre", "img", "details", "summary",
    }  # fmt: skip
    assert re.search(r'alt="[^"]*&quot;[^"]*"', shown)


def test_a_picture_is_an_image_of_its_own():
    data = re.search(r'src="data:image/svg\+xml;base64,([^"]*)"', Picture("<svg>h₁</svg>", "h").html)[1]
    assert base64.b64decode(data).decode() == "<svg>h₁</svg>" and str(Picture("<svg/>", "a net")) == "a net"


def test_of_a_long_table_both_ends_are_shown():
    table = Table(["k"], [[str(k)] for k in range(1000)])
    cells = re.findall(r"<td[^>]*>(.*?)</td>", table.html)
    assert cells == [*map(str, range(20)), "…", *map(str, range(980, 1000))]
    assert len(str(table).splitlines()) == 1001


def test_as_text():
    assert str(Folded("more", [Text("one"), Code("h = x", "right")])) == "one\n    right           h = x"
    assert html([]) == "<div></div>"
    with pytest.raises(NotImplementedError):
        Shown()._repr_html_()
