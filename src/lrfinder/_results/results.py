"""The results of experiments: plain frozen data, none of which knows a learner.

Methods that users expect on a result (``plot``, ``suggestion``, ``to_json``) are short and import inside their body.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import combinations
from typing import TYPE_CHECKING, Literal, overload

import numpy as np

from lrfinder._arguments import whole
from lrfinder._arguments.other_names import names_explained
from lrfinder._optional import require
from lrfinder._results.records import BitwiseEqual, Difference, Order, Probe, Record, Settings, Status, Stop, bits
from lrfinder.analysis.endings import batch_not_finite, comparison_window, final_losses
from lrfinder.errors import CurveError, RatesError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from os import PathLike

    import pandas as pd
    from matplotlib.axes import Axes
    from numpy.typing import NDArray
    from rich.console import RenderableType

    from lrfinder.analysis.landmarks import Landmarks
    from lrfinder.analysis.rules import Rule

Confidence = Literal["high", "medium", "low"]


class Result:
    """The base class of results."""

    def to_columns(self) -> Mapping[str, Sequence[object]]:
        """Return the table of the result: columns by name, all of one length."""
        raise NotImplementedError

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw the result on ``ax``, or on new axes, and return these; nothing is shown."""
        from lrfinder.views.matplotlib import plot

        return plot(self, ax)

    def explain(self) -> str:
        """Return the result in plain words, one paragraph."""
        from lrfinder.views.describe import verdict

        return verdict(self)

    def report(self, path: str | PathLike[str]) -> None:
        """Write the result to ``path`` as one self-contained page of HTML; see :mod:`lrfinder.views.report`."""
        from lrfinder.views.report import write_report

        write_report({"": self}, path)

    def to_json(self, path: str | PathLike[str]) -> None:
        """Write the result to ``path``; :func:`lrfinder.load` reads it back bit for bit."""
        from lrfinder._results.codec import save

        save(self, path)

    def to_csv(self, path: str | PathLike[str]) -> None:
        """Write the table of the result to ``path``, a line for each row."""
        from lrfinder._results.codec import write_csv

        write_csv(self.to_columns(), path)

    def to_frame(self) -> pd.DataFrame:
        """Return the table of the result as a pandas ``DataFrame``.

        Raises:
            MissingExtraError: pandas is not installed.
        """
        frame: pd.DataFrame = require("pandas", "pandas").DataFrame(dict(self.to_columns()))
        return frame

    def __str__(self) -> str:
        return self.explain()

    def __rich__(self) -> RenderableType:
        from lrfinder.views.terminal import terminal_view

        return terminal_view(self)

    def _repr_html_(self) -> str:
        from lrfinder.views.html import html

        return html(self)


