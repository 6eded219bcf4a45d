"""Random training setups: data x network x loss x optimizer x batch size x what makes a training hard."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from batched import Batched, Batches, Loss
from networks import Attention, Factors, Quadratic, Sampled, Window, cnn, mlp
from sources import SOURCES, UNUSUAL, Source, source
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812  (its usual name)
from updates import DIRECTIONS, Optimizer

if TYPE_CHECKING:
    from collections.abc import Callable

LATENT = 4  # of the variational autoencoder
LOWEST_OCTAVE = {"adam": -20, "adamw": -20, "rmsprop": -21, "adagrad": -17, "lion": -22}  # of a setup's ladder; others -17
LADDER_OCTAVES = 24.5
UNUSUAL_SEED = 1000  # from here on, setups are of the families in UNUSUAL
ENDLESS_OCTAVES = 31.0  # of the ladder of a setup whose loss falls without end: as far as a search goes
CLIPPED_SHARE = 0.2
MOST_EXAMPLES = {"digits-contrastive": 128, "cifar": 128, "cifar-autoencoder": 32, "adult": 256}  # a batch, to save time
MOST_EXAMPLES |= dict.fromkeys(UNUSUAL, 64)


@dataclass(frozen=True)
class Setup:
    """A training setup, drawn by :func:`draw`.

    Attributes:
        family: of its data, a key of :data:`sources.SOURCES`.
        network: its shape in words.
        loss: one of :data:`LOSSES`.
        optimizer: one of :data:`updates.DIRECTIONS`.
        batch: examples in a batch.
        label_noise: the share of targets drawn again.
        scale: factor of the initial weights.
    """

    seed: int
    family: str
    network: str
    loss: str
    optimizer: str
    batch: int
    weight_decay: float
    clip: float | None
    label_noise: float
    scale: float

    def batched(self) -> Batched:
        """Return the network at its start, with its loss and its optimizer."""
        torch.manual_seed(self.seed)
        network = _network(self, source(self.family))
        with torch.no_grad():
            for weight in network.parameters():
                weight.mul_(self.scale)
        return Batched(network, LOSSES[self.loss], Optimizer(self.optimizer, self.weight_decay, self.clip))

    def batches(self, seeds: list[int], count: int, *, changed: bool = False) -> Batches:
        """Return ``count`` batches of each order, epoch after epoch.

        Args:
            seeds: of the orders.
            count: batches of an order.
            changed: whether the data are others than before: classes rotated, numbers with another sign; in the family
                "moved" the columns of the inputs as well.
        """
        kept = source(self.family)
        inputs, targets = kept.inputs, _noisy(self, kept)
        if changed:
            targets = (targets + 1) % kept.classes if kept.classes else -targets
            inputs = inputs.flip(1) if self.family == "moved" else inputs
        orders = [_order(len(inputs), self.batch * count, seed) for seed in seeds]
        sampled = {"quadratic": 40, "digits-vae": LATENT, "digits-contrastive": 64}.get(self.family, 0)

        def batch(order: int, step: int) -> tuple[Tensor, Tensor]:
            rows = orders[order][step * self.batch : (step + 1) * self.batch]
            if not sampled:
                return inputs[rows], targets[rows]
            noise = torch.randn(self.batch, sampled, generator=torch.Generator().manual_seed(seeds[order] * 100_003 + step))
            if self.family == "quadratic":
                return noise.mean(0, keepdim=True) * self.label_noise, targets[rows]
            return torch.cat([inputs[rows], noise], dim=1), targets[rows]

        return batch

    def lrs(self) -> list[float]:
        """Return the rates of the ladder: powers of the square root of 2."""
        lowest = LOWEST_OCTAVE.get(self.optimizer, -17)
        octaves = ENDLESS_OCTAVES if self.is_endless else LADDER_OCTAVES
        return [2.0 ** (lowest + k / 2) for k in range(int(2 * octaves))]

    @property
    def is_unusual(self) -> bool:
        """``True`` if nothing is fitted to it."""
        return self.seed >= UNUSUAL_SEED

    @property
    def is_endless(self) -> bool:
        """``True`` if the loss falls without end, and faster the higher the rate."""
        return self.loss == "critic"

    def to_dict(self) -> dict[str, Any]:
        """Return the settings."""
        return asdict(self)


def draw(seed: int) -> Setup:
    """Return the setup of a seed; families take turns."""
    random = np.random.default_rng([20261129, seed])
    families = list(UNUSUAL if seed >= UNUSUAL_SEED else SOURCES)
    family = families[seed % len(families)]
    classes = family in {"adult", "digits", "digits-images", "spirals", "rare", "cancer", "wine", "cifar", "cifar-images"}
    classes |= family in {"clusters", "parity", "window", "attention", "moved"}
    own = {"quadratic": "itself", "digits-vae": "itself", "digits-contrastive": "contrastive", "attention": "tokens"}
    own |= {name: name for name in ("critic", "critic-bounded", "hinge", "policy")} | {"sharp": "gaussian"}
    usual = ["cross-entropy"] if classes else ["square", "square", "huber", "absolute", "gaussian"]
    if family in {"ratings", "digits-autoencoder", "cifar-autoencoder"}:
        usual = ["square", "huber"]
    optimizer = str(random.choice(list(DIRECTIONS), p=[0.17, 0.2, 0.08, 0.2, 0.15, 0.08, 0.06, 0.06]))
    heavy = {"attention": 8, "cifar-images": 64, "digits-images": 64, "window": 64, "cifar-autoencoder": 64}
    sizes = [size for size in (1, 2, 4, 8, 16, 32, 64, 128, 256, 512) if size <= heavy.get(family, 512)]
    small = {"wine": 32, "diabetes": 128, "cancer": 128}.get(family, 512)
    noisy = float(random.choice([0.0, 0.1, 0.3, 0.6], p=[0.6, 0.15, 0.15, 0.1]))
    return Setup(
        seed=seed,
        family=family,
        network=_drawn_network(family, random),
        loss=own.get(family) or str(random.choice(usual)),
        optimizer=optimizer,
        batch=min(int(random.choice([size for size in sizes if size <= small])), MOST_EXAMPLES.get(family, 512)),
        weight_decay=float(random.choice([0.0, 1e-4, 1e-2], p=[0.6, 0.2, 0.2])),
        clip=float(random.choice([0.1, 1.0])) if random.random() < CLIPPED_SHARE else None,
        label_noise=float(random.choice([0.01, 0.1, 1.0])) if family == "quadratic" else noisy,
        scale=float(random.choice([0.5, 1.0, 2.0], p=[0.1, 0.8, 0.1])),
    )


def _drawn_network(family: str, random: np.random.Generator) -> str:
    if family in {"attention", "window", "digits-vae"}:
        return f"own {random.choice([12, 16, 24])}"
    if family in {"cifar-images", "digits-images"}:
        return f"cnn {random.choice([6, 10])} {random.choice(['relu', 'gelu', 'silu'])}"
    if family == "ratings":
        return f"factors {random.choice([4, 8])} {random.choice([0.1, 0.3, 1.0])}"
    if family == "quadratic":
        return f"quadratic {random.choice([1e-1, 1e-2, 1e-3, 1e-4])} {random.choice([0.1, 1.0, 10.0])}"
    depth = int(random.choice([0, 1, 2, 3, 6], p=[0.15, 0.3, 0.3, 0.15, 0.1]))
    activation = random.choice(["relu", "tanh", "gelu", "silu"])
    kinds = ["plain", "layer", "batch", "dropout", "residual"]
    return f"mlp {depth} {random.choice([16, 24, 32])} {activation} {random.choice(kinds, p=[0.55, 0.15, 0.1, 0.1, 0.1])}"


def _network(setup: Setup, kept: Source) -> nn.Module:
    kind, *words = setup.network.split()
    if kind == "own":
        width = int(words[0])
        own: dict[str, Callable[[], nn.Module]] = {
            "attention": lambda: Attention(65, width, 12),
            "window": lambda: Window(65, width // 2, 8, 2 * width),
            "digits-vae": lambda: Sampled(64, 2 * width, LATENT),
        }
        return own[setup.family]()
    if kind == "cnn":
        channels = int(words[0])
        return cnn([kept.inputs.shape[1], channels, 2 * channels], kept.inputs.shape[-1], kept.classes, words[1])
    if kind == "factors":
        return Factors(120, 90, int(words[0]), float(words[1]))
    if kind == "quadratic":
        return Quadratic(torch.logspace(float(np.log10(float(words[0]))), 0, 40) * float(words[1]), torch.ones(40))
    outputs = 2 * kept.targets.shape[1] if setup.loss == "gaussian" else kept.classes or kept.targets.shape[1]
    inputs, depth, width = kept.inputs.shape[1], int(words[0]), int(words[1])
    inputs, outputs = (64, 16) if setup.loss == "contrastive" else (inputs, outputs)
    widths = [inputs, *[width] * depth, outputs]
    norm = words[3] if words[3] in {"layer", "batch"} and setup.batch > 1 else ""
    body = mlp(widths, words[2], norm=norm, dropout=0.2 * (words[3] == "dropout"), residual=words[3] == "residual")
    return _Views(body) if setup.loss == "contrastive" else body


class _Views(nn.Module):
    """Two noisy views of each example: ``(batch, 128)`` inputs and noise to ``(2, batch, features)``."""

    def __init__(self, body: nn.Module) -> None:
        super().__init__()
        self.body = body

    def forward(self, inputs: Tensor) -> Tensor:
        x, noise = inputs.chunk(2, dim=1)
        return torch.stack([F.normalize(self.body(x + 0.3 * part), dim=1) for part in (noise, -noise)])


def _noisy(setup: Setup, kept: Source) -> Tensor:
    """Return the targets, a share of them drawn again."""
    share = setup.label_noise if setup.family not in {"quadratic", "digits-vae", "digits-contrastive", "sharp"} else 0.0
    if not share:
        return kept.targets
    generator = torch.Generator().manual_seed(setup.seed)
    others = kept.targets[torch.randperm(len(kept.targets), generator=generator)]
    drawn = torch.rand(len(kept.targets), generator=generator) < share
    return torch.where(drawn.view(-1, *[1] * (kept.targets.ndim - 1)), others, kept.targets)


def _order(rows: int, count: int, seed: int) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    epochs = -(-count // rows)
    return torch.cat([torch.randperm(rows, generator=generator) for _ in range(epochs)])[:count]


def _gaussian(output: Tensor, target: Tensor) -> Tensor:
    """Return the negative log likelihood without its constant; the output is mean and log variance."""
    mean, log_variance = output.chunk(2, dim=1)
    return 0.5 * (log_variance + (target - mean) ** 2 * torch.exp(-log_variance)).mean()


def _square(output: Tensor, target: Tensor) -> Tensor:
    return ((output - target) ** 2).mean()


def _absolute(output: Tensor, target: Tensor) -> Tensor:
    return (output - target).abs().mean()


def _huber(output: Tensor, target: Tensor) -> Tensor:
    far = (output - target).abs()
    return torch.where(far < 1, 0.5 * far**2, far - 0.5).mean()


def _contrastive(output: Tensor, target: Tensor) -> Tensor:
    """Return the cross-entropy of finding an example's other view (van den Oord et al. 2018, equation 4)."""
    one, other = output
    return F.cross_entropy(5 * one @ other.T, torch.arange(len(target)))


