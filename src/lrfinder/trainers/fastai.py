"""fastai: a ``Learner`` as a learner."""

from __future__ import annotations

import copy
import math
from functools import partial
from random import Random
from typing import TYPE_CHECKING, Any

import torch

from lrfinder._arguments.other_names import names_explained
from lrfinder._optional import require
from lrfinder.errors import OptimizerError
from lrfinder.schedules import rate_of
from lrfinder.torch import TorchLearner
from lrfinder.torch._training_state import TrainingState
from lrfinder.trainers._learner import BatchGroups, LazyLearner, check_kind, mean_loss, reachable_objects

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from torch import Tensor

    from lrfinder.schedules import RateLike
    from lrfinder.trainers._learner import Callbacks

__all__ = ["QUIET", "FastaiLearner"]

learners = require("fastai.learner", "fastai")
callbacks = require("fastai.callback.all", "fastai")
DataLoader: Any = require("fastai.data.load", "fastai").DataLoader
L = require("fastcore.foundation", "fastai").L

Learn = Any  # a fastai.learner.Learner

QUIET: Callbacks = (
    learners.Recorder,
    callbacks.ProgressCallback,
    callbacks.ShowGraphCallback,
    callbacks.CSVLogger,
    callbacks.TrackerCallback,
    callbacks.TerminateOnNaNCallback,
    callbacks.ParamScheduler,
    callbacks.ShortEpochCallback,
    callbacks.CollectDataCallback,
)
"""Callbacks that watch a training, stop it or write the rate. A search leaves them out."""


class FastaiLearner(LazyLearner):
    """A fastai ``Learner`` as a :class:`lrfinder.Learner`, before a ``fit`` method or between two of them.

    For example::

        learner = FastaiLearner(learn)
        learner.set_rate(learner.suggest(horizon=3000, schedule=lrfinder.one_cycle))
        learn.fit_one_cycle(10)

    An iteration is the learner's own ``one_batch``, with its callbacks (mixed precision, clipping, mixup, yours) except
    those of :data:`QUIET`. Under ``GradientAccumulation`` it takes as many batches as an update does.

    All of this happens in a copy that shares the model, and the optimizer if there is one already. It begins as ``fit``
    does, by the rates, ``before_fit``, ``before_epoch`` and ``before_train``; the end of the search undoes that. The rate is
    that of the group with the highest; the others keep the ratio of a ``slice`` in ``learn.lr``.

    Args:
        learn: the learner.
        quiet: further classes of callbacks to leave out.
        replay_bytes: the memory for batches that are stored for replay.

    Raises:
        LearnerError: ``learn`` is not a ``fastai.learner.Learner``.
    """

    @names_explained
    def __init__(self, learn: Learn, *, quiet: Iterable[type] = (), replay_bytes: int = 1 << 30) -> None:
        check_kind(learn, learners.Learner, "learner", "a fastai Learner")
        self._learn = learn
        all_quiet = (*QUIET, *quiet)

        def prepared() -> TorchLearner:
            copied = _prepared_copy(learn, all_quiet)
            return TorchLearner.from_step(
                lambda batches: mean_loss([_train(copied, batch) for batch in batches]),
                _passes(copied),
                modules=[learn.model],
                optimizers=[getattr(copied.opt, "opt", None) or _OwnOptimizer(copied.opt)],
                stateful=reachable_objects([copied, copied.opt, *copied.cbs], "fastai", "fastcore"),
                replay_bytes=replay_bytes,
            )

        super().__init__(prepared, partial(_touched, learn))

    def set_rate(self, rate: RateLike) -> None:
        """Let ``fit``, ``fit_one_cycle`` and the like use the rate: set ``learn.lr``, or the end of a slice there.

        Raises:
            RatesError: there is no rate above 0.
            OptimizerError: a callback of the learner writes rates of its own.
        """
        lr, before = rate_of(rate), self._learn.lr
        for one in self._learn.cbs:
            if isinstance(one, callbacks.ParamScheduler) and "lr" in one.scheds:
                message = (
                    f"The learner has a {type(one).__name__} that writes rates of its own; remove it (learn.remove_cb) and "
                    "give fit one with the new rate."
                )
                raise OptimizerError(message)
        if isinstance(before, slice):
            lr = slice(before.start and before.start * lr / before.stop, lr)
        self._learn.lr = lr


class _OwnOptimizer(torch.optim.Optimizer):
    """fastai's own optimizer, with its rates and its state under the names that PyTorch has for them."""

    def __init__(self, optimizer: Any) -> None:
        self.defaults: dict[str, Any] = {}
        self.state = optimizer.state
        self.param_groups = list(optimizer.hypers)


def _passes(learn: Learn) -> BatchGroups | _Passes:
    """Return passes over the learner's loader, which is fastai's own or another, in the batches of one update each."""
    examples = max((one.n_acc for one in learn.cbs if isinstance(one, callbacks.GradientAccumulation)), default=1)
    if isinstance(learn.dl, DataLoader):
        return _Passes(learn.dl, math.ceil(examples / (learn.dl.bs or 1)))
    return BatchGroups(learn.dl, math.ceil(examples / (learn.dl.batch_size or 1)))


class _Passes:
    """Passes over fastai's loader, in lists of ``size`` batches. One object holds the random numbers of all passes."""

    def __init__(self, loader: Any, size: int) -> None:
        self.random = Random()  # noqa: S311  (it gets the loader's own state)
        self.random.setstate(loader.rng.getstate())
        own = copy.copy(loader)
        own.fake_l = copy.copy(loader.fake_l)
        own.fake_l.d = own.fake_l.default = own  # decides the order of a pass
        own.fake_l.dataset = own.fake_l
        # a closure, as the walk over the attributes of the data must not enter the loader
        self._pass = lambda: iter(BatchGroups(_one_pass(own, self.random), size))

    def __iter__(self) -> Iterator[list[Any]]:
        return self._pass()


def _one_pass(loader: Any, random: Random) -> Iterator[Any]:
    loader.rng = random
    for batch in loader:
        if loader.rng is not random:  # the loader creates its next generator from this one when a pass begins
            random.setstate(loader.rng.getstate())
            loader.rng = random
        yield batch


def _touched(learn: Learn) -> TrainingState:
    """Return what the start of ``fit`` may change of the user's objects, whose copies share what they hold."""
    optimizer = getattr(learn.opt, "opt", None)  # PyTorch's, in fastai's wrapper
    stateful = reachable_objects([learn, *learn.cbs, *([learn.opt] if learn.opt else [])], "fastai", "fastcore")
    return TrainingState([learn.model], [] if optimizer is None else [optimizer], stateful)


def _prepared_copy(learn: Learn, quiet: Callbacks) -> Learn:
    """Return a copy at the point where ``fit`` would begin to train."""
    copied = object.__new__(type(learn))
    vars(copied).update(vars(learn))
    copied.cbs = L()
    for one in learn.cbs:
        vars(copied).pop(one.name, None)
        if not isinstance(one, quiet):
            copied.add_cb(copy.copy(one))
    if not copied.opt:
        copied.create_opt()
    if copied.wd is not None:
        copied.opt.set_hypers(wd=copied.wd)
    copied.opt.set_hypers(lr=copied.lr)
    copied.n_epoch, copied.epoch, copied.dl = 1, 0, copied.dls.train
    for event in ("before_fit", "before_epoch", "before_train"):
        copied(event)
    copied.n_iter, copied.iter = len(copied.dl), -1
    return copied


def _train(learn: Learn, batch: Any) -> Tensor:
    learn.one_batch((learn.iter + 1) % learn.n_iter, batch)
    return learn.loss.detach().clone()
