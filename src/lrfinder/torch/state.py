"""What a PyTorch training changes, copied and put back: tensors in place, everything around them as the same objects."""

from __future__ import annotations

import copy
from collections import deque
from functools import partial
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from lrfinder import memory, randomness
from lrfinder.errors import LearnerError
from lrfinder.randomness import Generator, capture, global_generators, put_back
from lrfinder.torch import spread

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

_STATEFUL = (nn.Module, torch.optim.Optimizer, torch.optim.lr_scheduler.LRScheduler, torch.amp.GradScaler)


class Memory(memory.Memory):
    """A copy of everything that can be reached from ``roots`` and that training changes; ``restore()`` puts it back.

    The walk goes through modules, optimizers, schedulers and gradient scalers (all their attributes) and takes tensors
    (values, memory, shape, ``requires_grad``, ``grad`` or its absence, attributes) and random generators. A tensor comes
    back as the same object in the same memory, so that tied weights stay tied and compiled models and captured graphs go
    on working. Copies of tensors on an accelerator are kept on the host.

    Args:
        roots: of PyTorch's kinds; or objects of the user's, which are their attributes, or else what ``state_dict()`` gives.

    Raises:
        LearnerError: one of the roots is of neither kind.
    """

    def __init__(self, roots: Iterable[object]) -> None:
        roots = list(roots)
        loads: list[tuple[object, Callable[[], object]]] = []
        inside = [_inside(root, loads) for root in roots if not isinstance(root, (*_STATEFUL, Tensor))]
        super().__init__([*roots, *inside], _take)
        self._pieces[:0] = loads

    @torch.no_grad()
    def restore(self) -> None:
        """Put everything back.

        Raises:
            RestoreError: some of it could not be; all else has been.
        """
        super().restore()


def _inside(root: object, loads: list[tuple[object, Callable[[], object]]]) -> object:
    """What to walk into for an object of the user's that was named as stateful; where its state is loaded, how."""
    name = type(root).__name__
    if hasattr(root, "__dict__"):
        return {name: vars(root)}
    load, state_dict = getattr(root, "load_state_dict", None), getattr(root, "state_dict", None)
    if load is None or state_dict is None:
        if isinstance(root, dict | list | set | deque) or own_generator(root) is not None:
            return None
        message = (
            f"stateful holds a {name}, which has neither attributes nor state_dict() and load_state_dict(); give objects "
            "that have one of the two."
        )
        raise LearnerError(message)
    state = copy.deepcopy(state_dict())
    loads.append((name, lambda: load(copy.deepcopy(state))))
    return None


def _take(value: object) -> memory.Taken | None:
    if isinstance(value, Tensor):
        return spread.of_shard(value) if spread.is_shard(value) else _of_tensor(value)
    if isinstance(value, DistributedDataParallel):
        return spread.of_data_parallel(value)
    if isinstance(value, _STATEFUL):
        return memory.Taken(further=[vars(value)])
    generator = own_generator(value)
    return None if generator is None else memory.Taken(partial(put_back, capture([generator])))


def _of_tensor(tensor: Tensor) -> memory.Taken:
    grad = tensor.grad if tensor.is_leaf else None
    place, fill = _of_contents(tensor) if tensor.layout is torch.strided else _of_sparse(tensor)
    attributes = vars(tensor).copy()
    requires_grad = tensor.requires_grad

    def restore() -> None:
        place()
        _put_attributes(tensor, attributes)
        if tensor.is_leaf:
            tensor.requires_grad_(requires_grad)
            if tensor.grad is not grad:
                tensor.grad = grad
        fill()  # comes last, as what may fail: there may be no room

    return memory.Taken(restore, {"grad": grad, **attributes})


def _of_contents(tensor: Tensor) -> tuple[Callable[[], None], Callable[[], object]]:
    """How to give a tensor its memory and shape back, and how to fill that memory."""
    alias = tensor.detach()  # the same memory, under a name that nobody else can point elsewhere
    saved = _memory(alias).to("cpu", copy=True)
    nbytes = alias.untyped_storage().nbytes()

    def place() -> None:
        if _lies(tensor) != _lies(alias):
            tensor.data = alias  # the step had given it other memory, or another shape
        if alias.untyped_storage().nbytes() < nbytes:
            alias.untyped_storage().resize_(nbytes)  # the step had freed it; a copy into nothing ends the process

    return place, lambda: _memory(alias).copy_(saved)


def _lies(tensor: Tensor) -> tuple[object, ...]:
    return tensor.data_ptr(), tensor.shape, tensor.stride(), tensor.dtype


def _of_sparse(tensor: Tensor) -> tuple[Callable[[], None], Callable[[], object]]:
    saved = tensor.detach().to("cpu", copy=True)
    # in place it takes the memory that it is given, for good
    return lambda: None, lambda: tensor.copy_(saved.clone())


def _put_attributes(tensor: Tensor, attributes: dict[str, object]) -> None:
    now = vars(tensor)
    marks = {name: value for name, value in now.items() if name.startswith("_dynamo")}  # compiled code goes on with its own
    now.clear()
    now.update(attributes | marks)


def _memory(tensor: Tensor) -> Tensor:
    """The part of a tensor that is memory of its own: an expanded one repeats it, and cannot be written whole."""
    if tensor.layout is not torch.strided or 0 not in tensor.stride():
        return tensor
    return tensor[tuple(slice(0, 1) if stride == 0 else slice(None) for stride in tensor.stride())]


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


def own_generator(value: object) -> Generator | None:
    """``value`` as a :class:`Generator`, where it is one of torch's, numpy's or python's."""
    return _torch_generator(value) if isinstance(value, torch.Generator) else randomness.own_generator(value)
