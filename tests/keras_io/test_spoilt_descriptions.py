"""Spoilt descriptions of models."""

from __future__ import annotations

import pytest

from .spoilt import (
    REFUSALS,
    call,
    changed,
    entry,
    functional,
    one_line,
    outcome,
    refused,
    row,
    save_keras,
    tensor,
    usable,
    weights_of_keras,
)

# -------------------------------------------------------------------------------------------------------------- JSON


@pytest.mark.parametrize(
    "text",
    ["", "{", "null", "[]", "5", '"Sequential"', "{}", '{"class_name": "Sequential"', '{"config": 5}', '{"config": []}',
     '{"class_name": "Sequential", "config": null}', "NaN", "{'a': 1}", "\ufeff{}", "\x01", b"\xff\xfe\xff",
     b'{"class_name": "\xff"}', "[" * 100_000, '{"a":' * 100_000, '{"config": ' + "[" * 100_000 + "]" * 100_000 + "}",
     "1" * 5000],
    ids=lambda text: repr(text[:24]),
)  # fmt: skip
def test_descriptions_that_are_none(save, text):
    refused(save(text), "JSON|descri")


@pytest.mark.parametrize("value", [[], {}, None, 5, True, "", "Evil", "Model.Evil", "__import__('os')", "x" * 10_000])
def test_models_of_another_class(save, value):
    refused(save(changed(row(), ("class_name", value))), "support|describe|as Keras writes")


def test_a_description_that_is_deep_but_can_be_read(save):
    deep = None
    for _ in range(400):
        deep = {"class_name": "x", "config": [deep]}
    assert outcome(save(changed(functional(), ("layers.1.inbound_nodes.0.args", [deep]))))
    assert outcome(save(changed(row(), ("layers.1.config.activation", deep))))


# ------------------------------------------------------------------------------------------------- numbers and flags


HUGE = 10**4000
UNITS = [10**9, 10**6, HUGE, -1, 0, 2.5, 4.0, float("inf"), float("nan"), True, "4", "4" * 10_000, None, [4], {"a": 4}]


@pytest.mark.parametrize("units", UNITS, ids=lambda units: repr(units)[:12])
@pytest.mark.parametrize("layer", [1, 2])
def test_units(save, layer, units):
    refused(save(changed(row(), (f"layers.{layer}.config.units", units))), "units|too large|shape")


SHAPES = [
    [None, 10**9, 3], [None, HUGE, 3], [None, 0, 3], [None, -5, 3], [None, 5.0, 3], [None, True, 3], [None, 5, True],
    [None, "5", 3], [None, 5, None], [None, 5, 10**9], [None, [5], 3], [None, {}, 3], [None, 5, 3, 3], [None, 3], [None], [],
    [None] + [3] * 100_000, "abc", None, 5, {"a": 5, "b": 3}, True,
]  # fmt: skip


@pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: repr(shape)[:24])
def test_input_shapes(save, shape):
    refused(save(changed(row(), ("layers.0.config.batch_shape", shape))), "shape|too large|sequences|as Keras writes")


def test_a_million_steps_are_no_trouble_before_they_are_run(save):
    assert outcome(save(changed(row(), ("layers.0.config.batch_shape", [None, 10**6, 3])))) is None


ACTIVATIONS = [
    {"module": "os", "class_name": "function", "config": "system", "registered_name": "system"},
    {"module": "os", "class_name": "function", "config": "tanh", "registered_name": "tanh"},
    {"module": "builtins", "class_name": "function", "config": "eval", "registered_name": "eval"},
    {"module": "keras.activations", "class_name": "function", "config": {"name": "tanh"}},
    {"module": "kerasevil", "class_name": "function", "config": "tanh"},
    {"module": None, "config": "tanh"}, {}, "", "system", "TANH", "tanh\n", "__import__('os').system('true')", "__class__",
    "x" * 100_000, 5, True, False, 0, ["tanh"], [],
]  # fmt: skip


@pytest.mark.parametrize("activation", ACTIVATIONS, ids=lambda activation: repr(activation)[:40])
@pytest.mark.parametrize("layer", [1, 2])
def test_activations(save, layer, activation):
    refused(save(changed(row(), (f"layers.{layer}.config.activation", activation))), "activation")


CLASSES = [
    "Lambda", "TFSMLayer", "TorchModuleWrapper", "ConvLSTM1D", "Layer", "Functional", "Sequential", "os.system", "__class__",
    "simplernn", "SimpleRNN ", "", "x" * 10_000, "a\nb", None, 5, [], ["SimpleRNN"], {"a": 1},
]  # fmt: skip


