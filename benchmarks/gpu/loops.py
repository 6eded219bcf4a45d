"""Iterations per second of ``find`` against a bare loop that never reads the loss."""

from __future__ import annotations

import statistics
import time
from functools import partial
from typing import TYPE_CHECKING, Any

import torch
from results import Figure, with_range
from torch import Tensor, nn
from trainings import LR, Sizes, Training, mlp, random_batches, training

import lrfinder

if TYPE_CHECKING:
    from collections.abc import Callable

    from devices import Device
    from results import Cases
    from trainings import Batch

    Step = Callable[[Batch], Tensor]

WARM = 5  # iterations before the clock starts


def plain(device: Device, sizes: Sizes) -> Cases:
    """Measure models in single precision."""
    cases: Cases = {}
    for name in ("MLP", "ResNet-18"):
        for where, on_device in (("batches on the device", True), ("batches in pinned memory", False)):
            cases[f"{name}, {where}"] = partial(_case, partial(training, device, name, sizes, on_device=on_device), sizes)
    return cases


def amp(device: Device, sizes: Sizes) -> Cases:
    """Measure mixed precision: bfloat16, and half precision with a scaler."""
    scaler = partial(torch.amp.GradScaler, device.kind)
    cases: Cases = {}
    for name in ("MLP", "ResNet-18"):
        cases[f"{name}, bfloat16"] = partial(_case, partial(training, device, name, sizes, autocast=torch.bfloat16), sizes)
        cases[f"{name}, {str(device.half)[6:]} with a scaler"] = partial(
            _case, lambda name=name: training(device, name, sizes, autocast=device.half, scaler=scaler()), sizes
        )
    return cases


def compiled(device: Device, sizes: Sizes) -> Cases:
    """Measure compiled models."""

    def compile_model(name: str) -> Training:
        of = training(device, name, sizes)
        of.trained = torch.compile(of.model, backend=device.compiler)
        return of

    return {
        f"{name}, {device.compiler}": partial(_case, partial(compile_model, name), sizes) for name in ("MLP", "ResNet-18")
    }


def graphs(device: Device, sizes: Sizes) -> Cases:
    """Measure CUDA graphs: those of the compiler, and a whole step that the script captures."""

    def reduced() -> list[Figure]:
        device.require("torch.compile(mode='reduce-overhead')")
        of = training(device, "MLP", sizes)
        of.trained = torch.compile(of.model, mode="reduce-overhead")
        return _case(lambda: of, sizes)

    def whole_step() -> list[Figure]:
        device.require("A captured step")
        model = mlp(sizes).to(device.place)
        lr = torch.tensor(LR, device=device.place)
        optimizer = torch.optim.Adam(model.parameters(), lr, capturable=True)
        batches = [(inputs.to(device.place), target.to(device.place)) for inputs, target in random_batches(sizes, (784,))]
        step = captured(model, optimizer, batches[0])
        of = Training(device, model, optimizer, batches)
        learner = lrfinder.torch.TorchLearner.from_step(step, batches, modules=[model], optimizers=[optimizer])

        def by_hand(batch: Batch) -> Tensor:
            lr.fill_(LR)
            return step(batch)

        return _compared(of, device.adapt(learner), by_hand, sizes)

    return {"MLP, reduce-overhead": reduced, "MLP with Adam, the whole step captured": whole_step}


def captured(model: nn.Module, optimizer: torch.optim.Optimizer, example: Batch) -> Step:
    """Return a step that replays a graph of the whole update."""
    inputs, target = (part.clone() for part in example)

    def update() -> Tensor:
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(model(inputs), target)
        loss.backward()
        optimizer.step()
        return loss

    side = torch.cuda.Stream()
    side.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(side):
        for _ in range(3):
            update()
    torch.cuda.current_stream().wait_stream(side)
    graph = torch.cuda.CUDAGraph()
    optimizer.zero_grad()
    with torch.cuda.graph(graph):
        loss = update()

    def step(batch: Batch) -> Tensor:
        inputs.copy_(batch[0])
        target.copy_(batch[1])
        graph.replay()
        return loss

    return step


def _case(build: Callable[[], Training], sizes: Sizes) -> list[Figure]:
    of = build()
    return _compared(of, of.learner(), of.step, sizes)


def _compared(of: Training, learner: Any, step: Step, sizes: Sizes) -> list[Figure]:
    """Measure by turns; the first round warms up."""
    rounds = [(_bare(of, step, sizes.iterations), _found(learner, sizes.iterations)) for _ in range(sizes.rounds + 1)][1:]
    hand, found = (statistics.median(1 / seconds for seconds in column) for column in zip(*rounds, strict=True))
    ratios = [bare / sweep for bare, sweep in rounds]
    numbers = {"bare_seconds": [bare for bare, _ in rounds], "find_seconds": [sweep for _, sweep in rounds]}
    return [Figure("", f"{found:,.0f} it/s", f"{hand:,.0f} it/s by hand", with_range(ratios), numbers)]


def _bare(of: Training, step: Step, iterations: int) -> float:
    """Return the seconds of an iteration by hand."""
    of.model.train()
    for batch in of.endless(WARM):
        step(batch)
    of.device.synchronize()
    start = time.perf_counter()
    for batch in of.endless(iterations):
        step(batch)
    of.device.synchronize()
    return (time.perf_counter() - start) / iterations


def _found(learner: Any, iterations: int) -> float:
    """Return the seconds between two records of ``find``."""
    times: list[float] = []
    rates = [LR] * (iterations + WARM)
    finder = lrfinder.LRFinder(learner)
    finder.find(rates=rates, stopping=lambda _: None, on_record=lambda _: times.append(time.perf_counter()), progress=False)
    assert len(times) == len(rates)
    return (times[-1] - times[WARM - 1]) / iterations
