"""Evaluate the curve and the search on the recorded tasks, each family with weights fitted to all other families.

python benchmarks/suggestion/generated/evaluate.py       # 3 minutes; writes results/generated.md
"""

from __future__ import annotations

import math
import sys
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE), str(HERE.parents[2] / "src")]

import numpy as np  # noqa: E402  (found on the path above)
from fit import curves, models  # noqa: E402
from record import SWEEPS  # noqa: E402
from record_long import HORIZONS  # noqa: E402
from recording import Recording, Replayed, long_ends, recordings  # noqa: E402
from sources import is_fitted  # noqa: E402

from lrfinder import LRFinder  # noqa: E402
from lrfinder.analysis import reading  # noqa: E402

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

RESULTS = HERE.parent / "results" / "generated.md"
BUDGETS = (150, 350, 650, 1050)
FLOOR, GOOD, CATASTROPHE = 0.02, 0.05, 0.999
HALF_RUNG = 2.0**0.25  # the truth is known to a quarter of an octave


class Answer(NamedTuple):
    """A suggestion for a recorded task."""

    task: Recording
    finder: str
    suggestion: Any

    @property
    def regret(self) -> float:
        """Its regret; 1 for none."""
        return self.task.regret(self.suggestion.lr)

    @property
    def held(self) -> bool:
        """``True`` if the interval holds the best rate."""
        low, high = self.suggestion.low / HALF_RUNG, self.suggestion.high * HALF_RUNG
        return bool(low <= self.task.best_lr <= high)


def finders() -> dict[str, Callable[[LRFinder], Any]]:
    """Return what is evaluated, by name."""
    found: dict[str, Callable[[LRFinder], Any]] = {"find": lambda finder: finder.find().suggestion}
    return found | {f"suggest, {n}": lambda finder, n=n: finder.suggest(300, max_iterations=n) for n in BUDGETS}


def answers(tasks: Sequence[Recording]) -> Iterator[Answer]:
    """Yield the answers of every finder to every task; a family is read with the weights of the others."""
    answerable = [task for task in tasks if task.has_answer]
    kinds = [(paired, facts) for paired in (False, True) for facts in (False, True)]
    seen = {kind: [one for task in answerable for one in curves(task, paired=kind[0], with_facts=kind[1])] for kind in kinds}
    for family in sorted({task.settings["family"] for task in tasks}):
        use_weights_without(family, seen)
        for task in tasks:
            if task.settings["family"] == family:
                for name, find in finders().items():
                    yield Answer(task, name, find(LRFinder(Replayed(task, SWEEPS.values()))))


def use_weights_without(family: str, seen: dict[tuple[bool, bool], list[Any]]) -> None:
    """Let the library read curves with weights that are fitted to other families."""
    fitted: dict[str, reading.Model] = {}
    for (paired, facts), every in seen.items():
        others = [one for one in every if one.recording.settings["family"] != family]
        for kind, model in models(others).items():
            name = reading.model_name(kind, paired=paired, with_facts=facts)
            fitted[name] = reading.Model(model.weights, model.low, model.high)
    reading._models = lambda: fitted  # noqa: SLF001  (the weights of this fold)


def row(name: str, chosen: Sequence[Answer]) -> str:
    """Return a row of the table of regrets."""
    regret = np.array([one.regret for one in chosen])
    rates = [one for one in chosen if one.suggestion.lr is not None]
    octaves = [math.log2(one.suggestion.lr / one.task.best_lr) for one in rates]
    cells = (
        name,
        f"{len(chosen)}",
        f"{np.median(regret):.4f}",
        f"{regret.mean():.3f}",
        f"{np.quantile(regret, 0.9):.3f}",
        f"{np.mean(regret <= GOOD):.0%}",
        f"{1 - len(rates) / len(chosen):.0%}",
        f"{np.mean([one.regret >= CATASTROPHE for one in rates]):.1%}",
        f"{np.mean([one.held for one in rates]):.0%}",
        ", ".join(f"{value:+.1f}" for value in np.quantile(octaves, [0.1, 0.5, 0.9])),
        f"{np.mean([one.suggestion.iterations for one in chosen]):.0f}",
    )
    return f"| {' | '.join(cells)} |"


HEAD = (
    "",
    "tasks",
    "median",
    "mean",
    "p90",
    "within .05",
    "refused",
    "as bad as none",
    "interval holds",
    "octaves",
    "iterations",
)


def regrets(every: Sequence[Answer]) -> Iterator[str]:
    """Yield the tables of regrets: fresh starts and resumed ones, on all families and on those for validation."""
    for title, resumed in (("Fresh starts", False), ("Resumed trainings", True)):
        yield f"\n## {title}\n\n| {' | '.join(HEAD)} |\n|{'---|' * len(HEAD)}"
        for finder in finders():
            chosen = [one for one in every if one.finder == finder and one.task.resumed is resumed and one.task.has_answer]
            clear = [one for one in chosen if one.task.floor < FLOOR]
            yield row(f"{finder}", clear)
            yield row(f"{finder}: validation", [one for one in clear if not is_fitted(one.task.settings["family"])])
            yield row(f"{finder}: floor of {FLOOR} and more", [one for one in chosen if one.task.floor >= FLOOR])


