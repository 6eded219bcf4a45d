"""Tables of a set of tasks that several orders of the batches judge: fresh and resumed starts apart, floors, confidence."""

from __future__ import annotations

import re
from collections import defaultdict
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from types import ModuleType

    from figures import Judged, Runs

LEAST_FLOOR = 0.02  # tasks with a higher one have no clear best rate
ABOVE_FLOOR = 0.03  # regret that is allowed there, above the floor
GOOD = 0.05
HEADINGS = "regret, median / p90 / mean / within .05 / refused / catastrophes / sd log10"
NOTES = f"""\
### By start

A rate is judged by the mean of several orders of the batches, the search sees one of them. The floor of a task is the mean
regret of the rates that each order alone would choose. Clear: floor below {LEAST_FLOOR}. Others: how often regret is at most
the floor + {ABOVE_FLOOR}. Resumed tasks keep the state of their optimizer. Noisy tasks, fresh and resumed, have batches of 1
to 4 or labels of which most are drawn; they are in the other columns too. Cells: {HEADINGS}."""


def sections(module: ModuleType, runs: Mapping[str, Runs]) -> list[str]:
    """Return the tables in Markdown; nothing for a set of tasks that one order judges."""
    if not hasattr(module, "ORDERS"):
        return []
    resumed = {task.name for task in module.TASKS if task.after}
    groups: dict[str, Callable[[str], bool]] = {
        "fresh": lambda name: name not in resumed,
        "resumed": lambda name: name in resumed,
        "noisy": lambda name: name in module.NOISY,
    }
    return ["", NOTES, "", *_by_start(runs, groups), "", *_by_confidence(runs, groups), "", *_by_task(module, runs)]


def _by_start(runs: Mapping[str, Runs], groups: Mapping[str, Callable[[str], bool]]) -> list[str]:
    lines: list[str] = []
    for name, some in runs.items():
        cells: list[str] = []
        for chosen in groups.values():
            judged = [one for task, seeds in some.by_task.items() if chosen(task) for one in seeds]
            clear, others = ([one for one in judged if _is_clear(one) is wanted] for wanted in (True, False))
            cells += [_figures(clear), _above_floor(others)]
        lines.append(f"| {name} | {' | '.join(cells)} |")
    heads = " | ".join(f"{group}: clear | {group}: others" for group in groups)
    return [f"| finder | {heads} |", f"|---|{'---|' * (2 * len(groups))}", *lines]


def _figures(judged: Sequence[Judged]) -> str:
    """Return the figures of :data:`HEADINGS`, with the numbers of tasks and of runs."""
    if not judged:
        return "-"
    regret = np.array([one.regret for one in judged])
    by_task: defaultdict[str, list[float]] = defaultdict(list)
    for one in judged:
        by_task[one.row.task].append(one.log10_lr)
    spreads = [np.nanstd(lrs, ddof=1) for lrs in by_task.values() if np.isfinite(lrs).sum() > 1]
    values = (
        f"{np.median(regret):.4f}",
        f"{np.quantile(regret, 0.9):.3f}",
        f"{regret.mean():.3f}",
        f"{np.mean(regret <= GOOD):.0%}",
        f"{np.mean([one.refused for one in judged]):.0%}",
        f"{np.mean([one.catastrophe for one in judged]):.0%}",
        f"{np.median(spreads):.3f}" if spreads else "-",
    )
    return f"{' / '.join(values)} ({len(by_task)} tasks, {len(judged)} runs)"


def _above_floor(judged: Sequence[Judged]) -> str:
    if not judged:
        return "-"
    return f"{np.mean([one.regret <= _floor(one) + ABOVE_FLOOR for one in judged]):.0%} of {len(judged)}"


def _by_confidence(runs: Mapping[str, Runs], groups: Mapping[str, Callable[[str], bool]]) -> list[str]:
    """Return how often the interval of our finders holds the best rate, by what they say about their confidence."""
    heads = " | ".join(groups)
    lines = [
        f"| confidence: interval holds the best / regret above {GOOD} / runs | {heads} |",
        f"|---|{'---|' * len(groups)}",
    ]
    for name, some in runs.items():
        for level in ("high", "medium", "low"):
            cells = [
                _calibration([one for task, seeds in some.by_task.items() if chosen(task) for one in seeds], level)
                for chosen in groups.values()
            ]
            if some.kind == "ours" and set(cells) != {"-"}:
                lines.append(f"| {name}, {level} | {' | '.join(cells)} |")
    return lines


def _calibration(judged: Sequence[Judged], level: str) -> str:
    said = [one for one in judged if _confidence(one) == level and not np.isnan(one.covered)]
    if not said:
        return "-"
    held, bad = np.mean([one.covered for one in said]), np.mean([one.regret > GOOD for one in said])
    return f"{held:.0%} / {bad:.0%} / {len(said)}"


def _by_task(module: ModuleType, runs: Mapping[str, Runs]) -> list[str]:
    """Return the median regret over the seeds by task, beside its floor and its best rate."""
    lines = [f"| task | updates before | floor | best rate | {' | '.join(runs)} |", f"|---|---|---|---|{'---|' * len(runs)}"]
    for task in module.TASKS:
        found = [some.by_task.get(task.name, ()) for some in runs.values()]
        known = next((seeds[0] for seeds in found if seeds), None)
        if known is not None:
            cells = [f"{np.median([one.regret for one in seeds]):.3f}" if seeds else "-" for seeds in found]
            head = f"| {task.name} | {task.after} | {_floor(known):.3f} | {known.truth.best_lr:.2g} |"
            lines.append(f"{head} {' | '.join(cells)} |")
    return lines


def _confidence(judged: Judged) -> str:
    """Return the confidence that :func:`ours.probes` stores second, after the status."""
    words = re.split(r"; ", judged.row.says)
    return words[1].lower().rsplit(".", 1)[-1] if len(words) > 1 else ""


def _floor(judged: Judged) -> float:
    return 0.0 if judged.truth.floor is None else judged.truth.floor


def _is_clear(judged: Judged) -> bool:
    return _floor(judged) < LEAST_FLOOR
