"""Inspection of a PyTorch training: its state as values that compare with ``==``, under names that a user knows.

:func:`observe` serves :func:`lrfinder.check`. It looks further than a snapshot, into objects of unknown classes too, because
it is meant to find what a snapshot leaves out. :func:`fingerprint` is the ``observe`` of :mod:`lrfinder.testing` for modules
and optimizers. Neither shares code with the snapshot, so that the one cannot hide a fault of the other.
"""

from __future__ import annotations

import random
import sys
from collections import deque
from collections.abc import Iterator, Sequence
from enum import Enum
from hashlib import blake2b
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import torch
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler
from torch.utils.data import DataLoader, Dataset, Sampler

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

Named = Iterator[tuple[str, object]]

PLAIN = (bool, int, float, complex, str, bytes, type(None), Enum)
MODULE_ATTRIBUTES = set(vars(nn.Module()))  # observed by name already, or not part of the state of a training
MAX_ITEMS = 1000  # a longer list holds data rather than the state of a training
KNOWN = (nn.Module, Optimizer, LRScheduler, torch.amp.GradScaler, DataLoader, Dataset, Sampler)


def observe(
    modules: Sequence[nn.Module], optimizers: Sequence[Optimizer], others: Iterable[object] = (), data: object = ()
) -> dict[str, object]:
    """Return everything that a training of these objects could change; names are ``"kind: name"``.

    Of the data, only generators, numbers and texts are included: its tensors may be many and are not trained.
    """
    observed = dict(_training_state(modules, optimizers))
    walk = _Walk(tensors=True)
    walk.visited.update((id(one), one) for module in modules for one in module.modules())
    for module in modules:
        for name, one in module.named_modules():
            observed.update(walk.attributes(one, name or type(module).__name__, MODULE_ATTRIBUTES))
    for k, one in enumerate(others):
        inside = one.state_dict() if isinstance(one, LRScheduler | torch.amp.GradScaler) else one
        observed.update(walk.visit(inside, f"{type(one).__name__} {k}"))
    observed.update(_Walk(tensors=False).visit(data, "data"))
    return observed


def fingerprint(*objects: Any) -> dict[str, object]:
    """Return the state of modules, optimizers and other objects with a ``state_dict()``, and of the random generators.

    With the modules included, two trainings in the same state have the same fingerprint. Attributes of modules that are
    neither parameters nor buffers do not count.
    """
    modules = [one for one in objects if isinstance(one, nn.Module)]
    optimizers = [one for one in objects if isinstance(one, Optimizer)]
    observed = dict(_training_state(modules, optimizers))
    for k, one in enumerate(objects):
        if not isinstance(one, nn.Module | Optimizer):
            observed.update(_Walk(tensors=True).visit(one.state_dict(), f"{type(one).__name__} {k}"))
    return observed


def digest(tensor: Tensor) -> tuple[object, ...]:
    """Return the digest of a tensor's memory, as far as it is on this rank, with its shape and dtype."""
    tensor = tensor.detach()
    tensor = getattr(tensor, "to_local", lambda: tensor)()
    dense = tensor.to_dense() if tensor.layout is not torch.strided else tensor
    memory = dense.contiguous().cpu().reshape(-1).view(torch.uint8).numpy()
    return blake2b(memory.data, digest_size=16).digest(), tuple(tensor.shape), tensor.dtype


def _global_generators() -> Named:
    yield "generator: python", random.getstate()
    yield "generator: numpy", _comparable(np.random.get_state(legacy=False))  # noqa: NPY002  (the one that users draw from)
    yield "generator: torch", digest(torch.get_rng_state())
    if torch.cuda.is_initialized():
        for k, state in enumerate(torch.cuda.get_rng_state_all()):
            yield f"generator: cuda {k}", digest(state)


def _training_state(modules: Sequence[nn.Module], optimizers: Sequence[Optimizer]) -> Named:
    yield from _global_generators()
    names: dict[int, str] = {}
    for k, module in enumerate(modules):
        before = "" if len(modules) == 1 else f"{type(module).__name__} {k}: "
        names.update((id(one), before + name) for name, one in module.named_parameters())
        yield from _module_state(module, before)
    for k, optimizer in enumerate(optimizers):
        of = "" if len(optimizers) == 1 else f" of {type(optimizer).__name__} {k}"
        yield from _optimizer_state(optimizer, names, of)


def _module_state(module: nn.Module, before: str) -> Named:
    for name, parameter in module.named_parameters():
        yield f"parameter: {before}{name}", (*digest(parameter), parameter.requires_grad)
        yield f"gradient: {before}{name}", None if parameter.grad is None else digest(parameter.grad)
    for name, buffer in module.named_buffers():
        yield f"buffer: {before}{name}", digest(buffer)
    for name, submodule in module.named_modules():
        yield f"mode: {before}{name or type(module).__name__}", submodule.training


