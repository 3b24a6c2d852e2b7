"""The plain case of training, whole epochs in one call of C: SGD, Adam or RMSprop, minibatches, shuffling.

Plain is what has no callbacks, metrics, constraints, clipping, decay, weights of samples or tables of an Embedding.
"""

from __future__ import annotations

import time
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np

from ..network import Network
from ..optimizers import SGD, Adam, RMSprop
from ..optimizers.optimizer import Optimizer, State
from ..readings.source.c.compiled import CompiledC
from ..readings.source.c.native import Native, Rule, train
from .feed import Arrays, Feed
from .runners import InSource, tables_of
from .session import Session

AT_ONCE = 0.2  # seconds that may pass before an interrupt is heard
_plain: WeakKeyDictionary[Network, dict[object, Native | None]] = WeakKeyDictionary()


class WholeEpochs:
    """Computes epochs ahead; `next` gives the loss of one after the other."""

    def __init__(self, session: Session, given: Arrays, native: Native, rule: Rule) -> None:
        self.session, self.given, self._native, self._rule = session, given, native, rule
        self._losses: list[float] = []
        self._seconds = 0.0  # of one epoch
        self._arrays = [np.ascontiguousarray(a, native.dtype) for a in [*given.data.inputs, *given.data.targets]]

    def next(self, left: int) -> float | None:
        """The loss of the next epoch, of so many that are left; None where it is to be computed otherwise, step by step."""
        if not self._losses:
            many = 1 if not self._seconds and left > 1 and self._is_large() else left
            if self._seconds:
                many = max(1, min(left, int(AT_ONCE / self._seconds)))
            begun = time.perf_counter()
            self._losses = self._epochs(many)[::-1]
            self._seconds = (time.perf_counter() - begun) / many
        return self._losses.pop() if self._losses else None

    def _is_large(self) -> bool:
        return sum(a.size for a in self._arrays) > 2**14

    def _epochs(self, many: int) -> list[float]:
        """The losses of so many epochs; none, and nothing has changed, if one of them is no finite number."""
        session, given = self.session, self.given
        weights, optimizer = session.weights, session.plan.optimizer
        vector, state = weights.vector.copy(), optimizer.state
        slots = np.zeros((2, vector.size), vector.dtype)
        for row, slot in zip(slots, state.slots):
            row[: weights.free] = slot
        before: Any = None if given.rng is None else given.rng.bit_generator.state
        order = given.orders(many)
        steps = many * given.all_steps
        places = {name: weights.parts[name][0].start for name in self._native.parameters}
        rates = _rates(optimizer, state.iterations, steps)
        found = train(
            self._native, places, vector, weights.free, slots, self._arrays, given.batch_size, order, many, self._rule, rates
        )
        if not found.complete:
            if given.rng is not None:
                given.rng.bit_generator.state = before
            return []
        kept = [*(row[: weights.free].copy() for row in slots), *state.slots[2:]]
        kept += [np.zeros(weights.free, vector.dtype)] * (len(optimizer.slots) - len(kept))
        session.go_on(vector, State(state.iterations + steps, tuple(kept[: len(optimizer.slots)])))
        return found.losses


def whole_epochs(session: Session, given: Feed) -> WholeEpochs | None:
    """What computes the epochs in C; None where the case is not plain."""
    plan, model = session.plan, session.model
    rule = _rule(plan.optimizer)
    if rule is None or not isinstance(given, Arrays) or given.asked is not None:
        return None
    if (
        plan.looks_at_outputs
        or session.weights.constraints
        or given.data.weights is not None
        or session.goes_on_without_numbers
    ):
        return None
    known = _plain.setdefault(model, {})
    arrays = [*given.data.inputs, *given.data.targets]
    key: tuple[object, ...] = tuple(map(id, model.flat_layers))
    key += tuple(w.shape for w in model.weight_arrays) + tuple(a.shape[1:] for a in arrays)
    key += (plan.loss, session.weights.vector.dtype, plan.semantics)
    if key not in known:
        known[key] = _native(session, given)
    native = known[key]
    return None if native is None else WholeEpochs(session, given, native, rule)


def _native(session: Session, given: Arrays) -> Native | None:
    """The C of the network, if batches are computed by it."""
    runner = session.runner(given.data)
    if tables_of(session.weights.places) or not isinstance(runner, InSource) or not isinstance(runner.compiled, CompiledC):
        return None
    return runner.compiled.native(session.weights.vector.dtype.name)


def _rule(optimizer: Optimizer) -> Rule | None:
    """The optimizer in the words of train.h; None if it does more."""
    more = (optimizer.weight_decay, optimizer.clipnorm, optimizer.clipvalue, optimizer.global_clipnorm)
    if any(more) or not isinstance(optimizer.learning_rate, float):
        return None
    if type(optimizer) is SGD:
        return Rule("SGD", (float(np.float32(optimizer.momentum)),), optimizer.nesterov)
    if type(optimizer) is Adam and not optimizer.amsgrad:
        return Rule("Adam", (optimizer.beta_1, optimizer.beta_2, optimizer.epsilon))
    if type(optimizer) is RMSprop and not optimizer.centered and not optimizer.momentum:
        return Rule("RMSprop", (optimizer.rho, optimizer.epsilon))
    return None


def _rates(optimizer: Optimizer, done: int, steps: int) -> np.ndarray:
    """The learning rate of each step; Adam's is corrected for means that begin at 0."""
    rates = np.full(steps, optimizer.rate)
    if isinstance(optimizer, Adam):
        t = np.arange(done + 1, done + steps + 1)
        first, second = float(np.float32(optimizer.beta_1)), float(np.float32(optimizer.beta_2))
        rates *= np.sqrt(1 - second**t) / (1 - first**t)
    return rates
