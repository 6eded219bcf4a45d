"""The rate reaches every trainer of a learner, or what stands in the way is named."""

import numpy as np
import pytest

pytest.importorskip("mxnet", reason="the session oldest has it")
from gluon_nets import make_loader, make_net, make_trainer, mx, nn, seeded

import lrfinder.testing
from lrfinder import LRFinder
from lrfinder.errors import OptimizerError
from lrfinder.gluon import GluonLearner, schedules

schedulers = mx.lr_scheduler


class TwoNets(GluonLearner):
    """A net and a head, each with its own trainer; ``place`` is where the second trainer is kept."""

    def __init__(self, rates=(0.02, 0.01), place=None, scheduled=(None, None)):
        seeded()
        super().__init__(make_net(), make_loader(), trainer=None)
        self.head = nn.Dense(2, in_units=2)
        self.head.initialize()
        first, second = (
            mx.gluon.Trainer(net.collect_params(), "sgd", {"learning_rate": rate, "momentum": 0.9})
            for net, rate in zip((self.net, self.head), rates, strict=True)
        )
        first.optimizer.lr_scheduler, second.optimizer.lr_scheduler = scheduled
        self.trainer, self.second = first, second
        if place is not None:
            del self.second
            self.others = place(second)

    def seconds(self):
        kept = vars(self).get("others", self.second if "second" in vars(self) else None)
        return kept if isinstance(kept, mx.gluon.Trainer) else next(iter(kept.values() if isinstance(kept, dict) else kept))

    def iteration(self, lr=None, take_step=True):
        if lr is not None:
            self.write_rate(lr)
        data, label = next(self.data_loader_iter)
        with mx.autograd.record():
            loss = self.loss_fn(self.head(self.net(data)), label)
        loss.backward()
        self.trainer.step(len(data))
        self.seconds().step(len(data))
        return loss.mean().item()


PLACES = {"an attribute": None, "a list": lambda one: [one], "a dictionary": lambda one: {"head": one}}


@pytest.mark.parametrize("place", PLACES)
def test_every_trainer_gets_the_rate_at_its_ratio(place):
    one = TwoNets(place=PLACES[place])
    list(one.iterations([0.5]))
    assert (one.trainer.learning_rate, one.seconds().learning_rate) == (0.5, 0.25)


@pytest.mark.parametrize("place", PLACES)
def test_the_state_of_every_trainer_is_restored(place):
    lrfinder.testing.check(TwoNets(place=PLACES[place]))


def test_a_search_leaves_every_trainer_and_its_parameters_as_they_were():
    one = TwoNets()
    list(one.iterations([0.1]))
    weight, rate = one.head.weight.data().asnumpy(), one.second.learning_rate
    LRFinder(one).find(lr_start=1e-3, max_iterations=12)
    assert (one.head.weight.data().asnumpy() == weight).all()
    assert one.second.learning_rate == rate


def test_trainers_with_schedulers_of_one_shape_keep_their_ratio():
    scheduled = [schedulers.CosineScheduler(1000, base_lr=base, warmup_steps=10) for base in (0.1, 0.02)]
    one = TwoNets(scheduled=scheduled)
    list(one.iterations([0.5]))
    assert (one.trainer.learning_rate, one.second.learning_rate) == (0.5, pytest.approx(0.1))


def test_trainers_whose_ratio_changes_are_refused():
    one = TwoNets(scheduled=(schedulers.CosineScheduler(1000, base_lr=0.1), None))
    with pytest.raises(OptimizerError, match="ratio between the rates of trainer and second changes"):
        list(one.iterations([0.5]))


SCHEDULERS = {
    "a factor": lambda: schedulers.FactorScheduler(100, 0.5, base_lr=0.1),
    "a warm-up": lambda: schedulers.CosineScheduler(1000, base_lr=0.1, warmup_steps=10),
    "a function": lambda: lambda update: 0.1 / (1 + update),
}


@pytest.mark.parametrize("name", SCHEDULERS)
@pytest.mark.parametrize("rate", [0.05, 0.1])
def test_a_scheduler_is_detached_for_the_iterations_and_comes_back(name, rate):
    net = make_net()
    trainer = make_trainer(net, "sgd")
    trainer.optimizer.lr_scheduler = scheduler = SCHEDULERS[name]()
    one = GluonLearner(net, make_loader(), trainer=trainer)
    state = one.snapshot()
    one.iteration(rate)
    assert (trainer.optimizer.lr_scheduler, trainer.learning_rate) == (None, rate)
    one.restore(state)
    assert trainer.optimizer.lr_scheduler is scheduler


def test_a_multiplier_of_a_parameter_applies_to_every_rate():
    net = nn.Dense(1, use_bias=False, in_units=1)
    net.initialize(mx.init.One())
    net.weight.lr_mult = 0.5
    data = [(np.ones((1, 1), "float32"), np.zeros((1, 1), "float32"))]
    batches = [tuple(map(mx.np.array, batch)) for batch in data]
    one = GluonLearner(net, batches, loss_fn=lambda output, label: output - label, trainer=make_trainer(net, "sgd"))
    one.iteration(0.5)
    assert net.weight.data().item() == pytest.approx(0.75)


