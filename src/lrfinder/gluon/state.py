"""The state of a Gluon run, copied and restored: arrays in place; the objects that hold them keep their identity."""

from __future__ import annotations

from functools import partial
from typing import Any, NamedTuple

from lrfinder._state.framework import Framework, generator_node
from lrfinder._state.nodes import Node
from lrfinder._state.object_graph import GraphSnapshot
from lrfinder.gluon._framework import mx
from lrfinder.randomness import States, own_generator

_WALKED: tuple[type, ...] = (  # objects whose attributes training changes
    mx.gluon.Block,
    mx.gluon.Trainer,
    mx.optimizer.Optimizer,
    mx.optimizer.Updater,
    mx.lr_scheduler.LRScheduler,
    mx.amp.loss_scaler.LossScaler,
    mx.kv.KVStore,
)


class GluonState(NamedTuple):
    """The objects of a training, the states of the generators, MXNet's seed, and the position in the data."""

    memory: GraphSnapshot
    randomness: States
    seed: int
    position: object


def visit(value: object) -> Node | None:
    """Return how to restore an object of MXNet, and which objects inside it to copy.

    Arrays stay in their memory, to which hybridized nets and the key-value store refer. A trainer, its optimizer, updaters
    and scheduler are restored by their attributes, so that they stay the same objects. States that the optimizer had not
    yet created are removed.
    """
    if isinstance(value, mx.nd.NDArray):
        array: Any = value
        return Node(partial(array.copy().copyto, array))
    if isinstance(value, mx.gluon.Parameter):
        parameter: Any = value
        if parameter._data is not None:
            parameter.var()  # its first use ties the arrays to this handle for good, so it comes before the copy
        return Node(partial(_set_fresh, _fresh_grads(value)), [vars(value)])
    if isinstance(value, _WALKED):
        return Node(children=[vars(value)])
    return generator_node(own_generator(value))


def _is_state(value: object) -> bool:
    return isinstance(value, (mx.nd.NDArray, mx.gluon.Parameter, *_WALKED)) or own_generator(value) is not None


FRAMEWORK = Framework(
    visit, _is_state, frozenset({"mxnet"}), (mx.gluon.data.DataLoader, mx.gluon.data.Dataset, mx.gluon.data.Sampler)
)


def blocks_alone(net: Any) -> GraphSnapshot:
    """Return a copy of what the blocks of a network hold, without its parameters."""
    return GraphSnapshot([net], FRAMEWORK.without(mx.gluon.Parameter))


def _fresh_grads(parameter: Any) -> list[tuple[Any, bool]]:
    """Return its arrays, each with whether its gradient is newer than its value; a trainer skips those that are not."""
    if parameter.grad_req == "null" or parameter._data is None:
        return []
    return [(array, array._fresh_grad) for array in parameter._data]


def _set_fresh(arrays: list[tuple[Any, bool]]) -> None:
    for array, fresh in arrays:
        array._fresh_grad = fresh


def write_to_store(trainer: Any) -> None:
    """Write the trainer's parameters into its key-value store, if the store updates them and so has its own copy.

    Only the updater of a store can reach its values, so one that overwrites them replaces it meanwhile.
    """
    store = trainer._kvstore
    if store is None or not trainer._update_on_kvstore:
        return
    waiting = {parameter._uuid for parameter in trainer._params_to_init}
    updater = store._updater
    store._set_updater(lambda _key, pushed, stored: pushed.copyto(stored))
    try:
        for parameter in trainer._params:
            if parameter.grad_req != "null" and parameter._uuid not in waiting:
                store.push(trainer._param2idx[parameter._uuid], parameter._data[0])
    finally:
        store._set_updater(updater)
