"""The data of the second set of test tasks: other subsets and targets of the known data sets, and synthetic data."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import data as tables
import numpy as np
import torch
from data import Data
from sklearn import datasets
from torch import Tensor
from torch.nn.functional import avg_pool2d

WORDS = 400  # most frequent words
SIDES = 4  # of an image that may be up


def cifar_file(number: int, pool: int) -> Data:
    """Return images of one training file, averaged over squares of ``pool`` by ``pool``, and their 10 classes."""
    path = tables.ROOT / "cifar-10-batches-bin" / f"data_batch_{number}.bin"
    records = np.fromfile(path, dtype=np.uint8).reshape(-1, 3073)
    images = torch.from_numpy((records[:, 1:] / 255 - 0.47) / 0.25).float().view(-1, 3, 32, 32)
    return _split(avg_pool2d(images, pool), torch.from_numpy(records[:, 0].astype(np.int64)), 2)


def rotations() -> Data:
    """Return images of the second file, each turned, and which of the four sides is up."""
    kept = cifar_file(2, 2)
    generator = torch.Generator().manual_seed(21)

    def turned(images: Tensor, classes: Tensor) -> tuple[Tensor, Tensor]:
        sides = torch.randint(SIDES, classes.shape, generator=generator)
        every = torch.stack([torch.rot90(images, side, (2, 3)) for side in range(SIDES)])
        return every[sides, torch.arange(len(sides))].clone(), sides

    return kept.mapped(turned)


def inpainting() -> Data:
    """Return images of the third file without their middle, and that middle."""

    def without_middle(images: Tensor, _: Tensor) -> tuple[Tensor, Tensor]:
        hidden = images.clone()
        hidden[:, :, 6:10, 6:10] = 0
        return hidden, images[:, :, 6:10, 6:10].flatten(1).clone()

    return cifar_file(3, 2).mapped(without_middle)


def animals(share: float) -> Data:
    """Return flat images of the fourth file, and whether it is an animal; so many training labels are drawn again."""
    vehicles = torch.tensor([0, 1, 8, 9])
    kept = cifar_file(4, 4).mapped(lambda images, classes: (images.flatten(1), (~torch.isin(classes, vehicles)).long()))
    return kept.noisy(share, 2)


def half(*, first: bool) -> Data:
    """Return images of the fifth file of the first or the last five classes."""
    kept = cifar_file(5, 2)

    def chosen(images: Tensor, classes: Tensor) -> tuple[Tensor, Tensor]:
        rows = (classes < 5) == first  # noqa: PLR2004  (half of the ten)
        return images[rows], classes[rows] % 5

    return kept.mapped(chosen)


def hours() -> Data:
    """Return the working hours of a person, standardized, from the other columns of the adult data."""
    return tables.adult().mapped(lambda columns, _: (*_without(columns, _numbers()[-1]),))


def age() -> Data:
    """Return the age of a person, standardized, from the other columns of the adult data."""
    return tables.adult().mapped(lambda columns, _: (*_without(columns, _numbers()[0]),))


def places() -> Data:
    """Return longitude and latitude of a district, from its other columns."""
    return tables.california().mapped(lambda columns, _: (columns[:, 2:].clone(), columns[:, :2].clone()))


def region(*, north: bool) -> Data:
    """Return the house prices of the northern or of the southern districts."""

    def chosen(columns: Tensor, values: Tensor) -> tuple[Tensor, Tensor]:
        rows = (columns[:, 1] > 0) == north
        return columns[rows], values[rows]

    return tables.california().mapped(chosen)


def actions() -> Data:
    """Return the control action of an aircraft as one of three classes of equal size."""
    kept = tables.elevators()
    edges = torch.quantile(kept.targets, torch.tensor([1 / 3, 2 / 3]))
    return kept.mapped(lambda columns, values: (columns, torch.bucketize(values[:, 0].contiguous(), edges)))


def masked_sensors() -> Data:
    """Return measurements of an aircraft of which three in ten are hidden, and all of them."""
    generator = torch.Generator().manual_seed(22)

    def masked(columns: Tensor, _: Tensor) -> tuple[Tensor, Tensor]:
        shown = (torch.rand(columns.shape, generator=generator) > 0.3).float()  # noqa: PLR2004
        return torch.cat([columns * shown, shown], dim=1), columns

    return tables.elevators().mapped(masked)


def kinds(length: int) -> Data:
    """Return windows of characters, and the kind of the next one: vowel, consonant, space, sign."""
    text = (tables.ROOT / "tinyshakespeare" / "input.txt").read_text()
    of_code = torch.tensor([_kind(letter) for letter in sorted(set(text))])
    return tables.shakespeare(length).mapped(lambda codes, following: (codes, of_code[following[:, -1]]))


def word_pairs() -> Data:
    """Return pairs of frequent words, and 1 if the second follows the first in the text, 0 if it was drawn."""
    text = (tables.ROOT / "tinyshakespeare" / "input.txt").read_text().lower().split()
    names, codes, counts = np.unique(text, return_inverse=True, return_counts=True)
    rank = np.empty(len(names), dtype=int)
    rank[np.argsort(-counts, kind="stable")] = np.arange(len(names))
    ranked = rank[codes]
    pairs = np.stack([ranked[:-1], ranked[1:]], axis=1)
    pairs = pairs[(pairs < WORDS).all(1)]
    random = np.random.default_rng(23)
    others = np.stack([pairs[:, 0], random.permutation(pairs[:, 1])], axis=1)
    labels = np.repeat([1.0, 0.0], len(pairs))[:, None]
    return _shuffled(np.concatenate([pairs, others]), labels, 3)


def digit_sets() -> Data:
    """Return sets of four images of digits, and the standardized sum of the digits."""
    images, classes = datasets.load_digits(return_X_y=True)
    chosen = np.random.default_rng(24).integers(len(images), size=(6000, 4))
    return _shuffled(images[chosen] / 16, (classes[chosen].sum(1, keepdims=True) - 18) / 5.7, 4)


def iris() -> Data:
    """Return 4 measurements, standardized, and 3 classes; 150 rows."""
    columns, classes = datasets.load_iris(return_X_y=True)
    return _shuffled((columns - columns.mean(0)) / columns.std(0), classes, 5)


def friedman(noise: float) -> Data:
    """Return Friedman's first function of five of ten inputs, standardized, with normal noise on the training rows."""
    columns, values = datasets.make_friedman1(6000, random_state=25)
    kept = _shuffled(2 * columns - 1, (values[:, None] - values.mean()) / values.std(), 6)
    return replace(kept, targets=kept.targets + noise * torch.randn(kept.targets.shape, generator=_generator(26)))


