"""Find a rate for training in Ignite: house prices in California, with averaged weights.

    python examples/housing_ignite.py --table FILE --out housing

FILE is ``california_housing.csv``. The script takes half a minute on 2 cores.
"""

import argparse
import os
from pathlib import Path

import numpy as np
import torch
from ignite.engine import Events, create_supervised_trainer
from ignite.handlers import EMAHandler
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

import lrfinder
from lrfinder.torch import schedules
from lrfinder.trainers.ignite import EngineLearner

SHARED = Path(__file__).resolve().parents[2] / "shared" / "data"
TABLE = Path(os.environ.get("LRFINDER_DATA", SHARED)) / "tabular" / "california_housing.csv"


def houses(table: Path) -> TensorDataset:
    """Return eight numbers for each district, and its price, all standardized. Districts with missing values are dropped."""
    numbers = np.genfromtxt(table, delimiter=",", skip_header=1, usecols=range(9), dtype=np.float32)
    numbers = numbers[~np.isnan(numbers).any(axis=1)]
    numbers = (numbers - numbers.mean(axis=0)) / numbers.std(axis=0)
    return TensorDataset(torch.from_numpy(numbers[:, :8]), torch.from_numpy(numbers[:, 8:]))


def main() -> None:
    """Suggest a rate, then train at it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--table", type=Path, default=TABLE)
    parser.add_argument("--out", type=Path, default=Path("housing"))
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(0)
    loader = DataLoader(houses(options.table), batch_size=128, shuffle=True, drop_last=True)
    model = nn.Sequential(nn.Linear(8, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 1))
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    trainer = create_supervised_trainer(model, optimizer, nn.MSELoss())
    EMAHandler(model, momentum=0.01).attach(trainer)
    losses: list[float] = []
    trainer.add_event_handler(Events.ITERATION_COMPLETED, lambda engine: losses.append(engine.state.output))

    learner = EngineLearner(trainer, optimizer, loader)
    updates = 3 * len(loader)
    suggestion = lrfinder.LRFinder(learner).suggest(horizon=updates, schedule=lrfinder.one_cycle)
    suggestion.plot().figure.savefig(options.out / "suggestion.png")
    print(suggestion.explain())
    learner.set_rate(suggestion, schedule=lambda optimizer, rate: schedules.one_cycle(optimizer, rate, updates))
    trainer.run(loader, max_epochs=3)
    print(f"{len(losses)} updates; loss {losses[0]:.3f} at the start, {np.mean(losses[-updates // 10 :]):.3f} at the end")


if __name__ == "__main__":
    main()
