"""Figures of matplotlib: how the gradient flows over time, what each step adds to it, and the Jacobians between states."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Literal

import numpy as np

from ...engine.names import latex
from ...system import choices
from .jacobians import jacobian_norms
from .ledger import ledger

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from ...runs.run import Run

Room = Callable[[int], "list[Axes]"]  # so many axes, or the one that was given
INKS = ("#1f4e79", "#c1582b", "#3d7a4d", "#7a4d8f")
PALE, RULE = "#b9c6d3", "#8a8f98"


def plot(
    trace: Run,
    what: Literal["flow", "ledger", "jacobians"],
    ax: Axes | None = None,
    *,
    of: str | None = None,
    by: Literal["step", "path"] | None = None,
    name: str | None = None,
) -> Figure:
    """Draw `what` on axes that are given, or on a figure of its own, and return the figure.

    - `what`: "flow", ‖dL/dh_t‖ over time, one line per recurrent layer; "ledger", what each step adds to dL/dW; "jacobians",
      ‖dh_t/dh_k‖ for all k ≤ t, and the bound beside it
    - `ax`: the axes to draw on, of matplotlib
    - `of`: of "ledger", the parameter W, "W_h" if nothing is said
    - `by`: of "ledger", "step", or "path", by the step of the loss too
    - `name`: of "jacobians", the state, such as "h^2", where there are several
    """
    if what not in DRAWINGS:
        raise ValueError(f"there is no figure {what!r}{choices(what, DRAWINGS)}")
    drawing, known = DRAWINGS[what]
    given = {option: value for option, value in (("of", of), ("by", by), ("name", name)) if value is not None}
    if others := [option for option in given if option not in known]:
        raise ValueError(f"the figure {what!r} has no option {others[0]!r}{choices(others[0], known) if known else ''}")
    room, figure = canvas(ax)
    drawing(trace, room, **given)
    return figure


def canvas(ax: Axes | None) -> tuple[Room, Figure]:
    """What gives a drawing its axes, and the figure: that of `ax`, or a new one."""
    try:
        from .inline import InlineFigure
    except ImportError as error:
        raise ImportError("figures need matplotlib: pip install matplotlib") from error
    if ax is not None:
        whole = ax.get_figure(root=True)
        assert whole is not None  # its axes are given
        return lambda count: [ax], whole
    figure = InlineFigure(figsize=(7.2, 3.6), layout="constrained")
    return lambda count: list(figure.subplots(1, count, squeeze=False)[0]), figure


def _flow(trace: Run, room: Room) -> None:
    names = trace.state_names
    if not names:
        raise ValueError("there are no states h_t")
    steps = {name: [t for t in range(1, trace.steps + 1) if (name, t) in trace.variables] for name in names}
    norms = {name: [float(np.linalg.norm(trace.adjoint(name, t))) for t in steps[name]] for name in names}
    (ax,) = room(1)
    if any(map(any, norms.values())):
        ax.set_yscale("log", nonpositive="mask")
    for ink, name in zip(INKS * len(norms), norms):
        ax.plot(steps[name], norms[name], "o-", color=ink, markersize=4, label=f"${latex(trace.names[name])}$")
    if len(norms) > 1:
        ax.legend(frameon=False)
    label(ax, r"time step $t$", r"$\|\partial L/\partial h_t\|$", "How much of the loss each step feels")


def _ledger(trace: Run, room: Room, of: str = "W_h", by: Literal["step", "path"] = "step") -> None:
    entries = ledger(trace, of, by)
    (ax,) = room(1)
    symbol = latex(trace.names[of])
    if by == "path":
        norms = np.linalg.norm(entries.reshape(trace.steps, trace.steps, -1), axis=2)
        _heat([ax], [norms], 1, rf"part of $\partial L/\partial {symbol}$")
        return label(ax, r"used at step $t$", "loss of step $s$", f"The paths behind the gradient of ${symbol}$")
    gradient = trace.gradients[of]
    size = float(np.linalg.norm(gradient)) or 1.0
    flat = entries.reshape(len(entries), -1)
    times = np.arange(1, len(entries) + 1)
    ax.bar(times, np.linalg.norm(flat, axis=1) / size, width=0.8, color="none", edgecolor=PALE, label="norm")
    ax.bar(times, flat @ gradient.ravel() / size**2, width=0.8, color=INKS[0], label="part along the gradient: sums to 1")
    ax.axhline(0, color=RULE, linewidth=0.8)
    ax.legend(frameon=False, fontsize="small")
    whole = rf"$\partial L/\partial {symbol}$"
    label(ax, r"time step $t$", f"share of {whole}", f"What each step adds to {whole}")


def _jacobians(trace: Run, room: Room, name: str | None = None) -> None:
    norms, bound = jacobian_norms(trace, name)
    titles = [r"$\|\partial h_t/\partial h_k\|$", r"the bound $(\gamma\,\sigma_{\max}(W_h))^{t-k}$"]
    matrices = [norms] if bound is None else [norms, bound]
    axes = room(len(matrices))
    for ax, title in zip(axes, titles):
        label(ax, r"from $k$", r"to $t$", title)
    first = min(t for known, t in trace.variables if known == (name or trace.state_names[0]) and t is not None)
    _heat(axes, matrices[: len(axes)], first, "spectral norm")


def _heat(axes: list[Axes], matrices: list[np.ndarray], first: int, says: str) -> None:
    """Matrices of norms in one scale of colours, logarithmic and of at most ten decades; what is 0 stays white."""
    from matplotlib.colors import LogNorm
    from matplotlib.ticker import MaxNLocator

    positive = np.concatenate([m[m > 0] for m in matrices]) if any((m > 0).any() for m in matrices) else np.ones(1)
    high = float(positive.max())
    scale = LogNorm(min(max(float(positive.min()), high * 1e-10), high / 10), high, clip=True)
    for ax, norms in zip(axes, matrices):
        ends = (first - 0.5, first + len(norms) - 0.5)
        shown = np.ma.masked_less_equal(norms, 0)
        picture = ax.imshow(shown, norm=scale, cmap="cividis", origin="lower", extent=(*ends, *ends))
        ax.yaxis.set_major_locator(MaxNLocator(integer=True))
    axes[0].figure.colorbar(picture, ax=axes, label=says)


def label(ax: Axes, x: str, y: str, title: str) -> None:
    """Names for the axes of steps, a title at the left, no frame."""
    from matplotlib.ticker import MaxNLocator

    ax.set(xlabel=x, ylabel=y)
    ax.set_title(title, fontsize="medium", loc="left")
    ax.spines[["top", "right"]].set_visible(False)
    ax.xaxis.set_major_locator(MaxNLocator(integer=True))


DRAWINGS: dict[str, tuple[Callable[..., None], tuple[str, ...]]] = {  # each with its options
    "flow": (_flow, ()),
    "ledger": (_ledger, ("of", "by")),
    "jacobians": (_jacobians, ("name",)),
}
