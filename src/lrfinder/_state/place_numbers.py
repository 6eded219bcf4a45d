"""The numbers in lists and arrays, as far as they may be a place in the data: copied, compared, and written back.

A sampler may shuffle its index lists in place, or remove from them what it has given out. Such a change leaves identity and
often length as they are, so the numbers themselves are compared: all of them in containers of up to ``EXACT_NUMBERS``. Of
larger ones, a batch costs a look at some of them; all are compared where a pass starts, a state is taken, or restored.
"""

from __future__ import annotations

import array
import math
import operator
from collections import deque
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING, Any, NamedTuple, cast

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

EXACT_NUMBERS = 8_192
MOST_NUMBERS = 100_000
_SAMPLED = 64  # numbers of a larger container
_SAMPLED_CONTAINERS = 12  # of those in a larger one

PLAIN = frozenset({type(None), bool, int, float, str, bytes})
_CONTAINERS = (list, deque, set, dict, array.array, bytearray, tuple)


class ArrayKind(NamedTuple):
    """A class of arrays whose numbers can be part of the place in the data.

    Attributes:
        knows: returns whether a value is an array of this class.
        is_whole: returns whether an array holds whole numbers, which may be indices.
        copy: returns a copy.
        equal: returns whether two arrays are equal.
        shape: returns the lengths of the axes.
        write: writes a copy into an array.
    """

    knows: Callable[[Any], bool]
    is_whole: Callable[[Any], bool]
    copy: Callable[[Any], Any]
    equal: Callable[[Any, Any], bool]
    shape: Callable[[Any], tuple[int, ...]] = operator.attrgetter("shape")
    write: Callable[[Any, Any], object] = lambda array, copied: operator.setitem(array, ..., copied)


def _are_equal(one: np.ndarray[Any, Any], other: np.ndarray[Any, Any]) -> bool:
    if isinstance(one, np.ma.MaskedArray) and isinstance(other, np.ma.MaskedArray):  # which compares what it shows
        return np.array_equal(one.mask, other.mask) and _are_equal(one.data, other.data)
    return np.array_equal(one, other) or (one.shape == other.shape and one.tobytes() == other.tobytes())  # NaN is not itself


def _has_numbers(value: Any) -> bool:
    """Return whether a value is an array of numbers in memory, and not a map of a file."""
    is_map = isinstance(value, np.memmap)
    return isinstance(value, np.ndarray) and not is_map and value.dtype.kind in "biuf" and value.flags.writeable


NUMPY = ArrayKind(
    _has_numbers,
    lambda value: value.dtype.kind != "f",
    partial(np.array, copy=True, subok=True),  # a masked array without its mask would be written back without it
    _are_equal,
)


