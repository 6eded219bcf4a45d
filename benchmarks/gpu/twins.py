"""The twin check: a training with a search in it ends bit for bit as one without, with deterministic algorithms."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from results import Figure
from torch import Tensor
from torch.utils.data import DataLoader, TensorDataset
from trainings import Sizes, Training, mlp, random_batches, resnet

import lrfinder

if TYPE_CHECKING:
    from collections.abc import Iterator

    from devices import Device
    from results import Cases

LR = 1e-2
Search = Callable[[Any, int], object]
SEARCHES: dict[str, Search] = {
    "find": lambda learner, count: lrfinder.LRFinder(learner).find(max_iterations=count, progress=False),
    "suggest": lambda learner, count: lrfinder.LRFinder(learner).suggest(
        count, max_iterations=2 * count + 40, progress=False
    ),
}


def twins(device: Device, sizes: Sizes) -> Cases:
    """Compare the trainings."""
    kinds: dict[str, Callable[[], Training]] = {
        "MLP with dropout, SGD": lambda: _mlp(device, sizes),
        "MLP with dropout, AdamW, AMP with a scaler": lambda: _amp(device, sizes),
        "MLP with dropout, compiled": lambda: _compiled(device, sizes),
        "ResNet-18, SGD": lambda: _resnet(device, sizes),
    }
    return {kind: partial(_case, build, sizes.twin) for kind, build in kinds.items()}


def _mlp(device: Device, sizes: Sizes) -> Training:
    model = mlp(sizes, dropout=0.3).to(device.place)
    return Training(device, model, torch.optim.SGD(model.parameters(), LR, momentum=0.9), random_batches(sizes, (784,)))


def _amp(device: Device, sizes: Sizes) -> Training:
    of = _mlp(device, sizes)
    of.optimizer = torch.optim.AdamW(of.model.parameters(), LR)
    of.autocast, of.scaler = device.half, torch.amp.GradScaler(device.kind)
    return of


def _compiled(device: Device, sizes: Sizes) -> Training:
    of = _mlp(device, sizes)
    of.trained = torch.compile(of.model, backend=device.compiler)
    return of


def _resnet(device: Device, sizes: Sizes) -> Training:
    model = resnet(sizes).to(device.place)
    optimizer = torch.optim.SGD(model.parameters(), LR, momentum=0.9)
    return Training(device, model, optimizer, random_batches(sizes, (3, 32, 32)))


def _case(build: Callable[[], Training], count: int) -> list[Figure]:
    deterministic, benchmark = torch.are_deterministic_algorithms_enabled(), torch.backends.cudnn.benchmark
    torch.use_deterministic_algorithms(True)  # noqa: FBT003  (its only argument)
    torch.backends.cudnn.benchmark = False
    try:
        alone = _end(build(), None)
        again = _differences(alone, _end(build(), None))
        if again:
            return [Figure("", "not compared", "the training itself does not repeat", numbers={"differ": again})]
        return [_compared(name, alone, _end(build(), partial(search, count=count))) for name, search in SEARCHES.items()]
    finally:
        torch.use_deterministic_algorithms(deterministic)
        torch.backends.cudnn.benchmark = benchmark


def _compared(name: str, alone: dict[str, bytes], found: dict[str, bytes]) -> Figure:
    differ = _differences(alone, found)
    text = f"differs in {', '.join(differ)}" if differ else "equal, bit for bit"
    return Figure(name, text[:200], f"{len(alone)} parts of the state and the losses", numbers={"differ": differ})


def _end(of: Training, search: Callable[[Any], object] | None) -> dict[str, bytes]:
    """Train an epoch, search, train another epoch; return the bytes of all that the training has then."""
    inputs, targets = (torch.cat(parts) for parts in zip(*of.batches, strict=True))
    torch.manual_seed(7)
    loader = DataLoader(TensorDataset(inputs, targets), of.batches[0][0].shape[0], shuffle=True)
    of.trained.train()
    losses = [of.step(batch, None) for batch in loader]
    if search is not None:
        search(of.learner(loader))
    losses += [of.step(batch, None) for batch in loader]
    return dict(_parts(of, losses))


def _parts(of: Training, losses: list[Tensor]) -> Iterator[tuple[str, bytes]]:
    yield "losses", np.array([float(loss) for loss in losses]).tobytes()
    yield "generator of the CPU", torch.get_rng_state().numpy().tobytes()
    if of.device.kind == "cuda":
        yield "generator of the device", torch.cuda.get_rng_state().numpy().tobytes()
    for name, value in of.model.state_dict().items():
        yield name, _bytes(value)
    for number, state in enumerate(of.optimizer.state.values()):
        for name, value in state.items():
            yield f"{name} of parameter {number}", _bytes(value) if isinstance(value, Tensor) else repr(value).encode()
    for number, group in enumerate(of.optimizer.param_groups):
        yield f"rate of group {number}", repr(float(group["lr"])).encode()
    if of.scaler is not None:
        yield "scaler", repr(of.scaler.state_dict()).encode()


def _bytes(value: Tensor) -> bytes:
    return value.detach().cpu().reshape(-1).view(torch.uint8).numpy().tobytes()


def _differences(one: dict[str, bytes], other: dict[str, bytes]) -> list[str]:
    return sorted(name for name in one.keys() | other.keys() if one.get(name) != other.get(name))
