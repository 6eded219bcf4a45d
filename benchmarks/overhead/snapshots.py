"""Time of snapshot and restore relative to a copy of the same bytes, and the additional memory of a finder.

Each is measured in its own process, because the peak of memory belongs to a process.
"""

from __future__ import annotations

import json
import resource
import statistics
import subprocess
import sys
import time
from pathlib import Path

import torch
from spread import table
from torch import nn

SIZES = {"1 million": 10**6, "10 million": 10**7, "100 million": 10**8, "500 million": 5 * 10**8}
OPTIMIZERS = ("fresh SGD", "warm Adam", "warm Adam, gradients there")
LAYERS = 10


def section(sizes: list[str], optimizers: list[str]) -> str:
    """Measure and return the tables."""
    rows = []
    for size in sizes:
        for optimizer in optimizers:
            needed = SIZES[size] * 4 * {"fresh SGD": 4, "warm Adam": 9}.get(optimizer, 12)
            if needed > _free():
                rows.append(
                    [size, optimizer, f"not run: needs {needed / 1e9:.0f} GB, {_free() / 1e9:.0f} are free"] + [""] * 5
                )
                continue
            found, plain = _in_a_process("find", size, optimizer), _in_a_process("bare", size, optimizer)
            more = 1024 * (found["peak"] - plain["peak"])
            rows.append([size, optimizer, *found["row"], f"{more / 1e6:.0f}", f"{more / found['bytes']:.2f}"])
    head = ["parameters", "optimizer", "MB of state", "snapshot, ms", "the first one, ms", "restore, ms"]
    return table([*head, "both over two copies", "MB more at peak", "over the state"], rows) + "\n" + _of_suggest()


def _of_suggest() -> str:
    """Measure the memory of a search, which needs many iterations, on smaller models."""
    rows = []
    for optimizer in OPTIMIZERS:
        found, plain = (_in_a_process(kind, "10 million", optimizer) for kind in ("suggest", "bare"))
        more = 1024 * (found["peak"] - plain["peak"])
        rows.append(
            ["10 million", optimizer, f"{found['bytes'] / 1e6:.0f}", f"{more / 1e6:.0f}", f"{more / found['bytes']:.1f}"]
        )
    return table(["`suggest`: parameters", "optimizer", "MB of state", "MB more at the peak", "over the state"], rows)


def _in_a_process(*arguments: str) -> dict[str, object]:
    command = [sys.executable, __file__, *arguments]
    return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def _free() -> int:
    lines = Path("/proc/meminfo").read_text().splitlines()
    return 1024 * next(int(line.split()[1]) for line in lines if line.startswith("MemAvailable"))


def _training(size: str, optimizer: str) -> tuple[nn.Module, torch.optim.Optimizer, list[tuple[torch.Tensor, torch.Tensor]]]:
    width = int((SIZES[size] / LAYERS) ** 0.5)
    layers = [nn.Linear(width, width, bias=False, device="meta") for _ in range(LAYERS)]
    model = nn.Sequential(*layers).to_empty(device="cpu")
    for parameter in model.parameters():
        nn.init.constant_(parameter, 1 / width)
    torch_optimizer = (
        torch.optim.SGD(model.parameters(), lr=0.0) if optimizer == "fresh SGD" else torch.optim.Adam(model.parameters())
    )
    batch = torch.ones(1, width)
    if optimizer != "fresh SGD":
        nn.functional.mse_loss(model(batch), batch).backward()
        torch_optimizer.step()
        if "gradients" not in optimizer:
            torch_optimizer.zero_grad()
    return model, torch_optimizer, [(batch, batch)]


def main(kind: str, size: str, optimizer: str) -> dict[str, object]:
    """Measure in this process."""
    torch.set_num_threads(1)
    model, torch_optimizer, data = _training(size, optimizer)
    loss_fn = nn.MSELoss()
    import lrfinder  # by the bare loop too, so that its modules do not count
    from lrfinder._search.search import KEPT_STATES
    from lrfinder.torch import TorchLearner

    if kind == "bare":
        for inputs, target in data * 2:
            torch_optimizer.zero_grad()
            loss_fn(model(inputs), target).backward()
            torch_optimizer.step()
        return {"peak": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss}
    if kind == "suggest":
        data = [(inputs, torch.zeros_like(inputs)) for inputs, _ in data]  # so that there is something to learn
        learner = TorchLearner(model, torch_optimizer, loss_fn, data)
        suggestion = lrfinder.LRFinder(learner).suggest()
        assert len(suggestion.probes) >= KEPT_STATES, suggestion
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return {"peak": peak, "bytes": _bytes(learner.snapshot())}
    learner = TorchLearner(model, torch_optimizer, loss_fn, data)
    lrfinder.LRFinder(learner).find(rates=[1e-8] * 2)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    state = learner.snapshot()
    del state
    return {"peak": peak, **_times(learner)}


def _times(learner: object) -> dict[str, object]:
    first, start = _seconds(learner.snapshot)  # type: ignore[attr-defined]
    flat = [piece.flat for _, piece in start.training.objects.tensors()]  # type: ignore[attr-defined]
    nbytes = _bytes(start)
    snapshots, restores, copies = [], [], []
    largest = max(flat, key=lambda one: one.nbytes)
    target = torch.ones_like(largest)
    for _ in range(7):
        seconds, state = _seconds(learner.snapshot)  # type: ignore[attr-defined]
        snapshots.append(seconds)
        restores.append(_seconds(lambda state=state: learner.restore(state))[0])  # type: ignore[attr-defined]
        del state
        copies.append(_seconds(lambda: target.copy_(largest))[0] * nbytes / largest.nbytes)
    snapshot, restore, copy = map(statistics.median, (snapshots, restores, copies))
    times = [f"{1e3 * one:.1f}" for one in (snapshot, first, restore)]
    return {"bytes": nbytes, "row": [f"{nbytes / 1e6:.0f}", *times, f"{(snapshot + restore) / (2 * copy):.2f}"]}


def _bytes(state: object) -> int:
    return sum(piece.flat.nbytes for _, piece in state.training.objects.tensors())  # type: ignore[attr-defined]


def _seconds(call: object) -> tuple[float, object]:
    start = time.process_time()
    result = call()  # type: ignore[operator]
    return time.process_time() - start, result


if __name__ == "__main__":
    print(json.dumps(main(*sys.argv[1:])))
