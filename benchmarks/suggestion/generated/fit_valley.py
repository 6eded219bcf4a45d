"""Measure the valley: how regrets grow beside the best rate, and how the best rate moves while a training goes on.

python benchmarks/suggestion/generated/fit_valley.py     # writes src/lrfinder/_search/valley.json
"""

from __future__ import annotations

import json
import math
import sys
from pathlib import Path
from typing import TYPE_CHECKING

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE), str(HERE.parents[2] / "src")]

import numpy as np  # noqa: E402  (found on the path above)
from recording import Recording, recordings  # noqa: E402

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

OUTPUT = HERE.parents[2] / "src" / "lrfinder" / "_search" / "valley.json"
OFFSETS = (-10, -8, -6, -5, -4, -3, -2, -1.5, -1, -0.5, 0, 0.5, 1, 1.5, 2, 3, 4, 6)  # octaves
FRACTIONS = (0.08, 0.133, 0.2, 0.333, 0.5, 0.667, 1.0)
QUANTILES = (0.15, 0.5, 0.85)  # of the regrets at each offset: a wide, a usual and a narrow valley
FLOOR = 0.03  # tasks with a higher one have no clear best rate
SCORE_FRACTION = 0.2  # as lrfinder.analysis.endings
LEAST_DEVIATION = 0.3


def measured(tasks: Sequence[Recording], fraction: float) -> tuple[Floats, list[float]]:
    """Return the quantiles of the regrets after a part of the training, and its drift."""
    regrets, drifts = [], []
    for task in tasks:
        length = round(fraction * task.losses.shape[1])
        window = max(3, round(SCORE_FRACTION * length))
        ends = task.losses[:, length - window : length].mean(axis=1)
        ends = np.where(np.isfinite(ends), ends, np.inf)
        best = int(ends.argmin())
        learned = task.untrained[length - window : length].mean() - ends[best]
        if learned > 0:
            row = np.clip((ends - ends[best]) / learned, 0, 1)
            regrets.append(np.interp(best + 2 * np.array(OFFSETS), np.arange(len(row)), row, right=1))
            drifts.append(math.log2(task.lrs[best] / task.best_lr))
    least, low, high, most = np.quantile(drifts, [0.1, 0.16, 0.84, 0.9])
    middle = float(np.clip(drifts, least, most).mean())
    return np.quantile(regrets, QUANTILES, axis=0), [middle, max(LEAST_DEVIATION, float(high - low) / 2)]


def main() -> None:
    """Write the file."""
    tasks = [task for task in recordings() if task.has_answer and task.floor < FLOOR]
    found: dict[str, object] = {"made by": "benchmarks/suggestion/generated/fit_valley.py", "tasks": len(tasks)}
    found |= {"offsets": OFFSETS, "fractions": FRACTIONS}
    for name, trained in (("new", False), ("trained", True)):
        rows = [measured([task for task in tasks if task.facts.trained is trained], fraction) for fraction in FRACTIONS]
        regrets = [[[round(float(value), 3) for value in line] for line in row] for row, _ in rows]
        found[name] = {"regrets": regrets, "drift": [[round(value, 3) for value in drift] for _, drift in rows]}
        print(name, found[name]["drift"])
    lines = json.dumps(found).replace("], [", "],\n [").replace('], "', '],\n "').replace('}, "', '},\n "')
    OUTPUT.write_text(lines + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
