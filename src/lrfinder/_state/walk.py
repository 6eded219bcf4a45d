"""The walk of a snapshot through objects, and through what functions reach."""

from __future__ import annotations

from collections import deque
from functools import partial
from math import inf
from typing import TYPE_CHECKING, Any, NamedTuple, cast

from lrfinder._state.attributes import attributes_of
from lrfinder._state.callables import attributes_named, class_values, is_function, methods_of, owner_of, reached
from lrfinder._state.framework import MAX_OBJECTS
from lrfinder._state.nodes import (
    MUTABLE_CONTAINERS,
    PASSED_OVER,
    PLAIN_CONTAINERS,
    Node,
    SavedContents,
    builtin_node,
    emptied,
    is_iterator,
    keys,
    object_node,
)
from lrfinder._state.reached_data import ReachedData
from lrfinder._state.rollback import restore_all
from lrfinder.errors import SnapshotError

if TYPE_CHECKING:
    from collections.abc import Callable, Container, Iterable, Iterator, Mapping

    from lrfinder._state.callables import Reached
    from lrfinder._state.framework import Framework

_RUN_BY_THEMSELVES = {  # without a name in the code
    *("__call__", "forward", "backward", "setup_context"),
    *("__iter__", "__next__", "__getitem__", "__enter__", "__exit__"),
}
_MANY_ENTRIES = 1_000  # of a container that is closed, so that the rest of its owner can be copied
_MOST_CLOSED = 10


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


Place = tuple[_Path | None, object, object]
"""The path to an object, a key in it, and the value there; the path to the value itself if the key is :data:`_HERE`."""

Piece = tuple[object, object, Any]
"""The path and the key of a value, as in :data:`Place`, and the function that restores it; a name may replace the path."""

_HERE = object()


def _path(parent: Any, key: object) -> Any:
    return parent if key is _HERE else _Path(parent, key)


def named(pieces: Iterable[Piece]) -> Iterator[tuple[object, Any]]:
    """Yield each function with the path to what it restores. Large models have many, so pieces do not hold their paths."""
    return ((_path(parent, key), restore) for parent, key, restore in pieces)


class _Beyond(NamedTuple):
    """A visit that ended at its limit: the ids of what it visited, and the container with the most entries."""

    visited: list[int]
    largest: Place
    entries: int


