"""skorch: a ``NeuralNet`` with its data as a learner."""

from __future__ import annotations

import copy
from functools import partial
from typing import TYPE_CHECKING, Any

import torch

from lrfinder._arguments.other_names import names_explained
from lrfinder._optional import require
from lrfinder.errors import LearnerError, OptimizerError
from lrfinder.schedules import rate_of
from lrfinder.torch import TorchLearner
from lrfinder.torch._arguments import own_list
from lrfinder.torch._scheduler_base import highest_to_come, is_multiple, scaled
from lrfinder.torch._scheduler_length import OF_OTHERS
from lrfinder.torch._training_state import TrainingState
from lrfinder.torch.schedules import set_rate
from lrfinder.trainers._learner import LazyLearner, check_kind, is_of_package, reachable_objects

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from torch import Tensor
    from torch.optim import Optimizer

    from lrfinder.schedules import RateLike
    from lrfinder.trainers._learner import Callbacks, MakeScheduler

__all__ = ["TRAINING_CALLBACKS", "SkorchLearner"]

skorch = require("skorch", "skorch")
callbacks = require("skorch.callbacks", "skorch")
get_len = require("skorch.dataset", "skorch").get_len
clone = require("sklearn.base", "skorch").clone

Net = Any  # a skorch.NeuralNet

TRAINING_CALLBACKS: Callbacks = (callbacks.GradientNormClipping, callbacks.InputShapeSetter, callbacks.ParamMapper)
"""skorch's callbacks that belong to training. All others of its own watch one, and a search leaves them out."""


class SkorchLearner(LazyLearner):
    """A skorch ``NeuralNet`` and its data as a :class:`lrfinder.Learner`, before ``fit`` or ``partial_fit``.

    For example::

        learner = SkorchLearner(net, X, y)
        learner.set_rate(learner.suggest(horizon=3000))
        net.fit(X, y)

    An iteration is the net's own ``train_step`` on a batch of its ``iterator_train``, with your callbacks and those of
    :data:`TRAINING_CALLBACKS`. The data are those that its ``train_split`` leaves for training.

    A net that is not initialized, as before ``fit``, is cloned, and does not change. In one that is initialized, as before
    ``partial_fit`` or ``fit`` with ``warm_start``, its own module is trained and restored.

    Args:
        net: the net.
        X: the inputs, as for ``fit``.
        y: the targets, as for ``fit``.
        quiet: further classes of callbacks to leave out.
        stateful: further objects that a step changes.
        group: the parameter group whose rate is given; see :class:`lrfinder.torch.TorchLearner`.
        replay_bytes: the memory for batches that are stored for replay.

    Raises:
        LearnerError: ``net`` is not one of skorch's.
    """

    @names_explained
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
        check_kind(net, skorch.NeuralNet, "net", "a skorch.NeuralNet")
        self._net = net
        stateful = own_list(stateful)
        if not net.initialized_:
            _check_clones(net)

        def prepared() -> TorchLearner:
            copied, batches = _prepared_copy(net, tuple(quiet), X, y)
            modules, optimizers = _parts_of(copied)
            objects = reachable_objects([copied, *(one for _, one in copied.callbacks_)], "skorch")
            return TorchLearner.from_step(
                lambda batch: _train(copied, batch),
                batches,
                modules=modules,
                optimizers=optimizers,
                stateful=[*objects, *stateful],
                group=group,
                replay_bytes=replay_bytes,
            )

        super().__init__(prepared, partial(_touched, net, X))

    def parts(self) -> list[object]:
        """Return the net and, if it has a module, the parts of that; none of them may two threads train at once."""
        module = getattr(self._net, "module_", None)
        return [self._net, *([] if module is None else [*module.modules(), *module.parameters()])]

    def set_rate(self, rate: RateLike, *, schedule: MakeScheduler = set_rate) -> None:
        """Set the net's ``lr``, and the rates in its ``optimizer__param_groups`` in proportion.

        ``schedule`` takes optimizer and rate when training begins: a function of :mod:`lrfinder.torch.schedules`, its other
        arguments bound. A callback of the net steps its scheduler after each batch.

        A ``LRScheduler`` among the callbacks keeps its shape, and its highest rate becomes the given one.

        Raises:
            RatesError: there is no rate above 0.
            OptimizerError: a ``LRScheduler`` does not keep its shape, or ``callbacks`` has the class in place of an object.
        """
        net, lr = self._net, rate_of(rate)
        groups = net.get_params(deep=False).get("optimizer__param_groups") or ()
        rates = [net.lr, *(own["lr"] for _, own in groups if "lr" in own)]
        policies = _policies(net) if schedule is set_rate else []
        highest = max([_highest(one, rates) for one in policies], default=max(rates))
        scale = lr / highest
        for settings in [_scaled_settings(one, rates, scale) for one in policies]:
            settings()
        net.set_params(lr=net.lr * scale)
        if groups:
            scaled = [(names, own | ({"lr": own["lr"] * scale} if "lr" in own else {})) for names, own in groups]
            net.set_params(optimizer__param_groups=scaled)
        if schedule is not set_rate:
            policy = callbacks.LRScheduler(partial(_scheduler, schedule=schedule, rate=rate), step_every="batch")
            net.set_params(callbacks=[*(net.callbacks or ()), ("lrfinder_schedule", policy)])


