"""Ignite: the events before the first iteration are those of run, for the handlers that take part, and leave nothing."""

import random

import pytest

pytest.importorskip("ignite", reason="Ignite is not installed")

import torch
from ignite.engine import Events, create_supervised_trainer
from ignite.handlers import EMAHandler
from loop_records import first_update, flags
from torch import nn
from torch.utils.data import DataLoader
from torch_nets import pairs
from trainer_searches import search, search_that_fails

from lrfinder import LRFinder
from lrfinder.learner import restored
from lrfinder.torch.inspection import fingerprint
from lrfinder.trainers.ignite import EngineLearner

pytestmark = pytest.mark.filterwarnings("ignore:.*ignite.*:DeprecationWarning")


class Training:
    """A model with its engine, and handlers by name that set something up, always from the same seed."""

    def __init__(self, names, accumulate=1):
        torch.manual_seed(0)
        self.model = nn.Sequential(nn.Linear(6, 16), nn.BatchNorm1d(16), nn.ReLU(), nn.Dropout(0.3), nn.Linear(16, 2))
        self.optimizer = torch.optim.Adam(self.model.parameters(), lr=0.01)
        self.loader = DataLoader(pairs(), batch_size=8, shuffle=True)
        self.engine = create_supervised_trainer(
            self.model,
            self.optimizer,
            nn.CrossEntropyLoss(),
            gradient_accumulation_steps=accumulate,
            model_transform=self.transform,
        )
        self.accumulate = accumulate
        handlers = {
            "freezing": (Events.STARTED, self.freeze),
            "replacing": (Events.EPOCH_STARTED, self.replace),
            "noise": (Events.GET_BATCH_COMPLETED, self.add_noise),
            "scaling": (Events.ITERATION_STARTED, self.scale),
        }
        for name in names:
            if name == "averaging":
                EMAHandler(self.model).attach(self.engine)
            else:
                self.engine.add_event_handler(*handlers[name])
        self.handlers = [handlers[name][1] for name in names if name in handlers]
        self.losses = []
        self.engine.add_event_handler(Events.ITERATION_COMPLETED, lambda engine: self.losses.append(engine.state.output))

    def transform(self, output):
        return output * getattr(self.engine.state, "factor", 1.0)

    def freeze(self, engine):
        assert (engine.state.iteration, engine.state.epoch) == (0, 0)
        self.model[0].requires_grad_(False)
        engine.state.factor = 2.0

    def replace(self, engine):
        assert (engine.state.epoch, engine.state.epoch_length) == (1 + engine.state.iteration // 12, 12)
        self.model[2] = nn.Tanh()
        self.model[1].requires_grad_(False)

    def add_noise(self, engine):
        inputs, target = engine.state.batch
        engine.state.batch = [inputs + torch.rand(1), target]

    def scale(self, engine):
        engine.state.batch = [engine.state.batch[0] * 2.0, engine.state.batch[1]]

    def learner(self):
        return EngineLearner(self.engine, self.optimizer, self.loader, handlers=self.handlers, accumulate=self.accumulate)

    def run(self, max_epochs=1):
        self.engine.run(self.loader, max_epochs=max_epochs)

    def seen(self):
        plain = bool | int | float | str | None
        state = {name: value for name, value in vars(self.engine.state).items() if isinstance(value, plain)}
        return flags(self.model), fingerprint(self.model, self.optimizer), state, torch.get_rng_state().tolist()


def combination(seed):
    draw = random.Random(seed)
    starting = draw.sample(["freezing", "replacing"], draw.randrange(1, 3))  # without one, no start is undone
    names = starting + draw.sample(["noise", "scaling", "averaging"], draw.randrange(3))
    return tuple(names), draw.choice([1, 3])


COMBINATIONS = [combination(seed) for seed in range(6)]


@pytest.mark.parametrize(("names", "accumulate"), COMBINATIONS, ids=str)
def test_the_first_iteration_is_that_of_run(names, accumulate):
    learner = Training(names, accumulate).learner()
    with first_update() as searched, restored(learner):
        loss = float(learner.iteration(0.01))
    with first_update() as own:
        (training := Training(names, accumulate)).run()
    assert searched == own
    assert loss == pytest.approx(sum(training.losses[:accumulate]) / accumulate, rel=1e-6)


@pytest.mark.parametrize("what", [search, search_that_fails])
@pytest.mark.parametrize(("names", "accumulate"), COMBINATIONS, ids=str)
def test_nothing_remains_of_the_start_and_a_run_is_that_of_its_twin(names, accumulate, what):
    training, twin = Training(names, accumulate), Training(names, accumulate)
    before = training.seen()
    what(training.learner())
    assert training.seen() == before
    for one in (training, twin):
        torch.manual_seed(1)
        one.run(2)
    assert training.losses == twin.losses
    assert training.seen() == twin.seen()


def test_a_search_in_the_middle_of_a_run_does_not_start_it_again():
    starts = []
    training = Training(())

    def start(_):
        starts.append("start")

    def find(_):
        learner = EngineLearner(training.engine, training.optimizer, training.loader, handlers=[start])
        LRFinder(learner).find(rates=[0.1, 0.2])

    training.engine.add_event_handler(Events.STARTED, start)
    training.engine.add_event_handler(Events.ITERATION_COMPLETED(once=7), find)
    training.run()
    assert starts == ["start"]


def test_a_run_that_follows_another_starts_at_its_first_epoch():
    epochs = []
    training = Training(())

    def begin(engine):
        epochs.append((engine.state.epoch, engine.state.iteration))

    training.engine.add_event_handler(Events.EPOCH_STARTED, begin)
    training.run()
    learner = EngineLearner(training.engine, training.optimizer, training.loader, handlers=[begin])
    LRFinder(learner).find(rates=[0.1, 0.2])
    training.run()
    assert epochs == [(1, 0)] * 3