def _optimizer_state(optimizer: Optimizer, names: Mapping[int, str], of: str) -> Named:
    walk = _Walk(tensors=True, kind="optimizer state")
    for k, (parameter, state) in enumerate(cast("dict[object, dict[str, object]]", optimizer.state).items()):
        for key, value in state.items():
            yield from walk.visit(value, f"{key} of {names.get(id(parameter), f'parameter {k}')}{of}")
    for k, group in enumerate(optimizer.param_groups):
        for key, value in group.items():
            if key == "params":
                yield f"group value: params of group {k}{of}", tuple(names.get(id(one), id(one)) for one in value)
            else:
                yield from _Walk(tensors=True, kind="group value").visit(value, f"{key} of group {k}{of}")


class _Walk:
    """Walk through containers and objects, which visits each of them once; ``tensors`` includes tensors and arrays."""

    def __init__(self, *, tensors: bool, kind: str = "attribute") -> None:
        self.tensors = tensors
        self.kind = kind
        self.visited: dict[int, object] = {}  # holds the objects, so that no other object gets the id of one

    def visit(self, value: object, path: str) -> Named:
        """Yield ``(name, representation)`` pairs of ``value``, or of everything that it holds."""
        state = _generator_state(value)
        if isinstance(value, PLAIN):
            yield f"{self.kind}: {path}", repr(value)
        elif id(value) in self.visited:
            return
        elif state is not None:
            self.visited[id(value)] = value
            yield f"generator: {path}", state
        elif isinstance(value, Tensor | np.ndarray):
            if self.tensors and not isinstance(value, nn.Parameter):
                yield f"{self.kind}: {path}", _tensor_or_array(value)
        elif isinstance(value, dict | list | tuple | set | deque):
            self.visited[id(value)] = value
            yield from self._items(cast("Any", value), path)
        elif _may_hold_state(value):
            self.visited[id(value)] = value
            yield from self.attributes(value, path)

    def attributes(self, value: object, path: str, excluded: Iterable[str] = ()) -> Named:
        """Yield ``(name, representation)`` pairs of everything that the attributes of ``value`` hold."""
        of_torch = type(value).__module__.startswith("torch.")
        for name, item in list(getattr(value, "__dict__", {}).items()):
            is_setting = of_torch and (name.startswith("_") or (isinstance(item, PLAIN) and not self.tensors))
            if name not in excluded and not is_setting:
                yield from self.visit(item, f"{path}.{name}")

    def _items(self, value: Any, path: str) -> Named:
        if len(value) > MAX_ITEMS:
            yield f"{self.kind}: length of {path}", len(value)
        elif isinstance(value, set):
            plain = [repr(one) for one in cast("set[object]", value) if isinstance(one, PLAIN)]
            yield f"{self.kind}: {path}", frozenset(plain)
        else:
            pairs = cast("dict[object, object]", value).items() if isinstance(value, dict) else enumerate(value)
            for k, (key, item) in enumerate(list(pairs)):
                yield from self.visit(item, f"{path}[{key if isinstance(key, PLAIN) else k!r}]")


def _generator_state(value: object) -> object:
    if isinstance(value, torch.Generator):
        return digest(value.get_state())
    if isinstance(value, random.Random):
        return value.getstate()
    if isinstance(value, np.random.Generator):
        return _comparable(value.bit_generator.state)
    return _comparable(value.get_state(legacy=False)) if isinstance(value, np.random.RandomState) else None


def _comparable(state: object) -> object:
    if isinstance(state, np.ndarray):
        return cast("np.ndarray[Any, Any]", state).tobytes()
    if not isinstance(state, dict):
        return state
    return {key: _comparable(item) for key, item in cast("dict[str, object]", state).items()}


def _tensor_or_array(value: Tensor | np.ndarray[Any, Any]) -> object:
    if isinstance(value, Tensor):
        return digest(value)
    return (value.tobytes(), value.shape, value.dtype.str) if value.dtype != object else value.shape


def _may_hold_state(value: object) -> bool:
    """Return whether to look inside: known objects of PyTorch, and all whose class is not from a standard library."""
    if isinstance(value, KNOWN):
        return True
    kind = cast("type[object]", value if isinstance(value, type) else type(value))
    library = kind.__module__.partition(".")[0]
    return kind is not value and library not in {*sys.stdlib_module_names, "torch", "numpy"} and hasattr(value, "__dict__")
