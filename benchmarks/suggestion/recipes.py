"""From data, model, loss and optimizer to a task of the benchmark."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import torch
from data import Data
from models import Factorisation, NoisyQuadratic, itself
from optimizers import DEFAULT_LRS, MAKERS
from task import Task, Training
from torch import Tensor, nn

Criterion = Callable[[Any, Any], Tensor]
Warm = tuple[int, float]  # iterations, and their rate

INITIAL_SEED = 1234  # of every model's weights
WARM_SEED = 99  # of the batches before a warm start: none that a benchmark draws


def supervised(  # noqa: PLR0913, PLR0917  (what trainings vary in)
    name: str,
    family: str,
    optimizer: str,
    batch: int,
    data: Callable[[], Data],
    model: Callable[[], nn.Module],
    criterion: Criterion,
    *,
    horizons: tuple[int, ...] = (300,),
    warm: Warm | None = None,
    held_out: bool = True,
) -> Task:
    """A model trained on data.

    Args:
        name: of the task.
        family: of the task.
        optimizer: one of :data:`optimizers.MAKERS`.
        batch: examples to a batch.
        data: called when the task is built; cached.
        model: makes the model, torch's global generator seeded.
        criterion: ``criterion(output, target) -> loss``.
        horizons: the lengths of training that are measured.
        warm: how long and at which rate the model has been trained before, by an optimizer that is then forgotten.
        held_out: whether there is a held-out pair that means something.
    """
    cached = cache(data)

    def training(start: nn.Module, seed: int, batches: int) -> Training:
        pair = cached().held_out if held_out else None
        return Training(start, MAKERS[optimizer], criterion, cached().batches(batch, batches, seed), pair)

    @cache
    def warm_state() -> dict[str, Tensor]:
        assert warm is not None
        count, lr = warm
        before = training(_initial(model), WARM_SEED, count)
        learner = before.learner(lr)
        for _ in range(count):
            learner.iteration(lr)
        return before.model.state_dict()

    def build(seed: int, batches: int) -> Training:
        start = _initial(model)
        if warm:
            start.load_state_dict(warm_state())
        return training(start, seed, batches)

    return Task(name, family, optimizer, DEFAULT_LRS[optimizer], build, horizons)


def quadratic(  # noqa: PLR0913  (what it varies in)
    name: str,
    family: str,
    optimizer: str,
    curvatures: Tensor,
    noise: float,
    *,
    horizons: tuple[int, ...] = (300, 1000, 3000),
    student: float | None = None,
) -> Task:
    """A :class:`models.NoisyQuadratic`, its noise's covariance ``noise² * curvatures`` as near a minimum of a likelihood.

    Args:
        name: of the task.
        family: of the task.
        optimizer: one of :data:`optimizers.MAKERS`.
        curvatures: shape ``(size,)``.
        noise: the gradient noise's standard deviation over the root of the curvature.
        horizons: the lengths of training that are measured.
        student: degrees of freedom of the noise; normal where None.
    """

    def build(seed: int, batches: int) -> Training:
        torch.manual_seed(INITIAL_SEED)
        model = NoisyQuadratic(curvatures, torch.randn(len(curvatures)))
        generator = torch.Generator().manual_seed(seed)
        draws = torch.randn(batches, len(curvatures), generator=generator)
        if student:
            chi = torch.randn(batches, int(student), generator=generator).square().mean(1, keepdim=True)
            draws = draws / chi.sqrt()
        inputs = draws * noise * curvatures.sqrt()
        nothing = torch.zeros(())
        pairs = [(row, nothing) for row in inputs]
        return Training(model, MAKERS[optimizer], itself, pairs, (torch.zeros(len(curvatures)), nothing))

    return Task(name, family, optimizer, DEFAULT_LRS[optimizer], build, horizons)


def spectrum(size: int, lowest: float, highest: float = 1.0) -> Tensor:
    """Curvatures evenly spaced in their logarithm."""
    return torch.logspace(torch.tensor(lowest).log10().item(), torch.tensor(highest).log10().item(), size)


def low_rank(rows: int, columns: int, rank: int, noise: float) -> Callable[[], Data]:
    """Pairs of row and column, and the entry there of a random matrix of that rank, with noise."""

    def data() -> Data:
        torch.manual_seed(INITIAL_SEED + 1)
        matrix = torch.randn(rows, rank) @ torch.randn(rank, columns) / rank**0.5
        pairs = torch.cartesian_prod(torch.arange(rows), torch.arange(columns))
        entries = matrix[pairs[:, 0], pairs[:, 1]][:, None] + noise * torch.randn(rows * columns, 1)
        order = torch.randperm(len(pairs))
        pairs, entries = pairs[order], entries[order]
        return Data(pairs[400:], entries[400:], (pairs[:400], entries[:400]))

    return data


def factors(rows: int, columns: int, rank: int) -> Callable[[], nn.Module]:
    """A :class:`models.Factorisation`, made later."""
    return lambda: Factorisation(rows, columns, rank)


def random_regression(
    rows: int, features: int, *, degrees: int, noise: float, targets: Callable[[Tensor], Tensor]
) -> Callable[[], Data]:
    """Inputs of Student's t with those degrees of freedom, ``targets(inputs)`` with normal noise."""

    def data() -> Data:
        torch.manual_seed(INITIAL_SEED + 2)
        chi = torch.randn(rows, features, degrees).square().mean(2)
        inputs = torch.randn(rows, features) / chi.sqrt()
        values = targets(inputs)
        values = values + noise * torch.randn_like(values)
        return Data(inputs[400:], values[400:], (inputs[:400], values[:400]))

    return data


def least_squares(rows: int, curvatures: Tensor, *, noise: float) -> Callable[[], Data]:
    """Normal inputs of those variances, and a linear target of which every direction explains as much."""

    def data() -> Data:
        torch.manual_seed(INITIAL_SEED + 4)
        draws = torch.randn(rows, len(curvatures))
        values = draws @ torch.randn(len(curvatures), 1) + noise * torch.randn(rows, 1)
        inputs = draws * curvatures.sqrt()
        return Data(inputs[400:], values[400:], (inputs[:400], values[:400]))

    return data


def coin_flips(rows: int, features: int, classes: int) -> Callable[[], Data]:
    """Normal inputs, and labels that have nothing to do with them."""

    def data() -> Data:
        torch.manual_seed(INITIAL_SEED + 3)
        inputs, labels = torch.randn(rows, features), torch.randint(classes, (rows,))
        return Data(inputs[400:], labels[400:], (inputs[:400], labels[:400]))

    return data


def zero_output(model: nn.Sequential) -> nn.Sequential:
    """The same, its last layer zero: it begins with the best guess of one that knows nothing."""
    for parameter in model[-1].parameters():
        nn.init.zeros_(parameter)
    return model


def _initial(model: Callable[[], nn.Module]) -> nn.Module:
    torch.manual_seed(INITIAL_SEED)
    return model()
