"""The check of PyTorch learners names each tensor and generator that is not restored."""

# These tests add attributes to the objects of frameworks.
# pyright: reportAttributeAccessIssue=false

import itertools
import logging
import os
import random
import threading
import weakref
from collections import UserDict, deque
from functools import partial
from types import SimpleNamespace
from typing import NamedTuple

import numpy as np
import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset, Sampler, TensorDataset
from torch_nets import OPTIMIZERS, loader, net, pairs, sgd

import lrfinder
from lrfinder import Outcome
from lrfinder.testing import differing
from lrfinder.torch import TorchLearner
from lrfinder.torch.inspection import Inspection, digest, fingerprint, observe
from tests.torch.test_law import DATA, KINDS, Everything, forgetting

NAMES = {
    "parameters": "parameter: 0.weight",
    "statistics of BatchNorm": "buffer: 1.running_var",
    "buffers that are replaced": "buffer: 2.mean",
    "buffers that are not persistent": "buffer: 2.calls",
    "optimizer state": "optimizer state: momentum_buffer of 5.bias",
    "group values": "group value: momentum of group 0",
    "gradients": "gradient: 5.weight",
    "modes": "mode: 4",
    "scaler": "attribute: GradScaler 1['scale']",
    "scheduler": "attribute: StepLR 0['last_epoch']",
    "an object named as stateful": "attribute: Counter 2.steps",
    "python's generator": "generator: python",
    "numpy's generator": "generator: numpy",
    "torch's generator": "generator: torch",
    "position in the data": "position in the data",
}


def kind_of(name):
    return name.partition(": ")[0]


def learner(model, optimizer=OPTIMIZERS["Adam"], data=None, **settings):
    data = loader() if data is None else data
    return TorchLearner(model, optimizer(model.parameters()), nn.CrossEntropyLoss(), data, **settings)


def test_a_training_with_every_kind_of_state_passes_and_every_kind_has_a_line():
    check = lrfinder.check(Everything().learner)
    assert check.ok, check.lost
    changed = {kind_of(finding.what) for finding in check.state if finding.changed}
    assert changed == {kind_of(name) for name in NAMES.values()}


@pytest.mark.parametrize("kind", KINDS)
def test_a_forgotten_kind_of_state_is_reported_by_name_and_no_other(kind):
    check = lrfinder.check(Everything(forgetting(kind)).learner)
    assert NAMES[kind] in check.lost
    assert {kind_of(name) for name in check.lost} == {kind_of(NAMES[kind])}
    assert check.deterministic.outcome is Outcome.NOT_ASKED


def test_a_forgotten_generator_of_the_loader_is_reported():
    class Forgetful(TorchLearner):
        def restore(self, state):
            as_it_is = self.training.generator.get_state()
            super().restore(state)
            self.training.generator.set_state(as_it_is)

    assert lrfinder.check(Everything(Forgetful).learner).lost == ("generator: data.sampler.generator",)


@pytest.mark.parametrize("name", [name for name in DATA if "worker" not in name])
def test_every_kind_of_data_passes(name):
    torch.manual_seed(0)
    check = lrfinder.check(learner(net(), data=DATA[name]()))
    assert check.ok, check


class Meter:
    def __init__(self):
        self.total = 0
        self.last = torch.zeros(())
        self.history = []
        self.rng = np.random.default_rng(0)


class Metered(nn.Module):
    """A net with an object of an unknown class."""

    def __init__(self):
        super().__init__()
        self.net = net()
        self.meter = Meter()
        self.calls = 0

    def forward(self, inputs):
        self.calls += 1
        self.meter.total += 1
        self.meter.last = inputs.sum()
        self.meter.history.append(1)
        self.meter.rng.random()
        return self.net(inputs)


def test_state_of_an_object_inside_the_model_is_restored():
    check = lrfinder.check(learner(Metered()))
    assert {finding.what for finding in check.state if finding.changed} >= {
        "attribute: Metered.meter.total",
        "attribute: Metered.meter.last",
        "attribute: Metered.meter.history",
        "generator: Metered.meter.rng",
    }
    assert check.ok


