"""A snapshot of everything reachable from given objects, restored into the same objects; every framework package uses it."""

from __future__ import annotations

import warnings
from collections import deque
from functools import partial
from math import inf
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple, cast

import numpy as np

from lrfinder._state.attributes import attributes_of, is_entered
from lrfinder._state.callables import class_values, is_function, reached
from lrfinder._state.nodes import PASSED_OVER, Node, builtin_node, has_state_dict, is_iterator, items, object_node
from lrfinder._state.rollback import restore_all
from lrfinder.errors import LRFinderWarning, SnapshotError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from lrfinder._state.callables import Reached

MAX_OBJECTS = 100_000  # to which one object of an unknown class may lead


class Framework(NamedTuple):
    """The knowledge that a walk has of the values of one framework.

    Attributes:
        visit: returns the node of a value of the framework, or ``None`` for one that it does not know.
        is_state: returns whether a value is state of the framework: an array, a layer, an optimizer, a generator.
        packages: the names of the packages whose other objects are not entered.
        data: classes of data sets and loaders, which are not entered.
    """

    visit: Callable[[object], Node | None]
    is_state: Callable[[object], bool] = lambda _: False
    packages: frozenset[str] = frozenset()
    data: tuple[type, ...] = ()

    def enters(self, value: object) -> bool:
        """Return whether to look into the attributes of an object of an unknown class."""
        return is_entered(type(value), self.packages) and not isinstance(value, self.data)

    def holds_state(self, value: object) -> bool | None:
        """Return whether state can be reached from a value; None where there are more than :data:`MAX_OBJECTS` objects."""
        pending, seen = [value], dict[int, object]()
        while pending:
            value = pending.pop()
            if id(value) in seen or type(value) in PASSED_OVER or isinstance(value, self.data):
                continue
            if len(seen) == MAX_OBJECTS:
                return None
            seen[id(value)] = value
            if self.is_state(value) or isinstance(value, np.ndarray) or has_state_dict(value):
                return True
            pending.extend(items(value))
            if is_function(value):
                pending.extend(one.value for one in reached(value, "", self.packages))
            elif self.enters(value):
                pending.extend(attributes_of(value).values())
                pending.extend(one.value for one in class_values(type(value), self.packages))
        return False


class _Path(NamedTuple):
    """The path to a value: its key in the value at ``parent``. It becomes text only in messages."""

    parent: _Path | None
    key: object

    def __str__(self) -> str:
        keys: list[object] = []
        path: _Path | None = self
        while path is not None:
            keys.insert(0, path.key)
            path = path.parent
        steps = [str(key) if isinstance(key, str | int) else type(key).__name__ for key in keys]
        return ".".join([step for step in steps[:-1] if not step.startswith("_")] + steps[-1:])


Place = tuple[_Path | None, object]
"""The path to a value, and the value; a container among the roots has no path."""

Piece = tuple[object, Any]
"""A path, and the function that restores what is there."""


class GraphSnapshot:
    """A copy of everything that can be reached from ``roots`` and that training changes.

    Containers, arrays of numpy and objects of any class are restored as the same objects with the same contents and
    attributes; ``framework`` says which are not entered. What ``callables`` reach by their own names is restored if it holds
    state at the snapshot or at the restore: values of the framework, an array, or a ``state_dict()``.

    Args:
        roots: the objects.
        framework: what the walk knows of the framework.
        callables: functions and callable objects, by names for messages; None for one that was not given.
        data: objects that belong to the data, which are not entered.

    A warning names what was not copied because it leads to more than :data:`MAX_OBJECTS` objects. It also names iterators
    that ``callables`` reach, which cannot return to where they were.
    """

    def __init__(
        self,
        roots: Iterable[object],
        framework: Framework,
        callables: Mapping[str, object] = MappingProxyType({}),
        data: Iterable[object] = (),
    ) -> None:
        walk = Walk(framework, data)
        walk.visit_roots(roots)
        walk.visit_callables(callables)
        self._pieces = walk.pieces
        _warn(walk)

    def restore(self) -> None:
        """Restore everything, or raise a :class:`RestoreError` that names the parts that failed."""
        restore_all(self._pieces)