class Walk:
    """The walk of a snapshot, which visits each object once.

    What the framework knows comes first, so that messages give it its usual name; objects of unknown classes come later.

    Attributes:
        pieces: what was copied.
        seen: the ids of all objects that were visited.
        skipped: the names of what leads to more than :data:`MAX_OBJECTS` objects, and was not copied.
        closed: the names of containers in what leads to as many, each with how many entries it holds. Its entries were
            copied, and not what these hold.
        iterators: the names of iterators that functions reach.
        of_code: the ids of what only code leads to, and of what it names in data: the training may write there.
    """

    def __init__(self, framework: Framework, data: Iterable[object]) -> None:
        self.pieces: list[Piece] = []
        self.skipped: list[str] = []
        self.closed: dict[str, int] = {}
        self.iterators: list[str] = []
        self.of_code: set[int] = set()
        self._framework = framework
        self._data = [one for one in data if one is not None]  # references, so that no other object gets the id of one
        self._data_ids = set(map(id, self._data))
        self.seen: set[int] = set()
        self._reached_data = ReachedData(framework, self._data)
        self._strangers: deque[tuple[_Path | None, object]] = deque()  # objects of unknown classes
        self._given: set[int] = set()
        self._functions: deque[tuple[str, object]] = deque()
        self._followed: dict[int, object] = {}
        self._reached: deque[Reached] = deque()  # by functions, and by the classes of what was visited
        self._kinds: set[type] = set()
        self._named: dict[str, list[type]] = {}  # attributes, each with the classes whose methods name it
        self._methods: dict[str, list[tuple[str, object, type]]] = {}  # of the classes of what was visited, by name
        self._kind_of: dict[int, type] = {}  # by the ids of their methods
        self._unread: list[_Path | None] = []  # iterators in objects

    def visit_roots(self, roots: Iterable[object]) -> None:
        """Visit objects that were given, and all that they hold."""
        places = [_place_of(root) for root in roots]
        self._given = {id(root) for _, _, root in places}
        self._data_ids -= self._given  # what belongs to the data counts if it is given
        self._visit(places, self._postpone)
        while self._strangers:
            path, value = self._strangers.popleft()
            was_given = path is None or path.parent is None
            self._visit([(path, _HERE, value)], self._enter, inf if was_given else MAX_OBJECTS)

    def visit_callables(self, callables: Mapping[str, object]) -> None:
        """Visit objects that were given to be called, and what functions reach, those included that were found so far."""
        before = set(self.seen)
        given = [(name, function) for name, function in callables.items() if function is not None]
        for name, function in given:
            self._visit([(None, name, owner_of(function))], self._enter, MAX_OBJECTS)
        self._functions.extend(given)
        undecided: list[Reached] = []
        while True:
            if self._functions:
                self._follow(*self._functions.popleft())
            elif self._reached:
                self._visit_reached(self._reached.popleft(), undecided)
            elif self._visit_data():
                continue
            elif undecided:  # after all that holds state
                self._visit_undecided(undecided.pop())
            else:
                break
        self.of_code |= self.seen - before
        self.iterators += [str(path) for path in self._unread if path is not None and path.key in self._named]

    def _follow(self, name: str, function: object) -> None:
        """Note what a function reaches, and the methods that it names."""
        if id(function) in self._followed:
            return
        self._followed[id(function)] = function
        self._reached.extend(reached(function, name, self._framework.packages))
        kind = self._kind_of.get(id(function), object)
        for attribute in attributes_named(function):
            self._named.setdefault(attribute, []).append(kind)
            methods = self._methods.get(attribute, ())
            self._functions.extend((label, method) for label, method, owner in methods if _means(kind, attribute, owner))

    def _note_class(self, kind: type) -> None:
        """Note the values of a class, and its methods that are or will be named, or that run by themselves."""
        self._kinds.add(kind)
        self._reached.extend(class_values(kind, self._framework.packages))
        self._note_methods(kind, _RUN_BY_THEMSELVES)

    def _note_methods(self, kind: type, running: Container[str]) -> None:
        """Note the methods of a class that are or will be named, or that are among those ``running``."""
        for name, function in methods_of(kind):
            method = f"{kind.__name__}.{name}", function
            self._kind_of[id(function)] = kind
            self._methods.setdefault(name, []).append((*method, kind))
            if name in running or any(_means(one, name, kind) for one in self._named.get(name, ())):
                self._functions.append(method)

    def _visit_reached(self, one: Reached, others: list[Reached]) -> None:
        if is_function(one.value):
            self._functions.append((one.name, one.value))
            return
        if isinstance(one.value, type):
            if one.value not in self._kinds:
                self._note_class(one.value)
            return
        if self._reached_data.knows(one.value):
            self._reach_data(_path(None, one.name), one.value)
            return
        holds = self._framework.holds_state(one.value)
        if one.binding is not None:
            self.pieces.append((one.name, _HERE, partial(_rebind, self._framework, one, was_state=bool(holds))))
        if holds:
            self._visit([(None, one.name, one.value)], self._enter, MAX_OBJECTS)
        elif holds is None:
            self.skipped.append(one.name)
        elif self._framework.enters(one.value) or isinstance(one.value, dict | set | deque):
            others.append(one)  # a list without state is a record for the user
        elif is_iterator(one.value):
            self.iterators.append(one.name)

    def _visit_undecided(self, one: Reached) -> None:
        """Copy an object without state, to be restored if it holds some then: it may create its arrays later."""
        first = len(self.pieces)
        self._visit([(None, one.name, one.value)], self._enter, MAX_OBJECTS)
        undecided = self.pieces[first:]
        self.pieces[first:] = [(one.name, _HERE, partial(_restore_if_state, self._framework, one.value, undecided))]

    def _reach_data(self, path: _Path | None, value: object) -> None:
        """Note data that the training reaches; of their methods, those that its code names may write to them."""
        if self._reached_data.knows(value) and self._reached_data.add(path, value):
            self._reached.extend(class_values(type(value), self._framework.packages))
            self._note_methods(type(value), ())

    def _visit_data(self) -> bool:
        """Copy the attributes of data that code of the training names; return whether there were new ones."""
        found = list(self._reached_data.take(self._named))
        for owner, attributes, name, value in found:
            if self._reached_data.knows(value):
                self._reach_data(_path(owner, name), value)
            else:
                self.of_code.add(id(value))
                self.pieces.append((owner, name, partial(_bind, attributes, name, value)))
                self._visit_in_data((owner, name, value))
        return bool(found)

    def _visit_in_data(self, place: Place) -> None:
        """Copy a value; if that is too much, the entries of a container, or of an object what is not too much."""
        owner, key, value = place
        if self._reached_data.fits(value):
            self._visit([place], self._enter, MAX_OBJECTS)
        elif id(value) in self.seen:
            return
        elif isinstance(value, MUTABLE_CONTAINERS):
            self.seen.add(id(value))
            self.pieces.append((owner, key, SavedContents(value)))
        elif self._enters(value):
            self.seen.add(id(value))
            for name, one in list((attributes_of(value).dictionary or {}).items()):
                self._visit_in_data((_path(owner, key), name, one))

    def _visit(self, pending: list[Place], stranger: Callable[[Place], Node | None], limit: float = inf) -> None:
        """Copy what can be reached; ``stranger`` returns the node of an object of an unknown class, or None.

        Beyond the limit, the container with the most entries is closed, and all is visited again.
        """
        start, first = list(pending), len(self.pieces)
        closed: dict[int, tuple[_Path | None, int]] = {}
        while True:
            beyond = self._visit_once(list(start), stranger, limit, closed)
            if beyond is None:
                self.closed |= {str(path): count for path, count in closed.values()}
                return
            del self.pieces[first:]
            if beyond.entries < _MANY_ENTRIES or len(closed) == _MOST_CLOSED:
                self.skipped.append(str(_path(*start[0][:2])))
                return
            self.seen.difference_update(beyond.visited)
            *path, value = beyond.largest
            closed[id(value)] = _path(*path), beyond.entries

    def _visit_once(  # noqa: C901  (one loop over every object, where calls cost)
        self, pending: list[Place], stranger: Callable[[Place], Node | None], limit: float, closed: Container[int]
    ) -> _Beyond | None:
        """Visit what can be reached, but nothing inside what is ``closed``; return what was visited beyond the limit."""
        seen, pieces, kinds, visit = self.seen, self.pieces, self._kinds, self._framework.visit
        data = self._data_ids
        first, visited = len(pieces), list[int]()
        largest, entries = pending[0] if pending else (None, None, None), 0
        while pending and len(pieces) - first <= limit:
            parent, key, value = place = pending.pop()
            number = id(value)
            if number in seen or type(value) in PASSED_OVER:
                continue
            seen.add(number)
            if number in data:
                self._reach_data(_path(parent, key), value)
                continue
            if type(value) in PLAIN_CONTAINERS and not value:  # as most of a module's are
                pieces.append((parent, key, partial(emptied, value)))
                visited.append(number)
                continue
            try:
                node = visit(value)
            except (RuntimeError, TypeError, ValueError) as error:  # as tensors of unusual classes raise
                raise _copy_error(place, error) from error
            node = node or builtin_node(value) or stranger(place)
            if node is None:
                continue
            if type(value) not in kinds:
                self._note_class(type(value))
            if node.restore is not None:
                pieces.append((parent, key, node.restore))
            visited.append(number)
            if not node.children or number in closed:
                continue
            children = _children(_path(parent, key), node.children, seen)
            pending.extend(children)
            if len(children) > entries:
                largest, entries = place, len(children)
        return _Beyond(visited, largest, entries) if len(pieces) - first > limit else None

    def _postpone(self, place: Place) -> None:
        """Leave an object of an unknown class for later."""
        *path, value = place
        if self._enters(value):
            self.seen.remove(id(value))
            self._strangers.append((_path(*path), value))
        else:
            self._note(place)

    def _enter(self, place: Place) -> Node | None:
        """Return the node of an object of an unknown class; None for a value that has no node."""
        if self._enters(place[2]):
            return object_node(place[2])
        self._note(place)
        return None

    def _note(self, place: Place) -> None:
        """Note a function, which is followed later, or an iterator, which may have to be named."""
        *path, value = place
        if self._reached_data.knows(value):
            self._reach_data(_path(*path), value)
        elif is_function(value):
            self._functions.append((str(_path(*path)), value))
        elif is_iterator(value):
            self._unread.append(_path(*path))

    def _enters(self, value: object) -> bool:
        if is_function(value):
            return False
        return self._framework.enters(value) or (id(value) in self._given and attributes_of(value).dictionary is not None)


