"""The check that a function is a schedule."""

import math

import pytest
from fake_learners import Bowl

import lrfinder
from lrfinder import LRFinder, RatesError
from lrfinder._search.schedule_check import check_schedule
from lrfinder.analysis.shapes import shape_of_rates

KNOWN = [
    lrfinder.constant,
    lrfinder.one_cycle,
    lrfinder.cosine,
    lrfinder.linear_decay,
    lrfinder.warmup_cosine(),
    lrfinder.warmup_cosine(warmup=0.0037),
    lrfinder.warmup_linear(warmup=0.9),
    shape_of_rates("StepLR", [0.3, 0.3, 0.03]),
    shape_of_rates("CyclicLR", [k % 7 + 1.0 for k in range(10_000)]),
]


@pytest.mark.parametrize("schedule", KNOWN, ids=repr)
def test_a_schedule_whose_highest_value_is_1_passes(schedule):
    check_schedule(schedule)


@pytest.mark.parametrize(
    ("schedule", "reason"),
    [
        (lambda progress: 0.5 * (1 - progress), "highest value of the schedule <lambda> is 0.5"),
        (lambda progress: 0.1, "is 0.1"),
        (lambda progress: 2 - progress, "is 2"),
        (lambda progress: 0.0, "is 0"),
        (lambda progress: 1 - 2 * progress, "returns -0.0"),
        (lambda progress: math.nan, "returns nan at 0"),
        (lambda progress: None, "returns None at 0"),
        (lambda: 1.0, r"takes \(\)"),
        (lambda step, total: step / total, r"takes \(step, total\)"),
        (lambda progress, *, peak: peak, r"takes \(progress, \*, peak\)"),
        (lrfinder.warmup_cosine, "returns warmup_cosine"),
        ("cosine", "schedule is a str"),
    ],
)
def test_what_is_no_schedule_is_refused_in_one_sentence_before_any_training(schedule, reason):
    learner = Bowl(curvature=1.0)
    with pytest.raises(RatesError, match=reason) as error:
        LRFinder(learner).suggest(schedule=schedule)
    assert str(error.value).count(". ") == 0
