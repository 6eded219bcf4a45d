"""Networks of the generated tasks. They contain only layers that ``torch.func.vmap`` can train many copies of at once."""

from __future__ import annotations

import math
import sys
from itertools import pairwise
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812  (its usual name)

sys.path.append(str(Path(__file__).parents[1]))  # the benchmark's own models
from models import Residual

ACTIVATIONS: dict[str, type[nn.Module]] = {"relu": nn.ReLU, "tanh": nn.Tanh, "gelu": nn.GELU, "silu": nn.SiLU}


class Embedding(nn.Module):
    """An embedding as a product with one-hot rows, which trains many copies faster than a lookup."""

    def __init__(self, classes: int, width: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(classes, width))
        self.register_buffer("codes", torch.arange(classes), persistent=False)

    def forward(self, codes: Tensor) -> Tensor:
        """Return the output."""
        return (codes[..., None] == self.get_buffer("codes")).to(self.weight.dtype) @ self.weight


class Window(nn.Module):
    """A language model on a window of characters: ``(batch, length)`` codes to the logits of the next character."""

    def __init__(self, classes: int, width: int, length: int, hidden: int) -> None:
        super().__init__()
        self.embedding = Embedding(classes, width)
        self.body = nn.Sequential(nn.Flatten(), nn.Linear(width * length, hidden), nn.Tanh(), nn.Linear(hidden, classes))

    def forward(self, codes: Tensor) -> Tensor:
        """Return the output."""
        return self.body(self.embedding(codes))


class Attention(nn.Module):
    """A causal transformer of one block and one head: ``(batch, length)`` codes to logits ``(batch, length, classes)``."""

    def __init__(self, classes: int, width: int, length: int) -> None:
        super().__init__()
        self.embedding = Embedding(classes, width)
        self.places = nn.Parameter(0.02 * torch.randn(length, width))
        self.mixing, self.norm, self.last = nn.Linear(width, 3 * width), nn.LayerNorm(width), nn.LayerNorm(width)
        self.body = nn.Sequential(nn.LayerNorm(width), nn.Linear(width, 2 * width), nn.GELU(), nn.Linear(2 * width, width))
        self.output = nn.Linear(width, classes)
        self.register_buffer("mask", torch.full((length, length), -1e9).triu(1), persistent=False)

    def forward(self, codes: Tensor) -> Tensor:
        """Return the output."""
        hidden = self.embedding(codes) + self.places
        query, key, value = self.mixing(self.norm(hidden)).chunk(3, dim=-1)
        scores = query @ key.transpose(-1, -2) / math.sqrt(query.shape[-1]) + self.get_buffer("mask")
        hidden = hidden + scores.softmax(-1) @ value
        return self.output(self.last(hidden + self.body(hidden)))


class Factors(nn.Module):
    """The entries of a matrix as products of two narrow ones; the input is pairs of row and column, ``(batch, 2)``."""

    def __init__(self, rows: int, columns: int, rank: int, scale: float) -> None:
        super().__init__()
        self.rows = nn.Parameter(scale * torch.randn(rows, rank))
        self.columns = nn.Parameter(scale * torch.randn(columns, rank))

    def forward(self, pairs: Tensor) -> Tensor:
        """Return the output."""
        return (F.embedding(pairs[:, 0], self.rows) * F.embedding(pairs[:, 1], self.columns)).sum(1, keepdim=True)


class Quadratic(nn.Module):
    """Half the sum of curvature times theta squared; the input is the noise of the gradient, ``(1, size)``."""

    def __init__(self, curvatures: Tensor, start: Tensor) -> None:
        super().__init__()
        self.register_buffer("curvatures", curvatures, persistent=False)
        self.theta = nn.Parameter(start.clone())

    def forward(self, noise: Tensor) -> Tensor:
        """Return the output."""
        return 0.5 * (self.get_buffer("curvatures") * self.theta**2).sum() + (noise[0] * self.theta).sum()


class Sampled(nn.Module):
    """A variational autoencoder; the noise of its samples is drawn with the batch: input ``(batch, size + latent)``."""

    def __init__(self, size: int, width: int, latent: int) -> None:
        super().__init__()
        self.size, self.latent = size, latent
        self.encoder, self.decoder = mlp([size, width, 2 * latent]), mlp([latent, width, size])
        self.log_variance = nn.Parameter(torch.zeros(1))

    def forward(self, inputs: Tensor) -> Tensor:
        """Return the negative evidence lower bound per feature, without its constant."""
        x, noise = inputs[:, : self.size], inputs[:, self.size :]
        mean, log_variance = self.encoder(x).chunk(2, dim=1)
        decoded = self.decoder(mean + torch.exp(0.5 * log_variance) * noise)
        likelihood = 0.5 * (self.log_variance + (x - decoded) ** 2 * torch.exp(-self.log_variance)).mean()
        divergence = 0.5 * (mean**2 + log_variance.exp() - 1 - log_variance).sum(1).mean()
        return likelihood + divergence / self.size


def mlp(
    widths: list[int], activation: str = "relu", *, norm: str = "", dropout: float = 0.0, residual: bool = False
) -> nn.Sequential:
    """Return linear layers of these widths with activations between them; ``norm`` is "layer", "batch" or nothing."""
    layers: list[nn.Module] = []
    for k, (before, after) in enumerate(pairwise(widths)):
        block: list[nn.Module] = []
        if k:
            block += [_norm(norm, before)] if norm else []
            block += [ACTIVATIONS[activation]()]
            block += [nn.Dropout(dropout)] if dropout else []
        block.append(nn.Linear(before, after))
        layers += [Residual(nn.Sequential(*block))] if residual and k and before == after else block
    return nn.Sequential(*layers)


def cnn(channels: list[int], side: int, classes: int, activation: str) -> nn.Sequential:
    """Return convolutions of 3 by 3 with stride 2, then one linear layer."""
    layers: list[nn.Module] = []
    for before, after in pairwise(channels):
        layers += [nn.Conv2d(before, after, 3, stride=2, padding=1), ACTIVATIONS[activation]()]
        side = -(-side // 2)
    return nn.Sequential(*layers, nn.Flatten(), nn.Linear(channels[-1] * side**2, classes))


def _norm(norm: str, width: int) -> nn.Module:
    return nn.LayerNorm(width) if norm == "layer" else nn.BatchNorm1d(width, track_running_stats=False)