@dataclass(frozen=True, eq=False)
class RangeTest(BitwiseEqual, Result, Sequence[Record]):
    """The curve of one sweep: a sequence of ``(lr, loss)`` pairs, with its settings and why it ended.

    For example::

        result = finder.find()
        lrs, losses = result.lrs, result.losses
        result.plot().figure.savefig("curve.png")
        result[10:-5].suggestion.lr

    Losses are raw: one per iteration, each of its own batch before the update. The last one may be NaN or infinite; it is
    NaN where the training raised in place of giving a loss.

    A slice is a range test as well: ``result[10:-5]`` is the curve without its first 10 and last 5 iterations. It has its
    own landmarks, suggestion and plot, and the settings of the whole sweep. In other finders this is ``skip_start=10,
    skip_end=5``. An integer gives one pair.

    Attributes:
        records: rate and loss of each iteration.
        stop: why the sweep ended.
        settings: its settings.
        notes: remarks: what the training raised, which batch is NaN before any update, which scheduler was left out.
        has_effect: ``False`` where the losses are the same, bit for bit, at the highest rate from the start: the rate does
            not reach the training. The curve then has no landmarks, and its suggestion no rate.
    """

    records: tuple[Record, ...] = field(repr=False)
    stop: Stop
    settings: Settings
    notes: tuple[str, ...] = ()
    has_effect: bool = True

    def __repr__(self) -> str:
        ends = f", {self.lrs[0]:.3g} to {self.lrs[-1]:.3g}" if self.records else ""
        return f"<RangeTest: {len(self)} iterations{ends}; {self.stop.value}>"

    def __len__(self) -> int:
        return len(self.records)

    @overload
    def __getitem__(self, index: int) -> Record: ...
    @overload
    def __getitem__(self, index: slice) -> RangeTest: ...
    def __getitem__(self, index: int | slice) -> Record | RangeTest:
        return self._part(index) if isinstance(index, slice) else self.records[index]

    def _part(self, part: slice) -> RangeTest:
        start, end, step = part.indices(len(self))
        if step != 1:
            message = (
                f"The slice has the step {step}; a part of a curve has every iteration from one to another: result[10:-5]. "
                "The arrays result.lrs and result.losses take any slice."
            )
            raise CurveError(message)
        records = self.records[start:end]
        whole = len(records) == len(self)
        if whole or (end == len(self) and len(records) > 1):  # one later loss alone does not show what the stop says of it
            return replace(self, records=records)
        return replace(self, records=records, stop=Stop.PART, notes=())

    def _identity(self) -> tuple[object, ...]:
        return bits(self.lrs), bits(self.losses), self.stop, self.settings, self.notes, self.has_effect

    @cached_property
    def lrs(self) -> NDArray[np.float64]:
        """The rates, shape ``(len(self),)``, read-only."""
        return frozen([record.lr for record in self.records])

    @cached_property
    def losses(self) -> NDArray[np.float64]:
        """The raw losses, shape ``(len(self),)``, read-only."""
        return frozen([record.loss for record in self.records])

    @names_explained
    def plot(
        self, ax: Axes | None = None, *, rules: bool | Iterable[Rule] | Mapping[str, Rule] = False, suggestion: bool = True
    ) -> Axes:
        """Draw the curve on ``ax``, or on new axes, and return these; nothing is shown.

        Args:
            ax: axes that show nothing else.
            rules: rates of rules to mark as well: True for all of ``lrfinder.rules.RULES``, or a list of functions
                ``(lrs, losses) -> lr`` such as ``[lrfinder.rules.steepest, my_rule]``, or a mapping from names to these. The
                legend names each; a rule that raises :class:`lrfinder.errors.CurveError` has no rate.
            suggestion: whether to mark the suggested rate and its interval.
        """
        from lrfinder.views.describe.rule_marks import describe_with_rules
        from lrfinder.views.matplotlib import plot_description

        return plot_description(describe_with_rules(self, rules, suggestion=suggestion), ax)

    @property
    def first_loss(self) -> float | None:
        """The first loss, before any update of a whole sweep; ``None`` for a sweep without records."""
        return self.records[0].loss if self.records else None

    @cached_property
    def landmarks(self) -> Landmarks:
        """The rates at which the loss starts to fall, falls fastest, is lowest and diverges."""
        from lrfinder.analysis.landmarks import NO_LANDMARKS, landmarks

        return landmarks(self.lrs, self.losses) if self.has_effect else NO_LANDMARKS

    @cached_property
    def suggestion(self) -> Suggestion:
        """The rate that this one curve suggests, with the curve; computed at first access."""
        from lrfinder.analysis.suggestion import no_suggestion, suggestion_from_curve, with_notes_of_part

        if not self.has_effect:
            nothing = replace(no_suggestion(Status.NO_EFFECT, len(self)), curve=self)
            return nothing.with_notes(*self.notes, raised=False)
        suggestion = replace(suggestion_from_curve(self.lrs, self.losses, self.settings.facts), curve=self)
        if self.stop is Stop.PART:
            return with_notes_of_part(suggestion)
        if self.stop is not Stop.RAISED and (note := batch_not_finite(self.losses[:1].tolist())):
            return replace(suggestion, status=Status.NOT_FINITE_UNTRAINED, notes=(*suggestion.notes, note))
        return suggestion.with_notes(*self.notes, raised=self.stop is Stop.RAISED)

    def to_columns(self) -> Mapping[str, Sequence[float]]:
        """Return columns ``iteration``, ``lr``, ``loss``, a row for each iteration."""
        return {"iteration": range(len(self)), "lr": self.lrs.tolist(), "loss": self.losses.tolist()}


