"""Tensors and containers are restored completely, whatever a training step does to their memory."""

from collections import OrderedDict, deque

import pytest
import torch
from torch import nn

from lrfinder import RestoreError, SnapshotError
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
def test_a_parameter_is_restored_with_its_shape_strides_dtype_and_values_when(change):
    model = nn.Linear(2, 3)
    seen = lambda one: (id(one), one.shape, one.stride(), one.dtype, one.requires_grad, one.tolist())
    before, snapshot = seen(model.weight), Snapshot([model])
    CHANGES[change](model.weight)
    snapshot.restore()
    assert seen(model.weight) == before


def test_a_gradient_is_restored_even_if_the_parameter_was_given_another_shape():
    model = nn.Linear(2, 3)
    model.weight.grad = gradient = torch.ones(3, 2)
    snapshot = Snapshot([model])
    model.weight.grad = None
    model.weight.data = torch.zeros(5, 7)
    model.weight.grad = torch.zeros(5, 7)
    snapshot.restore()
    assert model.weight.grad is gradient


class Refusing(torch.Tensor):
    """A tensor that cannot be written to, once its class refuses."""

    refuses = True

    @classmethod
    def __torch_function__(cls, function, types, arguments=(), keywords=None):
        if function is torch.Tensor.copy_ and cls.refuses:
            raise MemoryError("no memory")
        return super().__torch_function__(function, types, arguments, keywords or {})


@pytest.fixture
def refusing_later(monkeypatch):
    """Return the function after which tensors refuse what they accepted at the snapshot."""
    monkeypatch.setattr(Refusing, "refuses", False)
    return lambda: monkeypatch.setattr(Refusing, "refuses", True)


def test_a_tensor_that_could_not_be_restored_is_refused_at_the_snapshot():
    model = nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3))
    model[1].register_buffer("mine", torch.ones(2).as_subclass(Refusing))
    with pytest.raises(SnapshotError, match=r"^Sequential\.1\.mine could not be restored .*no memory.* Nothing was changed"):
        Snapshot([model])


def test_a_tensor_that_fails_is_named_and_the_others_are_restored(refusing_later):
    model = nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3))
    model[1].register_buffer("mine", torch.ones(2).as_subclass(Refusing))
    snapshot = Snapshot([model])
    refusing_later()
    before = model[0].weight.tolist()
    model[0].weight.data.zero_()
    with pytest.raises(RestoreError, match=r"^Sequential\.1\.mine \(MemoryError: no memory\) could not be restored"):
        snapshot.restore()
    assert model[0].weight.tolist() == before


def test_every_tensor_that_fails_is_named(refusing_later):
    model = nn.Sequential(nn.Linear(2, 3), nn.Linear(3, 2))
    for part in model:
        part.register_buffer("mine", torch.ones(2).as_subclass(Refusing))
    snapshot = Snapshot([model])
    refusing_later()
    with pytest.raises(RestoreError) as caught:
        snapshot.restore()
    assert {name for name, _ in caught.value.failures} == {"Sequential.0.mine", "Sequential.1.mine"}


class Stateful:
    __slots__ = ()

    def state_dict(self):
        return {}

    def load_state_dict(self, state):
        raise ValueError("another version")


def test_an_object_that_refuses_its_state_is_named_by_its_type_and_the_rest_is_restored():
    model = nn.Linear(2, 3)
    snapshot, before = Snapshot([model, Stateful()]), model.weight.tolist()
    model.weight.data.zero_()
    with pytest.raises(RestoreError, match=r"^Stateful \(ValueError: another version\) could"):
        snapshot.restore()
    assert model.weight.tolist() == before


class Shy(list):
    """A list whose truth value is False until it is shown."""

    shown = False

    def __bool__(self):
        return self.shown


def test_a_container_is_restored_whatever_its_truth_value():
    model = nn.Linear(2, 3)
    model.shy = Shy([1, 2, 3])
    snapshot = Snapshot([model])
    model.shy.shown = True
    model.shy.append(4)
    snapshot.restore()
    assert list(model.shy) == [1, 2, 3]


def test_a_filled_container_is_empty_again_after_a_restore():
    model = nn.Linear(2, 3)
    model.held = held = [{}, [], set(), deque(), OrderedDict()]
    snapshot = Snapshot([model])
    held[0]["a"] = 1
    held[1].append(1)
    held[2].add(1)
    held[3].append(1)
    held[4]["a"] = 1
    snapshot.restore()
    assert model.held is held
    assert held == [{}, [], set(), deque(), OrderedDict()]
