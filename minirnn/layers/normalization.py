"""LayerNormalization and BatchNormalization: entries less their mean, over their standard deviation, scaled and shifted."""

from __future__ import annotations

from typing import Any

from ..engine.graph import Node, at
from ..engine.ops import divided, meancols, spread, spreadcols, sqrt, square, sumrows, total
from ..engine.sizes import product
from .arguments import boolean
from .calls import Call, Masks, Scope
from .layer import Layer
from .nodes import at_each, each_step, steps
from .operations.functions import number
from .symbolic import Shape


class Normalization(Layer, listed=False):
    """γ ⊙ (x - μ) / sqrt(v + epsilon) + β, with `scale` for γ and `center` for β."""

    family = "outputs"

    def __init__(
        self, axis: int = -1, epsilon: float = 1e-3, center: bool = True, scale: bool = True, **others: Any
    ) -> None:
        super().__init__(**others)
        axis = axis[0] if isinstance(axis, (list, tuple)) and len(axis) == 1 else axis
        if axis not in (-1, 1, 2):
            raise NotImplementedError(f"{self.kind}(axis={axis!r}): minirnn has it for the features, axis=-1")
        self.axis, self.epsilon = axis, number(self.kind, "epsilon", epsilon)
        self.center, self.scale = boolean(self.kind, "center", center), boolean(self.kind, "scale", scale)
        self.own_weights = tuple(n for n, used in (("gamma", self.scale), ("beta", self.center)) if used) + self.fixed

    def build(self, input_shape: Shape) -> None:
        if self.axis not in (-1, len(input_shape) - 1):
            raise NotImplementedError(f"{self.label}: minirnn has it for the features, axis=-1, not axis={self.axis}")
        if input_shape[-1] is None:
            raise ValueError(f"{self.label}: the number of its input features is not known; give Input a complete shape")
        super().build(input_shape)

    def own_shapes(self, input_shape: Shape) -> list[tuple[int, ...]]:
        return [(input_shape[-1] or 0,) for _ in self.own_weights]

    def symbols(self, scope: Scope) -> dict[str, tuple[str, tuple[str, ...]]]:
        names = {"gamma": "gamma", "beta": "beta", "moving_mean": "mu", "moving_variance": "v"}
        return {key: (f"{names[key]}_n{scope.tag}", (scope.features,)) for key in self.own_weights}

    def scaled(self, x: Node, mean: Node, variance: Node, call: Call) -> Node:
        """The formula, of a table x and rows or columns that are spread to its shape."""
        out = (x - mean) / sqrt(variance + self.epsilon)
        out = out * spread(call.parameters["gamma"], out) if self.scale else out
        return call.output(out + call.parameters["beta"] if self.center else out)


class LayerNormalization(Normalization):
    """Over the features of each row: μ and v are the mean and the variance of the row (Ba, Kiros and Hinton, 2016)."""

    refused = {"rms_scaling": False}

    def __init__(
        self,
        axis: int = -1,
        epsilon: float = 1e-3,
        center: bool = True,
        scale: bool = True,
        rms_scaling: bool = False,
        **others: Any,
    ) -> None:
        self.take_weights(others, {"gamma": "ones", "beta": "zeros"})
        self.rms_scaling = rms_scaling
        super().__init__(axis, epsilon, center, scale, rms_scaling=rms_scaling, **others)

    def call(self, x: Node, call: Call) -> Node:
        def normalized(x_t: Node) -> Node:
            mean = spreadcols(meancols(x_t), x_t)
            variance = spreadcols(meancols(square(x_t - mean)), x_t)
            return self.scaled(x_t, mean, variance, call)

        return each_step(x, normalized)


class BatchNormalization(Normalization):
    """Over the samples, and the steps, of each feature (Ioffe and Szegedy, 2015).

    In training μ and v are those of the batch, and the moving ones follow: moving = momentum moving + (1 - momentum) batch.
    Otherwise the moving ones stand in for them. Steps that a mask leaves out do not count.
    """

    refused = {"synchronized": False, "renorm": False, "renorm_clipping": None, "renorm_momentum": 0.99}
    newer = {"synchronized": False, "renorm": False, "renorm_clipping": None, "renorm_momentum": 0.99}
    fixed = ("moving_mean", "moving_variance")

    def __init__(
        self,
        axis: int = -1,
        momentum: float = 0.99,
        epsilon: float = 1e-3,
        center: bool = True,
        scale: bool = True,
        **others: Any,
    ) -> None:
        zeros_and_ones = {"gamma": "ones", "beta": "zeros", "moving_mean": "zeros", "moving_variance": "ones"}
        self.take_weights(others, zeros_and_ones)
        super().__init__(axis, epsilon, center, scale, **others)
        self.momentum = number(self.kind, "momentum", momentum)

    def call(self, x: Node, call: Call) -> Node:
        moving = [call.parameters[name] for name in self.fixed]
        if call.training and self.trainable:
            moving = call.batch_statistics = self.of_batch(x, call.mask)
        mean, variance = moving
        return each_step(x, lambda x_t: self.scaled(x_t, spread(mean, x_t), spread(variance, x_t), call))

    def of_batch(self, x: Node, mask: Masks | None) -> list[Node]:
        """Mean and variance of each feature over all rows of all steps, of those that the mask leaves."""
        each = steps(x) if x.ndim == 3 else [x]
        weights, number = at_each(lambda x_t, m: spreadcols(m, x_t), each, mask or []), product(x.dims[:-1])

        def over_all(rows: list[Node]) -> Node:
            sums = at_each(sumrows, rows)
            with at(None):
                return total(*sums) if len(rows) > 1 else sums[0]

        def mean(rows: list[Node]) -> Node:
            if mask is None:
                return divided(over_all(rows), p=number)
            return over_all(at_each(lambda row, weight: row * weight, rows, weights)) / over_all(weights)

        mu = mean(each)
        return [mu, mean(at_each(lambda x_t: square(x_t - spread(mu, x_t)), each))]

    def keep(self, call: Call) -> None:
        if call.training and self.trainable and self.own_arrays is not None:
            for place, node in zip((-2, -1), call.batch_statistics):
                old = self.own_arrays[place]
                self.own_arrays[place] = (self.momentum * old + (1 - self.momentum) * node.value).astype(old.dtype)
