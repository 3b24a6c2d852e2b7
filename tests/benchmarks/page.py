"""How large pages are and how quick in a browser: python tests/benchmarks/page.py

Needs chromium and playwright. A step is timed from the key to the next frame drawn; beside it, what it takes of the
processor, which does not depend on what else runs here.
"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

import shutil
import statistics
import tempfile
import time
from pathlib import Path

import numpy as np
from playwright.sync_api import sync_playwright

import minirnn as mr
from minirnn import demo
from minirnn.layers import Dense, Input, SimpleRNN
from minirnn.models import Model

STEP = """async (position) => {
    const start = performance.now();
    go(position);
    await new Promise((done) => requestAnimationFrame(() => setTimeout(done)));
    return performance.now() - start; }"""
CHANGE = """() => {
    const start = performance.now();
    change("W_h", 3, 0.5);
    document.body.offsetHeight;
    return performance.now() - start; }"""


def long_trace():
    i = Input(shape=(200, 3))
    model = Model(i, Dense(2)(SimpleRNN(64)(i)))
    rng = np.random.default_rng(0)
    return mr.trace(model, rng.normal(size=(8, 200, 3)), rng.normal(size=(8, 2)), dtype="float64")


def measure(browser, name, trace, folder):
    start = time.perf_counter()
    path = folder / "page.html"
    page = trace.page(path, with_keras=False)
    made = time.perf_counter() - start

    def opened():
        tab = browser.new_context(viewport={"width": 1280, "height": 900}, offline=True).new_page()
        tab.goto(path.as_uri())
        return tab, tab.evaluate("performance.getEntriesByType('navigation')[0].loadEventEnd")

    ready = statistics.median(opened()[1] for _ in range(5))
    tab, _ = opened()
    session = tab.context.new_cdp_session(tab)
    session.send("Performance.enable", {"timeDomain": "threadTicks"})

    def processor():
        found = session.send("Performance.getMetrics")["metrics"]
        return next(1000 * metric["value"] for metric in found if metric["name"] == "TaskDuration")

    tab.wait_for_timeout(1000)
    positions = np.linspace(1, tab.evaluate("LAST"), 40).astype(int).tolist()
    before = processor()
    steps = [tab.evaluate(STEP, position) for position in positions]
    each = (processor() - before) / len(steps)
    change = tab.evaluate(CHANGE)
    print(
        f"{name}: {len(page.html.encode()) / 1000:.0f} kB, made in {made:.1f} s, ready in {ready:.0f} ms; a step takes "
        f"{statistics.median(steps):.0f} ms, the slowest {max(steps):.0f} ms, "
        f"{each:.0f} ms of the processor; a changed weight {change:.0f} ms"
    )


def main():
    program = shutil.which("chromium") or shutil.which("google-chrome")
    with sync_playwright() as playwright, tempfile.TemporaryDirectory() as folder:
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox", "--disable-gpu"])
        measure(browser, "the demonstration", mr.trace(demo.model(), demo.X, np.zeros((1, 2))), Path(folder))
        measure(browser, "T = 200, M = 64, N = 8", long_trace(), Path(folder))
        browser.close()


if __name__ == "__main__":
    main()
