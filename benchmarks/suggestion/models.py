"""The models of the benchmark's tasks, and the losses that torch has not."""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812  (as everybody calls it)


class NoisyQuadratic(nn.Module):
    """Half the sum of curvature times theta², and noise in its gradient; the expected loss is known exactly.

    The input is the gradient noise of one batch, shape ``(size,)``; the output is the loss of the batch. The noise enters
    the loss linearly, so that a batch's loss is unbiased too.

    Args:
        curvatures: shape ``(size,)``, positive.
        start: theta before training, shape ``(size,)``.
    """

    curvatures: Tensor

    def __init__(self, curvatures: Tensor, start: Tensor) -> None:
        super().__init__()
        self.register_buffer("curvatures", curvatures)
        self.theta = nn.Parameter(start.clone())

    def expected_loss(self) -> Tensor:
        """The loss without noise."""
        return 0.5 * (self.curvatures * self.theta**2).sum()

    def forward(self, noise: Tensor) -> Tensor:
        """The loss of a batch."""
        return self.expected_loss() + (noise * self.theta).sum()


class Factorisation(nn.Module):
    """The entries of a matrix as products of two narrow ones; the input is pairs of row and column, ``(batch, 2)``."""

    def __init__(self, rows: int, columns: int, rank: int) -> None:
        super().__init__()
        self.rows = nn.Embedding(rows, rank)
        self.columns = nn.Embedding(columns, rank)
        for factor in (self.rows, self.columns):
            nn.init.normal_(factor.weight, std=0.3)

    def forward(self, pairs: Tensor) -> Tensor:
        """Entries, ``(batch, 1)``."""
        return (self.rows(pairs[:, 0]) * self.columns(pairs[:, 1])).sum(1, keepdim=True)


class Characters(nn.Module):
    """A recurrent language model: ``(batch, length)`` codes to ``(batch, length, classes)``."""

    def __init__(self, classes: int, width: int, layer: type[nn.GRU | nn.RNN | nn.LSTM] = nn.GRU) -> None:
        super().__init__()
        self.embedding = nn.Embedding(classes, width)
        self.recurrent = layer(width, width, batch_first=True)
        self.output = nn.Linear(width, classes)

    def forward(self, codes: Tensor) -> Tensor:
        """Logits of each next character."""
        return self.output(self.recurrent(self.embedding(codes))[0])


class Transformer(nn.Module):
    """A causal transformer of few blocks: ``(batch, length)`` codes to ``(batch, length, classes)``."""

    def __init__(  # noqa: PLR0913  (what such models vary in)
        self, classes: int, width: int, length: int, heads: int, *, blocks: int = 1, norm_first: bool = True
    ) -> None:
        super().__init__()
        self.embedding = nn.Embedding(classes, width)
        self.places = nn.Parameter(0.02 * torch.randn(length, width))
        self.blocks = nn.ModuleList(
            nn.TransformerEncoderLayer(width, heads, 4 * width, dropout=0.0, batch_first=True, norm_first=norm_first)
            for _ in range(blocks)
        )
        self.output = nn.Linear(width, classes)
        self.register_buffer("mask", torch.full((length, length), float("-inf")).triu(1))

    def forward(self, codes: Tensor) -> Tensor:
        """Logits of each next character."""
        hidden = self.embedding(codes) + self.places
        for block in self.blocks:
            hidden = block(hidden, src_mask=self.mask, is_causal=True)
        return self.output(hidden)


class VAE(nn.Module):
    """A variational autoencoder whose decoder has one learned variance: outputs what :func:`negative_elbo` needs."""

    def __init__(self, size: int, width: int, latent: int, activation: type[nn.Module] = nn.ReLU) -> None:
        super().__init__()
        self.encoder = mlp([size, width, 2 * latent], activation)
        self.decoder = mlp([latent, width, size], activation)
        self.log_variance = nn.Parameter(torch.zeros(()))

    def forward(self, inputs: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Reconstruction, the decoder's log variance, mean and log variance of the code."""
        mean, log_variance = self.encoder(inputs).chunk(2, dim=1)
        code = mean + torch.exp(0.5 * log_variance) * torch.randn_like(mean)
        return self.decoder(code), self.log_variance, mean, log_variance


class Residual(nn.Module):
    """``x + body(x)``."""

    def __init__(self, body: nn.Module) -> None:
        super().__init__()
        self.body = body

    def forward(self, inputs: Tensor) -> Tensor:
        """Of the inputs' shape."""
        return inputs + self.body(inputs)


def mlp(
    widths: list[int],
    activation: type[nn.Module] = nn.ReLU,
    *,
    norm: type[nn.Module] | None = None,
    dropout: float = 0.0,
    gain: float | None = None,
) -> nn.Sequential:
    """Linear layers of those widths, activations between them.

    Args:
        widths: of the input, of each layer.
        activation: the class.
        norm: a class of normalisation, before each activation.
        dropout: the share dropped after each activation.
        gain: of orthogonal initial weights with zero biases; torch's own initialisation where None.
    """
    layers: list[nn.Module] = []
    for before, after in pairwise(widths):
        if layers:
            layers += [norm(before)] if norm else []
            layers += [activation()]
            layers += [nn.Dropout(dropout)] if dropout else []
        linear = nn.Linear(before, after)
        if gain is not None:
            nn.init.orthogonal_(linear.weight, gain)
            nn.init.zeros_(linear.bias)
        layers.append(linear)
    return nn.Sequential(*layers)


def cnn(channels: list[int], classes: int, *, norm: bool, pool: int, activation: type[nn.Module] = nn.ReLU) -> nn.Sequential:
    """Convolutions of 3 by 3, each followed by a pooling of 2 by 2, then by one linear layer.

    Args:
        channels: of the input, of each convolution.
        classes: outputs.
        norm: BatchNorm after each convolution.
        pool: the last feature map's height and width are averaged to this.
        activation: the class.
    """
    layers: list[nn.Module] = []
    for before, after in pairwise(channels):
        layers.append(nn.Conv2d(before, after, 3, padding=1, bias=not norm))
        layers += [nn.BatchNorm2d(after)] if norm else []
        layers += [activation(), nn.MaxPool2d(2)]
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(pool), nn.Flatten(), nn.Linear(channels[-1] * pool**2, classes))


def frozen(part: nn.Module) -> nn.Module:
    """The same, its parameters no longer trained."""
    return part.requires_grad_(requires_grad=False)


def itself(output: Tensor, _: Tensor) -> Tensor:
    """The loss of a model whose output is its loss."""
    return output


def next_character(logits: Tensor, codes: Tensor) -> Tensor:
    """Mean cross-entropy over batch and length."""
    return F.cross_entropy(logits.flatten(0, 1), codes.flatten())


def gaussian(output: Tensor, target: Tensor) -> Tensor:
    """Negative log likelihood (without its constant) where the output is mean and log variance: of either sign."""
    mean, log_variance = output.chunk(2, dim=1)
    return 0.5 * (log_variance + (target - mean) ** 2 * torch.exp(-log_variance)).mean()


def negative_elbo(output: tuple[Tensor, Tensor, Tensor, Tensor], target: Tensor) -> Tensor:
    """Of a :class:`VAE`, per feature, without the constant: of either sign."""
    reconstruction, noise, mean, log_variance = output
    likelihood = 0.5 * (noise + (target - reconstruction) ** 2 * torch.exp(-noise)).mean()
    divergence = 0.5 * (mean**2 + log_variance.exp() - 1 - log_variance).sum(1).mean()
    return likelihood + divergence / target.shape[1]