class Noisy(Dataset):
    """A data set with a generator two objects deep, which counts the items that it returned."""

    def __init__(self):
        self.pairs = pairs()
        self.transform = Meter()

    def __len__(self):
        return len(self.pairs)

    def __getitem__(self, index):
        self.transform.total += 1
        inputs, target = self.pairs[index]
        return inputs + float(self.transform.rng.random()), target


def test_of_an_object_inside_the_data_set_a_generator_and_a_counter_are_restored():
    data = torch.utils.data.DataLoader(Noisy(), batch_size=8, shuffle=True)
    check = lrfinder.check(learner(net(), data=data))
    assert check.ok, str(check)
    assert "generator: data.dataset.transform.rng" in {finding.what for finding in check.state if finding.changed}


class Chance(nn.Module):
    """A module that draws from a source of random numbers without a state."""

    def forward(self, inputs):
        return inputs + 1e-5 * os.urandom(1)[0]


def test_a_model_that_is_not_deterministic_is_recognized():
    check = lrfinder.check(learner(nn.Sequential(Chance(), net())))
    assert check.lost == ()
    assert check.deterministic.outcome is Outcome.BROKEN
    assert "gradient: 1.0.weight" in check.deterministic.detail


def test_observing_changes_nothing():
    training = Everything()
    one = training.learner.observe()
    assert training.learner.observe() == one
    assert lrfinder.check(training.learner).ok
    assert training.learner.observe() == one


def test_two_modules_and_two_optimizers_have_different_names():
    one, two = net(), net()
    of_both = TorchLearner.from_step(
        lambda batch: one(batch[0]).sum(),
        loader(),
        modules=[one, two],
        optimizers=[OPTIMIZERS["Adam"](one.parameters()), OPTIMIZERS["Adam"](two.parameters())],
    ).observe()
    assert {"parameter: Sequential 0: 0.weight", "parameter: Sequential 1: 0.weight"} <= set(of_both)
    assert {"group value: lr of group 0 of Adam 0", "group value: lr of group 0 of Adam 1"} <= set(of_both)


# --- what is looked at: each case is a training's object, and how a step changes it ---


def observed(*modules, optimizers=(), **others):
    return observe(list(modules), list(optimizers), **others)


def names_that_change(look, change):
    before = look()
    assert look() == before, "looking changes what is seen"
    change()
    return {name for name in differing(look(), before) if not name.startswith("generator: torch")}


class Pair(NamedTuple):
    first: torch.Tensor
    second: int


class Slotted:
    __slots__ = ("__private", "basis")

    def __init__(self):
        self.basis = torch.zeros(3)
        self.__private = [1]

    def grow(self):
        self.__private.append(2)


class Inherited(Slotted):
    __slots__ = ("calls",)


class Results(dict):
    def __init__(self):
        super().__init__(loss=1.0)
        self.batch = 0
        self.sums = np.zeros(2)


class Window(deque):
    def __init__(self):
        super().__init__([torch.zeros(2)])
        self.total = 0


class Names(set):
    count = 0


def with_attribute(value):
    model = nn.Linear(2, 2)
    model.kept = value
    return model


def moved(tensor):
    with torch.no_grad():
        tensor += 1