def counts() -> Data:
    """Return counts of Poisson's distribution, of which the logarithm of the mean is a smooth function of 8 inputs."""
    random = np.random.default_rng(27)
    columns = random.standard_normal((8000, 8))
    logs = 0.5 + 0.6 * np.sin(columns[:, :1] + columns[:, 1:2]) + 0.4 * columns[:, 2:3]
    return _shuffled(columns, random.poisson(np.exp(logs)).astype(float), 7)


def rings() -> Data:
    """Return points of two rings in the plane; there are no targets."""
    random = np.random.default_rng(28)
    angle, radius = random.uniform(0, 2 * np.pi, 8000), random.choice([0.7, 1.6], 8000)
    points = np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=1)
    return _shuffled(points + 0.08 * random.standard_normal(points.shape), np.zeros((8000, 1)), 8)


def lorenz(length: int) -> Data:
    """Return windows of two coordinates of Lorenz's system, and the third at the end, all standardized."""
    state, path = np.array([1.0, 1.0, 20.0]), []
    for _ in range(30_000):
        x, y, z = state
        state = state + 0.01 * np.array([10 * (y - x), x * (28 - z) - y, x * y - 8 / 3 * z])
        path.append(state)
    table = (np.array(path) - np.mean(path, axis=0)) / np.std(path, axis=0)
    starts = np.arange(500, len(table) - 2 * length, 5)
    windows = table[starts[:, None] + 2 * np.arange(length)]
    return _shuffled(windows[:, :, :2], windows[:, -1, 2:], 9)


