"""Dot, Attention and AdditiveAttention: a sequence weighed by how well its steps fit a query."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ... import backend, initializers
from ...engine.graph import Node
from ...engine.ops import stack
from ..calls import Call, Masks
from ..symbolic import Shape
from ..written import OfArrays, followed


class Dot(OfArrays):
    """Products of two inputs, summed along an axis of each: ``Dot(axes=2)([a, b])`` compares every step with every other.

    - `axes`: the axis of both, or one for each, counted from the samples
    - `normalize`: divide both by their lengths along these axes first, for the cosine of the angle between them
    """

    def __init__(self, axes: Any, normalize: bool = False, **others: Any) -> None:
        super().__init__(**others)
        self.axes, self.normalize = axes, normalize

    def function(self, training: bool) -> Callable[..., Any]:
        def of(a: Any, b: Any) -> Any:
            places = [self.axes] * 2 if isinstance(self.axes, int) else self.axes
            i, j = places[0] % a.ndim, places[1] % b.ndim
            if self.normalize:
                a, b = (x / np.sqrt(np.maximum(np.sum(x * x, axis=k, keepdims=True), 1e-12)) for x, k in ((a, i), (b, j)))
            left = np.swapaxes(a, i, 2) if a.ndim == 3 else np.expand_dims(a, 1)
            right = np.swapaxes(b, j, 1) if b.ndim == 3 else np.expand_dims(b, 2)
            found = left @ right
            return found[:, 0] if a.ndim == 2 else found[:, :, 0] if b.ndim == 2 else found

        return of

    def build(self, input_shape: Any) -> None:
        if len(input_shape) != 2:
            raise ValueError(f"{self.label} takes two inputs, not {len(input_shape)}")
        super().build(input_shape)


class _Weighing(OfArrays, listed=False):
    """``[query, value]`` or ``[query, value, key]``: for each step of the query the mean of the values, weighed by softmax
    of how the key of each fits it (`_scores`). Steps of the values that a mask leaves out weigh nothing."""

    supports_masking = True
    use_scale: bool
    scale_initializer = "ones"

    def _scores(self, query: Any, key: Any, scale: Any) -> Any:
        """How well each step of the key fits each step of the query (N, steps, steps)."""
        raise NotImplementedError

    def scale_shape(self, input_shape: Any) -> tuple[int, ...]:
        """The shape of the weight `scale`."""
        raise NotImplementedError

    def _take(self, use_scale: bool, dropout: float) -> None:
        if dropout:
            raise NotImplementedError(f"{self.kind}(dropout={dropout!r}) is not supported by minirnn yet")
        self.use_scale, self.dropout = bool(use_scale), float(dropout)
        self.own_weights = ("scale",) if use_scale else ()
        self.initializers = {"scale": initializers.get(self.scale_initializer)} if use_scale else {}

    def weight_arguments(self) -> dict[str, Any]:
        return {}

    def own_shapes(self, input_shape: Any) -> list[tuple[int, ...]]:
        return [self.scale_shape(input_shape)] if self.use_scale else []

    def build(self, input_shape: Any) -> None:
        if not isinstance(input_shape, list) or len(input_shape) not in (2, 3) or any(len(s) != 3 for s in input_shape):
            raise ValueError(f"{self.label} takes a list of two or three sequences: {self.kind}()([query, value])")
        super().build(input_shape)

    def _of(self, masked: tuple[bool, bool], *arrays: Any) -> Any:
        """The output, of the inputs, the masks (N, steps, 1) of query and value where there are any, and the weights."""
        rest = list(arrays)
        scale = rest.pop() if self.use_scale else None
        of_value = rest.pop() if masked[1] else None
        of_query = rest.pop() if masked[0] else None
        scores = self._scores(rest[0], rest[-1], scale)
        if of_value is not None:
            scores = scores - 1e9 * np.swapaxes(1 - of_value, 1, 2)
        found = backend.softmax(scores, -1) @ rest[1]
        return found if of_query is None else np.where(of_query > 0, found, 0)

    def function(self, training: bool) -> Callable[..., Any]:
        return lambda *arrays: self._of((False, False), *arrays)

    def output_shapes(self, input_shape: Any) -> list[Shape]:
        return [(*input_shape[0][:2], input_shape[1][-1])]

    def call(self, x: Any, call: Call) -> list[Node]:
        weights = [call.parameters[key] for key in self.weight_names]
        known = call.coming[:2] if len(call.coming) > 1 else [None, None]
        masks = [stack(*mask, axis=1, size=len(mask)) for mask in known if mask is not None]
        masked = known[0] is not None, known[1] is not None
        return followed(self, lambda *arrays: self._of(masked, *arrays), [*x, *masks, *weights], call, masked)

    def masks(self, x: Node, call: Call) -> list[Masks | None]:
        return [call.coming[0]]


class Attention(_Weighing):
    """Scores are the products of query and key (Luong et al., 2015); with `use_scale` times a weight."""

    def __init__(
        self, use_scale: bool = False, score_mode: str = "dot", dropout: float = 0.0, seed: Any = None, **others: Any
    ) -> None:
        super().__init__(**others)
        if score_mode != "dot":
            raise NotImplementedError(f"Attention(score_mode={score_mode!r}): minirnn has 'dot', and AdditiveAttention")
        self.score_mode, self.seed = score_mode, seed
        self._take(use_scale, dropout)

    def scale_shape(self, input_shape: Any) -> tuple[int, ...]:
        return ()

    def _scores(self, query: Any, key: Any, scale: Any) -> Any:
        found = query @ np.swapaxes(key, 1, 2)
        return found if scale is None else found * scale


class AdditiveAttention(_Weighing):
    """Scores are the sum of tanh(query + key), each feature times a weight if `use_scale` (Bahdanau et al., 2015)."""

    scale_initializer = "glorot_uniform"

    def __init__(self, use_scale: bool = True, dropout: float = 0.0, seed: Any = None, **others: Any) -> None:
        super().__init__(**others)
        self.seed = seed
        self._take(use_scale, dropout)

    def scale_shape(self, input_shape: Any) -> tuple[int, ...]:
        first = input_shape[0]
        return ((first if isinstance(first, (tuple, list)) else input_shape)[-1],)

    def _scores(self, query: Any, key: Any, scale: Any) -> Any:
        fit = np.tanh(query[:, :, None] + key[:, None])
        return np.sum(fit if scale is None else fit * scale, axis=-1)


def dot(inputs: Any, axes: Any = -1, normalize: bool = False) -> Any:
    """``Dot(axes, normalize)(inputs)``."""
    return Dot(axes, normalize)(inputs)
