"""Screenshots of every kind of page to look at: python -m tests.browser.screenshots FOLDER [NETWORK ...]

Five networks at eight places, in three sizes, light and dark; and of each network, size and look a sheet that has them all.
Needs chromium and Pillow.
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import numpy as np

import minirnn as mr
from minirnn import demo
from minirnn.layers import LSTM, Bidirectional, Dense, Input, SimpleRNN
from minirnn.models import Model

SIZES = {"laptop": (1280, 720), "projector": (1920, 1080), "phone": (360, 740)}
SCHEMES = ("light", "dark")
FIRST = """DATA.changed = DATA.graph.quantities.map(([name, step]) => `${name}_${step}`)
    .find((key) => nodeOf.has(key) && placeInGraph(key) && named.get(nodeOf.get(key)).step === Math.min(2, T))"""
PLACES = {
    "overview": "go(0)",
    "forward": "go(positionOf('forward', Math.min(4, T)))",
    "loss": "go(positionOf('loss'))",
    "backward": "go(POSITIONS.findLastIndex(({ kind, t }) => kind === 'backward' && t === Math.min(3, T)))",
    "why": "look('flow')",
    "what-if": "go(2), select(DATA.changed), edit(find('#inspector [data-entry]')), change(DATA.changed, 0, 1.5)",
    "exercise": "look('practice')",
    "lecture": "go(positionOf('forward', Math.min(4, T))), lecture(true)",
}
BACK = "lecture(false), reset(), state.selected !== null && select(null), look('step')"
TILE = 480  # pixels of a picture on a sheet


def own_loop(X, Wx, Wh, b, Wo, target):
    state = np.zeros(Wh.shape[0])
    for x in X:
        state = np.tanh(x @ Wx + state @ Wh + b)
    guess = state @ Wo
    return ((guess - target) ** 2).mean()


def networks():
    """A name and a function that traces for each."""
    rng = np.random.default_rng(0)

    def model(T, last):
        mr.set_random_seed(1)
        i = Input(shape=(T, 3))
        made = Model(i, last(i))
        X = rng.normal(size=(2, T, 3))
        return lambda: mr.trace(made, X, rng.normal(size=made.predict(X).shape))

    sizes = {"X": (6, 3), "Wx": (3, 4), "Wh": (4, 4), "b": (4,), "Wo": (4, 2), "target": (2,)}
    return {
        "simple": lambda: mr.trace(demo.model(), demo.X, np.zeros((1, 2))),
        "lstm": model(6, lambda i: Dense(2)(LSTM(4)(i))),
        "bidirectional": model(5, lambda i: Dense(2)(Bidirectional(SimpleRNN(3, return_sequences=True))(i))),
        "loop": lambda: mr.trace(own_loop, **{name: rng.normal(size=size) for name, size in sizes.items()}),
        "hundred": model(100, lambda i: Dense(2)(SimpleRNN(5)(i))),
    }


def sheet(files, path):
    """All of them beside each other in one picture."""
    from PIL import Image

    shots = [Image.open(file) for file in files]
    width = TILE if shots[0].width > 400 else TILE // 2
    height = round(width * shots[0].height / shots[0].width)
    columns = 4 if width == TILE else len(shots)
    whole = Image.new("RGB", (columns * (width + 6), -(-len(shots) // columns) * (height + 6)), "#c03090")
    for k, shot in enumerate(shots):
        whole.paste(shot.resize((width, height)), (k % columns * (width + 6), k // columns * (height + 6)))
    whole.save(path)


def shoot(browser, name, page, folder):
    tab = browser.new_context(offline=True, locale="en-GB", reduced_motion="reduce").new_page()
    tab.goto(page.as_uri())
    tab.evaluate(FIRST)
    for size, (width, height) in SIZES.items():
        tab.set_viewport_size({"width": width, "height": height})
        for scheme in SCHEMES:
            tab.emulate_media(color_scheme=scheme)
            made = []
            for place, code in PLACES.items():
                tab.evaluate(f"() => {{ {code}; scrollTo(0, 0); }}")
                tab.wait_for_timeout(50)
                made.append(folder / f"{name}-{size}-{scheme}-{place}.png")
                tab.screenshot(path=made[-1])
                tab.evaluate(f"() => {{ {BACK} }}")
            sheet(made, folder / f"sheet-{name}-{size}-{scheme}.png")
    tab.context.close()


def main(folder, *wanted):
    from playwright.sync_api import sync_playwright

    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    program = shutil.which("chromium") or shutil.which("google-chrome")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox", "--disable-gpu"])
        for name, traced in networks().items():
            if not wanted or name in wanted:
                page = folder / f"{name}.html"
                traced().page(page, with_keras=False)
                shoot(browser, name, page, folder)
        browser.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
