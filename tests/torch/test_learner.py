"""The PyTorch learner: its data, other training steps, and refused arguments."""

# These tests add attributes to the objects of frameworks.
# pyright: reportAttributeAccessIssue=false

import copy
import gc
import math
import multiprocessing
from typing import NamedTuple

import numpy as np
import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader, default_collate
from torch_nets import cross_entropy, equal, loader, net, obeys, pairs, rates, sgd

from lrfinder import LRFinder, Stop
from lrfinder.errors import BatchError, DataError, EmptyDataError, LearnerError, LossError, ModelError, OptimizerError
from lrfinder.torch import TorchLearner
from lrfinder.torch.inspection import fingerprint

pytestmark = pytest.mark.usefixtures("seed")


class Pair(NamedTuple):
    inputs: torch.Tensor
    target: torch.Tensor


def test_batches_may_be_nested_and_a_step_may_change_its_copy():
    inputs, target = torch.randn(8, 6), torch.zeros(8, dtype=torch.long)
    batch = {"pair": Pair(inputs, target), "more": [np.ones(3), (inputs, "text")], "none": None}
    original = copy.deepcopy(batch)
    model = net()

    def forward(model, batch):
        assert isinstance(batch["pair"], Pair)
        loss = cross_entropy(model(batch["pair"].inputs.mul_(0.5)), batch["pair"].target)
        batch["more"][0][:] = 0
        batch.pop("none")
        return loss

    learner = TorchLearner(model, sgd(model), None, [batch], forward=forward)
    obeys(learner, model)
    assert torch.equal(batch["pair"].inputs, original["pair"].inputs)
    assert batch["more"][0].tolist() == [1, 1, 1]
    assert "none" in batch


def test_a_new_learner_requests_nothing_from_the_loader_and_draws_nothing():
    class Silent(DataLoader):
        def __iter__(self):
            raise AssertionError("a batch was requested")

    model = net()
    before = torch.get_rng_state()
    TorchLearner(model, sgd(model), cross_entropy, Silent(pairs(), 8, shuffle=True)).snapshot()
    assert torch.equal(torch.get_rng_state(), before)


def test_a_running_iterator_of_the_user_is_undisturbed_even_with_persistent_workers():
    def rest(use):
        torch.manual_seed(3)
        feed = loader(num_workers=1, persistent_workers=True)
        running = iter(feed)
        batches = [next(running), next(running)]
        use(feed)
        return [inputs for inputs, _ in [*batches, *running]]

    def find(feed):
        model = net()
        learner = TorchLearner(model, sgd(model), cross_entropy, feed)
        LRFinder(learner).find(max_iterations=30)
        learner.close()

    assert equal(rest(find), rest(lambda _: net()))


def test_close_ends_the_workers_that_the_learner_started_and_no_others():
    model = net()
    feed = loader(num_workers=1, persistent_workers=True)
    running = iter(feed)
    next(running)
    learner = TorchLearner(model, sgd(model), cross_entropy, feed)
    learner.iteration(0.1)
    assert len(multiprocessing.active_children()) == 2
    learner.close()
    gc.collect()
    assert len(multiprocessing.active_children()) == 1
    assert len(list(running)) == 11


def test_a_stream_that_ends_in_the_middle_ends_the_sweep():
    model = net()
    result = LRFinder(TorchLearner(model, sgd(model), cross_entropy, iter(list(loader())))).find()
    assert (len(result), result.stop) == (12, Stop.DATA_ENDED)


def test_attributes_that_a_collate_function_sets_on_its_loader_are_restored():
    def collate(items):
        data.drawn += 1
        return default_collate(items)

    data = DataLoader(pairs(), 8, collate_fn=collate)
    data.drawn = 0
    model = nn.Linear(6, 2)
    LRFinder(TorchLearner(model, sgd(model), cross_entropy, data)).find(max_iterations=5)
    assert data.drawn == 0


def test_two_optimizers_of_a_gan_keep_the_ratio_of_their_rates_and_obey_the_law():
    generator, critic = nn.Linear(3, 6), nn.Sequential(nn.Linear(6, 8), nn.ReLU(), nn.Linear(8, 1))
    generator_optimizer, critic_optimizer = (
        torch.optim.Adam(generator.parameters(), lr=1e-3),
        torch.optim.Adam(critic.parameters(), lr=4e-3),
    )

    def step(batch):
        real = batch[0]
        for optimizer, sign in ((critic_optimizer, 1.0), (generator_optimizer, -1.0)):
            optimizer.zero_grad()
            fake = generator(torch.randn(len(real), 3))
            loss = sign * (critic(fake).mean() - critic(real).mean())
            loss.backward()
            optimizer.step()
        return loss

    learner = TorchLearner.from_step(
        step, loader(), modules=[generator, critic], optimizers=[generator_optimizer, critic_optimizer]
    )
    obeys(learner, generator, critic, generator_optimizer, critic_optimizer)
    learner.iteration(0.02)
    assert rates(generator_optimizer) + rates(critic_optimizer) == pytest.approx([0.005, 0.02])


def test_averaged_weights_of_a_custom_step_obey_the_law():
    model = net()
    averaged = torch.optim.swa_utils.AveragedModel(model)
    optimizer = sgd(model)

    def step(batch):
        optimizer.zero_grad()
        loss = cross_entropy(model(batch[0]), batch[1])
        loss.backward()
        optimizer.step()
        averaged.update_parameters(model)
        return loss

    learner = TorchLearner.from_step(step, loader(), modules=[model, averaged], optimizers=[optimizer])
    obeys(learner, model, averaged, optimizer)


