import pickle
from dataclasses import replace

import pytest

from lrfinder import RatesError, Status, Suggestion

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
    before = names["trainer"]
    exec(usage(replace(SUGGESTION, schedule=schedule))["MXNet"], names)
    if schedule == "constant":
        assert before.learning_rate == 0.1
    assert max(names["schedule"](update) for update in range(300)) == pytest.approx(0.1)
