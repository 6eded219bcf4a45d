"""Random generators of PyTorch and below it, read and set by :mod:`lrfinder.randomness`."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

import torch

from lrfinder import randomness
from lrfinder.randomness import RandomGenerator

if TYPE_CHECKING:
    from collections.abc import Iterator

    from torch import Tensor


def global_generators() -> tuple[RandomGenerator, ...]:
    """Return the global generators of Python, numpy and torch, the latter on the CPU and on accelerators in use."""
    # an accelerator that nothing has used yet has no generator, and a request for one would start it
    return _global_generators(cuda=torch.cuda.is_initialized(), xpu=torch.xpu.is_initialized())


@cache
def _global_generators(*, cuda: bool, xpu: bool) -> tuple[RandomGenerator, ...]:
    accelerators = _accelerator_generators(cuda=cuda, xpu=xpu)
    return (*randomness.global_generators(), _torch_generator(torch.default_generator), *accelerators)


def _accelerator_generators(*, cuda: bool, xpu: bool) -> Iterator[RandomGenerator]:
    if cuda:
        yield from map(_torch_generator, torch.cuda.default_generators)
    if xpu:
        yield from map(_torch_generator, torch.xpu.default_generators)
    if torch.backends.mps.is_available():
        yield RandomGenerator(
            "mps", lambda: _bytes(torch.mps.get_rng_state()), lambda state: torch.mps.set_rng_state(_tensor(state))
        )


def _torch_generator(generator: torch.Generator) -> RandomGenerator:
    return RandomGenerator(
        f"torch {generator.device}",
        lambda: _bytes(generator.get_state()),
        lambda state: generator.set_state(_tensor(state)),
    )


def _bytes(state: Tensor) -> bytes:
    return state.numpy().tobytes()


def _tensor(state: bytes) -> Tensor:
    return torch.frombuffer(bytearray(state), dtype=torch.uint8)


def own_generator(value: object) -> RandomGenerator | None:
    """Return ``value`` as a :class:`RandomGenerator` if it is one of torch's, numpy's or Python's, or None."""
    return _torch_generator(value) if isinstance(value, torch.Generator) else randomness.own_generator(value)
