"""PyTorch Ignite: an ``Engine`` as a learner.

::

    learner = EngineLearner(trainer, optimizer, loader)
    suggestion = lrfinder.LRFinder(learner).suggest(horizon=1000)
    learner.set_rate(suggestion)
    trainer.run(loader, max_epochs=10)
"""

from __future__ import annotations

import copy
from contextlib import contextmanager
from functools import partial
from inspect import getclosurevars, isfunction, ismethod
from typing import TYPE_CHECKING, Any, cast

import torch
from torch import nn
from torch.optim import Optimizer

from lrfinder.errors import LearnerError, ModelError, OptimizerError
from lrfinder.torch import TorchLearner
from lrfinder.torch.schedules import set_rate
from lrfinder.trainers._framework import framework
from lrfinder.trainers._handover import hand_over
from lrfinder.trainers._lazy import Grouped, Standing, loss_in

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable, Iterator, Sequence

    from torch import Tensor

    from lrfinder._results.results import Suggestion
    from lrfinder.trainers._handover import Schedule

__all__ = ["EngineLearner", "default_loss"]

engine_room = framework("ignite.engine", "ignite")
handlers = framework("ignite.handlers", "ignite")
Events = engine_room.Events

_OF_RUN = list(Events)  # compared by name: an event with a filter is no instance of these

Engine = Any  # an ignite.engine.Engine


def default_loss(output: Any) -> Any:
    """The output of the engine's function itself, or its entry ``"loss"``."""
    return loss_in(output, "The engine's function")


