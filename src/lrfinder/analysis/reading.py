"""A fitted reading of a curve: from where its loss falls and rises to the rate for a training of some hundred iterations.

The model is linear: the distance from an anchor on the curve to the best rate, in octaves, is a weighted sum of features.
The weights are in ``reading.json``. ``benchmarks/suggestion/generated/fit.py`` computes them from recorded trainings.
"""

from __future__ import annotations

import json
import math
from functools import cache
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from lrfinder.analysis.landmarks import for_good

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from lrfinder._results.facts import TrainingFacts
    from lrfinder.analysis.landmarks import Shape

    Features = dict[str, float]

FAR_OCTAVES = 8.0  # distances are cut here: beyond it they say no more
MOST_OCTAVES = 1023.0  # above, a rate is no float
FALLEN = (0.1, 0.25, 0.5, 0.75, 0.9)  # of the whole fall, reached below the lowest point
LAST_FALLEN = f"fallen {FALLEN[-1]}"
RISEN = (0.25, 0.5, 0.75, 1.0, 1.5, 2.5)  # of the whole fall, above the lowest point
RISE_ERRORS = (2.0, 4.0, 8.0, 16.0)  # of a curve that never falls; the second is its edge
USUAL_OCTAVES = 5.0  # to either side of the usual rate, between which four of five best ones lie
BELOW_DIVERGENCE_OCTAVES = 1.0  # that the rate lies below the one at which a raw curve diverges at least
STILL_FALLING_OCTAVES = 1.0  # for the last tenth of the fall, up to which it may go on beyond the highest rate
BELOW_END_OCTAVES = 3.0  # that the rate lies below the end of such a curve at most
CENTER_OCTAVES = {"sgd": -3.0, "momentum": -6.0, "adaptive": -8.0, "sign": -11.0, "adagrad": -4.0}  # usual rates


class View(NamedTuple):
    """The shape of a curve as numbers.

    Attributes:
        kind: ``"fall"`` for a curve that falls, ``"edge"`` for one that only rises; the two have weights of their own.
        anchor: the lowest point of a fall or the edge of a rise, as the logarithm of its rate (base 2).
        features: distances from the anchor in octaves and other numbers, by name.
    """

    kind: str
    anchor: float
    features: Features


class Reading(NamedTuple):
    """A rate and the interval that held the best one in four of five recorded trainings."""

    lr: float
    low: float
    high: float


def view(seen: Shape, facts: TrainingFacts | None = None) -> View | None:
    """Return what a curve shows, ``None`` where it neither falls nor rises by more than its noise.

    Args:
        seen: the shape of the curve.
        facts: what the learner knows; ``None`` leaves its features out.
    """
    octaves = np.log2(seen.lrs)
    if seen.lowest is not None:
        kind, anchor, features = "fall", float(octaves[seen.lowest]), _fall(seen, octaves, seen.lowest)
    else:
        edges = [_edge(seen, octaves, errors) for errors in RISE_ERRORS]
        if edges[1] > octaves[-1]:
            return None
        kind, anchor, features = "edge", edges[1], _rise(seen, octaves, edges)
    span = octaves[-1] - octaves[0]
    features["constant"] = 1.0
    features["density"] = math.log2((len(octaves) - 1) / span) / 2
    return View(kind, anchor, features if facts is None else features | _known(facts, anchor))


def read(seen: Shape, facts: TrainingFacts | None, *, paired: bool) -> Reading | None:
    """Return the rate that a curve suggests, ``None`` where it shows nothing.

    Args:
        seen: the shape of the curve.
        facts: what the learner knows about the training, if anything.
        paired: whether the untrained losses of the same batches are subtracted.
    """
    known = facts if facts is not None and facts.optimizer in CENTER_OCTAVES else None
    shown = view(seen, known)
    if shown is None:
        return None
    model = _models()[model_name(shown.kind, paired=paired, with_facts=known is not None)]
    octave = shown.anchor + sum(weight * shown.features.get(name, 0.0) for name, weight in model.weights.items())
    if seen.lowest is not None and seen.diverges is not None:
        octave = min(octave, math.log2(seen.lrs[seen.diverges]) - (0 if paired else BELOW_DIVERGENCE_OCTAVES))
    if known is None and seen.lowest == len(seen.lrs) - 1 and shown.features[LAST_FALLEN] < STILL_FALLING_OCTAVES:
        octave = max(octave, shown.anchor - BELOW_END_OCTAVES)  # few recorded curves end in the midst of their fall
    return Reading(*(2.0 ** min(octave + shift, MOST_OCTAVES) for shift in (0, model.low, model.high)))


