"""Coverage-guided fuzzing of `mr.load`: ``python tests/fuzz/load.py CORPUS -max_total_time=600`` (needs atheris).

An input is the bytes of a file, or the JSON of a description that is packed with good weights. Whatever it holds, `mr.load`
gives a model or one clear line (ValueError, NotImplementedError), in two seconds and 256 MB, and runs nothing.
"""

from __future__ import annotations

import io
import sys
import tempfile
import time
import tracemalloc
import warnings
import zipfile
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["minirnn"]):
    import minirnn as mr
    from minirnn.keras_io import config, file, guards  # noqa: F401

from minirnn.layers import Bidirectional, Dense, Embedding, Input, Masking, SimpleRNN
from minirnn.models import Model, Sequential

FOLDER = Path(tempfile.mkdtemp())
MOST_SECONDS, MOST_BYTES = 2.0, 256 * 2**20


def seeds() -> list[bytes]:
    """Good files to start from."""
    i, h = Input((4, 3)), Input((5,))
    models = [
        Sequential([Input((4, 3)), Masking(), Bidirectional(SimpleRNN(5)), Dense(2)]),
        Sequential([Input((4,)), Embedding(9, 3, mask_zero=True), SimpleRNN(5)]),
        Model([i, h], SimpleRNN(5, kernel_regularizer="l2")(i, initial_state=h)),
    ]
    return [mr.save(model, FOLDER / f"{k}.keras").read_bytes() for k, model in enumerate(models)]


GOOD = seeds()


def packed(description: bytes) -> bytes:
    """The description with the weights of a good file."""
    with zipfile.ZipFile(io.BytesIO(GOOD[0])) as good:
        weights = good.read("model.weights.h5")
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("config.json", description)
        archive.writestr("model.weights.h5", weights)
    return out.getvalue()


def one_input(data: bytes) -> None:
    """Load one file and judge what comes of it."""
    path = FOLDER / "fuzzed.keras"
    path.write_bytes(packed(data) if data[:1] == b"{" else data)
    began = time.monotonic()
    tracemalloc.reset_peak()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            mr.load(path)
    except (ValueError, NotImplementedError) as error:
        if "\n" in str(error) or len(str(error)) > 500:
            raise AssertionError(f"not one short line: {error!s:.600}") from error
    if time.monotonic() - began > MOST_SECONDS:
        raise AssertionError(f"took {time.monotonic() - began:.1f} s")
    if tracemalloc.get_traced_memory()[1] > MOST_BYTES:
        raise AssertionError("took more than 256 MB")


def main() -> None:
    """Put the seeds into the corpus that is named first, and fuzz."""
    corpus = Path(sys.argv[1])
    corpus.mkdir(exist_ok=True)
    for k, good in enumerate(GOOD):
        (corpus / f"seed{k}.keras").write_bytes(good)
        with zipfile.ZipFile(io.BytesIO(good)) as archive:
            (corpus / f"seed{k}.json").write_bytes(archive.read("config.json"))
            (corpus / f"seed{k}.h5").write_bytes(archive.read("model.weights.h5"))
    tracemalloc.start()
    atheris.Setup(sys.argv, one_input)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
