"""Random generators that a Keras training may draw from: those of Python, NumPy, Keras and PyTorch."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

import numpy as np

from lrfinder import randomness
from lrfinder.keras._framework import keras, torch_if_loaded
from lrfinder.randomness import RandomGenerator

if TYPE_CHECKING:
    from collections.abc import Iterator

_global_state: Any = importlib.import_module("keras.src.backend.common.global_state")  # no public module has it
_NAME = "global_seed_generator"


def global_generators() -> tuple[RandomGenerator, ...]:
    """Return every global generator that can be read; TensorFlow's own cannot."""
    of_keras = RandomGenerator("keras", _get_seed_generator, _set_seed_generator)
    return (*randomness.global_generators(), of_keras, *_torch_generators())


def has_seed_generator() -> bool:
    """Return whether Keras's global generator exists; the first draw from it creates it."""
    return _global_state.get_global_attribute(_NAME) is not None


def own_generator(value: object) -> RandomGenerator | None:
    """Return the generator that ``value`` is, if it is one of Python, NumPy, Keras or PyTorch."""
    if isinstance(value, keras.random.SeedGenerator):
        return RandomGenerator(repr(value), lambda: _bytes(value), lambda state: _set_bytes(value, state))
    torch = torch_if_loaded()
    if torch is not None and isinstance(value, torch.Generator):
        return _torch_generator(value)
    return randomness.own_generator(value)


def data_generators(data: object) -> tuple[RandomGenerator, ...]:
    """Return the generators that belong to the data: those of a data set, a PyTorch loader and its samplers."""
    inside = [keras.utils.PyDataset]
    torch = torch_if_loaded()
    if torch is not None:
        inside += [torch.utils.data.DataLoader, torch.utils.data.Dataset, torch.utils.data.Sampler]
    return randomness.data_generators(data, tuple(inside), own_generator)


def _get_seed_generator() -> tuple[Any, bytes] | None:
    generator = _global_state.get_global_attribute(_NAME)
    return None if generator is None else (generator, _bytes(generator))


def _set_seed_generator(state: tuple[Any, bytes] | None) -> None:
    _global_state.set_global_attribute(_NAME, None if state is None else state[0])
    if state is not None:
        _set_bytes(*state)


def _bytes(generator: Any) -> bytes:
    return keras.ops.convert_to_numpy(generator.state).tobytes()


def _set_bytes(generator: Any, state: bytes) -> None:
    generator.state.assign(np.frombuffer(state, dtype=generator.state.dtype))


def _torch_generators() -> Iterator[RandomGenerator]:
    """Yield PyTorch's global generators, on the CPU and on accelerators in use, as a DataLoader draws from them."""
    torch = torch_if_loaded()
    if torch is None:
        return
    yield _torch_generator(torch.default_generator)
    for accelerator in (torch.cuda, torch.xpu):
        if accelerator.is_initialized():  # a request for its generators would start one that is not
            yield from map(_torch_generator, accelerator.default_generators)


def _torch_generator(generator: Any) -> RandomGenerator:
    def restore(state: bytes) -> None:
        generator.set_state(torch_if_loaded().from_numpy(np.frombuffer(state, dtype=np.uint8).copy()))

    return RandomGenerator(f"torch {generator.device}", lambda: generator.get_state().numpy().tobytes(), restore)
