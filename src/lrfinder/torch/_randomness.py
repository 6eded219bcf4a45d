"""Random generators of PyTorch, and what in its loaders, samplers and data sets changes as batches are drawn."""

from __future__ import annotations

from functools import cache, partial
from typing import TYPE_CHECKING

import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, Sampler

from lrfinder import randomness
from lrfinder._state.mersenne_twister import cached_reader
from lrfinder._state.place_numbers import ArrayKind
from lrfinder.randomness import RandomGenerator, States, capture, changed
from lrfinder.torch._mersenne_twister import looks_at_torch

if TYPE_CHECKING:
    from collections.abc import Callable

    from lrfinder._state.mersenne_twister import Looks

_KINDS = (DataLoader, Dataset, Sampler)


def global_generators() -> tuple[RandomGenerator, ...]:
    """Return the global generators of Python, numpy and torch, the latter on the CPU and on accelerators in use."""
    # an accelerator that nothing has used yet has no generator, and a request for one would start it
    return _global_generators(cuda=torch.cuda.is_initialized(), xpu=torch.xpu.is_initialized())


@cache
def _global_generators(*, cuda: bool, xpu: bool) -> tuple[RandomGenerator, ...]:
    of_torch = [torch.default_generator]
    of_torch += torch.cuda.default_generators if cuda else ()
    of_torch += torch.xpu.default_generators if xpu else ()
    found = (*randomness.global_generators(), *map(_torch_generator, of_torch))
    mps = torch.backends.mps.is_available()
    return (*found, _with_bytes("mps", torch.mps.get_rng_state, torch.mps.set_rng_state)) if mps else found


class DrawWatch:
    """A watch over the global generators between ``begin`` and ``end``.

    Attributes:
        has_drawn: whether any of them has moved so far.
    """

    def __init__(self) -> None:
        self.has_drawn = False
        self._states: States = ()

    def begin(self) -> None:
        """Store the present states."""
        self._states = capture(global_generators())

    def end(self) -> None:
        """Compare with the states of the last ``begin``."""
        self.has_drawn |= bool(changed(self._states, capture(generator for generator, _ in self._states)))


def own_generator(value: object) -> RandomGenerator | None:
    """Return ``value`` as a :class:`RandomGenerator` if it is one of torch's, numpy's or Python's, or None."""
    return _torch_generator(value) if isinstance(value, torch.Generator) else randomness.own_generator(value)


def _torch_generator(generator: torch.Generator) -> RandomGenerator:
    looks = looks_at_torch(generator)
    return _with_bytes(f"torch {generator.device}", generator.get_state, generator.set_state, looks)


def _with_bytes(
    name: str, get: Callable[[], Tensor], set_to: Callable[[Tensor], object], looks: Looks = ()
) -> RandomGenerator:
    """Return a generator whose states are bytes instead of tensors, so that they compare to one truth value."""
    as_tensor = partial(torch.frombuffer, dtype=torch.uint8)
    read = cached_reader(lambda: get().numpy().tobytes(), looks)
    return RandomGenerator(name, read, lambda state: set_to(as_tensor(bytearray(state))), looks=looks)


def data_objects(data: object) -> list[object]:
    """Return the data with their data set and samplers, of any class."""
    return [data, *(getattr(data, name, None) for name in ("dataset", "sampler", "batch_sampler"))]


def data_generators(data: object) -> tuple[RandomGenerator, ...]:
    """Return the generators and the place of ``data``; see :func:`lrfinder.randomness.data_generators`."""
    return randomness.data_generators(data, _KINDS, own_generator, [_TENSORS])


def _has_numbers(value: object) -> bool:
    if not (isinstance(value, Tensor) and value.is_cpu and value.layout is torch.strided) or value.is_nested:
        return False
    return not (value.requires_grad or value.is_inference() or value.is_quantized) and _can_be_compared(value.dtype)


@cache
def _can_be_compared(dtype: torch.dtype) -> bool:
    """Return whether PyTorch copies and compares tensors of a dtype; of some that hold packed bits it does not."""
    one = torch.empty(1, dtype=dtype)
    try:
        return torch.equal(one, one.clone()) in {True, False}
    except RuntimeError:
        return False


def _are_equal(one: Tensor, other: Tensor) -> bool:
    if torch.equal(one, other):
        return True
    return one.shape == other.shape and bool(((one == other) | (one.isnan() & other.isnan())).all())


_TENSORS = ArrayKind(
    _has_numbers, lambda tensor: not (tensor.is_floating_point() or tensor.is_complex()), torch.clone, _are_equal
)
