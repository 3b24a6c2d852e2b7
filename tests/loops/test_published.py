"""Loops as they are published, not a character changed: values, gradients, equations."""

from __future__ import annotations

import numpy as np
import published
import pytest
from cases import NAMES, case, quiet

import minirnn as mr
from minirnn.engine.replay import replay

WITHOUT_TENSORFLOW = [name for name in NAMES if name != "seed_002"]
NO_MATRIX_FORM = {"projected_before"}  # a product of three axes
EQUATIONS = {
    "seed_000": [
        "h_last₀ = 0", "hₜ = tanh(xₜ Wx + h_lastₜ₋₁ Wh + bh)    (t=1..T)", "h_lastₜ = hₜ    (t=1..T-1)", "y_T = h_T Wo + bo",
    ],
    "seed_003": ["hₜ = tanh(xₜ Wx + h_lastₜ₋₁ Wh + bh)    (t=1..T)"],
    "negative_index_history": ["sₜ = tanh(xₜ Uᵀ + sₜ₋₁ Wᵀ)    (t=1..T)", "oₜ = sₜ Vᵀ    (t=1..T)"],
    "columns": ["hsₜ = tanh(U xsₜ + W hsₜ₋₁ + b)    (t=1..T)", "xsₜ = inputsₜᵀ    (t=1..T)"],
    "two_layers": ["h2ₜ = tanh(h1ₜ Wx2 + h2ₜ₋₁ Wh2 + 1 b2)    (t=1..T)"],
    "layers_in_a_list": [
        "state⁽²⁾ₜ = tanh(signal⁽¹⁾ₜ Wx_2 + state⁽²⁾ₜ₋₁ Wh_2 + b_2)    (t=1..T)"
    ],
    "while_loop": ["hₜ = σ(zₜ)    (t=1..T)"],
    "lstm_by_hand": [
        "fₜ = σ(concatₜ Wf + bf)    (t=1..T)", "∂L/∂bf = Σ(t=1..T) ∂L/∂fₜ ⊙ fₜ ⊙ (1 - fₜ)",
        "cₜ = fₜ ⊙ c_prevₜ₋₁ + iₜ ⊙ c_tildeₜ    (t=1..T)", "hₜ = oₜ ⊙ tanh(cₜ)    (t=1..T)",
    ],
    "gru_by_hand": ["hₜ = (1 - zₜ) ⊙ nₜ + zₜ ⊙ hₜ₋₁    (t=1..T)"],
    "rnn_forward": ["a_nextₜ = tanh(Waa a_nextₜ₋₁ + Wax xₜ + ba 1ᵀ)    (t=1..T)"],
    "truncated": ["hₜ = tanh(Xₜ Wx + hₜ₋₁ Wh + bh)    (t=1..T)"],
}  # fmt: skip


def traced(name, target=True, **options):
    function, arguments = case(name, **options)
    with quiet():
        trace = mr.trace(function, **arguments)
        if trace.loss is None and target:
            function, arguments = case(name, **options)
            trace = mr.trace(function, **arguments, Y=np.ones(trace.output.shape, trace.dtype))
    return trace


def called(name, **options):
    function, arguments = case(name, **options)
    with quiet():
        return function(**arguments)


def same(a, b):
    """Bit for bit, in the same lists, tuples and dictionaries."""
    if isinstance(a, (list, tuple)):
        return type(a) is type(b) and len(a) == len(b) and all(map(same, a, b))
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(same(a[k], b[k]) for k in a)
    a, b = np.asarray(a), np.asarray(b)
    return a.dtype == b.dtype and a.shape == b.shape and a.tobytes() == b.tobytes()


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("name", WITHOUT_TENSORFLOW)
def test_what_is_returned_is_what_the_function_returns_bit_for_bit(name, dtype):
    assert same(called(name, dtype=dtype), traced(name, dtype=dtype, target=False).returned)


@pytest.mark.parametrize("name", WITHOUT_TENSORFLOW)
def test_gradients_agree_with_the_complex_step(name):
    report = traced(name).verify(with_keras=False)
    assert report.ok and report.checked, report
    assert all(row.error is not None for row in report)