KINDS_OF_OBJECTS = {
    "slots": (Slotted, lambda o: moved(o.basis), "Linear.kept.basis"),
    "private slots": (Slotted, Slotted.grow, "Linear.kept._Slotted__private"),
    "slots of a subclass that are set later": (Inherited, lambda o: setattr(o, "calls", 1), "Linear.kept.calls"),
    "an attribute of a dict": (Results, lambda o: setattr(o, "batch", 1), "Linear.kept.batch"),
    "an array in an attribute of a dict": (Results, lambda o: o.sums.fill(1), "Linear.kept.sums"),
    "an entry of a dict with attributes": (Results, lambda o: o.update(loss=2.0), "Linear.kept['loss']"),
    "an attribute of a deque": (Window, lambda o: setattr(o, "total", 1), "Linear.kept.total"),
    "an item of a deque with attributes": (Window, lambda o: moved(o[0]), "Linear.kept[0]"),
    "an attribute of a set": (Names, lambda o: setattr(o, "count", 1), "Linear.kept.count"),
    "a namespace": (lambda: SimpleNamespace(ema=torch.zeros(1)), lambda o: moved(o.ema), "Linear.kept.ema"),
    "a dict of the user": (lambda: UserDict(ema=torch.zeros(1)), lambda o: moved(o["ema"]), "Linear.kept['ema']"),
    "a bytearray": (lambda: bytearray(3), lambda o: o.append(1), "Linear.kept"),
    "an array of objects": (
        lambda: np.array([Slotted()], dtype=object),
        lambda o: moved(o[0].basis),
        "Linear.kept[0].basis",
    ),
    "a named tuple": (lambda: Pair(torch.zeros(1), 2), lambda o: moved(o.first), "Linear.kept.first"),
    "a count": (lambda: itertools.count(3), next, "Linear.kept"),
    "a number of numpy": (lambda: [np.float32(1)], lambda o: o.append(np.float32(2)), "Linear.kept"),
    "a list of 250 numbers": (lambda: list(range(250)), lambda o: o.reverse(), "Linear.kept"),
}


@pytest.mark.parametrize("kind", KINDS_OF_OBJECTS)
@pytest.mark.parametrize("place", ["the model", "the optimizer's state", "a parameter group", "stateful"])
def test_objects_of_any_class_are_looked_into_everywhere(kind, place):
    make, change, name = KINDS_OF_OBJECTS[kind]
    value, model = make(), nn.Linear(2, 2)
    optimizer = sgd(model)
    if place == "the model":
        model.kept = value
    elif place == "the optimizer's state":
        optimizer.state[model.weight]["kept"] = value
    elif place == "a parameter group":
        optimizer.param_groups[0]["kept"] = value
    others = [value] if place == "stateful" else []
    changed = names_that_change(lambda: observed(model, optimizers=[optimizer], others=others), lambda: change(value))
    (found,) = changed
    kind_of_value, _, found = found.partition(": ")
    ends = name.removeprefix("Linear.kept")
    expected = {
        "the model": ("attribute", name),
        "the optimizer's state": ("optimizer state", f"kept{ends} of weight"),
        "a parameter group": ("group value", f"kept{ends} of group 0"),
        "stateful": ("attribute", f"{type(value).__name__} 0{ends}"),
    }
    assert (kind_of_value, found) == expected[place]


def test_a_thing_that_is_reached_twice_has_one_name_the_models_first():
    model, shared = nn.Linear(2, 2), torch.zeros(2)
    optimizer = sgd(model)
    model.register_buffer("center", shared)
    optimizer.state[model.weight]["center"] = shared
    names = [name for name in observed(model, optimizers=[optimizer], others=[[shared]]) if "generator" not in name]
    assert [name for name in names if "center" in name or "list" in name] == ["buffer: center"]


def test_attributes_of_an_optimizer_are_looked_at_but_not_the_private_ones_of_pytorch():
    class Lookahead(torch.optim.SGD):
        def __init__(self, parameters):
            super().__init__(parameters, lr=0.1)
            self.slow = [torch.zeros(2)]

    model = nn.Linear(2, 2)
    optimizer = Lookahead(model.parameters())
    assert names_that_change(lambda: observed(model, optimizers=[optimizer]), lambda: moved(optimizer.slow[0])) == {
        "attribute: Lookahead.slow[0]"
    }
    optimizer.step()
    assert not [name for name in observed(model, optimizers=[optimizer]) if "_zero_grad" in name]


def test_objects_of_the_process_are_not_looked_into(tmp_path):
    model = nn.Linear(2, 2)
    with (tmp_path / "log").open("w") as file:
        model.log, model.lock, model.logger, model.thread = file, threading.Lock(), logging.getLogger(), threading.Thread()
        model.weak, model.module, model.learner_class = weakref.ref(model), torch, TorchLearner
        attributes = {name for name in observed(model) if kind_of(name) == "attribute"}
    assert attributes == {"attribute: Linear.in_features", "attribute: Linear.out_features"}


