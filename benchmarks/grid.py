"""The time that Ray saves: a grid of 16 cells, and a search, in this process and on all processors of this machine.

    OMP_NUM_THREADS=1 python benchmarks/grid.py

Prints seconds: the start of Ray and its workers; the grid in this process and on running Ray; the search likewise. The two
of a pair alternate three times, and their medians are compared. The script asserts that their results are equal.
"""

import os
import statistics
import time
from collections.abc import Callable

import torch
from sklearn.datasets import load_digits
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

import lrfinder
from lrfinder.executors import Ray
from lrfinder.torch import TorchLearner

ROUNDS = 3
AXES: dict[str, list[float]] = {"weight_decay": [0.0, 1e-3, 1e-2, 1e-1], "momentum": [0.0, 0.5, 0.9, 0.95]}


def make_learner(weight_decay: float = 0.0, momentum: float = 0.9) -> TorchLearner:
    """Build a convolutional network on scikit-learn's digits; an iteration takes some milliseconds on one processor."""
    torch.set_num_threads(1)
    torch.manual_seed(0)
    pixels, labels = load_digits(return_X_y=True)
    images = torch.tensor(pixels, dtype=torch.float32).reshape(-1, 1, 8, 8) / 16
    layers = [nn.Conv2d(1, 32, 3, padding=1), nn.ReLU(), nn.Conv2d(32, 32, 3, padding=1), nn.ReLU(), nn.Flatten()]
    model = nn.Sequential(*layers, nn.Linear(32 * 64, 10))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01, momentum=momentum, weight_decay=weight_decay)
    data = DataLoader(TensorDataset(images, torch.tensor(labels)), batch_size=64, shuffle=True)
    return TorchLearner(model, optimizer, nn.CrossEntropyLoss(), data)


def seconds(work: Callable[[], object]) -> tuple[float, object]:
    """Return the seconds that ``work`` takes, and its result."""
    start = time.perf_counter()
    result = work()
    return time.perf_counter() - start, result


def compare(name: str, work: Callable[[Ray | None], object], executor: Ray) -> None:
    """Run the work here and on Ray in turn, and print both times and their ratio."""
    here, there = [], []
    for _ in range(ROUNDS):
        duration, expected = seconds(lambda: work(None))
        here.append(duration)
        duration, result = seconds(lambda: work(executor))
        there.append(duration)
        assert result == expected, f"{name}: another result"
    alone, on_ray = statistics.median(here), statistics.median(there)
    print(f"{name:30} {alone:8.1f} s in this process {on_ray:8.1f} s on Ray {on_ray / alone:8.2f} of it")


def main() -> None:
    """Print the table."""
    import ray

    print(f"{os.cpu_count()} cores, Ray {ray.__version__}, PyTorch {torch.__version__}, medians of {ROUNDS} rounds in turn")
    executor = Ray()
    start, _ = seconds(lambda: ray.init(include_dashboard=False, log_to_driver=False, logging_level="ERROR"))
    first, _ = seconds(lambda: lrfinder.grid(make_learner, momentum=[0.0, 0.9], executor=executor))
    print(f"start-up: {start:.1f} s until Ray runs, {first:.1f} s for its first two cells, in which its workers start")
    compare("grid of 16 cells", lambda where: lrfinder.grid(make_learner, AXES, executor=where), executor)
    compare("search of 650 iterations", lambda where: lrfinder.suggest(make_learner, executor=where), executor)
    ray.shutdown()


if __name__ == "__main__":
    main()