@pytest.mark.parametrize("name", WITHOUT_TENSORFLOW)
def test_nothing_is_silently_constant(name):
    """The graph, run again on other numbers, gives what the function gives on them."""
    trace, other = traced(name, target=False), traced(name, target=False, seed=5)
    leaves = [node for node in trace.forward if not node.args and (node.attrs.get("role") != "constant")]
    others = [node for node in other.forward if not node.args and (node.attrs.get("role") != "constant")]
    if name in ("cross_entropy_at_every_step", "masked"):
        pytest.skip("its targets, its mask are drawn anew")
    assert len(leaves) == len(others)
    found = replay(trace.forward, {a: b.value for a, b in zip(leaves, others)})[trace.output_node]
    np.testing.assert_allclose(found, other.output, rtol=1e-13)


@pytest.mark.parametrize("name", sorted(set(WITHOUT_TENSORFLOW) - NO_MATRIX_FORM))
def test_equations_hold(name):
    equations = traced(name).equations()
    assert equations.residual <= 1e-14
    lines = {str(e) for e in equations}
    assert lines >= set(EQUATIONS.get(name, []))


def test_what_has_no_matrix_form_is_written_as_the_function_that_it_is():
    equations = traced("projected_before").equations()
    assert len(equations) > 4 and equations.residual < 1e-12


@pytest.mark.parametrize("name", ["seed_000", "growing_list", "gru_by_hand", "columns"])
def test_equations_are_the_same_at_every_length(name, monkeypatch):
    """A fold holds for all T: nine steps give the same equations as six."""
    short = [str(e) for e in traced(name).equations()]
    monkeypatch.setattr(published, "T", 9)
    monkeypatch.setattr("cases.T", 9)
    function, arguments = case(name)
    grown = {k: np.concatenate([v, v[..., :3, :]], -2) if k in ("X", "inputs") else v for k, v in arguments.items()}
    with quiet():
        output = mr.trace(function, **grown).output
        long = mr.trace(function, **grown, Y=np.ones_like(output))
    assert long.steps == 9
    assert [str(e) for e in long.equations()] == short


def test_what_holds_for_every_sample_is_said_once():
    trace = traced("seed_004")
    lines = [str(e) for e in trace.equations()]
    assert {
        "h⁽ⁱ⁾ₜ = tanh(x⁽ⁱ⁾ₜ Wxh + h_previous⁽ⁱ⁾ₜ₋₁ Whh + Bh)    (t=1..T, i=1..3)",
        "Y_pred_manual = [y⁽¹⁾_T; y⁽²⁾_T; y⁽³⁾_T]",
        "∂L/∂y⁽ⁱ⁾_T = ∂L/∂Y_pred_manual[i, :]    (i=1..3)",
        "∂L/∂Who = Σ(i=1..3) h⁽ⁱ⁾_Tᵀ ∂L/∂y⁽ⁱ⁾_T",
        "∂L/∂Whh = Σ(i=1..3) Σ(t=1..T) h_previous⁽ⁱ⁾ₜ₋₁ᵀ (∂L/∂h⁽ⁱ⁾ₜ ⊙ (1 - (h⁽ⁱ⁾ₜ)²))",
    } <= set(lines)
    assert not any("⁽²⁾" in line for line in lines if "[" not in line)
    latex = trace.equations().latex()
    assert r"\sum_{i=1}^{3} \sum_{t=1}^{T}" in latex and r"&& t=1,\ldots,T, i=1,\ldots,3" in latex
    assert trace.steps == published.T and trace.value("h^3", 2).shape == (published.M,)


def test_a_step_of_one_sample_can_be_asked_for():
    trace = traced("seed_004")
    lines = [str(e) for e in trace.equations(each_sample=True)]
    assert "h⁽²⁾ₜ = tanh(x⁽²⁾ₜ Wxh + h_previous⁽²⁾ₜ₋₁ Whh + Bh)    (t=1..T)" in lines
    assert any(str(e).startswith("h⁽²⁾₃ = tanh(x⁽²⁾₃ Wxh") for e in trace.equations(t=3))


