"""The trainings at one rate each that judge an answer; their final losses are stored, so that each is trained once."""

from __future__ import annotations

import math
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import numpy as np
from rows import append, read

sys.path.append(str(Path(__file__).parents[1] / "suggestion"))  # for the definition of regret
from truth import Truth, final, measured

if TYPE_CHECKING:
    from workloads import Training

DEFAULT_LR = 1e-3  # the grid of the truth begins around it


class Judge:
    """Trainings of one workload at one seed, all from the same weights and on the same batches.

    Args:
        file: the rows.
        workload: the name of the workload.
        seed: the seed.
        trained: its training; None if all results are in the file.
    """

    def __init__(self, file: str | Path, workload: str, seed: int, trained: Training | None = None) -> None:
        self.file = file
        self.names = {"kind": "training", "workload": workload, "seed": seed}
        self.trained = trained
        self.ends: dict[float, float | None] = {row["lr"]: row["end"] for row in read(file, **self.names)}

    def training(self, lr: float) -> Any:
        """Return the final loss at ``lr``, shape ``(1,)``; infinite if the training diverged."""
        if lr not in self.ends:
            if self.trained is None:
                message = f"The training at {lr:g} is not in {self.file}; {self.names}."
                raise LookupError(message)
            self.trained.start(self.names["seed"], lr)
            end = final(np.array(self.trained.train(self.trained.horizon)))
            self.ends[lr] = end if math.isfinite(end) else None
            append(self.file, {**self.names, "lr": lr, "horizon": self.trained.horizon, "end": self.ends[lr]})
        end = self.ends[lr]
        return np.array([math.inf if end is None else end])

    def held_out(self, _: float) -> None:
        """Return None: these workloads have no held-out data."""


def truth_of(file: str | Path, workload: str, seed: int, trained: Training | None = None) -> Truth:
    """Return the truth of ``benchmarks/suggestion``: the final losses at the rates of its grid."""
    judge = Judge(file, workload, seed, trained)
    task = SimpleNamespace(name=workload, default_lr=DEFAULT_LR)
    case: Any = SimpleNamespace(task=task, seed=seed, judge=judge, orders=None)
    return measured(case)
