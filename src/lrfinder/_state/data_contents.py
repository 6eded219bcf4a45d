"""Containers and small arrays of data sets, which a training may write to, or where a data set stores random samples.

A container is copied without what its entries hold: that costs a reference for each. A small array is copied as a whole. Of
a larger one, some numbers are compared, and a warning names it if they change.
"""

from __future__ import annotations

import warnings
from collections import deque
from typing import TYPE_CHECKING, Any, NamedTuple
from weakref import ProxyTypes

from lrfinder._state.attributes import attributes_of
from lrfinder._state.data_owners import LEFT_ALONE
from lrfinder._state.nodes import MUTABLE_CONTAINERS, SavedContents, items
from lrfinder._state.rollback import restore_all
from lrfinder.errors import LRFinderWarning

if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Iterator, Sequence

    from lrfinder._state.place_numbers import ArrayKind
    from lrfinder.randomness import RandomGenerator

MOST_ENTRIES = 2_000_000  # of all containers that are copied
MOST_ARRAY_BYTES = 1 << 22  # of an array that is copied
MOST_BYTES = 1 << 24  # of all of them
_MOST_SEARCHED = 1_000  # entries of a container that is searched for others; a longer one holds samples
_MOST_WITH_ARRAYS = 100  # entries of one whose arrays count
_MOST_VISITED = 10_000
_SAMPLED_ROWS = 256
_SAMPLED_COLUMNS = 16  # along all further axes together


class Held(NamedTuple):
    """A container or an array that an attribute leads to: its name, itself, and the kind of an array."""

    name: str
    value: Any
    kind: ArrayKind | None


class _Contents:
    """Containers and arrays at one moment. All are equal: a reading of a batch is not asked whether it changed them."""

    def __init__(self, bindings: Sequence[tuple[dict[str, Any], str, Any]], pieces: Sequence[_Piece]) -> None:
        self.bindings, self.pieces = bindings, pieces

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Contents)

    __hash__ = None  # type: ignore[assignment]


class _Piece(NamedTuple):
    """A held value and its copy, which restores it; of a large array some of its numbers instead."""

    held: Held
    copy: SavedContents | _SavedArray | None
    shown: Any = None


class _SavedArray:
    """A copy of a small array; a call writes it back."""

    def __init__(self, held: Held, copied: Any) -> None:
        assert held.kind is not None
        self._array, self._kind, self._copied = held.value, held.kind, copied

    def __call__(self) -> None:
        if not self.is_current():
            self._kind.write(self._array, self._copied)

    def is_current(self) -> bool:
        return _are_equal(self._array, self._copied, self._kind)


