import math

import numpy as np
import pytest
from fake_learners import Bowl, Level, Scripted

from lrfinder import (
    LRFinder,
    LRFinderError,
    LRFinderStoppingCriteria,
    RatesError,
    Record,
    RisingLoss,
    Stop,
    linear,
)


def test_a_range_test_is_a_sequence_of_rate_and_loss():
    result = LRFinder(Scripted([3.0, 2.0, 1.0])).find(rates=[0.1, 0.2, 0.3])
    assert list(result) == [(0.1, 3.0), (0.2, 2.0), (0.3, 1.0)]
    assert len(result) == 3
    assert result[-1] == Record(0.3, 1.0)


def test_the_default_ladder_is_the_tutorials():
    scripted = Scripted([1.0] * 1000)
    result = LRFinder(scripted).find()
    assert result.lrs[0] == 1e-6
    assert np.allclose(result.lrs[1:] / result.lrs[:-1], 1.1)
    assert scripted.lrs[: len(result)] == result.lrs.tolist()


def test_a_loss_that_never_rises_still_ends_below_the_highest_rate():
    result = LRFinder(Scripted([1.0] * 1000)).find(lr_end=10.0)
    assert result.stop is Stop.LAST_RATE
    assert 10 / 1.1 < result.lrs[-1] <= 10


def test_a_sweep_ends_at_its_limit_on_iterations():
    result = LRFinder(Scripted([1.0] * 1000)).find(max_iterations=7)
    assert (len(result), result.stop) == (7, Stop.MAX_ITERATIONS)


def test_the_loss_of_a_bowl_is_lowest_at_two_over_its_curvature_and_rises_from_there():
    result = LRFinder(Bowl(curvature=4.0)).find(lr_start=0.1)
    lowest = int(result.losses.argmin())
    assert result.stop is Stop.DIVERGED
    assert result.lrs[lowest - 1] < 2 / 4 < result.lrs[lowest]


def test_a_loss_that_is_not_finite_ends_the_sweep_whatever_the_criterion_says():
    result = LRFinder(Scripted([1.0, math.nan, 1.0])).find(stopping=lambda _: None)
    assert (len(result), result.stop) == (2, Stop.NOT_FINITE)


@pytest.mark.parametrize("first", [math.nan, math.inf])
def test_a_first_loss_that_is_not_finite_gives_one_record_and_raises_nothing(first):
    result = LRFinder(Scripted([first, 1.0])).find()
    assert (len(result), result.stop) == (1, Stop.NOT_FINITE)


def test_a_stream_that_ends_in_the_middle_ends_the_sweep():
    result = LRFinder(Scripted([1.0, 1.0])).find()
    assert (len(result), result.stop) == (2, Stop.DATA_ENDED)


@pytest.mark.parametrize(
    ("verdict", "stop"), [(True, Stop.CRITERION), (Stop.DIVERGED, Stop.DIVERGED), ("yes", Stop.CRITERION)]
)
def test_any_callable_stops_with_a_truthy_value(verdict, stop):
    result = LRFinder(Scripted([3.0, 2.0, 1.0, 0.0])).find(stopping=lambda loss: verdict if loss < 2 else None)
    assert (len(result), result.stop) == (3, stop)


def test_one_criterion_serves_many_sweeps():
    finder = LRFinder(Bowl())
    criterion = RisingLoss()
    assert finder.find(stopping=criterion) == finder.find(stopping=criterion)


def test_rates_may_be_any_sequence():
    result = LRFinder(Scripted([1.0] * 9)).find(rates=linear(0.1, 0.5, 5))
    assert result.lrs.tolist() == pytest.approx([0.1, 0.2, 0.3, 0.4, 0.5])
    assert result.stop is Stop.LAST_RATE


def test_a_count_takes_the_place_of_the_multiplier_and_includes_both_ends():
    result = LRFinder(Scripted([1.0] * 30)).find(1e-4, lr_end=1.0, count=30)
    assert (len(result), result.lrs[0], result.lrs[-1], result.stop) == (30, 1e-4, 1.0, Stop.LAST_RATE)


def test_every_record_is_passed_on():
    records = []
    result = LRFinder(Scripted([1.0, math.nan])).find(on_record=records.append)
    assert len(records) == 2
    assert records[0] == result[0]


def test_settings_are_those_of_the_call():
    settings = LRFinder(Scripted([1.0])).find(1e-5, 1.2, 0.5, lr_end=1.0, max_iterations=9).settings
    assert (settings.lr_start, settings.lr_multiplier, settings.lr_end, settings.max_iterations) == (1e-5, 1.2, 1.0, 9)
    assert settings.stopping == repr(LRFinderStoppingCriteria(0.5))


@pytest.mark.parametrize("raised", [RuntimeError("mine"), KeyboardInterrupt(), SystemExit(3)])
def test_an_exception_passes_through_unchanged_after_the_restore(raised):
    scripted = Scripted([1.0, 1.0, raised])
    with pytest.raises(type(raised)) as caught:
        LRFinder(scripted).find()
    assert caught.value is raised
    assert scripted.here == 0


