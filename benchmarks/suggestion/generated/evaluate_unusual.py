"""Evaluate the curve and the search on recorded tasks of kinds that nothing was fitted to: losses without a floor, and more.

python benchmarks/suggestion/generated/evaluate_unusual.py     # seconds; writes results/unusual.md
"""

from __future__ import annotations

import sys
import warnings
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE), str(HERE.parent), str(HERE.parents[2] / "src")]

from evaluate import FLOOR, HEAD, Answer, finders, row  # noqa: E402  (found on the path above)
from provenance import provenance  # noqa: E402
from record import SWEEPS, UNUSUAL_RECORDINGS  # noqa: E402
from recording import Recording, Replayed, recordings  # noqa: E402
from sources import UNUSUAL  # noqa: E402

from lrfinder import LRFinder  # noqa: E402

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

RESULTS = HERE.parent / "results" / "unusual.md"
ENDLESS = "critic"  # the family whose loss falls without end
STARTS: dict[str, Callable[[Recording], bool]] = {
    "fresh": lambda task: not task.resumed,
    "after 100 steps": lambda task: task.settings["kind"] == "after100",
    "after a schedule of 400": lambda task: task.settings["kind"] == "after400",
}


def answers(tasks: Sequence[Recording]) -> list[Answer]:
    """Return the answers of every finder to every task."""
    return [
        Answer(task, name, find(LRFinder(Replayed(task, SWEEPS.values()))))
        for task in tasks
        for name, find in finders().items()
    ]


def regrets(every: Sequence[Answer]) -> Iterator[str]:
    """Yield the table of regrets, by family and by start, of tasks with a clear best rate."""
    yield f"\n## Regrets\n\n| {' | '.join(HEAD)} |\n|{'---|' * len(HEAD)}"
    clear = [one for one in every if one.task.has_answer and one.task.floor < FLOOR and _family(one) != ENDLESS]
    groups = {family: [one for one in clear if _family(one) == family] for family in UNUSUAL}
    groups |= {start: [one for one in clear if belongs(one.task)] for start, belongs in STARTS.items()}
    for group, some in groups.items():
        for finder in finders():
            chosen = [one for one in some if one.finder == finder]
            if chosen:
                yield row(f"{group}: {finder}", chosen)


def endless(every: Sequence[Answer]) -> Iterator[str]:
    """Yield what the finders say where the loss falls without end."""
    yield "\n## Losses that fall without end\n\n| | tasks | what they say | highest rate |\n|---|---|---|---|"
    for finder in finders():
        chosen = [one for one in every if one.finder == finder and _family(one) == ENDLESS]
        says = Counter(f"{one.suggestion.status}, {one.suggestion.confidence}" for one in chosen)
        highest = max((one.suggestion.lr for one in chosen if one.suggestion.lr is not None), default=0.0)
        listed = "; ".join(f"{name}: {count}" for name, count in says.most_common())
        yield f"| {finder} | {len(chosen)} | {listed} | {f'{highest:.2g}' if highest else '-'} |"


def others(every: Sequence[Answer]) -> Iterator[str]:
    """Yield what the finders say where there is no answer, or none that is clear."""
    yield "\n## Tasks without a clear answer\n\n| | tasks | what they say |\n|---|---|---|"
    for finder in finders():
        unclear = [one for one in every if not (one.task.has_answer and one.task.floor < FLOOR) and _family(one) != ENDLESS]
        chosen = [one for one in unclear if one.finder == finder]
        says = Counter(f"{one.suggestion.status}, {one.suggestion.confidence}" for one in chosen)
        yield f"| {finder} | {len(chosen)} | {'; '.join(f'{name}: {count}' for name, count in says.most_common())} |"


def _family(answer: Answer) -> str:
    return str(answer.task.settings["family"])


def main() -> None:
    """Write the tables."""
    warnings.simplefilter("ignore")
    tasks = recordings(UNUSUAL_RECORDINGS)
    every = answers(tasks)
    lines = [
        "# Regret on unusual tasks\n",
        f"{provenance(('numpy',))}. Made by",
        f"`benchmarks/suggestion/generated/evaluate_unusual.py` from {len(tasks)} tasks. Nothing is fitted to them:",
        "the library reads them with its own weights. Columns as in `generated.md`.",
        *regrets(every),
        *endless(every),
        *others(every),
    ]
    RESULTS.write_text("\n".join(lines) + "\n", encoding="utf-8")
    print("\n".join(lines))


if __name__ == "__main__":
    main()
