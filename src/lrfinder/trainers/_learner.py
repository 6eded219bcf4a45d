"""The parts that the learners of all trainers share: their preparation, their updates, and the rate of their optimizer."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cached_property
from itertools import islice
from typing import TYPE_CHECKING, Any, TypeVar, cast

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from lrfinder.errors import LearnerError, LossError, RatesError
from lrfinder.learner import adapted
from lrfinder.schedules import RateLike, rate_of
from lrfinder.torch._distributed.sharding import release_reducers
from lrfinder.torch._live_schedulers import names_of
from lrfinder.torch._scheduler_base import unwrapped
from lrfinder.torch.batches import own_source
from lrfinder.torch.rates import Rates, inner_optimizer
from lrfinder.torch.schedules import set_rate, shape_of, start_at
from lrfinder.wrappers import Wrapper

if TYPE_CHECKING:
    from torch.nn.parallel import DistributedDataParallel

    from lrfinder._results.facts import TrainingFacts
    from lrfinder.analysis.shapes import Shape
    from lrfinder.learner import BaseLearner
    from lrfinder.torch import TorchLearner
    from lrfinder.torch._distributed.barrier import Stage
    from lrfinder.torch._training_state import TrainingState

Answer = TypeVar("Answer")
Callbacks = tuple[type, ...]

MakeScheduler = Callable[[Optimizer, RateLike], Any]
"""A function of ``lrfinder.torch.schedules``: it sets the rate, and returns a scheduler or None."""


class LazyLearner(Wrapper):
    """A learner whose trainer is prepared at the first use, as the trainer prepares itself before its first step.

    Preparing changes what the trainer's own start would change: layers, attributes, flags, hooks, random numbers. It is
    undone as a whole: at the end of the block whose snapshot prepared the trainer, otherwise by :meth:`close`.

    Args:
        prepare: prepares the trainer and returns the learner that drives it.
        touched: returns everything of the user's that preparing may change.
    """

    def __init__(self, prepare: Callable[[], TorchLearner], touched: Callable[[], TrainingState]) -> None:
        self._prepare = prepare
        self._touched = touched
        self._prepared_for: object = None  # the state with which a block began
        self.wrappers: list[DistributedDataParallel] = []  # that the preparation created
        self.schedulers: list[Any] | None = None  # of the trainer, where it has a list of them; a search leaves them out

    @cached_property
    def learner(self) -> TorchLearner:  # pyright: ignore[reportIncompatibleVariableOverride]  (not known from the start)
        """The learner that drives the trainer's own step."""
        self._undo = _undoing(self._touched())
        try:
            return self._prepare()
        except BaseException:
            self._undo_preparation()
            raise

    @cached_property
    def _full(self) -> Any:  # pyright: ignore[reportIncompatibleVariableOverride]  (as above)
        return adapted(self.learner)

    @property
    def rank(self) -> int:  # type: ignore[override]  # pyright: ignore[reportIncompatibleVariableOverride]
        """The rank of the prepared learner."""
        return self._asked(lambda full: full.rank)

    @property
    def ranks(self) -> int:  # type: ignore[override]  # pyright: ignore[reportIncompatibleVariableOverride]
        """The number of processes of the prepared learner."""
        return self._asked(lambda full: full.ranks)

    def facts(self) -> TrainingFacts | None:
        """Return what the prepared learner knows about its training."""
        return self._asked(lambda full: full.facts())

    def parts(self) -> list[object]:
        """Return the modules, optimizers and parameters, none of which two threads may train at once."""
        return self._touched().parts()

    def shape(self, iterations: int) -> Shape:
        """Return the shape of the trainer's scheduler for ``finder.suggest(schedule=...)``.

        The trainer is made ready for it, and restored.

        Args:
            iterations: how often the scheduler steps in the training: the updates, or the epochs if it steps once in each.

        Raises:
            RatesError: the trainer has no scheduler, or several, or its rates depend on the losses.
        """
        prepared = self._is_prepared()
        try:
            _ = self.learner
            schedulers = self.schedulers or []
            if len(schedulers) != 1:
                message = f"The trainer has {len(schedulers)} schedulers; a shape is that of one."
                raise RatesError(message)
            return _shape_at_start(unwrapped(schedulers[0]), iterations)
        finally:
            if not prepared:
                self.close()

    def scheduler_note(self) -> str | None:
        """Return a remark on the trainer's schedulers, if it has any."""
        if self.schedulers is None:
            return self._full.scheduler_note()
        if not self.schedulers:
            return None
        names = names_of(map(unwrapped, self.schedulers))
        note = f"the search left out the {names} of the trainer, so the rate is for a constant one"
        return f"{note}; with its shape: suggest(horizon, schedule=learner.shape(horizon))"

    def iterations_per_epoch(self) -> None:
        """Return None: a trainer has settings of its own for the length of its training."""

    def snapshot(self) -> object:
        """Return the state of a trainer that is ready to train."""
        if self._is_prepared():
            return self.learner.snapshot()
        try:
            self._prepared_for = self.learner.snapshot()
        except BaseException:
            self.close()
            raise
        return self._prepared_for

    def block_ended(self, state: object) -> None:
        """Undo the preparation at the end of the block that caused it."""
        if self._is_prepared() and state is self._prepared_for:
            self.close()

    def close(self) -> None:
        """Close the iterator over the data, which ends its worker processes, and undo the preparation."""
        if not self._is_prepared():
            return
        learner = self.learner
        for name in ("learner", "_full"):
            vars(self).pop(name, None)
        try:
            learner.close()
        finally:
            self._undo_preparation()

    def _asked(self, question: Callable[[BaseLearner], Answer]) -> Answer:
        """Return an answer of the prepared learner; a trainer that was not prepared before is not afterwards."""
        was_prepared = self._is_prepared()
        try:
            return question(self._full)
        finally:
            if not was_prepared:
                self.close()

    def _undo_preparation(self) -> None:
        self._prepared_for = None
        release_reducers(self.wrappers)
        self.wrappers = []
        self._undo()

    def _is_prepared(self) -> bool:
        return "learner" in vars(self)


