"""Record the ends of long trainings at every octave of the ladder, on the first order.

    python benchmarks/suggestion/generated/record_long.py                # 1,000 and 3,000 iterations, 20 minutes on one core
    python benchmarks/suggestion/generated/record_long.py --longest      # 10,000 iterations of small networks, 10 minutes

The start and the first 300 batches are those of :mod:`record`, so that a search replays from there.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parent)]

import numpy as np  # noqa: E402  (found on the path above)
import torch  # noqa: E402
from record import RECORDINGS, order_seeds, starts  # noqa: E402
from setups import draw  # noqa: E402

HORIZONS = {"long": (1000, 3000), "longest": (10_000,)}  # by the beginning of the files' names
LONGEST_FAMILIES = {"quadratic", "spirals", "wine", "ratings", "parity"}  # the cheapest
LONGEST_BATCH = 32  # examples at most
KINDS = ("fresh", "after100")
END_FRACTION = 10  # the final loss is the mean of the last tenth


def record_setup(seed: int, kind: str) -> None:
    """Record the ends of a setup's trainings."""
    setup, horizons = draw(seed), HORIZONS[kind]
    lrs = setup.lrs()[::2]
    for start in starts(setup, KINDS):
        batches = setup.batches(order_seeds(setup, start.kind)[:1], max(horizons), changed=start.changed)
        rates = torch.tensor([0.0, *lrs])[:, None].expand(-1, max(horizons))
        losses, _, _ = start.batched.train(start.start, rates, batches, 1, setup.seed)
        ends = [losses[0, :, horizon - horizon // END_FRACTION : horizon].double().mean(1).numpy() for horizon in horizons]
        np.savez(RECORDINGS / f"{kind}-{seed:04d}-{start.kind}.npz", lrs=np.array(lrs), ends=np.stack(ends))


def main() -> None:
    """Record the setups that were asked for and are not there yet."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--count", type=int, default=60)
    parser.add_argument("--longest", action="store_true")
    arguments = parser.parse_args()
    kind = "longest" if arguments.longest else "long"
    torch.set_num_threads(1)
    torch.set_flush_denormal(True)
    for seed in range(arguments.first, arguments.first + arguments.count):
        setup = draw(seed)
        if arguments.longest and (setup.family not in LONGEST_FAMILIES or setup.batch > LONGEST_BATCH):
            continue
        if not (RECORDINGS / f"{kind}-{seed:04d}-fresh.npz").exists():
            begin = time.perf_counter()
            record_setup(seed, kind)
            print(f"{seed} {time.perf_counter() - begin:5.1f} s", flush=True)


if __name__ == "__main__":
    main()
