"""Values that every walk knows: containers, arrays of numpy, and the attributes of objects of any class."""

from __future__ import annotations

import copy
import operator
import weakref
from array import array
from collections import OrderedDict, deque
from functools import partial
from itertools import chain
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple, cast

import numpy as np

from lrfinder._state.attributes import attributes_of, has_slots, restore_attributes, restore_dictionary
from lrfinder._state.shared_values import SHARED

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

PASSED_OVER = {type(None), bool, int, float, complex, str, bytes, *weakref.ProxyTypes, weakref.ReferenceType}
MUTABLE_CONTAINERS = (dict, list, set, deque)
PLAIN_CONTAINERS = {dict, OrderedDict, list, set, deque}
_IMMUTABLE_CONTAINERS = (tuple, frozenset)
CONTAINERS = (*MUTABLE_CONTAINERS, *_IMMUTABLE_CONTAINERS)


class Node(NamedTuple):
    """The function that restores one value itself, if it needs one, and the values to visit next.

    The keys of ``children`` name these in errors, if it is a dict.
    """

    restore: Callable[[], object] | None = None
    children: Iterable[object] = ()


def builtin_node(value: object) -> Node | None:
    """Return the node of a container, an array or a shared value, with the attributes of subclasses; None for others."""
    kind = type(value)
    if kind in PLAIN_CONTAINERS:
        return _container(value, kind)
    if isinstance(value, MUTABLE_CONTAINERS):
        base = _base_of(kind)
        contents, attributes = _container(value, base), object_node(value)
        restores = [one.restore for one in (contents, attributes) if one.restore is not None]
        return Node(partial(_call_all, restores), [contents.children, *attributes.children])
    if isinstance(value, _IMMUTABLE_CONTAINERS):
        held = dict(enumerate(cast("tuple[object, ...]", value)))
        return Node(children=held if kind in _IMMUTABLE_CONTAINERS else [held, *object_node(value).children])
    if isinstance(value, MappingProxyType):
        return Node(children=dict(cast("MappingProxyType[object, object]", value)))
    return _array(value)


def object_node(value: object) -> Node:
    """Return the node of an object: its attributes, or its ``state_dict()`` if it has none."""
    attributes = attributes_of(value)
    if attributes.dictionary is not None and not has_slots(value):
        return Node(partial(restore_dictionary, value, attributes.dictionary), [attributes.dictionary])
    if attributes.dictionary is None and not attributes.slots and has_state_dict(value):
        loading: Any = value
        state = copy.deepcopy(loading.state_dict())
        return Node(lambda: loading.load_state_dict(copy.deepcopy(state)))
    inside = [] if attributes.dictionary is None else [attributes.dictionary]
    return Node(partial(restore_attributes, value, attributes), [*inside, attributes.slots])


def items(value: object) -> Iterable[object]:
    """Return what a container holds, the values of a dict; nothing for other values."""
    if isinstance(value, MappingProxyType):
        return cast("MappingProxyType[object, object]", value).values()
    if isinstance(value, dict):
        return dict.values(cast("dict[object, object]", value))
    for base in CONTAINERS:  # whose methods a subclass may have replaced
        if isinstance(value, base):
            return list(cast("Any", base).__iter__(value))
    return ()


def keys(value: object) -> list[object]:
    """Return the keys of a dict that may hold state: neither plain ones nor tuples of these."""
    if not isinstance(value, dict):
        return []
    return [key for key in dict.keys(cast("dict[object, object]", value)) if not _is_plain(key)]


def _is_plain(key: object) -> bool:
    return type(key) in PASSED_OVER or (type(key) is tuple and PASSED_OVER.issuperset(map(type, key)))


def has_state_dict(value: object) -> bool:
    """Return whether the class of an object gives and loads its state."""
    return hasattr(type(value), "state_dict") and hasattr(type(value), "load_state_dict")


def is_iterator(value: object) -> bool:
    """Return whether a value is an iterator, and not a file or a cursor, which are read from any place."""
    kind = type(value)
    if not hasattr(kind, "__next__") or kind.__module__.startswith("unittest"):
        return False
    return not (hasattr(kind, "seek") or hasattr(kind, "execute"))


def _call_all(functions: list[Callable[[], object]]) -> None:
    for function in functions:
        function()


class SavedContents:
    """The entries of a mutable container; a call puts them back."""

    def __init__(self, container: Any) -> None:
        self._container, self._base = container, _base_of(type(container))
        self._contents = _copy_of(container, self._base)

    def __call__(self) -> None:
        """Put the entries back."""
        _restore_contents(self._container, self._contents, self._base)

    def is_current(self) -> bool:
        """Return whether the container holds the very same entries now."""
        return _are_there(self._container, self._contents, self._base)


def _base_of(kind: type) -> type:
    return next(base for base in (OrderedDict, *MUTABLE_CONTAINERS) if base in kind.__mro__)


def _copy_of(container: Any, base: Any) -> Any:
    """Return the entries, read by the methods of ``base``, which a subclass may have replaced."""
    if type(container) in {list, dict}:
        return container.copy()
    return dict(base.items(container)) if issubclass(base, dict) else base(base.__iter__(container))


def _container(value: Any, base: type) -> Node:
    """Return the node of the contents."""
    contents = _copy_of(value, base)
    children = cast("dict[object, object]", contents) if isinstance(contents, dict) else dict(enumerate(contents))
    return Node(partial(_restore_contents, value, contents, base), children)


def emptied(container: Any) -> None:
    if container:
        container.clear()


def _restore_contents(container: Any, contents: Any, base: Any) -> None:
    if not contents and not base.__len__(container):
        return
    if base is list:
        list.__setitem__(container, slice(None), contents)
    elif not _are_there(container, contents, base):
        base.clear(container)
        if issubclass(base, dict):
            for key, item in contents.items():
                base.__setitem__(container, key, item)
        else:
            (base.update if base is set else base.extend)(container, contents)


def _are_there(container: Any, contents: Any, base: Any) -> bool:
    """Return whether a container holds what its copy holds: the same objects in the same order, but for sets."""
    if base.__len__(container) != len(contents):
        return False
    if base is set:  # whose copy may have another order
        return set.__eq__(container, contents)
    if issubclass(base, dict):
        now, then = chain(base.keys(container), base.values(container)), chain(contents, contents.values())
        return not any(map(operator.is_not, now, then))
    return not any(map(operator.is_not, base.__iter__(container), contents))


def _array(value: object) -> Node | None:
    """Return the node of an array; one that cannot be written, and a map of a file, keep their contents."""
    if isinstance(value, bytearray | array):
        return Node(partial(operator.setitem, value, slice(None), copy.copy(value)))
    if not isinstance(value, np.ndarray):
        return Node(partial(SHARED.write, value, SHARED.copy(value))) if SHARED.knows(value) else None
    found = cast("np.ndarray[Any, Any]", value)
    if not found.flags.writeable or isinstance(found, np.memmap):
        return Node()
    if found.dtype.hasobject:
        return Node(partial(np.copyto, found, found.copy()), dict(enumerate(found.ravel().tolist())))
    return Node(partial(_restore_array, found, found.copy()), object_node(found).children)


def _restore_array(value: np.ndarray[Any, Any], saved: np.ndarray[Any, Any]) -> None:
    if not value.flags.writeable:  # numpy refuses the flag for memory of others, such as a tensor's, also where it is set
        value.setflags(write=True)
    if value.shape != saved.shape:
        value.resize(saved.shape, refcheck=False)
    np.copyto(value, saved)
