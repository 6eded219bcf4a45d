"""The range test and the three-rate check in JAX: a pre-activation ResNet-18 of Flax NNX on CIFAR-10.

The network of Gluon's ``resnet18_v2(classes=10)`` (7 x 7 stem with stride 2, max-pooling), batches of 128, each channel
normalized, plain SGD: the experiment of ``cifar10_torch.py``.

    python examples/cifar10_jax.py --root FOLDER --out cifar10

FOLDER holds the official binary files, ``data_batch_1.bin`` to ``data_batch_5.bin``. On a CPU an iteration takes seconds.
``--batch-size 32`` and ``--multiplier 1.3`` shorten the range test to a few minutes, ``--iterations 40`` shortens the check.

As a factory for the command line:  lrfinder find examples/cifar10_jax.py:cifar10_learner -o curve.png
"""

import argparse
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
from flax import nnx
from rich.console import Console

import lrfinder
from lrfinder.jax import OptaxLearner
from lrfinder.views.describe import verdict

BESIDE = Path(__file__).resolve().parents[2] / "shared" / "data"
ROOT = Path(os.environ.get("LRFINDER_DATA", BESIDE)) / "cifar-10-batches-bin"
XAVIER = nnx.initializers.xavier_uniform()


def convolution(channels_in: int, channels: int, size: int, stride: int, rngs: nnx.Rngs) -> nnx.Conv:
    """Return a square convolution without bias, padded so that only its stride changes the size."""
    strides = (stride, stride)
    padding = size // 2
    return nnx.Conv(
        channels_in, channels, (size, size), strides, padding=padding, use_bias=False, kernel_init=XAVIER, rngs=rngs
    )


def normalization(channels: int, rngs: nnx.Rngs, *, affine: bool = True) -> nnx.BatchNorm:
    """Return a batch normalization whose running statistics are as slow as Gluon's."""
    return nnx.BatchNorm(channels, momentum=0.9, use_bias=affine, use_scale=affine, rngs=rngs)


class PreActivationBlock(nnx.Module):
    """Two 3 x 3 convolutions, each after batch normalization and ReLU, around an identity (He et al. 2016)."""

    def __init__(self, channels_in: int, channels: int, stride: int, rngs: nnx.Rngs) -> None:
        self.norm1 = normalization(channels_in, rngs)
        self.conv1 = convolution(channels_in, channels, 3, stride, rngs)
        self.norm2 = normalization(channels, rngs)
        self.conv2 = convolution(channels, channels, 3, 1, rngs)
        same = stride == 1 and channels_in == channels
        self.shortcut = None if same else convolution(channels_in, channels, 1, stride, rngs)

    def __call__(self, x: jax.Array) -> jax.Array:
        """Map (batch, h, w, channels_in) to (batch, h / stride, w / stride, channels)."""
        activated = jax.nn.relu(self.norm1(x))
        residual = self.conv2(jax.nn.relu(self.norm2(self.conv1(activated))))
        return residual + (x if self.shortcut is None else self.shortcut(activated))


class ResNet18V2(nnx.Module):
    """The pre-activation ResNet-18 that Gluon's model zoo calls ``resnet18_v2``."""

    def __init__(self, classes: int, rngs: nnx.Rngs) -> None:
        widths, strides = (64, 64, 128, 256, 512), (1, 2, 2, 2)
        blocks = []
        for channels_in, channels, stride in zip(widths, widths[1:], strides, strict=False):
            blocks += [
                PreActivationBlock(channels_in, channels, stride, rngs),
                PreActivationBlock(channels, channels, 1, rngs),
            ]
        self.norm0 = normalization(3, rngs, affine=False)
        self.stem = convolution(3, 64, 7, 2, rngs)
        self.norm1 = normalization(64, rngs)
        self.blocks = nnx.List(blocks)
        self.norm2 = normalization(512, rngs)
        self.head = nnx.Linear(512, classes, kernel_init=XAVIER, rngs=rngs)

    def __call__(self, x: jax.Array) -> jax.Array:
        """Map (batch, 32, 32, 3) to (batch, classes)."""
        x = jax.nn.relu(self.norm1(self.stem(self.norm0(x))))
        x = nnx.max_pool(x, (3, 3), (2, 2), padding=((1, 1), (1, 1)))
        for block in self.blocks:
            x = block(x)
        return self.head(jax.nn.relu(self.norm2(x)).mean(axis=(1, 2)))


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


def cifar10_learner(root: Path = ROOT, seed: int = 42, *, batch_size: int = 128) -> OptaxLearner:
    """Return the tutorial's learner. The NNX model is split once, and merged again inside the loss."""
    graph, params, statistics = nnx.split(ResNet18V2(10, nnx.Rngs(seed)), nnx.Param, ...)

    def loss_fn(params: Any, statistics: Any, batch: Any) -> tuple[jax.Array, Any]:
        images, labels = batch
        model = nnx.merge(graph, params, statistics, copy=True)
        loss = optax.softmax_cross_entropy_with_integer_labels(model(images), labels).mean()
        return jnp.asarray(loss), nnx.split(model, nnx.Param, ...)[2]

    return OptaxLearner(loss_fn, params, optax.sgd, Shuffled(cifar10(root), batch_size, seed), state=statistics)


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
