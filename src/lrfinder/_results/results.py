"""What an experiment leaves behind: plain frozen data.

A :class:`RangeTest` is the curve of one sweep, a :class:`Comparison` the trainings at a few rates, a :class:`Suggestion` a
rate with what is known about it. None of them knows a learner. Methods that a reader expects on a result (``plot``,
``suggestion``, ``to_json``) are one line each and import inside their body.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import combinations
from typing import TYPE_CHECKING, overload

import numpy as np

from lrfinder._optional import require
from lrfinder._results.records import Confidence, Difference, Order, Probe, Record, Settings, Status, Stop, bits
from lrfinder.analysis.endings import comparison_window, final_losses

if TYPE_CHECKING:
    from collections.abc import Mapping
    from os import PathLike

    import pandas as pd
    from matplotlib.axes import Axes
    from numpy.typing import NDArray
    from rich.console import RenderableType

    from lrfinder.analysis.landmarks import Landmarks


class Result:
    """What every result can do; a subclass says what its table is."""

    def to_columns(self) -> Mapping[str, Sequence[object]]:
        """The table of the result: columns by name, all of one length."""
        raise NotImplementedError

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw the result on ``ax``, or on new axes; returns them, shows nothing."""
        from lrfinder.views.matplotlib import plot

        return plot(self, ax)

    def report(self, path: str | PathLike[str]) -> None:
        """Write the result to ``path`` as a page of HTML that needs nothing beside it; see :mod:`lrfinder.views.report`."""
        from lrfinder.views.report import write_report

        write_report({"": self}, path)

    def to_json(self, path: str | PathLike[str]) -> None:
        """Write the result to ``path``; :func:`lrfinder.load` reads it back bit for bit."""
        from lrfinder._results.codec import save

        save(self, path)

    def to_csv(self, path: str | PathLike[str]) -> None:
        """Write the table of the result to ``path``, one line a row."""
        from lrfinder._results.codec import write_csv

        write_csv(self.to_columns(), path)

    def to_frame(self) -> pd.DataFrame:
        """The table of the result as a pandas ``DataFrame``.

        Raises:
            MissingExtraError: pandas is not installed.
        """
        frame: pd.DataFrame = require("pandas", "pandas").DataFrame(dict(self.to_columns()))
        return frame

    def __rich__(self) -> RenderableType:
        """What rich prints of it."""
        from lrfinder.views.terminal import terminal_view

        return terminal_view(self)

    def _repr_html_(self) -> str:
        from lrfinder.views.html import html

        return html(self)


@dataclass(frozen=True, eq=False)
class RangeTest(Result, Sequence[Record]):
    """The curve of one sweep: a sequence of ``(lr, loss)`` pairs, with why it ended and what was asked.

    Losses are raw, one per iteration, each of its own batch before the update; they may be NaN or infinite at the end.
    """

    records: tuple[Record, ...] = field(repr=False)
    stop: Stop
    settings: Settings

    def __len__(self) -> int:
        return len(self.records)

    @overload
    def __getitem__(self, index: int) -> Record: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[Record, ...]: ...
    def __getitem__(self, index: int | slice) -> Record | tuple[Record, ...]:
        return self.records[index]

    def __eq__(self, other: object) -> bool:
        """Same records bit for bit (NaN equals NaN), same stop, same settings."""
        if not isinstance(other, RangeTest):
            return NotImplemented
        same_plan = (self.stop, self.settings) == (other.stop, other.settings)
        return same_plan and self._bits() == other._bits()

    def __hash__(self) -> int:
        return hash((self._bits(), self.stop, self.settings))

    def _bits(self) -> bytes:
        return bits(self.lrs) + bits(self.losses)

    @cached_property
    def lrs(self) -> NDArray[np.float64]:
        """The rates, shape ``(len(self),)``, read-only."""
        return _frozen([record.lr for record in self.records])

    @cached_property
    def losses(self) -> NDArray[np.float64]:
        """The raw losses, shape ``(len(self),)``, read-only."""
        return _frozen([record.loss for record in self.records])

    @property
    def first_loss(self) -> float | None:
        """The loss before any update; ``None`` for a sweep without records."""
        return self.records[0].loss if self.records else None

    @cached_property
    def landmarks(self) -> Landmarks:
        """Where the loss starts to fall, falls fastest, is lowest and diverges."""
        from lrfinder.analysis.landmarks import landmarks

        return landmarks(self.lrs, self.losses)

    @cached_property
    def suggestion(self) -> Suggestion:
        """The rate as far as this one curve can tell; worked out when first asked for."""
        from lrfinder.analysis.suggestion import suggestion_from_curve

        return suggestion_from_curve(self.lrs, self.losses)

    def to_columns(self) -> Mapping[str, Sequence[float]]:
        """The table of the result: columns ``iteration``, ``lr``, ``loss``, all of one length."""
        return {"iteration": range(len(self)), "lr": self.lrs.tolist(), "loss": self.losses.tolist()}


