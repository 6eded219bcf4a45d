"""A training is watched: the rate that was written must be the one with which its optimizers step."""

from __future__ import annotations

import math
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from torch import Tensor
from torch.optim.optimizer import register_optimizer_step_post_hook, register_optimizer_step_pre_hook

from lrfinder.errors import OptimizerError
from lrfinder.rates import not_arrived
from lrfinder.torch._live_schedulers import live_schedulers, names_of
from lrfinder.torch.rates import SAME_RATE, inner_optimizer

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence

    from torch.optim import Optimizer

    from lrfinder.torch._training_state import TrainingState

MOST_WATCHED = 64  # iterations in a row without a step that is reported, such as those that accumulate


class RateWatch:
    """Compares the rates that were written with those of the first step, and of later ones that :meth:`note` picks.

    The rate of a group is read when its optimizer steps: what a scheduler writes after it does no harm. Where the optimizer
    does not report its step, as one inside a compiled program, it is read at the end of the iteration. A group whose
    parameters nothing has written by then used no rate: a ``GradScaler`` skips updates, or the optimizer steps seldom.
    """

    def __init__(self, training: TrainingState) -> None:
        self._optimizers: Sequence[Optimizer] = [inner_optimizer(one) for one in training.optimizers]
        self._training = training
        self._used: dict[int, float] = {}  # by the id of a group
        self._others: dict[int, Optimizer] = {}  # that stepped as well
        self._depth = 0  # of steps of optimizers that were given, one inside the other
        self._watched = 0  # iterations since a step was reported
        self._unwatched = self._changed = 0  # iterations
        self.is_due = True  # until an optimizer has stepped

    def note(self, *, stayed: bool) -> None:
        """Count an iteration without a watch; the next one is watched after the 1st, 2nd, 4th, 8th ... of them.

        Iterations that leave another rate behind are counted by themselves too, in the same way. A scheduler that steps
        after the optimizer leaves one each time; a step that warms up by itself does so only later on.

        Args:
            stayed: whether the groups still had the rates that were written.
        """
        self._unwatched += 1
        self._changed += not stayed
        if self._unwatched.bit_count() == 1 or (not stayed and self._changed.bit_count() == 1):
            self.is_due = True

    @contextmanager
    def watching(self) -> Generator[None]:
        """Compare at the end of the block, which makes one iteration.

        Raises:
            OptimizerError: a step used another rate, or another optimizer of the same parameters stepped as well.
        """
        places = [(one, place, group) for one in self._optimizers for place, group in enumerate(one.param_groups)]
        written = [(one, place, _rate(group), _versions(group)) for one, place, group in places]
        self._used.clear()  # an iteration before may have raised
        self._others.clear()
        self._depth = 0
        hooks = [register_optimizer_step_pre_hook(self._note), register_optimizer_step_post_hook(self._leave)]
        try:
            yield
        finally:
            for hook in hooks:
                hook.remove()
        self._check_others()
        for optimizer, place, rate, versions in written:
            self._check_group(optimizer, place, rate, versions)
        self._watched = 0 if self._used else self._watched + 1
        self.is_due = not self._used and self._watched < MOST_WATCHED

    def _note(self, optimizer: Optimizer, *_: object) -> None:
        own = self._own_groups(optimizer)
        if own:
            self._depth += 1
        elif self._depth == 0:  # otherwise a part of an optimizer that was given, as in ZeroRedundancyOptimizer
            self._others[id(optimizer)] = optimizer
        for group in own:
            if (rate := _rate(group)) is not None:
                self._used.setdefault(id(group), rate)

    def _leave(self, optimizer: Optimizer, *_: object) -> None:
        self._depth -= bool(self._own_groups(optimizer))

    def _own_groups(self, optimizer: Optimizer) -> list[dict[str, Any]]:
        """Return the groups of an optimizer that belong to one that was given."""
        given = {id(group) for one in self._optimizers for group in one.param_groups}
        return [group for group in optimizer.param_groups if id(group) in given]

    def _check_others(self) -> None:
        known = {id(inner_optimizer(one)) for one in (*self._optimizers, *self._training.stateful)}
        trained = {id(parameter) for module in self._training.modules for parameter in module.parameters()}
        for other in self._others.values():
            held = (id(parameter) for group in other.param_groups for parameter in group["params"])
            if id(other) not in known and not trained.isdisjoint(held):
                message = (
                    f"The step also steps a {type(other).__name__} of the same modules, which the rate does not reach. Give "
                    "it to TorchLearner.from_step: optimizers=[..., it] for the same rate, with ratios kept, or "
                    "stateful=[it] if it keeps its own."
                )
                raise OptimizerError(message)

    def _check_group(self, optimizer: Optimizer, place: int, written: float | None, versions: list[int] | None) -> None:
        if written is None or place >= len(optimizer.param_groups):
            return
        group = optimizer.param_groups[place]
        if id(group) not in self._used and versions is not None and versions == _versions(group):
            return
        used = self._used.get(id(group), _rate(group))
        if used is not None and not math.isclose(used, written, rel_tol=SAME_RATE):
            place_name = f"parameter group {place} of {type(optimizer).__name__}"
            raise not_arrived(place_name, written, used, _cause(live_schedulers(optimizer)))


def _cause(schedulers: Sequence[Any]) -> str:
    if not schedulers:
        return "The step or a hook writes the rate before the optimizer steps. Leave that out of the step that is searched."
    return (
        f"A {names_of(schedulers)} writes it before the optimizer steps. Leave its step() out of the step that is searched; "
        "finder.suggest(schedule=lrfinder.torch.schedules.shape_of(scheduler, horizon)) follows its shape."
    )


def _rate(group: dict[str, Any]) -> float | None:
    """Return the rate of a group; ``None`` where reading it would stop a device, or break the capture of a graph."""
    lr = group["lr"]
    return float(lr) if not isinstance(lr, Tensor) or lr.is_cpu else None


def _versions(group: dict[str, Any]) -> list[int] | None:
    """Return how often each parameter of a group was written in place; ``None`` for fastai's groups, which list none."""
    parameters = group.get("params")
    return None if parameters is None else [one._version for one in parameters]  # noqa: SLF001  (the counter of autograd)
