"""Arguments of another kind are refused where they are given, by name, before any work."""

import math
from functools import partial

import numpy as np
import pytest
from fake_learners import Bowl, Scripted

import lrfinder
import lrfinder.testing
from lrfinder import Averaged, LRFinder, LRFinderError, RisingLoss, Validated, executors, schedules
from lrfinder._arguments import given, is_count, number, whole


class Untouched(Bowl):
    """A learner that must not be used."""

    def snapshot(self):
        raise AssertionError

    def restore(self, state):
        raise AssertionError

    def iteration(self, lr):
        raise AssertionError


def refused(name, call):
    with pytest.raises(LRFinderError, match=name):
        call()


FIND = {
    "smoothing": ["x", None, 1, -1, math.nan],
    "max_iterations": [20.0, "x", None, 0, math.nan],
    "lr_start": ["x", None, -1],
    "rates": ["x", 3, [], [None]],
    "stopping": [3, "x"],
    "on_record": [3, "x"],
}
SUGGEST = {
    "horizon": ["x", None, 300.0, 0, -1, math.nan, True],
    "epochs": ["x", -1, math.nan, 0],
    "max_iterations": ["x", None, 650.0, 10],
    "schedule": ["cosine", None, 3],
    "keep": ["x", 1, 2.0],
    "on_record": [3],
}


@pytest.mark.parametrize(("name", "value"), [(name, value) for name, values in FIND.items() for value in values])
def test_find_refuses_before_the_learner_is_touched(name, value):
    refused("rate" if name == "rates" else name, lambda: LRFinder(Untouched()).find(**{name: value}))


@pytest.mark.parametrize(("name", "value"), [(name, value) for name, values in SUGGEST.items() for value in values])
def test_suggest_refuses_before_the_learner_is_touched(name, value):
    refused(name, lambda: LRFinder(Untouched()).suggest(**{name: value}))


@pytest.mark.parametrize("lrs", [None, "x", 0.1, [], ["a"], [math.nan]])
def test_compare_refuses_what_are_no_rates(lrs):
    refused("rate", lambda: LRFinder(Untouched()).compare(lrs))


@pytest.mark.parametrize("iterations", ["x", 20.0, None, 0, True, math.nan])
def test_compare_refuses_what_is_no_count(iterations):
    refused("iterations", lambda: LRFinder(Untouched()).compare([0.1], iterations))


def test_compare_takes_rates_from_an_iterator():
    assert LRFinder(Bowl()).compare(iter([0.1, 0.2]), np.int64(5)).losses.shape == (2, 5)


@pytest.mark.parametrize("learner", [None, "x", 3, object(), Bowl])
@pytest.mark.parametrize(
    "use",
    [LRFinder, lrfinder.check, lrfinder.testing.check, partial(Averaged, batches=2), partial(Validated, evaluate=float)],
)
def test_what_is_no_learner_is_refused(learner, use):
    refused("The learner is", lambda: use(learner))


@pytest.mark.parametrize("batches", [None, "x", 0, 2.0])
def test_batches_must_be_a_count(batches):
    refused("batches", lambda: Averaged(Bowl(), batches))


@pytest.mark.parametrize("evaluate", [None, "x", 0.3])
def test_an_evaluation_must_be_a_function(evaluate):
    refused("evaluate", lambda: Validated(Bowl(), evaluate))


@pytest.mark.parametrize(
    ("name", "call"),
    [
        ("factory", partial(lrfinder.grid, None, a=[1])),
        ("factory", partial(lrfinder.grid, Bowl(), a=[1])),
        ("factory", partial(lrfinder.suggest, None)),
        ("factory", partial(lrfinder.suggest, Bowl())),
        ("each", partial(lrfinder.grid, lambda a: Untouched(), a=[1], each=None)),
        ("executor", partial(lrfinder.grid, lambda a: Untouched(), a=[1], executor=3)),
        ("executor", partial(lrfinder.suggest, lambda: Untouched(), executor=3)),
        ("on_cell", partial(lrfinder.grid, lambda a: Untouched(), a=[1], on_cell=3)),
        ("axes", partial(lrfinder.grid, lambda a: Untouched(), ["a"])),
        ("axes", partial(lrfinder.grid, lambda a: Untouched(), {1: [1]})),
        ("rates", partial(lrfinder.suggest, lambda: Untouched(), rates="x")),
        ("on_record", partial(lrfinder.suggest, lambda: Untouched(), on_record=3)),
    ],
)
def test_functions_that_take_a_factory_refuse_by_name(name, call):
    refused(name, call)