def _policies(net: Net) -> list[Any]:
    """Return the callbacks that step a scheduler."""
    own = [one[1] if isinstance(one, tuple) else one for one in net.callbacks or ()]
    if any(isinstance(one, type) and issubclass(one, callbacks.LRScheduler) for one in own):
        message = "callbacks has the class LRScheduler, whose rates cannot be set; give an object: LRScheduler(policy, ...)."
        raise OptimizerError(message)
    return [one for one in own if isinstance(one, callbacks.LRScheduler)]


def _scheduler_of(policy: Any, rates: Sequence[float]) -> tuple[Optimizer, Any]:
    """Return an optimizer with these rates and the scheduler that the callback makes for it."""
    optimizer = torch.optim.SGD([{"params": [torch.nn.Parameter(torch.zeros(1))], "lr": lr} for lr in rates], momentum=0.9)
    return optimizer, policy._get_policy_cls()(optimizer, **policy.kwargs)


def _highest(policy: Any, rates: Sequence[float]) -> float:
    optimizer, scheduler = _scheduler_of(policy, rates)
    return highest_to_come(optimizer, [scheduler])


def _scaled_settings(policy: Any, rates: Sequence[float], scale: float) -> Callable[[], None]:
    """Return a function that multiplies the rates among the settings of a callback, after a check of the shape."""
    settings = {name: scaled(value, scale) for name, value in policy.kwargs.items() if OF_OTHERS.fullmatch(name)}
    changed = copy.copy(policy)
    vars(changed).update(settings)
    if not is_multiple(_scheduler_of(policy, rates)[1], _scheduler_of(changed, [rate * scale for rate in rates])[1], scale):
        name = policy._get_policy_cls().__name__
        message = (
            f"The LRScheduler with the policy {name} does not keep its shape when its rates are multiplied: it holds rates "
            "under names of its own. Give it the rate, and its schedule to suggest(schedule=...)."
        )
        raise OptimizerError(message)
    return lambda: vars(policy).update(settings)


def _scheduler(optimizer: Optimizer, *, schedule: MakeScheduler, rate: RateLike, **_: Any) -> Any:
    """Return the scheduler, without the ``last_epoch`` that skorch passes to resume one."""
    return schedule(optimizer, rate)


def _parts_of(net: Net) -> tuple[list[Any], list[Any]]:
    """Return the modules, criteria included, and the optimizers of an initialized net."""
    modules = [getattr(net, f"{name}_") for name in (*net._modules, *net._criteria)]
    return modules, [getattr(net, f"{name}_") for name in net._optimizers]


