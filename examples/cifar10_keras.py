"""The range test and the three-rate check in Keras, on any backend: a pre-activation ResNet-18 on CIFAR-10.

The network of Gluon's ``resnet18_v2(classes=10)`` (7 x 7 stem with stride 2, max-pooling), batches of 128, each channel
normalized, plain SGD: the experiment of ``cifar10_torch.py``.

    KERAS_BACKEND=jax python examples/cifar10_keras.py --root FOLDER --out cifar10

FOLDER holds the official binary files, ``data_batch_1.bin`` to ``data_batch_5.bin``. On a CPU an iteration takes seconds.
``--batch-size 32`` and ``--multiplier 1.3`` shorten the range test to a few minutes, ``--iterations 40`` shortens the check.

As a factory for the command line:  lrfinder find examples/cifar10_keras.py:cifar10_learner -o curve.png
"""

import argparse
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import keras
import numpy as np
from keras import layers
from rich.console import Console

import lrfinder
from lrfinder.keras import KerasLearner
from lrfinder.views.describe import verdict

BESIDE = Path(__file__).resolve().parents[2] / "shared" / "data"
ROOT = Path(os.environ.get("LRFINDER_DATA", BESIDE)) / "cifar-10-batches-bin"


def convolution(x: Any, channels: int, size: int, stride: int) -> Any:
    """Apply a square convolution without bias, padded equally on both sides so that only its stride changes the size."""
    x = layers.ZeroPadding2D(size // 2)(x)
    return layers.Conv2D(channels, size, stride, use_bias=False, kernel_initializer="glorot_uniform")(x)


def activated(x: Any) -> Any:
    """Apply batch normalization, its running statistics as slow as Gluon's, and ReLU."""
    return layers.ReLU()(layers.BatchNormalization(momentum=0.9, epsilon=1e-5)(x))


def pre_activation_block(x: Any, channels: int, stride: int) -> Any:
    """Apply two 3 x 3 convolutions, each after batch normalization and ReLU, around an identity (He et al. 2016)."""
    active = activated(x)
    residual = convolution(activated(convolution(active, channels, 3, stride)), channels, 3, 1)
    same = stride == 1 and x.shape[-1] == channels
    return layers.Add()([residual, x if same else convolution(active, channels, 1, stride)])


def resnet18_v2(classes: int) -> keras.Model:
    """Return the pre-activation ResNet-18 of Gluon's model zoo; (batch, 32, 32, 3) to (batch, classes)."""
    images = keras.Input((32, 32, 3))
    x = layers.BatchNormalization(momentum=0.9, epsilon=1e-5, center=False, scale=False)(images)
    x = activated(convolution(x, 64, 7, 2))
    x = layers.MaxPooling2D(3, 2)(layers.ZeroPadding2D(1)(x))  # zeros never win, as ReLU passes nothing below
    for channels, stride in ((64, 1), (128, 2), (256, 2), (512, 2)):
        x = pre_activation_block(pre_activation_block(x, channels, stride), channels, 1)
    return keras.Model(images, layers.Dense(classes)(layers.GlobalAveragePooling2D()(activated(x))))


class Shuffled:
    """Batches of arrays, in a new random order for each pass, without the last, smaller one."""

    def __init__(self, arrays: tuple[np.ndarray, ...], batch_size: int, seed: int) -> None:
        self.arrays = arrays
        self.batch_size = batch_size
        self.generator = np.random.default_rng(seed)

    def __iter__(self) -> Iterator[tuple[np.ndarray, ...]]:
        order = self.generator.permutation(len(self.arrays[0]))
        for start in range(0, len(order) - self.batch_size + 1, self.batch_size):
            chosen = order[start : start + self.batch_size]
            yield tuple(array[chosen] for array in self.arrays)


def cifar10(root: Path) -> tuple[np.ndarray, np.ndarray]:
    """Return the 50,000 training images, shape (50000, 32, 32, 3), each channel normalized, and their labels."""
    files = sorted(root.glob("data_batch_*.bin"))
    if not files:
        message = f"{root} has no data_batch_*.bin; give --root the folder of CIFAR-10's official binary files."
        raise SystemExit(message)
    records = np.concatenate([np.fromfile(file, dtype=np.uint8).reshape(-1, 1 + 3 * 32 * 32) for file in files])
    images = records[:, 1:].reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1).astype(np.float32) / 255
    mean = np.array([0.4914, 0.4822, 0.4465], np.float32)
    std = np.array([0.2023, 0.1994, 0.2010], np.float32)
    return (images - mean) / std, records[:, 0].astype(np.int32)


def cifar10_learner(root: Path = ROOT, seed: int = 42, *, batch_size: int = 128) -> KerasLearner:
    """Return the tutorial's learner."""
    keras.utils.set_random_seed(seed)
    model = resnet18_v2(classes=10)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.SGD(0.001), loss)
    return KerasLearner(model, Shuffled(cifar10(root), batch_size, seed))


def main() -> None:
    """Run the range test, then the check at the tutorial's rate, ten times more and ten times less."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--root", type=Path, default=ROOT)
    parser.add_argument("--out", type=Path, default=Path("cifar10"))
    parser.add_argument("--batch-size", type=int, default=128)
    parser.add_argument("--multiplier", type=float, default=1.1, help="from one rate of the range test to the next")
    parser.add_argument("--max-iterations", type=int, default=1000, help="of the range test")
    parser.add_argument("--iterations", type=int, default=300, help="of the check, at each rate")
    parser.add_argument("--lrs", type=float, nargs="+", default=[0.005, 0.05, 0.5])
    parser.add_argument("--seed", type=int, default=42)
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    console = Console()

    finder = lrfinder.LRFinder(cifar10_learner(options.root, options.seed, batch_size=options.batch_size))
    start = time.perf_counter()
    show = lambda record: print(f"{record.lr:.3e}  {record.loss:.4f}", flush=True)  # noqa: E731  (short)
    result = finder.find(lr_multiplier=options.multiplier, max_iterations=options.max_iterations, on_record=show)
    seconds = (time.perf_counter() - start) / len(result)
    result.to_json(options.out / "range-test.json")
    result.plot().figure.savefig(options.out / "range-test.png")
    console.print(verdict(result), markup=False)
    print(f"{seconds:.2f} s an iteration, compilation included")

    comparison = finder.compare(options.lrs, options.iterations)
    comparison.to_json(options.out / "check.json")
    comparison.plot().figure.savefig(options.out / "check.png")
    console.print(comparison)
    console.print(verdict(comparison), markup=False)


if __name__ == "__main__":
    main()