class EngineLearner(Standing):
    """An Ignite ``Engine`` that trains, as a :class:`lrfinder.Learner`.

    An iteration is the engine's own: ``ITERATION_STARTED``, its function on the batch, ``ITERATION_COMPLETED``, and so for
    each of ``accumulate`` batches. Of the handlers, which mostly log, save or stop, take part: ``EMAHandler``, those of
    events that the function itself fires, and those named in ``handlers``. The engine's state is one of the search's own.

    Args:
        engine: a trainer, by ``create_supervised_trainer`` or by hand.
        optimizer: the one that its function steps.
        data: what is given to ``engine.run``.
        model: what is trained; found in what the function refers to, where it is not given.
        accumulate: the engine's ``gradient_accumulation_steps``.
        loss: takes the loss from the function's output.
        handlers: functions or objects attached to the engine that belong to training.
        stateful: further objects that the function changes.
        group: the parameter group whose rate is given; see :class:`lrfinder.torch.TorchLearner`.
        replay_bytes: how many bytes of batches may be kept for replay.

    Raises:
        LearnerError: ``engine`` is none of Ignite's, or ``accumulate`` is below 1.
        ModelError: no module that holds the optimizer's parameters was given or found.
    """

    def __init__(  # noqa: PLR0913  (what a training varies in)
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
        _check(engine, accumulate)
        found = list(_referred_to(engine._process_function))
        modules = [model] if model is not None else [one for one in found if isinstance(one, nn.Module)]
        _check_modules(modules, optimizer)
        self._engine = engine
        self._optimizer = optimizer
        named = list(handlers)
        known = (Optimizer, torch.optim.lr_scheduler.LRScheduler, torch.amp.GradScaler)
        state = _state(engine, data)

        def step(batches: Sequence[Any]) -> Tensor:
            state.iteration += -state.iteration % accumulate  # an update begins here
            with _held(engine, state, named):
                losses = [torch.as_tensor(loss(_iteration(engine, batch))) for batch in batches]
            return losses[0] if len(losses) == 1 else torch.stack(losses).mean()

        def stand_up() -> TorchLearner:
            averages = [one for one in _owners(engine) if _belongs(one, named)]
            others = [one for one in found if isinstance(one, known) and one is not optimizer]
            return TorchLearner.from_step(
                step,
                Grouped(data, accumulate),
                modules=modules,
                optimizers=[optimizer],
                stateful=[state, engine, *averages, *others, *stateful],
                group=group,
                replay_bytes=replay_bytes,
            )

        super().__init__(stand_up, modules[0], data)

    def set_rate(self, rate: Suggestion | float, *, schedule: Schedule = set_rate) -> None:
        """Give the optimizer the rate.

        Args:
            rate: a suggestion, or a rate.
            schedule: called with optimizer and rate: one of :mod:`lrfinder.torch.schedules`, its other arguments bound. The
                scheduler that it gives is attached to the engine, and steps after each iteration.

        Raises:
            RatesError: there is no rate above 0.
            OptimizerError: a handler of the engine writes rates of its own into the optimizer.
        """
        for one in _owners(self._engine):
            if isinstance(one, handlers.ParamScheduler) and one.optimizer is self._optimizer and one.param_name == "lr":
                message = f"The engine has a {type(one).__name__} that writes rates of its own; give that the rate instead."
                raise OptimizerError(message)
        made = hand_over(self._optimizer, [], rate, schedule=schedule)
        if made is not None:
            self._engine.add_event_handler(Events.ITERATION_COMPLETED, lambda _: made.step())


def _check(engine: Engine, accumulate: int) -> None:
    if not isinstance(engine, engine_room.Engine):
        message = f"The engine is a {type(engine).__module__}.{type(engine).__name__}; give an ignite.engine.Engine."
        raise LearnerError(message)
    if accumulate < 1:
        message = f"accumulate is {accumulate!r}; an update needs at least 1 batch."
        raise LearnerError(message)


def _check_modules(modules: Sequence[nn.Module], optimizer: Optimizer) -> None:
    held = {id(parameter) for module in modules for parameter in module.parameters()}
    if not all(id(parameter) in held for group in optimizer.param_groups for parameter in group["params"]):
        message = "The engine's function refers to no module that holds the optimizer's parameters; give it: model=..."
        raise ModelError(message)


def _referred_to(function: Any) -> Iterator[object]:
    """What a function, a method, a partial or a callable object reaches by its own names."""
    if isinstance(function, partial):
        yield from (*function.args, *function.keywords.values())
        yield from _referred_to(function.func)
    elif ismethod(function):
        yield from vars(function.__self__).values()
    elif isfunction(function):
        names = getclosurevars(function)
        yield from (*names.nonlocals.values(), *names.globals.values())
    else:
        yield from vars(function).values()


def _state(engine: Engine, data: Iterable[Any]) -> Any:
    """A state for the search, as ``run`` would have it in its first epoch."""
    state = copy.copy(engine.state)
    state.dataloader = data
    state.epoch = max(1, state.epoch or 0)
    state.iteration = state.iteration or 0
    return state


def _iteration(engine: Engine, batch: Any) -> Any:
    """What ``run`` does with a batch."""
    state = engine.state
    state.batch, state.iteration = batch, state.iteration + 1
    engine.fire_event(Events.ITERATION_STARTED)
    state.output = engine._process_function(engine, batch)
    engine.fire_event(Events.ITERATION_COMPLETED)
    output, state.batch, state.output = state.output, None, None
    return output


@contextmanager
def _held(engine: Engine, state: Any, named: Sequence[object]) -> Generator[None]:
    """The engine has the search's state and its handlers, and then again its own."""
    before, own = engine.state, engine._event_handlers
    kept = copy.copy(own)
    for event in own:
        if event in _OF_RUN:
            kept[event] = [entry for entry in own[event] if _belongs(_owner(entry[0]), named)]
    engine.state, engine._event_handlers = state, kept
    try:
        yield
    finally:
        engine.state, engine._event_handlers = before, own


def _owners(engine: Engine) -> list[Any]:
    return [_owner(entry[0]) for entries in engine._event_handlers.values() for entry in entries]


def _owner(handler: Any) -> object:
    """The object whose method is attached, or the function itself."""
    while hasattr(handler, "_parent"):  # wrapped, for an event with a filter
        handler = handler._parent()
    return cast("object", getattr(handler, "__self__", handler))


def _belongs(owner: object, named: Sequence[object]) -> bool:
    return isinstance(owner, handlers.EMAHandler) or any(owner is getattr(one, "__self__", one) for one in named)
