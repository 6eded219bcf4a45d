"""Small arrays that objects and containers of the data hold, such as the key that a loader splits to shuffle.

Arrays of JAX never change, so a loader keeps its place by holding others. Keys, counts and small trees of them are held
in states, and put back. Large arrays hold samples.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, cast

import jax
import numpy as np

from lrfinder import randomness
from lrfinder._state import tensorflow_data
from lrfinder._state.attributes import attributes_of, is_entered, slots_of
from lrfinder.randomness import RandomGenerator

if TYPE_CHECKING:
    from collections.abc import Iterator

MOST_BYTES = 4096  # of what one attribute or entry holds
_MOST_ENTRIES = 1000  # of a container; a longer one holds samples
_FRAMEWORKS = frozenset({"jax", "jaxlib", "optax"})


class HeldArrays:
    """The small arrays that an object holds in its attributes, or a list or dict in its entries."""

    def __init__(self, owner: Any) -> None:
        self.owner = owner
        self._last: tuple[dict[Any, object], Held] | None = None

    def get(self) -> Held:
        """Return what is held at present."""
        values = _values(self.owner)
        if self._last is None or not _are_same(self._last[0], values):
            self._last = values, Held({key: value for key, value in values.items() if is_small(value)})
        return self._last[1]

    def set(self, state: Held) -> None:
        """Put back what was held, in the places where it was."""
        now = _values(self.owner)
        for key, value in state.values.items():
            if now.get(key) is not value:
                _write(self.owner, key, value)


class Held:
    """Values by their attributes or places; equal to another where these are the same objects."""

    def __init__(self, values: dict[Any, object]) -> None:
        self.values = values

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Held) and _are_same(self.values, other.values)

    __hash__ = None  # type: ignore[assignment]


def own_generator(value: object) -> RandomGenerator | None:
    """Return the generator that ``value`` is: of Python, of numpy, or the small arrays that something holds."""
    if isinstance(value, HeldArrays):
        return RandomGenerator(f"arrays of {type(value.owner).__name__}", value.get, value.set)
    return randomness.own_generator(value) or tensorflow_data.variable_generator(value)


def leads_to(value: object) -> Iterator[tuple[str, object]]:
    """Yield the small arrays that a value holds, if it does, and what a data set of TensorFlow leads to."""
    if any(map(is_small, _values(value).values())):
        yield "", HeldArrays(value)
    yield from tensorflow_data.leads_to(value)


def is_small(value: object) -> bool:
    """Return whether a value is a small array of JAX, or a tree of such arrays and numbers that is replaced as a whole."""
    if isinstance(value, jax.Array):
        return value.nbytes <= MOST_BYTES
    if value is None or isinstance(value, list | dict | int | float | str | bytes | np.ndarray):
        return False
    leaves = jax.tree.leaves(value)
    if not all(isinstance(leaf, jax.Array | int | float) for leaf in leaves):
        return False
    arrays = [leaf for leaf in leaves if isinstance(leaf, jax.Array)]
    return bool(arrays) and sum(array.nbytes for array in arrays) <= MOST_BYTES


def _values(owner: Any) -> dict[Any, object]:
    if type(owner) in {dict, list} and len(owner) > _MOST_ENTRIES:
        return {}
    if type(owner) is dict:
        return dict(cast("dict[Any, object]", owner))
    if type(owner) is list:
        return dict(enumerate(cast("list[object]", owner)))
    if not is_entered(type(owner), _FRAMEWORKS):
        return {}
    attributes = attributes_of(owner)
    return {**(attributes.dictionary or {}), **attributes.slots}


def _write(owner: Any, key: Any, value: object) -> None:
    if type(owner) is dict or type(owner) is list:
        if type(owner) is dict or key < len(owner):
            owner[key] = value
        return
    attributes = attributes_of(owner)
    if attributes.dictionary is not None and key not in slots_of(type(owner)):
        attributes.dictionary[key] = value
    else:
        slots_of(type(owner))[key].__set__(owner, value)


def _are_same(one: dict[Any, object], other: dict[Any, object]) -> bool:
    return one.keys() == other.keys() and all(one[key] is other[key] for key in one)


data_generators = partial(randomness.data_generators, inside=(), own=own_generator, leads_to=leads_to)
