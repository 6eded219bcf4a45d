"""Objects of any class, and what functions reach, as values that compare with ``==``: for the ``observe()`` of learners.

It shares no code with the snapshot, so that neither hides the other's faults.
"""

from __future__ import annotations

import io
import logging
import random
import sys
import threading
from array import array
from collections import deque
from contextlib import suppress
from enum import Enum
from functools import partial
from hashlib import blake2b
from types import CodeType, FunctionType, MemberDescriptorType, MethodType, ModuleType
from typing import TYPE_CHECKING, Any, NamedTuple, cast

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

PLAIN = (bool, int, float, complex, str, bytes, type(None), Enum, np.generic, np.dtype)
MAX_OBJECTS = 100_000
MAX_ITEMS = 1000  # a longer list holds data rather than the state of a training
FUNCTIONS = (FunctionType, MethodType, partial)
NEVER = (type, ModuleType, BaseException, io.IOBase, logging.Logger, logging.Handler, threading.Thread, *FUNCTIONS)
OF_USERS = {"__main__", "collections", "types"}  # modules of the standard library whose classes hold values of users


class Look(NamedTuple):
    """The view of one value.

    Attributes:
        kind: the first word of its name.
        content: what it compares by; None for one that has only things inside it.
        inside: what it holds, by the text that follows its name.
        is_state: whether it is an array or a generator.
    """

    kind: str = "attribute"
    content: object = None
    inside: Mapping[str, object] = {}
    is_state: bool = False


def observed(
    roots: Mapping[str, object],
    functions: Mapping[str, object],
    look: Callable[[object], Look | None],
    packages: frozenset[str],
    known: Iterable[object] = (),
) -> dict[str, object]:
    """Return everything that objects hold and functions reach; names are ``"kind: name"``.

    Of what functions reach by their own names (closures, globals, the object of a method), only what holds arrays or
    generators counts.

    Args:
        roots: objects, by name.
        functions: functions and callable objects, by name.
        look: the view of a value of the framework, None for others.
        packages: the framework's own packages, whose objects are not entered.
        known: objects that have been looked at already.
    """
    walk = _Walk(look, packages)
    walk.visited.update((id(one), one) for one in known)
    found: dict[str, object] = {}
    for name, root in roots.items():
        found |= walk.tree(name, root)[0]
    walk.functions.extend(functions.items())
    followed: dict[object, object] = {}
    while walk.functions:
        name, function = walk.functions.popleft()
        key = (id(function.__self__), id(function.__func__)) if isinstance(function, MethodType) else id(function)
        if followed.setdefault(key, function) is not function:
            continue
        for path, value in _reached(name, function, {*packages, "numpy", "lrfinder"}):
            if isinstance(value, FUNCTIONS):
                walk.functions.append((path, value))
            else:
                of_value, holds_state = walk.tree(path, value)
                found |= of_value if holds_state else {}
    return found


class _Walk:
    """A walk that visits each object once."""

    def __init__(self, look: Callable[[object], Look | None], packages: frozenset[str]) -> None:
        self.visited: dict[int, object] = {}  # holds the objects, so that no other object gets the id of one
        self.functions: deque[tuple[str, object]] = deque()
        self._look = look
        self._packages = packages

    def tree(self, name: str, root: object) -> tuple[dict[str, object], bool]:
        """Return all that a value holds and that was not visited before, and whether that includes state."""
        found: dict[str, object] = {}
        pending, holds_state, count = [(name, root)], False, 0
        while pending and count < MAX_OBJECTS:
            path, value = pending.pop()
            if isinstance(value, PLAIN):
                found[f"attribute: {path}"] = repr(value)
            elif id(value) not in self.visited:
                count += 1
                self.visited[id(value)] = value
                if isinstance(value, FUNCTIONS):
                    self.functions.append((path, value))
                seen = self._look(value) or _look(value, self._packages)
                holds_state |= seen.is_state
                if seen.content is not None:
                    found[f"{seen.kind}: {path}"] = seen.content
                pending += [(path + step, one) for step, one in reversed([*seen.inside.items()])]
        return found, holds_state


def _look(value: Any, packages: frozenset[str]) -> Look:
    if isinstance(value, np.ndarray | bytearray | array):
        return Look(content=array_digest(cast("Any", value)), is_state=True)
    state = generator_state(value)
    if state is not None:
        return Look("generator", state, is_state=True)
    inside = dict(_items(value))
    if not isinstance(value, NEVER) and not _is_foreign(type(value), packages):
        inside |= {f".{name}": one for name, one in attributes_of(value).items()}
        called = getattr(type(value), "__call__", None)  # noqa: B004  (its code, not whether it can be called)
        inside |= {"()": MethodType(called, value)} if isinstance(called, FunctionType) else {}
    items = [*cast("set[object]", value)] if isinstance(value, set | frozenset) else [value]
    return Look(content=frozenset(map(repr, items)) if all(isinstance(one, PLAIN) for one in items) else None, inside=inside)