class DataContents:
    """The containers and arrays of data sets, and of objects that make batches.

    A restore puts back what was there at the snapshot. Replayed batches come from memory, and add nothing to what a data set
    stores. So before the next new batch is drawn, what earlier drawings had stored comes back as well. What others write to
    stays as it is: what the training leads to, of which :meth:`claim` is told, and what is no longer as a restore left it.

    Args:
        holders: the objects; the containers and arrays in their attributes count.
        loose: further containers, by name.
        kinds: the arrays that count.
    """

    def __init__(self, holders: Sequence[object], loose: Sequence[tuple[str, object]], kinds: Sequence[ArrayKind]) -> None:
        self.name = f"contents of {', '.join(dict.fromkeys(type(one).__name__ for one in holders))}"
        self._holders, self._loose, self._kinds = holders, loose, kinds
        self._copies: dict[int, tuple[Any, Any]] = {}  # arrays by their ids, each with its last copy
        self._nothing = _Contents((), ())
        self._claimed: set[int] = set()
        self._has_drawn = False  # since the last restore
        self._ahead: _Contents | None = None  # what was held when the last new batch had been drawn
        self._restored = self._nothing  # what the last restore put back, while something is ahead
        self._reported: set[str] = set()

    def get(self) -> _Contents:
        """Return what is held now."""
        self._leave_written()
        pieces: list[_Piece] = []
        copies, free, free_entries = self._copies, MOST_BYTES, MOST_ENTRIES
        self._copies = {}
        for held in self._held():
            if held.kind is None:
                is_short = len(held.value) <= free_entries
                free_entries -= len(held.value) if is_short else 0
                copy, shown = (SavedContents(held.value), None) if is_short else (None, _ends(held.value))
                pieces.append(_Piece(held, copy, shown))
                continue
            is_small = held.value.nbytes <= min(free, MOST_ARRAY_BYTES)
            free -= held.value.nbytes if is_small else 0
            shown = held.value if is_small else _sample(held.value, held.kind)
            before = copies.get(id(held.value), (None, None))
            is_known = before[0] is held.value and _are_equal(before[1], shown, held.kind)
            copied = before[1] if is_known else held.kind.copy(shown)
            self._copies[id(held.value)] = held.value, copied
            pieces.append(_Piece(held, _SavedArray(held, copied)) if is_small else _Piece(held, None, copied))
        return _Contents(self._bindings(), pieces)

    def glance(self) -> _Contents:
        """Note that a new batch is about to be drawn, or was."""
        self._has_drawn = True
        if self._ahead is not None:
            self._leave_written()
            ahead = self._ahead
            self.forget_ahead()
            _restore(ahead, self._claimed)
        return self._nothing

    def set(self, state: _Contents) -> None:
        """Restore what was held."""
        if self._has_drawn:
            self._ahead, self._has_drawn = self.get(), False
        _restore(state, ())
        self._restored = self._nothing if self._ahead is None else state
        for held, _, shown in state.pieces:
            if shown is not None and id(held.value) not in self._claimed and held.name not in self._reported:
                self._compare(held, shown)

    def forget_ahead(self) -> None:
        """Release what drawings had stored before the last restore."""
        self._ahead, self._restored = None, self._nothing

    def claim(self, visited: Container[int]) -> None:
        """Note the ids of what the training itself leads to, which a snapshot copies and the training may write to."""
        self._claimed = {id(held.value) for held in self._held() if id(held.value) in visited}

    def _leave_written(self) -> None:
        """Drop from what is ahead all that others have written to since the restore."""
        if self._ahead is None:
            return
        bound = {(id(space), name): value for space, name, value in self._restored.bindings}
        written = {id(one.held.value) for one in self._restored.pieces if one.copy is not None and not one.copy.is_current()}
        self._ahead = _Contents(
            [one for one in self._ahead.bindings if not _is_rebound(*one[:2], bound)],
            [one for one in self._ahead.pieces if id(one.held.value) not in written],
        )

    def _compare(self, held: Held, shown: Any) -> None:
        kind, value = held.kind, held.value
        is_same = shown == _ends(value) if kind is None else _are_equal(shown, _sample(value, kind), kind)
        if not is_same:
            self._reported.add(held.name)
            size = f"{len(value):,} entries" if kind is None else f"{value.nbytes:,} bytes"
            message = (
                f"{held.name} was written to during a search, and is not restored: it holds {size}. If the training reads "
                "what was written, list the data set in stateful."
            )
            warnings.warn(message, LRFinderWarning, stacklevel=2)

    def _bindings(self) -> list[tuple[dict[str, Any], str, Any]]:
        """Return the attributes that are bound to containers."""
        spaces = [attributes_of(one).dictionary or {} for one in self._holders]
        return [(space, name, one) for space in spaces for name, one in space.items() if _is_mutable(one)]

    def _held(self) -> Iterator[Held]:
        """Yield each container and each array once."""
        seen = set[int]()
        pending = self._roots()[::-1]
        while pending and len(seen) < _MOST_VISITED:
            name, value = pending.pop()
            if id(value) in seen or type(value) in ProxyTypes:
                continue
            kind = next((kind for kind in self._kinds if kind.knows(value)), None)
            if kind is None and not isinstance(value, tuple) and not _is_mutable(value):
                continue
            seen.add(id(value))
            if kind is not None or not isinstance(value, tuple):
                yield Held(name, value, kind)
            if kind is None and len(value) <= _MOST_SEARCHED:
                with_arrays = len(value) <= _MOST_WITH_ARRAYS
                inside = [one for one in items(value) if with_arrays or isinstance(one, list | dict | set | tuple)]
                pending += [(name, one) for one in inside]

    def _roots(self) -> list[tuple[str, Any]]:
        owned = [(type(one).__name__, attributes_of(one)) for one in self._holders]
        named = [
            (f"{kind}.{name}", value)
            for kind, attributes in owned
            for name, value in [*(attributes.dictionary or {}).items(), *attributes.slots.items()]
            if name not in LEFT_ALONE
        ]
        return [*named, *self._loose]


def contents_among(generators: Iterable[RandomGenerator]) -> Iterator[DataContents]:
    """Return the contents of data among generators, whose states they give."""
    owners = (getattr(generator.get, "__self__", None) for generator in generators)
    return (one for one in owners if isinstance(one, DataContents))


def _is_mutable(value: Any) -> bool:
    return type(value) not in ProxyTypes and isinstance(value, MUTABLE_CONTAINERS)


def _ends(container: Any) -> tuple[int, list[int]]:
    """Return how many entries a large container holds, and which are first and last where it has an order."""
    is_ordered = isinstance(container, list | deque) and len(container) > 0
    return len(container), [id(container[0]), id(container[-1])] if is_ordered else []


def _restore(state: _Contents, claimed: Container[int]) -> None:
    for space, name, value in state.bindings:
        if id(value) not in claimed and space.get(name) is not value:
            space[name] = value
    pieces = [(one.held, one.copy) for one in state.pieces if id(one.held.value) not in claimed]
    restore_all((held.name, copy) for held, copy in pieces if copy is not None)


def _is_rebound(space: dict[str, Any], name: str, bound: dict[tuple[int, str], Any]) -> bool:
    """Return whether an attribute was bound to another value, or to a container where it had none."""
    before, now = bound.get((id(space), name)), space.get(name)
    return now is not before and (before is not None or _is_mutable(now))


def _are_equal(one: Any, other: Any, kind: ArrayKind) -> bool:
    return tuple(kind.shape(one)) == tuple(kind.shape(other)) and kind.equal(one, other)


def _sample(array: Any, kind: ArrayKind) -> Any:
    """Return some of the numbers of a large array, without a copy."""
    shape = kind.shape(array)
    along = round(_SAMPLED_COLUMNS ** (1 / max(1, len(shape) - 1)))
    most = [_SAMPLED_ROWS, *[along] * (len(shape) - 1)]
    return array[tuple([slice(None, None, max(1, -(-length // count))) for length, count in zip(shape, most, strict=False)])]
