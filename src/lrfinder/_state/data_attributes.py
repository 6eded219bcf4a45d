"""The place in the data as attributes hold it: counters, and the numbers in lists and arrays of samplers.

A sampler may shuffle its index lists in place, or remove from them what it has given out. Such a change leaves identity and
often length as they are, so the numbers themselves are compared: all of them in containers of up to ``EXACT_NUMBERS``. Of
larger ones, a batch costs a look at some of them; all are compared where a pass starts, a state is taken, or restored.
"""

from __future__ import annotations

import array
import math
import operator
import warnings
from collections import deque
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple, cast

import numpy as np

from lrfinder._state.rollback import restore_all
from lrfinder.errors import LRFinderWarning

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

EXACT_NUMBERS = 8_192
MOST_NUMBERS = 100_000
_SAMPLED = 64  # of a larger container

_PLAIN = frozenset({type(None), bool, int, float, str, bytes})
_CONTAINERS = (list, deque, set, dict, array.array, bytearray, tuple)
_OPAQUE = object()
_LEFT_ALONE = {"_iterator"}  # of a loader: a pass that other users have open, and will close
_DATA_SETS = {"dataset", "_dataset", "data_source"}  # a list or an array there holds the samples themselves


class ArrayKind(NamedTuple):
    """A class of arrays whose numbers can be part of the place in the data.

    Attributes:
        knows: returns whether a value is an array of this class.
        is_whole: returns whether an array holds whole numbers, which may be indices.
        copy: returns a copy.
        equal: returns whether two arrays are equal.
    """

    knows: Callable[[Any], bool]
    is_whole: Callable[[Any], bool]
    copy: Callable[[Any], Any]
    equal: Callable[[Any, Any], bool]


def _are_equal(one: np.ndarray[Any, Any], other: np.ndarray[Any, Any]) -> bool:
    return np.array_equal(one, other) or (one.shape == other.shape and one.tobytes() == other.tobytes())  # NaN is not itself


NUMPY = ArrayKind(
    lambda value: isinstance(value, np.ndarray) and value.dtype.kind in "biuf" and value.flags.writeable,
    lambda value: value.dtype.kind != "f",
    partial(np.array, copy=True),
    _are_equal,
)


class _Numbers:
    """The numbers in one container at one moment, in the containers and arrays inside it too."""

    def __init__(self, root: Any, pieces: list[tuple[Any, ArrayKind | None]], count: int) -> None:
        self.root = root
        self.count = count
        self._pieces = [(piece, _copy_of(piece, kind), kind) for piece, kind in pieces]

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, _Numbers) or self.root is not other.root or len(self._pieces) != len(other._pieces):
            return False
        pairs = zip(self._pieces, other._pieces, strict=True)
        return all(one[0] is another[0] and _same(one[1], another[1], one[2]) for one, another in pairs)

    __hash__ = None  # type: ignore[assignment]

    def is_current(self) -> bool:
        """Return whether the container holds the same numbers now."""
        return all(_same(piece, content, kind) for piece, content, kind in self._pieces)

    def seems_current(self) -> bool:
        """Return the same, of a large container from some of its numbers."""
        if self.count <= EXACT_NUMBERS:
            return self.is_current()
        step = max(1, len(self._pieces) // _SAMPLED)
        return all(_seems_same(piece, content, kind) for piece, content, kind in self._pieces[::step])

    def restore(self) -> None:
        for piece, content, kind in self._pieces:
            if not _same(piece, content, kind):
                _write(piece, content)


class _TooMany:
    """A container with more numbers than are copied, of which some show whether it changes."""

    def __init__(self, root: Any, kind: ArrayKind | None) -> None:
        self.root = root
        self._kind = kind
        self._shown = self._some()

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _TooMany) and self.root is other.root

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
        piece[... if hasattr(piece, "shape") else slice(None)] = content


def _numbers(value: Any, kinds: Sequence[ArrayKind], *, nested: bool) -> _Numbers | _TooMany | None:
    """Return the numbers that a container or an array holds, ``None`` for another value.

    Args:
        value: the attribute.
        kinds: the arrays that count.
        nested: whether containers in containers count; those of a data set with an index often hold its samples.
    """
    pieces: list[tuple[Any, ArrayKind | None]] = []
    pending: list[Any] = [value]
    seen, count = set[int](), 0
    while pending:
        one = pending.pop()
        kind = next((kind for kind in kinds if kind.knows(one)), None)
        counts = _is_place(one, kind, within=one is not value) if kind else _is_container(one)
        if id(one) in seen or not counts:
            continue
        seen.add(id(one))
        inner = [] if kind or isinstance(one, array.array | bytearray) else _objects_in(one)
        if inner and (not nested or (isinstance(one, dict) and not all(map(_is_container, inner)))):
            continue  # samples, or a cache of them
        if not isinstance(one, tuple):
            pieces.append((one, kind))
        count += math.prod(getattr(one, "shape", None) or (len(one),))
        if count > MOST_NUMBERS:
            return None if isinstance(value, tuple) else _TooMany(*pieces[0])
        pending.extend(inner)
    return _Numbers(value, pieces, count) if pieces else None


