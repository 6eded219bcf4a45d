"""``suggest`` for the ResNet-18 on CIFAR-10 at full length, and trainings at its rate and at four times less and more."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from devices import NotRunError
from results import Figure
from trainings import Batch, Sizes, Training, resnet

import lrfinder

if TYPE_CHECKING:
    from devices import Device
    from results import Cases

REPOSITORY = Path(__file__).parents[2]
FOLDER = "cifar-10-batches-bin"
DEFAULT_LR = 1e-3


def search(device: Device, sizes: Sizes) -> Cases:
    """Search, then train; the data must be there."""
    cases = {"ResNet-18, search": lambda: _search(device, sizes, found)}
    found: list[float] = []
    for factor, text in ((1.0, "at its rate"), (0.25, "at a quarter of it"), (4.0, "at four times that")):
        cases[f"ResNet-18, training {text}"] = lambda factor=factor: _train(device, sizes, found, factor)
    return cases


def _files() -> list[Path]:
    """Return the training files of the official binary version.

    Raises:
        NotRunError: there are none.
    """
    given = os.environ.get("LRFINDER_DATA")
    roots = [Path(given)] if given else [REPOSITORY.parent / "shared" / "data", REPOSITORY / "shared" / "data"]
    for root in roots:
        if files := sorted((root / FOLDER).glob("data_batch_*.bin")):
            return files
    message = f"there is no {FOLDER}/data_batch_*.bin in {' or '.join(map(str, roots))}; set LRFINDER_DATA"
    raise NotRunError(message)


def _batches(device: Device, sizes: Sizes) -> list[Batch]:
    """Return an epoch of batches on the device, in a random order."""
    records = np.concatenate([np.fromfile(file, dtype=np.uint8).reshape(-1, 3073) for file in _files()])
    order = torch.randperm(len(records), generator=torch.Generator().manual_seed(0)).numpy()
    images = torch.from_numpy(records[order, 1:]).to(device.place).view(-1, 3, 32, 32).float().div_(255)
    mean = torch.tensor([0.4914, 0.4822, 0.4465], device=device.place).view(3, 1, 1)
    deviation = torch.tensor([0.2023, 0.1994, 0.2010], device=device.place).view(3, 1, 1)
    images.sub_(mean).div_(deviation)
    labels = torch.from_numpy(records[order, 0].astype(np.int64)).to(device.place)
    pairs = zip(images.split(sizes.batch), labels.split(sizes.batch), strict=True)
    return [(inputs, target) for inputs, target in pairs if len(inputs) == sizes.batch]


def _training(device: Device, sizes: Sizes) -> Training:
    batches = _batches(device, sizes)
    model = resnet(sizes).to(device.place)
    return Training(device, model, torch.optim.SGD(model.parameters(), DEFAULT_LR, momentum=0.9), batches)


def _search(device: Device, sizes: Sizes, found: list[float]) -> list[Figure]:
    of = _training(device, sizes)
    device.synchronize()
    start = time.perf_counter()
    finder = lrfinder.LRFinder(of.learner())
    suggestion = finder.suggest(sizes.horizon, max_iterations=sizes.max_iterations, progress=False)
    device.synchronize()
    seconds = time.perf_counter() - start
    numbers = {name: getattr(suggestion, name) for name in ("lr", "low", "high", "confidence", "iterations")}
    numbers |= {"seconds": seconds, "horizon": sizes.horizon, "notes": list(suggestion.notes)}
    length = f"{suggestion.iterations} iterations, for a training of {sizes.horizon:,}"
    figures = [Figure("time", f"{seconds:.1f} s", length, f"{suggestion.iterations / seconds:,.0f} it/s", numbers)]
    if suggestion.lr is None:
        return [*figures, Figure("rate", f"none: {suggestion.status}")]
    found.append(suggestion.lr)
    interval = f"{suggestion.low:.3g} to {suggestion.high:.3g}"
    return [*figures, Figure("rate", f"{suggestion.lr:.3g}", interval, f"{suggestion.confidence} confidence")]


def _train(device: Device, sizes: Sizes, found: list[float], factor: float) -> list[Figure]:
    if not found:
        message = "the search has no rate"
        raise NotRunError(message)
    of, lr = _training(device, sizes), factor * found[0]
    of.model.train()
    device.synchronize()
    start = time.perf_counter()
    losses = torch.stack([of.step(batch, lr) for batch in of.endless(sizes.horizon)]).cpu().double()
    seconds = time.perf_counter() - start
    end = float(losses[-max(1, sizes.horizon // 10) :].mean())
    numbers = {"lr": lr, "seconds": seconds, "loss": end if np.isfinite(end) else None}
    return [Figure("loss of the last tenth", f"{end:.4f}", f"{seconds:.1f} s at {lr:.3g}", "", numbers)]
