"""The experiment of MXNet Gluon's learning-rate-finder tutorial, with lrfinder instead of its hand-written classes.

A pre-activation ResNet-18 (``resnet18_v2(classes=10)``) on CIFAR-10, each channel normalized, batches of 128, plain SGD: the
range test, then 300 iterations at 0.05, ten times more and ten times less, from the same start and on the same batches.

    python examples/tutorial_gluon.py --root FOLDER --out tutorial --seeds 0,1,2

FOLDER holds the official binary files, ``data_batch_1.bin`` to ``data_batch_5.bin``. About 0.2 s an iteration on 2 cores:
four minutes a seed; ``--iterations`` shortens the check.

As a factory for the command line:  lrfinder find examples/tutorial_gluon.py:cifar10_learner -o curve.png
"""

import argparse
import os
from contextlib import closing
from pathlib import Path

import numpy as np
from rich.console import Console

import lrfinder
from lrfinder.gluon import ContinuousBatchSampler, GluonLearner
from lrfinder.gluon._framework import mx
from lrfinder.views.describe import verdict

BESIDE = Path(__file__).resolve().parents[2] / "shared" / "data"
ROOT = Path(os.environ.get("LRFINDER_DATA", BESIDE)) / "cifar-10-batches-bin"
LRS = (0.05, 0.5, 0.005)
LAST = 20


def cifar10_learner(root: Path = ROOT, seed: int = 42) -> GluonLearner:
    """Return the tutorial's learner, with seeds for NumPy's generator (the sampler) and MXNet's (the network)."""
    mx.npx.set_np()
    mx.random.seed(seed)
    np.random.seed(seed)  # noqa: NPY002  (gluon's RandomSampler draws from the legacy generator)
    vision = mx.gluon.data.vision
    normalized = vision.transforms.Normalize([0.4914, 0.4822, 0.4465], [0.2023, 0.1994, 0.2010])
    transform = vision.transforms.Compose([vision.transforms.ToTensor(), normalized])
    images = vision.datasets.CIFAR10(root=str(root), train=True).transform_first(transform)
    batches = ContinuousBatchSampler(mx.gluon.data.RandomSampler(len(images)), batch_size=128)
    net = mx.gluon.model_zoo.vision.resnet18_v2(classes=10)
    return GluonLearner(net, mx.gluon.data.DataLoader(images, batch_sampler=batches))


def main() -> None:
    """Run the experiment for each seed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--root", type=Path, default=ROOT, help="folder of the official binary files")
    parser.add_argument("--out", type=Path, default=Path("tutorial"), help="folder for results and figures")
    parser.add_argument("--iterations", type=int, default=300, help="iterations at each rate of the check")
    parser.add_argument("--seeds", default="42", help="seeds, separated by commas")
    arguments = parser.parse_args()
    if not arguments.root.is_dir():
        parser.error(f"{arguments.root} is not a folder; give the one that holds data_batch_1.bin with --root.")
    arguments.out.mkdir(parents=True, exist_ok=True)
    for seed in arguments.seeds.split(","):
        with closing(cifar10_learner(arguments.root, int(seed))) as learner:
            run(learner, arguments.out, seed, arguments.iterations)


def run(learner: GluonLearner, out: Path, seed: str, iterations: int) -> None:
    """Run the range test and the check of one seed; results and figures go to ``out``."""
    console = Console()
    finder = lrfinder.LRFinder(learner)
    result = finder.find(lr_start=1e-6, lr_multiplier=1.1, smoothing=0.3)
    result.to_json(out / f"range-test-{seed}.json")
    finder.plot().figure.savefig(out / f"range-test-{seed}.png")
    console.print(f"seed {seed}\n{verdict(result)}", highlight=False)
    check = finder.compare(LRS, iterations)
    check.to_json(out / f"check-{seed}.json")
    check.plot().figure.savefig(out / f"check-{seed}.png")
    console.print(check, verdict(check))
    for lr, losses in zip(check.lrs, check.losses[:, -LAST:], strict=True):
        last = f"mean {losses.mean():.4f}, standard deviation {losses.std(ddof=1):.4f} over the last {len(losses)}"
        console.print(f"{lr:g}: final {losses[-1]:.4f}; {last}", highlight=False)


if __name__ == "__main__":
    main()
