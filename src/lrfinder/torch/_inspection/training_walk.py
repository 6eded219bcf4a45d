"""The walk through the objects of PyTorch: tensors, generators, modules and optimizers."""

from __future__ import annotations

from array import array
from itertools import count
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import torch
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler

from lrfinder._check.objects import array_digest, attributes_of
from lrfinder.torch._inspection.objects import Path
from lrfinder.torch._inspection.values import CHUNK, GENERATORS, PLAIN, digest, generator_state, inner_tensors, some_of
from lrfinder.torch._inspection.walk import MAX_INDICES, Found, Part, Visit, Walk, is_setting

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from lrfinder.torch._inspection.walk import Way

ARRAYS = (np.ndarray, bytearray, array)
HOOKS = [name for name in vars(nn.Module()) if name.endswith(("ward_hooks", "ward_pre_hooks"))]
OF_MODULES = set(vars(nn.Module()))
OF_OPTIMIZERS = set(vars(torch.optim.SGD([torch.zeros(())])))


class TrainingWalk(Walk):
    """A walk that knows the objects of PyTorch and numpy."""

    def ways(self) -> Iterator[tuple[Any, Way]]:
        """Yield how to look into objects of each class; the first class that fits decides."""
        yield GENERATORS, self._generator
        yield Tensor, self._tensor
        yield ARRAYS, self._array
        yield nn.Module, self._module
        yield Optimizer, self.optimizer
        yield (LRScheduler, torch.amp.GradScaler), self._by_state_dict
        yield from super().ways()

    def _generator(self, visit: Visit) -> Iterator[Found]:
        self.mark(visit)
        inside = getattr(visit.value, "bit_generator", None)
        if inside is not None:
            self.visited[id(inside)] = inside, None
        yield Found(f"generator: {visit.path}", generator_state(visit.value), is_state=True)

    def _tensor(self, visit: Visit) -> Iterator[Found | Visit]:
        tensor, path, kind, part = visit
        if part is Part.SAMPLES and not _is_index(tensor):
            return
        if part is Part.DATA_SET and tensor.nbytes > CHUNK:
            yield Found(f"{kind}: {path}", (digest(some_of(tensor)), tensor._version))  # noqa: SLF001  (no public name)
            return
        kind = "parameter" if isinstance(tensor, nn.Parameter) and kind == "attribute" else kind
        contents = self._contents(visit)
        settings = (tensor.requires_grad,) if kind == "parameter" else ()
        yield Found(f"{kind}: {path}", (*contents, *settings), is_state=True)
        if part is Part.TRAINING and tensor.is_leaf and tensor.requires_grad:
            gradient = tensor.grad
            yield Found(f"gradient: {path}", None if gradient is None else self._contents(visit._replace(value=gradient)))
        hooks = (getattr(tensor, name, None) for name in ("_backward_hooks", "_post_accumulate_grad_hooks"))
        yield from (Visit(hook, Path("hook", f" of {path}"), part=part) for one in hooks for hook in (one or {}).values())
        for name, value in attributes_of(tensor).items():
            if not name.startswith("_"):  # of compiled code, or the parts of a wrapper
                yield Visit(value, path.attribute(name), "attribute", part)

    def _contents(self, visit: Visit) -> tuple[object, ...]:
        """Return the digest of a tensor, and mark it and the tensors inside it."""
        pending, tensor = [visit.value], visit.value
        try:
            while pending:
                one = pending.pop()
                self.mark(visit._replace(value=one))
                pending += [part for _, part in inner_tensors(one)]
            return digest(tensor)
        except (RuntimeError, NotImplementedError, TypeError) as error:  # a class that shows its memory to nobody
            return "unreadable", type(error).__name__

    def _array(self, visit: Visit) -> Iterator[Found | Visit]:
        value, path, kind, part = visit
        if part is Part.SAMPLES and not _is_index(value):
            return
        self.mark(visit)
        if part is Part.DATA_SET and isinstance(value, np.ndarray) and value.nbytes > CHUNK:
            yield Found(f"{kind}: {path}", array_digest(some_of(value)))
            return
        yield Found(f"{kind}: {path}", array_digest(value), is_state=True)
        if isinstance(value, np.ndarray) and value.dtype.kind == "O":
            yield from (visit._replace(value=item, path=path.item(k)) for k, item in enumerate(value.flat))

    def _by_state_dict(self, visit: Visit) -> Iterator[Visit]:
        self.mark(visit)
        yield visit._replace(value=visit.value.state_dict())

    def _module(self, visit: Visit) -> Iterator[Found | Visit]:
        module, path, _, part = visit
        self.mark(visit)
        if part is Part.TRAINING:
            yield from self.module_state(module, path, path)
        yield from (Visit(one, path.attribute(name), part=part) for name, one in module.named_children())
        yield from self.module_attributes(visit)

    def module_state(self, module: nn.Module, path: Path, mode: Path) -> Iterator[Found | Visit]:
        """Yield the parameters, buffers and mode of a module, without those of the modules inside it."""
        for name, parameter in module.named_parameters(recurse=False):
            self.names.setdefault(id(parameter), str(path.attribute(name)))
            yield Visit(parameter, path.attribute(name), "parameter")
        for name, buffer in module.named_buffers(recurse=False):
            yield Visit(buffer, path.attribute(name), "buffer")
        yield Found(f"mode: {mode}", module.training)

    def module_attributes(self, visit: Visit) -> Iterator[Visit]:
        """Yield the further attributes of a module, and its hooks."""
        module, path, _, part = visit
        self.note_calls(visit)
        for name, one in attributes_of(module).items():
            if name not in OF_MODULES and not is_setting(module, name, one, part):
                yield Visit(one, path.attribute(name), part=part)
        for name in HOOKS:
            yield from (Visit(hook, Path("hook", f" of {path}"), part=part) for hook in getattr(module, name).values())

    def optimizer(self, visit: Visit) -> Iterator[Found | Visit]:
        """Yield the state of an optimizer, its parameter groups, its further attributes and its hooks."""
        optimizer, path, _, _ = visit
        self.mark(visit)
        of = f" of {path}" if path.text else ""
        numbers = count()
        for k, group in enumerate(optimizer.param_groups):
            parameters = group.get("params", ())  # fastai's groups have settings alone
            names = [self.names.setdefault(id(one), f"parameter {next(numbers)}{of}") for one in parameters]
            yield Found(f"group value: params of group {k}{of}", tuple(names))
            yield from (Visit(one, Path(name), "parameter") for one, name in zip(parameters, names, strict=True))
            rest = ((key, value) for key, value in group.items() if key != "params")
            yield from (Visit(value, Path(str(key), f" of group {k}{of}"), "group value") for key, value in rest)
        for key, state in optimizer.state.items():
            yield from self._state_of(key, state, of)
        own = path if path.text else Path(type(optimizer).__name__)
        for name, one in attributes_of(optimizer).items():
            if name not in OF_OPTIMIZERS and not is_setting(optimizer, name, one, Part.TRAINING):
                yield Visit(one, own.attribute(name))
        for name in ("_optimizer_step_pre_hooks", "_optimizer_step_post_hooks"):
            yield from (Visit(hook, Path("hook", f" of {own}")) for hook in getattr(optimizer, name, {}).values())

    def _state_of(self, key: object, state: object, of: str) -> Iterator[Visit]:
        name = self.names.get(id(key), str(key) if isinstance(key, PLAIN) else type(key).__name__)
        if not isinstance(state, dict):
            yield Visit(state, Path(name, of), "optimizer state")
            return
        for entry, value in cast("dict[object, object]", state).items():
            yield Visit(value, Path(str(entry), f" of {name}{of}"), "optimizer state")


def _is_index(value: Any) -> bool:
    """Return whether an array or a tensor may say where in the data a pass is: integers in one dimension, not too many."""
    if not isinstance(value, Tensor | np.ndarray):
        return len(cast("Collection[Any]", value)) <= MAX_INDICES
    integers = (
        not value.is_floating_point() and not value.is_complex() if isinstance(value, Tensor) else value.dtype.kind in "iu"
    )
    return integers and value.ndim == 1 and value.shape[0] <= MAX_INDICES
