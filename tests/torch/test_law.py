"""The law on PyTorch: learners of every kind pass, and one that leaves out any one kind of state fails."""

# These tests add attributes to the objects of frameworks.
# pyright: reportAttributeAccessIssue=false

import random

import numpy as np
import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader, IterableDataset
from torch_nets import OPTIMIZERS, loader, net, pairs

import lrfinder.testing
from lrfinder.errors import LawError
from lrfinder.torch import TorchLearner
from lrfinder.torch.inspection import fingerprint


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_a_shuffling_loader_with_dropout_obeys_the_law(name):
    torch.manual_seed(0)
    model = net()
    optimizer = OPTIMIZERS[name](model.parameters())
    learner = TorchLearner(model, optimizer, nn.CrossEntropyLoss(), loader())
    lrfinder.testing.check(learner, observe=lambda: fingerprint(model, optimizer))


class Counted(nn.Module):
    """A layer that adds the mean in a persistent buffer, and a count of calls in one that is not persistent."""

    def __init__(self):
        super().__init__()
        self.register_buffer("mean", torch.zeros(16))
        self.register_buffer("calls", torch.zeros(()), persistent=False)

    def forward(self, x):
        self.mean = 0.9 * self.mean + 0.1 * x.detach().mean(0)  # another tensor each time
        self.calls += 1
        return x + self.mean + 0.01 * self.calls


class Counter:
    steps = 0


class Everything:
    """A training in which every kind of state changes each loss that follows."""

    def __init__(self, cls=TorchLearner):
        torch.manual_seed(0)
        self.dropout = nn.Dropout(0.3)
        self.norm = nn.BatchNorm1d(16)
        self.counted = Counted()
        self.model = nn.Sequential(nn.Linear(6, 16), self.norm, self.counted, nn.ReLU(), self.dropout, nn.Linear(16, 2))
        self.optimizer = torch.optim.SGD(self.model.parameters(), lr=0.1, momentum=0.9)
        self.scheduler = torch.optim.lr_scheduler.StepLR(self.optimizer, 3)
        self.scaler = torch.amp.GradScaler("cpu", init_scale=2.0, growth_interval=3)
        self.counter = Counter()
        self.generator = torch.Generator().manual_seed(3)
        self.loader = loader(generator=self.generator)
        self.learner = cls.from_step(
            self.step,
            self.loader,
            modules=[self.model],
            optimizers=[self.optimizer],
            stateful=[self.scheduler, self.scaler, self.counter],
        )
        self.learner.training = self

    def step(self, batch):
        inputs, target = batch
        self.dropout.train(not self.dropout.training)
        self.norm.train(not self.norm.training)
        for parameter in self.model.parameters():
            if parameter.grad is not None:
                parameter.grad *= 0.5
        inputs = inputs + 0.1 * random.random() + 0.1 * np.random.random()
        loss = nn.functional.cross_entropy(self.model(inputs), target)
        self.scaler.scale(loss).backward()
        (group,) = self.optimizer.param_groups
        group["momentum"] = 0.5 if group["momentum"] == 0.9 else 0.9
        self.scaler.step(self.optimizer)
        self.scaler.update()
        self.counter.steps += 1
        self.scheduler.step()
        return loss + 0.01 * (self.scaler.get_scale() + self.counter.steps + self.scheduler.last_epoch)

    def observe(self):
        return fingerprint(self.model, self.optimizer, self.scheduler, self.scaler) | {
            "loader's generator": self.generator.get_state().tolist(),
            "counter": self.counter.steps,
        }


def clones(tensors):
    return [tensor.detach().clone() for tensor in tensors]


def copy_back(tensors, values):
    with torch.no_grad():
        for tensor, value in zip(tensors, values, strict=True):
            tensor.copy_(value)


def state_tensors(training):
    return [state["momentum_buffer"] for state in training.optimizer.state.values()]


def put_optimizer_state(training, momenta):
    training.optimizer.state.clear()
    for parameter, momentum in zip(training.model.parameters(), momenta, strict=False):
        training.optimizer.state[parameter]["momentum_buffer"] = momentum


def put_gradients(training, gradients):
    for parameter, gradient in zip(training.model.parameters(), gradients, strict=True):
        parameter.grad = gradient


