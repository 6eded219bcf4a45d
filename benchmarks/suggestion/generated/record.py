"""Record generated tasks: every rate of a ladder, the sweeps and their untrained twins, on three orders of the batches.

    python benchmarks/suggestion/generated/record.py --first 0 --count 24      # setups 0 to 23, about 2 minutes on one core
    python benchmarks/suggestion/generated/record.py --first 1000 --count 24   # setups to which nothing is fitted

A setup gives three tasks: from its start, and after 100 and 400 steps. Each goes to ``recordings/SETUP-KIND.npz``, the
losses of the first order as float16 differences to the losses at the rate 0. A stopped run resumes. Setups from 1000 on go
to ``recordings/unusual``; their start after 400 steps ends a schedule that fell to 0 along half a cosine.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

os.environ.setdefault("OMP_NUM_THREADS", "1")
sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parents[3] / "src")]

import numpy as np  # noqa: E402  (after the number of threads is set)
import torch  # noqa: E402
from batched import Batched, Start  # noqa: E402
from setups import Setup, draw  # noqa: E402
from torch import Tensor  # noqa: E402

from lrfinder import cosine  # noqa: E402

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

RECORDINGS = Path(__file__).parent / "recordings"
UNUSUAL_RECORDINGS = RECORDINGS / "unusual"
HORIZON = 300
ORDERS = 3
KINDS = ("fresh", "after100", "after400")
SWEEPS = {
    "find": [1e-6 * 1.1**k for k in range(170)],  # the rates of find, up to 10
    "coarse": [1e-7 * 1e9 ** (k / 29) for k in range(30)],  # of suggest
    "fine": [1e-7 * 1e9 ** (k / 74) for k in range(75)],  # of suggest with 150 iterations
}
KEPT_STATE_SHARE, CHANGED_SHARE = 0.75, 0.2  # of resumed tasks: the optimizer keeps its state, the targets change
CHANGE_BITS, WIDE_CHANGE_BITS, SWEEP_BITS = (
    3,
    16,
    8,
)  # that are rounded away: relative errors of 0.4 % of a change, 0.002 % of a loss
USUAL_RATE = 1e-3
ANNEALED_STEPS = 400  # after which an unusual setup has come to the end of a schedule
END = 30  # last iterations, of which a training's final loss is the mean


def rates(setup: Setup) -> Tensor:
    """Return the rates of all trainings: 0, those of the ladder, the sweeps; shape ``(trainings, HORIZON)``."""
    rows = [[lr] * HORIZON for lr in (0.0, *setup.lrs())]
    rows += [(sweep + [0.0] * HORIZON)[:HORIZON] for sweep in SWEEPS.values()]
    return torch.tensor(rows, dtype=torch.float64).float()


class Beginning(NamedTuple):
    """The start of a recorded task, and how it came there."""

    kind: str
    batched: Batched
    start: Start
    notes: dict[str, object]

    @property
    def changed(self) -> bool:
        """``True`` if the targets are others than before."""
        return bool(self.notes.get("changed"))


def order_seeds(setup: Setup, kind: str) -> list[int]:
    """Return the seeds of the orders of the batches."""
    return [1000 * (setup.seed + 1) + 10 * KINDS.index(kind) + k for k in range(ORDERS)]


def record(setup: Setup, beginning: Beginning) -> None:
    """Train a task and store it."""
    kind, batched, start, notes = beginning
    batches = setup.batches(order_seeds(setup, kind), HORIZON, changed=beginning.changed)
    losses, _, _ = batched.train(start, rates(setup), batches, ORDERS, setup.seed)
    lrs = setup.lrs()
    first = losses[0].double().numpy()
    untrained, rest = first[0], first[1:]
    change = rest - untrained
    scale = float(np.nanmedian(np.abs(untrained))) or 1.0
    ends = losses[:, : len(lrs) + 1, -END:].double().mean(2).numpy()  # orders x (0 and the ladder)
    with np.errstate(over="ignore", invalid="ignore"):
        stored = (change / scale).astype(np.float16)
        if (np.isneginf(stored) & np.isfinite(change)).any():  # a deep fall is no divergence
            stored = (change / scale).astype(np.float32)
    sweeps = losses[1:, len(lrs) + 1 :, :170].numpy().astype(np.float32)  # of the other orders
    twins = losses[1:, 0, :170].numpy().astype(np.float32)
    path = file_of(setup, kind)
    path.parent.mkdir(exist_ok=True)
    np.savez_compressed(
        path,
        settings=np.array(json.dumps({**setup.to_dict(), **notes, "kind": kind})),
        lrs=np.array(lrs),
        untrained=shortened(untrained.astype(np.float32), SWEEP_BITS),
        scale=np.array(scale),
        changes=shortened(stored[: len(lrs)], CHANGE_BITS if stored.dtype == np.float16 else WIDE_CHANGE_BITS),
        sweeps=shortened(
            np.stack([first[1 + len(lrs) + k, :170] for k in range(len(SWEEPS))]).astype(np.float32), SWEEP_BITS
        ),
        ends=ends.astype(np.float32),
        other_sweeps=shortened(sweeps, SWEEP_BITS),
        other_twins=shortened(twins, SWEEP_BITS),
    )


def shortened(values: NDArray[Any], bits: int) -> NDArray[Any]:
    """Return float16 or float32 numbers with the last bits rounded away, which files store in less space."""
    kind = {2: np.uint16, 4: np.uint32}[values.dtype.itemsize]
    raw = values.view(kind).astype(np.int64)
    rounded = (((raw + (1 << (bits - 1))) >> bits) << bits).astype(kind).view(values.dtype)
    return np.where(np.isfinite(values) & np.isfinite(rounded), rounded, values)


def file_of(setup: Setup, kind: str) -> Path:
    """Return the file of a recording."""
    return (UNUSUAL_RECORDINGS if setup.is_unusual else RECORDINGS) / f"{setup.seed:04d}-{kind}.npz"


def best_rate(setup: Setup) -> float:
    """Return the best rate of the recorded task from the start; a usual one where the loss falls without end."""
    if setup.is_endless:
        return USUAL_RATE
    with np.load(file_of(setup, "fresh")) as stored:
        ends = stored["ends"].mean(0)[1:]
        return float(stored["lrs"][np.where(np.isfinite(ends), ends, np.inf).argmin()])


def later(setup: Setup, batched: Batched, steps: int, lr: float, *, keep: bool) -> Start:
    """Return the start after so many steps at a rate; ``keep`` keeps the optimizer's state."""
    batches = setup.batches([7 + setup.seed], steps)
    rates = torch.full((1, steps), lr)
    if setup.is_unusual and steps == ANNEALED_STEPS:
        rates = rates * torch.tensor([cosine(k / steps) for k in range(steps)])
    _, weights, state = batched.train(batched.start, rates, batches, 1, setup.seed + 1)
    if not keep:
        return Start(weights[0, 0].clone(), {})
    return Start(weights[0, 0].clone(), {name: value[0, 0].clone() for name, value in state.items()}, steps)


