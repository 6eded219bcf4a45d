"""fastai: a ``Learner`` as a learner.

::

    learner = FastaiLearner(learn)
    suggestion = lrfinder.LRFinder(learner).suggest(horizon=1000, schedule=lrfinder.one_cycle)
    learner.set_rate(suggestion)
    learn.fit_one_cycle(3)
"""

from __future__ import annotations

import copy
import math
from random import Random
from typing import TYPE_CHECKING, Any

import torch

from lrfinder.errors import LearnerError
from lrfinder.torch import TorchLearner
from lrfinder.torch.schedules import set_rate
from lrfinder.trainers._framework import framework
from lrfinder.trainers._lazy import Standing, objects_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from torch import Tensor

    from lrfinder._results.results import Suggestion

__all__ = ["QUIET", "FastaiLearner"]

learner_room = framework("fastai.learner", "fastai")
callback_room = framework("fastai.callback.all", "fastai")
L = framework("fastcore.foundation", "fastai").L

Callbacks = tuple[type, ...]
Learn = Any  # a fastai.learner.Learner

QUIET: Callbacks = (
    learner_room.Recorder,
    callback_room.ProgressCallback,
    callback_room.ShowGraphCallback,
    callback_room.CSVLogger,
    callback_room.TrackerCallback,
    callback_room.TerminateOnNaNCallback,
    callback_room.ParamScheduler,
    callback_room.ShortEpochCallback,
    callback_room.CollectDataCallback,
)
"""Callbacks that watch a training, stop it or write the rate: they are left out of a search."""


class FastaiLearner(Standing):
    """A fastai ``Learner`` as a :class:`lrfinder.Learner`, before ``fit`` and its like, or between two of them.

    An iteration is the learner's own ``one_batch``, with its callbacks (mixed precision, clipping, mixup, yours) but those
    of :data:`QUIET`; under ``GradientAccumulation`` it is as many batches as an update takes. All of it happens in a copy
    that shares the model, and the optimizer where there is one already, whose ``lr`` and ``wd`` are set as ``fit`` does.
    The rate is that of the group with the highest; the others keep the ratio that a ``slice`` in ``learn.lr`` made.

    Args:
        learn: the learner.
        quiet: further classes of callbacks to leave out.
        replay_bytes: how many bytes of batches may be kept for replay.

    Raises:
        LearnerError: it is no ``fastai.learner.Learner``.
    """

    def __init__(self, learn: Learn, *, quiet: Iterable[type] = (), replay_bytes: int = 1 << 30) -> None:
        if not isinstance(learn, learner_room.Learner):
            message = f"The learner is a {type(learn).__module__}.{type(learn).__name__}; give a fastai Learner."
            raise LearnerError(message)
        self._learn = learn
        quiet = (*QUIET, *quiet)

        def stand_up() -> TorchLearner:
            twin = _twin(learn, quiet)
            return TorchLearner.from_step(
                lambda batches: _update(twin, batches),
                _Passes(twin.dl, _batches_to_an_update(twin)),
                modules=[learn.model],
                optimizers=[getattr(twin.opt, "opt", None) or _Groups(twin.opt)],
                stateful=objects_of([twin, twin.opt, *twin.cbs], "fastai", "fastcore"),
                replay_bytes=replay_bytes,
            )

        super().__init__(stand_up, learn.model, None)

    def set_rate(self, rate: Suggestion | float) -> None:
        """Let ``fit``, ``fit_one_cycle`` and their like use the rate: it becomes ``learn.lr``, the end of a slice there.

        Raises:
            RatesError: there is no rate above 0.
        """
        set_rate(optimizer := torch.optim.SGD([torch.zeros(1)], lr=1.0), rate)
        lr, before = optimizer.param_groups[0]["lr"], self._learn.lr
        if isinstance(before, slice):
            lr = slice(before.start and before.start * lr / before.stop, lr)
        self._learn.lr = lr


class _Groups(torch.optim.Optimizer):
    """fastai's own optimizer, which is none of PyTorch's, by the names that hold its rates and its state there."""

    def __init__(self, optimizer: Any) -> None:
        self.defaults: dict[str, Any] = {}
        self.state = optimizer.state
        self.param_groups = list(optimizer.hypers)


class _Passes:
    """Passes over fastai's loader, its random numbers in an object that stays; lists of ``size`` batches."""

    def __init__(self, loader: Any, size: int) -> None:
        self.random = Random()  # noqa: S311  (it gets the loader's own state)
        self.random.setstate(loader.rng.getstate())
        own = copy.copy(loader)
        own.fake_l = copy.copy(loader.fake_l)
        own.fake_l.d = own.fake_l.default = own  # which is asked for the order of a pass
        own.fake_l.dataset = own.fake_l
        self._pass = lambda: _pass(own, self.random, size)

    def __iter__(self) -> Iterator[list[Any]]:
        return self._pass()


def _pass(loader: Any, random: Random, size: int) -> Iterator[list[Any]]:
    loader.rng = random
    group: list[Any] = []
    for batch in loader:
        if loader.rng is not random:  # when a pass begins it makes its next generator from this one
            random.setstate(loader.rng.getstate())
            loader.rng = random
        group.append(batch)
        if len(group) == size:
            yield group
            group = []
    if group:
        yield group


def _twin(learn: Learn, quiet: Callbacks) -> Learn:
    """A copy where ``fit`` would begin to train."""
    twin = object.__new__(type(learn))
    vars(twin).update(vars(learn))
    twin.cbs = L()
    for one in learn.cbs:
        vars(twin).pop(one.name, None)
        if not isinstance(one, quiet):
            twin.add_cb(copy.copy(one))
    if not twin.opt:
        twin.create_opt()
    if twin.wd is not None:
        twin.opt.set_hypers(wd=twin.wd)
    twin.opt.set_hypers(lr=twin.lr)
    twin.n_epoch, twin.epoch, twin.dl = 1, 0, twin.dls.train
    for event in ("before_fit", "before_epoch"):
        twin(event)
    twin.n_iter = len(twin.dl)
    twin("before_train")
    return twin


def _batches_to_an_update(twin: Learn) -> int:
    accumulating = [one.n_acc for one in twin.cbs if isinstance(one, callback_room.GradientAccumulation)]
    return math.ceil(max(accumulating, default=1) / twin.dl.bs)


def _update(twin: Learn, batches: Sequence[Any]) -> Tensor:
    losses: list[Tensor] = []
    for batch in batches:
        twin.one_batch(0, batch)
        losses.append(twin.loss.detach().clone())
    return losses[0] if len(losses) == 1 else torch.stack(losses).mean()
