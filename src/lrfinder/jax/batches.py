"""Batches on the device, many at a time, for a compiled loop."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple, cast

import jax
import jax.numpy as jnp
import numpy as np

from lrfinder._arguments import given, number
from lrfinder._state.batch_copies import examples_in
from lrfinder._state.data_calls import batches_from
from lrfinder._state.tensorflow_data import draws_ahead
from lrfinder.errors import BatchError, DataEndedError, DataError
from lrfinder.jax.held_arrays import data_generators
from lrfinder.randomness import global_generators
from lrfinder.replay import check_data, mapped, stream, unchanged

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from lrfinder.randomness import RandomGenerator

MAX_SLOTS = 64
"""The most batches of a stream on the device at once; ``device_bytes`` may allow fewer."""


class Slots(NamedTuple):
    """Batches in arrays with a leading axis; batch ``k`` is entry ``start + k``, modulo the length of that axis."""

    arrays: Any
    start: int
    length: int


class DataSource:
    """The data of a learner, and the bytes of batches that may be cached for replay and on the device."""

    def __init__(self, data: Any, replay_bytes: int, device_bytes: int) -> None:
        data = batches_from(data)
        check_data(data)
        for name, size in {"replay_bytes": replay_bytes, "device_bytes": device_bytes}.items():
            if not number(size) >= 0:
                message = f"{name} is {given(size)}; give a number of bytes, 0 or more."
                raise DataError(message)
        self.data, self.replay_bytes, self.device_bytes = data, replay_bytes, device_bytes
        self._of_data = data_generators(data)
        self.draws_ahead = draws_ahead(data)

    def generators(self) -> tuple[RandomGenerator, ...]:
        """Return every generator that drawing a batch may use: Python's, NumPy's, and those of the data."""
        return (*global_generators(), *self._of_data)

    def open(self) -> SlotStream:
        """Return a list of equal batches that fits on the device as one array there, all other data as a stream."""
        data = self.data
        if isinstance(data, jax.Array | np.ndarray) and data.ndim:
            data = list(cast("Iterable[Any]", data))
        if isinstance(data, list | tuple):
            data = [arrays_of(batch) for batch in cast("list[Any]", data)]
            are_equal = bool(data) and all(kind_of(batch) == kind_of(data[0]) for batch in data)
            if are_equal and sum(map(_bytes, data)) <= self.device_bytes:
                return _OnDevice(data)
        return _Streamed(data, self)


class _OnDevice:
    """A list of equal batches, copied to the device once."""

    def __init__(self, batches: Sequence[Any]) -> None:
        self._arrays = jax.tree.map(_stacked, *batches)
        self._examples = examples_in(batches[0])
        self._length = len(batches)
        self._index = 0

    def draw(self, at_most: int) -> Slots:
        slots = Slots(self._arrays, self._index % self._length, at_most)
        self._index += at_most
        return slots

    def examples(self) -> int | None:
        return self._examples

    def mark(self) -> int:
        return self._index

    def go(self, mark: int) -> None:
        self._index = mark

    def close(self) -> None:
        pass


class _Streamed:
    """Batches as they come, up to as many of one shape as there are slots."""

    def __init__(self, data: Any, source: DataSource) -> None:
        own = mapped(data, _own_arrays)  # which nobody changes: a compiled function cannot
        self._stream = stream(own, source.generators, source.replay_bytes, keep=unchanged, give=unchanged)
        self._device_bytes = source.device_bytes
        self._single: tuple[Any, Any] | None = None  # the kind of the last batch that came alone, and its slots
        self.mark, self.go, self.close = self._stream.mark, self._stream.go, self._stream.close
        self.examples = self._stream.examples

    def draw(self, at_most: int) -> Slots:
        batches = [self._stream.draw()]
        kind = kind_of(batches[0])
        slots = max(1, min(MAX_SLOTS, self._device_bytes // max(1, _bytes(batches[0]))))
        for _ in range(min(at_most, slots) - 1):
            mark = self._stream.mark()
            try:
                batch = self._stream.draw()
            except DataEndedError:  # raised again by the next draw
                break
            if kind_of(batch) != kind:
                self._stream.go(mark)
                break
            batches.append(batch)
        arrays = self._first_slot(batches[0], kind, slots) if len(batches) == 1 else _filled(batches, slots)
        return Slots(arrays, 0, len(batches))

    def _first_slot(self, batch: Any, kind: Any, slots: int) -> Any:
        """Return slots with the batch in the first; batches of one kind share them, as a transfer of all takes time."""
        if self._single is None or self._single[0] != kind:
            self._single = kind, _filled([batch], slots)
        else:
            self._single = kind, _with_first(self._single[1], batch)
        return self._single[1]


SlotStream = _OnDevice | _Streamed
"""A :class:`lrfinder.replay.Stream` whose ``draw(at_most)`` returns :class:`Slots` of 1 to ``at_most`` batches."""


def _own_arrays(batch: Any) -> Any:
    """Return the batch with arrays in memory of their own, as a loader may overwrite those of an earlier batch."""
    return jax.tree.map(lambda leaf: leaf if isinstance(leaf, jax.Array) else np.array(leaf), arrays_of(batch))


def arrays_of(batch: Any) -> Any:
    """Return the batch with arrays of NumPy or JAX as its leaves.

    Raises:
        BatchError: a leaf is neither a number nor an array of numbers.
    """
    return jax.tree_util.tree_map_with_path(_array, batch)


def _array(path: Any, leaf: Any) -> Any:
    if isinstance(leaf, jax.Array):
        return leaf
    array = np.asarray(leaf)
    if array.dtype.kind in "OSUmM":
        message = (
            f"A batch holds a {type(leaf).__name__} at batch{jax.tree_util.keystr(path)}, which is not an array of numbers; "
            "leave it out, for example in a generator that yields the rest."
        )
        raise BatchError(message)
    return array


def kind_of(tree: Any) -> Any:
    """Return the structure of a tree of arrays, and their shapes and dtypes."""
    leaves, structure = jax.tree.flatten(tree)
    return structure, [(leaf.shape, leaf.dtype) for leaf in leaves]


def _bytes(batch: Any) -> int:
    return sum(leaf.nbytes for leaf in jax.tree.leaves(batch))


def _filled(batches: Sequence[Any], slots: int) -> Any:
    """Return the batches in the first slots; the first batch fills the rest, which nobody reads."""
    return jax.tree.map(_stacked, *batches, *[batches[0]] * (slots - len(batches)))


def _stacked(*leaves: Any) -> jax.Array:
    if all(isinstance(leaf, jax.Array) for leaf in leaves):
        return cast("jax.Array", _stack(leaves))
    return jnp.asarray(np.stack(leaves))


_stack = jax.jit(jnp.stack)


@partial(jax.jit, donate_argnums=0)
def _with_first(slots: Any, batch: Any) -> Any:
    return jax.tree.map(lambda slot, leaf: slot.at[0].set(leaf), slots, batch)
