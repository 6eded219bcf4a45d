"""The state of a Gluon training as values that compare with ``==``, by readable names, for :func:`lrfinder.check`.

It shares no code with the snapshot, so that neither hides the other's faults. MXNet's own generator cannot be read.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lrfinder._check.objects import Look, array_digest, attributes_of, global_generators, observed
from lrfinder.gluon._framework import mx

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

CLASSES = (mx.gluon.Trainer, mx.optimizer.Optimizer, mx.lr_scheduler.LRScheduler, mx.amp.loss_scaler.LossScaler)
OF_THE_TRAINER = {"_optimizer", "_updaters", "_params", "_params_to_init", "_param2idx", "_kvstore", "_kvstore_params"}
OF_THE_OPTIMIZER = {"param_dict", "idx2name", "aggregate_num"}


def observe(
    net: Any, trainer: Any, loss_fn: object, others: Mapping[str, object], generators: Iterable[Any]
) -> dict[str, object]:
    """Return everything that a training could change; names are ``"kind: name"``.

    Args:
        net: the network.
        trainer: its trainer.
        loss_fn: its loss.
        others: further objects, by name.
        generators: generators of the data, each with a ``name`` and a ``get()``.
    """
    found = global_generators()
    found |= {f"generator: {one.name} of the data": one.get() for one in generators}
    parameters = net.collect_params()
    for name, parameter in parameters.items():
        found |= _of_parameter(name, parameter)
    found |= _of_optimizer(trainer, dict(enumerate(_names(trainer, parameters))))
    roots = {"net": net, "trainer": trainer, "optimizer": trainer.optimizer, "loss": loss_fn}
    return found | observed(roots | dict(others), {"loss": loss_fn}, _look, frozenset({"mxnet"}), parameters.values())


def _of_parameter(name: str, parameter: Any) -> dict[str, object]:
    found: dict[str, object] = {f"mode: grad_req of {name}": parameter.grad_req}
    for k, array in enumerate(parameter._data or []):
        of_device = f"{name}{f' on {array.device}' if len(parameter._data) > 1 else ''}"
        found[f"parameter: {of_device}"] = _content(array)
        if parameter._grad is not None:
            found[f"gradient: {of_device}"] = _content(parameter._grad[k]), array._fresh_grad
    return found


def _names(trainer: Any, parameters: Mapping[str, Any]) -> list[str]:
    names = {parameter._uuid: name for name, parameter in parameters.items()}
    return [names.get(parameter._uuid, f"parameter {k}") for k, parameter in enumerate(trainer._params)]


def _of_optimizer(trainer: Any, names: Mapping[int, str]) -> dict[str, object]:
    found: dict[str, object] = {"optimizer state: rate": trainer.optimizer.lr}
    for k, updater in enumerate([*trainer._updaters, getattr(trainer._kvstore, "_updater", None)]):
        for index, state in getattr(updater, "states", {}).items():
            found[f"optimizer state: {names.get(index, index)}, device {k}"] = _content(state)
    return found


def _look(value: Any) -> Look | None:
    if isinstance(value, mx.nd.NDArray):
        return Look(content=_content(value), is_state=True)
    if isinstance(value, mx.gluon.Parameter):
        return Look(inside={f"[{k}]": array for k, array in enumerate(value._data or [])}, is_state=True)
    if isinstance(value, (mx.gluon.Block, *CLASSES)):
        return Look(inside={f".{name}": one for name, one in attributes_of(value).items() if name not in _settings()})
    return None


def _settings() -> set[str]:
    """Return the names of attributes that are observed otherwise, or that MXNet keeps for itself."""
    return {*vars(mx.gluon.HybridBlock()), "_cached_op_args", *OF_THE_TRAINER, *OF_THE_OPTIMIZER} - {"_forward_hooks"}


def _content(value: Any) -> object:
    if isinstance(value, list | tuple):
        return tuple(map(_content, value))
    return None if value is None else array_digest(value.asnumpy())
