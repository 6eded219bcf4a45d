"""The test tasks: run when a version of the engine is frozen, and never looked at to tune one.

``heldout.sha256`` holds the sums of this file and of those it is built from, made before the first constant was tuned.
"""

from __future__ import annotations

import torch
from data import adult, breast_cancer, california, cifar10, diabetes, digits, elevators, shakespeare, wine
from models import VAE, Characters, Residual, Transformer, cnn, frozen, gaussian, mlp, negative_elbo, next_character
from recipes import (
    factors,
    least_squares,
    low_rank,
    quadratic,
    random_regression,
    spectrum,
    supervised,
    zero_output,
)
from torch import nn
from torch.nn.functional import cross_entropy, huber_loss, mse_loss, smooth_l1_loss

LONG = (300, 1000, 3000)


def two_clusters() -> torch.Tensor:
    """A few steep directions over many flat ones, as Hessians of networks have."""
    return torch.cat([spectrum(6, 2.0, 8.0), spectrum(80, 0.01, 0.1)])


def residual() -> nn.Module:
    """Three blocks before whose bodies a LayerNorm stands."""
    blocks = [Residual(nn.Sequential(nn.LayerNorm(40), mlp([40, 40, 40]))) for _ in range(3)]
    return nn.Sequential(nn.Linear(64, 40), *blocks, nn.LayerNorm(40), nn.Linear(40, 10))


