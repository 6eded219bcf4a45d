"""Tensors whose memory a training step takes away or reshapes come back whole."""

from collections import OrderedDict, deque

import pytest
import torch
from torch import nn

from lrfinder import RestoreError
from lrfinder.torch._snapshot.snapshot import Snapshot


@torch.no_grad()
def grow(tensor):
    tensor.requires_grad_(requires_grad=False).resize_(50, 20).fill_(2.0)


CHANGES = {
    "its storage is freed": lambda one: one.untyped_storage().resize_(0),
    "it grows in place": grow,
    "it is given other memory": lambda one: setattr(one, "data", torch.zeros(3, 2)),
    "it is given another shape": lambda one: setattr(one, "data", torch.zeros(5, 7)),
    "it is transposed": lambda one: setattr(one, "data", torch.zeros(2, 3).t()),
    "it is given another dtype": lambda one: setattr(one, "data", torch.zeros(3, 2, dtype=torch.float64)),
    "it is frozen": lambda one: one.requires_grad_(requires_grad=False),
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_parameter_comes_back_with_its_shape_strides_dtype_and_values_when(change):
    model = nn.Linear(2, 3)
    seen = lambda one: (id(one), one.shape, one.stride(), one.dtype, one.requires_grad, one.tolist())
    before, memory = seen(model.weight), Snapshot([model])
    CHANGES[change](model.weight)
    memory.restore()
    assert seen(model.weight) == before


def test_a_gradient_comes_back_also_where_the_parameter_was_given_another_shape():
    model = nn.Linear(2, 3)
    model.weight.grad = gradient = torch.ones(3, 2)
    memory = Snapshot([model])
    model.weight.grad = None
    model.weight.data = torch.zeros(5, 7)
    model.weight.grad = torch.zeros(5, 7)
    memory.restore()
    assert model.weight.grad is gradient


class Refusing(torch.Tensor):
    """Cannot be written to."""

    @classmethod
    def __torch_function__(cls, function, types, arguments=(), keywords=None):
        if function is torch.Tensor.copy_:
            raise MemoryError("no room")
        return super().__torch_function__(function, types, arguments, keywords or {})


def test_a_tensor_that_refuses_is_named_and_the_others_come_back():
    model = nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3))
    model[1].register_buffer("mine", torch.ones(2).as_subclass(Refusing))
    memory = Snapshot([model])
    before = model[0].weight.tolist()
    model[0].weight.data.zero_()
    with pytest.raises(RestoreError, match=r"^Sequential\.1\.mine \(MemoryError: no room\) could not be put back"):
        memory.restore()
    assert model[0].weight.tolist() == before


def test_everything_that_refuses_is_named():
    model = nn.Sequential(nn.Linear(2, 3), nn.Linear(3, 2))
    for part in model:
        part.register_buffer("mine", torch.ones(2).as_subclass(Refusing))
    with pytest.raises(RestoreError) as caught:
        Snapshot([model]).restore()
    assert {name for name, _ in caught.value.failures} == {"Sequential.0.mine", "Sequential.1.mine"}


class Stateful:
    __slots__ = ()

    def state_dict(self):
        return {}

    def load_state_dict(self, state):
        raise ValueError("another version")


def test_an_object_that_refuses_its_state_is_named_by_its_type_and_the_rest_comes_back():
    model = nn.Linear(2, 3)
    memory, before = Snapshot([model, Stateful()]), model.weight.tolist()
    model.weight.data.zero_()
    with pytest.raises(RestoreError, match=r"^Stateful \(ValueError: another version\) could"):
        memory.restore()
    assert model.weight.tolist() == before


class Shy(list):
    """Says that it is empty until it was shown."""

    shown = False

    def __bool__(self):
        return self.shown


def test_a_container_comes_back_whatever_it_says_of_its_truth():
    model = nn.Linear(2, 3)
    model.shy = Shy([1, 2, 3])
    memory = Snapshot([model])
    model.shy.shown = True
    model.shy.append(4)
    memory.restore()
    assert list(model.shy) == [1, 2, 3]


def test_an_empty_container_that_was_filled_is_empty_again():
    model = nn.Linear(2, 3)
    model.held = held = [{}, [], set(), deque(), OrderedDict()]
    memory = Snapshot([model])
    held[0]["a"] = 1
    held[1].append(1)
    held[2].add(1)
    held[3].append(1)
    held[4]["a"] = 1
    memory.restore()
    assert model.held is held
    assert held == [{}, [], set(), deque(), OrderedDict()]