@dataclass(frozen=True)
class Suggestion(Result):
    """A rate, its interval, how far to trust it and why.

    ``lr``, ``low`` and ``high`` are numbers with ``low <= lr <= high`` exactly where ``status`` is ``"ok"``, and ``None``
    otherwise. ``notes`` say what is worth knowing beside the number. ``iterations`` counts every call of ``iteration`` that
    was made for it. From ``finder.suggest`` it also has the ``horizon`` that the rate is for, the ``curve`` of the sweep
    that came first and the ``probes``, by rising rate; from a curve alone it has none of them. ``schedule`` names how the
    rate moves through the training; ``lr`` is its highest.

    ``extra_iterations`` were made beside these, by :func:`lrfinder.suggest`: of probes that were begun early and were not
    asked for in the end, and those made again after an interruption. Two suggestions that differ in nothing else are equal.
    """

    lr: float | None
    low: float | None
    high: float | None
    confidence: Confidence
    status: Status
    notes: tuple[str, ...]
    iterations: int
    horizon: int | None = None
    curve: RangeTest | None = field(default=None, repr=False)
    probes: tuple[Probe, ...] = field(default=(), repr=False)
    schedule: str = "constant"
    extra_iterations: int = field(default=0, compare=False)

    @property
    def landmarks(self) -> Landmarks | None:
        """Those of the sweep; ``None`` where there is none."""
        return None if self.curve is None else self.curve.landmarks

    @property
    def max_lr(self) -> float | None:
        """The upper bound of a cyclical schedule, and the highest rate of one cycle; ``None`` without a rate.

        Where the rate is for a schedule that moves it is ``lr``, which was measured as the highest.
        """
        from lrfinder.analysis.cycle import max_lr

        return self.lr if self.lr is None or self.schedule != "constant" else max_lr(self.lr, self.probes)

    @property
    def base_lr(self) -> float | None:
        """The lower bound of a cyclical schedule: a quarter of the upper one (Smith 2017, section 3.3)."""
        return None if self.max_lr is None else self.max_lr / 4

    def explain(self) -> str:
        """The suggestion in plain words, one paragraph."""
        from lrfinder.views.verdict import verdict

        return verdict(self)

    def to_columns(self) -> Mapping[str, Sequence[float]]:
        """Columns ``iteration``, ``lr``, ``loss``, a row for each iteration of each probe."""
        rows = [(k, probe.lr, loss) for probe in self.probes for k, loss in enumerate(probe.losses)]
        iterations, lrs, losses = zip(*rows, strict=True) if rows else ((), (), ())
        return {"iteration": iterations, "lr": lrs, "loss": losses}


@dataclass(frozen=True, eq=False)
class Comparison(Result):
    """Trainings at a few rates from one start on the same batches.

    ``losses[i, k]`` is the loss of iteration ``k`` at ``lrs[i]``, before its update; NaN from where a training ended early.
    ``stops[i]`` says why training ``i`` ended.
    """

    lrs: NDArray[np.float64]
    losses: NDArray[np.float64] = field(repr=False)
    stops: tuple[Stop, ...]

    def __eq__(self, other: object) -> bool:
        """Same rates, losses (bit for bit, NaN equals NaN) and stops."""
        if not isinstance(other, Comparison):
            return NotImplemented
        return self.stops == other.stops and self._bits() == other._bits()

    def __hash__(self) -> int:
        return hash((self._bits(), self.stops))

    def _bits(self) -> tuple[tuple[int, ...], bytes]:
        return self.losses.shape, bits(self.lrs) + bits(self.losses)

    @property
    def iterations(self) -> int:
        """How many iterations each training was given."""
        return int(self.losses.shape[1])

    def final(self, last: int | None = None) -> NDArray[np.float64]:
        """Mean loss over the ``last`` iterations of each training, shape ``(rates,)``; infinite where it did not get there.

        By default the last tenth of the iterations (at least one), which is what regret is measured on.
        """
        window = comparison_window(self.iterations) if last is None else min(last, self.iterations)
        return final_losses(self.losses, window)

    @property
    def best(self) -> float | None:
        """The rate that ended lowest (mean of the last tenth); ``None`` when no training reached its end."""
        finals = self.final()
        best = int(finals.argmin())
        return float(self.lrs[best]) if np.isfinite(finals[best]) else None

    @cached_property
    def differences(self) -> tuple[Difference, ...]:
        """Every pair of trainings, with its difference, standard error and order; see :mod:`lrfinder.analysis.paired`."""
        from lrfinder.analysis.paired import differences

        return differences(self.lrs, self.losses)

    def against_best(self) -> tuple[Difference | None, ...]:
        """For each training its difference to the one that ended lowest; ``None`` for that one, and where none is best."""
        if self.best is None:
            return (None,) * len(self.lrs)
        best, pairs = int(self.final().argmin()), iter(self.differences)
        found: list[Difference | None] = [None] * len(self.lrs)
        for one, other in combinations(range(len(self.lrs)), 2):
            pair = next(pairs)
            if other == best:
                found[one] = pair
            elif one == best:
                found[other] = pair.turned()
        return tuple(found)

    @property
    def tied(self) -> tuple[float, ...]:
        """The rates whose trainings cannot be told from the one that ended lowest."""
        return tuple(pair.lr for pair in self.against_best() if pair is not None and pair.order is Order.TIE)

    def to_columns(self) -> Mapping[str, Sequence[float]]:
        """The result as a table: columns ``iteration``, ``lr``, ``loss``, a row for each iteration of each training."""
        trainings = len(self.lrs)
        return {
            "iteration": list(range(self.iterations)) * trainings,
            "lr": np.repeat(self.lrs, self.iterations).tolist(),
            "loss": self.losses.ravel().tolist(),
        }


def _frozen(values: Sequence[float]) -> NDArray[np.float64]:
    array = np.array(values, dtype=np.float64)
    array.setflags(write=False)
    return array
