"""What is drawn and said of each probe of a suggestion, computed apart from drawing and saying it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from lrfinder._results.records import Stop
from lrfinder.views.describe.curve import RATES, axis_of
from lrfinder.views.text import printable

if TYPE_CHECKING:
    from lrfinder._results.records import Probe
    from lrfinder._results.results import Suggestion
    from lrfinder.views.describe.curve import Limits, LossAxis

LAST_PART = 3  # the end of a probe is its last third: the last tenth of a short one is too noisy to look at
ROOM = 0.7  # of the lowest loss, down to which a logarithmic axis reaches


@dataclass(frozen=True)
class ProbeEnd:
    """One probe: ``loss`` is the mean of its last third, NaN where it diverged; ``within`` says that its rate is suggested.

    ``lowest`` is the one that ended lowest of those of the greatest length.
    """

    lr: float
    length: int
    loss: float
    ended: str
    lowest: bool
    within: bool

    @property
    def diverged(self) -> bool:
        """Whether it has no end to show."""
        return not math.isfinite(self.loss)


def probe_ends(suggestion: Suggestion) -> tuple[ProbeEnd, ...]:
    """One for each probe, in their order."""
    ends = [_loss_at_end(probe) for probe in suggestion.probes]
    longest = max((len(probe.losses) for probe in suggestion.probes), default=0)
    whole = [end if len(probe.losses) == longest else math.nan for probe, end in zip(suggestion.probes, ends, strict=True)]
    lowest = int(np.nanargmin(whole)) if np.isfinite(whole).any() else -1
    return tuple(
        ProbeEnd(probe.lr, len(probe.losses), end, _ended(probe), row == lowest, _within(suggestion, probe.lr))
        for row, (probe, end) in enumerate(zip(suggestion.probes, ends, strict=True))
    )


def ends_at(suggestion: Suggestion) -> dict[int, tuple[tuple[float, float], ...]]:
    """For each length of a probe, the shortest first, the rates that were tried for so long with their losses at that end.

    The beginning of a longer probe counts where the rate is constant; under a schedule it would have had other rates.
    """
    probes = suggestion.probes
    lengths = sorted({len(probe.losses) for probe in probes if math.isfinite(_loss_at_end(probe))})
    constant = suggestion.schedule == "constant"
    return {
        length: tuple(
            (probe.lr, end) for probe in probes if math.isfinite(end := _loss_at(probe, length, constant=constant))
        )
        for length in lengths
    }


def suggestion_axis(suggestion: Suggestion) -> LossAxis:
    """One axis for the losses of the sweep and the ends of the probes, with room for a mark below the lowest."""
    swept = np.array([]) if suggestion.curve is None else suggestion.curve.losses
    ends = np.array([end.loss for end in probe_ends(suggestion)])
    positive = bool((np.append(swept, ends)[np.isfinite(np.append(swept, ends))] > 0).all())
    return axis_of(np.concatenate([swept, ends, ends * ROOM if positive else ends]))


def rates_shown(suggestion: Suggestion) -> Limits:
    """From the lowest to the highest rate of sweep, probes and interval."""
    swept = [] if suggestion.curve is None else suggestion.curve.lrs.tolist()
    probed = [probe.lr for probe in suggestion.probes]
    band = [rate for rate in (suggestion.low, suggestion.high) if rate is not None]
    lrs = [lr for lr in (*swept, *probed, *band) if lr > 0] or [1e-6, 10.0]
    low, high = (float(np.clip(end, *RATES)) for end in (min(lrs), max(lrs)))
    return (low, high) if low < high else (low / 2, high * 2)


def suggestion_title(suggestion: Suggestion) -> str:
    """What came of the search, as a title."""
    if suggestion.lr is None:
        return f"Learning rate: no suggestion ({suggestion.status})"
    horizon = "" if suggestion.horizon is None else f" for {suggestion.horizon} iterations{under(suggestion)}"
    return f"Learning rate {suggestion.lr:.3g} suggested{horizon}"


def under(suggestion: Suggestion) -> str:
    """The schedule, where it is not constant."""
    return "" if suggestion.schedule == "constant" else f" of {printable(suggestion.schedule)}"


def _loss_at_end(probe: Probe) -> float:
    return _loss_at(probe, len(probe.losses), constant=False) if probe.stop is Stop.MAX_ITERATIONS else math.nan


def _loss_at(probe: Probe, length: int, *, constant: bool) -> float:
    """The mean of the last third of the first ``length`` losses; NaN where there are fewer, or more under a schedule."""
    if len(probe.losses) < length or (len(probe.losses) > length and not constant):
        return math.nan
    last = np.array(probe.losses[:length])[-max(1, length // LAST_PART) :]
    end = float((last / len(last)).sum()) if len(last) else math.nan  # divided first, lest a sum of huge losses overflow
    return end if math.isfinite(end) else math.nan


def _ended(probe: Probe) -> str:
    if probe.stop is Stop.NOT_FINITE:
        return f"diverged at iteration {len(probe.losses) - 1}"
    return "" if probe.stop is Stop.MAX_ITERATIONS else probe.stop.value


def _within(suggestion: Suggestion, lr: float) -> bool:
    return suggestion.low is not None and suggestion.high is not None and bool(suggestion.low <= lr <= suggestion.high)
