"""evaluate, and steps and measures of single batches."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..callbacks import CallbackList, ProgressBar
from ..system import plain
from .feed import Feed, checked, feed
from .planned import Measured, PlannedNetwork
from .session import Interrupts, Session


def evaluate(
    model: PlannedNetwork,
    x: Any = None,
    y: Any = None,
    batch_size: int | None = None,
    verbose: int | str = "auto",
    sample_weight: Any = None,
    steps: int | None = None,
    callbacks: Any = None,
    return_dict: bool = False,
) -> Measured:
    """The loss on `x` and `y`; with metrics a list of it and them, or with `return_dict` all by name."""
    given = feed(model, x, y, sample_weight, batch_size, model.compiled_loss, steps=steps)
    plan = model.training_plan()
    shown = [ProgressBar()] if verbosity(verbose) else []
    calls = CallbackList([*listed(callbacks), *shown], model, epochs=1, steps=given.steps, verbose=verbose)
    found = evaluated(Session(model, plan, trains=False), given, calls)
    return found if return_dict else plan.in_order(found)


def evaluated(session: Session, given: Feed, calls: CallbackList, interrupts: Interrupts | None = None) -> dict[str, Any]:
    """The loss and the metrics on data, by name."""
    plan = session.plan
    plan.reset()
    given.begin_again()
    calls.call("on_test_begin", {})
    watched = calls.watching("on_test_batch_end") or calls.watching("on_test_batch_begin")
    for number, batch in enumerate(given.epoch()):
        if watched:
            calls.call("on_test_batch_begin", number, {})
        session.test(batch)
        if interrupts is not None:
            interrupts.check()
        if watched:
            calls.call("on_test_batch_end", number, plan.logs())
    logs = plan.logs()
    calls.call("on_test_end", logs)
    return logs


def train_on_batch(
    model: PlannedNetwork,
    x: Any,
    y: Any = None,
    sample_weight: Any = None,
    class_weight: Mapping[int, float] | None = None,
    return_dict: bool = False,
) -> Measured:
    """One step of the optimizer; gives the loss before it and the metrics."""
    return _on_batch(model, x, y, sample_weight, class_weight, True, return_dict)


def test_on_batch(
    model: PlannedNetwork, x: Any, y: Any = None, sample_weight: Any = None, return_dict: bool = False
) -> Measured:
    """The loss and the metrics of one batch."""
    return _on_batch(model, x, y, sample_weight, None, False, return_dict)


def _on_batch(
    model: PlannedNetwork,
    x: Any,
    y: Any,
    sample_weight: Any,
    class_weight: Mapping[int, float] | None,
    train: bool,
    return_dict: bool,
) -> Measured:
    """One batch, trained or tested."""
    batch = checked(model, x, y, sample_weight, model.compiled_loss, class_weight)
    plan = model.training_plan()
    session = Session(model, plan, train)
    plan.reset()
    with Interrupts():
        try:
            (session.train if train else session.test)(batch)
        finally:
            if train:
                session.put_back()
    logs = plan.logs()
    return logs if return_dict else plan.in_order(logs)


def listed(callbacks: Any) -> list[Any]:
    if callbacks is None:
        return []
    return list(callbacks) if isinstance(callbacks, (list, tuple)) else [callbacks]


def verbosity(verbose: Any) -> Any:
    if verbose not in ("auto", 0, 1, 2):
        raise ValueError(f"verbose={plain(repr(verbose))}: it must be 0, 1, 2 or 'auto'")
    return verbose
