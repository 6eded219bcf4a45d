import torch

from lrfinder.trainers._objects import reachable_objects


class Part:
    def __init__(self, **attributes):
        vars(self).update(attributes)


PACKAGE = Part.__module__.partition(".")[0]


def test_objects_of_the_packages_are_found_through_attributes_and_containers():
    inner = Part()
    outer = Part(parts=[{"a": (inner,)}])
    assert reachable_objects([outer], PACKAGE) == [outer, inner]


def test_objects_of_other_packages_are_found_only_as_roots():
    inner = Part()
    outer = Part(inner=inner)
    assert reachable_objects([outer], "elsewhere") == [outer]
    assert reachable_objects([outer, inner], "elsewhere") == [inner, outer]


def test_the_search_ends_at_cycles_and_does_not_enter_modules():
    model = torch.nn.Linear(1, 1)
    model.part = Part()
    outer = Part(model=model)
    outer.itself = outer  # pyright: ignore[reportAttributeAccessIssue]
    assert reachable_objects([outer], PACKAGE) == [outer]
