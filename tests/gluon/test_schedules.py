import copy
import pickle
from dataclasses import replace

import pytest

from lrfinder import RatesError, Status, Suggestion
from lrfinder.errors import OptimizerError

pytest.importorskip("mxnet", reason="the session oldest has it")
from gluon_nets import make_net, mx

from lrfinder.gluon import schedules
from lrfinder.views.report.usage import usage

SUGGESTION = Suggestion(0.1, 0.05, 0.2, "high", Status.OK, (), 600, 300)
ALL = [
    schedules.warmup_cosine(0.1, 100, warmup=10),
    schedules.triangular(0.1, 10, base_lr=0.01),
    schedules.one_cycle(0.1, 100),
]


@pytest.mark.parametrize("schedule", ALL, ids=lambda one: type(one).__name__)
def test_a_trainer_takes_the_schedule(schedule):
    schedule = pickle.loads(pickle.dumps(schedule))
    trainer = mx.gluon.Trainer(make_net().collect_params(), "sgd", {"learning_rate": 0.05, "lr_scheduler": schedule})
    assert schedule.base_lr == 0.05
    rates = [schedule(update) for update in range(1, 50)]
    assert min(rates) > 0
    assert max(rates) <= 0.1
    assert trainer.learning_rate == schedule(0)


def test_a_rate_is_set_in_a_trainer():
    trainer = mx.gluon.Trainer(make_net().collect_params(), "sgd", {"learning_rate": 0.05})
    schedules.set_rate(trainer, SUGGESTION)
    assert trainer.learning_rate == 0.1


def test_a_suggestion_gives_the_schedule_of_its_rate():
    for make in (schedules.one_cycle, schedules.triangular, schedules.warmup_cosine):
        suggested, plain = make(SUGGESTION, 20), make(0.1, 20)
        assert [suggested(update) for update in range(20)] == [plain(update) for update in range(20)]


def test_a_warm_up_rises_to_the_rate_and_the_cosine_falls_to_its_part():
    schedule = schedules.warmup_cosine(0.1, 100, warmup=10, final_part=0.01)
    assert schedule(1) < schedule(5) < schedule(10)
    assert schedule(10) == pytest.approx(0.1)
    assert schedule(100) == pytest.approx(0.001)


def test_a_triangle_goes_up_and_down_without_end():
    schedule = schedules.triangular(0.1, 10, base_lr=0.01)
    assert [schedule(k) for k in (0, 5, 10, 15, 20, 30)] == pytest.approx([0.01, 0.055, 0.1, 0.055, 0.01, 0.1])


def test_one_cycle_starts_low_reaches_the_rate_and_ends_far_below():
    schedule = schedules.one_cycle(0.1, 100)
    assert [schedule(k) for k in (0, 25, 100, 1000)] == pytest.approx([0.004, 0.1, 1e-6, 1e-6])


def test_a_suggestion_without_a_rate_makes_no_schedule():
    for make in (schedules.one_cycle, schedules.triangular, schedules.warmup_cosine):
        with pytest.raises(RatesError, match="None"):
            make(None, 10)
    with pytest.raises(RatesError, match="rise"):
        schedules.triangular(0.01, 10, base_lr=0.1)
    with pytest.raises(RatesError, match="at least 1"):
        schedules.one_cycle(0.1, 0)


@pytest.mark.parametrize("schedule", ["constant", "one_cycle"])
def test_the_reports_code_for_mxnet_does_what_it_says(schedule):
    net = make_net()
    names = {"gluon": mx.gluon, "net": net, "trainer": mx.gluon.Trainer(net.collect_params(), "sgd", {"learning_rate": 0.5})}
    trainer = names["trainer"]
    exec(usage(replace(SUGGESTION, schedule=schedule))["MXNet"], names)
    if schedule == "constant":
        assert trainer.learning_rate == 0.1
        assert trainer.optimizer.lr_scheduler is None
        return
    assert max(trainer.optimizer.lr_scheduler(update) for update in range(300)) == pytest.approx(0.1)


SHAPES = {
    "FactorScheduler": lambda: mx.lr_scheduler.FactorScheduler(7, 0.5, base_lr=0.1),
    "MultiFactorScheduler": lambda: mx.lr_scheduler.MultiFactorScheduler([10, 30], 0.3, base_lr=0.1),
    "PolyScheduler": lambda: mx.lr_scheduler.PolyScheduler(40, base_lr=0.1, pwr=2, warmup_steps=4),
    "CosineScheduler": lambda: mx.lr_scheduler.CosineScheduler(40, base_lr=0.1, final_lr=0.01, warmup_steps=4),
    "OneCycle": lambda: schedules.one_cycle(0.1, 50),
    "Triangular": lambda: schedules.triangular(0.1, 7),
}


@pytest.mark.parametrize("name", SHAPES)
def test_the_shape_of_a_scheduler_is_its_rates_over_the_highest(name):
    for start in (0, 21):
        shape, scheduler = schedules.shape_of(SHAPES[name](), 29, start=start), SHAPES[name]()
        seen = [scheduler(k) for k in range(start + 1, start + 30)]
        assert [shape(k / 29) for k in range(29)] == pytest.approx([rate / max(seen) for rate in seen])
    assert shape.__name__ == f"{name} of 29 steps"


@pytest.mark.parametrize("name", SHAPES)
def test_the_shape_is_that_of_the_updates_of_a_trainer_and_leaves_its_scheduler_alone(name):
    scheduler = SHAPES[name]()
    before = copy.deepcopy(vars(scheduler))
    shape = schedules.shape_of(scheduler, 40)
    assert vars(scheduler) == before
    net = mx.gluon.nn.Dense(1, use_bias=False, in_units=1)
    net.initialize(mx.init.One())
    trainer = mx.gluon.Trainer(net.collect_params(), "sgd", {"learning_rate": scheduler.base_lr, "lr_scheduler": scheduler})
    moved = []
    for _ in range(40):
        before = net.weight.data().item()
        with mx.autograd.record():
            loss = net(mx.np.ones((1, 1))).sum()
        loss.backward()
        trainer.step(1)
        moved.append(before - net.weight.data().item())
    assert [shape(k / 40) for k in range(40)] == pytest.approx([one / max(moved) for one in moved], rel=1e-3, abs=1e-4)


@pytest.mark.parametrize(
    ("scheduler", "iterations", "reason"),
    [
        (0.1, 10, "is a builtins.float"),
        (mx.lr_scheduler.CosineScheduler(40, base_lr=0.0), 10, "one above it"),
        (mx.lr_scheduler.CosineScheduler(40, base_lr=0.1), 0, "at least 1"),
    ],
)
def test_a_scheduler_without_a_shape_is_refused(scheduler, iterations, reason):
    with pytest.raises(RatesError, match=reason):
        schedules.shape_of(scheduler, iterations)


@pytest.mark.parametrize("given", [3, None, "sgd"])
def test_what_is_no_trainer_gets_no_rate(given):
    with pytest.raises(OptimizerError, match=r"give a gluon\.Trainer"):
        schedules.set_rate(given, 0.1)
