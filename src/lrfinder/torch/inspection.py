"""What of a PyTorch training can be looked into, under names that a user knows: for :func:`lrfinder.check`.

It looks further than a snapshot does, into objects of unknown classes too, since it is to find what a snapshot leaves out;
and it shares no code with the snapshot, so that neither hides the other's faults. Names are ``"kind: name"``.
"""

from __future__ import annotations

import random
import sys
from collections import deque
from collections.abc import Iterator, Sequence
from enum import Enum
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import torch
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler
from torch.utils.data import DataLoader, Dataset, Sampler

from lrfinder.torch.testing import content

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

Seen = Iterator[tuple[str, object]]

PLAIN = (bool, int, float, complex, str, bytes, type(None), Enum)
OF_MODULES = set(vars(nn.Module()))  # seen by name already, or no state of a training
LONGEST = 1000  # items of a list that are looked at: one that is longer holds data, not the state of a training
KNOWN = (nn.Module, Optimizer, LRScheduler, torch.amp.GradScaler, DataLoader, Dataset, Sampler)


def observation(
    modules: Sequence[nn.Module], optimizers: Sequence[Optimizer], others: Iterable[object], data: object
) -> dict[str, object]:
    """Names to values that compare with ``==``: all that a training of these could change.

    Of the data only generators, numbers and texts are looked at, as their tensors may be many and are not trained.
    """
    names: dict[int, str] = {}
    seen: dict[str, object] = dict(_generators())
    for k, module in enumerate(modules):
        before = "" if len(modules) == 1 else f"{type(module).__name__} {k}: "
        names.update((id(one), before + name) for name, one in module.named_parameters())
        seen.update(_of_module(module, before))
    for k, optimizer in enumerate(optimizers):
        seen.update(_of_optimizer(optimizer, names, "" if len(optimizers) == 1 else f" of {type(optimizer).__name__} {k}"))
    walk = _Walk(tensors=True)
    walk.seen.update((id(one), one) for module in modules for one in module.modules())
    for module in modules:
        for name, one in module.named_modules():
            seen.update(walk.attributes(one, name or type(module).__name__, OF_MODULES))
    for k, one in enumerate(others):
        inside = one.state_dict() if isinstance(one, LRScheduler | torch.amp.GradScaler) else one
        seen.update(walk.look(inside, f"{type(one).__name__} {k}"))
    seen.update(_Walk(tensors=False).look(data, "data"))
    return seen


def _generators() -> Seen:
    yield "generator: python", random.getstate()
    kind, keys, *rest = np.random.get_state()  # noqa: NPY002  (the one that users draw from)
    yield "generator: numpy", (kind, np.asarray(keys).tobytes(), *rest)
    yield "generator: torch", content(torch.get_rng_state())
    if torch.cuda.is_initialized():
        for k, state in enumerate(torch.cuda.get_rng_state_all()):
            yield f"generator: cuda {k}", content(state)


def _of_module(module: nn.Module, before: str) -> Seen:
    for name, parameter in module.named_parameters():
        yield f"parameter: {before}{name}", (*content(parameter), parameter.requires_grad)
        yield f"gradient: {before}{name}", None if parameter.grad is None else content(parameter.grad)
    for name, buffer in module.named_buffers():
        yield f"buffer: {before}{name}", content(buffer)
    for name, submodule in module.named_modules():
        yield f"mode: {before}{name or type(module).__name__}", submodule.training


def _of_optimizer(optimizer: Optimizer, names: Mapping[int, str], of: str) -> Seen:
    walk = _Walk(tensors=True, kind="optimizer state")
    for k, (parameter, state) in enumerate(cast("dict[object, dict[str, object]]", optimizer.state).items()):
        for key, value in state.items():
            yield from walk.look(value, f"{key} of {names.get(id(parameter), f'parameter {k}')}{of}")
    for k, group in enumerate(optimizer.param_groups):
        for key, value in group.items():
            if key == "params":
                yield f"group value: params of group {k}{of}", tuple(map(id, value))
            else:
                yield from _Walk(tensors=True, kind="group value").look(value, f"{key} of group {k}{of}")


class _Walk:
    """Goes through containers and objects, each of them once.

    Args:
        tensors: whether tensors and arrays are looked at.
        kind: what the values are called.
    """

    def __init__(self, *, tensors: bool, kind: str = "attribute") -> None:
        self.tensors = tensors
        self.kind = kind
        self.seen: dict[int, object] = {}  # the objects too, so that no other takes the place of one and its id

    def look(self, value: object, path: str) -> Seen:
        """What ``value`` is or holds."""
        state = _state_of_generator(value)
        if isinstance(value, PLAIN):
            yield f"{self.kind}: {path}", repr(value)
        elif id(value) in self.seen:
            return
        elif state is not None:
            self.seen[id(value)] = value
            yield f"generator: {path}", state
        elif isinstance(value, Tensor | np.ndarray):
            if self.tensors and not isinstance(value, nn.Parameter):
                yield f"{self.kind}: {path}", _content(value)
        elif isinstance(value, dict | list | tuple | set | deque):
            self.seen[id(value)] = value
            yield from self._items(cast("Any", value), path)
        elif _is_of_the_users(value):
            self.seen[id(value)] = value
            yield from self.attributes(value, path)

    def attributes(self, value: object, path: str, but: Iterable[str] = ()) -> Seen:
        """What the attributes of ``value`` hold."""
        of_torch = type(value).__module__.startswith("torch.")
        for name, item in list(getattr(value, "__dict__", {}).items()):
            setting = of_torch and (name.startswith("_") or (isinstance(item, PLAIN) and not self.tensors))
            if name not in but and not setting:
                yield from self.look(item, f"{path}.{name}")

    def _items(self, value: Any, path: str) -> Seen:
        if len(value) > LONGEST:
            yield f"{self.kind}: length of {path}", len(value)
            return
        if isinstance(value, set):
            yield (
                f"{self.kind}: {path}",
                frozenset(repr(one) for one in cast("set[object]", value) if isinstance(one, PLAIN)),
            )
            return
        pairs = cast("dict[object, object]", value).items() if isinstance(value, dict) else enumerate(value)
        for k, (key, item) in enumerate(list(pairs)):
            yield from self.look(item, f"{path}[{key if isinstance(key, PLAIN) else k!r}]")


def _state_of_generator(value: object) -> object:
    if isinstance(value, torch.Generator):
        return content(value.get_state())
    if isinstance(value, random.Random):
        return value.getstate()
    if isinstance(value, np.random.Generator):
        return _plain(value.bit_generator.state)
    return _plain(value.get_state(legacy=False)) if isinstance(value, np.random.RandomState) else None


def _plain(state: object) -> object:
    if isinstance(state, np.ndarray):
        return cast("np.ndarray[Any, Any]", state).tobytes()
    if not isinstance(state, dict):
        return state
    return {key: _plain(item) for key, item in cast("dict[str, object]", state).items()}


def _content(value: Tensor | np.ndarray[Any, Any]) -> object:
    if isinstance(value, Tensor):
        return content(value)
    return (value.tobytes(), value.shape, value.dtype.str) if value.dtype != object else value.shape


def _is_of_the_users(value: object) -> bool:
    """Whether to look inside: PyTorch's own objects of known kinds, and all whose class is not from a standard library."""
    if isinstance(value, KNOWN):
        return True
    kind = cast("type[object]", value if isinstance(value, type) else type(value))
    library = kind.__module__.partition(".")[0]
    return kind is not value and library not in {*sys.stdlib_module_names, "torch", "numpy"} and hasattr(value, "__dict__")
