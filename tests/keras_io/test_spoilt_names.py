"""Hostile names, what is no file, and damage at random."""

from __future__ import annotations

import html.parser
import os
import re
import unicodedata
import xml.etree.ElementTree as ElementTree
import zipfile
from pathlib import Path

import numpy as np
import pytest

import minirnn as mr

from .spoilt import (
    REFUSALS,
    SAVE,
    call,
    changed,
    entry,
    functional,
    in_child,
    one_line,
    outcome,
    refused,
    row,
    save_h5,
    save_keras,
    tensor,
    usable,
    weights_of_keras,
)

# -------------------------------------------------------------------------------------------------------------- names


NAMES = {
    "svg": "<svg onload=alert(1)>",
    "script": "<script>alert(1)<!--",
    "attribute": '" onmouseover="alert(1)" x="',
    "dot": 'a"]; evil [label="x',
    "record": "{a|b} \\N <B>x<B> &lt;",
    "latex": "$\\input{x}$",
    "braces": "}{%s}{{0}}\\",
    "template": "{{ 7 * 7 }}{% raw %}",
    "right to left": "a\u202egnp.exe\u200f",
    "terminal": "a\x1b]0;b\x07\x1b[2J\r",
    "lines": "a\nb\u2028c\td",
    "long": "n" * 5000,
}


def named(name, kind, tmp_path):
    """The good network, its model and layers called `name`, each with a number behind it."""
    places = ["layers.0.config.name", "layers.1.config.name", "layers.2.config.name"]
    config = changed(row(), ("name", name), *[(place, f"{name}{i}") for i, place in enumerate(places)])

    def spoil(file):
        if kind == "h5":
            file.move("model_weights/simple_rnn", f"model_weights/{name}1")
            file.move("model_weights/dense", f"model_weights/{name}2")

    return mr.load(SAVE[kind](tmp_path / f"a.{kind}", config, spoil))