def calibration(every: Sequence[Answer]) -> Iterator[str]:
    """Yield the table of confidence: how often the interval holds the best rate, and how often the rate is not good."""
    head = ("confidence", "tasks", "interval holds", f"regret above {GOOD}", "median width, octaves")
    yield f"\n## Confidence\n\n| {' | '.join(head)} |\n|{'---|' * len(head)}"
    rates = [one for one in every if one.suggestion.lr is not None and one.task.has_answer and one.task.floor < FLOOR]
    for finder in finders():
        for confidence in ("high", "medium", "low"):
            chosen = [one for one in rates if one.finder == finder and one.suggestion.confidence == confidence]
            if chosen:
                width = np.median([math.log2(one.suggestion.high / one.suggestion.low) for one in chosen])
                held, bad = np.mean([one.held for one in chosen]), np.mean([one.regret > GOOD for one in chosen])
                yield f"| {finder}: {confidence} | {len(chosen)} | {held:.0%} | {bad:.1%} | {width:.1f} |"


def without_answer(every: Sequence[Answer]) -> Iterator[str]:
    """Yield how often a task that has no answer gets one."""
    yield "\n## Tasks without an answer\n\n| | tasks | got a rate | with high confidence |\n|---|---|---|---|"
    for finder in finders():
        chosen = [one for one in every if one.finder == finder and not one.task.has_answer]
        rates = [one.suggestion for one in chosen if one.suggestion.lr is not None]
        high = sum(suggestion.confidence == "high" for suggestion in rates)
        yield f"| {finder} | {len(chosen)} | {len(rates) / len(chosen):.0%} | {high} |"


def longer(tasks: Sequence[Recording]) -> Iterator[str]:
    """Yield the table of long trainings, searched with 650 iterations and the library's own weights."""
    head = ("horizon, start", "tasks", "median", "p90", f"within {GOOD}", "interval holds", "octaves")
    yield f"\n## Longer trainings\n\n| {' | '.join(head)} |\n|{'---|' * len(head)}"
    for kind, index, horizon in ((kind, *pair) for kind, horizons in HORIZONS.items() for pair in enumerate(horizons)):
        for resumed in (False, True):
            chosen = [task for task in tasks if task.resumed is resumed and task.has_answer]
            found = list(_judged(chosen, kind, index, horizon))
            regret, octaves, held = np.array(found).T
            spread = ", ".join(f"{value:+.1f}" for value in np.nanquantile(octaves, [0.1, 0.5, 0.9]))
            yield (
                f"| {horizon}, {'resumed' if resumed else 'fresh'} | {len(found)} | {np.median(regret):.4f} "
                f"| {np.quantile(regret, 0.9):.3f} | {np.mean(regret <= GOOD):.0%} | {np.nanmean(held):.0%} | {spread} |"
            )


def _judged(tasks: Sequence[Recording], kind: str, index: int, horizon: int) -> Iterator[tuple[float, float, float]]:
    """Yield the regret of each suggestion, its distance from the best rate and whether the interval holds that."""
    for task in tasks:
        ends = long_ends(task, kind)
        regrets_ = None if ends is None else ends.regrets(index)
        if ends is None or regrets_ is None:
            continue
        suggestion = LRFinder(Replayed(task, SWEEPS.values())).suggest(horizon, max_iterations=650)
        best = float(ends.lrs[regrets_.argmin()])
        if suggestion.lr is None:
            yield 1.0, math.nan, math.nan
        else:
            regret = float(np.interp(math.log(suggestion.lr), np.log(ends.lrs), regrets_, right=1.0))
            held = suggestion.low / HALF_RUNG**2 <= best <= suggestion.high * HALF_RUNG**2  # at every octave
            yield regret, math.log2(suggestion.lr / best), float(held)


def main() -> None:
    """Write the tables."""
    warnings.simplefilter("ignore")
    tasks = recordings()
    long_table = list(longer(tasks))  # before the weights are those of a fold
    every = list(answers(tasks))
    lines = [
        "# Regret on generated tasks\n",
        f"{len(tasks)} tasks, {sum(task.has_answer for task in tasks)} with an answer. Each family of data is read with",
        "weights that were fitted to the other families. Made by `benchmarks/suggestion/generated/evaluate.py`.",
        *regrets(every),
        *calibration(every),
        *without_answer(every),
        *long_table,
    ]
    RESULTS.write_text("\n".join(lines) + "\n", encoding="utf-8")
    print("\n".join(lines))


if __name__ == "__main__":
    main()