def stretched(inputs: torch.Tensor, targets: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Features of very different scales, as unprepared tables have."""
    return inputs * torch.logspace(-1.5, 0.5, inputs.shape[1]), targets


TASKS = (
    quadratic("quadratic-clusters-nesterov", "quadratic, two clusters", "nesterov", two_clusters(), 0.1),
    quadratic(
        "quadratic-tails-adam",
        "quadratic, Student's t noise",
        "adam",
        spectrum(50, 0.02),
        0.2,
        student=3,
        horizons=(300,),
    ),
    supervised(
        "hard-least-squares-sgd",
        "synthetic, linear, wide spectrum",
        "sgd",
        128,
        least_squares(8000, spectrum(40, 0.01, 0.3), noise=0.05),
        lambda: mlp([40, 1]),
        mse_loss,
        horizons=LONG,
    ),
    supervised(
        "diabetes-elu-momentum",
        "diabetes, ELU 24",
        "momentum",
        16,
        diabetes,
        lambda: mlp([10, 24, 24, 1], nn.ELU),
        smooth_l1_loss,
        horizons=LONG,
    ),
    supervised(
        "adult-gelu-adamw",
        "adult, GELU 40 with Dropout",
        "adamw",
        64,
        adult,
        lambda: mlp([108, 40, 40, 2], nn.GELU, dropout=0.2),
        cross_entropy,
    ),
    supervised(
        "adult-linear-lion",
        "adult, linear features of 16",
        "lion",
        256,
        adult,
        lambda: nn.Sequential(nn.Linear(108, 16), nn.LayerNorm(16), nn.Linear(16, 2)),
        cross_entropy,
    ),
    supervised(
        "elevators-gaussian-adam",
        "elevators, Gaussian likelihood",
        "adam",
        64,
        elevators,
        lambda: mlp([18, 40, 40, 2], nn.SiLU),
        gaussian,
        horizons=LONG,
    ),
    supervised(
        "california-tails-sgd",
        "california stretched, ReLU 64",
        "sgd",
        8,
        lambda: california().mapped(stretched),
        lambda: mlp([11, 64, 1]),
        huber_loss,
    ),
    supervised(
        "california-deep-tanh-momentum",
        "california, deep tanh 20",
        "momentum",
        24,
        california,
        lambda: mlp([11, *[20] * 8, 1], nn.Tanh),
        mse_loss,
    ),
    supervised(
        "cancer-deep-tanh-momentum",
        "breast cancer, deep tanh 28",
        "momentum",
        16,
        breast_cancer,
        lambda: mlp([30, *[28] * 6, 2], nn.Tanh),
        cross_entropy,
    ),
    supervised(
        "wine-noise-rmsprop",
        "wine, tanh 24 with label noise",
        "rmsprop",
        16,
        lambda: wine().noisy(0.2, 3),
        lambda: mlp([13, 24, 3], nn.Tanh),
        cross_entropy,
    ),
    supervised("digits-residual-adam", "digits, residual LayerNorm", "adam", 32, digits, residual, cross_entropy),
    supervised(
        "cancer-layernorm-nesterov",
        "breast cancer, LayerNorm",
        "nesterov",
        64,
        breast_cancer,
        lambda: nn.Sequential(mlp([30, 32, 32, 2], nn.GELU, norm=nn.LayerNorm), nn.LayerNorm(2)),
        cross_entropy,
    ),
    supervised(
        "digits-wide-cnn-rmsprop",
        "digits, CNN of one wide layer with BatchNorm",
        "rmsprop",
        16,
        lambda: digits().images(1, 8, 8),
        lambda: cnn([1, 24], 10, norm=True, pool=2),
        cross_entropy,
    ),
    supervised(
        "cifar10-cnn-adam",
        "CIFAR-10, CNN",
        "adam",
        16,
        cifar10,
        lambda: cnn([3, 10, 20], 10, norm=False, pool=4),
        cross_entropy,
    ),
    supervised(
        "cifar10-tuned-momentum",
        "CIFAR-10, convolutions frozen",
        "momentum",
        32,
        lambda: cifar10().mapped(lambda x, y: (nn.functional.avg_pool2d(x, 2), y)),
        lambda: nn.Sequential(frozen(cnn([3, 16], 64, norm=True, pool=4)), nn.ReLU(), mlp([64, 32, 10])),
        cross_entropy,
    ),
    supervised(
        "shakespeare-gru-rmsprop",
        "tinyshakespeare, GRU 32",
        "rmsprop",
        32,
        lambda: shakespeare(10),
        lambda: Characters(65, 32),
        next_character,
    ),
    supervised(
        "shakespeare-transformer-momentum",
        "tinyshakespeare, transformer with norms last",
        "momentum",
        8,
        lambda: shakespeare(20),
        lambda: Transformer(65, 32, 20, 4, norm_first=False),
        next_character,
    ),
    supervised(
        "elevators-vae-adamw",
        "elevators halved, VAE",
        "adamw",
        128,
        lambda: elevators().mapped(lambda x, _: (0.5 * x, 0.5 * x)),
        lambda: VAE(18, 32, 4, nn.Tanh),
        negative_elbo,
    ),
    supervised(
        "cancer-autoencoder-momentum",
        "breast cancer, autoencoder",
        "momentum",
        32,
        lambda: breast_cancer().reconstruction(),
        lambda: mlp([30, 24, 4, 24, 30], nn.ELU),
        mse_loss,
    ),
    supervised(
        "factorisation-adagrad",
        "matrix of rank 8",
        "adagrad",
        512,
        low_rank(120, 50, 8, 0.2),
        factors(120, 50, 12),
        mse_loss,
        held_out=False,
    ),
    supervised(
        "elevators-warm-nesterov",
        "elevators, GELU 56, warm",
        "nesterov",
        32,
        elevators,
        lambda: mlp([18, 56, 1], nn.GELU),
        mse_loss,
        warm=(250, 1e-3),
    ),
    supervised(
        "heavy-tails-sgd",
        "Student's t of 2 degrees, tanh",
        "sgd",
        4,
        random_regression(8000, 12, degrees=2, noise=0.5, targets=lambda x: torch.sin(x[:, :1]) + torch.tanh(x[:, 1:2])),
        lambda: mlp([12, 24, 1], nn.Tanh),
        smooth_l1_loss,
    ),
)

# What a finder should refuse: there is nothing to learn, or no rate that changes anything.
REFUSALS = (
    supervised(
        "noise-momentum",
        "targets of noise",
        "momentum",
        4,
        random_regression(20_000, 8, degrees=5, noise=1.0, targets=lambda x: 0 * x[:, :1]),
        lambda: zero_output(mlp([8, 24, 1], nn.Tanh)),
        mse_loss,
    ),
    supervised(
        "one-class-adam",
        "no gradient, one class",
        "adam",
        32,
        lambda: wine().mapped(lambda x, y: (x, 0 * y)),
        lambda: mlp([13, 16, 1]),
        cross_entropy,
    ),
)
