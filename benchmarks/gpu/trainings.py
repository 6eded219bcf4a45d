"""The trainings that are measured, each as the loop of a script, and their sizes."""

from __future__ import annotations

import sys
from contextlib import nullcontext
from dataclasses import dataclass
from itertools import cycle, islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import torch
from torch import Tensor, nn

sys.path.append(str(Path(__file__).parents[1]))  # for the network that benchmarks share
from resnet18 import resnet18

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from devices import Device

Batch = tuple[Tensor, Tensor]
LR = 1e-6  # at which nothing diverges
CLASSES = 10


class Sizes(NamedTuple):
    """The extent of the measurements.

    Attributes:
        width: units of a layer of the MLP.
        channels: of the first stage of the ResNet-18.
        batch: examples in a batch.
        iterations: of each run of a loop.
        rounds: runs of each loop, bare and with the finder by turns.
        parameters: of the models whose states are copied.
        twin: iterations of the sweep in the twin check, and of the training that its search is for.
        horizon: iterations of the training on CIFAR-10.
        max_iterations: of its search.
    """

    width: int = 1024
    channels: int = 64
    batch: int = 128
    iterations: int = 300
    rounds: int = 5
    parameters: tuple[int, ...] = (10**7, 10**8)
    twin: int = 100
    horizon: int = 1950
    max_iterations: int = 650


FULL = Sizes()
QUICK = Sizes(16, 2, 4, 8, 1, (10**4,), 12, 12, 50)


def mlp(sizes: Sizes, dropout: float = 0.0) -> nn.Module:
    """Return an MLP whose steps are so short that starting their kernels takes most of the time."""
    torch.manual_seed(0)
    layers = (nn.Linear(784, sizes.width), nn.ReLU(), nn.Dropout(dropout), nn.Linear(sizes.width, sizes.width), nn.ReLU())
    return nn.Sequential(*layers, nn.BatchNorm1d(sizes.width), nn.Linear(sizes.width, CLASSES))


def resnet(sizes: Sizes) -> nn.Module:
    """Return the ResNet-18 of ``examples/cifar10_torch.py``."""
    torch.manual_seed(0)
    return resnet18(sizes.channels)


MODELS = {"MLP": (mlp, (784,)), "ResNet-18": (resnet, (3, 32, 32))}


def random_batches(sizes: Sizes, shape: tuple[int, ...], count: int = 8) -> list[Batch]:
    """Return batches on the host."""
    generator = torch.Generator().manual_seed(0)
    return [
        (
            torch.randn(sizes.batch, *shape, generator=generator),
            torch.randint(CLASSES, (sizes.batch,), generator=generator),
        )
        for _ in range(count)
    ]


@dataclass
class Training:
    """A model on its device with an optimizer and batches.

    Attributes:
        trained: the model, or a compiled one around it.
        autocast: the dtype of the forward.
        scaler: that of the loop.
    """

    device: Device
    model: nn.Module
    optimizer: torch.optim.Optimizer
    batches: list[Batch]
    trained: Any = None
    autocast: torch.dtype | None = None
    scaler: torch.amp.GradScaler | None = None

    def __post_init__(self) -> None:
        self.trained = self.model if self.trained is None else self.trained
        self.loss_fn = nn.CrossEntropyLoss()

    def step(self, batch: Batch, lr: float | None = LR) -> Tensor:
        """Train on a batch as a script does, at a rate that is written first; return the loss without reading it."""
        inputs, target = (part.to(self.device.place, non_blocking=True) for part in batch)
        if lr is not None:
            for group in self.optimizer.param_groups:
                group["lr"] = lr
        self.optimizer.zero_grad()
        mixed = nullcontext() if self.autocast is None else torch.autocast(self.device.place.type, self.autocast)
        with mixed:
            loss = self.loss_fn(self.trained(inputs), target)
        if self.scaler is None:
            loss.backward()
            self.optimizer.step()
        else:
            self.scaler.scale(loss).backward()
            self.scaler.step(self.optimizer)
            self.scaler.update()
        return loss.detach()

    def learner(self, data: Iterable[Batch] | None = None) -> Any:
        """Return the learner of this training."""
        from lrfinder.torch import TorchLearner

        options: dict[str, Any] = {"autocast": self.autocast, "scaler": self.scaler}
        data = self.batches if data is None else data
        return self.device.adapt(TorchLearner(self.trained, self.optimizer, self.loss_fn, data, **options))

    def endless(self, count: int) -> Iterator[Batch]:
        """Yield so many batches."""
        return islice(cycle(self.batches), count)


def training(device: Device, name: str, sizes: Sizes, *, on_device: bool = True, **options: Any) -> Training:
    """Return the training of a model by SGD with momentum; batches are on the device, or in pinned memory of the host."""
    build, shape = MODELS[name]
    model = build(sizes).to(device.place)
    batches = random_batches(sizes, shape)
    if on_device:
        batches = [(inputs.to(device.place), target.to(device.place)) for inputs, target in batches]
    elif device.kind == "cuda":
        batches = [(inputs.pin_memory(), target.pin_memory()) for inputs, target in batches]
    return Training(device, model, torch.optim.SGD(model.parameters(), LR, momentum=0.9), batches, **options)


def layers(parameters: int, optimizer: str, device: Device) -> Training:
    """Return ten linear layers with that many parameters; Adam has made a step, so that it has a state."""
    width = max(2, int((parameters / 10) ** 0.5))
    torch.manual_seed(0)
    model = nn.Sequential(*(nn.Linear(width, width, bias=False) for _ in range(9)), nn.Linear(width, width, bias=False))
    model = model.to(device.place)
    batch = (torch.ones(4, width, device=device.place), torch.arange(4, device=device.place) % width)
    of = torch.optim.Adam(model.parameters(), LR) if optimizer == "Adam" else torch.optim.SGD(model.parameters(), LR)
    of_layers = Training(device, model, of, [batch])
    if optimizer == "Adam":
        of_layers.step(batch)
    of.zero_grad()
    return of_layers


def state_bytes(of: Training) -> int:
    """Return the bytes of parameters, buffers and the optimizer's tensors."""
    tensors = list(of.model.state_dict().values())
    for state in of.optimizer.state.values():
        tensors += [value for value in state.values() if isinstance(value, Tensor)]
    return sum(tensor.nbytes for tensor in tensors)