def test_a_stateful_object_without_attributes_is_restored_through_its_state_dict():
    class Slotted:
        __slots__ = ("count",)

        def state_dict(self):
            return {"count": self.count}

        def load_state_dict(self, state):
            self.count = state["count"]

    counter, model = Slotted(), net()
    counter.count = 0
    optimizer = sgd(model)

    def step(batch):
        counter.count += 1
        loss = cross_entropy(model(batch[0]), batch[1]) + counter.count
        loss.backward()
        return loss

    learner = TorchLearner.from_step(step, loader(), modules=[model], optimizers=[optimizer], stateful=[counter])
    obeys(learner, model, optimizer)


def test_a_stateful_object_that_cannot_be_restored_is_refused():
    model = net()
    learner = TorchLearner(model, sgd(model), cross_entropy, loader(), stateful=[object()])
    with pytest.raises(LearnerError, match="state_dict"):
        learner.snapshot()


def build(model=None, optimizer=None, loss_fn=cross_entropy, data=None, **settings):
    model = net() if model is None else model
    return TorchLearner(model, optimizer or sgd(model), loss_fn, loader() if data is None else data, **settings)


BAD = {
    "an optimizer of another model": (OptimizerError, "none of the model's", lambda: build(optimizer=sgd(net()))),
    "an optimizer that is a function": (OptimizerError, "function", lambda: build(optimizer=lambda: 0)),
    "a model that is a number": (ModelError, "Module", lambda: build(model=3, optimizer=sgd(net()))),
    "no loss and no forward": (LossError, "forward", lambda: build(loss_fn=None)),
    "no batches per update": (LearnerError, "accumulate", lambda: build(accumulate=0)),
    "data that cannot be iterated": (DataError, "int", lambda: build(data=3)),
    "empty data": (EmptyDataError, "no batch", lambda: build(data=[])),
    "a mapping": (BatchError, "forward=", lambda: build(data=[{"x": torch.ones(2, 6), "y": torch.ones(2)}])),
    "a triple": (BatchError, "tuple of 3", lambda: build(data=[(1, 2, 3)])),
    "a bare tensor": (BatchError, "Tensor", lambda: build(data=[torch.ones(2, 6)])),
    "a loss of a vector": (
        LossError,
        r"shape \(8,\)",
        lambda: build(loss_fn=lambda o, t: cross_entropy(o, t, reduction="none")),
    ),
    "a loss that needs no gradient": (
        LossError,
        "gradient",
        lambda: build(loss_fn=lambda o, t: cross_entropy(o.detach(), t)),
    ),
    "a loss that is a float": (LossError, "float", lambda: build(loss_fn=lambda o, t: cross_entropy(o, t).item())),
    "a scaler with a closure": (
        OptimizerError,
        "closure",
        lambda: build(
            model=(model := net()), optimizer=torch.optim.LBFGS(model.parameters()), scaler=torch.amp.GradScaler("cpu")
        ),
    ),
    "a step without modules": (
        LearnerError,
        "at least one",
        lambda: TorchLearner.from_step(lambda _: torch.zeros(()), [], modules=[], optimizers=[]),
    ),
    "a step that returns a vector": (
        LossError,
        "one number",
        lambda: TorchLearner.from_step(lambda _: torch.ones(3), [1], modules=[(m := net())], optimizers=[sgd(m)]),
    ),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_input_gets_its_own_error(name):
    error, words, create = BAD[name]
    with pytest.raises(error, match=words):
        LRFinder(create()).find(max_iterations=3)


@pytest.mark.parametrize("data", [[{"x": 1}], [], [torch.ones(2, 6)]])
def test_bad_data_do_not_change_the_model(data):
    model = net()
    optimizer = sgd(model)
    before = fingerprint(model, optimizer)
    with pytest.raises(LearnerError):
        LRFinder(build(model, optimizer, data=data)).find()
    assert fingerprint(model, optimizer) == before


def test_a_real_range_test_finds_where_a_network_diverges():
    model = net(0)
    result = LRFinder(build(model, sgd(model, momentum=0.9))).find()
    assert result.stop is Stop.DIVERGED
    assert 0.01 < result.lrs[-1] < 10
    assert math.isfinite(result.losses.min())


class Endless(torch.utils.data.IterableDataset):
    def __iter__(self):
        while True:
            yield torch.ones(3), torch.tensor(0)


@pytest.mark.parametrize(
    ("data", "settings", "expected"),
    [
        (pairs, {}, len(pairs())),
        (pairs, {"accumulate": 4}, len(pairs()) / 4),
        (lambda: DataLoader(torch.arange(10), batch_size=4), {}, 3),
        (lambda: DataLoader(torch.arange(10), batch_size=4, drop_last=True), {}, 2),
        (lambda: DataLoader(Endless(), batch_size=4), {}, None),
        (lambda: iter(pairs()), {}, None),
        (lambda: iter(DataLoader(torch.arange(10))), {}, None),
        (lambda: (pair for pair in pairs()), {}, None),
    ],
)
def test_an_epoch_has_the_updates_of_one_pass_over_the_data(data, settings, expected):
    assert build(data=data(), **settings).iterations_per_epoch() == expected


def test_an_epoch_of_a_custom_step_has_an_iteration_for_each_batch():
    model = net()
    learner = TorchLearner.from_step(lambda batch: model(batch[0]).sum(), pairs(), modules=[model], optimizers=[sgd(model)])
    assert learner.iterations_per_epoch() == len(pairs())


def test_a_search_for_epochs_is_one_for_the_updates_in_them():
    found = LRFinder(build(data=loader(), accumulate=2)).suggest(epochs=3, max_iterations=60)
    assert found.horizon == round(3 * len(loader()) / 2)
