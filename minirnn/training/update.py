"""The step of an optimizer as equations: its formula, an ordinary function of NumPy, followed like any loop."""

from __future__ import annotations

import types
from dataclasses import dataclass
from typing import Any

import numpy as np

from .. import optimizers
from ..loops.trace import run_function
from ..optimizers import Optimizer
from ..readings.equations.equation import Equations
from ..readings.equations.equations import equations
from ..runs.run import Run
from .weights import trainable


@dataclass(frozen=True, repr=False)
class Update:
    """One step of an optimizer from where a trace stands: ``print(trace.update("adam"))``.

    `equations` are those of every weight w with its gradient g = dL/dw; `weights` are the new arrays by name.
    """

    optimizer: Optimizer
    equations: Equations
    weights: dict[str, np.ndarray]

    def __str__(self) -> str:
        names = ", ".join(self.weights)
        first = f"{type(self.optimizer).__name__}, step {self.optimizer.iterations + 1}: g = dL/dw, for w each of {names}"
        return f"{first}\n{self.equations}"

    def __repr__(self) -> str:
        return str(self)

    def _repr_latex_(self) -> str:
        return self.equations._repr_latex_()


def update(trace: Run, optimizer: Any = None) -> Update:
    """The step that an optimizer takes from the weights and gradients of `trace`; its state is as it is now.

    - `optimizer`: a name or an object; None is that of the model's `compile`
    """
    plan = getattr(trace.model, "_plan", None)
    if optimizer is None:
        if plan is None:
            raise ValueError("say which optimizer: trace.update('adam'), or compile the model first")
        optimizer = plan.optimizer
    chosen = optimizers.get(optimizer)
    names = [*trace.parameters] if trace.is_loop else trainable(trace.model.parameter_places())
    if not names or not trace.gradients:
        raise ValueError("there is no weight with a gradient, which an optimizer could change")
    weights = [trace.value(name) for name in names]
    ends = np.cumsum([0, *(w.size for w in weights)]).tolist()
    parts = [slice(*ends[k : k + 2]) for k in range(len(names))]
    vector, gradient = (np.concatenate(all_of, axis=None) for all_of in (weights, [trace.gradients[n] for n in names]))
    new, _ = chosen.step(vector, gradient, parts)
    return Update(chosen, _equations(chosen), {n: new[p].reshape(w.shape) for n, p, w in zip(names, parts, weights)})


def _equations(optimizer: Optimizer) -> Equations:
    """The formula, followed on a few numbers."""
    rng = np.random.default_rng(0)
    given: dict[str, Any] = {name: rng.normal(size=(2, 3)) for name in ("w", "g")}
    shapes = {name: np.shape(optimizer.first(name, given["w"])) for name in optimizer.slots}
    given |= {name: np.asarray(rng.uniform(0.5, 0.9, size=shape)) for name, shape in shapes.items()}
    for name, value in optimizer.settings.items():  # the formula asks whether there is a momentum: it is a plain number
        given[name] = np.array(value) if isinstance(value, float) and name != "momentum" else value
    wanted = types.FunctionType(
        optimizer.formula.__code__, optimizer.formula.__globals__, "step", optimizer.formula.__defaults__
    )
    wanted.__kwdefaults__ = optimizer.formula.__kwdefaults__
    wanted.__module__ = "formula"  # a function of the user's own is followed with its names
    return equations(run_function(wanted, given, None, None))