# --- tensors without a plain memory ---


class Wrapped(torch.Tensor):
    """A tensor that consists of a quantized one and its scale, as those of torchao do."""

    @staticmethod
    def __new__(cls, codes, scale):
        return torch.Tensor._make_wrapper_subclass(cls, codes.shape, dtype=torch.float32)

    def __init__(self, codes, scale):
        self.codes, self.scale = codes, scale

    def __tensor_flatten__(self):
        return ["codes", "scale"], None

    @classmethod
    def __torch_dispatch__(cls, function, types, args=(), kwargs=None):
        raise NotImplementedError(str(function))


class Opaque(Wrapped):
    __tensor_flatten__ = None  # pyright: ignore[reportAssignmentType]


@pytest.mark.parametrize("part", ["codes", "scale"])
def test_a_tensor_that_wraps_others_is_seen_by_these(part):
    model = nn.Linear(2, 2)
    optimizer = sgd(model)
    state = Wrapped(torch.zeros(3, dtype=torch.uint8), torch.ones(1))
    optimizer.state[model.weight]["exp_avg"] = state
    assert names_that_change(lambda: observed(model, optimizers=[optimizer]), lambda: getattr(state, part).fill_(7)) == {
        "optimizer state: exp_avg of weight"
    }


def test_a_tensor_whose_class_hides_its_memory_is_seen_by_its_attributes():
    state = Opaque(torch.zeros(3), torch.ones(1))
    assert names_that_change(lambda: observed(others=[[state]]), lambda: state.scale.fill_(7)) == {
        "attribute: list 0[0].scale"
    }


TENSORS = {
    "without data": lambda: torch.empty(3, device="meta"),
    "lazy": nn.parameter.UninitializedBuffer,
    "sparse": lambda: torch.eye(3).to_sparse(),
    "sparse by rows": lambda: torch.eye(3).to_sparse_csr(),
    "quantized": lambda: torch.quantize_per_tensor(torch.ones(3), 0.1, 0, torch.quint8),
    "of 8 bits": lambda: torch.zeros(3, dtype=torch.float8_e4m3fn),
    "conjugated": lambda: torch.ones(2, dtype=torch.complex64).conj(),
    "empty": lambda: torch.zeros(0),
    "one number": lambda: torch.ones(()),
    "expanded": lambda: torch.ones(3, 1).expand(3, 4),
    "nested": lambda: torch.nested.nested_tensor([torch.ones(2), torch.ones(3)]),
    "jagged": lambda: torch.nested.nested_tensor([torch.ones(2), torch.ones(3)], layout=torch.jagged),
}


@pytest.mark.filterwarnings("ignore:Sparse CSR", "ignore:The PyTorch API of nested", "ignore:.*quantiz")
@pytest.mark.parametrize("kind", TENSORS)
def test_tensors_of_every_kind_can_be_looked_at(kind):
    tensor = TENSORS[kind]()
    name = "attribute: list 0[0]"
    assert "unreadable" not in observed(others=[[tensor]])[name]
    assert observed(others=[[tensor]])[name] == observed(others=[[tensor]])[name]


@pytest.mark.parametrize("shape", [(3_000_000,), (3000, 1000), (1, 3_000_000), (3, 10, 100_000)])
@pytest.mark.parametrize("transposed", [False, True])
def test_every_number_of_a_large_tensor_is_seen_whatever_its_layout(shape, transposed):
    tensor = torch.arange(3_000_000.0).view(shape)
    tensor = tensor.transpose(0, -1) if transposed else tensor
    contents = digest(tensor)
    assert contents == digest(tensor.contiguous())
    for index in ([0] * tensor.dim(), [-1] * tensor.dim()):
        changed = tensor.clone()
        changed[tuple(index)] += 1
        assert digest(changed) != contents


# --- looking leaves no trace ---


