"""Read recorded tasks: the truth of each, and a learner that replays it, so that a whole search takes milliseconds."""

from __future__ import annotations

import json
import math
import sys
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

sys.path[:0] = [str(Path(__file__).parents[3] / "src")]

import numpy as np  # noqa: E402  (found on the path above, as the next)

from lrfinder._results.facts import TrainingFacts  # noqa: E402

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

RECORDINGS = Path(__file__).parent / "recordings"
SWEEPS = ("find", "coarse", "fine")
LEAST_LEARNED = 0.02  # of the untrained loss, in long trainings
FAMILIES = {
    "sgd": "sgd",
    "momentum": "momentum",
    "nesterov": "momentum",
    "lion": "sign",
    "adagrad": "adagrad",
}  # else adaptive


@dataclass(frozen=True)
class Truth:
    """The ends of trainings at all rates, and what a rate is worth by them.

    Attributes:
        lrs: the rates, rising, shape ``(rates,)``.
        ends: the final loss of each order at the rate 0 and at each of ``lrs``, shape ``(orders, 1 + rates)``.
    """

    lrs: Floats
    ends: Floats

    @cached_property
    def regrets(self) -> Floats:
        """The regret of each rate, 0 to 1: mean final loss of all orders over what the best rate learns."""
        finite = np.where(np.isfinite(self.ends), self.ends, np.inf).mean(0)
        untrained, best = finite[0], finite[1:].min()
        return np.clip((finite[1:] - best) / max(untrained - best, 1e-12), 0, 1)

    @cached_property
    def floor(self) -> float:
        """The mean regret of the best rate of one order."""
        best = [int(np.where(np.isfinite(row), row, np.inf)[1:].argmin()) for row in self.ends]
        return float(np.mean([self.regrets[k] for k in best]))

    @cached_property
    def has_answer(self) -> bool:
        """``True`` if some rate lowers the final loss on every order, by more than chance."""
        learned = self.ends[:, 0] - self.ends[:, 1 + int(self.regrets.argmin())]
        return bool(np.isfinite(learned).all() and learned.mean() > 3 * learned.std(ddof=1) / math.sqrt(len(learned)) > -1)

    @property
    def best_lr(self) -> float:
        """The best of the rates."""
        return float(self.lrs[self.regrets.argmin()])

    def regret(self, lr: float | None) -> float:
        """Return the regret of a rate, between those known by interpolation; 1 for no rate."""
        return 1.0 if lr is None else float(np.interp(math.log(max(lr, 1e-30)), np.log(self.lrs), self.regrets, right=1.0))


@dataclass(frozen=True)
class Recording(Truth):
    """A recorded task; the rates are those of its ladder.

    Attributes:
        name: of its file.
        settings: of its setup and of its start.
        untrained: the losses at the rate 0, shape ``(steps,)``.
        losses: at each rate of the ladder on the same batches, shape ``(rates, steps)``.
        sweeps: the losses of each of ``SWEEPS``, shape ``(3, steps of the longest)``.
        other_sweeps: those on the other orders, shape ``(orders - 1, 3, steps)``.
        other_twins: the losses of their batches at the rate 0, shape ``(orders - 1, steps)``.
    """

    name: str
    settings: dict[str, Any]
    untrained: Floats
    losses: Floats
    sweeps: Floats
    other_sweeps: Floats
    other_twins: Floats

    @classmethod
    def read(cls, path: Path) -> Recording:
        """Read a file of :mod:`record`."""
        with np.load(path) as stored:
            untrained = stored["untrained"].astype(float)
            losses = untrained + stored["scale"] * stored["changes"].astype(float)
            return cls(
                stored["lrs"],
                stored["ends"].astype(float),
                path.stem,
                json.loads(str(stored["settings"])),
                untrained,
                losses,
                *(stored[key].astype(float) for key in ("sweeps", "other_sweeps", "other_twins")),
            )

    @property
    def resumed(self) -> bool:
        """``True`` if the training was under way."""
        return bool(self.settings["kind"] != "fresh")

    @property
    def facts(self) -> TrainingFacts:
        """The facts that a learner would know: an optimizer without a state does not show that it has made updates."""
        return facts(self.settings, state_kept=self.resumed and bool(self.settings["state_kept"]))


