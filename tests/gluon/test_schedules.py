import pickle

import pytest

from lrfinder import RatesError, Status, Suggestion

pytest.importorskip("mxnet", reason="the gluon session has it")
from gluon_nets import make_net, mx

from lrfinder.gluon import schedules
from lrfinder.views.report.usage import usage

ALL = [
    schedules.warmup_cosine(0.1, 100, warmup=10),
    schedules.factor(0.1, 30),
    schedules.multi_factor(0.1, [30, 60]),
    schedules.poly(0.1, 100),
    schedules.Triangular(0.01, 0.1, 10),
    schedules.Triangular2(0.01, 0.1, 10),
    schedules.ExpRange(0.01, 0.1, 10, 0.99),
    schedules.OneCycle(0.1, 100),
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


def test_a_warm_up_rises_to_the_rate_and_the_cosine_falls_to_the_final_one():
    schedule = schedules.warmup_cosine(0.1, 100, warmup=10, final_lr=0.001)
    assert schedule(1) < schedule(5) < schedule(10)
    assert schedule(10) == pytest.approx(0.1)
    assert schedule(100) == pytest.approx(0.001)


def test_triangular_goes_up_and_down_over_and_over():
    schedule = schedules.Triangular(0.01, 0.1, 10)
    assert [schedule(k) for k in (0, 5, 10, 15, 20, 30)] == pytest.approx([0.01, 0.055, 0.1, 0.055, 0.01, 0.1])


def test_triangular2_is_half_as_high_each_cycle():
    schedule = schedules.Triangular2(0.01, 0.09, 10)
    assert [schedule(k) for k in (10, 30, 50)] == pytest.approx([0.09, 0.05, 0.03])


def test_exp_range_falls_with_every_update():
    schedule = schedules.ExpRange(0.01, 0.1, 10, 0.9)
    assert schedule(10) == pytest.approx(0.01 + 0.09 * 0.9**10)


def test_one_cycle_starts_low_reaches_the_rate_and_ends_far_below():
    schedule = schedules.OneCycle(0.1, 100)
    assert [schedule(k) for k in (0, 25, 100, 1000)] == pytest.approx([0.004, 0.1, 1e-6, 1e-6])


def test_a_suggestion_without_a_rate_makes_no_schedule():
    for make in (lambda lr: schedules.warmup_cosine(lr, 10), lambda lr: schedules.factor(lr, 10)):
        with pytest.raises(RatesError, match="None"):
            make(None)
    with pytest.raises(RatesError, match="rise"):
        schedules.Triangular(0.1, 0.01, 10)
    with pytest.raises(RatesError, match="at least 1"):
        schedules.OneCycle(0.1, 0)


@pytest.mark.parametrize("schedule", ["constant", "one_cycle"])
def test_the_reports_code_for_mxnet_does_what_it_says(schedule):
    net = make_net()
    names = {"gluon": mx.gluon, "net": net, "trainer": mx.gluon.Trainer(net.collect_params(), "sgd", {"learning_rate": 0.5})}
    before = names["trainer"]
    suggestion = Suggestion(0.1, 0.05, 0.2, "high", Status.OK, (), 600, 300, schedule=schedule)
    exec(usage(suggestion)["MXNet"], names)
    if schedule == "constant":
        assert before.learning_rate == 0.1
    assert max(names["schedule"](update) for update in range(300)) == pytest.approx(0.1)