@pytest.mark.parametrize("look", ["observe", "fingerprint", "digest", "check"])
def test_memory_stays_resizable(look):
    model = nn.BatchNorm1d(4)
    optimizer = OPTIMIZERS["Adam"](model.parameters())
    model(torch.ones(2, 4)).sum().backward()
    optimizer.step()
    states = [value for state in optimizer.state.values() for value in state.values()]
    tensors = [*model.parameters(), *model.buffers(), *states, *(one.grad for one in model.parameters())]
    if look == "observe":
        observed(model, optimizers=[optimizer])
    elif look == "fingerprint":
        fingerprint(model, optimizer)
    elif look == "digest":
        for tensor in tensors:
            digest(tensor)
    else:
        data = [(torch.randn(4, 4), torch.randn(4, 4)) for _ in range(4)]
        lrfinder.check(TorchLearner(model, optimizer, nn.MSELoss(), data), lrfinder.testing.LRS[:3])
    assert all(tensor.untyped_storage().resizable() for tensor in tensors)


def test_a_buffer_that_grows_can_grow_after_a_look():
    observer = nn.Module()
    observer.register_buffer("histogram", torch.zeros(2))
    observed(observer)
    observer.histogram.resize_(5)
    assert len(observer.histogram) == 5


def test_looking_calls_no_code_of_the_user():
    class Lazy:
        def __init__(self):
            self.value = 1

        def __getattr__(self, name):
            raise AssertionError(name)

        @property
        def computed(self):
            raise AssertionError

    class Guarded(list):
        def __iter__(self):
            raise AssertionError

        def __len__(self):
            raise AssertionError

    assert "attribute: Linear.kept.value" in observed(with_attribute(Lazy()))
    assert "attribute: Linear.kept" in observed(with_attribute(Guarded([1, 2])))


# --- what functions reach ---


class Center(nn.Module):
    """A loss with a running center in a buffer, and one in an object of its own."""

    def __init__(self):
        super().__init__()
        self.register_buffer("center", torch.zeros(2))
        self.memory = SimpleNamespace(bank=[torch.zeros(2)], calls=0)

    def forward(self, output, target):
        return (output - self.center).sum()


class Prototypes:
    """A callable object without a base class of PyTorch."""

    shared = torch.zeros(2)

    def __init__(self):
        self.means, self.rng = np.zeros(2), np.random.default_rng(0)
        self.calls = 0

    def __call__(self, output, target):
        return output.sum()

    def loss(self, output, target):
        return self.helper(output)

    def helper(self, output):
        return output.sum() + GLOBAL_OF_A_METHOD[0].sum()


GLOBAL_OF_A_METHOD = [torch.zeros(2)]
TEACHER = nn.Linear(2, 2)
CALLS = 0
DATA_SET = TensorDataset(torch.zeros(3))


def with_closure():
    bank = torch.zeros(2)
    queue = deque([np.zeros(2)])

    def step(batch):
        return (bank + queue[0].sum()).sum()

    return step


def with_global(batch):
    return TEACHER(batch)


def in_a_nested_function(batch):
    def inside():
        return TEACHER(batch)

    return inside()


def through_a_function(batch, *, clip=None):
    return with_global(batch)


def with_default(batch, seen=[torch.zeros(2)], *, rng=np.random.default_rng(0)):  # noqa: B006, B008
    return batch


def with_attribute_of_its_own(batch):
    return batch


with_attribute_of_its_own.bank = torch.zeros(2)


def decorated():
    bank = torch.zeros(2)

    @torch.no_grad()
    def step(batch):
        return bank

    return step


def late():
    def step(batch):
        return bank if CALLS else None

    if CALLS:
        bank = 1
    return step


def partial_of(loss):
    return partial(lambda loss, given: loss, loss, given=torch.zeros(2))


