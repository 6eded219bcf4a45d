"""PyTorch Ignite: an ``Engine`` as a learner."""

from __future__ import annotations

import copy
from collections.abc import Sized
from contextlib import contextmanager
from functools import partial
from inspect import getclosurevars, isfunction, ismethod
from typing import TYPE_CHECKING, Any, cast

import torch
from torch import nn
from torch.optim import Optimizer

from lrfinder._arguments import function, items, whole
from lrfinder._arguments.other_names import names_explained
from lrfinder._optional import require
from lrfinder.errors import LearnerError, ModelError, OptimizerError
from lrfinder.replay import check_data
from lrfinder.torch import TorchLearner
from lrfinder.torch._arguments import check_optimizer, own_list
from lrfinder.torch._training_state import TrainingState
from lrfinder.torch.schedules import set_rate
from lrfinder.trainers._learner import BatchGroups, LazyLearner, apply_rate, check_kind, loss_in, mean_loss

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable, Iterator, Sequence

    from torch import Tensor

    from lrfinder.schedules import RateLike
    from lrfinder.trainers._learner import MakeScheduler

__all__ = ["EngineLearner", "default_loss"]

ignite = require("ignite", "ignite")
Events = ignite.engine.Events

_RUN_EVENTS = list(Events)  # compared by name: an event with a filter is not an instance of these
_START_EVENTS = (Events.STARTED, Events.EPOCH_STARTED)
_STATEFUL = (nn.Module, Optimizer, torch.optim.lr_scheduler.LRScheduler, torch.amp.GradScaler)

Engine = Any  # an ignite.engine.Engine


def default_loss(output: Any) -> Any:
    """Return the output of the engine's function, or its entry ``"loss"``."""
    return loss_in(output, "The engine's function")


class EngineLearner(LazyLearner):
    """An Ignite ``Engine`` that trains, as a :class:`lrfinder.Learner`.

    For example::

        learner = EngineLearner(engine, optimizer, loader)
        learner.set_rate(learner.suggest(horizon=3000))
        engine.run(loader, max_epochs=10)

    An iteration is the engine's own: the events of a batch and its function, for each of ``accumulate`` batches. Most
    handlers log, save or stop, and are left out. Three kinds take part: ``EMAHandler``, handlers of events that the function
    itself fires, and those named in ``handlers``. The search has its own engine state. Before its first iteration it fires
    ``STARTED`` and ``EPOCH_STARTED``, unless the engine runs already; what handlers change then is undone at the end.

    Args:
        engine: a trainer, from ``create_supervised_trainer`` or written by hand.
        optimizer: the optimizer that its function steps.
        data: as for ``engine.run``.
        model: the model that is trained; by default the modules to which the function refers.
        accumulate: the engine's ``gradient_accumulation_steps``.
        loss: extracts the loss from the function's output.
        handlers: functions or objects attached to the engine that belong to training.
        stateful: further objects that the function changes.
        group: the parameter group whose rate is given; see :class:`lrfinder.torch.TorchLearner`.
        replay_bytes: the memory for batches that are stored for replay.

    Raises:
        LearnerError: ``engine`` is not one of Ignite's, or ``accumulate`` is below 1.
        ModelError: no module that holds the optimizer's parameters was given or found.
    """

    @names_explained
    def __init__(  # noqa: PLR0913  (the ways in which trainings differ)
        self,
        engine: Engine,
        optimizer: Optimizer,
        data: Iterable[Any],
        *,
        model: nn.Module | None = None,
        accumulate: int = 1,
        loss: Callable[[Any], Any] = default_loss,
        handlers: Iterable[object] = (),
        stateful: Iterable[object] = (),
        group: str | int | None = None,
        replay_bytes: int = 1 << 30,
    ) -> None:
        check_kind(engine, ignite.engine.Engine, "engine", "an ignite.engine.Engine")
        check_optimizer("optimizer", optimizer)
        check_data(data)
        accumulate = whole("accumulate", accumulate, 1, "it is the number of batches in an update", LearnerError)
        function("loss", loss, "loss(output) -> the loss in the output of the engine's function", LearnerError)
        if model is not None:
            check_kind(model, nn.Module, "model", "a torch.nn.Module")
        named, stateful = items("handlers", handlers, "handlers=[average]", LearnerError), own_list(stateful)
        references = list(_references(engine._process_function))
        modules = [one for one in references if isinstance(one, nn.Module)] if model is None else [model]
        _check_modules(modules, optimizer)
        self._engine = engine
        self._optimizer = optimizer

        def prepared() -> TorchLearner:
            state = _started(engine, data, named)
            averages = [one for one in _owners(engine) if _takes_part(one, named)]
            others = [one for one in references if isinstance(one, _STATEFUL) and one is not optimizer]
            return TorchLearner.from_step(
                partial(_update, engine, state, named, loss, accumulate),
                BatchGroups(data, accumulate),
                modules=modules,
                optimizers=[optimizer],
                stateful=[state, engine, *averages, *others, *stateful],
                group=group,
                replay_bytes=replay_bytes,
            )

        def touched() -> TrainingState:
            averages = [one for one in _owners(engine) if _takes_part(one, named)]
            return TrainingState(modules, [optimizer], [engine.state, engine, *averages, *stateful], data=data)

        super().__init__(prepared, touched)

    def set_rate(self, rate: RateLike, *, schedule: MakeScheduler = set_rate) -> None:
        """Apply the rate to the optimizer.

        Ignite's ``LRScheduler`` on the engine keeps the shape of the scheduler that it holds, and moves to the rate.

        ``schedule`` takes optimizer and rate: a function of :mod:`lrfinder.torch.schedules`, its other arguments bound. Its
        scheduler is attached to the engine and steps after each iteration.

        Raises:
            RatesError: there is no rate above 0.
            OptimizerError: another handler of the engine writes rates of its own into the optimizer, or a scheduler of
                PyTorch holds it.
        """
        wrapped = [_scheduler_in(one) for one in _owners(self._engine) if _writes_rates(one, self._optimizer)]
        scheduler = apply_rate(self._optimizer, wrapped, rate, schedule) if wrapped else schedule(self._optimizer, rate)
        if scheduler is not None:
            self._engine.add_event_handler(Events.ITERATION_COMPLETED, lambda _: scheduler.step())