def test_a_sample_that_is_treated_otherwise_is_not_said_with_the_others():
    def f(X, W, V):
        Y = np.zeros((3, 5))
        for i in range(3):
            h = np.zeros(5)
            for t in range(4):
                h = np.tanh(X[i, t] @ W + (2 if i == 1 else 1) * h @ V)
            Y[i] = h
        return Y

    rng = np.random.default_rng(0)
    trace = mr.trace(f, X=rng.normal(size=(3, 4, 2)), W=rng.normal(size=(2, 5)), V=rng.normal(size=(5, 5)))
    lines = [str(e) for e in trace.equations()]
    assert [line.split("ₜ =")[0] for line in lines if "(t=2..T" in line] == ["h⁽¹⁾", "h⁽²⁾", "h⁽³⁾"]
    assert any(line.startswith("h⁽ⁱ⁾₁ = tanh(X⁽ⁱ⁾₁ W") for line in lines)


def test_the_seed_with_tensorflow_in_it():
    pytest.importorskip("tensorflow")
    trace = traced("seed_002", dtype="float32")
    assert [e.shape for e in called_tensors()] == [e.shape for e in trace.returned]
    np.testing.assert_allclose(np.array(trace.returned), np.array([e.numpy() for e in called_tensors()]), atol=1e-6)
    lines = {str(e) for e in trace.equations()}
    assert {
        "prev_o₁ = 0", "prev_oₜ = otₜ₋₁    (t=2..T)", "htₜ = xtₜ w_xh + b_h    (t=1..T)",
        "otₜ = tanh(htₜ + prev_oₜ w_oo)    (t=1..T)",
    } <= lines  # fmt: skip
    assert trace.verify(with_keras=False).ok


def called_tensors():
    import tensorflow as tf

    function, arguments = case("seed_002", dtype="float32")
    with quiet():
        return function(**{name: tf.constant(value) for name, value in arguments.items()})


def in_tensorflow(name, tf, X, Wx, Wh, bh, Wo, bo):
    """The loop of a seed with the operations of TensorFlow in place of NumPy's."""
    dot = lambda x, W: tf.linalg.matvec(W, x, transpose_a=True)
    if name == "batch_with_at":
        h = tf.zeros((len(X), published.M), X.dtype)
        for t in range(published.T):
            h = tf.tanh(X[:, t] @ Wx + h @ Wh + bh)
        return h @ Wo + bo
    Y_pred_manual = []
    for x in X:
        h_last = tf.zeros(published.M, X.dtype)
        Yhats = []
        for t in range(published.T):
            h = tf.tanh(dot(x[t], Wx) + dot(h_last, Wh) + bh)
            Yhats.append(dot(h, Wo) + bo)
            h_last = h
        Y_pred_manual.append(Yhats[-1])
    return tf.stack(Y_pred_manual) if name == "seed_004" else Y_pred_manual[0]


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("name", ["seed_000", "seed_001", "seed_003", "seed_004", "batch_with_at"])
def test_gradients_agree_with_gradient_tape(name, dtype):
    """The same loop in TensorFlow, differentiated by its tape."""
    tf = pytest.importorskip("tensorflow")
    trace = traced(name, dtype=dtype)
    X, *tensors = (tf.constant(value) for value in case(name, dtype=dtype)[1].values())
    with tf.GradientTape() as tape:
        tape.watch(tensors)
        loss = tf.reduce_mean((in_tensorflow(name, tf, X, *tensors) - 1) ** 2)
    agree_with_tape(trace, tape.gradient(loss, tensors))


def test_gradients_of_the_seed_with_tensorflow_in_it_agree_with_gradient_tape():
    """It is the loop itself that TensorFlow runs here, not a character changed."""
    tf = pytest.importorskip("tensorflow")
    trace = traced("seed_002", dtype="float32")
    function, arguments = case("seed_002", dtype="float32")
    x_seq, *tensors = (tf.constant(value) for value in arguments.values())
    with tf.GradientTape() as tape, quiet():
        tape.watch(tensors)
        loss = tf.reduce_mean([tf.reduce_mean((ot - 1) ** 2) for ot in function(x_seq, *tensors)])
    agree_with_tape(trace, tape.gradient(loss, tensors))


