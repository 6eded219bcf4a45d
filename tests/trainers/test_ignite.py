"""Ignite: a restore repeats time, a search changes nothing, set_rate reaches the training, other handlers stay quiet."""

import pytest

pytest.importorskip("ignite", reason="Ignite is not installed")

import torch
import trainer_searches as searches
from ignite.engine import Engine, EventEnum, Events, create_supervised_trainer
from ignite.handlers import Checkpoint, DiskSaver, EarlyStopping, EMAHandler, LinearCyclicalScheduler
from torch import nn
from torch.utils.data import DataLoader
from torch_nets import pairs

import lrfinder.testing
from lrfinder import LRFinder, RatesError
from lrfinder.errors import LearnerError, LossError, ModelError, OptimizerError
from lrfinder.torch import schedules
from lrfinder.torch.inspection import fingerprint
from lrfinder.trainers.ignite import EngineLearner

pytestmark = pytest.mark.filterwarnings("ignore:.*ignite.*:DeprecationWarning")


class Own(EventEnum):
    BACKWARD_COMPLETED = "backward_completed"


class Training:
    """A model, its optimizer, its data and its engine, always from the same seed."""

    def __init__(self, *, by_hand=False, accumulate=1, averaged=False, **of_loader):
        torch.manual_seed(0)
        self.model = nn.Sequential(nn.Linear(6, 16), nn.BatchNorm1d(16), nn.ReLU(), nn.Dropout(0.3), nn.Linear(16, 2))
        self.optimizer = torch.optim.Adam(self.model.parameters(), lr=0.01)
        self.loader = DataLoader(pairs(), batch_size=8, shuffle=True, **of_loader)
        self.losses = []
        if by_hand:
            self.engine = Engine(self.step)
            self.engine.register_events(*Own)
        else:
            self.engine = create_supervised_trainer(
                self.model, self.optimizer, nn.functional.cross_entropy, gradient_accumulation_steps=accumulate
            )
        self.accumulate = accumulate
        self.average = EMAHandler(self.model, momentum=0.1) if averaged else None
        if averaged:
            self.average.attach(self.engine, event=Events.ITERATION_COMPLETED(every=2))
        self.engine.add_event_handler(Events.ITERATION_COMPLETED, self.record)

    def step(self, engine, batch):
        inputs, target = batch
        self.model.train()
        self.optimizer.zero_grad()
        loss = nn.functional.cross_entropy(self.model(inputs), target)
        loss.backward()
        engine.fire_event(Own.BACKWARD_COMPLETED)
        self.optimizer.step()
        return {"loss": loss}

    def record(self, engine):
        output = engine.state.output
        self.losses.append(float(output["loss"].detach() if isinstance(output, dict) else output))

    def learner(self, **settings):
        return EngineLearner(self.engine, self.optimizer, self.loader, accumulate=self.accumulate, **settings)

    def fingerprint(self):
        return fingerprint(self.model, self.optimizer, *([] if self.average is None else [self.average.ema_model]))


SETTINGS = {
    "supervised": {},
    "by hand": {"by_hand": True},
    "accumulation": {"accumulate": 5},
    "averaged weights": {"averaged": True},
    "workers": {"num_workers": 1, "persistent_workers": True},
}


@pytest.mark.parametrize("name", SETTINGS)
def test_time_repeats_for_every_kind_of_engine(name):
    training = Training(**SETTINGS[name])
    learner = training.learner()
    learner.observe()  # prepares the trainer until close(), not for each block
    lrfinder.testing.check(learner, lrfinder.testing.LRS[::3], observe=lambda: learner.observe() | training.fingerprint())
    learner.close()


def nothing(_):
    pass


def search(training):
    searches.search(training.learner())


def search_that_fails(training):
    searches.search_that_fails(training.learner())


def ran(settings, before, in_the_middle=nothing):
    training = Training(**settings)
    training.engine.add_event_handler(Events.ITERATION_COMPLETED(once=7), lambda _: in_the_middle(training))
    before(training)
    training.engine.run(training.loader, max_epochs=2)
    return training


@pytest.mark.parametrize("what", [search, search_that_fails])
@pytest.mark.parametrize("name", SETTINGS)
def test_a_run_is_the_same_with_and_without_a_search(name, what):
    plain, again = ran(SETTINGS[name], nothing), ran(SETTINGS[name], what)
    assert again.losses == plain.losses
    assert again.fingerprint() == plain.fingerprint()
    assert repr(again.engine.state) == repr(plain.engine.state)


@pytest.mark.parametrize("name", ["supervised", "by hand", "averaged weights"])
def test_a_search_in_the_middle_of_a_run_changes_nothing(name):
    plain, again = ran(SETTINGS[name], nothing), ran(SETTINGS[name], nothing, search)
    assert again.losses == plain.losses
    assert again.fingerprint() == plain.fingerprint()


