"""What people do with a model, as data: each habit is code that is run on Keras and on minirnn, and must give the same.

`python -m tests.habits` prints what differs. The code is given `m`, a compiled model of one SimpleRNN and one Dense, its
data `X` and `Y`, the package `k` with `layers`, `models` and so on, NumPy as `np`, and a `folder`; the value of its last
line is compared: arrays as numbers, texts as texts.
"""

from __future__ import annotations

import ast
import importlib
import sys
import tempfile
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

N, T, D, M, K = 7, 4, 3, 5, 2
TRAINED = "h = m.fit(X, Y, epochs=3, batch_size=4, shuffle=False, verbose=0)\n"

HABITS = {
    # ------------------------------------------------------------------------------------------------------- training
    "fit by name": "m.fit(x=X, y=Y, epochs=2, verbose=0, shuffle=False).history['loss']",
    "fit, the epochs": TRAINED + "h.epoch",
    "fit, the keys of its history": TRAINED + "sorted(h.history)",
    "history of the model": TRAINED + "m.history.history['loss']",
    "validation_split": "m.fit(X, Y, validation_split=0.3, epochs=2, shuffle=False, verbose=0).history['val_loss']",
    "validation_data": "m.fit(X, Y, validation_data=(X[:3], Y[:3]), epochs=2, shuffle=False, verbose=0).history['val_mae']",
    "validation_batch_size": "m.fit(X, Y, validation_data=(X, Y), validation_batch_size=2, verbose=0).history['val_loss']",
    "validation_freq": (
        "len(m.fit(X, Y, validation_data=(X, Y), validation_freq=2, epochs=5, verbose=0).history['val_loss'])"
    ),
    "class_weight": (
        "i = k.Input((T, D)); c = k.models.Model(i, k.layers.Dense(1, activation='sigmoid')(m.layers[1](i)))\n"
        "c.layers[-1].set_weights([np.ones((M, 1)), np.zeros(1)]); c.compile('sgd', 'binary_crossentropy')\n"
        "c.fit(X, Y[:, 0] > 0, class_weight={0: 1.0, 1: 3.0}, epochs=2, shuffle=False, verbose=0).history['loss']"
    ),
    "sample_weight": "m.fit(X, Y, sample_weight=np.arange(1.0, 8), epochs=2, shuffle=False, verbose=0).history['loss']",
    "initial_epoch": "m.fit(X, Y, epochs=5, initial_epoch=3, verbose=0).epoch",
    "steps_per_epoch": "m.fit(X, Y, batch_size=2, steps_per_epoch=2, epochs=2, shuffle=False, verbose=0).history['loss']",
    "fit twice": TRAINED + "m.fit(X, Y, epochs=2, shuffle=False, verbose=0).history['loss']",
    "compile again": TRAINED + "m.compile('sgd', 'mae'); m.fit(X, Y, epochs=2, shuffle=False, verbose=0).history['loss']",
    "callbacks": (
        "seen = []\nclass Own(k.callbacks.Callback):\n    def on_epoch_end(self, epoch, logs=None):\n"
        "        seen.append(logs['loss'])\nm.fit(X, Y, epochs=3, shuffle=False, verbose=0, callbacks=[Own()])\nseen"
    ),
    "EarlyStopping": (
        "stop = k.callbacks.EarlyStopping(monitor='loss', patience=1, min_delta=1.0)\n"
        "len(m.fit(X, Y, epochs=9, shuffle=False, verbose=0, callbacks=[stop]).epoch)"
    ),
    "ReduceLROnPlateau": (
        "slow = k.callbacks.ReduceLROnPlateau(monitor='loss', patience=1, min_delta=1.0, factor=0.5)\n"
        "m.fit(X, Y, epochs=5, shuffle=False, verbose=0, callbacks=[slow]).history['learning_rate']"
    ),
    "LearningRateScheduler": (
        "rate = k.callbacks.LearningRateScheduler(lambda epoch, lr: 0.1 / (epoch + 1))\n"
        "m.fit(X, Y, epochs=3, shuffle=False, verbose=0, callbacks=[rate]).history['loss']"
    ),
    "ModelCheckpoint": (
        "kept = k.callbacks.ModelCheckpoint(str(folder / 'best.keras'), monitor='loss', save_best_only=True)\n"
        "m.fit(X, Y, epochs=3, verbose=0, callbacks=[kept]); (folder / 'best.keras').exists()"
    ),
    "LambdaCallback": (
        "seen = []\nm.fit(X, Y, epochs=2, verbose=0, callbacks=[k.callbacks.LambdaCallback(on_epoch_begin=lambda e, logs: "
        "seen.append(e))])\nseen"
    ),
    "CSVLogger": (
        "m.fit(X, Y, epochs=2, verbose=0, callbacks=[k.callbacks.CSVLogger(folder / 'log.csv')])\n"
        "(folder / 'log.csv').read_text().splitlines()[0]"
    ),
    "stop_training": (
        "class Own(k.callbacks.Callback):\n    def on_epoch_end(self, epoch, logs=None):\n"
        "        self.model.stop_training = epoch == 1\n"
        "len(m.fit(X, Y, epochs=9, verbose=0, callbacks=[Own()]).epoch)"
    ),
    "train_on_batch": "m.train_on_batch(X, Y)",
    "train_on_batch, by name": "sorted(m.train_on_batch(X, Y, return_dict=True).items())",
    "test_on_batch": "m.test_on_batch(X, Y)",
    "predict_on_batch": "m.predict_on_batch(X)",
    "evaluate": "m.evaluate(X, Y, verbose=0)",
    "evaluate by name": "m.evaluate(x=X, y=Y, batch_size=2, verbose=0)",
    "evaluate, return_dict": "sorted(m.evaluate(X, Y, verbose=0, return_dict=True).items())",
    "predict by name": "m.predict(x=X, verbose=0)",
    "predict, batch_size": "m.predict(X, batch_size=2, verbose=0)",
    "a generator": (
        "def batches():\n    while True:\n        yield X[:4], Y[:4]\n        yield X[4:], Y[4:]\n"
        "m.fit(batches(), steps_per_epoch=2, epochs=2, verbose=0).history['loss']"
    ),
    "compile by objects": (
        "m.compile(optimizer=k.optimizers.RMSprop(learning_rate=0.01), loss=k.losses.Huber(), metrics=[k.metrics."
        "MeanAbsoluteError()])\nm.fit(X, Y, epochs=2, shuffle=False, verbose=0).history['mean_absolute_error']"
    ),
    "compile, how it is run": "m.compile('adam', 'mse', run_eagerly=False, jit_compile=False); m.evaluate(X, Y, verbose=0)",
    "compile, weighted_metrics": (
        "m.compile('sgd', 'mse', weighted_metrics=['mae'])\nm.evaluate(X, Y, sample_weight=np.arange(1.0, 8), verbose=0)"
    ),
    "a schedule": (
        "rate = k.optimizers.schedules.ExponentialDecay(0.1, decay_steps=2, decay_rate=0.5)\n"
        "m.compile(k.optimizers.SGD(rate), 'mse'); m.fit(X, Y, epochs=3, shuffle=False, verbose=0).history['loss']"
    ),
    "the learning rate": "float(m.optimizer.learning_rate)",
    "set the learning rate": "m.optimizer.learning_rate = 0.5; float(m.optimizer.learning_rate)",
    "iterations": TRAINED + "int(m.optimizer.iterations)",
    "the optimizer's description": "m.optimizer.get_config()['beta_1']",
    "clipnorm": "m.compile(k.optimizers.SGD(0.1, clipnorm=0.1), 'mse'); m.train_on_batch(X, Y); m.get_weights()[0]",
    "names of metrics begin with the loss": "m.metrics_names[0]",
    "the loss": "m.loss",
    # -------------------------------------------------------------------------------------------------------- the model
    "input": "m.input.shape",
    "output": "m.output.shape",
    "inputs": "[i.shape for i in m.inputs]",
    "outputs": "[o.shape for o in m.outputs]",
    "input_shape": "m.input_shape",
    "output_shape": "m.output_shape",
    "layers": "[type(layer).__name__ for layer in m.layers]",
    "count_params": "m.count_params()",
    "get_layer by name": "m.get_layer('head').units",
    "get_layer by index": "m.get_layer(index=1).units",
    "get_weights": "[w.shape for w in m.get_weights()]",
    "set_weights": "m.set_weights([0.5 * w for w in m.get_weights()]); m.predict(X, verbose=0)",
    "weights": "[w.shape for w in m.weights]",
    "names of weights": "[w.name for w in m.weights]",
    "numpy of a weight": "m.weights[0].numpy()",
    "assign": "m.weights[2].assign(np.ones(M)); m.predict(X, verbose=0)",
    "trainable_weights": "len(m.trainable_weights)",
    "trainable_variables": "len(m.trainable_variables)",
    "non_trainable_weights": "len(m.non_trainable_weights)",
    "freeze": "m.layers[1].trainable = False; len(m.trainable_weights)",
    "freeze and train": (
        "m.layers[1].trainable = False; m.compile('sgd', 'mse'); m.train_on_batch(X, Y); [w.sum() for w in m.get_weights()]"
    ),
    "call": "np.asarray(m(X))",
    "call in inference": "np.asarray(m(X, training=False))",
    "numpy of a call": "m(X).numpy()",
    "name": "k.models.Model(m.input, m.output, name='mine').name",
    "summary": "m.summary(print_fn=lambda line, line_break=None: None) is None",
    "get_config": "sorted(m.get_config())",
    "from_config": "type(m).from_config(m.get_config()).count_params()",
    "clone_model": "k.models.clone_model(m).count_params()",
    "to_json": "k.models.model_from_json(m.to_json()).count_params()",
    "built": "m.built",
    "optimizer": "type(m.optimizer).__name__",
    "a sub-model": "k.models.Model(m.inputs, m.layers[1].output).predict(X, verbose=0)",
    "a sub-model of all layers": (
        "[np.shape(y) for y in k.models.Model(m.input, [a.output for a in m.layers[1:]]).predict(X, verbose=0)]"
    ),
    "a model within a model": "k.models.Sequential([m, k.layers.Dense(3)]).predict(X, verbose=0).shape",
    "Sequential.add": (
        "s = k.models.Sequential(); s.add(k.layers.Input((T, D))); s.add(m.layers[1]); s.add(m.layers[2]); s.predict(X)"
    ),
    "Sequential.pop": "s = k.models.Sequential([k.Input((T, D)), m.layers[1], m.layers[2]]); s.pop(); s.output_shape",
    "input_shape= of the first layer": "k.models.Sequential([k.layers.SimpleRNN(3, input_shape=(T, D))]).output_shape",
    "build": "s = k.models.Sequential([k.layers.SimpleRNN(3)]); s.build((None, T, D)); s.count_params()",
    # ----------------------------------------------------------------------------------------------------------- layers
    "get_weights of a layer": "m.layers[1].get_weights()",
    "set_weights of a layer": "m.layers[2].set_weights([np.ones((M, K)), np.ones(K)]); m.predict(X, verbose=0)",
    "kernel": "m.layers[2].kernel.numpy()",
    "bias": "m.layers[2].bias.numpy()",
    "kernel of the cell": "m.layers[1].cell.kernel.numpy()",
    "recurrent kernel of the cell": "m.layers[1].cell.recurrent_kernel.numpy()",
    "weights of a layer": "[w.shape for w in m.layers[1].weights]",
    "units": "m.layers[1].units",
    "activation": "m.layers[1].activation.__name__",
    "name of a layer": "m.layers[2].name",
    "get_config of a layer": "sorted(m.layers[1].get_config())",
    "from_config of a layer": "k.layers.Dense.from_config(m.layers[2].get_config()).units",
    "input of a layer": "m.layers[2].input.shape",
    "a layer on data": "np.asarray(m.layers[1](X))",
    "a layer alone": "a = k.layers.SimpleRNN(3); np.asarray(a(X)).shape",
    "build a layer": "a = k.layers.SimpleRNN(3); a.build((None, None, D)); [w.shape for w in a.weights]",
    "return_sequences": "m.layers[1].return_sequences",
    "count_params of a layer": "m.layers[1].count_params()",
    "trainable of a layer": "m.layers[1].trainable",
    # ------------------------------------------------------------------------------------------------------------ files
    "save": "m.save(folder / 'm.keras'); k.models.load_model(folder / 'm.keras').predict(X, verbose=0)",
    "save as h5": (  # Keras cannot read a loss that it wrote by its name
        "m.save(str(folder / 'm.h5')); k.models.load_model(folder / 'm.h5', compile=False).predict(X, verbose=0)"
    ),
    "load_model, and go on": (
        TRAINED + "m.save(folder / 'm.keras'); a = k.models.load_model(folder / 'm.keras')\n"
        "a.fit(X, Y, epochs=2, shuffle=False, verbose=0).history['loss']"
    ),
    "load_model without compile": (
        "m.save(folder / 'm.keras'); a = k.models.load_model(folder / 'm.keras', compile=False)\n"
        "getattr(a, 'optimizer', None) is None"
    ),
    "save_weights": (
        "m.save_weights(folder / 'm.weights.h5'); before = m.predict(X, verbose=0)\n"
        "m.set_weights([0 * w for w in m.get_weights()]); m.load_weights(folder / 'm.weights.h5')\n"
        "m.predict(X, verbose=0) - before"
    ),
    # ------------------------------------------------------------------------------------------------ losses and the like
    "a loss on arrays": "np.asarray(k.losses.MeanSquaredError()(Y, 2 * Y))",
    "a loss as a function": "np.asarray(k.losses.mean_absolute_error(Y, 2 * Y))",
    "a metric on arrays": "a = k.metrics.MeanAbsoluteError(); a.update_state(Y, 2 * Y); float(a.result())",
    "a metric anew": "a = k.metrics.MeanSquaredError(); a.update_state(Y, 2 * Y); a.reset_state(); float(a.result())",
    "set_random_seed": "k.utils.set_random_seed(1) is None",
    "to_categorical": "k.utils.to_categorical([0, 2, 1], 3)",
    "pad_sequences": "k.utils.pad_sequences([[1, 2], [3]], maxlen=3)",
    "get_file": "k.utils.get_file('a', 'b')",
    "timeseries_dataset_from_array": "[np.asarray(x) for x in k.utils.timeseries_dataset_from_array(X[0], None, 2)]",
    "the backend": "k.backend.backend()",
    "plot_model": "k.utils.plot_model(m)",
    "a GradientTape": (
        "import tensorflow as tf\nwith tf.GradientTape() as tape:\n    y = m(X)\n"
        "tape.gradient(y, m.trainable_weights)[0].shape"
    ),
}


