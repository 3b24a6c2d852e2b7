"""Pages in a real browser, offline; every visit ends with: nothing complained, nothing was asked of any network."""

from __future__ import annotations

import os
import shutil

import numpy as np
import pytest

import minirnn as mr
from minirnn import demo

PROGRAMS = ("chromium", "chromium-browser", "google-chrome")


@pytest.fixture(scope="session")
def browser():
    """Debian's chromium. Without it these tests are skipped; where MINIRNN_BROWSER=required is set they fail instead."""
    program = next(filter(None, map(shutil.which, PROGRAMS)), None)
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        program = None
    if program is None:
        reason = "there is no browser here: apt-get install chromium, pip install playwright"
        if os.environ.get("MINIRNN_BROWSER") == "required":
            pytest.fail(reason)
        pytest.skip(reason)
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=program, args=["--no-sandbox", "--disable-gpu"])
        yield started
        started.close()


def written(trace, folder, name="page", **options):
    path = folder / f"{name}.html"
    trace.page(path, report=trace.verify(with_keras=False), **options)
    return path


@pytest.fixture(scope="session")
def demo_trace():
    """Ten steps, one sample, five units: the network of the demonstration."""
    return mr.trace(demo.model(), demo.X, np.zeros((1, 2)))


@pytest.fixture(scope="session")
def demo_page(demo_trace, tmp_path_factory):
    return written(demo_trace, tmp_path_factory.mktemp("pages"))


@pytest.fixture
def visit(browser, demo_page, tmp_path):
    """visit(trace, "#step=3", viewport=..., color_scheme=...) opens the page of a trace, the demonstration's by default."""
    contexts, complaints, asked = [], [], []

    def open_page(trace=None, link="", page=None, **options):
        path = page or (demo_page if trace is None else written(trace, tmp_path, f"page{len(contexts)}"))
        options = {"viewport": {"width": 1280, "height": 900}, "locale": "en-GB", "offline": True} | options
        context = browser.new_context(**options)
        contexts.append(context)
        tab = context.new_page()
        tab.on("console", lambda message: complaints.append(message.text) if message.type in ("error", "warning") else None)
        tab.on("pageerror", lambda error: complaints.append(str(error)))
        tab.on("request", lambda request: asked.append(request.url))
        tab.goto(path.as_uri() + link)
        return tab

    open_page.complaints, open_page.asked = complaints, asked
    yield open_page
    for context in contexts:
        context.close()
    assert complaints == []
    assert all(url.startswith(("file:", "data:")) for url in asked) and len([u for u in asked if u[:5] == "file:"]) == len(
        contexts
    )


@pytest.fixture
def at():
    """at(tab) is the position the page is at."""
    return lambda tab: tab.evaluate("state.position")


@pytest.fixture
def wait():
    """wait(tab, "state.position > 2") waits for that to become true; the page itself lets nobody evaluate text."""

    def until(tab, condition, seconds=10):
        for _ in range(seconds * 50):
            if tab.evaluate(condition):
                return
            tab.wait_for_timeout(20)
        raise AssertionError(f"never: {condition}")

    return until
