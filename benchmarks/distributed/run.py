"""The cost of agreement between ranks: an iteration against a bare loop, snapshot and restore, one exchange of numbers.

    PYTHONPATH=src OMP_NUM_THREADS=1 python benchmarks/distributed/run.py

Two ranks over gloo on loopback, one thread each. The bare loop is that of a script with DistributedDataParallel, which reads
the loss at each iteration, as a progress bar does. A second loop also averages the loss over the ranks, which a script needs
for the curve that the finder gives. Rounds of both loops and of the finder alternate in the same processes.
"""

import statistics
import sys
import time
import warnings
from collections.abc import Callable
from pathlib import Path

import torch
import torch.distributed as dist
from torch import nn
from torch.nn.parallel import DistributedDataParallel

sys.path.insert(0, str(Path(__file__).parents[2] / "tests" / "support"))

import rank_processes as ranks
import rank_trainings as trainings

import lrfinder
from lrfinder.torch import TorchLearner
from lrfinder.torch._distributed.channel import Channel

Mean = Callable[[torch.Tensor], float]

ROUNDS, ITERATIONS = 40, 10
STEP_SECONDS = 0.020  # of the bare loop, approximately


def iteration_costs(_: int, batch_norm: bool) -> tuple[float, list[tuple[float, float, float]]]:  # noqa: FBT001  (one of two)
    """Return the seconds of a bare iteration, and costs of one with the mean loss and of one of the finder.

    The costs are the seconds, the ratio to a bare iteration (both medians of the rounds), and the ratio of the fastest
    rounds.
    """
    middle = [nn.BatchNorm1d(256)] if batch_norm else []
    model = DistributedDataParallel(nn.Sequential(nn.Linear(256, 256), *middle, nn.ReLU(), nn.Linear(256, 10)))
    optimizer, loss_fn = torch.optim.SGD(model.parameters(), lr=1e-4), nn.CrossEntropyLoss()
    own_group = dist.new_group(range(dist.get_world_size()), backend="gloo")  # as the finder has one

    def bare(batches: list[tuple[torch.Tensor, torch.Tensor]], iterations: int, mean: Mean = torch.Tensor.item) -> float:
        started = time.perf_counter()
        for k in range(iterations):
            given, target = batches[k % len(batches)]
            optimizer.zero_grad()
            loss = loss_fn(model(given.clone()), target.clone())
            mean(loss)
            loss.backward()
            optimizer.step()
        return (time.perf_counter() - started) / iterations

    def data(size: int) -> list[tuple[torch.Tensor, torch.Tensor]]:
        return [(torch.randn(size, 256), torch.randint(10, (size,))) for _ in range(8)]

    bare(data(1024), 10)
    size = torch.tensor(1024 * STEP_SECONDS / bare(data(1024), 10))
    dist.broadcast(size, 0)
    batches = data(int(size))
    finder = lrfinder.LRFinder(TorchLearner(model, optimizer, loss_fn, batches))

    def seconds_of_find() -> float:
        times: list[float] = []
        finder.find(
            rates=[1e-4] * (ITERATIONS + 1), stopping=lambda _: None, on_record=lambda _: times.append(time.perf_counter())
        )
        return (times[-1] - times[0]) / ITERATIONS

    def over_ranks(loss: torch.Tensor) -> float:
        total = loss.detach().clone()
        dist.all_reduce(total, group=own_group)
        return total.item() / dist.get_world_size()

    rounds: list[tuple[float, float, float]] = []
    for _ in range(ROUNDS):
        dist.barrier()
        rounds.append((bare(batches, ITERATIONS), bare(batches, ITERATIONS, over_ranks), seconds_of_find()))
    bare_seconds, *others = zip(*rounds, strict=True)
    return statistics.median(bare_seconds), [
        (
            statistics.median(other),
            statistics.median(one / bare for one, bare in zip(other, bare_seconds, strict=True)),
            min(other) / min(bare_seconds),
        )
        for other in others
    ]


def snapshot_costs(_: int, kind: str, width: int = 2048) -> tuple[float, float, float]:
    """Return the megabytes that this rank copies, and the seconds of a snapshot and of a restore: medians of 9."""
    warnings.simplefilter("ignore", lrfinder.LRFinderWarning)  # each of two processes searches by itself
    model = nn.Sequential(*(nn.Linear(width, width) for _ in range(4)))
    model = {
        "single": lambda: model,
        "ddp": lambda: DistributedDataParallel(model),
        "fsdp": lambda: trainings.sharded(model),
    }[kind]()
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-4)
    data = [(torch.randn(16, width), torch.randint(width, (16,))) for _ in range(4)]
    learner = TorchLearner(model, optimizer, nn.CrossEntropyLoss(), data)
    snapshot_seconds, restore_seconds = [], []
    for _ in range(9):
        float(learner.iteration(1e-4))
        started = time.perf_counter()
        state = learner.snapshot()
        snapshot_seconds.append(time.perf_counter() - started)
        float(learner.iteration(1e-4))
        started = time.perf_counter()
        learner.restore(state)
        restore_seconds.append(time.perf_counter() - started)
    flat = [piece.flat for _, piece in state.training.objects.tensors()]
    return (
        sum(one.nbytes for one in flat if one is not None) / 1e6,
        statistics.median(snapshot_seconds),
        statistics.median(restore_seconds),
    )


def exchange_seconds(_: int) -> float:
    """Return the seconds of one exchange of five numbers."""
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
        bare, others = ranks.values(iteration_costs, batch_norm, limit=200)[0]
        print(f"an iteration {'with BatchNorm' if batch_norm else 'without buffers'}: bare {bare * 1e3:.1f} ms")
        for what, (seconds, ratio, fastest) in zip(("bare with the mean loss", "in find"), others, strict=True):
            print(f"  {what} {seconds * 1e3:.1f} ms: {ratio:.3f} times, of the fastest rounds {fastest:.3f}")
    for kind, count in (("single", 1), ("single", 2), ("ddp", 2), ("fsdp", 2)):
        size, snapshot, restore = ranks.values(snapshot_costs, kind, ranks=count, limit=200)[0]
        costs = [f"{seconds * 1e3:.0f} ms ({size / seconds / 1e3:.1f} GB/s)" for seconds in (snapshot, restore)]
        print(f"{kind}, {count} at once, {size:.0f} MB each: snapshot {costs[0]}, restore {costs[1]}")
    for count in (2, 4, 8, 16):
        print(f"an exchange between {count} ranks: {ranks.values(exchange_seconds, ranks=count, limit=200)[0] * 1e3:.2f} ms")


if __name__ == "__main__":
    main()
