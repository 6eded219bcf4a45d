"""The generators that a Keras training may draw from: python's and numpy's, Keras's global one, PyTorch's."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

import numpy as np

from lrfinder import randomness
from lrfinder.keras._framework import keras, torch_if_loaded
from lrfinder.randomness import Generator, global_generators, own_generator

if TYPE_CHECKING:
    from collections.abc import Iterator

_global_state: Any = importlib.import_module("keras.src.backend.common.global_state")  # there is no public way to it
_NAME = "global_seed_generator"


def generators() -> tuple[Generator, ...]:
    """Every global generator that can be read; TensorFlow's own cannot."""
    return (*global_generators(), Generator("keras", _get_seed_generator, _set_seed_generator), *_of_torch())


def has_seed_generator() -> bool:
    """Whether Keras's global one exists; it is made where a number is first drawn from it."""
    return _global_state.get_global_attribute(_NAME) is not None


def _get_seed_generator() -> tuple[Any, bytes] | None:
    generator = _global_state.get_global_attribute(_NAME)
    return None if generator is None else (generator, _bytes(generator))


def _set_seed_generator(state: tuple[Any, bytes] | None) -> None:
    generator = None if state is None else state[0]
    _global_state.set_global_attribute(_NAME, generator)
    if state is not None:
        _set_bytes(*state)


def _bytes(generator: Any) -> bytes:
    return keras.ops.convert_to_numpy(generator.state).tobytes()


def _set_bytes(generator: Any, state: bytes) -> None:
    generator.state.assign(np.frombuffer(state, dtype=generator.state.dtype))


def _of_torch() -> Iterator[Generator]:
    """PyTorch's, on the CPU and on accelerators that are in use, wherever PyTorch is: a DataLoader draws from it."""
    torch = torch_if_loaded()
    if torch is None:
        return
    yield _torch_generator(torch.default_generator)
    for accelerator in (torch.cuda, torch.xpu):
        if accelerator.is_initialized():  # asking one that is not for its generators would start it
            yield from map(_torch_generator, accelerator.default_generators)


def _torch_generator(generator: Any) -> Generator:
    def put(state: bytes) -> None:
        generator.set_state(torch_if_loaded().from_numpy(np.frombuffer(state, dtype=np.uint8).copy()))

    return Generator(f"torch {generator.device}", lambda: generator.get_state().numpy().tobytes(), put)


def one_generator(value: object) -> Generator | None:
    """``value`` as a :class:`lrfinder.randomness.Generator`, if it is one of python, numpy, Keras or PyTorch."""
    if isinstance(value, keras.random.SeedGenerator):
        return Generator(repr(value), lambda: _bytes(value), lambda state: _set_bytes(value, state))
    torch = torch_if_loaded()
    if torch is not None and isinstance(value, torch.Generator):
        return _torch_generator(value)
    return own_generator(value)


def generators_of(data: object) -> tuple[Generator, ...]:
    """The generators that belong to the data: a data set's, a PyTorch loader's and its samplers'."""
    inside = [keras.utils.PyDataset]
    torch = torch_if_loaded()
    if torch is not None:
        of_torch = torch.utils.data
        inside += [of_torch.DataLoader, of_torch.Dataset, of_torch.Sampler]
    return randomness.generators_of(data, tuple(inside), one_generator)
