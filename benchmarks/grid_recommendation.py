"""The test loss of the combination that a grid recommends, compared with all others.

    OMP_NUM_THREADS=1 python benchmarks/grid_recommendation.py [--suggest]

Two tasks: scikit-learn's digits and 2,000 rows of California housing (``$LRFINDER_DATA/tabular``). Each combination of
weight decay and momentum trains at its own rate. The test loss is the mean over two other seeds, on rows that the grid never
saw. Prints every combination, the recommended one with its rank, and the best one.
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
DATA = Path(__file__).resolve().parents[2] / "shared" / "data"


class Task:
    """Rows for training, rows for tests, and a network."""

    def __init__(self, inputs: np.ndarray, targets: Tensor, rows: int, outputs: int, loss: nn.Module) -> None:
        order = np.random.default_rng(0).permutation(len(inputs))
        features = torch.tensor(inputs, dtype=torch.float32)
        self.train = features[order[:rows]], targets[order[:rows]]
        self.test = features[order[rows:]], targets[order[rows:]]
        self.outputs, self.loss = outputs, loss

    def network(self, seed: int) -> nn.Module:
        """Build a network with two hidden layers of 128 units."""
        torch.manual_seed(seed)
        width = self.train[0].shape[1]
        return nn.Sequential(nn.Linear(width, 128), nn.ReLU(), nn.Linear(128, 128), nn.ReLU(), nn.Linear(128, self.outputs))

    def learner(self, weight_decay: float, momentum: float, seed: int) -> TorchLearner:
        """Build a learner; the factory of the grid."""
        model = self.network(seed)
        optimizer = torch.optim.SGD(model.parameters(), lr=0.01, momentum=momentum, weight_decay=weight_decay)
        return TorchLearner(model, optimizer, self.loss, DataLoader(TensorDataset(*self.train), BATCH, shuffle=True))

    def test_loss(self, settings: dict[str, float], lr: float, seed: int) -> float:
        """Train for the horizon and return the loss on the test rows."""
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
    """Return 1,797 images of handwritten digits, 1,200 of them for training."""
    pixels, labels = load_digits(return_X_y=True)
    return Task(pixels / 16, torch.tensor(labels), 1200, 10, nn.CrossEntropyLoss())


def housing() -> Task:
    """Return the standardized numbers of California housing, 2,000 rows of them for training."""
    path = Path(os.environ.get("LRFINDER_DATA", DATA)) / "tabular" / "california_housing.csv"
    with path.open() as file:
        rows = [{key: value for key, value in row.items() if key != "ocean_proximity"} for row in csv.DictReader(file)]
    table = np.array([[float(value) for value in row.values()] for row in rows if all(row.values())])
    table = (table - table.mean(axis=0)) / table.std(axis=0)
    price = list(rows[0]).index("median_house_value")
    targets = torch.tensor(table[:, [price]], dtype=torch.float32)
    return Task(np.delete(table, price, axis=1), targets, 2000, 1, nn.MSELoss())


def report(name: str, task: Task, each: functools.partial[lrfinder.Suggestion] | None) -> None:
    """Run the grid, train every combination, and print the table."""
    experiment = {} if each is None else {"each": each}
    grid = lrfinder.grid(task.learner, {**AXES, "seed": SEEDS}, **experiment)
    recommended = grid.recommended
    assert recommended is not None
    losses: dict[str, float] = {}
    for one in grid.combinations:
        settings, lr = dict(one.settings), one.lr
        test_losses = [np.inf] if lr is None else [task.test_loss(settings, lr, seed) for seed in OTHER_SEEDS]
        loss = losses[str(settings)] = float(np.mean(test_losses))
        print(f"  {settings}  rate {lr or 0:.3g}  lowest in the grid {one.lowest:.3f}  test loss {loss:.4f}", flush=True)
    chosen, best = str(dict(recommended.settings)), min(losses, key=losses.__getitem__)
    rank = sorted(losses.values()).index(losses[chosen]) + 1
    print(f"{name}, {grid.each}: recommended {chosen} with {losses[chosen]:.4f}, {rank} of {len(losses)}")
    print(f"  best {best} with {losses[best]:.4f}")


def main() -> None:
    """Print the tables of both tasks."""
    torch.set_num_threads(1)
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--suggest", action="store_true", help="a suggest in each cell, not a range test")
    each = functools.partial(lrfinder.LRFinder.suggest, horizon=HORIZON) if arguments.parse_args().suggest else None
    report("digits", digits(), each)
    report("housing", housing(), each)


if __name__ == "__main__":
    main()