def usual(limits: tuple[float, float], facts: TrainingFacts | None) -> Reading:
    """Return what stands for a reading where a curve shows nothing: the usual rate of such optimizers, within its limits.

    Args:
        limits: the lowest and the highest rate that may be tried.
        facts: what the learner knows; without the family of its optimizer the middle of the limits is returned.
    """
    low, high = (math.log2(lr) for lr in limits)
    kind = None if facts is None else facts.optimizer
    octave = min(max(CENTER_OCTAVES.get(str(kind), (low + high) / 2), low), high)
    return Reading(2.0**octave, 2.0 ** (octave - USUAL_OCTAVES), 2.0 ** (octave + USUAL_OCTAVES))


def model_name(kind: str, *, paired: bool, with_facts: bool) -> str:
    """Return the name under which the weights for a kind of view are stored."""
    return f"{'paired' if paired else 'raw'} {kind} {'with' if with_facts else 'without'} facts"


class Model(NamedTuple):
    """The weights of the features, and the ends of the interval, in octaves from the rate."""

    weights: Mapping[str, float]
    low: float
    high: float


@cache
def _models() -> dict[str, Model]:
    from importlib.resources import files  # a fifth of the time that importing lrfinder would take

    text = files("lrfinder.analysis").joinpath("reading.json").read_text(encoding="utf-8")
    return {name: Model(**model) for name, model in json.loads(text)["models"].items()}


def _fall(seen: Shape, octaves: NDArray[np.float64], lowest: int) -> Features:
    """Return how far below and above the lowest point the loss passes shares of its fall."""
    fall = seen.level - seen.smoothed[lowest]
    anchor = octaves[lowest]
    features: Features = {}
    for share in FALLEN:
        above = np.flatnonzero(seen.smoothed[: lowest + 1] > seen.level - share * fall)
        features[f"fallen {share}"] = _near(anchor - octaves[above[-1] if len(above) else 0])
    for share in RISEN:
        above = np.flatnonzero(seen.smoothed[lowest:] - seen.smoothed[lowest] > share * fall)
        end = octaves[lowest + above[0]] if len(above) else octaves[-1] + 1
        features[f"risen {share}"] = _near(end - anchor)
    features["never diverges"] = float(seen.diverges is None)
    features["signal"] = math.log2(1 + fall / max(seen.noise, 1e-12)) / 4
    return features


def _edge(seen: Shape, octaves: NDArray[np.float64], errors: float) -> float:
    """Return from where the loss stays so many errors above its level; an octave beyond the end where it never does."""
    level = np.median(seen.smoothed[: max(3, len(octaves) // 3)])
    first = for_good(seen.smoothed - level > errors * seen.error)
    return float(octaves[-1]) + 1 if first is None else float(octaves[first])


def _rise(seen: Shape, octaves: NDArray[np.float64], edges: list[float]) -> Features:
    least = int(seen.smoothed.argmin())
    dip, error = seen.level - seen.smoothed[least], np.median(seen.error)
    return {
        "begins": edges[1] - edges[0],
        "steeper": min(4.0, edges[2] - edges[1]),
        "steepest": min(4.0, edges[3] - edges[1]),
        "beyond": _near(octaves[-1] - edges[1]),
        "dip": _near(max(0.0, edges[1] - octaves[least])),
        "signal": float(dip / error) / 4 if error > 0 else 0.0,
    }


def _known(facts: TrainingFacts, anchor: float) -> Features:
    """Return the features of what the learner knows: the usual rate of such optimizers pulls the answer to itself."""
    kind = str(facts.optimizer)
    batch = math.log2(facts.batch_size) / 4 if facts.batch_size else 1.0
    return {
        kind: 1.0,
        f"{kind} above usual": (anchor - CENTER_OCTAVES[kind]) / 4,
        "batch": batch,
        "batch without scaling": batch * (kind in {"sgd", "momentum"}),
        "trained before": float(facts.trained),
    }


def _near(octaves: float) -> float:
    return min(FAR_OCTAVES, float(octaves))
