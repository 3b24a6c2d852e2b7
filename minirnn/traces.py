"""The face of a run: all readings as methods of `Trace`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Literal

from .checks import all_unraised, lend
from .displays import Shown, clocked
from .files import StrPath, demand_writable
from .runs.run import Run
from .system import plain

if TYPE_CHECKING:
    from .displays.parts import Part
    from .readings.analysis import export, figures, jacobians, masks, walk
    from .readings.analysis import ledger as _ledger
    from .readings.equations import equations as _equations
    from .readings.page.page import Page
    from .readings.picture import animation
    from .readings.picture import picture as _picture
    from .readings.source import source as _source
    from .readings.source.compiled import Compiled
    from .training import update as _update
    from .verify import questions, verdict
    from .verify.compare import compare as _compare
    from .verify.report import Report
    from .verify.witnesses.fifty_digits import Exact


@all_unraised
class Trace(Run, Shown):
    """A network run on data: the graph of the forward pass and, where there is a loss, of backpropagation through time.

    Steps count from 1; h_0 is step 0. Arrays keep the dtype the network computes in.
    """

    if TYPE_CHECKING:
        equations = _equations.equations
        picture = _picture.picture
        animate = animation.animate
        source = _source.source
        walk = walk.walk
        masks = masks.masks
        ledger = _ledger.ledger
        jacobian = jacobians.jacobian
        jacobian_norms = jacobians.jacobian_norms
        plot = figures.plot
        exercises = questions.exercises
        verify = verdict.verify
        compare = _compare.compare
        update = _update.update
        to_dict = export.to_dict
        to_pandas = export.to_pandas
        to_csv = export.to_csv
        to_json = export.to_json
        to_npz = export.to_npz

    @clocked
    def compile(self, engine: Literal["numpy", "c"] = "numpy") -> Compiled:
        """The source as a function ``f(params, X, Y)`` that gives the loss and the gradients, for data of any size.

        - `engine`: "numpy", or "c", which the system's C compiler compiles once for a network; NotImplementedError where
          there is none

        Of a loop of your own it is for data of the sizes it was traced with, ``f(params, [x, y])`` if there are several;
        dropout masks in training are data too.
        """
        from .readings.source.source import compiled

        return compiled(self, engine, self._data_shapes)

    @clocked
    def page(
        self,
        path: StrPath | None = None,
        report: Report | None = None,
        with_keras: bool = True,
        language: Literal["en", "it", "pt"] = "en",
    ) -> Page:
        """One self-contained HTML page that steps through all of it.

        - `path`: also write it there
        - `report`: the verdict on the page; without one ``verify(with_keras=with_keras)`` is asked
        - `with_keras`: ask Keras too, if it is installed
        - `language`: "en", "it" or "pt"; a reader's browser may ask for another
        """
        from .readings.page.page import page

        if path is not None:
            demand_writable(path)  # before the work
        report = report or self.verify(with_keras=with_keras)
        return page(self, path, report=report, language=language, exercises=self.exercises())

    @clocked
    def exact(self, digits: int = 50) -> Exact:
        """Every number of the trace computed anew: ``exact().value("y")``, ``exact().errors(mine, "y")`` in eps.

        - `digits`: to how many
        """
        from .verify.witnesses.fifty_digits import Exact

        return Exact(self, digits)

    def _display(self) -> Iterator[Part]:
        from .readings.analysis.overview import overview

        return overview(self)

    def __repr__(self) -> str:
        loss = "no loss" if self.loss is None else f"{plain(self.loss_name or 'loss')} = {self.loss:.6g}"
        return f"<Trace of {self.model.label!r}: {self.steps} steps, {len(self.nodes)} nodes, {loss}, {self.dtype}>"


READINGS = {
    "readings.equations.equations": ["equations"],
    "readings.picture.picture": ["picture"],
    "readings.picture.animation": ["animate"],
    "readings.source.source": ["source"],
    "readings.analysis.walk": ["walk"],
    "readings.analysis.masks": ["masks"],
    "readings.analysis.ledger": ["ledger"],
    "readings.analysis.jacobians": ["jacobian", "jacobian_norms"],
    "readings.analysis.figures": ["plot"],
    "readings.analysis.export": ["to_dict", "to_pandas", "to_csv", "to_json", "to_npz"],
    "verify.questions": ["exercises"],
    "verify.verdict": ["verify"],
    "verify.compare.compare": ["compare"],
    "training.update": ["update"],
}
lend(Trace, READINGS, clocked)
