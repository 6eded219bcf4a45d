"""Everything that can be reached from some objects is restored into the same objects."""

from collections import OrderedDict, deque

import pytest

from lrfinder import RestoreError
from lrfinder._state.framework import Framework
from lrfinder._state.nodes import Node
from lrfinder._state.object_graph import GraphSnapshot


def nothing(value):
    """Know no values but containers."""


@pytest.mark.parametrize("container", [{"a": 1}, [1, 2], {1, 2}, deque([1, 2]), OrderedDict(b=1, a=2), {}, []])
def test_a_container_is_restored_as_the_same_object_with_the_same_contents(container):
    root = {"held": container}
    before = list(container)
    snapshot = GraphSnapshot([root], Framework(nothing))
    container.clear()
    root["held"] = None
    snapshot.restore()
    assert root["held"] is container
    assert list(container) == before


def test_a_container_that_contains_itself_is_restored():
    root = []
    root.append(root)
    snapshot = GraphSnapshot([root], Framework(nothing))
    root.clear()
    snapshot.restore()
    assert root[0] is root


def test_a_value_of_a_graph_is_named_by_the_path_to_it():
    class Failing:
        pass

    def fail():
        raise ValueError("no")

    def visit(value):
        return Node(fail) if isinstance(value, Failing) else None

    snapshot = GraphSnapshot([{"net": {"_parts": [0, {"weight": Failing()}]}}], Framework(visit))
    with pytest.raises(RestoreError, match=r"^net\.1\.weight \(ValueError: no\) could"):
        snapshot.restore()


def test_a_slot_that_a_subclass_declares_again_is_restored():
    class Base:
        __slots__ = ("value",)

    class Derived(Base):
        __slots__ = ("value",)

    held = Derived()
    held.value = 1
    snapshot = GraphSnapshot([held], Framework(nothing))
    held.value = 2
    snapshot.restore()
    assert held.value == 1