@dataclass(frozen=True)
class Suggestion(Result):
    """A learning rate, its interval, and how far to trust it.

    For example::

        suggestion = finder.suggest(horizon=3000)
        if suggestion.status == "ok":
            print(suggestion.lr, suggestion.low, suggestion.high)
        print(suggestion)

    ``float(suggestion)`` is its rate. Where ``status`` is ``"ok"``, ``low <= lr <= high`` are numbers; otherwise all three
    are ``None``. A suggestion of one curve alone has no ``horizon`` and no ``probes``.

    Attributes:
        lr: the rate; under a schedule, its highest.
        low: the lower end of the interval.
        high: the upper end of the interval.
        confidence: ``"high"``, ``"medium"`` or ``"low"``.
        status: whether there is a rate, and if not, why.
        notes: remarks that qualify the rate.
        iterations: how many iterations the search trained for it.
        horizon: the length of the training that the rate is for, in iterations.
        curve: the sweep that came first, or the curve that was read.
        probes: the short trainings at single rates, by rising rate.
        schedule: the name of the schedule of the training.
        extra_iterations: further iterations of :func:`lrfinder.suggest`: of probes that were started early and not needed,
            and of those trained again after an interruption. Equality ignores it.
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

    def __float__(self) -> float:
        if self.lr is None:
            message = f"There is no rate ({self.status}); print(suggestion) says why, and what to do."
            raise RatesError(message)
        return self.lr

    def with_notes(self, *notes: str, raised: bool) -> Suggestion:
        """Return the suggestion with further notes; that of a training that raised does not say that it never diverges."""
        return replace(self, notes=(*(note for note in self.notes if not raised or note != "never diverges"), *notes))

    @property
    def landmarks(self) -> Landmarks | None:
        """The landmarks of the sweep; ``None`` without a sweep."""
        return None if self.curve is None else self.curve.landmarks

    @property
    def is_constant(self) -> bool:
        """True if the rate is for a training at a constant rate."""
        return self.schedule == "constant"

    @property
    def max_lr(self) -> float | None:
        """The upper bound of a cyclical schedule, and the highest rate of one cycle; under a schedule, ``lr`` itself."""
        from lrfinder.analysis.suggestion import max_lr

        return self.lr if self.lr is None or not self.is_constant else max_lr(self.lr, self.probes)

    @property
    def base_lr(self) -> float | None:
        """The lower bound of a cyclical schedule: a quarter of the upper one (Smith 2017, section 3.3)."""
        return None if self.max_lr is None else self.max_lr / 4

    def to_columns(self) -> Mapping[str, Sequence[float]]:
        """Return columns ``iteration``, ``lr``, ``loss``, a row for each iteration of each probe."""
        return _long_table((probe.lr, probe.losses) for probe in self.probes)


@dataclass(frozen=True, eq=False)
class Comparison(BitwiseEqual, Result):
    """Trainings at a few rates from one start on the same batches.

    For example::

        comparison = finder.compare([0.01, 0.03, 0.1], iterations=300)
        print(comparison.best, comparison.tied)
        comparison.plot()

    Attributes:
        lrs: the rates, shape ``(rates,)``.
        losses: the loss of each iteration before its update, shape ``(rates, iterations)``; NaN after an early end.
        stops: why each training ended.
    """

    lrs: NDArray[np.float64]
    losses: NDArray[np.float64] = field(repr=False)
    stops: tuple[Stop, ...]

    def _identity(self) -> tuple[object, ...]:
        return self.losses.shape, bits(self.lrs), bits(self.losses), self.stops

    @property
    def iterations(self) -> int:
        """The length of each training that was not stopped early, in iterations."""
        return int(self.losses.shape[1])

    def final(self, last: int | None = None) -> NDArray[np.float64]:
        """Return the mean loss of each training over its ``last`` iterations; infinite where one of them is not finite.

        Args:
            last: the number of iterations; by default the last tenth, at least one, which decides the comparison.

        Returns:
            The means, shape ``(rates,)``.
        """
        window = comparison_window(self.iterations)
        if last is not None:
            window = min(whole("last", last, 1, "it is the number of iterations in the mean"), self.iterations)
        return final_losses(self.losses, window)

    @cached_property
    def is_same(self) -> bool:
        """``True`` where trainings at different rates have the same losses, bit for bit.

        The rate has no effect, or the rates are too low to have one; or each training has one iteration, whose loss is that
        before its update.
        """
        rates, rows = set(self.lrs.tolist()), {bits(row) for row in self.losses}
        return len(rates) > 1 and len(rows) == 1 and bool(np.isfinite(self.losses).all())

    @property
    def best(self) -> float | None:
        """The rate with the lowest :meth:`final` loss; ``None`` where no training reached its end, or all are the same."""
        if self.is_same:
            return None
        finals = self.final()
        best = int(finals.argmin())
        return float(self.lrs[best]) if np.isfinite(finals[best]) else None

    @cached_property
    def differences(self) -> tuple[Difference, ...]:
        """The difference of every pair of trainings; see :mod:`lrfinder.analysis.paired`."""
        from lrfinder.analysis.paired import differences

        return differences(self.lrs, self.losses)

    def against_best(self) -> tuple[Difference | None, ...]:
        """Return the difference of each training to the one that ended lowest; ``None`` for that one, or without one."""
        found: list[Difference | None] = [None] * len(self.lrs)
        best = None if self.best is None else int(self.final().argmin())
        for (one, other), pair in zip(combinations(range(len(self.lrs)), 2), self.differences, strict=True):
            if other == best:
                found[one] = pair
            elif one == best:
                found[other] = pair.turned()
        return tuple(found)

    @property
    def tied(self) -> tuple[float, ...]:
        """The rates whose trainings are tied with the one that ended lowest."""
        return tuple(pair.lr for pair in self.against_best() if pair is not None and pair.order is Order.TIE)

    def to_columns(self) -> Mapping[str, Sequence[float]]:
        """Return columns ``iteration``, ``lr``, ``loss``, with one row per iteration of each run."""
        return _long_table(zip(self.lrs.tolist(), self.losses.tolist(), strict=True))


def _long_table(trainings: Iterable[tuple[float, Sequence[float]]]) -> Mapping[str, Sequence[float]]:
    rows = [(iteration, lr, loss) for lr, losses in trainings for iteration, loss in enumerate(losses)]
    return {name: [row[column] for row in rows] for column, name in enumerate(("iteration", "lr", "loss"))}


def frozen(values: Sequence[float] | Sequence[list[float]]) -> NDArray[np.float64]:
    array = np.array(values, dtype=np.float64)
    array.setflags(write=False)
    return array