def _writes_rates(handler: object, optimizer: Optimizer) -> bool:
    own: Any = handler
    return isinstance(own, ignite.handlers.ParamScheduler) and own.optimizer is optimizer and own.param_name == "lr"


def _scheduler_in(handler: Any) -> Any:
    """Return the scheduler of PyTorch that a handler of Ignite holds."""
    if isinstance(handler, ignite.handlers.LRScheduler):
        return handler.lr_scheduler
    message = f"The engine has a {type(handler).__name__} that writes rates of its own; give that the rate instead."
    raise OptimizerError(message)


def _check_modules(modules: Sequence[nn.Module], optimizer: Optimizer) -> None:
    held = {id(parameter) for module in modules for parameter in module.parameters()}
    if not all(id(parameter) in held for group in optimizer.param_groups for parameter in group["params"]):
        message = "The engine's function refers to no module that holds the optimizer's parameters; give it: model=..."
        raise ModelError(message)


def _references(function: Any) -> Iterator[object]:
    """Yield what a function, a method, a partial or a callable object reaches by its own names."""
    if isinstance(function, partial):
        yield from (*function.args, *function.keywords.values())
        yield from _references(function.func)
    elif ismethod(function):
        yield from vars(function.__self__).values()
    elif isfunction(function):
        names = getclosurevars(function)
        yield from (*names.nonlocals.values(), *names.globals.values())
    else:
        yield from vars(function).values()


def _started(engine: Engine, data: Iterable[Any], named: Sequence[object]) -> Any:
    """Return a state for the search: that of the run if there is one, or as ``run`` has it in its first epoch."""
    state = copy.copy(engine.state)
    if engine._dataloader_iter is not None or engine.last_event_name in _START_EVENTS:
        return state
    state.dataloader = data
    lengths = (state.max_epochs, getattr(state, "max_iters", None))
    if lengths == (None, None) or engine._is_done(state):
        state.iteration, state.epoch = 0, 0
    if state.epoch_length is None and isinstance(data, Sized):
        state.epoch_length = len(data)
    with _searching(engine, state, named):
        engine.fire_event(Events.STARTED)
        state.epoch += 1
        engine.fire_event(Events.EPOCH_STARTED)
    return state


def _update(  # noqa: PLR0913, PLR0917  (the fixed arguments of a step)
    engine: Engine, state: Any, named: Sequence[object], loss: Callable[[Any], Any], accumulate: int, batches: Sequence[Any]
) -> Tensor:
    """Make one update; return its mean loss."""
    state.iteration += -state.iteration % accumulate  # an update begins here
    with _searching(engine, state, named):
        return mean_loss([torch.as_tensor(loss(_iteration(engine, batch))) for batch in batches])


def _iteration(engine: Engine, batch: Any) -> Any:
    """Do what ``run`` does with a batch; return the output of the engine's function."""
    state = engine.state
    state.batch = None
    engine.fire_event(Events.GET_BATCH_STARTED)
    state.batch, state.output = batch, None
    engine.fire_event(Events.GET_BATCH_COMPLETED)
    state.iteration += 1
    engine.fire_event(Events.ITERATION_STARTED)
    state.output = engine._process_function(engine, state.batch)  # which a handler may have replaced
    engine.fire_event(Events.ITERATION_COMPLETED)
    output, state.batch, state.output = state.output, None, None
    return output


@contextmanager
def _searching(engine: Engine, state: Any, named: Sequence[object]) -> Generator[None]:
    """Run the block with the state and the handlers of the search."""
    before, own = engine.state, engine._event_handlers
    active = copy.copy(own)
    for event in own:
        if event in _RUN_EVENTS:
            active[event] = [entry for entry in own[event] if _takes_part(_owner(entry[0]), named)]
    engine.state, engine._event_handlers = state, active
    try:
        yield
    finally:
        engine.state, engine._event_handlers = before, own


def _owners(engine: Engine) -> list[Any]:
    return [_owner(entry[0]) for entries in engine._event_handlers.values() for entry in entries]


def _owner(handler: Any) -> object:
    """Return the object whose method is attached, or the function itself."""
    while hasattr(handler, "_parent"):  # wrapped, for an event with a filter
        handler = handler._parent()
    return cast("object", getattr(handler, "__self__", handler))


def _takes_part(owner: object, named: Sequence[object]) -> bool:
    is_average = isinstance(owner, ignite.handlers.EMAHandler)
    return is_average or any(owner is getattr(one, "__self__", one) for one in named)
