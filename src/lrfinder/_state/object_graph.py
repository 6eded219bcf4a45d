"""A snapshot of everything reachable from given objects, restored into the same objects; every framework package uses it."""

from __future__ import annotations

import copy
import operator
from collections import OrderedDict, deque
from functools import partial
from itertools import chain
from typing import TYPE_CHECKING, Any, NamedTuple, cast

from lrfinder._state.rollback import restore_all

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

_IMMUTABLE = {type(None), bool, int, float, str, bytes}
_PLAIN_CONTAINERS = {dict, OrderedDict, list, set, deque}
_EMPTY: dict[object, object] = {}


class Node(NamedTuple):
    """The function that restores one value itself, and the values to visit next, which the keys of a dict name in errors."""

    restore: Callable[[], object] = lambda: None
    children: Iterable[object] = ()


class _Path(NamedTuple):
    """The path to a value: its key in the value at ``parent``. It becomes text only where a restore fails."""

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


class GraphSnapshot:
    """A copy of everything that can be reached from ``roots`` and that training changes.

    Dicts, lists, sets, deques and tuples are visited here: a container is restored as the same object with the same
    contents. For every other value, ``visit`` returns the node of a value of its framework, or ``None`` for one that it does
    not know. Such an object is restored as the same object; its attributes are not visited.
    """

    def __init__(self, roots: Iterable[object], visit: Callable[[object], Node | None]) -> None:
        self._pieces: list[tuple[object, Callable[[], object]]] = []
        pending: list[tuple[_Path | None, object]] = []
        for root in roots:  # a container has no name, because its contents have keys
            is_container = isinstance(root, dict | list | set | deque | tuple)
            pending.append((None if is_container else _Path(None, type(root).__name__), root))
        seen: set[int] = set()
        while pending:
            path, value = pending.pop()
            if id(value) in seen:
                continue
            seen.add(id(value))
            node = visit(value) or _container(value)
            if node is not None:
                self._pieces.append((path, node.restore))
                pending.extend(_children(path, node.children))

    def restore(self) -> None:
        """Restore everything, or raise a :class:`RestoreError` that names the parts that failed."""
        restore_all(self._pieces)


def _children(path: _Path | None, children: Iterable[object]) -> Iterable[tuple[_Path | None, object]]:
    if isinstance(children, dict):
        items = cast("dict[object, object]", children).items()
        return [(_Path(path, key), value) for key, value in items if type(value) not in _IMMUTABLE]
    return [(path, value) for value in children]


def _container(value: object) -> Node | None:
    if isinstance(value, tuple):
        return Node(children=dict(enumerate(cast("tuple[object, ...]", value))))
    if not isinstance(value, dict | list | set | deque):
        return None
    if type(value) in _PLAIN_CONTAINERS and not value:  # as most of a module's are
        return Node(partial(_restore_contents, value, _EMPTY))
    contents = copy.copy(cast("list[object]", value))
    children = cast("dict[object, object]", value) if isinstance(value, dict) else enumerate(contents)
    return Node(partial(_restore_contents, value, contents), dict(children))


def _restore_contents(container: Any, contents: Any) -> None:
    if contents is _EMPTY and not container:
        return
    if isinstance(container, dict):
        now = cast("dict[object, object]", container)
        same_length = len(now) == len(contents)
        if not same_length or any(map(operator.is_not, chain(now, now.values()), chain(contents, contents.values()))):
            now.clear()
            now.update(contents)
    elif isinstance(container, list):
        cast("list[object]", container)[:] = contents
    else:
        container.clear()
        (container.update if isinstance(container, set) else container.extend)(contents)
