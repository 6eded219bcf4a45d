"""The range test without a learner: settings, recorder, loop."""

import math

import pytest

from lrfinder import DataEndedError, RatesError, Record, Stop
from lrfinder._sweep import DEFAULTS, RangeTestSettings, SweepRecorder, reading, run_sweep


def test_the_default_settings_are_those_of_the_tutorial():
    assert (DEFAULTS.lr_start, DEFAULTS.lr_multiplier, DEFAULTS.smoothing) == (1e-6, 1.1, 0.3)


def test_a_plan_that_is_cut_short_ends_at_the_limit_of_iterations():
    assert RangeTestSettings(max_iterations=5).plan().last_stop is Stop.MAX_ITERATIONS
    assert RangeTestSettings().plan().last_stop is Stop.LAST_RATE
    assert RangeTestSettings(rates=[0.1, 0.2], max_iterations=1).plan().last_stop is Stop.LAST_RATE


def test_a_count_gives_a_plan_of_as_many_rates_that_ends_at_the_last():
    plan = RangeTestSettings(lr_start=1e-5, lr_end=1.0, count=51).plan()
    assert (len(plan.lrs), plan.lrs[0], plan.lrs[-1], plan.last_stop) == (51, 1e-5, 1.0, Stop.LAST_RATE)
    assert plan.settings.lr_multiplier == pytest.approx(10**0.1)


@pytest.mark.parametrize("other", [{"lr_multiplier": 1.2}, {"max_iterations": 50}, {"rates": [0.1, 0.2]}])
def test_a_count_that_another_setting_contradicts_is_refused(other):
    with pytest.raises(RatesError, match=r"count (is )?51"):
        RangeTestSettings(count=51, **other).plan()


@pytest.mark.parametrize(
    "setting",
    [{"max_iterations": 20.0}, {"smoothing": "0.3"}, {"smoothing": None}, {"stopping": 3}, {"rates": 0.1}, {"lr_end": None}],
)
def test_a_setting_of_another_type_is_refused_by_name(setting):
    with pytest.raises(RatesError, match=next(iter(setting))):
        RangeTestSettings(**setting).plan()


def test_settings_without_rates_are_refused():
    with pytest.raises(RatesError):
        RangeTestSettings(rates=[]).plan()


def test_a_recorder_gives_one_rate_after_the_other_and_then_the_last():
    recorder = SweepRecorder([0.1, 0.2])
    lrs = [recorder.lr]
    recorder.record(3.0)
    lrs.append(recorder.lr)
    recorder.record(2.0)
    assert [*lrs, recorder.lr] == [0.1, 0.2, 0.2]


def test_a_recorder_says_why_a_sweep_ends():
    assert SweepRecorder([0.1]).record(1.0) is Stop.LAST_RATE
    assert SweepRecorder([0.1], last_stop=Stop.MAX_ITERATIONS).record(1.0) is Stop.MAX_ITERATIONS
    assert SweepRecorder([0.1, 0.2]).record(1.0) is None
    assert SweepRecorder([0.1, 0.2]).record(math.nan) is Stop.NOT_FINITE
    assert SweepRecorder([0.1, 0.2], lambda _: True).record(1.0) is Stop.CRITERION
    assert SweepRecorder([0.1, 0.2], lambda _: Stop.DIVERGED).record(1.0) is Stop.DIVERGED


def test_a_recorder_resets_its_criterion():
    class Criterion:
        resets = 0

        def reset(self):
            self.resets += 1

        def __call__(self, loss):
            return None

    criterion = Criterion()
    SweepRecorder([0.1], criterion)
    assert criterion.resets == 1


def test_losses_that_end_early_end_the_sweep_with_the_data():
    recorder = run_sweep(reading([3.0, 2.0]), SweepRecorder([0.1, 0.2, 0.3]))
    assert (recorder.records, recorder.stop) == ([Record(0.1, 3.0), Record(0.2, 2.0)], Stop.DATA_ENDED)


def test_losses_beyond_the_stop_are_not_read():
    losses = iter([1.0, math.inf, 5.0])
    run_sweep(reading(losses), SweepRecorder([0.1, 0.2, 0.3]))
    assert list(losses) == [5.0]


def test_a_stop_iteration_of_the_learner_passes_through():
    def train(lr):
        raise StopIteration

    with pytest.raises(StopIteration):
        run_sweep(train, SweepRecorder([0.1]))


def test_a_record_that_a_callback_refuses_is_not_stored():
    def refuse(record):
        raise ZeroDivisionError

    recorder = SweepRecorder([0.1], on_record=refuse)
    with pytest.raises(ZeroDivisionError):
        run_sweep(reading([1.0]), recorder)
    assert recorder.records == []


def test_reading_past_the_end_means_that_the_data_have_ended():
    with pytest.raises(DataEndedError):
        reading([])(0.1)
