"""The functions that programs call K: ``from minirnn import backend as K``; of arrays, each written in NumPy.

What is called as in NumPy, ``K.mean``, is NumPy's own. In a loss of one's own they are followed, as those of Keras, of
``keras.ops`` and of TensorFlow are, which have other names for them.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .engine.ops import is_entrywise
from .initializers import set_random_seed
from .registry import count_anew

OTHER_NAMES = {
    "add_n": "sum_of", "clip_by_value": "clip", "concat": "concatenate", "constant": "convert_to_tensor",
    "divide_no_nan": "divide_or_zero", "get_value": "identity", "eval": "identity", "variable": "identity",
    "permute_dimensions": "transpose", "reduce_all": "all", "reduce_any": "any", "reduce_logsumexp": "logsumexp",
    "reduce_max": "max", "reduce_mean": "mean", "reduce_min": "min", "reduce_prod": "prod", "reduce_std": "std",
    "reduce_sum": "sum", "reduce_variance": "var", "repeat_elements": "repeat", "reverse": "flip", "int_shape": "shape",
    "mod": "remainder",
}  # fmt: skip
PARTS = ("keras", "linalg", "math", "nn", "numpy")  # of TensorFlow and of keras.ops: their functions have names of their own


def _reduction(function: Any) -> Any:
    def of(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
        axis = tuple(axis) if isinstance(axis, list) else axis
        return function(x, axis=axis, keepdims=keepdims) if keepdims else function(x, axis=axis)

    return of


sum, mean, max, min, prod, var, std = map(_reduction, (np.sum, np.mean, np.max, np.min, np.prod, np.var, np.std))


def epsilon() -> float:
    """The small number of Keras, 1e-7."""
    return 1e-7


def floatx() -> str:
    """The precision of Keras."""
    return "float32"


def clear_session(*_: Any, **__: Any) -> None:
    """Let the next metric of each class be called as the first."""
    count_anew()


def set_seed(seed: int) -> None:
    """`minirnn.set_random_seed`."""
    set_random_seed(seed)


def identity(x: Any, *_: Any, **__: Any) -> Any:
    return x


def convert_to_tensor(x: Any, dtype: Any = None, *_: Any, **__: Any) -> Any:
    """`x` as an array; what is one stays in its precision."""
    return x if hasattr(x, "dtype") else np.asarray(x)


def cast(x: Any, dtype: Any) -> Any:
    """`x` as numbers of that kind. Of floating point it stays in its precision."""
    kind = np.dtype(getattr(dtype, "as_numpy_dtype", dtype))
    x = x if hasattr(x, "dtype") else np.asarray(x)
    return x if kind.kind == "f" and np.dtype(x.dtype).kind == "f" else x.astype(kind)


def shape(x: Any, *_: Any) -> tuple[int, ...]:
    return tuple(x.shape)


def argmax(x: Any, axis: int = -1) -> Any:
    return np.argmax(x, axis=axis)


def argmin(x: Any, axis: int = -1) -> Any:
    return np.argmin(x, axis=axis)


def clip(x: Any, min_value: Any, max_value: Any) -> Any:
    return np.clip(x, min_value, max_value)


def concatenate(tensors: Any, axis: int = -1) -> Any:
    return np.concatenate(tensors, axis=axis)


def stack(tensors: Any, axis: int = 0) -> Any:
    return np.stack(tensors, axis=axis)


def expand_dims(x: Any, axis: int = -1) -> Any:
    return np.expand_dims(x, axis)


def flatten(x: Any) -> Any:
    return np.reshape(x, (-1,))


def batch_flatten(x: Any) -> Any:
    return np.reshape(x, (x.shape[0], -1))


def reshape(x: Any, newshape: Any) -> Any:
    return np.reshape(x, tuple(newshape))


def transpose(x: Any, axes: Any = None) -> Any:
    return np.transpose(x, axes)


def switch(condition: Any, then: Any, otherwise: Any) -> Any:
    """`then` where the condition holds."""
    then, otherwise = (value() if callable(value) else value for value in (then, otherwise))
    return np.where(condition, then, otherwise)


cond = switch


def sum_of(tensors: Any) -> Any:
    found = tensors[0]
    for x in tensors[1:]:
        found = found + x
    return found


def rsqrt(x: Any) -> Any:
    """1 / sqrt(x)."""
    return 1 / np.sqrt(x)


def convert_to_numpy(x: Any) -> Any:
    """`x` as an array."""
    return np.asarray(x)


def squared_difference(x: Any, y: Any) -> Any:
    return np.square(x - y)


def divide_or_zero(x: Any, y: Any) -> Any:
    """x / y, and 0 where y is 0."""
    here = np.not_equal(y, 0)
    return np.where(here, x / np.where(here, y, 1.0), 0.0)


def relu(x: Any) -> Any:
    return np.maximum(x, 0)


def sigmoid(x: Any) -> Any:
    return 1 / (1 + np.exp(-x))


def softplus(x: Any) -> Any:
    return np.logaddexp(x, 0.0)


def softmax(x: Any, axis: int = -1) -> Any:
    above = np.exp(x - np.max(x, axis=axis, keepdims=True))
    return above / np.sum(above, axis=axis, keepdims=True)


def logsumexp(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    most = np.max(x, axis=axis, keepdims=True)
    rest = np.log(np.sum(np.exp(x - most), axis=axis, keepdims=True)) + most
    return rest if keepdims else np.squeeze(rest, axis=axis) if axis is not None else np.reshape(rest, ())


def log_softmax(x: Any, axis: int = -1) -> Any:
    return x - logsumexp(x, axis, True)


def one_hot(
    indices: Any, num_classes: Any = None, axis: Any = -1, dtype: Any = None, *,
    depth: Any = None, on_value: float | None = None, off_value: float | None = None, name: str | None = None,
) -> Any:  # fmt: skip
    """A row of 0 and a 1 for each number; `depth` is what TensorFlow calls the number of classes."""
    of_class = np.expand_dims(indices, -1) == np.arange(depth or num_classes)
    rows = np.where(of_class, 1.0 if on_value is None else on_value, 0.0 if off_value is None else off_value)
    return rows if axis in (-1, None) else np.moveaxis(rows, -1, axis)


def binary_crossentropy(target: Any, output: Any, from_logits: bool = False) -> Any:
    """-(y log p + (1 - y) log(1 - p)), of each entry."""
    p = np.clip(sigmoid(output) if from_logits else output, epsilon(), 1 - epsilon())
    return -(target * np.log(p) + (1 - target) * np.log(1 - p))


def categorical_crossentropy(target: Any, output: Any, from_logits: bool = False, axis: int = -1) -> Any:
    """-Σ y log p, of each row."""
    p = softmax(output, axis) if from_logits else output / np.sum(output, axis=axis, keepdims=True)
    return -np.sum(target * np.log(np.clip(p, epsilon(), 1 - epsilon())), axis=axis)


def named(name: str) -> Any:
    """The function of that name, of Keras or of TensorFlow; None if it is neither here nor in NumPy."""
    name = OTHER_NAMES.get(name, name)
    return globals().get(name) or getattr(np, name, None) or getattr(math, name, None)


def of_arrays(op: Any, args: tuple[Any, ...], attrs: dict[str, Any], as_it_is: Any) -> Any:
    """What an operation of minirnn.ops makes of arrays: ``as_it_is(*args)``, or what Keras' operation of its name does.

    On matrices and vectors the two are one, but for what Keras has further: axes, sizes in a tuple. What is computed entry
    by entry is the same of arrays of any number of axes.
    """
    ours = attrs.keys() <= op.attributes and (op.variadic or len(args) == len(op.vjp))
    each = is_entrywise(op) or op.name == "log_softmax"
    if ours and all(not isinstance(x, (tuple, list)) and (each or np.ndim(x) < 3) for x in args):
        return as_it_is(*args)
    found = named(op.name)
    if found is None:
        raise TypeError(f"minirnn.ops.{op.name} is not given {', '.join(attrs) or 'these arrays'}: write it with NumPy")
    return found(*args, **attrs)


def __getattr__(name: str) -> Any:
    found = None if name.startswith("_") else named(name)
    if found is None:
        raise AttributeError(f"minirnn.backend has no {name}: write it with NumPy, which has most of it")
    return found
