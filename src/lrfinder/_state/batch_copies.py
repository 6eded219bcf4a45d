"""Copies, sizes and digests of batches, through every container and object that a batch may be made of.

A framework package gives the copies of its own values, such as tensors. Everything else is copied here: arrays of numpy,
mappings, sequences, and objects by their attributes. What cannot be copied (an open file, a generator) passes as it is.
"""

from __future__ import annotations

import array
import copy
import sys
import zlib
from collections import deque
from types import MappingProxyType, ModuleType
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from lrfinder._state.attributes import attributes_of, has_slots, slots_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    Leaf = Callable[[Any], Any]

_ATOMS = frozenset({type(None), bool, int, float, complex, str, bytes, range, slice, type(Ellipsis), type(NotImplemented)})
_CONTAINERS = (dict, list, deque, bytearray, array.array, set, frozenset)  # the last four hold only what cannot change
_DEEPEST = 5  # containers within one another that are looked through for the number of examples
_DIGESTED_BYTES = 1 << 16  # of each end of an array

_Copies = dict[int, tuple[object, Any]]  # by its id each original, which keeps the id from being used again, and its copy


def copied(batch: Any, leaf: Leaf = lambda _: None) -> Any:
    """Return a copy of a batch that shares no memory with it.

    Args:
        batch: anything that data may return.
        leaf: returns the copy of a value that it knows, such as a tensor, and ``None`` for any other value.
    """
    return _copied(batch, leaf, {})


def examples_in(batch: Any, depth: int = _DEEPEST) -> int | None:
    """Return the length of the first axis of the first array in a batch; ``None`` where there is no array.

    Containers and objects are looked through, ``depth`` of them within one another.
    """
    shape = getattr(batch, "shape", None)
    if isinstance(shape, tuple):
        return int(shape[0]) if shape else None
    if type(batch) in _ATOMS or not depth:
        return None
    counts = (examples_in(part, depth - 1) for part in _parts(batch) or ())
    return next((count for count in counts if count is not None), None)


def _copied(value: Any, leaf: Leaf, copies: _Copies) -> Any:
    kind = type(value)
    if kind in _ATOMS:
        return value
    known = copies.get(id(value))
    if known is not None:
        return known[1]
    if kind is list or kind is tuple:
        new = kind([_copied(item, leaf, copies) for item in value])
    elif kind is dict:
        new = {key: _copied(item, leaf, copies) for key, item in value.items()}
    else:
        new = leaf(value)
        if new is None:
            return _copied_other(value, leaf, copies)
    copies[id(value)] = value, new
    return new


def _copied_other(value: Any, leaf: Leaf, copies: _Copies) -> Any:
    if isinstance(value, tuple):
        new = _copied_tuple(cast("tuple[Any, ...]", value), leaf, copies)
    elif isinstance(value, np.ndarray):
        new = _copied_array(cast("np.ndarray[Any, Any]", value), leaf, copies)
    else:
        return _copied_object(value, leaf, copies)
    copies[id(value)] = value, new
    return new


def _copied_tuple(value: tuple[Any, ...], leaf: Leaf, copies: _Copies) -> Any:
    kind, items = type(value), [_copied(item, leaf, copies) for item in value]
    try:
        new = tuple.__new__(kind, items)
    except TypeError:  # of C, such as torch.return_types
        return cast("Any", kind)(items)
    _copy_attributes(value, new, leaf, copies)
    return new


def _copied_array(value: np.ndarray[Any, Any], leaf: Leaf, copies: _Copies) -> np.ndarray[Any, Any]:
    new = value.copy(order="K")
    if value.dtype == object:
        for place, item in enumerate(value.flat):
            new.flat[place] = _copied(item, leaf, copies)
    return new


def _copied_object(value: Any, leaf: Leaf, copies: _Copies) -> Any:
    """Return a copy of an object or of a container that is not a plain one."""
    new = value
    if isinstance(value, MappingProxyType):
        new = MappingProxyType(_copied(dict(cast("dict[Any, Any]", value)), leaf, copies))
    elif _can_be_copied(value):
        try:
            new = copy.deepcopy(value) if hasattr(value, "__deepcopy__") else copy.copy(value)
        except Exception:  # noqa: BLE001  (an object that cannot be copied passes)
            new = value
    copies[id(value)] = value, new
    if new is value or hasattr(value, "__deepcopy__"):
        return new
    if isinstance(new, dict):
        for key, item in list(cast("dict[Any, Any]", new).items()):
            dict.__setitem__(cast("dict[Any, Any]", new), key, _copied(item, leaf, copies))
    elif isinstance(new, list):
        list.__setitem__(cast("list[Any]", new), slice(None), [_copied(item, leaf, copies) for item in new])
    elif isinstance(new, deque):
        items = [_copied(item, leaf, copies) for item in cast("deque[Any]", new)]
        new.clear()
        cast("deque[Any]", new).extend(items)
    _copy_attributes(new, new, leaf, copies)
    return new