def _tokens(output: Tensor, target: Tensor) -> Tensor:
    return F.cross_entropy(output.flatten(0, 1), target.flatten())


def _itself(output: Tensor, target: Tensor) -> Tensor:
    del target
    return output.sum()


def _critic(output: Tensor, target: Tensor) -> Tensor:
    """Return the difference of the mean outputs of two kinds (Arjovsky et al. 2017, equation 3), without a constraint."""
    return -(target * output).mean()


def _bounded_critic(output: Tensor, target: Tensor) -> Tensor:
    """Return the loss of a critic with a small penalty on its outputs (Karras et al. 2018, appendix A.1)."""
    return -(target * output).mean() + 0.05 * (output**2).mean()


def _hinge(output: Tensor, target: Tensor) -> Tensor:
    return F.relu(1 - target * output).mean()


def _policy(output: Tensor, target: Tensor) -> Tensor:
    """Return the negative expected reward; the targets are the rewards of the actions."""
    return -(output.softmax(1) * target).sum(1).mean()


LOSSES: dict[str, Loss] = {
    "critic": _critic,
    "critic-bounded": _bounded_critic,
    "hinge": _hinge,
    "policy": _policy,
    "cross-entropy": F.cross_entropy,
    "square": _square,
    "huber": _huber,
    "absolute": _absolute,
    "gaussian": _gaussian,
    "contrastive": _contrastive,
    "tokens": _tokens,
    "itself": _itself,
}