def starts(setup: Setup, kinds: Sequence[str] = KINDS) -> Iterator[Beginning]:
    """Yield where the tasks of a setup begin; those under way need the recording of the one from the start."""
    random = np.random.default_rng([20261130, setup.seed])
    batched = setup.batched()
    if "fresh" in kinds:
        yield Beginning("fresh", batched, batched.start, {})
    for kind, steps in (("after100", 100), ("after400", 400)):
        below, keep = float(random.uniform(-0.5, 2.5)), bool(random.random() < KEPT_STATE_SHARE)
        changed = bool(random.random() < CHANGED_SHARE) or setup.family == "moved"
        if kind in kinds:
            lr = best_rate(setup) * 2.0**-below
            notes: dict[str, object] = {"steps": steps, "lr_before": lr, "state_kept": keep, "changed": changed}
            start = later(setup, batched, steps, lr, keep=keep)
            if torch.isfinite(start.weights).all():
                yield Beginning(kind, batched, start, notes)


def main() -> None:
    """Record the setups that were asked for and are not there yet."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--count", type=int, default=24)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    torch.set_flush_denormal(True)
    for seed in range(arguments.first, arguments.first + arguments.count):
        if file_of(draw(seed), "fresh").exists():
            continue
        begin = time.perf_counter()
        try:
            for beginning in starts(draw(seed)):
                record(draw(seed), beginning)
        except RuntimeError as error:
            print(f"{seed} failed: {error}  {draw(seed)}", flush=True)
            continue
        print(f"{seed} {time.perf_counter() - begin:5.1f} s  {draw(seed)}", flush=True)


if __name__ == "__main__":
    main()
