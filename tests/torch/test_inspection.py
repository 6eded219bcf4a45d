"""The check of PyTorch learners names each tensor and generator that is not restored."""

# These tests add attributes to the objects of frameworks.
# pyright: reportAttributeAccessIssue=false

import numpy as np
import pytest
import torch
from torch import nn
from torch.utils.data import Dataset
from torch_nets import OPTIMIZERS, loader, net, pairs

import lrfinder
from lrfinder import Outcome
from lrfinder.torch import TorchLearner
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
    """A net with an object of an unknown class, whose attributes a snapshot does not copy."""

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


def test_state_of_an_object_inside_the_model_is_reported_unless_it_is_named_as_stateful():
    model = Metered()
    check = lrfinder.check(learner(model))
    assert set(check.lost) >= {
        "attribute: Metered.meter.total",
        "attribute: Metered.meter.last",
        "attribute: Metered.meter.history[0]",
        "generator: Metered.meter.rng",
    }
    assert all("meter" in name for name in check.lost)
    assert lrfinder.check(learner(Metered(), stateful=())).lost == check.lost
    model = Metered()
    assert lrfinder.check(learner(model, stateful=[model.meter])).ok


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


def test_state_of_an_object_inside_the_data_set_is_reported():
    data = torch.utils.data.DataLoader(Noisy(), batch_size=8, shuffle=True)
    lost = lrfinder.check(learner(net(), data=data)).lost
    assert "attribute: data.dataset.transform.total" in lost
    assert "generator: data.dataset.transform.rng" in lost


class Chance(nn.Module):
    """A module that draws from a generator which no one can inspect."""

    def __init__(self):
        super().__init__()
        draw = np.random.default_rng().random
        self.forward = lambda inputs: inputs + 0.01 * draw()


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