# kinds of state that a snapshot could leave out: how to read each, and how to write it
KINDS = {
    "parameters": (
        lambda t: clones(t.model.parameters()),
        lambda t, values: copy_back(t.model.parameters(), values),
    ),
    "statistics of BatchNorm": (
        lambda t: clones([t.norm.running_mean, t.norm.running_var]),
        lambda t, values: copy_back([t.norm.running_mean, t.norm.running_var], values),
    ),
    "buffers that are replaced": (
        lambda t: t.counted.mean,
        lambda t, value: setattr(t.counted, "mean", value),
    ),
    "buffers that are not persistent": (
        lambda t: t.counted.calls.clone(),
        lambda t, value: t.counted.calls.copy_(value),
    ),
    "optimizer state": (lambda t: clones(state_tensors(t)), put_optimizer_state),
    "group values": (
        lambda t: t.optimizer.param_groups[0]["momentum"],
        lambda t, value: t.optimizer.param_groups[0].update(momentum=value),
    ),
    "gradients": (
        lambda t: [None if p.grad is None else p.grad.clone() for p in t.model.parameters()],
        put_gradients,
    ),
    "modes": (
        lambda t: (t.dropout.training, t.norm.training),
        lambda t, modes: (t.dropout.train(modes[0]), t.norm.train(modes[1])),
    ),
    "scaler": (lambda t: t.scaler.state_dict(), lambda t, state: t.scaler.load_state_dict(state)),
    "scheduler": (lambda t: t.scheduler.last_epoch, lambda t, value: setattr(t.scheduler, "last_epoch", value)),
    "an object named as stateful": (lambda t: t.counter.steps, lambda t, value: setattr(t.counter, "steps", value)),
    "python's generator": (lambda _: random.getstate(), lambda _, state: random.setstate(state)),
    "numpy's generator": (lambda _: np.random.get_state(), lambda _, state: np.random.set_state(state)),
    "torch's generator": (lambda _: torch.get_rng_state(), lambda _, state: torch.set_rng_state(state)),
    "position in the data": (
        lambda t: t.learner._batches.mark(),
        lambda t, mark: t.learner._batches.go(mark),
    ),
}


def forgetting(kind):
    """Return a learner class whose restore leaves out one kind of state."""
    read, write = KINDS[kind]

    class Forgetful(TorchLearner):
        def restore(self, state):
            as_it_is = read(self.training)
            super().restore(state)
            write(self.training, as_it_is)

    return Forgetful


def test_a_training_with_every_kind_of_state_obeys_the_law():
    training = Everything()
    lrfinder.testing.check(training.learner, observe=training.observe)


@pytest.mark.parametrize("kind", KINDS)
def test_a_learner_that_leaves_out_one_kind_of_state_breaks_the_law(kind):
    with pytest.raises(LawError):
        lrfinder.testing.check(Everything(forgetting(kind)).learner)


def test_a_learner_that_leaves_out_the_loaders_generator_breaks_the_law():
    class Forgetful(TorchLearner):
        def restore(self, state):
            as_it_is = self.training.generator.get_state()
            super().restore(state)
            self.training.generator.set_state(as_it_is)

    training = Everything(Forgetful)
    with pytest.raises(LawError, match="loader's generator"):
        lrfinder.testing.check_time_repeats(training.learner, observe=training.observe)


class Drawn(IterableDataset):
    """A stream that draws its numbers while it is iterated."""

    def __iter__(self):
        for _ in range(10):
            inputs = torch.randn(6) + random.random()
            yield inputs, int(inputs.sum() > 0)


def a_generator():
    while True:
        inputs = torch.randn(8, 6)
        yield inputs, (inputs.sum(1) > 0).long()


DATA = {
    "a list": lambda: list(loader()),
    "a tuple": lambda: tuple(loader()),
    "a generator": a_generator,
    "a loader of 3 batches": lambda: loader(32),
    "a loader of 1 batch": lambda: loader(96),
    "a loader with an own generator": lambda: loader(generator=torch.Generator().manual_seed(1)),
    "a loader that draws with replacement": lambda: DataLoader(
        pairs(), 8, sampler=torch.utils.data.RandomSampler(pairs(), replacement=True, num_samples=40)
    ),
    "a loader with workers": lambda: loader(num_workers=2),
    "a loader with persistent workers": lambda: loader(num_workers=1, persistent_workers=True),
    "an iterable data set": lambda: DataLoader(Drawn(), batch_size=4),
    "an iterable data set with a worker": lambda: DataLoader(Drawn(), batch_size=4, num_workers=1),
}


@pytest.mark.parametrize("replay_bytes", [1 << 30, 1000])
@pytest.mark.parametrize("name", DATA)
def test_every_kind_of_data_obeys_the_law(name, replay_bytes):
    if name == "a generator" and replay_bytes == 1000:
        pytest.skip("an iterator past the limit gives up the law, and says so")
    torch.manual_seed(0)
    model = net()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    learner = TorchLearner(model, optimizer, nn.CrossEntropyLoss(), DATA[name](), replay_bytes=replay_bytes)
    for check in (lrfinder.testing.check_time_repeats, lrfinder.testing.check_old_states_live):
        check(learner, observe=lambda: fingerprint(model, optimizer))
    learner.close()
