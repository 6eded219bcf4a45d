"""Fit the reading of a curve to the recorded tasks: weights, intervals, and how well families read that were left out.

    python benchmarks/suggestion/generated/fit.py            # prints the table, writes src/lrfinder/analysis/reading.json

The weights minimize Huber's loss of the distance to the best rate, with a ridge. Then the rate is moved down by the margin
with the lowest mean regret. The table comes from cross-validation: each family of data is read with the weights of others.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE), str(HERE.parents[2] / "src")]

import numpy as np  # noqa: E402  (found on the path above)
from record import SWEEPS  # noqa: E402
from recording import Recording, recordings  # noqa: E402

from lrfinder.analysis.curve import finite_part  # noqa: E402
from lrfinder.analysis.landmarks import MIN_RATES, shape  # noqa: E402
from lrfinder.analysis.reading import View, model_name, view  # noqa: E402
from lrfinder.stopping import LRFinderStoppingCriteria, RisingLoss  # noqa: E402

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

WEIGHTS = HERE.parents[2] / "src" / "lrfinder" / "analysis" / "reading.json"
HUBER_OCTAVES, RIDGE = 1.0, 1.0
MARGINS = np.arange(-1.0, 2.01, 0.125)  # octaves
FLOOR = 0.02  # tasks with a higher one have no clear best rate
COVERAGE = 0.8
GOOD = 0.05  # regret


@dataclass(frozen=True)
class Seen:
    """A curve of a recording, as the reading sees it; ``view`` is None where it shows nothing."""

    recording: Recording
    sweep: str
    view: View | None


def curves(recording: Recording, *, paired: bool, with_facts: bool) -> list[Seen]:
    """Return the curves of all sweeps on all orders, each up to where its criterion stops it."""
    facts = recording.facts if with_facts else None
    found: list[Seen] = []
    for k, (name, rates) in enumerate(SWEEPS.items()):
        first = (recording.sweeps[k], recording.untrained)
        others = zip(recording.other_sweeps[:, k], recording.other_twins, strict=True)
        for losses, twins in (first, *others):
            end = _stopped(losses[: len(rates)], LRFinderStoppingCriteria() if name == "find" else RisingLoss())
            values = losses[:end] - twins[:end] + twins[:end].mean() if paired else losses[:end]
            part = finite_part(rates[:end], values)
            shown = view(shape(part), facts) if len(part.lrs) >= MIN_RATES else None
            found.append(Seen(recording, name, shown))
    return found


def _stopped(losses: Floats, criterion: Any) -> int:
    return next((k + 1 for k, loss in enumerate(losses) if criterion(float(loss))), len(losses))


@dataclass(frozen=True)
class Model:
    """Weights by feature, and the interval around the rate in octaves."""

    weights: dict[str, float]
    low: float
    high: float

    def octave(self, shown: View) -> float:
        """Return the logarithm of the suggested rate (base 2)."""
        return shown.anchor + sum(weight * shown.features.get(name, 0.0) for name, weight in self.weights.items())


def fitted(group: Sequence[Seen]) -> Model:
    """Fit a model to curves that all show something of one kind."""
    views = [seen.view for seen in group if seen.view is not None]
    best = np.array([math.log2(seen.recording.best_lr) for seen in group])
    names = sorted({name for shown in views for name in shown.features}, key=lambda name: (name != "constant", name))
    features = np.array([[shown.features.get(name, 0.0) for name in names] for shown in views])
    target = best - [shown.anchor for shown in views]
    weights = _huber(features, target)
    octaves = features @ weights - target + best
    margin = MARGINS[int(np.argmin([_regret(group, octaves - margin) for margin in MARGINS]))]
    weights[0] -= margin
    errors = target - features @ weights
    low, high = np.quantile(errors, [(1 - COVERAGE) / 2, (1 + COVERAGE) / 2])
    return Model(dict(zip(names, weights.tolist(), strict=True)), min(0.0, float(low)), max(0.0, float(high)))


def _huber(features: Floats, target: Floats) -> Floats:
    """Return the weights by iterated weighted least squares; the constant has no ridge."""
    weights = np.zeros(features.shape[1])
    ridge = RIDGE * np.diag([0.0] + [1.0] * (features.shape[1] - 1))
    for _ in range(50):
        errors = np.abs(target - features @ weights)
        trust = np.minimum(1, HUBER_OCTAVES / np.maximum(errors, 1e-9))
        weights = np.linalg.solve(features.T @ (features * trust[:, None]) + ridge, features.T @ (trust * target))
    return weights


def _regret(group: Sequence[Seen], octaves: Floats) -> float:
    return float(np.mean([seen.recording.regret(2.0**octave) for seen, octave in zip(group, octaves, strict=True)]))


def models(curves_: Sequence[Seen]) -> dict[str, Model]:
    """Fit a model for each kind of view."""
    groups: defaultdict[str, list[Seen]] = defaultdict(list)
    for seen in curves_:
        if seen.view is not None:
            groups[seen.view.kind].append(seen)
    return {kind: fitted(group) for kind, group in groups.items()}


def report(every: Sequence[Seen], label: str) -> list[str]:
    """Return rows of the table: each family read with the weights of the other families."""
    regrets: defaultdict[tuple[str, bool], list[tuple[float, float, bool, bool]]] = defaultdict(list)
    for family in {seen.recording.settings["family"] for seen in every}:
        found = models([seen for seen in every if seen.recording.settings["family"] != family])
        for seen in every:
            if seen.recording.settings["family"] == family and seen.recording.floor < FLOOR:
                regrets[seen.sweep, seen.recording.resumed].append(_judged(seen, found))
    return [_row(f"{name}, {label}", resumed, rows) for (name, resumed), rows in sorted(regrets.items())]


def _judged(seen: Seen, found: dict[str, Model]) -> tuple[float, float, bool, bool]:
    """Return the regret, the error in octaves, whether the interval held the best rate, and whether there was no answer."""
    if seen.view is None:
        return 1.0, math.nan, False, True
    model = found[seen.view.kind]
    octave = model.octave(seen.view)
    error = octave - math.log2(seen.recording.best_lr)
    return seen.recording.regret(2.0**octave), error, model.low <= -error <= model.high, False


def _row(name: str, resumed: bool, rows: Sequence[tuple[float, float, bool, bool]]) -> str:  # noqa: FBT001
    regret, error, held, refused = np.array(rows, dtype=float).T
    spread = np.nanquantile(error, [0.1, 0.5, 0.9])
    cells = (
        name,
        "resumed" if resumed else "fresh",
        f"{len(rows)}",
        f"{np.median(regret):.4f}",
        f"{regret.mean():.3f}",
        f"{np.quantile(regret, 0.9):.3f}",
        f"{np.mean(regret <= GOOD):.0%}",
        f"{refused.mean():.0%}",
        f"{held[refused == 0].mean():.0%}",
        ", ".join(f"{octaves:+.1f}" for octaves in spread),
    )
    return f"| {' | '.join(cells)} |"


HEADINGS = (
    "sweep",
    "start",
    "curves",
    "median",
    "mean",
    "p90",
    f"within {GOOD}",
    "refused",
    "interval holds",
    "octaves: p10, p50, p90",
)


def main() -> None:
    """Print the table and write the weights."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output", type=Path, default=WEIGHTS)
    arguments = parser.parse_args()
    tasks = [task for task in recordings() if task.has_answer]
    print(f"{len(tasks)} tasks with an answer\n| {' | '.join(HEADINGS)} |\n|{'---|' * len(HEADINGS)}")
    found: dict[str, Any] = {}
    for paired in (False, True):
        for with_facts in (False, True):
            every = [seen for task in tasks for seen in curves(task, paired=paired, with_facts=with_facts)]
            label = f"{'paired' if paired else 'raw'}, {'with' if with_facts else 'without'} facts"
            print("\n".join(report(every, label)), flush=True)
            for kind, model in models(every).items():
                name = model_name(kind, paired=paired, with_facts=with_facts)
                weights = {key: round(value, 4) for key, value in model.weights.items()}
                found[name] = {"weights": weights, "low": round(model.low, 2), "high": round(model.high, 2)}
    head = {"made by": "benchmarks/suggestion/generated/fit.py", "tasks": len(tasks)}
    arguments.output.write_text(json.dumps({**head, "models": found}, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
