import pickle
from dataclasses import replace

import numpy as np
import pytest

pytest.importorskip("optax", reason="the session jax_and_keras has it")
import jax.numpy as jnp
import optax

from lrfinder import RatesError, Status, Suggestion
from lrfinder.jax import schedules
from lrfinder.views.report.usage import usage

SUGGESTION = Suggestion(0.1, 0.05, 0.2, "low", Status.OK, (), 100)


ALL = [schedules.one_cycle, schedules.triangular, schedules.warmup_cosine]


@pytest.mark.parametrize("make", ALL)
def test_a_suggestion_gives_the_schedule_of_its_rate(make):
    assert make(SUGGESTION, 10)(7) == make(0.1, 10)(7)


def test_a_rate_is_set_in_the_state_of_an_optimizer():
    tx = optax.chain(optax.clip(1.0), optax.inject_hyperparams(optax.sgd)(0.5))
    state = schedules.set_rate(tx.init(jnp.zeros(())), SUGGESTION)
    update, _ = tx.update(jnp.ones(()), state)
    assert float(update) == pytest.approx(-0.1)


def test_a_warm_up_rises_to_the_rate_and_the_cosine_falls_to_its_part():
    schedule = schedules.warmup_cosine(0.1, 101, warmup=10, final_part=0.1)
    assert [float(schedule(k)) for k in (0, 1, 2)] == pytest.approx([0.1 / 11, 0.2 / 11, 0.3 / 11])
    assert float(schedule(10)) == pytest.approx(0.1)
    assert [float(schedule(k)) for k in (101, 1000)] == pytest.approx([0.01, 0.01])


def test_one_cycle_reaches_the_rate_and_ends_far_below():
    schedule = schedules.one_cycle(0.1, 100, warmup_part=0.25)
    assert [float(schedule(k)) for k in (0, 25, 100)] == pytest.approx([0.004, 0.1, 4e-7])


def test_a_triangle_goes_up_and_down_without_end():
    schedule = schedules.triangular(0.1, 10, base_lr=0.01)
    expected = [0.01, 0.055, 0.1, 0.055, 0.01, 0.1]
    assert [float(schedule(k)) for k in (0, 5, 10, 15, 20, 30)] == pytest.approx(expected)
    assert schedule(np.array([0, 5, 10, 15, 20, 30])).tolist() == pytest.approx(expected)


def test_a_triangle_starts_at_a_quarter_of_the_rate():
    assert float(schedules.triangular(0.1, 10)(0)) == pytest.approx(0.025)


def test_a_triangle_can_be_pickled():
    schedule = schedules.triangular(0.1, 10)
    assert pickle.loads(pickle.dumps(schedule)) == schedule


@pytest.mark.parametrize("make", ALL)
def test_an_optimizer_follows_the_schedule(make):
    schedule = make(SUGGESTION, 4)
    tx = optax.sgd(schedule)
    state = tx.init(jnp.zeros(()))
    for k in range(6):
        update, state = tx.update(jnp.ones(()), state)
        assert float(update) == pytest.approx(-float(schedule(k)))


@pytest.mark.parametrize("make", ALL)
def test_a_rate_that_is_missing_or_not_positive_and_a_length_of_zero_are_refused(make):
    without = Suggestion(None, None, None, "low", Status.NO_DESCENT, (), 100)
    for rate, count, reason in ((without, 10, "no descent"), (0.0, 10, "above 0"), (0.1, 0, "at least 1")):
        with pytest.raises(RatesError, match=reason):
            make(rate, count)


def test_a_lowest_rate_above_the_highest_is_refused():
    with pytest.raises(RatesError, match="must rise"):
        schedules.triangular(0.1, 10, base_lr=0.2)


@pytest.mark.parametrize("schedule", ["constant", "one_cycle"])
def test_the_reports_code_for_jax_does_what_it_says(schedule):
    names = {}
    exec(usage(replace(SUGGESTION, schedule=schedule))["JAX"], names)
    params = {"w": jnp.ones(2)}
    state, moved = names["tx"].init(params), []
    for _ in range(300):
        updates, state = names["tx"].update({"w": jnp.ones(2)}, state)
        moved.append(-float(updates["w"][0]))
    assert max(moved) == pytest.approx(0.1)
