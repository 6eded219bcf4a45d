"""Generators of random numbers, and their states taken and put back: python's and numpy's; wings add their framework's."""

from __future__ import annotations

import random
from functools import cache, partial
from typing import TYPE_CHECKING, Any, NamedTuple, cast

import numpy as np

from lrfinder._state import mersenne_twister as glance
from lrfinder._state.rollback import put_back_all

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable


class Generator(NamedTuple):
    """One source of random numbers. ``get()`` gives its state, comparable with ``==``; ``set(state)`` puts it back."""

    name: str
    get: Callable[[], Any]
    set: Callable[[Any], object]


States = tuple[tuple[Generator, Any], ...]
"""Generators, each with the state it had."""


def capture(generators: Iterable[Generator]) -> States:
    """The present state of each generator."""
    return tuple([(generator, generator.get()) for generator in generators])  # at each batch, where a list is quicker


def put_back(states: States) -> None:
    """Give each generator the state it had.

    Raises:
        RestoreError: some refused; all others have theirs.
    """
    put_back_all((f"generator {generator.name}", partial(generator.set, state)) for generator, state in states)


def changed(states: States, others: States) -> States:
    """Those of ``states`` that differ from ``others``, two captures of the same generators."""
    pairs = zip(states, others, strict=True)  # mostly the very same object: what has not moved was not read again
    return tuple([one for one, other in pairs if one[1] is not other[1] and one[1] != other[1]])


@cache
def global_generators() -> tuple[Generator, ...]:
    """Python's and numpy's global generators."""
    python: random.Random = random.getstate.__self__  # pyright: ignore[reportFunctionMemberAccess]  (a bound method)
    numpy: np.random.RandomState = np.random.get_state.__self__  # pyright: ignore[reportFunctionMemberAccess]
    return (
        Generator("python", glance.of_python(python, random.getstate), random.setstate),
        Generator("numpy", glance.of_numpy(numpy, _numpy_state), _set_numpy_state),
    )


def own_generator(value: object) -> Generator | None:
    """``value`` as a :class:`Generator`, where it is one of python's or numpy's: somebody's own, in an attribute say."""
    if isinstance(value, random.Random):
        return Generator(repr(value), glance.of_python(value, value.getstate), value.setstate)
    if isinstance(value, np.random.Generator):
        bits = value.bit_generator
        return Generator(repr(value), lambda: _packed(bits.state), lambda state: setattr(bits, "state", _unpacked(state)))
    if isinstance(value, np.random.RandomState):
        read = glance.of_numpy(value, lambda: _packed(value.get_state(legacy=False)))
        return Generator(repr(value), read, lambda state: value.set_state(_unpacked(state)))
    return None


def generators_of(
    data: object, inside: tuple[type, ...], own: Callable[[object], Generator | None] = own_generator
) -> tuple[Generator, ...]:
    """The generators that belong to the data: found among its attributes and those of every object of a type ``inside``.

    ``own`` gives the generator that a value is, if it is one.
    """
    found: list[Generator] = []
    seen: set[int] = set()
    pending = [data]
    while pending:
        value = pending.pop()
        if id(value) in seen:
            continue
        seen.add(id(value))
        generator = own(value)
        if generator is not None:
            found.append(generator)
        elif value is data or isinstance(value, inside):
            pending.extend(getattr(value, "__dict__", {}).values())
    return tuple(found)


class _Array(NamedTuple):
    """An array that compares to one truth value."""

    dtype: str
    shape: tuple[int, ...]
    content: bytes


def _numpy_state() -> object:
    return _packed(np.random.get_state(legacy=False))  # noqa: NPY002  (the user's code may draw from the legacy generator)


def _set_numpy_state(state: object) -> None:
    np.random.set_state(_unpacked(state))  # noqa: NPY002  (as above)


def _packed(state: object) -> object:
    """The dictionary that numpy gives for a state, without its arrays: those do not compare to one truth value."""
    if isinstance(state, dict):
        return {key: _packed(value) for key, value in cast("dict[str, object]", state).items()}
    if isinstance(state, np.ndarray):
        array = cast("np.ndarray[Any, Any]", state)
        return _Array(array.dtype.str, array.shape, array.tobytes())
    return state


def _unpacked(state: object) -> Any:
    if isinstance(state, dict):
        return {key: _unpacked(value) for key, value in cast("dict[str, object]", state).items()}
    if isinstance(state, _Array):
        return np.frombuffer(state.content, state.dtype).reshape(state.shape)
    return state
