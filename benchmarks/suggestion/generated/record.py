"""Record generated tasks: every rate of a ladder, the sweeps and their untrained twins, on three orders of the batches.

    python benchmarks/suggestion/generated/record.py --first 0 --count 24      # setups 0 to 23, about 2 minutes on one core

A setup gives three tasks: from its start, and after 100 and 400 steps. Each goes to ``recordings/SETUP-KIND.npz``, the
losses of the first order as float16 differences to the losses at the rate 0. A stopped run resumes.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")
sys.path[:0] = [str(Path(__file__).parent)]

import numpy as np  # noqa: E402  (after the number of threads is set)
import torch  # noqa: E402
from batched import Batched, Start  # noqa: E402
from setups import Setup, draw  # noqa: E402
from torch import Tensor  # noqa: E402

RECORDINGS = Path(__file__).parent / "recordings"
HORIZON = 300
ORDERS = 3
SWEEPS = {
    "find": [1e-6 * 1.1**k for k in range(170)],  # the rates of find, up to 10
    "coarse": [1e-7 * 1e9 ** (k / 29) for k in range(30)],  # of suggest
    "fine": [1e-7 * 1e9 ** (k / 74) for k in range(75)],  # of suggest with 150 iterations
}
KEPT_STATE_SHARE, CHANGED_SHARE = 0.75, 0.2  # of resumed tasks: the optimizer keeps its state, the targets change
END = 30  # last iterations, of which a training's final loss is the mean


def rates(setup: Setup) -> Tensor:
    """Return the rates of all trainings: 0, those of the ladder, the sweeps; shape ``(trainings, HORIZON)``."""
    rows = [[lr] * HORIZON for lr in (0.0, *setup.lrs())]
    rows += [(sweep + [0.0] * HORIZON)[:HORIZON] for sweep in SWEEPS.values()]
    return torch.tensor(rows, dtype=torch.float64).float()


def record(setup: Setup, kind: str, batched: Batched, start: Start, notes: dict[str, object]) -> float:
    """Train a task and store it; return the best rate."""
    orders = [1000 * (setup.seed + 1) + 10 * ("fresh", "after100", "after400").index(kind) + k for k in range(ORDERS)]
    batches = setup.batches(orders, HORIZON, changed=bool(notes.get("changed")))
    losses, _, _ = batched.train(start, rates(setup), batches, ORDERS, setup.seed)
    lrs = setup.lrs()
    first = losses[0].double().numpy()
    untrained, rest = first[0], first[1:]
    change = rest - untrained
    scale = float(np.nanmedian(np.abs(untrained))) or 1.0
    ends = losses[:, : len(lrs) + 1, -END:].double().mean(2).numpy()  # orders x (0 and the ladder)
    with np.errstate(over="ignore", invalid="ignore"):
        stored = (change / scale).astype(np.float16)
    sweeps = losses[1:, len(lrs) + 1 :, :170].numpy().astype(np.float32)  # of the other orders
    twins = losses[1:, 0, :170].numpy().astype(np.float32)
    RECORDINGS.mkdir(exist_ok=True)
    np.savez_compressed(
        RECORDINGS / f"{setup.seed:04d}-{kind}.npz",
        settings=np.array(json.dumps({**setup.to_dict(), **notes, "kind": kind})),
        lrs=np.array(lrs),
        untrained=untrained.astype(np.float32),
        scale=np.array(scale),
        changes=stored[: len(lrs)],
        sweeps=np.stack([first[1 + len(lrs) + k, :170] for k in range(len(SWEEPS))]).astype(np.float32),
        ends=ends.astype(np.float32),
        other_sweeps=sweeps,
        other_twins=twins,
    )
    mean = np.where(np.isfinite(ends).all(0), ends.mean(0), np.inf)[1:]
    return lrs[int(mean.argmin())]


def later(setup: Setup, batched: Batched, steps: int, lr: float, *, keep: bool) -> Start:
    """Return the start after so many steps at a rate; ``keep`` keeps the optimizer's state."""
    batches = setup.batches([7 + setup.seed], steps)
    _, weights, state = batched.train(batched.start, torch.full((1, steps), lr), batches, 1, setup.seed + 1)
    if not keep:
        return Start(weights[0, 0].clone(), {})
    return Start(weights[0, 0].clone(), {name: value[0, 0].clone() for name, value in state.items()}, steps)


def record_setup(seed: int) -> None:
    """Record the three tasks of a setup."""
    setup = draw(seed)
    random = np.random.default_rng([20261130, seed])
    batched = setup.batched()
    best = record(setup, "fresh", batched, batched.start, {})
    for kind, steps in (("after100", 100), ("after400", 400)):
        below, keep = float(random.uniform(-0.5, 2.5)), bool(random.random() < KEPT_STATE_SHARE)
        changed = bool(random.random() < CHANGED_SHARE)
        lr = best * 2.0**-below
        notes: dict[str, object] = {"steps": steps, "lr_before": lr, "state_kept": keep, "changed": changed}
        start = later(setup, batched, steps, lr, keep=keep)
        if torch.isfinite(start.weights).all():
            record(setup, kind, batched, start, notes)


def main() -> None:
    """Record the setups that were asked for and are not there yet."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--count", type=int, default=24)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    torch.set_flush_denormal(True)
    for seed in range(arguments.first, arguments.first + arguments.count):
        if (RECORDINGS / f"{seed:04d}-fresh.npz").exists():
            continue
        begin = time.perf_counter()
        try:
            record_setup(seed)
        except RuntimeError as error:
            print(f"{seed} failed: {error}  {draw(seed)}", flush=True)
            continue
        print(f"{seed} {time.perf_counter() - begin:5.1f} s  {draw(seed)}", flush=True)


if __name__ == "__main__":
    main()