@pytest.mark.parametrize(
    "setting",
    [{"num_cpus": "x"}, {"num_cpus": -1}, {"num_gpus": math.nan}, {"workers": 0}, {"workers": 2.5}, {"max_retries": 1.5}],
)
def test_an_executor_refuses_by_name(setting):
    refused(next(iter(setting)), lambda: executors.Ray(**setting))


@pytest.mark.parametrize("setting", [{"min_iter": 2.5}, {"smoothing": "x"}, {"drops": "x"}, {"noises": None}])
def test_a_criterion_refuses_by_name(setting):
    refused(next(iter(setting)), lambda: RisingLoss(**setting))


@pytest.mark.parametrize("value", ["x", None, -0.1, 1, math.nan])
def test_a_part_of_a_run_must_be_one(value):
    refused("warmup", lambda: lrfinder.warmup_cosine(value))
    refused("warmup", lambda: lrfinder.warmup_linear(value))


@pytest.mark.parametrize("count", ["x", None, 2.5, 0, -1])
def test_lengths_of_schedules_must_be_counts(count):
    refused("iterations", lambda: schedules.check_one_cycle(count, 0.3))
    refused("iterations", lambda: schedules.check_warmup(count, 0))
    refused("half_cycle", lambda: schedules.triangular_bounds(0.1, None, count))
    refused("final_part", lambda: schedules.check_warmup(10, 0, count if count != 0 else 2))


@pytest.mark.parametrize("rate", ["x", None, -1, 0, math.inf, object(), True])
def test_a_rate_must_be_a_number(rate):
    refused("The rate is", lambda: schedules.rate_of(rate))


@pytest.mark.parametrize("last", [0, -1, 2.5, "x"])
def test_the_mean_of_a_comparison_needs_a_count(last):
    comparison = LRFinder(Scripted([1.0] * 9)).compare([0.1], 3)
    refused("last", lambda: comparison.final(last))


def test_numbers_and_counts_may_be_those_of_numpy():
    assert number(np.float32(0.5)) == 0.5
    assert whole("n", np.int64(3), 1, "it counts") == 3
    assert math.isnan(number("3"))
    assert math.isnan(number(True))
    assert math.isnan(number(np.ones(3)))
    assert not is_count(True, 0)


def test_a_message_shows_short_values_and_the_class_of_all_others():
    assert given("x" * 100) == f"{'x' * 100!r:.60}"
    assert given(None) == "None"
    assert given(np.ones((100, 100))) == "a ndarray"
    assert given(Bowl) == "the class Bowl"


RESULT = LRFinder(Bowl(curvature=1.0)).find(max_iterations=30)
WITH_A_PATH = {"to_json": RESULT.to_json, "to_csv": RESULT.to_csv, "report": RESULT.report, "load": lrfinder.load}


@pytest.mark.parametrize("name", WITH_A_PATH)
@pytest.mark.parametrize("path", [3, None, ["curve.json"]])
def test_what_is_no_path_is_refused_by_name(name, path):
    with pytest.raises(TypeError, match=r"^path is .*; give the path of a file"):
        WITH_A_PATH[name](path)


@pytest.mark.parametrize("name", ["to_json", "to_csv", "report"])
def test_a_folder_that_is_not_there_is_named(name, tmp_path):
    with pytest.raises(FileNotFoundError, match="There is no folder to write the file to") as caught:
        WITH_A_PATH[name](tmp_path / "no" / "file")
    assert caught.value.filename == str(tmp_path / "no")


@pytest.mark.parametrize("name", ["constant", "one_cycle", "cosine", "linear_decay"])
def test_a_schedule_that_is_called_without_progress_says_how_it_is_given(name):
    with pytest.raises(LRFinderError, match=rf"without parentheses: suggest\(schedule=lrfinder\.{name}\)"):
        getattr(lrfinder, name)()