def _can_be_copied(value: object) -> bool:
    """Return whether the value has contents; functions, classes, modules and other callables are no part of a batch."""
    if callable(value) or isinstance(value, ModuleType):
        return False
    return isinstance(value, _CONTAINERS) or hasattr(value, "__dict__") or has_slots(value)


def _copy_attributes(value: Any, new: Any, leaf: Leaf, copies: _Copies) -> None:
    """Write copies of the attributes of ``value`` to ``new``, past any ``__setattr__`` that would refuse them."""
    attributes = attributes_of(value)
    if attributes.dictionary is not None:
        new.__dict__.update({name: _copied(item, leaf, copies) for name, item in attributes.dictionary.items()})
    for name, item in attributes.slots.items():
        slots_of(type(value))[name].__set__(new, _copied(item, leaf, copies))


def nbytes(batch: object) -> int:
    """Return the bytes of a batch: of arrays by ``nbytes``, or ``size`` and ``dtype``; inside containers and objects too."""
    if type(batch) is list or type(batch) is tuple:  # of arrays, as most are: in a tenth of the time
        direct: list[Any] = [
            getattr(part, "nbytes", None)
            for part in cast("list[Any]", batch)
            if not (isinstance(part, np.ndarray) and part.dtype.hasobject)
        ]
        if len(direct) == len(batch) and set(map(type, direct)) == {int}:
            return sum(direct)
    sizes = ((value, _array_bytes(value)) for value in _values(batch))
    return sum(sys.getsizeof(value) if size is None else size for value, size in sizes)


def _array_bytes(value: object) -> int | None:
    """Return the size of an array of any framework, or ``None`` for another value."""
    size = getattr(value, "nbytes", None)
    if isinstance(size, int):
        return size
    count, dtype = getattr(value, "size", None), getattr(value, "dtype", None)
    return count * np.dtype(dtype).itemsize if isinstance(count, int) and dtype is not None else None


def digest(batch: object) -> int:
    """Return a number that changes when the batch does: its arrays, of large ones the ends, numbers and text."""
    total = 0
    for value in _values(batch):
        total = zlib.crc32(_content(value), total)
    return total


def _content(value: Any) -> bytes:
    if type(value) in _ATOMS:
        return repr(value).encode()
    read = getattr(value, "asnumpy", None) or getattr(value, "__array__", None)
    try:
        content = np.ascontiguousarray(cast("Any", read)()).reshape(-1).view(np.uint8)
    except Exception:  # noqa: BLE001  (not an array, or one of another device)
        return type(value).__name__.encode()
    ends = content if content.size <= 2 * _DIGESTED_BYTES else (content[:_DIGESTED_BYTES], content[-_DIGESTED_BYTES:])
    return str(content.size).encode() + b"".join(map(bytes, ends if isinstance(ends, tuple) else [ends]))


def _values(batch: object) -> Iterator[object]:
    """Yield the arrays and other values that the containers and objects of a batch hold."""
    pending, seen = [batch], set[int]()
    while pending:
        value = pending.pop()
        parts = None if type(value) in _ATOMS else _parts(value)
        if parts is None:
            yield value
        elif id(value) not in seen:
            seen.add(id(value))
            pending.extend(parts)


def _parts(value: Any) -> Iterable[object] | None:
    """Return what a container or object holds; ``None`` for an array and any other value that is not looked into."""
    if isinstance(value, np.ndarray):
        return list(value.flat) if value.dtype == object else None
    if _array_bytes(value) is not None:
        return None
    own = attributes_of(value).values()
    if isinstance(value, dict | MappingProxyType):
        return [*cast("dict[object, object]", value).values(), *own]
    if isinstance(value, list | tuple | deque):
        return [*cast("list[object]", value), *own]
    return own if own and _can_be_copied(value) else None
