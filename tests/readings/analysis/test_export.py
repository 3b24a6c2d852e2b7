"""Every number of a run, written and read back."""

from __future__ import annotations

import csv
import json
import sys

import numpy as np
import pytest

import minirnn as mr
from minirnn.cli import main


def right(trace, quantity, step, sample, index, value, gradient):
    """Whether a row says what the trace says."""
    place = (() if sample is None else (sample,)) + tuple(index)
    node = trace.variables[quantity, step]
    expected = trace.cotangents[node].value[place] if node in trace.cotangents else None
    return value == trace.value(quantity, step)[place] and gradient == expected


def test_every_number_is_in_the_dictionary(make):
    trace = make(layers=2, every_step=True)
    found = trace.to_dict()
    forward = {key for key, name in trace.names.items() if name.of is None}
    assert set(found) == forward and list(found)[: len(trace.parameters)] == list(trace.parameters)
    np.testing.assert_array_equal(found["h^2"][3]["value"], trace.value("h^2", 3))
    np.testing.assert_array_equal(found["h^2"][3]["gradient"], trace.adjoint("h^2", 3))
    assert found["x"][1]["gradient"] is None and set(found["W_h^1"]) == {None}


def test_rows_tell_samples_from_indices(make, tmp_path):
    trace = make(samples=3)
    trace.to_csv(tmp_path / "numbers.csv")
    with open(tmp_path / "numbers.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == sum(node.value.size for node in trace.variables.values() if node.name.of is None)
    for row in rows:
        number = {key: int(row[key]) if row[key] else None for key in ("step", "sample")}
        index = [int(i) for i in row["index"].split()]
        gradient = float(row["gradient"]) if row["gradient"] else None
        assert right(trace, row["quantity"], number["step"], number["sample"], index, float(row["value"]), gradient), row
    assert {row["sample"] for row in rows if row["quantity"] == "W_h"} == {""}
    assert {row["sample"] for row in rows if row["quantity"] == "h"} == {"0", "1", "2"}


def test_a_data_frame(make):
    trace = make()
    frame = trace.to_pandas()
    h = frame[(frame.quantity == "h") & (frame.step == 2)]
    np.testing.assert_array_equal(h.value.to_numpy().reshape(2, 5), trace.value("h", 2))
    np.testing.assert_array_equal(h.gradient.to_numpy().reshape(2, 5), trace.adjoint("h", 2))


def test_without_pandas_it_is_said(make, monkeypatch):
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(ImportError, match=r"pip install pandas; or take to_dict\(\)"):
        make().to_pandas()


def test_json_and_npz_read_back(make, tmp_path):
    trace = make(dtype="float32")
    trace.to_json(tmp_path / "n.json")
    trace.to_npz(tmp_path / "n.npz")
    read = json.loads((tmp_path / "n.json").read_text())
    np.testing.assert_array_equal(np.array(read["h"]["2"]["value"], "float32"), trace.value("h", 2))
    assert read["W_o"][""]["gradient"] == trace.gradients["W_o"].tolist()
    with np.load(tmp_path / "n.npz") as archive:
        place = list(archive["h steps"]).index(2)
        np.testing.assert_array_equal(archive["h"][place], trace.value("h", 2))
        np.testing.assert_array_equal(archive["dL/dh"][place], trace.adjoint("h", 2))
        np.testing.assert_array_equal(archive["dL/dW_h"], trace.gradients["W_h"])
        assert archive["h"].dtype == np.float32


def test_a_loop_with_names_of_its_own(tmp_path):
    def f(data, W):
        s = np.zeros(3)
        for row in data:
            s = np.tanh(row @ W + s)
        cost = np.sum(s**2)
        return cost

    rng = np.random.default_rng(0)
    trace = mr.trace(f, data=rng.normal(size=(4, 2)), W=rng.normal(size=(2, 3)))
    trace.to_npz(tmp_path / "n.npz")
    with np.load(tmp_path / "n.npz") as archive:
        np.testing.assert_array_equal(archive["dcost/dW"], trace.gradients["W"])


def test_on_the_command_line(network, tmp_path, capsys):
    network().save(tmp_path / "model.keras")
    for suffix in ("csv", "json", "npz"):
        assert main(["export", str(tmp_path / "model.keras"), "-o", str(tmp_path / f"n.{suffix}")]) == 0
        assert (tmp_path / f"n.{suffix}").stat().st_size > 100
    assert main(["export", str(tmp_path / "model.keras"), "-o", str(tmp_path / "n.xls")]) == 2
    assert "give the file one of these endings" in capsys.readouterr().err


def own_names(name):
    """A trace of a loop in which an array has this name."""

    def loop(**arrays):
        given, *weights = arrays.values()
        h = np.zeros(2)
        for x in given:
            h = np.tanh(sum(x @ W for W in weights) + h)
        return np.sum(h)

    return mr.trace(loop, **{name: np.ones((3, 2)), "W": np.eye(2), "U": np.ones((2, 2)) * 0.3})


@pytest.mark.parametrize("name", ["allow_pickle", "file", "arr_0", "args", "kwds", "compress"])
def test_names_that_are_options_of_numpy_are_names_in_an_archive(name, tmp_path):
    trace = own_names(name)
    trace.to_npz(tmp_path / "a.npz")
    with np.load(tmp_path / "a.npz") as found:
        assert {name, "W", "dL/dW"} & set(found.files) >= {"W", "dL/dW"} and name in found.files
        assert np.array_equal(found["dL/dW"], trace.gradients["W"])


@pytest.mark.parametrize("name", ["../../a", "/a", "a/../../b", "..\\a", "\\a"])
def test_names_that_would_leave_the_folder_of_an_archive_are_refused(name, tmp_path):
    with pytest.raises(NotImplementedError, match="cannot hold a quantity called"):
        own_names(name).to_npz(tmp_path / "a.npz")
    assert not (tmp_path / "a.npz").exists()