center, prototypes = Center(), Prototypes()
REACHED = {
    "a module": (center, {"buffer: f.center", "mode: f", "attribute: f.memory.bank[0]", "attribute: f.memory.calls"}),
    "a bound method of a module": (center.forward, {"buffer: Center.center of f", "attribute: Center.memory.calls of f"}),
    "a callable object": (prototypes, {"attribute: f.means", "generator: f.rng", "attribute: f.calls"}),
    "an attribute of a class": (prototypes, {"attribute: Prototypes.shared"}),
    "a bound method": (prototypes.loss, {"attribute: Prototypes.means of f", "generator: Prototypes.rng of f"}),
    "a method that a method names": (prototypes.loss, {"attribute: global GLOBAL_OF_A_METHOD[0] of Prototypes.helper"}),
    "a closure": (with_closure(), {"attribute: closure bank of f", "attribute: closure queue[0] of f"}),
    "a partial": (partial_of(center), {"buffer: argument 0.center of f", "attribute: argument given of f"}),
    "a method of a generator": (np.random.default_rng(0).random, {"generator: f"}),
    "a global": (with_global, {"parameter: global TEACHER.weight of f", "mode: global TEACHER of f"}),
    "a global of a nested function": (in_a_nested_function, {"parameter: global TEACHER.weight of f"}),
    "a global of another function": (through_a_function, {"parameter: global TEACHER.weight of with_global"}),
    "a default": (with_default, {"attribute: default seen[0] of f", "generator: default rng of f"}),
    "an attribute of a function": (with_attribute_of_its_own, {"attribute: f.bank"}),
    "a decorated function": (decorated(), {"attribute: closure bank of step"}),
}


@pytest.mark.parametrize("kind", REACHED)
@pytest.mark.parametrize("place", ["an argument", "a hook", "an attribute of the model"])
def test_state_that_a_function_reaches_is_looked_at(kind, place):
    function, names = REACHED[kind]
    model = nn.Linear(2, 2)
    if place == "an argument":
        found = observed(model, callables={"f": function, "clip": None})
    elif place == "a hook":
        model.register_forward_hook(function)
        found = observed(model)
    else:
        model.kept = SimpleNamespace(function=function)
        found = observed(model)
    if place == "an argument":
        assert names <= set(found)
    assert len(set(found) - set(observed(nn.Linear(2, 2)))) >= len(names)


def test_data_modules_files_and_objects_without_state_are_not_reached():
    settings, losses, cache, lock = SimpleNamespace(width=3), [], {}, threading.Lock()
    dataset, batches = TensorDataset(torch.zeros(3)), loader()
    iterator = iter(batches)

    def forward(model, batch):
        losses.append((settings, cache, lock, dataset, batches, iterator, torch, np, CALLS, DATA_SET))

    assert set(observed(callables={"forward": forward})) == set(observed())


def test_the_data_of_the_learner_are_not_state_of_its_functions():
    data = [torch.zeros(3)]
    assert set(observed(data=data, callables={"forward": lambda model, batch: data[0]})) == set(observed())


def test_a_variable_that_is_not_assigned_yet_is_passed_over():
    assert set(observed(callables={"step": late()})) == set(observed())


def test_a_list_without_state_is_a_record_and_one_that_holds_tensors_is_state():
    losses, rates, bank = [], [0.1], [torch.zeros(1)]

    def forward(model, batch):
        losses.append(torch.ones(1))
        rates.append(0.2)
        bank.append(torch.ones(1))

    inspection = Inspection([], [], callables={"forward": forward})
    before, beside = inspection.observe(), inspection.unrestored()
    forward(None, None)
    assert differing(inspection.observe(), before) == ["attribute: closure bank[1] of forward"]
    assert {name.partition("[")[0] for name in differing(inspection.unrestored(), beside)} == {
        "attribute: closure losses",
        "attribute: closure rates of forward",  # numbers in a list are one value
    }


def test_a_value_that_becomes_a_tensor_later_is_no_state():
    center, cache = None, {}

    def step(batch):
        nonlocal center
        center = torch.ones(1)
        cache["key"] = torch.ones(1)

    inspection = Inspection([], [], callables={"step": step})
    before = inspection.observe()
    inspection.unrestored()
    step(None)
    assert differing(inspection.observe(), before) == []
    assert {"attribute: closure center of step", "attribute: closure cache['key'] of step"} <= set(inspection.unrestored())


