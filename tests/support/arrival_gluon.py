"""Rates that are set in trainers of MXNet Gluon; see :mod:`arrival`."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from arrival import Arrived

if TYPE_CHECKING:
    from collections.abc import Callable

    from arrival import Cases

UPDATES = 30
PEAK = 0.02


def factor() -> Any:
    from lrfinder.gluon._framework import mx

    return mx.lr_scheduler.FactorScheduler(10, 0.5, stop_factor_lr=0.01, base_lr=0.1)


def several_factors() -> Any:
    from lrfinder.gluon._framework import mx

    return mx.lr_scheduler.MultiFactorScheduler([5, 20], 0.1, base_lr=0.1)


def polynomial() -> Any:
    from lrfinder.gluon._framework import mx

    return mx.lr_scheduler.PolyScheduler(30, base_lr=0.1, final_lr=0.001, warmup_steps=5, warmup_begin_lr=0.01)


def cosine() -> Any:
    from lrfinder.gluon._framework import mx

    return mx.lr_scheduler.CosineScheduler(30, base_lr=0.1, warmup_steps=10)


def one_cycle() -> Any:
    from lrfinder.gluon import schedules

    return schedules.one_cycle(0.1, 30)


def function() -> Any:
    return lambda update: 0.1 / update


SCHEDULERS = {
    "FactorScheduler": factor,
    "MultiFactorScheduler": several_factors,
    "PolyScheduler, warm-up": polynomial,
    "CosineScheduler, warm-up": cosine,
    "one_cycle of lrfinder": one_cycle,
    "a function": function,
}


def _trained(set_rate: Callable[[Any], object], scheduler: Any) -> list[float]:
    """Return how far each update moves a weight whose gradient is 1."""
    from lrfinder.gluon._framework import mx

    mx.npx.set_np()
    net = mx.gluon.nn.Dense(1, use_bias=False, in_units=1)
    net.initialize()
    trainer = mx.gluon.Trainer(net.collect_params(), "sgd", {"learning_rate": 0.1})
    trainer.optimizer.lr_scheduler = scheduler
    set_rate(trainer)
    rates = []
    for _ in range(UPDATES):
        net.weight.set_data(mx.np.zeros((1, 1)))
        with mx.autograd.record():
            loss = net(mx.np.ones((1, 1))).sum()
        loss.backward()
        trainer.step(1)
        rates.append(-net.weight.data().item())
    return rates


def _case(make: Callable[[], Any], *, name_scheduler: bool) -> Arrived:
    from lrfinder.gluon import schedules

    def set_rate(trainer: Any) -> None:
        schedules.set_rate(trainer, PEAK, scheduler=trainer.optimizer.lr_scheduler if name_scheduler else None)

    return Arrived(PEAK, _trained(set_rate, make()), _trained(lambda _: None, make()))


CASES: Cases = {
    ("Trainer", "none"): partial(_case, lambda: None, name_scheduler=False),
    **{("Trainer, scheduler=", name): partial(_case, make, name_scheduler=True) for name, make in SCHEDULERS.items()},
    **{("Trainer", name): partial(_case, make, name_scheduler=False) for name, make in SCHEDULERS.items()},
}
