from __future__ import annotations

import os

import numpy as np
import pytest

import minirnn as mr
from minirnn import demo, layers
from minirnn.system import Suggests, quiet_stderr, whole_number


def test_standard_error_is_quiet_and_comes_back(capfd):
    with quiet_stderr():
        os.write(2, b"noise")
    os.write(2, b"voice")
    assert capfd.readouterr().err == "voice"


def test_whole_numbers():
    assert whole_number("t", np.int64(3)) == 3 and whole_number("t", 0, 0) == 0
    for wrong, says in (
        (0, "t is 0; it must be a positive whole number"),
        (True, "t is True"),
        (2.5, "t is 2.5"),
        ("2", "'2'"),
    ):
        with pytest.raises(ValueError, match=says):
            whole_number("t", wrong)
    with pytest.raises(ValueError, match="t is -1; it must be a whole number, 0 or more"):
        whole_number("t", -1, 0)


def test_an_attribute_that_is_not_there_is_answered_with_the_nearest():
    trace = mr.trace(demo.model(), demo.X)
    for thing, wrong, near in (
        (trace, "equation", "equations"), (trace.model, "layer", "layers"), (trace.picture(), "sav", "save"),
        (trace.equations(), "to_latex", "to_tex"), (trace.walk(), "latx", "latex"),
        (layers.Dense(3), "kernl", "kernel"),
        (layers, "LSTMM", "LSTM"), (mr, "from_kera", "from_keras"), (mr.losses, "mean_squared", "mean_squared_error"),
        (mr.optimizers, "Adamm", "Adam"), (mr.callbacks, "EarlyStop", "EarlyStopping"), (mr.metrics, "Recal", "Recall"),
        (mr.models, "Sequental", "Sequential"),
    ):  # fmt: skip
        with pytest.raises(AttributeError, match=f"has no {wrong}; did you mean {near}\\?$"):
            getattr(thing, wrong)
        assert not hasattr(thing, "__wrong__")
    with pytest.raises(AttributeError, match=r"^Trace has no qqq$"):
        _ = trace.qqq


@pytest.mark.parametrize(
    ("module", "names", "way_out"),
    [
        (
            mr.layers,
            ["TextVectorization", "GaussianNoise", "UpSampling1D", "Normalization", "PReLU", "Conv2D"],
            "Layer with a call",
        ),
        (mr.callbacks, ["TensorBoard", "BackupAndRestore"], "subclass of Callback"),
        (mr.losses, ["CTC", "Circle"], "function of y_true and y_pred"),
        (mr.metrics, ["MeanIoU", "SensitivityAtSpecificity"], "function of y_true and y_pred"),
        (mr.optimizers, ["Ftrl", "LossScaleOptimizer"], "subclass of Optimizer"),
    ],
)
def test_what_is_in_keras_alone_is_refused_with_a_way_out(module, names, way_out):
    import keras

    for name in names:
        assert hasattr(getattr(keras, module.__name__.rpartition(".")[2]), name)
        with pytest.raises(AttributeError, match=f"has no {name}: .*{way_out}") as raised:
            getattr(module, name)
        assert "did you mean" not in str(raised.value)


def test_a_property_that_fails_says_why():
    class Broken(Suggests):
        @property
        def half(self):
            return self.whole / 2

    with pytest.raises(AttributeError, match=r"^Broken has no whole$"):
        _ = Broken().half


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("from minirnn.layers import GRUU", "minirnn.layers has no GRUU; did you mean GRU?"),
        ("from minirnn import Tracer", "minirnn has no Tracer; did you mean Trace?"),
        ("from minirnn.callbacks import EarlyStop", "did you mean EarlyStopping?"),
    ],
)
def test_so_is_what_is_imported(line, says):
    with pytest.raises(ImportError) as raised:
        exec(line)
    assert says in str(raised.value)
    exec("from minirnn import demo, callbacks, utils; from minirnn.layers import dense")  # modules are found as ever
