"""What the ranks' agreeing costs: an iteration over the bare loop, snapshot and restore, the exchange of a few numbers.

    PYTHONPATH=src OMP_NUM_THREADS=1 python benchmarks/distributed/run.py

Two ranks over gloo on loopback, one thread each. The bare loop is what a script of DistributedDataParallel does, with the
loss read at each iteration, as a progress bar reads it. Rounds of both alternate in the same processes.
"""

import statistics
import sys
import time
from pathlib import Path

import torch
import torch.distributed as dist
from torch import nn
from torch.nn.parallel import DistributedDataParallel

sys.path.insert(0, str(Path(__file__).parents[2] / "tests" / "distributed"))

import ranks
import trainings

import lrfinder
from lrfinder.torch import TorchLearner
from lrfinder.torch.agreement import Channel

ROUNDS, ITERATIONS = 40, 10
STEP = 0.020  # seconds, about, of the bare loop


def over_the_bare_loop(_: int, batch_norm: bool) -> tuple[float, float, float, float]:  # noqa: FBT001  (one of the two rows)
    """Seconds of a bare iteration and of the finder's, medians; the rounds' median ratio, and that of the fastest."""
    middle = [nn.BatchNorm1d(256)] if batch_norm else []
    model = DistributedDataParallel(nn.Sequential(nn.Linear(256, 256), *middle, nn.ReLU(), nn.Linear(256, 10)))
    optimizer, loss_fn = torch.optim.SGD(model.parameters(), lr=1e-4), nn.CrossEntropyLoss()

    def bare(batches: list[tuple[torch.Tensor, torch.Tensor]], iterations: int) -> float:
        started = time.perf_counter()
        for k in range(iterations):
            given, target = batches[k % len(batches)]
            optimizer.zero_grad()
            loss = loss_fn(model(given.clone()), target.clone())
            loss.backward()
            optimizer.step()
            loss.item()
        return (time.perf_counter() - started) / iterations

    def data(size: int) -> list[tuple[torch.Tensor, torch.Tensor]]:
        return [(torch.randn(size, 256), torch.randint(10, (size,))) for _ in range(8)]

    bare(data(1024), 10)
    size = torch.tensor(1024 * STEP / bare(data(1024), 10))
    dist.broadcast(size, 0)
    batches = data(int(size))
    finder = lrfinder.LRFinder(TorchLearner(model, optimizer, loss_fn, batches))

    def found() -> float:
        times: list[float] = []
        finder.find(
            rates=[1e-4] * (ITERATIONS + 1), stopping=lambda _: None, on_record=lambda _: times.append(time.perf_counter())
        )
        return (times[-1] - times[0]) / ITERATIONS

    rounds: list[tuple[float, float]] = []
    for _ in range(ROUNDS):
        dist.barrier()
        rounds.append((bare(batches, ITERATIONS), found()))
    return (
        statistics.median(one for one, _ in rounds),
        statistics.median(other for _, other in rounds),
        statistics.median(other / one for one, other in rounds),
        min(other for _, other in rounds) / min(one for one, _ in rounds),
    )


def copied(_: int, kind: str, width: int = 2048) -> tuple[float, float, float]:
    """Megabytes that this rank holds, and seconds of a snapshot and of a restore: medians of 9."""
    model = nn.Sequential(*(nn.Linear(width, width) for _ in range(4)))
    model = {
        "alone": lambda: model,
        "ddp": lambda: DistributedDataParallel(model),
        "fsdp": lambda: trainings.sharded(model),
    }[kind]()
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-4)
    data = [(torch.randn(16, width), torch.randint(width, (16,))) for _ in range(4)]
    learner = TorchLearner(model, optimizer, nn.CrossEntropyLoss(), data)
    taken, put_back = [], []
    for _ in range(9):
        float(learner.iteration(1e-4))
        started = time.perf_counter()
        state = learner.snapshot()
        taken.append(time.perf_counter() - started)
        float(learner.iteration(1e-4))
        started = time.perf_counter()
        learner.restore(state)
        put_back.append(time.perf_counter() - started)
    numbers = sum(parameter.numel() for parameter in model.parameters()) // (dist.get_world_size() if kind == "fsdp" else 1)
    return numbers * 4 * 4 / 1e6, statistics.median(taken), statistics.median(put_back)  # weights, gradients, two moments


def exchanged(_: int) -> float:
    """Seconds of one exchange of five numbers."""
    channel = Channel(range(dist.get_world_size()), 60)
    channel.open()
    for _ in range(20):
        channel.exchange([0.0] * 5)
    started = time.perf_counter()
    for _ in range(200):
        channel.exchange([0.0] * 5)
    return (time.perf_counter() - started) / 200


def main() -> None:
    """Print the figures."""
    for batch_norm in (False, True):
        bare, found, ratio, fastest = ranks.values(over_the_bare_loop, batch_norm, limit=200)[0]
        what = "with BatchNorm" if batch_norm else "without buffers"
        times = f"bare {bare * 1e3:.1f} ms, in find {found * 1e3:.1f} ms"
        print(f"an iteration {what}: {times}; {ratio:.3f} times, of the fastest rounds {fastest:.3f}")
    for kind, count in (("alone", 1), ("ddp", 2), ("fsdp", 2)):
        size, taken, put_back = ranks.values(copied, kind, ranks=count, limit=200)[0]
        print(
            f"{kind}, {count} at once, {size:.0f} MB each: snapshot {taken * 1e3:.0f} ms ({size / taken / 1e3:.1f} GB/s), "
            f"restore {put_back * 1e3:.0f} ms ({size / put_back / 1e3:.1f} GB/s)"
        )
    for count in (2, 4, 8, 16):
        print(f"an exchange between {count} ranks: {ranks.values(exchanged, ranks=count, limit=200)[0] * 1e3:.2f} ms")


if __name__ == "__main__":
    main()