def _shape_at_start(scheduler: Any, iterations: int) -> Shape:
    """Return the shape from the rates that the scheduler wrote last; a search has rates of its own in the groups."""
    groups = scheduler.optimizer.param_groups
    rates = [group["lr"] for group in groups]
    try:
        for group, rate in zip(groups, scheduler.get_last_lr(), strict=True):
            group["lr"] = rate
        return shape_of(scheduler, iterations)
    finally:
        for group, rate in zip(groups, rates, strict=True):
            group["lr"] = rate


def _undoing(touched: TrainingState) -> Callable[[], None]:
    """Return a function that restores everything as it is now, the classes of modules included."""
    before = touched.snapshot()
    kinds = [(part, type(part)) for module in touched.modules for part in module.modules()]

    def undo() -> None:
        for module, kind in kinds:
            if type(module) is not kind:  # a parametrization changes it
                module.__class__ = kind
        touched.restore(before)

    return undo


def check_kind(given: object, kind: type, name: str, wanted: str) -> None:
    """Raise a ``LearnerError`` that says what was given and what is ``wanted``, unless ``given`` is a ``kind``."""
    if not isinstance(given, kind):
        message = f"The {name} is a {type(given).__module__}.{type(given).__name__}; give {wanted}."
        raise LearnerError(message)


def is_of_package(value: object, *packages: str) -> bool:
    return type(value).__module__.partition(".")[0] in packages


def reachable_objects(roots: Iterable[object], *packages: str) -> list[object]:
    """Return the roots and all objects of classes from ``packages`` that can be reached from them.

    The search follows attributes, lists, tuples, sets and dicts. It does not enter modules and optimizers.
    """
    found: list[object] = []
    pending = list(roots)
    seen: set[int] = set()
    ids_of_roots = set(map(id, pending))
    while pending:
        value = pending.pop()
        if id(value) in seen or isinstance(value, nn.Module | Optimizer | Tensor | type):
            continue
        seen.add(id(value))
        if isinstance(value, Mapping):
            pending.extend(cast("Mapping[object, object]", value).values())
        elif isinstance(value, list | tuple | set):
            pending.extend(cast("list[object]", value))
        elif hasattr(value, "__dict__") and (id(value) in ids_of_roots or is_of_package(value, *packages)):
            found.append(value)
            pending.extend(vars(value).values())
    return found


class BatchGroups:
    """Batches in lists of ``size``, one per update. As in a trainer, the last update of a pass may have fewer batches.

    A pass ends after ``limit`` batches, if there is one.
    """

    def __init__(self, data: Iterable[Any], size: int, limit: int | None = None) -> None:
        self.data = own_source(data)
        self.size = size
        self.limit = limit

    def __iter__(self) -> Iterator[list[Any]]:
        batches = islice(self.one_pass(), self.limit)
        return iter(lambda: list(islice(batches, self.size)), [])

    def one_pass(self) -> Iterator[Any]:
        """Return an iterator over the batches of a pass without a limit."""
        return iter(self.data)


def loss_in(output: object, source: str) -> Tensor:
    """Return the loss in the output of ``source``, detached.

    Raises:
        LossError: the output holds none.
    """
    loss = cast("Mapping[str, object]", output).get("loss") if isinstance(output, Mapping) else output
    if isinstance(loss, float):
        return torch.tensor(loss, dtype=torch.float64)
    if not isinstance(loss, Tensor) or loss.numel() != 1:
        message = f"{source} gave {output!s:.80}; it must give the loss as one number, or a dict with a 'loss'."
        raise LossError(message)
    return loss.detach()


def wait_for_ranks(learner: TorchLearner, stage: Stage) -> None:
    """Wait until every rank has reached a stage of the trainer's step; raise a ``RankError`` if one has raised before it."""
    learner._ranks.wait(stage)  # pyright: ignore[reportPrivateUsage]


def mean_loss(losses: list[Tensor]) -> Tensor:
    return losses[0] if len(losses) == 1 else torch.stack(losses).mean()


def apply_rate(optimizer: Optimizer, schedulers: Iterable[Any], rate: RateLike, schedule: MakeScheduler = set_rate) -> Any:
    """Set the rate of an optimizer; return the scheduler from ``schedule``, if it returns one.

    ``schedulers`` step the optimizer so far. Unless ``schedule`` replaces them, they keep their shape and move to the rate.

    Raises:
        RatesError: there is no rate above 0.
        OptimizerError: one of ``schedulers`` does not keep its shape.
    """
    if schedule is not set_rate:
        return schedule(optimizer, rate)
    if given := list(schedulers):
        return set_rate(optimizer, rate, scheduler=given)
    optimizer = inner_optimizer(optimizer)
    return start_at(Rates([optimizer]), rate_of(rate))