def _is_place(value: Any, kind: ArrayKind, *, within: bool) -> bool:
    """Return whether an array may hold indices or weights; those within a container with more axes are samples."""
    most_axes = 2 - within if kind.is_whole(value) else 1 - within
    return 1 <= len(value.shape) <= most_axes


def _is_container(value: Any) -> bool:
    return isinstance(value, _CONTAINERS)


def _objects_in(container: Any) -> list[Any]:
    """Return what is not plain in a container, whose types are compared first, as almost all are numbers."""
    values: Iterable[Any] = cast("dict[Any, Any]", container).values() if isinstance(container, dict) else container
    return [] if _PLAIN.issuperset(map(type, values)) else [value for value in values if type(value) not in _PLAIN]


class DataAttributes:
    """The plain attributes of loaders, samplers and data sets, and the numbers in their containers.

    Args:
        owners: the objects, each with whether containers in its containers count.
        kinds: the arrays that count.
    """

    def __init__(self, owners: Sequence[tuple[Any, bool]], kinds: Sequence[ArrayKind]) -> None:
        self._owners, self._kinds = owners, kinds
        self.name = f"attributes of {', '.join(type(owner).__name__ for owner, _ in owners)}"
        self._last: tuple[list[str], list[object], list[_Numbers | _TooMany], list[dict[str, object]]] | None = None
        self._reported: set[tuple[int, str]] = set()

    def get(self) -> list[dict[str, object]]:
        """Return the present state."""
        return self._read(operator.methodcaller("is_current"))

    def glance(self) -> list[dict[str, object]]:
        """Return the state as far as a cheap look shows it."""
        return self._read(operator.methodcaller("seems_current"))

    def set(self, state: list[dict[str, object]]) -> None:
        """Restore a state: the attributes, and the numbers in the same containers."""
        pieces = zip(self._owners, state, strict=True)
        restore_all((f"attributes of {type(one).__name__}", partial(_restore, one, values)) for (one, _), values in pieces)

    def _read(self, is_current: Callable[[Any], bool]) -> list[dict[str, object]]:
        names: list[str] = []
        values: list[object] = []
        for owner, _ in self._owners:
            attributes = vars(owner)
            if attributes.get("_iterator") is not None:
                attributes = dict(_attributes(owner))
            names += attributes
            values += attributes.values()
        last = self._last
        if last is not None and last[0] == names and all(map(operator.is_, last[1], values)):
            changed = [numbers for numbers in last[2] if not is_current(numbers)]
            if not changed:
                return last[3]
            self._report(changed)
        state = [self._state_of(owner, nested=nested) for owner, nested in self._owners]
        numbers = [value for one in state for value in one.values() if isinstance(value, _Numbers | _TooMany)]
        self._last = names, values, numbers, state
        return state

    def _state_of(self, owner: Any, *, nested: bool) -> dict[str, object]:
        return {name: self._value(name, value, nested=nested) for name, value in _attributes(owner)}

    def _value(self, name: str, value: object, *, nested: bool) -> object:
        if type(value) in _PLAIN or isinstance(value, int | float | str | bytes | np.generic):
            return value
        numbers = None if name in _DATA_SETS else _numbers(value, self._kinds, nested=nested)
        return _OPAQUE if numbers is None else numbers

    def _report(self, changed: list[_Numbers | _TooMany]) -> None:
        """Warn once of each container that changes and is too large to be restored."""
        for numbers in changed:
            if isinstance(numbers, _TooMany):
                self._report_one(numbers.root)

    def _report_one(self, root: Any) -> None:
        names = ((owner, name) for owner, _ in self._owners for name, value in _attributes(owner) if value is root)
        for owner, name in names:
            if (id(owner), name) not in self._reported:
                self._reported.add((id(owner), name))
                message = (
                    f"{type(owner).__name__}.{name} changes as batches are drawn, and holds {len(root):,} entries with more "
                    f"than {MOST_NUMBERS:,} numbers, which are not restored: batches after a search may be others. Give the "
                    "sampler a generator to shuffle with at the start of each pass, in a new list."
                )
                warnings.warn(message, LRFinderWarning, stacklevel=2)


def _attributes(owner: Any) -> Iterator[tuple[str, object]]:
    return ((name, value) for name, value in vars(owner).items() if name not in _LEFT_ALONE)


def _restore(owner: Any, state: dict[str, object]) -> None:
    now = vars(owner)
    for name in now.keys() - state.keys() - _LEFT_ALONE:
        del now[name]
    for name, value in state.items():
        if isinstance(value, _Numbers | _TooMany):
            now[name] = value.root
            value.restore()
        elif value is not _OPAQUE:
            now[name] = value