@pytest.mark.parametrize("name", CLASSES, ids=lambda name: repr(name)[:24])
def test_layers_of_another_class(save, name):
    entries = ("layers.1.class_name", name), ("layers.1.config", {"name": "evil", "function": ["4wEAAA==", None, None]})
    refused(save(changed(row(), *entries)), "support|as Keras writes|a model within a model|no code of a file is run")


@pytest.mark.parametrize(
    "path, value",
    [("layers.1.registered_name", "evil>SimpleRNN"), ("layers.1.registered_name", "Lambda"),
     ("layers.1.registered_name", ["SimpleRNN"]), ("layers.1.registered_name", {}), ("layers.1.module", "__main__"),
     ("layers.1.module", "os"), ("layers.1.module", "kerasevil.layers"), ("registered_name", "evil>Sequential"),
     ("module", "evil.models")],
)  # fmt: skip
def test_classes_of_ones_own_under_a_known_name(save, path, value):
    """A class that only bears Keras' name computes something else."""
    config = row()
    if "." not in path:
        config[path] = value
    else:
        config = changed(config, (path, value))
    refused(save(config), "support")


@pytest.mark.parametrize("path", ["registered_name", "layers.1.registered_name"])
def test_the_registered_name_may_be_that_of_the_class(save, path):
    config = changed(functional(), ("layers.1.registered_name", "SimpleRNN"))
    usable(save(config))


@pytest.mark.parametrize(
    "name, value",
    [("dropout", None), ("dropout", True), ("dropout", float("inf")), ("dropout", "0"),
     ("dropout", "x" * 100_000), ("recurrent_dropout", [0.1]), ("go_backwards", 1),
     ("stateful", "yes"), ("stateful", True), ("return_state", True), ("unroll", []), ("time_major", True),
     ("kernel_regularizer", {"l2": 1}), ("kernel_regularizer", {"class_name": "L2", "config": {"l2": "x"}}),
     ("kernel_regularizer", {"class_name": "L2", "module": "os", "config": {"l2": 1}}), ("kernel_regularizer", "evil"),
     ("kernel_regularizer", {"class_name": "L2", "config": {"l3": 1}}), ("bias_regularizer", {"class_name": ["L2"]}),
     ("kernel_constraint", "x"), ("kernel_constraint", {"class_name": "MaxNorm", "config": {"max_value": {}}}),
     ("activation", "evil"), ("activation", "threshold"), ("activation", {"class_name": "function", "config": "os"}),
     ("evil", 1), ("x" * 100_000, 1), ("a\nb", 1), ("self", 1), ("shape", [3]),
     ("use_bias", "no"), ("use_bias", []), ("use_bias", None), ("return_sequences", "no"), ("return_sequences", {}),
     ("return_sequences", 2), ("trainable", "yes"), ("trainable", []), ("dtype", "float16"), ("dtype", "mixed_bfloat16"),
     ("dtype", "object"), ("dtype", {"config": {"name": "int8"}}), ("dtype", {}), ("dtype", []), ("dtype", 5),
     ("dtype", "x" * 10_000), ("dtype", False), ("name", ["a"]), ("name", {"a": 1}), ("name", 5), ("name", True)],
    ids=lambda value: repr(value)[:24],
)  # fmt: skip
def test_arguments_that_cannot_be_meant(save, name, value):
    config = row()
    config["config"]["layers"][1]["config"][name] = value
    refused(save(config), "\\S")


def nodes(value, path=()):
    """Every place in a description."""
    yield path
    for key, inner in value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ():
        yield from nodes(inner, (*path, key))


@pytest.mark.parametrize("good", [row, functional])
def test_wrong_types_everywhere(good, path):
    """Each entry of the description in turn becomes nothing, a list, a number, ...: refused, or else it does not matter."""
    wrong = [None, [], {}, [None], {"a": 1}, -1, 10**9, 0.5, True, "x"]
    weights, failures = weights_of_keras(), []
    for place in nodes(good()):
        for value in wrong if place else ():
            config = inner = good()
            for key in place[:-1]:
                inner = inner[key]
            inner[place[-1]] = value
            save_keras(path, config, weights=weights)
            try:
                try:
                    usable(path)
                except REFUSALS as error:
                    one_line(path, type(error).__name__, str(error))
            except Exception as error:
                failures.append(f"{'.'.join(map(str, place))} = {value!r}: {type(error).__name__}: {str(error)[:100]}")
    assert not failures, f"{len(failures)}, such as\n" + "\n".join(failures[:40])