def array_digest(value: np.ndarray[Any, Any] | bytearray | array[Any]) -> object:
    """Return the digest of an array or a bytearray, with its type; of an array of objects, its shape and dtype alone."""
    if not isinstance(value, np.ndarray):
        return blake2b(value, digest_size=16).digest(), getattr(value, "typecode", "bytes")
    if value.dtype.hasobject:
        return value.shape, value.dtype.str
    memory = cast("Any", np.ascontiguousarray(value).view(np.uint8) if value.size else b"")
    return blake2b(memory, digest_size=16).digest(), value.shape, value.dtype.str


def attributes_of(value: object) -> dict[str, object]:
    """Return what an object stores in its dictionary and in slots; no property is read."""
    found: dict[str, object] = {}
    members = [item for kind in reversed(type(value).__mro__) if "__slots__" in vars(kind) for item in vars(kind).items()]
    for name, member in members:
        if isinstance(member, MemberDescriptorType):
            with suppress(AttributeError):  # never set
                found[name] = member.__get__(value)
    return found | (dictionary_of(value) or {})


def dictionary_of(value: object) -> dict[str, object] | None:
    """Return the dictionary of an object's attributes, if it has one."""
    try:
        return object.__getattribute__(value, "__dict__")
    except AttributeError:
        return None


def _items(value: Any) -> Iterator[tuple[str, object]]:
    if isinstance(value, dict):
        for k, (key, one) in enumerate([*cast("dict[object, object]", value).items()]):
            yield f"[{key!r}]" if isinstance(key, PLAIN) else f"[{k}]", one
    elif isinstance(value, list | tuple | deque | set):
        several = [*cast("list[object]", value)]
        if len(several) > MAX_ITEMS and isinstance(several[0], PLAIN):
            several = [len(several), repr(several)]
        yield from (
            (f"[{k}]", one) for k, one in enumerate(several) if not (isinstance(value, set) and isinstance(one, PLAIN))
        )


def _is_foreign(kind: type, packages: frozenset[str]) -> bool:
    package = str(kind.__module__).partition(".")[0]
    return package in {*packages, "numpy", "lrfinder", *(sys.stdlib_module_names - OF_USERS)}


def generator_state(value: object) -> object:
    """Return the state of a generator of Python or numpy; None for another value."""
    if isinstance(value, random.Random):
        return value.getstate()
    if isinstance(value, np.random.RandomState):
        return _comparable(value.get_state(legacy=False))
    if isinstance(value, np.random.Generator | np.random.BitGenerator):
        bits: Any = getattr(value, "bit_generator", value)
        return _comparable(bits.state), generator_state(getattr(bits, "seed_seq", None))
    return value.n_children_spawned if isinstance(value, np.random.SeedSequence) else None


def _comparable(state: object) -> object:
    if isinstance(state, np.ndarray):
        return cast("np.ndarray[Any, Any]", state).tobytes()
    if not isinstance(state, dict):
        return state
    return {key: _comparable(item) for key, item in cast("dict[str, object]", state).items()}


def global_generators() -> dict[str, object]:
    """Return the states of the generators of Python and numpy that everyone shares, by name."""
    of_numpy: object = np.random.get_state(legacy=False)  # noqa: NPY002  (the one that users draw from)
    return {"generator: python": random.getstate(), "generator: numpy": _comparable(of_numpy)}


def _reached(name: str, function: Any, packages: set[str]) -> Iterator[tuple[str, object]]:
    """Yield what a function reaches by its own names."""
    if isinstance(function, partial):
        yield name, function.func
        yield from ((f"argument of {name}", one) for one in (*function.args, *function.keywords.values()))
    elif isinstance(function, MethodType):
        yield name, function.__self__
        yield f"{name}.{function.__name__}", function.__func__
    elif isinstance(function, FunctionType):
        for cell_name, cell in zip(function.__code__.co_freevars, function.__closure__ or (), strict=True):
            yield from ((f"{cell_name} in {name}", one) for one in _contents(cell))
        own = function.__globals__
        if str(own.get("__name__")).partition(".")[0] not in packages | (sys.stdlib_module_names - OF_USERS):
            yield from ((f"{one} in {name}", own[one]) for one in names_in(function.__code__) if one in own)
    elif function is not None:
        yield name, function


def _contents(cell: Any) -> list[object]:
    try:
        return [cell.cell_contents]
    except ValueError:  # not assigned yet
        return []


def names_in(code: CodeType) -> list[str]:
    """Return the names of globals and attributes in a code object and those nested in it."""
    nested = [name for one in code.co_consts if isinstance(one, CodeType) for name in names_in(one)]
    return [*dict.fromkeys([*code.co_names, *nested])]
