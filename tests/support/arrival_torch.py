"""Cases of docs/evidence/rates.md for PyTorch without a trainer."""

from __future__ import annotations

from functools import partial
from typing import Any

from arrival import Arrived, Cases

UPDATES, RATE = 60, 0.5


def kinds() -> dict[str, Any]:
    """Return functions that make a scheduler for an optimizer, by name."""
    from torch.optim import lr_scheduler as schedulers

    def sequential(optimizer: Any) -> Any:
        parts = [
            schedulers.LinearLR(optimizer, 0.1, total_iters=10),
            schedulers.CosineAnnealingLR(optimizer, 80, eta_min=1e-4),
        ]
        return schedulers.SequentialLR(optimizer, parts, [10])

    def chained(optimizer: Any) -> Any:
        parts = [schedulers.ConstantLR(optimizer, 0.1, 10), schedulers.ExponentialLR(optimizer, 0.95)]
        return schedulers.ChainedScheduler(parts, optimizer=optimizer)

    return {
        "LambdaLR": lambda o: schedulers.LambdaLR(o, lambda k: min(1, (k + 1) / 20)),
        "MultiplicativeLR": lambda o: schedulers.MultiplicativeLR(o, lambda _: 0.95),
        "StepLR": lambda o: schedulers.StepLR(o, 10),
        "MultiStepLR": lambda o: schedulers.MultiStepLR(o, [10, 30]),
        "ConstantLR": lambda o: schedulers.ConstantLR(o, 0.3, 12),
        "LinearLR": lambda o: schedulers.LinearLR(o, 0.1, 1.0, 25),
        "ExponentialLR": lambda o: schedulers.ExponentialLR(o, 0.95),
        "PolynomialLR": lambda o: schedulers.PolynomialLR(o, 60, 2.0),
        "CosineAnnealingLR": lambda o: schedulers.CosineAnnealingLR(o, 90, eta_min=1e-4),
        "CosineAnnealingWarmRestarts": lambda o: schedulers.CosineAnnealingWarmRestarts(o, 15, 2, eta_min=1e-5),
        "CyclicLR": lambda o: schedulers.CyclicLR(o, 1e-4, 3e-3, 12, cycle_momentum=False),
        "OneCycleLR": lambda o: schedulers.OneCycleLR(o, 0.03, total_steps=100),
        "SequentialLR": sequential,
        "ChainedScheduler": chained,
        "ReduceLROnPlateau": lambda o: schedulers.ReduceLROnPlateau(o, patience=5, min_lr=1e-3),
    }


def run(kind: str, *, given: bool, done: int = 0) -> Arrived:
    """Set the rate of an optimizer that has a scheduler, and train."""
    import torch

    from lrfinder.torch.schedules import set_rate

    seen: list[list[float]] = []
    for moved in (False, True):
        optimizer = torch.optim.SGD([torch.nn.Parameter(torch.ones(1))], lr=0.01, momentum=0.9)
        scheduler = kinds()[kind](optimizer)
        arguments = (1.0,) if kind == "ReduceLROnPlateau" else ()
        rates: list[float] = []
        for update in range(done + UPDATES):
            if moved and update == done:
                set_rate(optimizer, RATE, **({"scheduler": scheduler} if given else {}))
            rates.append(float(optimizer.param_groups[0]["lr"]))
            optimizer.step()
            scheduler.step(*arguments)
        seen.append(rates[done:])
    return Arrived(RATE, seen[1], seen[0])


NAMES = (
    "LambdaLR", "MultiplicativeLR", "StepLR", "MultiStepLR", "ConstantLR", "LinearLR", "ExponentialLR", "PolynomialLR",
    "CosineAnnealingLR", "CosineAnnealingWarmRestarts", "CyclicLR", "OneCycleLR", "SequentialLR", "ChainedScheduler",
    "ReduceLROnPlateau",
)  # fmt: skip
CASES: Cases = {("`set_rate(scheduler=...)`", name): partial(run, name, given=True) for name in NAMES}
CASES |= {("the same, after 25 updates", name): partial(run, name, given=True, done=25) for name in NAMES}
CASES |= {("`set_rate` without `scheduler=`", name): partial(run, name, given=False) for name in NAMES}