def test_more_objects_than_anyone_can_look_at_are_named():
    index = {k: [torch.zeros(0)] for k in range(3)} | {k: [[k], SimpleNamespace()] for k in range(3, 60_000)}
    bank = torch.zeros(2)
    inspection = Inspection([], [], callables={"step": lambda batch: index[bank]})
    found = inspection.observe()
    assert "attribute: closure bank of step" in found
    assert not any("index" in name for name in found)
    assert "more than 100,000 objects: closure index of step" in inspection.unrestored()


def test_plain_values_that_functions_reach_are_seen_beside_the_state():
    calls, history = 0, []
    settings = SimpleNamespace(decay=0.9)

    def step(batch):
        nonlocal calls
        calls += 1
        history.append(settings.decay)
        settings.decay *= 0.9

    inspection = Inspection([], [], callables={"step": step})
    inspection.observe()
    before = inspection.unrestored()
    step(None)
    assert set(differing(inspection.unrestored(), before)) == {
        "attribute: closure calls of step",
        "attribute: closure history of step",
        "attribute: closure settings.decay of step",
    }


def test_functions_with_the_same_names_keep_their_states_apart():
    found = observed(callables={"step": with_closure(), "clip": with_closure()})
    assert {"attribute: closure bank of step", "attribute: closure bank of clip"} <= set(found)
    model = nn.Linear(2, 2)
    model.register_forward_hook(with_closure())
    model.register_forward_hook(with_closure())
    assert {"attribute: closure bank of step", "attribute: closure bank of step (2)"} <= set(observed(model))


def test_the_objects_that_were_visited_are_listed_by_name():
    model, bank = with_attribute(Slotted()), [torch.zeros(2)]
    visited = Inspection([model], [sgd(model)], callables={"step": lambda batch: bank}).visited()
    ids = {id(one): name for name, one in visited}
    for one, name in [
        (model.weight, "weight"),
        (model.kept, "Linear.kept"),
        (model.kept.basis, "Linear.kept.basis"),
        (bank, "closure bank of step"),
        (bank[0], "closure bank[0] of step"),
        (vars(model), "Linear"),
    ]:
        assert ids[id(one)] == name


# --- the place in the data ---


class Buckets(Sampler):
    """A batch sampler that shuffles its own lists in place, as those that group texts by length do."""

    def __init__(self):
        self.batches = [[8 * k + j for j in range(8)] for k in range(12)]
        self.order = np.arange(12)
        self.weights = torch.ones(12)
        self.data_source = list(range(5000))

    def __iter__(self):
        random.shuffle(self.batches)
        return iter(self.batches)

    def __len__(self):
        return len(self.batches)


class Loader:
    """A loader of the user's own."""

    def __init__(self):
        self.order = list(range(250))
        self.inputs = torch.zeros(500, 3)

    def __iter__(self):
        return iter(())


def with_buckets():
    return DataLoader(pairs(), batch_sampler=Buckets())


PLACES = {
    "lists of a batch sampler": (with_buckets, lambda d: d.batch_sampler.batches.reverse(), "batch_sampler.batches"),
    "an array of a batch sampler": (with_buckets, lambda d: d.batch_sampler.order.fill(3), "batch_sampler.order"),
    "a tensor of a batch sampler": (with_buckets, lambda d: moved(d.batch_sampler.weights), "batch_sampler.weights"),
    "a list of a loader": (Loader, lambda d: d.order.reverse(), "order"),
    "a list of a loader that grows": (Loader, lambda d: d.order.append(1), "order"),
    "inputs": (Loader, lambda d: moved(d.inputs), "inputs"),
}


def test_a_generator_in_the_closure_of_a_function_of_the_data_is_seen():
    rng, table = np.random.default_rng(0), torch.zeros(3)

    def collate(batch):
        return torch.utils.data.default_collate(batch), rng.random(), table

    data = DataLoader(pairs(), collate_fn=collate)
    assert names_that_change(lambda: observed(data=data), rng.random) == {"generator: closure rng of collate"}


@pytest.mark.parametrize("kind", PLACES)
def test_lists_and_arrays_of_data_are_one_thing_each(kind):
    make, change, name = PLACES[kind]
    data = make()
    changed = names_that_change(lambda: observed(data=data), lambda: change(data))
    assert changed == {f"attribute: data.{name}"}