def test_the_comparison_detects_a_search_that_draws_one_random_number():
    assert ran({}, lambda _: torch.rand(1)).losses != ran({}, nothing).losses


@pytest.mark.parametrize("name", ["supervised", "by hand", "averaged weights", "accumulation"])
def test_iterations_of_the_learner_are_those_of_run(name):
    losses = lrfinder.testing.losses(Training(**SETTINGS[name]).learner(), [0.01] * 3)
    plain = ran(SETTINGS[name], nothing).losses
    sizes = (5, 5, 2) if name == "accumulation" else (1, 1, 1)
    starts = [sum(sizes[:k]) for k in range(3)]
    assert losses == pytest.approx([sum(plain[k : k + n]) / n for k, n in zip(starts, sizes, strict=True)], rel=1e-6)


def test_handlers_that_log_save_or_stop_are_not_called(tmp_path):
    training = Training()
    stopping = EarlyStopping(1, lambda _: 0.0, training.engine)
    training.engine.add_event_handler(Events.ITERATION_COMPLETED, stopping)
    saving = Checkpoint({"model": training.model}, DiskSaver(tmp_path, create_dir=False))
    training.engine.add_event_handler(Events.ITERATION_COMPLETED, saving)
    LRFinder(training.learner()).find()
    assert (training.losses, list(tmp_path.iterdir())) == ([], [])
    assert (stopping.counter, training.engine.should_terminate, training.engine.state.iteration) == (0, False, 0)


def test_handlers_take_part_if_the_step_fires_their_event_or_if_they_are_named():
    training = Training(by_hand=True)
    calls = []

    def named(engine):
        calls.append(f"iteration {engine.state.iteration}")

    training.engine.add_event_handler(Own.BACKWARD_COMPLETED, lambda _: calls.append("backward"))
    training.engine.add_event_handler(Events.ITERATION_STARTED, named)
    LRFinder(training.learner(handlers=[named])).find(rates=[0.1, 0.2])
    assert calls == ["iteration 1", "backward", "iteration 2", "backward"]


def test_the_next_run_has_the_rate_that_was_set():
    training = Training()
    training.learner().set_rate(0.5)
    training.engine.run(training.loader, max_epochs=1)
    assert training.optimizer.param_groups[0]["lr"] == 0.5


def test_a_schedule_moves_the_rate_after_each_iteration():
    training = Training()
    training.learner().set_rate(0.5, schedule=lambda optimizer, rate: schedules.warmup_cosine(optimizer, rate, 12, warmup=4))
    rates = []
    training.engine.add_event_handler(
        Events.ITERATION_STARTED, lambda _: rates.append(training.optimizer.param_groups[0]["lr"])
    )
    training.engine.run(training.loader, max_epochs=1)
    assert rates[:5] == pytest.approx([0.1, 0.2, 0.3, 0.4, 0.5])
    assert rates[-1] == pytest.approx(0.0)


def test_an_engine_with_a_scheduler_of_its_own_is_refused():
    training = Training()
    scheduler = LinearCyclicalScheduler(training.optimizer, "lr", 0.0, 1.0, 10)
    training.engine.add_event_handler(Events.ITERATION_STARTED, scheduler)
    with pytest.raises(OptimizerError, match="LinearCyclicalScheduler that writes rates of its own"):
        training.learner().set_rate(0.5)


def test_wrong_arguments_are_refused():
    training = Training()
    with pytest.raises(LearnerError, match=r"give an ignite.engine.Engine"):
        EngineLearner(training.model, training.optimizer, training.loader)
    with pytest.raises(LearnerError, match="accumulate is 0"):
        EngineLearner(training.engine, training.optimizer, training.loader, accumulate=0)
    with pytest.raises(ModelError, match="model="):
        EngineLearner(training.engine, torch.optim.SGD(nn.Linear(2, 2).parameters(), lr=0.1), training.loader)
    with pytest.raises(RatesError, match="rate is None"):
        training.learner().set_rate(None)
    without_loss = Engine(lambda *_: training.model and None)
    with pytest.raises(LossError, match="must give the loss"):
        LRFinder(EngineLearner(without_loss, training.optimizer, training.loader, model=training.model)).find()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("optimizer", None), ("optimizer", nn.Linear(1, 1)), ("data", "abc"), ("accumulate", 2.0), ("model", "x"),
        ("loss", 3), ("stateful", 3), ("handlers", None),
    ],
)  # fmt: skip
def test_an_argument_of_another_kind_is_refused_by_name(name, value):
    model = nn.Linear(3, 1)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    engine = create_supervised_trainer(model, optimizer, nn.MSELoss())
    arguments = {"optimizer": optimizer, "data": [1]} | {name: value}
    with pytest.raises(LearnerError if name != "optimizer" else OptimizerError, match=name):
        EngineLearner(engine, **arguments)
