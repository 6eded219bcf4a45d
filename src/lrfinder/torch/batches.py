"""Batches: their source, their transfer to the model's device, and their parts."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, cast

import torch
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.utils.data import DataLoader, Dataset, Sampler, default_collate

from lrfinder._state.batch_copies import copied
from lrfinder.errors import BatchError
from lrfinder.replay import unchanged

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

_SHARED = (nn.Module, Optimizer, Dataset, DataLoader, Sampler)  # an object in a batch may refer to one


def own_source(data: Iterable[Any]) -> Iterable[Any]:
    """Return the data, or a copy of the loader where a pass over the user's loader would disturb it.

    ``iter()`` of a ``DataLoader`` with ``persistent_workers`` resets the one iterator that all its users share. The copy
    starts its workers for each pass: persistent workers keep their random numbers between passes and could not repeat one.
    The ``state_dict()`` of a stateful loader gives the position of the pass that was opened last.
    """
    if not (isinstance(data, DataLoader) and (data.persistent_workers or hasattr(data, "state_dict"))):
        return data
    loader = cast("DataLoader[Any]", copy.copy(data))
    vars(loader).update(_iterator=None, persistent_workers=False)  # setattr refuses the latter
    return loader


def device_of(modules: Sequence[nn.Module]) -> torch.device:
    """Return the device of the first parameter; the CPU if there is none."""
    parameter = next((parameter for module in modules for parameter in module.parameters()), None)
    return torch.device("cpu") if parameter is None else parameter.device


def to_device(batch: Any, device: torch.device) -> Any:
    """Return a copy of a batch on ``device``: of tensors and arrays in containers and objects of any kind.

    A step that changes its batch in place therefore changes neither the user's nor a replayed one. An object with a ``to()``
    is moved by it. Modules, data sets and what cannot be copied pass unchanged.
    """
    if _is_of_tensors(batch):
        return type(batch)([_tensor_to(part, device) for part in batch])

    def leaf(value: Any) -> Any:
        if isinstance(value, Tensor):
            return _tensor_to(value, device)
        moves = callable(getattr(value, "to", None)) and not isinstance(value, _SHARED)
        return own_copy(value).to(device) if moves else _shared(value)

    return copied(batch, leaf)


def own_copy(batch: Any) -> Any:
    """Return a copy of a batch on the same devices, to be stored for replay."""
    if _is_of_tensors(batch):
        return type(batch)([_own_tensor(part) for part in batch])

    def leaf(value: Any) -> Any:
        if isinstance(value, Tensor):
            return _own_tensor(value)
        copies_itself = callable(getattr(value, "clone", None)) and callable(getattr(value, "to", None))
        return value.clone() if copies_itself and not isinstance(value, _SHARED) else _shared(value)

    return copied(batch, leaf)


def keeper(data: Iterable[Any]) -> Callable[[Any], Any]:
    """Return the function that copies a batch of ``data`` before it is stored.

    A loader that collates samples as PyTorch does puts each batch into memory of its own; another may use it again.
    """
    is_fresh = type(data) is DataLoader and data.batch_sampler is not None and data.collate_fn is default_collate
    return unchanged if is_fresh else own_copy


def _shared(value: object) -> object:
    """Return a value that no copy of a batch may copy, or ``None`` for any other."""
    return value if isinstance(value, _SHARED) else None


def _is_of_tensors(batch: Any) -> bool:
    """Return whether a batch is a list or tuple of different tensors and of nothing else, as most are."""
    if type(batch) is not list and type(batch) is not tuple:
        return False
    parts = cast("list[object]", batch)
    return {*map(type, parts)} == {Tensor} and len({*map(id, parts)}) == len(parts)


def _own_tensor(tensor: Tensor) -> Tensor:
    return tensor if tensor.requires_grad else tensor.clone()


def _tensor_to(tensor: Tensor, device: torch.device) -> Tensor:
    if tensor.requires_grad:
        return tensor.to(device)
    return tensor.clone() if tensor.device == device else tensor.to(device, non_blocking=True)


def input_and_target(batch: Any) -> tuple[Any, Any]:
    """Return the two parts of a batch; a batch that is not a pair raises a ``BatchError``."""
    if isinstance(batch, list | tuple) and len(cast("list[Any]", batch)) == 2:  # noqa: PLR2004  (a pair)
        return batch[0], batch[1]
    if isinstance(batch, Mapping):
        kind = f"a mapping with the keys {list(cast('Mapping[Any, Any]', batch))!s:.80}"
    elif isinstance(batch, list | tuple):
        kind = f"a {type(cast('object', batch)).__name__} of {len(cast('list[Any]', batch))}"
    else:
        kind = f"a {type(batch).__name__}"
    message = (
        f"A batch is {kind}; give (input, target) pairs, or unpack it yourself: "
        "TorchLearner(model, optimizer, None, data, forward=lambda model, batch: <loss>)."
    )
    raise BatchError(message)


def batch_size(batch: Any) -> int:
    """Return the length of the first dimension of the first tensor in a batch; 1 where there is none."""
    return next(_lengths(batch), 1)


def _lengths(batch: Any) -> Iterator[int]:
    if isinstance(batch, Tensor):
        if batch.dim():
            yield batch.shape[0]
    elif isinstance(batch, Mapping | list | tuple):
        values = cast("Mapping[object, object]", batch).values() if isinstance(batch, Mapping) else batch
        for value in cast("Iterable[object]", values):
            yield from _lengths(value)
