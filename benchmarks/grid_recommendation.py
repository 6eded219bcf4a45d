"""How well the combination that a grid recommends trains, beside all the others.

    OMP_NUM_THREADS=1 python benchmarks/grid_recommendation.py [--suggest]

Two tasks: scikit-learn's digits and 2,000 rows of California housing (``$LRFINDER_DATA/tabular``). Each combination of
weight decay and momentum is trained at its own rate; what counts is the loss on rows that the grid never saw, means over
two other seeds. Prints every combination, the recommended and the best one, and how the recommended one ranks.
"""

import argparse
import csv
import functools
import os
from pathlib import Path

import numpy as np
import torch
from sklearn.datasets import load_digits
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset

import lrfinder
from lrfinder.torch import TorchLearner

AXES: dict[str, list[float]] = {"weight_decay": [0.0, 1e-3, 1e-2, 1e-1], "momentum": [0.5, 0.9, 0.95, 0.99]}
SEEDS, OTHER_SEEDS = (0, 1), (10, 11)
HORIZON, BATCH = 600, 64
BESIDE = Path(__file__).resolve().parents[2] / "shared" / "data"


class Task:
    """Rows to train on, rows to test on, and the network between."""

    def __init__(self, inputs: np.ndarray, targets: Tensor, rows: int, outputs: int, loss: nn.Module) -> None:
        order = np.random.default_rng(0).permutation(len(inputs))
        features = torch.tensor(inputs, dtype=torch.float32)
        self.train = features[order[:rows]], targets[order[:rows]]
        self.test = features[order[rows:]], targets[order[rows:]]
        self.outputs, self.loss = outputs, loss

    def network(self, seed: int) -> nn.Module:
        """Two hidden layers of 128."""
        torch.manual_seed(seed)
        width = self.train[0].shape[1]
        return nn.Sequential(nn.Linear(width, 128), nn.ReLU(), nn.Linear(128, 128), nn.ReLU(), nn.Linear(128, self.outputs))

    def learner(self, weight_decay: float, momentum: float, seed: int) -> TorchLearner:
        """What the grid calls."""
        model = self.network(seed)
        optimizer = torch.optim.SGD(model.parameters(), lr=0.01, momentum=momentum, weight_decay=weight_decay)
        return TorchLearner(model, optimizer, self.loss, DataLoader(TensorDataset(*self.train), BATCH, shuffle=True))

    def tested(self, settings: dict[str, float], lr: float, seed: int) -> float:
        """The loss on the test rows after a training of the horizon."""
        model = self.network(seed)
        optimizer = torch.optim.SGD(model.parameters(), lr=lr, **settings)
        for _ in range(HORIZON):
            rows = torch.randint(len(self.train[0]), (BATCH,))
            optimizer.zero_grad()
            self.loss(model(self.train[0][rows]), self.train[1][rows]).backward()
            optimizer.step()
        with torch.no_grad():
            return float(self.loss(model(self.test[0]), self.test[1]))


def digits() -> Task:
    """1,797 images of handwritten digits, 1,200 to train on."""
    pixels, labels = load_digits(return_X_y=True)
    return Task(pixels / 16, torch.tensor(labels), 1200, 10, nn.CrossEntropyLoss())


def housing() -> Task:
    """The numbers of California housing, standardised; 2,000 rows to train on."""
    path = Path(os.environ.get("LRFINDER_DATA", BESIDE)) / "tabular" / "california_housing.csv"
    with path.open() as file:
        rows = [{key: value for key, value in row.items() if key != "ocean_proximity"} for row in csv.DictReader(file)]
    table = np.array([[float(value) for value in row.values()] for row in rows if all(row.values())])
    table = (table - table.mean(axis=0)) / table.std(axis=0)
    price = list(rows[0]).index("median_house_value")
    targets = torch.tensor(table[:, [price]], dtype=torch.float32)
    return Task(np.delete(table, price, axis=1), targets, 2000, 1, nn.MSELoss())


def report(name: str, task: Task, each: functools.partial[lrfinder.Suggestion] | None) -> None:
    """Make the grid, train everything, print."""
    experiment = {} if each is None else {"each": each}
    grid = lrfinder.grid(task.learner, {**AXES, "seed": SEEDS}, **experiment)
    told = grid.recommended
    assert told is not None
    losses: dict[str, float] = {}
    for one in grid.combinations:
        settings, lr = dict(one.settings), one.lr
        tested = [np.inf] if lr is None else [task.tested(settings, lr, seed) for seed in OTHER_SEEDS]
        loss = losses[str(settings)] = float(np.mean(tested))
        print(f"  {settings}  rate {lr or 0:.3g}  lowest in the grid {one.lowest:.3f}  test loss {loss:.4f}", flush=True)
    chosen, best = str(dict(told.settings)), min(losses, key=losses.__getitem__)
    rank = sorted(losses.values()).index(losses[chosen]) + 1
    print(f"{name}, {grid.each}: recommended {chosen} with {losses[chosen]:.4f}, {rank} of {len(losses)}")
    print(f"  best {best} with {losses[best]:.4f}")


def main() -> None:
    """Print both tasks."""
    torch.set_num_threads(1)
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--suggest", action="store_true", help="a suggest in each cell, not a range test")
    each = functools.partial(lrfinder.LRFinder.suggest, horizon=HORIZON) if arguments.parse_args().suggest else None
    report("digits", digits(), each)
    report("housing", housing(), each)


if __name__ == "__main__":
    main()
