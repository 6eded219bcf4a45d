"""skorch: a ``NeuralNet`` with its data as a learner.

::

    learner = SkorchLearner(net, X, y)
    suggestion = lrfinder.LRFinder(learner).suggest(horizon=1000)
    learner.set_rate(suggestion)
    net.fit(X, y)
"""

from __future__ import annotations

import copy
from functools import partial
from typing import TYPE_CHECKING, Any

import torch

from lrfinder.errors import LearnerError
from lrfinder.torch import TorchLearner
from lrfinder.torch.schedules import set_rate
from lrfinder.trainers._framework import framework
from lrfinder.trainers._lazy import Standing, objects_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from torch import Tensor
    from torch.optim import Optimizer

    from lrfinder._results.results import Suggestion
    from lrfinder.trainers._handover import Schedule

__all__ = ["TAKE_PART", "SkorchLearner"]

skorch = framework("skorch", "skorch")
callbacks = framework("skorch.callbacks", "skorch")
clone = framework("sklearn.base", "skorch").clone

Net = Any  # a skorch.NeuralNet
Callbacks = tuple[type, ...]

TAKE_PART: Callbacks = (callbacks.GradientNormClipping, callbacks.InputShapeSetter, callbacks.ParamMapper)
"""The callbacks of skorch that belong to training; all others of its own watch one, and are left out of a search."""


class SkorchLearner(Standing):
    """A skorch ``NeuralNet`` and its data as a :class:`lrfinder.Learner`, before ``fit`` or ``partial_fit``.

    An iteration is the net's own ``train_step`` on a batch of its ``iterator_train``, with the user's callbacks around it
    and those of :data:`TAKE_PART`; the data are what its ``train_split`` leaves for training. Where the net is not
    initialized yet, as before ``fit``, a clone of it is, and the net is not touched. Where it is, as before
    ``partial_fit`` or ``fit`` with ``warm_start``, its own module is trained, and put back.

    Args:
        net: the net.
        X: what is given to ``fit``.
        y: as for ``fit``.
        quiet: further classes of callbacks to leave out.
        stateful: further objects that a step changes.
        group: the parameter group whose rate is given; see :class:`lrfinder.torch.TorchLearner`.
        replay_bytes: how many bytes of batches may be kept for replay.

    Raises:
        LearnerError: ``net`` is none of skorch's.
    """

    def __init__(  # noqa: PLR0913  (one of them names the group)
        self,
        net: Net,
        X: Any,  # noqa: N803  (skorch's name)
        y: Any = None,
        *,
        quiet: Iterable[type] = (),
        stateful: Iterable[object] = (),
        group: str | int | None = None,
        replay_bytes: int = 1 << 30,
    ) -> None:
        if not isinstance(net, skorch.NeuralNet):
            message = f"The net is a {type(net).__module__}.{type(net).__name__}; give a skorch.NeuralNet."
            raise LearnerError(message)
        self._net = net

        def stand_up() -> TorchLearner:
            twin = _twin(net, tuple(quiet), X, y)
            training, _ = twin.get_split_datasets(X, y)
            objects = objects_of([twin, *(one for _, one in twin.callbacks_)], "skorch")
            return TorchLearner.from_step(
                lambda batch: _train(twin, batch),
                twin.get_iterator(training, training=True),
                modules=[getattr(twin, f"{name}_") for name in (*twin._modules, *twin._criteria)],
                optimizers=[getattr(twin, f"{name}_") for name in twin._optimizers],
                stateful=[*objects, *stateful],
                group=group,
                replay_bytes=replay_bytes,
            )

        super().__init__(stand_up, torch.nn.Module(), X)

    def parts(self) -> list[object]:
        """The net; and its module's modules and parameters, where it has one."""
        module = getattr(self._net, "module_", None)
        return [self._net, *([] if module is None else [*module.modules(), *module.parameters()])]

    def set_rate(self, rate: Suggestion | float, *, schedule: Schedule = set_rate) -> None:
        """Set the net's ``lr``, and the rates in its ``optimizer__param_groups`` in proportion.

        Args:
            rate: a suggestion, or a rate.
            schedule: called with optimizer and rate when training begins: one of :mod:`lrfinder.torch.schedules`, its other
                arguments bound. A callback of the net steps the scheduler that it gives after each batch.

        Raises:
            RatesError: there is no rate above 0.
        """
        set_rate(optimizer := torch.optim.SGD([torch.zeros(1)], lr=1.0), rate)
        net, lr = self._net, optimizer.param_groups[0]["lr"]
        groups = net.get_params(deep=False).get("optimizer__param_groups") or ()
        scale = lr / max([net.lr, *(own["lr"] for _, own in groups if "lr" in own)])
        net.set_params(lr=net.lr * scale)
        if groups:
            scaled = [(names, own | ({"lr": own["lr"] * scale} if "lr" in own else {})) for names, own in groups]
            net.set_params(optimizer__param_groups=scaled)
        if schedule is not set_rate:
            policy = callbacks.LRScheduler(partial(_scheduled, schedule=schedule, rate=rate), step_every="batch")
            net.set_params(callbacks=[*(net.callbacks or ()), ("lrfinder_schedule", policy)])


def _scheduled(optimizer: Optimizer, *, schedule: Schedule, rate: Suggestion | float, **_: Any) -> Any:
    """The scheduler; skorch would tell it where to go on, by a ``last_epoch``."""
    return schedule(optimizer, rate)


def _twin(net: Net, quiet: Callbacks, X: Any, y: Any) -> Net:  # noqa: N803  (skorch's name)
    """A net that is ready to train: a clone that was initialized, or a copy that shares module and optimizer."""
    if net.initialized_:
        twin: Net = object.__new__(type(net))  # copy.copy would go through the state that is pickled, and copy the module
        vars(twin).update(vars(net))
    else:
        twin = clone(net).initialize()
    twin.verbose = 0
    twin.callbacks_ = [(name, copy.copy(one)) for name, one in twin.callbacks_ if _takes_part(one, quiet)]
    twin.history_ = skorch.history.History()
    twin.notify("on_train_begin", X=X, y=y)
    twin.notify("on_epoch_begin", dataset_train=None, dataset_valid=None)
    return twin


def _takes_part(callback: object, quiet: Callbacks) -> bool:
    own = type(callback).__module__.partition(".")[0] == "skorch"
    return isinstance(callback, TAKE_PART) or not (own or isinstance(callback, quiet))


def _train(twin: Net, batch: Any) -> Tensor:
    """What ``fit`` does with a batch."""
    twin.notify("on_batch_begin", batch=batch, training=True)
    made = twin.train_step(batch)
    twin.notify("on_batch_end", batch=batch, training=True, **made)
    return made["loss"]