class SetsARate(GluonLearner):
    def _backward(self, data, label):
        self.trainer.set_learning_rate(0.001)
        return super()._backward(data, label)


class AttachesAScheduler(GluonLearner):
    def iteration(self, lr=None, take_step=True):
        self.trainer.optimizer.lr_scheduler = schedulers.FactorScheduler(100, 0.5, base_lr=0.1)
        data, label = next(self.data_loader_iter)
        losses = self._backward(data, label)
        self.trainer.step(len(data))
        return losses[0].mean().item()


class SetsTheSecond(TwoNets):
    def write_rate(self, lr):
        super().write_rate(lr)
        self.second.set_learning_rate(0.003)


IN_THE_WAY = {
    "a rate": (lambda: SetsARate(make_net(), make_loader()), "trainer has the rate 0.001"),
    "a scheduler": (lambda: AttachesAScheduler(make_net(), make_loader()), "trainer has a FactorScheduler"),
    "the rate of a second trainer": (SetsTheSecond, "second has the rate 0.003, and the rate 0.25"),
}


@pytest.mark.parametrize("name", IN_THE_WAY)
def test_an_iteration_that_sets_another_rate_is_named_after_the_first(name):
    make, reason = IN_THE_WAY[name]
    one = make()
    one.snapshot()  # makes the deferred parameters
    weight = one.net[0].weight.data().asnumpy()
    with pytest.raises(OptimizerError, match=reason):
        LRFinder(one).find(lr_start=0.5, lr_end=5.0)
    assert (one.net[0].weight.data().asnumpy() == weight).all()


class WarmsUp(GluonLearner):
    def _backward(self, data, label):
        self.updates = getattr(self, "updates", 0) + 1
        if self.updates > 20:
            self.trainer.set_learning_rate(0.003)
        return super()._backward(data, label)


@pytest.mark.parametrize("search", ["find", "suggest", "compare"])
def test_an_iteration_that_begins_to_set_a_rate_later_is_named(search):
    finder = LRFinder(WarmsUp(make_net(), make_loader()))
    searches = {"find": finder.find, "suggest": finder.suggest, "compare": lambda: finder.compare([0.01, 0.1], 30)}
    with pytest.raises(OptimizerError, match=r"trainer has the rate 0\.003"):
        searches[search]()


def trained(trainer, net, updates=30):
    """Return the rates at which a trainer makes its next updates."""
    rates = []
    data = mx.np.ones((2, 1, 6, 6))
    for _ in range(updates):
        with mx.autograd.record():
            loss = net(data).sum()
        loss.backward()
        trainer.step(2)
        rates.append(trainer.learning_rate)
    return np.array(rates)


@pytest.mark.parametrize("name", SCHEDULERS)
def test_a_rate_scales_the_schedule_that_stays_attached(name):
    nets = [make_net(), make_net()]
    one, other = (make_trainer(net, "sgd") for net in nets)
    one.optimizer.lr_scheduler, other.optimizer.lr_scheduler = SCHEDULERS[name](), SCHEDULERS[name]()
    peak = max(SCHEDULERS[name]()(update) for update in range(1, 200))
    schedules.set_rate(one, 0.02, scheduler=one.optimizer.lr_scheduler)
    np.testing.assert_allclose(trained(one, nets[0]), trained(other, nets[1]) * 0.02 / peak)


@pytest.mark.parametrize("name", SCHEDULERS)
def test_a_rate_that_a_scheduler_would_overwrite_is_refused_with_the_line_to_write(name):
    trainer = make_trainer(make_net(), "sgd")
    trainer.optimizer.lr_scheduler = SCHEDULERS[name]()
    with pytest.raises(OptimizerError, match=r"set_rate\(trainer, rate, scheduler=trainer\.optimizer\.lr_scheduler\)"):
        schedules.set_rate(trainer, 0.02)


def test_a_scheduler_that_is_not_attached_is_refused():
    with pytest.raises(OptimizerError, match="scheduler= is not attached to the trainer"):
        schedules.set_rate(make_trainer(make_net(), "sgd"), 0.02, scheduler=SCHEDULERS["a factor"]())


def test_a_result_names_the_scheduler_that_the_search_left_out():
    net = make_net()
    trainer = make_trainer(net, "sgd")
    one = GluonLearner(net, make_loader(), trainer=trainer)
    assert not LRFinder(one).find(max_iterations=3).notes
    trainer.optimizer.lr_scheduler = schedulers.FactorScheduler(100, 0.5, base_lr=0.1)
    assert "the search left out the FactorScheduler of the trainer" in LRFinder(one).find(max_iterations=3).notes[-1]
