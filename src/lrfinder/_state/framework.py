"""The knowledge that a walk through objects has of the values of one framework."""

from __future__ import annotations

from collections import deque
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from lrfinder._state.attributes import attributes_of, is_entered
from lrfinder._state.callables import class_values, is_function, reached
from lrfinder._state.nodes import PASSED_OVER, Node, has_state_dict, items, keys
from lrfinder.randomness import capture, restore_states

if TYPE_CHECKING:
    from collections.abc import Callable

    from lrfinder.randomness import RandomGenerator

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

    def without(self, kinds: type | tuple[type, ...]) -> Framework:
        """Return the same knowledge, but for values of some classes, which then have nothing to restore."""
        return self._replace(visit=lambda value: Node() if isinstance(value, kinds) else self.visit(value))

    def holds_state(self, value: object) -> bool | None:
        """Return whether state can be reached from a value; None where there are more than :data:`MAX_OBJECTS` objects."""
        pending, seen = deque([value]), dict[int, object]()
        while pending:
            value = pending.popleft()  # long lists inside come last
            if id(value) in seen or type(value) in PASSED_OVER or isinstance(value, self.data):
                continue
            if len(seen) == MAX_OBJECTS:
                return None
            seen[id(value)] = value
            if self.is_state(value) or isinstance(value, np.ndarray) or has_state_dict(value):
                return True
            pending.extend(items(value))
            pending.extend(keys(value))
            if is_function(value):
                pending.extend(one.value for one in reached(value, "", self.packages))
            elif isinstance(value, type):
                pending.extend(one.value for one in class_values(value, self.packages))
            elif self.enters(value):
                pending.extend(attributes_of(value).values())
                pending.extend(one.value for one in class_values(type(value), self.packages))
        return False


def generator_node(generator: RandomGenerator | None) -> Node | None:
    """Return the node of a random generator; None if there is none."""
    return None if generator is None else Node(partial(restore_states, capture([generator])))