def _touched(net: Net, X: Any) -> TrainingState:  # noqa: N803  (skorch's name)
    """Return what the start of ``partial_fit`` may change of the user's objects; a net that is not initialized is cloned."""
    modules, optimizers = _parts_of(net) if net.initialized_ else ([], [])
    callbacks_of_net = [one for _, one in net.callbacks_] if net.initialized_ else []
    return TrainingState(modules, optimizers, reachable_objects(callbacks_of_net, "skorch"), data=X)


def _prepared_copy(net: Net, quiet: Callbacks, X: Any, y: Any) -> tuple[Net, Any]:  # noqa: N803  (skorch's name)
    """Return a net that is ready to train, an initialized clone or a copy that shares its parts, and its batches."""
    if net.initialized_:
        copied: Net = object.__new__(type(net))  # copy.copy would go through the state for pickle, and copy the module
        vars(copied).update(vars(net))
    else:
        copied = _without_watchers(clone(net), quiet).initialize()
    copied.verbose = 0
    copied.callbacks_ = [(name, copy.copy(one)) for name, one in copied.callbacks_ if _takes_part(one, quiet)]
    # callbacks read the number of the epoch from it; batches of earlier epochs would be copied with each snapshot
    copied.history_ = skorch.history.History({**epoch, "batches": []} for epoch in copied.history_)
    copied.notify("on_train_begin", X=X, y=y)
    copied.check_data(X, y)
    training, validation = copied.get_split_datasets(X, y)
    batches = copied.get_iterator(training, training=True)
    copied.notify("on_epoch_begin", dataset_train=training, dataset_valid=validation)
    return copied, batches


def _without_watchers(net: Net, quiet: Callbacks) -> Net:
    """Return the net with callbacks that stay as they are when it is initialized, unless they take part in training.

    Initializing a ``Checkpoint`` makes its folder.
    """
    if isinstance(net.callbacks, list | tuple):
        named = [one if isinstance(one, tuple) else (None, one) for one in net.callbacks]
        instances = [(name, one() if isinstance(one, type) else one) for name, one in named]
        net.callbacks = [one if name is None else (name, one) for name, one in instances]
    else:
        instances = []
    set_by_name = [value for name, value in vars(net).items() if name.startswith("callbacks__")]
    for one in (*(one for _, one in instances), *set_by_name):
        if isinstance(one, callbacks.Callback) and not _takes_part(one, quiet):
            one.initialize = partial(_itself, one)
    return net


def _itself(callback: Any) -> Any:
    return callback


def _check_clones(net: Net) -> None:
    """Check that the callbacks of a net can be cloned, since a search trains with clones.

    Raises:
        LearnerError: one cannot be.
    """
    for entry in net.callbacks if isinstance(net.callbacks, list | tuple) else ():
        one = entry[1] if isinstance(entry, tuple) else entry
        try:
            if not isinstance(one, type):
                clone(one, safe=False)
        except (AttributeError, RuntimeError, TypeError) as error:
            message = (
                f"The callback {type(one).__name__} cannot be cloned ({error}). Let its attributes be its arguments, or end "
                "with an underscore; or call net.initialize() first: the search then trains and restores the net itself."
            )
            raise LearnerError(message) from error


def _takes_part(callback: object, quiet: Callbacks) -> bool:
    return isinstance(callback, TRAINING_CALLBACKS) or not (is_of_package(callback, "skorch") or isinstance(callback, quiet))


def _train(net: Net, batch: Any) -> Tensor:
    """Do what ``fit`` does with a batch; return its loss."""
    net.notify("on_batch_begin", batch=batch, training=True)
    step = net.train_step(batch)
    net.history.record_batch("train_loss", step["loss"].item())
    net.history.record_batch("train_batch_size", get_len(batch[0] if isinstance(batch, tuple | list) else batch))
    net.notify("on_batch_end", batch=batch, training=True, **step)
    return step["loss"]
