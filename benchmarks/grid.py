"""What Ray saves: a grid of 16 cells, and a search, in this process and on the processors of this machine.

    OMP_NUM_THREADS=1 python benchmarks/grid.py

Prints, in seconds: starting Ray and its workers; the grid in this process and on Ray that is running; the search likewise.
Each pair is made in turn, three times, and the medians are compared. The answers are checked to be the same.
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
    """A convolutional network on scikit-learn's digits: some milliseconds an iteration on one processor."""
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
    """How long ``work`` takes, and what it returns."""
    start = time.perf_counter()
    result = work()
    return time.perf_counter() - start, result


def compare(name: str, work: Callable[[Ray | None], object], executor: Ray) -> None:
    """Make it here and on Ray in turn; print both and their ratio."""
    here, there = [], []
    for _ in range(ROUNDS):
        took, answer = seconds(lambda: work(None))
        here.append(took)
        took, same = seconds(lambda: work(executor))
        there.append(took)
        assert same == answer, f"{name}: another answer"
    alone, on_ray = statistics.median(here), statistics.median(there)
    print(f"{name:30} {alone:8.1f} s in this process {on_ray:8.1f} s on Ray {on_ray / alone:8.2f} of it")


def main() -> None:
    """Print the table."""
    import ray

    print(f"{os.cpu_count()} cores, Ray {ray.__version__}, PyTorch {torch.__version__}, medians of {ROUNDS} rounds in turn")
    executor = Ray()
    took, _ = seconds(lambda: ray.init(include_dashboard=False, log_to_driver=False, logging_level="ERROR"))
    first, _ = seconds(lambda: lrfinder.grid(make_learner, momentum=[0.0, 0.9], executor=executor))
    print(f"start-up: {took:.1f} s until Ray runs, {first:.1f} s for its first two cells, in which its workers start")
    compare("grid of 16 cells", lambda where: lrfinder.grid(make_learner, AXES, executor=where), executor)
    compare("search of 650 iterations", lambda where: lrfinder.suggest(make_learner, executor=where), executor)
    ray.shutdown()


if __name__ == "__main__":
    main()
