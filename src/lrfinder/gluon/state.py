"""What a Gluon training changes, copied and put back: arrays in place, everything around them as the same objects."""

from __future__ import annotations

from functools import partial
from typing import Any

from lrfinder._state.object_graph import Taken
from lrfinder.gluon._framework import mx
from lrfinder.randomness import capture, own_generator, put_back

_HELD: tuple[type, ...] = (  # objects whose attributes training changes
    mx.gluon.Trainer,
    mx.optimizer.Optimizer,
    mx.optimizer.Updater,
    mx.lr_scheduler.LRScheduler,
    mx.amp.loss_scaler.LossScaler,
    mx.kv.KVStore,
)


def take(value: object) -> Taken | None:
    """What :class:`lrfinder._state.object_graph.Memory` needs to know of MXNet's objects.

    Arrays keep their memory: hybridized nets and the key-value store hold on to it. A trainer, its optimizer, updaters and
    scheduler are their attributes, so that they stay the user's own objects; states that an optimizer did not have yet are
    gone again.
    """
    if isinstance(value, mx.nd.NDArray):
        array: Any = value
        return Taken(partial(array.copy().copyto, array))
    if isinstance(value, mx.gluon.Parameter):
        return Taken(partial(_set_fresh, _fresh(value)), [vars(value)])
    if isinstance(value, _HELD):
        return Taken(further=[vars(value)])
    generator = own_generator(value)
    return None if generator is None else Taken(partial(put_back, capture([generator])))


def _fresh(parameter: Any) -> list[tuple[Any, bool]]:
    """Its arrays, each with whether its gradient is newer than its value: a trainer skips those that are not."""
    if parameter.grad_req == "null" or parameter._data is None:
        return []
    return [(array, array._fresh_grad) for array in parameter._data]


def _set_fresh(arrays: list[tuple[Any, bool]]) -> None:
    for array, fresh in arrays:
        array._fresh_grad = fresh


def write_to_store(trainer: Any) -> None:
    """Write the trainer's parameters into its key-value store, where that is what updates them and so has its own copy.

    A store gives no access to its values but by its updater: for the time of the writing that is one which overwrites.
    """
    store = trainer._kvstore
    if store is None or not trainer._update_on_kvstore:
        return
    waiting = {parameter._uuid for parameter in trainer._params_to_init}
    updater = store._updater
    store._set_updater(_overwrite)
    try:
        for parameter in trainer._params:
            if parameter.grad_req != "null" and parameter._uuid not in waiting:
                store.push(trainer._param2idx[parameter._uuid], parameter._data[0])
    finally:
        store._set_updater(updater)


def _overwrite(_key: int, pushed: Any, stored: Any) -> None:
    pushed.copyto(stored)
