from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

import minirnn as mr
from minirnn.readings.picture.animation import _Film, animate
from minirnn.readings.picture.compose import Look
from minirnn.readings.picture.views import unrolled


def close(image, colour):
    return int((np.abs(np.asarray(image).astype(int) - colour).sum(axis=2) < 12).sum())


def test_forward_and_back_a_frame_for_each_step(make):
    trace = make(steps=3)
    film = animate(trace, scale=0.7)
    assert len(film) == 2 * 4 + 1 and len({frame.size for frame in film.frames}) == 1  # three steps, and the output
    pairs = zip(film.frames, film.frames[1:])
    assert all(np.any(np.asarray(a) != np.asarray(b)) for a, b in pairs)
    made = _Film(trace, Look("cell", False, False, False, False, False, "BT", "light", True), unrolled(trace, "cell", 8))
    strips = [made.frame(place).count('"strip ') for place in made.places()]
    assert strips[0] == 0 and strips == sorted(strips) and strips[-1] > strips[4] > strips[1] > 0
    orange = [close(frame, (184, 72, 11)) for frame in film.frames]
    assert max(orange[:5]) == 0 < min(orange[5:])


def test_without_a_loss_there_is_no_way_back(network):
    assert len(animate(mr.trace(network(), np.ones((2, 4, 3))), scale=0.5)) == 4 + 1 + 1


def test_every_format(make, tmp_path):
    trace = make(steps=2)
    for suffix in (".gif", ".webp", ".png"):
        trace.animate(tmp_path / f"a{suffix}", scale=0.5, seconds=0.1)
        with Image.open(tmp_path / f"a{suffix}") as held:
            assert held.n_frames == 7
        assert (tmp_path / f"a{suffix}").stat().st_size < 300_000
    film = trace.animate(tmp_path / "frames", scale=0.5)
    assert len(list((tmp_path / "frames").glob("frame-*.png"))) == len(film) == 7
    assert film._repr_mimebundle_()["image/gif"][:3] == b"GIF" and "7 frames" in repr(film)


def test_what_is_wrong_is_said_before_the_work(trace, tmp_path):
    for wrong in ({"theme": "auto"}, {"seconds": 0}, {"scale": -1}, {"to_file": tmp_path / "a.mp4"}):
        with pytest.raises(ValueError, match=r"theme is|seconds is|scale is|is saved as"):
            trace.animate(**wrong)