def additions(length: int) -> Data:
    """Return sequences of numbers of which two are marked, and the sum of these two."""
    random = np.random.default_rng(29)
    numbers = random.uniform(-1, 1, (8000, length))
    marks = np.argsort(random.random((8000, length)), axis=1) < 2  # noqa: PLR2004  (numbers to add)
    return _shuffled(np.stack([numbers, marks], axis=2), (numbers * marks).sum(1, keepdims=True), 10)


def labels() -> Data:
    """Return 24 inputs and 15 labels that are each 0 or 1, some of them rare."""
    random = np.random.default_rng(30)
    columns = random.standard_normal((8000, 24))
    scores = np.tanh(columns @ random.standard_normal((24, 20)) / 3) @ random.standard_normal((20, 15))
    return _shuffled(columns, (scores > np.linspace(0, 4, 15)).astype(float), 11)


def preferences() -> Data:
    """Return triples of a user, a thing that the user prefers, and another one; there are no targets."""
    random = np.random.default_rng(31)
    scores = random.standard_normal((150, 5)) @ random.standard_normal((5, 100))
    users, things = random.integers(150, size=20_000), random.integers(100, size=(20_000, 2))
    gaps = scores[users, things[:, 0]] - scores[users, things[:, 1]] + 0.5 * random.standard_normal(20_000)
    things = np.where(gaps[:, None] > 0, things, things[:, ::-1])
    return _shuffled(np.concatenate([users[:, None], things], axis=1), np.zeros((20_000, 1)), 12)


def picture() -> Data:
    """Return the coordinates of the pixels of a picture of waves, and their brightness."""
    across, down = np.meshgrid(np.linspace(-1, 1, 96), np.linspace(-1, 1, 96))
    bright = np.sin(9 * across * down + 4 * down) + 0.7 * np.sign(np.sin(5 * across) * np.cos(6 * down))
    return _shuffled(np.stack([across, down], axis=2).reshape(-1, 2), bright.reshape(-1, 1), 13)


def wide_margin() -> Data:
    """Return 60 sparse inputs and two classes that a plane separates."""
    random = np.random.default_rng(32)
    columns = random.standard_normal((6000, 60)) * (random.random((6000, 60)) < 0.2)  # noqa: PLR2004
    scores = columns @ random.standard_normal(60)
    return _shuffled(columns, np.sign(scores)[:, None], 14)


def _kind(letter: str) -> int:
    if letter.isalpha():
        return 0 if letter.lower() in "aeiou" else 1
    return 2 if letter.isspace() else 3


@cache
def _numbers() -> list[int]:
    """Return the columns of the adult data that are not 0 or 1."""
    columns = tables.adult().inputs
    return [k for k in range(columns.shape[1]) if ((columns[:, k] != 0) & (columns[:, k] != 1)).any()]


def _without(columns: Tensor, index: int) -> tuple[Tensor, Tensor]:
    return torch.cat([columns[:, :index], columns[:, index + 1 :]], dim=1), columns[:, index : index + 1].clone()


def _generator(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def _shuffled(inputs: np.ndarray, targets: np.ndarray, seed: int) -> Data:
    pair = (torch.from_numpy(np.ascontiguousarray(values)) for values in (inputs, targets))
    x, y = (values.float() if values.is_floating_point() else values.long() for values in pair)
    return _split(x, y, seed)


def _split(inputs: Tensor, targets: Tensor, seed: int) -> Data:
    order = torch.randperm(len(inputs), generator=_generator(seed))
    x, y = inputs[order], targets[order]
    count = min(tables.HELD_OUT, len(x) // 5)
    return Data(x[count:].clone(), y[count:].clone(), (x[:count].clone(), y[:count].clone()))
