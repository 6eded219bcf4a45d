"""The models and losses of the second set of test tasks."""

from __future__ import annotations

import math

import torch
from models import mlp
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812  (its usual name)

MIXTURE = 5  # normal distributions of a mixture


class Convolved(nn.Module):
    """A language model of causal dilated convolutions: ``(batch, length)`` codes to ``(batch, length, classes)``."""

    def __init__(self, classes: int, width: int, layers: int) -> None:
        super().__init__()
        self.embedding = nn.Embedding(classes, width)
        self.layers = nn.ModuleList(nn.Conv1d(width, width, 2, dilation=2**k) for k in range(layers))
        self.output = nn.Linear(width, classes)

    def forward(self, codes: Tensor) -> Tensor:
        """Return the logits of each next character."""
        hidden = self.embedding(codes).transpose(1, 2)
        for layer in self.layers:
            padded = F.pad(hidden, (int(layer.dilation[0]), 0))
            hidden = hidden + F.gelu(layer(padded))
        return self.output(hidden.transpose(1, 2))


class Last(nn.Module):
    """A recurrent network of which the last state is read: ``(batch, length, inputs)`` or codes to ``(batch, outputs)``."""

    def __init__(
        self, layer: type[nn.RNN | nn.GRU | nn.LSTM], inputs: int, width: int, outputs: int, *, codes: bool
    ) -> None:
        super().__init__()
        self.embedding = nn.Embedding(inputs, width) if codes else nn.Linear(inputs, width)
        self.recurrent = layer(width, width, batch_first=True)
        self.output = nn.Linear(width, outputs)

    def forward(self, sequence: Tensor) -> Tensor:
        """Return the output after the last step."""
        return self.output(self.recurrent(self.embedding(sequence))[0][:, -1])


class Coupled(nn.Module):
    """A flow of affine couplings in the plane (Dinh et al. 2017): points to their negative log likelihoods."""

    def __init__(self, width: int, layers: int) -> None:
        super().__init__()
        self.networks = nn.ModuleList(mlp([1, width, 2], nn.Tanh) for _ in range(layers))

    def forward(self, points: Tensor) -> Tensor:
        """Return the negative log likelihood of each point, without its constant."""
        first, second, volume = points[:, :1], points[:, 1:], torch.zeros(())
        for network in self.networks:
            scale, shift = network(first).chunk(2, dim=1)
            scale = torch.tanh(scale)
            first, second, volume = second * scale.exp() + shift, first, volume + scale
        return 0.5 * (first**2 + second**2) - volume


class Summed(nn.Module):
    """A network on each member of a set, their sum, and a second network (Zaheer et al. 2017)."""

    def __init__(self, inputs: int, width: int) -> None:
        super().__init__()
        self.member, self.whole = mlp([inputs, width, width]), mlp([width, width, 1])

    def forward(self, sets: Tensor) -> Tensor:
        """Return one number for each set."""
        return self.whole(self.member(sets).mean(1))


class Vectors(nn.Module):
    """The score of a pair of words by the product of their vectors: ``(batch, 2)`` codes to logits ``(batch, 1)``."""

    def __init__(self, words: int, width: int) -> None:
        super().__init__()
        self.first, self.second = nn.Embedding(words, width), nn.Embedding(words, width)
        for table in (self.first, self.second):
            nn.init.normal_(table.weight, std=0.2)
        self.bias = nn.Parameter(torch.zeros(1))

    def forward(self, pairs: Tensor) -> Tensor:
        """Return the logits."""
        return (self.first(pairs[:, 0]) * self.second(pairs[:, 1])).sum(1, keepdim=True) + self.bias


class Preferred(nn.Module):
    """The difference of a user's scores of two things: ``(batch, 3)`` codes to ``(batch, 1)``."""

    def __init__(self, users: int, things: int, width: int) -> None:
        super().__init__()
        self.users, self.things = nn.Embedding(users, width), nn.Embedding(things, width)
        for table in (self.users, self.things):
            nn.init.normal_(table.weight, std=0.3)

    def forward(self, triples: Tensor) -> Tensor:
        """Return the difference."""
        better, worse = self.things(triples[:, 1]), self.things(triples[:, 2])
        return (self.users(triples[:, 0]) * (better - worse)).sum(1, keepdim=True)