# ---------------------------------------------------------------------------------------------------------- the graph


@pytest.mark.parametrize("source", ["ghost", "dense", "", None, 5, [], {"a": 1}, ["start"], "x" * 10_000])
def test_layers_fed_by_nothing_or_by_themselves(save, source):
    if source == "dense":
        config = changed(functional(), ("layers.2.inbound_nodes", [call("dense")]))
    else:
        config = changed(functional(), ("layers.1.inbound_nodes", [call(source)]))
    refused(save(config), "which does not come before it|dense|as Keras writes")


def test_layers_that_feed_each_other(save):
    config = changed(functional(), ("layers.1.inbound_nodes", [call("dense")]))
    refused(save(config), "dense|as Keras writes")


@pytest.mark.parametrize(
    "place, value, match",
    [("layers.2.inbound_nodes", [], "0 times"),
     ("layers.2.inbound_nodes", [call("simple_rnn", "simple_rnn")], "\\S"),
     ("layers.2.inbound_nodes", [call("simple_rnn", initial_state=tensor("simple_rnn"))], "\\S"),
     ("layers.1.inbound_nodes", [call("start", "start", "start")], "\\S"),
     ("layers.1.inbound_nodes", [call("start", mask=tensor("start"))], "mask"),
     ("layers.1.inbound_nodes", [call()], "\\S"),
     ("layers.1.inbound_nodes", [[["start", 0, 0]]], "\\S"),
     ("layers.1.inbound_nodes", [[["ghost", 0, 0, {}]]], "ghost"),
     ("layers.0.inbound_nodes", [call("dense")], "\\S"),
     ("output_layers", [["dense", 0, 1]], "\\S"), ("output_layers", [["dense", 1, 0]], "\\S"),
     ("layers.2.inbound_nodes", [call("simple_rnn", training="yes")], "training"),
     ("layers.2.inbound_nodes", [call("simple_rnn")] * 300, "at most"),
     ("output_layers", [], "\\S"), ("output_layers", ["ghost", 0, 0], "ghost"),
     ("output_layers", [["ghost", 0, 0]], "ghost"),
     ("input_layers", [], "\\S"), ("input_layers", ["ghost", 0, 0], "ghost"), ("input_layers", ["dense", 0, 0], "\\S"),
     ("input_layers", [["start", 0, 0], ["start", 0, 0]], "\\S"),
     ("layers", [], "\\S"), ("layers", {}, "\\S"), ("layers", None, "\\S")],
)  # fmt: skip
def test_graphs_that_are_none(save, place, value, match):
    refused(save(changed(functional(), (place, value))), match)


@pytest.mark.parametrize("shape", [[None, 4], [None, 7], [None, None], [None, 5, 4], [None, 4, 4]])
def test_initial_states_must_fit(save, shape):
    state = entry("InputLayer", batch_shape=shape, dtype="float32", name="state") | {"name": "state", "inbound_nodes": []}
    config = changed(functional(), ("layers.1.inbound_nodes", [call("start", initial_state=tensor("state"))]))
    config["config"]["layers"].insert(1, state)
    config = changed(config, ("input_layers", [["start", 0, 0], ["state", 0, 0]]))
    if shape == [None, 4]:
        usable(save(config))
    else:
        refused(save(config), "state|shape")


@pytest.mark.parametrize("missing", [0, 1, 2])
def test_a_layer_is_missing(save, missing):
    config = functional()
    del config["config"]["layers"][missing]
    refused(save(config), ["start", "simple_rnn", "dense"][missing])


def test_two_layers_of_one_name(save):
    config = changed(functional(), ("layers.2.name", "simple_rnn"), ("layers.2.config.name", "simple_rnn"))
    refused(save(changed(config, ("output_layers", ["simple_rnn", 0, 0]))), "simple_rnn")


def test_rows_that_are_none(save):
    start, *layers = row()["config"]["layers"]
    for made in ([], [start], [start, start, *layers], [*layers[:1], start, *layers[1:]], [None], ["SimpleRNN"], [layers]):
        refused(save(changed(row(), ("layers", made))), "\\S")


def test_a_row_without_an_input_shape(save):
    config = changed(row(), ("layers", row()["config"]["layers"][1:]), ("build_input_shape", None))
    refused(save(config), "input shape")


def test_very_many_layers(path):
    outcome(save_keras(path, row(*[entry("Flatten", name=f"f{i}") for i in range(2000)])))
