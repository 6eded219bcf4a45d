import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lrfinder.analysis.endings import (
    comparison_window,
    diverged,
    ended_above_first_loss,
    ended_above_first_tenth,
    final_losses,
    grid_score,
    reached_end,
    search_score,
    search_window,
)

FALLING = np.linspace(2.0, 1.0, 100)


def test_the_window_of_a_comparison_is_the_last_tenth_and_at_least_one_iteration():
    assert [comparison_window(n) for n in (1, 9, 10, 300)] == [1, 1, 1, 30]


def test_the_window_of_a_search_is_the_last_fifth_and_at_least_three_iterations():
    assert [search_window(n) for n in (1, 15, 40, 100)] == [3, 3, 8, 20]


def test_a_score_is_the_mean_of_its_window():
    assert search_score(FALLING) == grid_score(FALLING) == FALLING[-20:].mean()
    short = np.array([4.0, 3.0, 2.0, 1.0])
    assert (search_score(short), grid_score(short)) == (2.0, 1.0)


@pytest.mark.parametrize("score", [search_score, grid_score])
@pytest.mark.parametrize("last", [math.nan, math.inf, -math.inf])
def test_a_score_is_infinite_where_a_loss_of_its_window_is_not_finite(score, last):
    assert score(np.append(FALLING, last)) == math.inf


@pytest.mark.parametrize("losses", [[], [1e308, 1e308, 1e308], [math.inf, -math.inf, 1.0]])
def test_a_search_score_without_a_finite_mean_is_infinite(losses):
    assert search_score(np.array(losses)) == math.inf


def test_final_losses_are_infinite_for_trainings_without_an_end():
    rows = np.stack([FALLING, np.where(np.arange(100) < 95, FALLING, np.nan)])
    assert final_losses(rows, 10) == pytest.approx([FALLING[-10:].mean(), math.inf])
    assert [reached_end(row) for row in rows] == [True, False]


def test_final_losses_of_huge_losses_do_not_overflow():
    assert final_losses(np.full((1, 10), 1e308), 10) == pytest.approx([1e308])


def test_a_training_that_rises_ended_above_its_first_tenth_and_its_first_loss():
    assert ended_above_first_tenth(FALLING[::-1])
    assert ended_above_first_loss(FALLING[::-1])
    assert diverged(FALLING[::-1])


def test_a_training_that_falls_has_not_diverged():
    assert not ended_above_first_tenth(FALLING)
    assert not ended_above_first_loss(FALLING)
    assert not diverged(FALLING)


def test_a_training_whose_last_loss_is_not_finite_has_diverged():
    assert diverged(np.append(FALLING, math.nan))


def test_a_training_without_losses_has_not_diverged():
    assert not diverged(np.array([]))


def test_a_lucky_first_batch_does_not_make_a_training_end_above_it():
    noisy = 1.0 + np.random.default_rng(0).standard_normal(100)
    noisy[0] = noisy.min() - 0.1
    assert not ended_above_first_loss(noisy)


def test_a_training_can_end_above_its_first_loss_and_below_its_first_tenth():
    losses = np.r_[1.0, np.full(20, 5.0), np.full(80, 2.0)]
    assert ended_above_first_loss(losses)
    assert not ended_above_first_tenth(losses)


def test_a_short_training_does_not_show_that_it_ended_above_its_first_loss():
    assert not ended_above_first_loss(np.arange(49.0))
    assert ended_above_first_loss(np.arange(50.0))


@given(st.lists(st.floats(), min_size=1, max_size=60))
def test_questions_have_an_answer_whatever_the_losses_are(values):
    losses = np.array(values)
    with np.errstate(all="ignore"):
        answers = [question(losses) for question in (reached_end, ended_above_first_loss, diverged)]
    assert all(isinstance(answer, bool) for answer in answers)
    assert not math.isnan(search_score(losses))
    assert not math.isnan(grid_score(losses))
