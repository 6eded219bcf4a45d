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
    tx, params = optax.sgd(names["learning_rate"]), {"w": jnp.ones(2)}
    state, moved = tx.init(params), []
    for _ in range(300):
        updates, state = tx.update({"w": jnp.ones(2)}, state)
        moved.append(-float(updates["w"][0]))
    assert max(moved) == pytest.approx(0.1)


SHAPES = {
    "cosine_decay_schedule": lambda: optax.cosine_decay_schedule(0.1, 40, 0.01),
    "warmup_cosine_decay_schedule": lambda: optax.warmup_cosine_decay_schedule(0.0, 0.3, 5, 50),
    "cosine_onecycle_schedule": lambda: optax.cosine_onecycle_schedule(50, 0.2),
    "linear_onecycle_schedule": lambda: optax.linear_onecycle_schedule(50, 0.2),
    "linear_schedule": lambda: optax.linear_schedule(0.1, 0.01, 30),
    "exponential_decay": lambda: optax.exponential_decay(0.1, 10, 0.5, staircase=True),
    "piecewise_constant_schedule": lambda: optax.piecewise_constant_schedule(0.1, {10: 0.5, 30: 0.1}),
    "join_schedules": lambda: optax.join_schedules([optax.linear_schedule(0.0, 0.1, 5), optax.constant_schedule(0.1)], [5]),
    "constant_schedule": lambda: optax.constant_schedule(0.1),
    "by_value": lambda: by_value,
    "Triangular": lambda: schedules.triangular(0.1, 7),
}


def by_value(count):
    return 0.1 if count < 20 else 0.01


def over_highest(rates):
    return [rate / max(rates) for rate in rates]


@pytest.mark.parametrize("name", SHAPES)
def test_the_shape_of_a_schedule_is_its_rates_over_the_highest(name):
    schedule = SHAPES[name]()
    for start in (0, 21):
        shape = schedules.shape_of(schedule, 29, start=start)
        rates = over_highest([float(schedule(start + k)) for k in range(29)])
        assert [shape(k / 29) for k in range(29)] == pytest.approx(rates, rel=1e-5, abs=1e-7)


def test_a_shape_has_the_name_of_the_function_that_returned_the_schedule():
    for name in ("cosine_decay_schedule", "by_value", "Triangular"):
        assert schedules.shape_of(SHAPES[name](), 29).__name__ == f"{name} of 29 steps"


def test_the_shape_is_that_of_the_updates_of_an_optimizer():
    schedule = optax.warmup_cosine_decay_schedule(0.0, 0.3, 5, 30)
    tx = optax.sgd(schedule)
    state, moved = tx.init(jnp.zeros(())), []
    for _ in range(30):
        update, state = tx.update(jnp.ones(()), state)
        moved.append(-float(update))
    shape = schedules.shape_of(schedule, 30)
    assert [shape(k / 30) for k in range(30)] == pytest.approx(over_highest(moved), rel=1e-5)


@pytest.mark.parametrize(
    ("schedule", "iterations", "reason"),
    [(0.1, 10, "is a builtins.float"), (optax.constant_schedule(0.0), 10, "one above it"), (by_value, 0, "at least 1")],
)
def test_a_schedule_without_a_shape_is_refused(schedule, iterations, reason):
    with pytest.raises(RatesError, match=reason):
        schedules.shape_of(schedule, iterations)