class Sines(nn.Module):
    """A network of sines on coordinates (Sitzmann et al. 2020), its first frequency 8."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.first, self.second, self.last = nn.Linear(2, width), nn.Linear(width, width), nn.Linear(width, 1)

    def forward(self, places: Tensor) -> Tensor:
        """Return the brightness."""
        return self.last(torch.sin(3 * self.second(torch.sin(8 * self.first(places)))))


class Copied(nn.Module):
    """The input, and a body of which the last layer is zero."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.body, self.last = mlp([width, 2 * width]), nn.Linear(2 * width, width)
        nn.init.zeros_(self.last.weight)
        nn.init.zeros_(self.last.bias)

    def forward(self, inputs: Tensor) -> Tensor:
        """Return the input, before any update."""
        return inputs + self.last(torch.relu(self.body(inputs)))


def grouped_cnn(channels: int, classes: int) -> nn.Sequential:
    """Return strided convolutions with GroupNorm for images of 16 by 16."""
    return nn.Sequential(
        nn.Conv2d(3, channels, 3, stride=2, padding=1),
        nn.GroupNorm(4, channels),
        nn.SiLU(),
        nn.Conv2d(channels, 2 * channels, 3, stride=2, padding=1),
        nn.GroupNorm(4, 2 * channels),
        nn.SiLU(),
        nn.Flatten(),
        nn.Linear(32 * channels, classes),
    )


def separable_cnn(channels: int, outputs: int) -> nn.Sequential:
    """Return depthwise and pointwise convolutions for images of 16 by 16."""
    return nn.Sequential(
        nn.Conv2d(3, channels, 4, stride=4),
        nn.Hardswish(),
        nn.Conv2d(channels, channels, 3, padding=1, groups=channels),
        nn.Conv2d(channels, channels, 1),
        nn.Hardswish(),
        nn.Flatten(),
        nn.Linear(16 * channels, outputs),
    )


def mean_of(output: Tensor, _: Tensor) -> Tensor:
    """Return the mean of outputs that are losses."""
    return output.mean()


def ranking(output: Tensor, _: Tensor) -> Tensor:
    """Return the loss of differences that should be positive (Rendle et al. 2009)."""
    return F.softplus(-output).mean()


def quantile(share: float) -> nn.Module:
    """Return the loss of which the best output is that quantile of the target."""
    return _Quantile(share)


class _Quantile(nn.Module):
    def __init__(self, share: float) -> None:
        super().__init__()
        self.share = share

    def forward(self, output: Tensor, target: Tensor) -> Tensor:
        below = target - output
        return torch.maximum(self.share * below, (self.share - 1) * below).mean()


def laplace(output: Tensor, target: Tensor) -> Tensor:
    """Return the negative log likelihood of Laplace's distribution; the output is its center and log scale."""
    center, log_scale = output.chunk(2, dim=1)
    return (log_scale + (target - center).abs() * torch.exp(-log_scale)).mean()


def mixture(output: Tensor, target: Tensor) -> Tensor:
    """Return the negative log likelihood of a mixture of normal distributions in the plane (Bishop 1994)."""
    weights, centers, log_scales = output.split([MIXTURE, 2 * MIXTURE, MIXTURE], dim=1)
    far = (target[:, None] - centers.view(-1, MIXTURE, 2)).square().sum(2)
    logs = weights.log_softmax(1) - 0.5 * far * torch.exp(-2 * log_scales) - 2 * log_scales - math.log(2 * math.pi)
    return -torch.logsumexp(logs, dim=1).mean()


def hinge(output: Tensor, target: Tensor) -> Tensor:
    """Return the squared hinge loss of labels of -1 and 1."""
    return torch.relu(1 - output * target).square().mean()


def focal(output: Tensor, target: Tensor) -> Tensor:
    """Return the cross-entropy in which examples count by how wrong they are (Lin et al. 2017)."""
    logs = F.cross_entropy(output, target, reduction="none")
    return ((1 - torch.exp(-logs)) ** 2 * logs).mean()