class Numbers:
    """The numbers in one container at one moment, in the containers and arrays inside it too."""

    def __init__(self, root: Any, pieces: list[tuple[Any, ArrayKind | None]], count: int) -> None:
        self.root = root
        self.count = count
        self._pieces = [(piece, _copy_of(piece, kind), kind) for piece, kind in pieces]
        self._arrays = [(piece, content, kind) for piece, content, kind in self._pieces if kind is not None]
        self._containers = [piece for piece, _, kind in self._pieces if kind is None]
        self._contents = [content for _, content, kind in self._pieces if kind is None]

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Numbers) or self.root is not other.root or len(self._pieces) != len(other._pieces):
            return False
        pairs = zip(self._pieces, other._pieces, strict=True)
        return all(one[0] is another[0] and _same(one[1], another[1], one[2]) for one, another in pairs)

    __hash__ = None  # type: ignore[assignment]

    def is_current(self) -> bool:
        """Return whether the container holds the same numbers now."""
        try:
            alike = all(map(operator.eq, self._containers, self._contents))
        except Exception:  # noqa: BLE001  (see _same)
            return False
        return alike and all(kind.equal(piece, content) for piece, content, kind in self._arrays)

    def seems_current(self) -> bool:
        """Return the same, of a large container from some of its numbers."""
        if self.count <= EXACT_NUMBERS:
            return self.is_current()
        step = max(1, len(self._pieces) // _SAMPLED_CONTAINERS)
        return all(_seems_same(piece, content, kind) for piece, content, kind in self._pieces[::step])

    def restore(self) -> None:
        for piece, content, kind in self._pieces:
            if not _same(piece, content, kind):
                kind.write(piece, content) if kind is not None else _write(piece, content)


class TooMany:
    """A container with more numbers than are copied, of which some show whether it changes."""

    def __init__(self, root: Any, kind: ArrayKind | None) -> None:
        self.root = root
        self._kind = kind
        self._shown = self._some()

    def __eq__(self, other: object) -> bool:
        return isinstance(other, TooMany) and self.root is other.root

    __hash__ = None  # type: ignore[assignment]

    def is_current(self) -> bool:
        return _same(self._shown[1], self._some()[1], self._kind) and self._shown[0] == len(self.root)

    seems_current = is_current

    def _some(self) -> tuple[int, Any]:
        count = len(self.root)
        can_be_cut = self._kind is not None or isinstance(self.root, list | array.array | bytearray)
        some = self.root[:: max(1, count // _SAMPLED)] if can_be_cut else []
        return count, _copy_of(some, self._kind)

    def restore(self) -> None:
        pass


def _copy_of(piece: Any, kind: ArrayKind | None) -> Any:
    return piece.copy() if kind is None and hasattr(piece, "copy") else piece[:] if kind is None else kind.copy(piece)


def _same(one: Any, other: Any, kind: ArrayKind | None) -> bool:
    if kind is not None:
        return kind.equal(one, other)
    try:
        return bool(one == other)
    except Exception:  # noqa: BLE001  (objects in it that differ, and do not compare)
        return False


def _seems_same(piece: Any, content: Any, kind: ArrayKind | None) -> bool:
    if kind is not None and len(kind.shape(piece)) == 0:
        return _same(piece, content, kind)
    count = len(content)
    if len(piece) != count or not count or isinstance(piece, deque | set | dict):
        return len(piece) == count
    step = max(1, count // _SAMPLED)
    return _same(piece[::step], content[::step], kind) and _same(piece[-1:], content[-1:], kind)


def _write(piece: Any, content: Any) -> None:
    if isinstance(piece, set | dict):
        piece.clear()
        piece.update(content)
    elif isinstance(piece, deque):
        cast("deque[Any]", piece).clear()
        cast("deque[Any]", piece).extend(content)
    else:
        piece[:] = content


def numbers_in(
    value: Any, kinds: Sequence[ArrayKind], *, nested: bool, all_arrays: bool = False
) -> Numbers | TooMany | None:
    """Return the numbers that a container or an array holds, ``None`` for another value.

    Args:
        value: the attribute.
        kinds: the arrays that count.
        nested: whether containers in containers count; those of a data set with an index often hold its samples.
        all_arrays: whether arrays of any shape count, also in dicts.
    """
    pieces: list[tuple[Any, ArrayKind | None]] = []
    pending: list[Any] = [value]
    seen, count = set[int](), 0
    while pending:
        one = pending.pop()
        kind = next((kind for kind in kinds if kind.knows(one)), None)
        counts = (all_arrays or _is_place(one, kind, within=one is not value)) if kind else _is_container(one)
        if id(one) in seen or not counts:
            continue
        seen.add(id(one))
        count += math.prod(kind.shape(one)) if kind else len(one)
        too_many = count > MOST_NUMBERS
        inner = [] if kind or isinstance(one, array.array | bytearray) else _objects_in(one, _SAMPLED if too_many else None)
        is_cache = isinstance(one, dict) and not (all_arrays or all(map(_is_container, inner)))
        if inner and (not nested or is_cache):
            continue  # or samples
        if not isinstance(one, tuple):
            pieces.append((one, kind))
        if too_many:
            return None if isinstance(value, tuple) or not pieces else TooMany(*pieces[0])
        pending.extend(inner)
    return Numbers(value, pieces, count) if pieces else None


def _is_place(value: Any, kind: ArrayKind, *, within: bool) -> bool:
    """Return whether an array may hold indices or weights; those within a container with more axes are samples."""
    most_axes = 2 - within if kind.is_whole(value) else 1 - within
    return within <= len(kind.shape(value)) <= most_axes


def _is_container(value: Any) -> bool:
    return isinstance(value, _CONTAINERS)


def _objects_in(container: Any, first: int | None) -> list[Any]:
    """Return what is not plain in a container, or in its ``first`` entries; almost all is plain, so types are compared."""
    values: Iterable[Any] = cast("dict[Any, Any]", container).values() if isinstance(container, dict) else container
    values = values if first is None else list(islice(values, first))
    return [] if PLAIN.issuperset(map(type, values)) else [value for value in values if type(value) not in PLAIN]
