"""What `minirnn.exchange.from_onnx` may do with a file, whatever it holds: a model or one clear line."""

from __future__ import annotations

import numpy as np
from onnx import helper, numpy_helper

from minirnn.exchange import from_onnx

from .files import FOLDER, judged

D, M = 3, 5


def seed(directions: int = 1, inputs: tuple[str, ...] = ("X", "W", "R", "B"), **attributes: object) -> bytes:
    """A good file."""
    rng = np.random.default_rng(0)
    shapes = {"W": (directions, M, D), "R": (directions, M, M), "B": (directions, 2 * M)}
    arrays = [numpy_helper.from_array(rng.normal(size=s).astype("float32"), n) for n, s in shapes.items() if n in inputs]
    node = helper.make_node("RNN", list(inputs), ["Y", "Y_h"], name="rnn", hidden_size=M, **attributes)
    entries = [helper.make_tensor_value_info("X", 1, [4, 2, D]), helper.make_tensor_value_info("h", 1, [directions, 2, M])]
    graph = helper.make_graph([node], "g", entries, [helper.make_tensor_value_info("Y", 1, None)], arrays)
    return helper.make_model(graph).SerializeToString()


SEEDS = {
    "plain": seed(),
    "reverse": seed(direction="reverse", activations=["Relu"], inputs=("X", "W", "R")),
    "both": seed(2, direction="bidirectional", activations=["Tanh", "Elu"], activation_alpha=[1.0], layout=1),
    "state": seed(inputs=("X", "W", "R", "B", "", "h")),
}


def one_input(data: bytes) -> bool:
    """Read one file and judge what comes of it; whether there came a model."""
    path = FOLDER / "fuzzed.onnx"
    path.write_bytes(data)
    return judged(lambda: from_onnx(path), str(path))