def test_an_exception_carries_a_note_of_where_it_was_raised():
    raised = RuntimeError("mine")
    with pytest.raises(RuntimeError):
        LRFinder(Scripted([1.0, 1.0, raised])).find()
    assert raised.__notes__ == ["lrfinder: raised at iteration 2, learning rate 1.21e-06."]


@pytest.mark.parametrize("where", ["stopping", "on_record"])
def test_a_learner_is_restored_when_a_callback_raises(where):
    bowl = Bowl()

    def fail(_):
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        LRFinder(bowl).find(**{where: fail})
    assert bowl.position == 1.0


def test_settings_that_describe_no_sweep_are_refused_before_the_learner_is_touched():
    scripted = Scripted([1.0])
    for settings in (
        {"lr_start": 0},
        {"lr_multiplier": 1},
        {"lr_end": 1e-7},
        {"max_iterations": 0},
        {"rates": []},
        {"count": 1},
    ):
        with pytest.raises(RatesError):
            LRFinder(scripted).find(**settings)
    assert scripted.restores == 0


def test_results_hold_the_last_range_test():
    finder = LRFinder(Scripted([1.0]))
    assert finder.find() is finder.results


def test_results_before_a_find_say_what_to_do():
    with pytest.raises(LRFinderError, match="find"):
        _ = LRFinder(Bowl()).results


def test_two_sweeps_of_one_learner_are_the_same():
    finder = LRFinder(Bowl(momentum=0.9, noise=0.1))
    assert finder.find() == finder.find()


def test_losses_may_come_in_chunks_and_those_past_the_stop_are_dropped():
    class Chunked(Bowl):
        def iterations(self, lrs):
            for start in range(0, len(lrs), 7):
                yield from [self.iteration(lr) for lr in lrs[start : start + 7]]

    chunked = Chunked()
    assert LRFinder(chunked).find() == LRFinder(Bowl()).find()
    assert chunked.position == 1.0


def test_a_comparison_trains_each_rate_from_the_same_start():
    bowl = Bowl()
    comparison = LRFinder(bowl).compare([0.1, 1.0], iterations=3)
    assert comparison.losses == pytest.approx(np.array([[0.5, 0.5 * 0.81, 0.5 * 0.81**2], [0.5, 0.0, 0.0]]))
    assert comparison.best == 1.0
    assert bowl.position == 1.0


def test_rates_are_compared_on_the_same_noise():
    comparison = LRFinder(Bowl(noise=0.1)).compare([0.1, 0.1], iterations=20)
    assert comparison.losses[0].tolist() == comparison.losses[1].tolist()


def test_a_rate_that_diverges_does_not_end_the_comparison():
    with np.errstate(all="ignore"):
        comparison = LRFinder(Bowl(position=np.float64(1.0))).compare([1e200, 0.5], iterations=10)
    assert comparison.stops == (Stop.NOT_FINITE, Stop.MAX_ITERATIONS)
    assert comparison.best == 0.5
    assert comparison.final()[0] == math.inf


def test_no_rate_is_best_when_all_diverge():
    assert LRFinder(Scripted([1.0, math.nan])).compare([1.0, 2.0], iterations=5).best is None


def test_a_comparison_has_the_difference_of_every_pair():
    comparison = LRFinder(Bowl()).compare([0.01, 0.02, 0.5], iterations=100)
    assert [(pair.lr, pair.other, pair.order) for pair in comparison.differences] == [
        (0.01, 0.02, "higher"), (0.01, 0.5, "higher"), (0.02, 0.5, "higher"),
    ]  # fmt: skip
    assert comparison.differences[0].mean == pytest.approx(comparison.final()[0] - comparison.final()[1])
    assert comparison.tied == ()


def test_differences_to_the_best_are_seen_from_the_others():
    comparison = LRFinder(Bowl()).compare([0.01, 0.5, 0.02], iterations=100)
    low, best, middle = comparison.against_best()
    assert best is None
    assert (low.lr, low.other, low.order) == (0.01, 0.5, "higher")
    assert (middle.lr, middle.other, middle.order) == (0.02, 0.5, "higher")


def test_rates_within_the_noise_are_tied_with_the_best():
    comparison = LRFinder(Level()).compare([0.1, 0.2, 0.3], iterations=100)
    assert comparison.best is not None
    assert {comparison.best, *comparison.tied} == {0.1, 0.2, 0.3}


def test_nothing_is_tied_where_no_rate_is_best():
    comparison = LRFinder(Scripted([1.0, math.nan])).compare([1.0, 2.0], iterations=5)
    assert comparison.against_best() == (None, None)
    assert comparison.tied == ()


@pytest.mark.parametrize(("lrs", "iterations"), [([], 3), ([-1.0], 3), ([0.1], 0)])
def test_a_comparison_of_nothing_is_refused(lrs, iterations):
    with pytest.raises(RatesError):
        LRFinder(Bowl()).compare(lrs, iterations)