class Walk:
    """The walk of a snapshot, which visits each object once.

    What the framework knows comes first, so that messages give it its usual name; objects of unknown classes come later.

    Attributes:
        pieces: what was copied.
        seen: the ids of all objects that were visited.
        skipped: the names of what leads to more than :data:`MAX_OBJECTS` objects, and was not copied.
        iterators: the names of iterators that functions reach.
    """

    def __init__(self, framework: Framework, data: Iterable[object]) -> None:
        self.pieces: list[Piece] = []
        self.skipped: list[str] = []
        self.iterators: list[str] = []
        self._framework = framework
        self._data = list(data)  # references, so that no other object gets the id of one
        self.seen = set(map(id, self._data))
        self._strangers: deque[Place] = deque()  # objects of unknown classes
        self._functions: deque[tuple[str, object]] = deque()
        self._reached: deque[Reached] = deque()  # by functions, and by the classes of what was visited
        self._kinds: set[type] = set()

    def visit_roots(self, roots: Iterable[object]) -> None:
        """Visit objects that were given, and all that they hold."""
        self._visit([_named(root) for root in roots], self._postpone)
        while self._strangers:
            path, value = self._strangers.popleft()
            was_given = path is None or path.parent is None
            self._visit([(path, value)], self._enter, inf if was_given else MAX_OBJECTS)

    def visit_callables(self, callables: Mapping[str, object]) -> None:
        """Visit callable objects that were given, and what functions reach, those included that were found so far."""
        given = [(name, function) for name, function in callables.items() if function is not None]
        objects = [(name, one) for name, one in given if not (is_function(one) or isinstance(one, type))]
        self._visit([(_Path(None, name), one) for name, one in objects], self._enter)
        self._functions.extend(given)
        undecided: list[Reached] = []
        while self._functions or self._reached:
            if self._functions:
                name, function = self._functions.popleft()
                self._reached.extend(reached(function, name, self._framework.packages))
            while self._reached:
                self._visit_reached(self._reached.popleft(), undecided)
        for one in undecided:
            self._visit_undecided(one)

    def _visit_reached(self, one: Reached, others: list[Reached]) -> None:
        holds = self._framework.holds_state(one.value)
        if one.binding is not None:
            self.pieces.append((one.name, partial(_rebind, self._framework, one, was_state=bool(holds))))
        if holds:
            self._visit([(_Path(None, one.name), one.value)], self._enter, MAX_OBJECTS)
        elif holds is None:
            self.skipped.append(one.name)
        elif self._framework.enters(one.value):
            others.append(one)
        elif is_iterator(one.value):
            self.iterators.append(one.name)

    def _visit_undecided(self, one: Reached) -> None:
        """Copy an object without state, to be restored if it holds some then: it may create its arrays later."""
        first = len(self.pieces)
        self._visit([(_Path(None, one.name), one.value)], self._enter, MAX_OBJECTS)
        undecided = self.pieces[first:]
        self.pieces[first:] = [(one.name, partial(_restore_if_state, self._framework, one.value, undecided))]

    def _visit(self, pending: list[Place], stranger: Callable[[Place], Node | None], limit: float = inf) -> None:
        """Copy what can be reached; ``stranger`` returns the node of an object of an unknown class, or None."""
        visit, seen = self._framework.visit, self.seen
        start, first = pending[:1], len(self.pieces)
        while pending:
            path, value = place = pending.pop()
            if id(value) in seen or type(value) in PASSED_OVER:
                continue
            seen.add(id(value))
            try:
                node = visit(value)
            except (RuntimeError, TypeError, NotImplementedError) as error:  # as tensors of unusual classes raise
                raise _copy_error(place, error) from error
            node = node or builtin_node(value) or stranger(place)
            if node is None:
                continue
            if type(value) not in self._kinds:
                self._kinds.add(type(value))
                self._reached.extend(class_values(type(value), self._framework.packages))
            if node.restore is not None:
                self.pieces.append((path, node.restore))
            pending.extend(_children(path, node.children))
            if len(self.pieces) - first > limit:
                del self.pieces[first:]
                self.skipped.append(str(start[0][0]))
                return

    def _postpone(self, place: Place) -> None:
        """Note a function or an object of an unknown class for later."""
        path, value = place
        if is_function(value):
            self._functions.append((str(path), value))
        elif self._framework.enters(value):
            self.seen.remove(id(value))
            self._strangers.append(place)

    def _enter(self, place: Place) -> Node | None:
        """Return the node of an object of an unknown class; note a function for later."""
        path, value = place
        if is_function(value):
            self._functions.append((str(path), value))
        return object_node(value) if self._framework.enters(value) else None


def _warn(walk: Walk) -> None:
    too_many = f"leads to more than {MAX_OBJECTS:,} objects; list those that the training changes in stateful"
    once = "is an iterator, which cannot return to where it was; draw from the learner's data instead"
    for name, reason in (dict.fromkeys(walk.skipped, too_many) | dict.fromkeys(walk.iterators, once)).items():
        warnings.warn(f"The {name} is not restored: it {reason}.", LRFinderWarning, stacklevel=2)


def _named(root: object) -> Place:
    is_container = isinstance(root, dict | list | set | deque | tuple)  # it has no name, because its contents have keys
    return None if is_container else _Path(None, type(root).__name__), root


def _children(path: _Path | None, children: Iterable[object]) -> Iterable[Place]:
    if isinstance(children, dict):
        held = cast("dict[object, object]", children).items()
        return [(_Path(path, key), value) for key, value in held if type(value) not in PASSED_OVER]
    return [(path, value) for value in children if type(value) not in PASSED_OVER]


def _copy_error(place: Place, error: Exception) -> SnapshotError:
    path, value = place
    kind = type(value)
    message = (
        f"{path}, a {kind.__module__}.{kind.__qualname__}, could not be copied ({type(error).__name__}: {error}). "
        "Nothing was changed."
    )
    return SnapshotError(message)


def _rebind(framework: Framework, one: Reached, *, was_state: bool) -> None:
    """Bind a name to the value that it had, if that holds state or the present one does."""
    assert one.binding is not None
    read, write = one.binding
    now = read()
    if now is not one.value and (was_state or framework.holds_state(now)):
        write(one.value)


def _restore_if_state(framework: Framework, value: object, pieces: list[Piece]) -> None:
    if framework.holds_state(value):
        restore_all(pieces)
