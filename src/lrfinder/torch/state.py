"""What a PyTorch training changes, copied and put back: tensors in place, everything around them as the same objects."""

from __future__ import annotations

import copy
from collections import deque
from typing import TYPE_CHECKING, Any, NamedTuple, cast

import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset, Sampler

from lrfinder.errors import LearnerError
from lrfinder.randomness import Generator, capture, global_generators, own_generator, put_back

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

_MISSING = object()
_STATEFUL = (nn.Module, torch.optim.Optimizer, torch.optim.lr_scheduler.LRScheduler, torch.amp.GradScaler)
_FED_BY = (DataLoader, Dataset, Sampler)


class _SavedTensor(NamedTuple):
    tensor: Tensor
    alias: Tensor  # the same memory, under a name that nobody else can point elsewhere
    copy: Tensor
    requires_grad: bool
    grad: Tensor | None


class Memory:
    """A copy of everything that can be reached from ``roots`` and that training changes; ``restore()`` puts it back.

    The walk goes through modules, optimizers, schedulers and gradient scalers (all their attributes), dicts, lists, sets,
    deques and tuples, and takes: tensors (values, memory, ``requires_grad``, ``grad`` or its absence), the contents of the
    containers, random generators. A tensor comes back as the same object in the same memory, a container as the same object
    with the same contents, so that tied weights stay tied and compiled models and captured graphs go on working. Other
    objects come back as the objects that they were; what they hold inside is not looked at.

    Copies of tensors on an accelerator are kept on the host.
    """

    def __init__(self, roots: Iterable[object]) -> None:
        self._tensors: list[_SavedTensor] = []
        self._containers: list[tuple[Any, Any]] = []  # each with a shallow copy of its contents
        self._loads: list[tuple[Callable[[Any], object], object]] = []
        generators: list[Generator] = []
        roots = list(roots)
        pending = [*roots, *(self._inside(root) for root in roots if not isinstance(root, (*_STATEFUL, Tensor)))]
        seen: set[int] = set()
        while pending:
            value = pending.pop()
            if id(value) in seen:
                continue
            seen.add(id(value))
            if isinstance(value, Tensor):
                pending.append(self._take_tensor(value))
            elif isinstance(value, _STATEFUL):
                pending.append(vars(value))
            elif isinstance(value, dict):
                self._containers.append((value, copy.copy(cast("dict[object, object]", value))))
                pending.extend(cast("dict[object, object]", value).values())
            elif isinstance(value, list | set | deque):
                self._containers.append((value, copy.copy(cast("list[object]", value))))
                pending.extend(cast("list[object]", value))
            elif isinstance(value, tuple):
                pending.extend(cast("tuple[object, ...]", value))
            elif (generator := _own_generator(value)) is not None:
                generators.append(generator)
        self._random = capture(generators)

    def _inside(self, root: object) -> object:
        """What to walk into for an object of the user's that was named as stateful."""
        if hasattr(root, "__dict__"):
            return vars(root)
        load, state_dict = getattr(root, "load_state_dict", None), getattr(root, "state_dict", None)
        if load is None or state_dict is None:
            if isinstance(root, dict | list | set | deque) or _own_generator(root) is not None:
                return None
            message = (
                f"stateful holds a {type(root).__name__}, which has neither attributes nor state_dict() and "
                "load_state_dict(); give objects that have one of the two."
            )
            raise LearnerError(message)
        self._loads.append((load, copy.deepcopy(state_dict())))
        return None

    def _take_tensor(self, tensor: Tensor) -> Tensor | None:
        grad = tensor.grad if tensor.is_leaf else None
        alias = tensor.detach()
        saved = _memory(alias).to("cpu", copy=True)
        self._tensors.append(_SavedTensor(tensor, alias, saved, tensor.requires_grad, grad))
        return grad

    @torch.no_grad()
    def restore(self) -> None:
        """Put everything back."""
        for load, state in self._loads:
            load(copy.deepcopy(state))
        for container, contents in self._containers:
            _put_contents(container, contents)
        for tensor, alias, saved, requires_grad, grad in self._tensors:
            if tensor.layout is torch.strided and tensor.data_ptr() != alias.data_ptr():
                tensor.data = alias  # the step had given it other memory
            _memory(alias).copy_(saved)
            if tensor.is_leaf:
                tensor.requires_grad_(requires_grad)
                if tensor.grad is not grad:
                    tensor.grad = grad
        put_back(self._random)


def _memory(tensor: Tensor) -> Tensor:
    """The part of a tensor that is memory of its own: an expanded one repeats it, and cannot be written whole."""
    if tensor.layout is not torch.strided or 0 not in tensor.stride():
        return tensor
    return tensor[tuple(slice(0, 1) if stride == 0 else slice(None) for stride in tensor.stride())]


def _put_contents(container: Any, contents: Any) -> None:
    if isinstance(container, dict):
        now = cast("dict[object, object]", container)
        if len(now) != len(contents) or any(now.get(key, _MISSING) is not value for key, value in contents.items()):
            now.clear()
            now.update(contents)
    elif isinstance(container, list):
        cast("list[object]", container)[:] = contents
    else:
        container.clear()
        (container.update if isinstance(container, set) else container.extend)(contents)


def generators() -> tuple[Generator, ...]:
    """Every global generator that a PyTorch training may draw from: python, numpy, torch on the CPU and on accelerators."""
    return (*global_generators(), _torch_generator(torch.default_generator), *_accelerator_generators())


def _accelerator_generators() -> Iterator[Generator]:
    # an accelerator that nothing has used yet has no generator to keep, and asking for one would start it
    if torch.cuda.is_initialized():
        yield from map(_torch_generator, torch.cuda.default_generators)
    if torch.xpu.is_initialized():
        yield from map(_torch_generator, torch.xpu.default_generators)
    if torch.backends.mps.is_available():
        yield Generator(
            "mps", lambda: _bytes(torch.mps.get_rng_state()), lambda state: torch.mps.set_rng_state(_tensor(state))
        )


def _torch_generator(generator: torch.Generator) -> Generator:
    return Generator(
        f"torch {generator.device}",
        lambda: _bytes(generator.get_state()),
        lambda state: generator.set_state(_tensor(state)),
    )


def _bytes(state: Tensor) -> bytes:
    return state.numpy().tobytes()


def _tensor(state: bytes) -> Tensor:
    return torch.frombuffer(bytearray(state), dtype=torch.uint8)


def _own_generator(value: object) -> Generator | None:
    return _torch_generator(value) if isinstance(value, torch.Generator) else own_generator(value)


def generators_of(data: object) -> tuple[Generator, ...]:
    """The generators that belong to the data: a loader's, its samplers', its data sets'; found among their attributes."""
    found: list[Generator] = []
    seen: set[int] = set()
    pending = [data]
    while pending:
        value = pending.pop()
        if id(value) in seen:
            continue
        seen.add(id(value))
        generator = _own_generator(value)
        if generator is not None:
            found.append(generator)
        elif value is data or isinstance(value, _FED_BY):
            pending.extend(getattr(value, "__dict__", {}).values())
    return tuple(found)
