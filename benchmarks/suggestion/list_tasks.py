"""List the tasks: name, family, optimizer, CPU milliseconds to build and per step on one thread, horizons."""

from __future__ import annotations

import argparse
import time
from importlib import import_module
from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from task import Task

STEPS = 50


def cost(task: Task) -> tuple[float, float]:
    """Return the CPU milliseconds to build a task with 300 batches, its data already read, and per iteration."""
    task.training(0)
    begin = time.process_time()
    training = task.training(0)
    built = time.process_time()
    learner = training.learner(1e-6)
    learner.iteration(1e-6)
    first = time.process_time()
    for _ in range(STEPS):
        learner.iteration(1e-6)
    return 1e3 * (built - begin), 1e3 * (time.process_time() - first) / STEPS


def main() -> None:
    """Print a line for each task of the set, and the mean."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("tasks", choices=("development", "heldout", "heldout_resumed"))
    chosen = import_module(parser.parse_args().tasks)
    torch.set_num_threads(1)
    steps = []
    for task in (*chosen.TASKS, *chosen.REFUSALS):
        build, step = cost(task)
        steps.append(step)
        print(f"{task.name:32} {task.family:34} {task.optimizer:9} {build:5.0f} {step:6.2f}  {task.horizons}", flush=True)
    mean = sum(steps) / len(steps)
    print(f"{len(chosen.TASKS)} tasks and {len(chosen.REFUSALS)} refusals, {mean:.2f} ms per step on average")


if __name__ == "__main__":
    main()