def _bind(attributes: dict[str, Any], name: str, value: object) -> None:
    if attributes.get(name) is not value:
        attributes[name] = value


def _place_of(root: object) -> Place:
    is_container = isinstance(root, dict | list | set | deque | tuple)  # it has no name, because its contents have keys
    return None, _HERE if is_container else type(root).__name__, root


def _means(namer: type, name: str, owner: type) -> bool:
    """Return whether a name in a method of one class may be that of a method of another: not if its own class has it."""
    return not hasattr(namer, name) or issubclass(namer, owner)


def _children(path: _Path | None, children: Iterable[object], seen: set[int]) -> list[Place]:
    """Return the places of the children that have not been visited."""
    if not isinstance(children, dict):
        return [(path, _HERE, value) for value in children if type(value) not in PASSED_OVER]
    held = cast("dict[object, object]", children)
    values: list[Place] = [
        (path, key, value) for key, value in held.items() if type(value) not in PASSED_OVER and id(value) not in seen
    ]
    return [*values, *((path, f"key {type(key).__name__}", key) for key in keys(held))]


def _copy_error(place: Place, error: Exception) -> SnapshotError:
    *path, value = place
    kind = f"{type(value).__module__}.{type(value).__qualname__}"
    message = f"{_path(*path)}, a {kind}, could not be copied ({type(error).__name__}: {error}). Nothing was changed."
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
        restore_all(named(pieces))