class Tags(html.parser.HTMLParser):
    """Every tag and attribute that a browser would see, and the text of headings."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.attributes, self.text = [], [], ""
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += [name for name, _ in attrs]

    def handle_data(self, data):
        self.text += data


def unseen(text):
    """The characters that steer a terminal or a browser rather than show."""
    return {c for c in text if c != "\n" and unicodedata.category(c) in ("Cc", "Cf", "Zl", "Zp")}


def traced(model):
    rng = np.random.default_rng(1)
    return mr.trace(model, rng.normal(size=(1, 5, 3)), np.zeros((1, 2)))


@pytest.mark.parametrize("name", NAMES.values(), ids=NAMES)
def test_hostile_names_are_shown_as_text_or_cut(name, kind, tmp_path, capsys):
    model = named(name, kind, tmp_path)
    assert model.name == name and [layer.name for layer in model.layers] == [f"{name}1", f"{name}2"]
    model.summary()
    printed = capsys.readouterr().out
    assert not unseen(printed)
    assert printed.count("(SimpleRNN)") == printed.count("(Dense)") == 1 and len(printed.splitlines()) < 25
    assert max(map(len, printed.splitlines())) < 200


@pytest.mark.parametrize("name", NAMES.values(), ids=NAMES)
def test_hostile_names_in_pictures_and_pages(name, tmp_path):
    trace = traced(named(name, "keras", tmp_path))
    good = traced(mr.load(save_keras(tmp_path / "good.keras")))
    assert trace.picture().dot == good.picture().dot  # layers are not named in it
    try:
        assert [e.tag for e in ElementTree.fromstring(trace.picture().svg).iter()].count(
            "{http://www.w3.org/2000/svg}svg"
        ) == 1
    except RuntimeError as error:
        assert "nothing can draw" in str(error)
    assert trace.equations().latex() == good.equations().latex() and str(trace.equations()) == str(good.equations())
    page, usual = (t.page(tmp_path / "p.html", report=t.verify(with_keras=False)) for t in (trace, good))
    seen, expected = Tags(page.html), Tags(usual.html)
    assert seen.tags == expected.tags and seen.attributes == expected.attributes
    assert "<svg onload" not in page.html and seen.tags.count("script") == 2  # its data and its own script
    assert re.match("[ -~]+", name)[0][:10] in seen.text and "n" * 1000 not in page.html
    assert unseen(seen.text) <= unseen(expected.text)
    frame = Tags(page._repr_html_())
    assert set(frame.tags) <= {"img", "details", "summary", "iframe", "div", "style"} and not any(
        a.startswith("on") for a in frame.attributes
    )
    for said in (repr(trace), repr(trace.model), str(trace.picture()), str(page)):
        assert said.isprintable() and len(said) < 500, said[:500]


@pytest.mark.parametrize("name", ["\ud800", "a\udc80", "\x00", "a\x00b", "\ufffe"], ids=ascii)
def test_names_that_are_not_text(name, save, tmp_path):
    """Halves of characters and zero bytes: refused, or everything can still be written."""
    for place in ("name", "layers.0.config.name", "layers.2.config.name"):
        path = save(changed(row(), (place, name)))
        if outcome(path) is None:
            trace = traced(mr.load(path))
            trace.page(tmp_path / "p.html", report=trace.verify(with_keras=False))
            trace.picture().save(tmp_path / "p.dot")


@pytest.mark.parametrize("name", NAMES.values(), ids=NAMES)
def test_hostile_names_in_refusals(name, save):
    """The shape does not fit the layer of that name; its class is unknown; an argument is bad; weights are missing."""
    flat = entry("Flatten", name="flat")
    config = changed(row(), ("layers.1.config.name", name), ("name", name))
    layers = config["config"]["layers"]
    refused(save(changed(config, ("layers", [layers[0], flat, *layers[1:]]))), "sequences")
    refused(save(changed(config, ("layers.1.class_name", name))), "support")
    refused(save(changed(config, ("layers.1.config.units", name))), "units")
    refused(save(changed(config, ("layers.1.config.activation", name))), "activation")
    refused(save(changed(config, ("layers.2.config.units", 3))), "\\S")
    calls = changed(functional(), ("layers.1.inbound_nodes", [call(name)]))
    refused(save(calls), "\\S")
    refused(save(changed(functional(), ("layers.1.inbound_nodes", [call("start", **{name: tensor("start")})]))), "\\S")


# ---------------------------------------------------------------------------------------------------- other than files


def test_no_file(tmp_path):
    refused(tmp_path / "none.keras", "no such file")
    (tmp_path / "file").write_text("x")
    refused(tmp_path / "file" / "none.keras", "no such file|cannot be read")
    for name in ("x" * 5000, "a\0b.keras"):  # no file system has these
        with pytest.raises(REFUSALS, match=r"no such file|cannot be read|too long") as caught:
            mr.load(tmp_path / name)
        assert len(str(caught.value).splitlines()) == 1


def test_folders_and_empty_files(tmp_path):
    refused(tmp_path, "regular file")
    (tmp_path / "empty.keras").touch()
    refused(tmp_path / "empty.keras", "neither|empty")
    for data in (
        b"PK",
        b"PK\3\4",
        b"PK\5\6" + bytes(18),
        b"\x89HDF",
        b"\x89PNG\r\n\x1a\n",
        b"<html>",
        b"\x80\x04cos\nsystem\n.",
    ):
        (tmp_path / "other.keras").write_bytes(data)
        refused(tmp_path / "other.keras", "neither|damaged|no config.json")


def test_links_in_the_file_system(save, tmp_path):
    link = tmp_path / "link.keras"
    try:
        link.symlink_to(save())
    except OSError:
        pytest.skip("no links here")
    usable(link)
    (tmp_path / "folder").symlink_to(tmp_path)
    refused(tmp_path / "folder", "regular file")
    (tmp_path / "dangling").symlink_to(tmp_path / "none")
    refused(tmp_path / "dangling", "no such file")
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    refused(tmp_path / "loop", "no such file|cannot be read|loop")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes here")
def test_pipes_and_devices(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    paths = [tmp_path / "pipe", *(Path(p) for p in ("/dev/zero", "/dev/null", "/dev/stdin") if Path(p).exists())]
    for path, (kind, text) in zip(paths, in_child(paths, seconds=10)):
        assert "regular file" in one_line(path, kind, text)


def test_a_file_of_ten_gigabytes(save):
    path = save()
    try:
        os.truncate(path, 10 * 2**30)  # a hole: it takes no room
    except OSError:
        pytest.skip("no such files here")
    refused(path, "MB")
    os.truncate(path, 0)


def test_a_file_that_may_not_be_read(save):
    path = save()
    path.chmod(0)
    if os.access(path, os.R_OK):
        pytest.skip("this user may read everything")
    refused(path, "[Pp]ermission|cannot be read")


# ------------------------------------------------------------------------------------------------------------ mutations


def mutate(data, rng):
    """A few bytes flipped, set, cut out or put in; often to what length and address fields do not expect."""
    data = bytearray(data)
    for _ in range(rng.integers(1, 6)):
        at = int(rng.integers(len(data)))
        match int(rng.integers(5)):
            case 0 | 1:
                data[at] ^= 1 << int(rng.integers(8))
            case 2:
                data[at : at + 8] = int(rng.choice([0, 1, 255, 2**31 - 1, 2**40])).to_bytes(8, "little")
            case 3:
                del data[at : at + int(rng.integers(1, 40))]
            case 4:
                data[at:at] = rng.bytes(int(rng.integers(1, 20)))
    return bytes(data)


@pytest.mark.parametrize("target", ["keras", "deflated keras", "weights in keras", "h5"])
def test_random_damage(target, tmp_path):
    """In a process of its own: HDF5 could hang or crash, and then this fails and the other tests go on."""
    good = tmp_path / "good"
    if target == "weights in keras":
        good.write_bytes(weights_of_keras())
    elif target == "h5":
        save_h5(good)
    else:
        save_keras(good, compression=zipfile.ZIP_DEFLATED if "deflated" in target else zipfile.ZIP_STORED)
    data, paths = good.read_bytes(), []
    for seed in range(100):
        path = tmp_path / f"{seed}.model"
        spoilt = mutate(data, np.random.default_rng(seed))
        save_keras(path, weights=spoilt) if target == "weights in keras" else path.write_bytes(spoilt)
        paths.append(path)
    found = in_child(paths)
    for path, (kind, text) in zip(paths, found):
        if kind:
            one_line(path, kind, text)
    assert any(kind for kind, _ in found)
