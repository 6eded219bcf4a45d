"""One call, or the trainings that judge it, in a process of its own.

python benchmarks/calls/one_process.py call CALLER WORKLOAD SEED       prints its answer and its cost as JSON
python benchmarks/calls/one_process.py truth ROWS WORKLOAD SEED        appends the trainings of the truth to the file
python benchmarks/calls/one_process.py train ROWS WORKLOAD SEED LR...  appends trainings at these rates
"""

from __future__ import annotations

import json
import logging
import os
import resource
import sys
import warnings
from contextlib import redirect_stdout
from importlib.metadata import version
from pathlib import Path

import torch
from workloads import Training


def call(caller: str, workload: str, seed: str) -> None:
    """Make a call, and print its answer, its processor time since the start of the process, and its peak of memory."""
    from callers import CALLERS

    with Path(os.devnull).open("w") as nowhere, redirect_stdout(nowhere):  # progress of other packages
        call_it, package = CALLERS[caller]
        lr, iterations = call_it(Training(workload, int(seed)))
    usage = resource.getrusage(resource.RUSAGE_SELF)
    cost = {"seconds": usage.ru_utime + usage.ru_stime, "peak_mb": usage.ru_maxrss / 1024}
    named = {"version": version(package)} if package else {}
    print(json.dumps({"lr": lr, "iterations": iterations, **cost, **named}))


def truth(rows: str, workload: str, seed: str) -> None:
    """Train at the rates that the truth needs, except those in the file."""
    from judge import truth_of

    truth_of(rows, workload, int(seed), Training(workload, int(seed)))


def train(rows: str, workload: str, seed: str, *lrs: str) -> None:
    """Train at these rates, except those in the file."""
    from judge import Judge

    judge = Judge(rows, workload, int(seed), Training(workload, int(seed)))
    for lr in lrs:
        judge.training(float(lr))


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    logging.disable()
    torch.set_num_threads(1)
    {"call": call, "truth": truth, "train": train}[sys.argv[1]](*sys.argv[2:])