def package(name: str) -> Any:
    """Keras or minirnn, as programs import them: `k.layers`, `k.models`, ..."""
    return importlib.import_module(name)


def run(code: str, name: str, weights: list[np.ndarray] | None = None) -> Any:
    """The value of the last line of `code`, run on that package."""
    k = package(name)
    rng = np.random.default_rng(5)
    i = k.Input((T, D))
    m = k.models.Model(i, k.layers.Dense(K, name="head")(k.layers.SimpleRNN(M)(i)))
    m.set_weights([rng.normal(0, 0.5, w.shape).astype("float32") for w in m.get_weights()])
    m.compile(optimizer=k.optimizers.Adam(0.01), loss="mse", metrics=["mae"])
    X, Y = rng.normal(size=(N, T, D)).astype("float32"), rng.normal(size=(N, K)).astype("float32")
    space = {"k": k, "m": m, "X": X, "Y": Y, "np": np, "T": T, "D": D, "M": M, "K": K}
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        space["folder"] = Path(folder)
        tree = ast.parse(code)
        last = ast.Expression(tree.body.pop().value)  # type: ignore[attr-defined]
        exec(compile(tree, "habit", "exec"), space)
        return eval(compile(last, "habit", "eval"), space)


def same(ours: Any, theirs: Any) -> bool:
    """Whether two values are the same: texts and names as they are, numbers as nearly as float32 has them."""
    if isinstance(theirs, (list, tuple)) and isinstance(ours, (list, tuple)):
        return len(ours) == len(theirs) and all(map(same, ours, theirs))
    if isinstance(theirs, (str, bool, type(None))):
        return ours == theirs
    try:
        a, b = np.asarray(ours, float), np.asarray(theirs, float)
    except (TypeError, ValueError):
        return bool(ours == theirs)
    return a.shape == b.shape and bool(np.abs(a - b).max(initial=0) <= 1e-5 * max(1.0, np.abs(b).max(initial=0)))


def tried(call: Callable[[], Any]) -> tuple[Any, str]:
    """A value, or the error it ended with."""
    try:
        return call(), ""
    except Exception as error:
        return None, f"{type(error).__name__}: {' '.join(str(error).split())}"


def differences() -> dict[str, str]:
    """The habits that are not as in Keras, each with the sentence of the refusal or with both values."""
    found = {}
    for name, code in HABITS.items():
        (ours, said), (theirs, failed) = (tried(lambda p=p, code=code: run(code, p)) for p in ("minirnn", "keras"))
        if said or not same(ours, theirs):
            found[name] = said or f"{ours!r:.150}, Keras has {theirs!r:.150} {failed}"
    return found


if __name__ == "__main__":
    different = differences()
    for name, said in different.items():
        print(f"{name}: {said}")
    print(f"{len(HABITS) - len(different)} of {len(HABITS)} as in Keras")
    sys.exit(any(not said for said in different.values()))