def agree_with_tape(trace, truths):
    assert len(truths) == len(trace.gradients)
    for (w, found), truth in zip(trace.gradients.items(), truths):
        error = np.max(np.abs(found - truth.numpy())) / np.max(np.abs(truth.numpy()))
        assert error <= 32 * np.finfo(truth.numpy().dtype).eps, w


def test_a_backward_pass_of_ones_own_is_run_too():
    """What the function returns beside its loss are its own gradients; they agree with minirnn's."""
    trace = traced("characters_with_backward")
    _, dWxh, dWhh, dWhy, dbh, dby, _ = trace.returned
    for name, own in {"Wxh": dWxh, "Whh": dWhh, "Why": dWhy, "bh": dbh, "by": dby}.items():
        np.testing.assert_allclose(trace.gradients[name], own, rtol=0, atol=1e-14)


def test_weights_of_keras_in_a_loop_of_numpy():
    """float32 weights beside float64 data: the values are those of the function, all gradients are float64."""
    function, arguments = case("batch_with_at")
    mixed = {name: value if name == "X" else value.astype("float32") for name, value in arguments.items()}
    trace = mr.trace(function, **mixed, Y=np.ones((published.N, published.K)))
    assert same(trace.returned, function(**mixed))
    assert {g.dtype.name for g in trace.gradients.values()} == {"float64"}
    assert trace.equations().residual < 1e-14 and trace.verify(with_keras=False).ok


@pytest.mark.parametrize("name", ["x_is_single", "one_weight_is_double"])
def test_mixed_precisions(name):
    function, arguments = case("lstm_sliced")
    wide = {"x_is_single": {"W", "U", "b"}, "one_weight_is_double": {"U"}}[name]
    mixed = {k: v if k in wide else v.astype("float32") for k, v in arguments.items()}
    trace = mr.trace(function, **mixed, Y=np.ones((published.N, published.M)))
    assert same(trace.returned, function(**mixed))
    assert trace.verify(with_keras=False).ok and trace.equations().residual < 1e-5


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("1 / (1 + np.exp(-x))", "σ(xₜ)"),
        ("1.0 / (np.exp(-x) + 1.0)", "σ(xₜ)"),
        ("1 / np.exp(-x)", "1 ⊘ exp(-xₜ)"),
        ("2 / (1 + np.exp(-x))", "1 ⊘ (exp(-xₜ) + 1)"),
        ("1 / (2 + np.exp(-x))", "1 ⊘ (exp(-xₜ) + 2)"),
        ("1 / (1 + np.exp(x))", "1 ⊘ (exp(xₜ) + 1)"),
    ],
)
def test_a_sigmoid_is_known_by_its_formula(text, said, tmp_path):
    space = {"np": np}
    file = tmp_path / "sigmoid.py"
    file.write_text(f"def f(X, h):\n    for x in X:\n        h = h * ({text})\n    return h\n")
    exec(compile(file.read_text(), str(file), "exec"), space)
    trace = mr.trace(space["f"], X=np.linspace(-2, 2, 12).reshape(4, 3), h=np.ones(3), Y=np.zeros(3))
    assert any(said in str(e) for e in trace.equations()), trace.equations()
    assert trace.verify(with_keras=False).ok and same(trace.returned, space["f"](trace.data[0].value, np.ones(3)))


W = np.eye(3)


class OwnWeights:
    """Its weights are copies of arrays of the notebook, under their names."""

    def __init__(self):
        self.W, self.Y = 0.5 * W, W

    def forward(self, X):
        h = np.zeros(3)
        for x in X:
            h = np.tanh(x + h @ self.W)
        return h


def test_attributes_are_no_globals():
    network = OwnWeights()
    trace = mr.trace(network.forward, X=np.ones((4, 3)), Y=np.ones(3))
    assert list(trace.gradients) == ["W"] and trace.loss is not None
    assert np.array_equal(trace.value("W"), network.W)


@pytest.mark.parametrize("name", WITHOUT_TENSORFLOW)
def test_the_sizes_of_every_node_are_its_shape(name):
    trace = traced(name)
    assert all(tuple(map(int, node.dims)) == node.shape for node in trace.nodes)