def facts(settings: Mapping[str, Any], *, state_kept: bool = False) -> TrainingFacts:
    """Return what a learner would know about a setup; ``state_kept`` where its optimizer has made updates before."""
    optimizer = settings["optimizer"]
    return TrainingFacts(FAMILIES.get(optimizer, "adaptive"), settings["batch"], state_kept and optimizer != "sgd")


class Replayed:
    """A recorded task as a :class:`lrfinder.Learner`.

    Attributes:
        iterations_run: the number of iterations so far.
    """

    def __init__(self, recording: Recording, sweep_lrs: Iterable[Iterable[float]]) -> None:
        self._recording = recording
        self._sweeps = [np.array(list(lrs)) for lrs in sweep_lrs]
        self._steps, self._candidates = 0, list(range(len(self._sweeps)))
        self._constant: float | None = None
        self.iterations_run = 0

    def iteration(self, lr: float) -> float:
        """Return the recorded loss.

        Raises:
            LookupError: these rates in this order were not recorded.
        """
        k, self._steps = self._steps, self._steps + 1
        self.iterations_run += 1
        self._candidates = [n for n in self._candidates if k < len(self._sweeps[n]) and math.isclose(self._sweeps[n][k], lr)]
        if k == 0 or self._constant == lr:
            self._constant = lr
            if not self._candidates or k:
                return self._at_constant(lr, k)
        else:
            self._constant = None
        if not self._candidates:
            message = f"{self._recording.name}: rate {lr} at step {k} was not recorded."
            raise LookupError(message)
        return float(self._recording.sweeps[self._candidates[0]][k])

    def snapshot(self) -> object:
        """Return the position."""
        return self._steps, list(self._candidates), self._constant

    def restore(self, state: Any) -> None:
        """Return to a position."""
        self._steps, candidates, self._constant = state
        self._candidates = list(candidates)

    def close(self) -> None:
        """Do nothing."""

    def facts(self) -> TrainingFacts:
        """Return what a learner would know about the recorded training."""
        return self._recording.facts

    def _at_constant(self, lr: float, k: int) -> float:
        recording = self._recording
        if lr == 0 or lr < recording.lrs[0] * 0.99:  # so low a rate has no effect
            return float(recording.untrained[k])
        if lr > recording.lrs[-1] * 1.01:
            return math.nan
        nearest = int(np.abs(np.log(recording.lrs / lr)).argmin())
        if not math.isclose(recording.lrs[nearest], lr, rel_tol=1e-6):
            message = f"{recording.name}: rate {lr} is not on the ladder."
            raise LookupError(message)
        return float(recording.losses[nearest][k])


def recordings(folder: Path = RECORDINGS) -> list[Recording]:
    """Return all recordings, in the order of their names."""
    return [Recording.read(path) for path in sorted(folder.glob("[0-9]*.npz"))]


@dataclass(frozen=True)
class LongEnds:
    """The ends of the trainings of a recorded task after many iterations, at every octave.

    Attributes:
        lrs: the rates, rising, shape ``(rates,)``.
        ends: the final loss for each horizon at the rate 0 and at each rate, shape ``(horizons, 1 + rates)``.
    """

    lrs: Floats
    ends: Floats

    def regrets(self, horizon: int) -> Floats | None:
        """Return the regrets of the rates for a horizon, given by its index; ``None`` where hardly anything is learned."""
        ends = np.where(np.isfinite(self.ends[horizon]), self.ends[horizon], np.inf)
        learned = ends[0] - ends[1:].min()
        if not learned > LEAST_LEARNED * abs(ends[0]):
            return None
        return np.clip((ends[1:] - ends[1:].min()) / learned, 0, 1)


def long_ends(task: Recording, kind: str = "long", folder: Path = RECORDINGS) -> LongEnds | None:
    """Return the ends of long trainings of a task, where they were recorded; ``kind`` begins the names of their files."""
    path = folder / f"{kind}-{task.name}.npz"
    if not path.exists():
        return None
    with np.load(path) as stored:
        return LongEnds(stored["lrs"], stored["ends"])
