"""Find a rate for a skorch classifier that predicts who earns more than 50,000, from the Adult census table.

    python examples/adult_skorch.py --table FILE --out adult

FILE is ``adult.csv.gz``, tab-separated. The script uses its numeric columns. It takes half a minute on 2 cores.
"""

import argparse
import csv
import gzip
import os
from pathlib import Path

import numpy as np
import torch
from skorch import NeuralNetClassifier
from torch import Tensor, nn

import lrfinder
from lrfinder.trainers.skorch import SkorchLearner

SHARED = Path(__file__).resolve().parents[2] / "shared" / "data"
TABLE = Path(os.environ.get("LRFINDER_DATA", SHARED)) / "tabular" / "adult.csv.gz"
NUMBERS = ("age", "education-num", "capital-gain", "capital-loss", "hours-per-week")


def people(table: Path) -> tuple[np.ndarray, np.ndarray]:
    """Return five standardized numbers for each person, shape (people, 5), and whether they earn more, shape (people,)."""
    with gzip.open(table, "rt") as file:
        rows = list(csv.DictReader(file, delimiter="\t"))
    numbers = np.array([[float(row[name]) for name in NUMBERS] for row in rows], dtype=np.float32)
    more = np.array(["<" not in row["label"] and "&lt;" not in row["label"] for row in rows], dtype=np.int64)
    return (numbers - numbers.mean(axis=0)) / numbers.std(axis=0), more


class Classifier(nn.Module):
    """A network with two hidden layers."""

    def __init__(self) -> None:
        super().__init__()
        self.net = nn.Sequential(
            nn.Linear(5, 64), nn.ReLU(), nn.Dropout(0.2), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 2)
        )

    def forward(self, numbers: Tensor) -> Tensor:
        """Map (batch, 5) to (batch, 2)."""
        return self.net(numbers)


def main() -> None:
    """Suggest a rate, then fit at it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--table", type=Path, default=TABLE)
    parser.add_argument("--out", type=Path, default=Path("adult"))
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(0)
    numbers, more = people(options.table)
    net = NeuralNetClassifier(
        Classifier, criterion=nn.CrossEntropyLoss, optimizer=torch.optim.Adam, batch_size=128, max_epochs=3,
        iterator_train__shuffle=True,
    )  # fmt: skip
    learner = SkorchLearner(net, numbers, more)
    suggestion = lrfinder.LRFinder(learner).suggest(horizon=3 * len(more) // 128)
    suggestion.plot().figure.savefig(options.out / "suggestion.png")
    print(suggestion.explain())
    learner.set_rate(suggestion)
    net.fit(numbers, more)


if __name__ == "__main__":
    main()
