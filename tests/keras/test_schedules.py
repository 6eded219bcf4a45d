from dataclasses import replace

import pytest
from keras_nets import batches, keras, net

from lrfinder import RatesError, Status, Suggestion
from lrfinder.errors import OptimizerError
from lrfinder.keras import schedules
from lrfinder.schedules import one_cycle
from lrfinder.views.report.usage import usage

SUGGESTION = Suggestion(0.1, 0.05, 0.2, "high", Status.OK, (), 600, 300)
ALL = {
    "warm-up and cosine": lambda: schedules.warmup_cosine(0.1, 100, warmup=10),
    "one-cycle": lambda: schedules.one_cycle(0.1, 100),
    "triangular": lambda: schedules.triangular(0.1, 10, base_lr=0.01),
}


def rates(schedule, steps):
    return [float(schedule(step)) for step in steps]


@pytest.mark.parametrize("name", ALL)
def test_an_optimizer_takes_the_schedule_and_trains_at_its_rate(name):
    schedule = ALL[name]()
    model = net(keras.optimizers.SGD(schedule), inside=[])
    for batch in batches(3):
        model.train_on_batch(*batch)
    assert float(model.optimizer.learning_rate) == pytest.approx(float(schedule(3)), rel=1e-6)


@pytest.mark.parametrize("name", ALL)
def test_a_saved_schedule_can_be_loaded(name):
    schedule = ALL[name]()
    loaded = keras.optimizers.schedules.deserialize(keras.optimizers.schedules.serialize(schedule))
    assert rates(loaded, range(40)) == rates(schedule, range(40))


def test_a_rate_is_set_also_inside_an_optimizer_that_scales_the_loss():
    inner = keras.optimizers.SGD(0.5)
    for optimizer in (inner, keras.optimizers.LossScaleOptimizer(inner)):
        schedules.set_rate(optimizer, SUGGESTION)
        assert float(inner.learning_rate) == pytest.approx(0.1)
        inner.learning_rate = 0.5


def test_a_warm_up_rises_from_above_0_to_the_rate_and_the_cosine_falls_to_its_part():
    schedule = schedules.warmup_cosine(0.1, 100, warmup=4, final_part=0.1)
    assert rates(schedule, [0, 1, 4, 100, 1000]) == pytest.approx([0.02, 0.04, 0.1, 0.01, 0.01])
    assert rates(schedules.warmup_cosine(0.1, 100), [0, 50]) == pytest.approx([0.1, 0.05])


def test_a_suggestion_gives_the_schedule_of_its_rate():
    for make in (schedules.one_cycle, schedules.triangular, schedules.warmup_cosine):
        assert rates(make(SUGGESTION, 20), range(20)) == rates(make(0.1, 20), range(20))


def test_one_cycle_is_the_schedule_that_a_suggestion_is_for():
    expected = [0.1 * one_cycle(step / 100) for step in range(101)]
    assert rates(schedules.one_cycle(0.1, 100), range(101)) == pytest.approx(expected, rel=1e-4, abs=1e-7)


def test_one_cycle_stays_low_once_it_is_over():
    assert rates(schedules.OneCycle(0.1, 100, last=0.01), [100, 1000]) == pytest.approx([0.001, 0.001], rel=1e-3)


def test_a_triangle_goes_up_and_down_without_end():
    schedule = schedules.triangular(0.1, 10, base_lr=0.01)
    assert rates(schedule, [0, 5, 10, 15, 20, 30]) == pytest.approx([0.01, 0.055, 0.1, 0.055, 0.01, 0.1], rel=1e-5)


def test_a_suggestion_without_a_rate_makes_no_schedule():
    for make in (schedules.one_cycle, schedules.triangular, schedules.warmup_cosine):
        with pytest.raises(RatesError, match="None"):
            make(None, 10)
    with pytest.raises(RatesError, match="None"):
        schedules.set_rate(keras.optimizers.SGD(0.5), None)


@pytest.mark.parametrize(
    "make",
    [
        lambda: schedules.triangular(0.01, 10, base_lr=0.1),
        lambda: schedules.triangular(0.1, 0),
        lambda: schedules.one_cycle(0.1, 0),
        lambda: schedules.one_cycle(0.1, 10, warmup_part=1.0),
        lambda: schedules.warmup_cosine(0.1, 10, warmup=-1),
        lambda: schedules.warmup_cosine(0.1, 10, warmup=10),
    ],
)
def test_settings_that_give_no_schedule_are_refused(make):
    with pytest.raises(RatesError):
        make()


@pytest.mark.parametrize("schedule", ["constant", "one_cycle"])
def test_the_reports_code_for_keras_does_what_it_says(schedule):
    model = net(keras.optimizers.SGD(0.5), inside=[])
    names = {"keras": keras, "model": model}
    exec(usage(replace(SUGGESTION, schedule=schedule))["Keras"], names)
    if schedule == "constant":
        assert float(model.optimizer.learning_rate) == pytest.approx(0.1)
        assert "learning_rate" not in names
        return
    optimizer = keras.optimizers.SGD(names["learning_rate"])
    assert max(rates(optimizer._learning_rate, range(300))) == pytest.approx(0.1)


class Halves(keras.optimizers.schedules.LearningRateSchedule):
    def __call__(self, step):
        return 0.1 / 2 ** keras.ops.cast(step, "float32")


kinds = keras.optimizers.schedules
SHAPES = {
    "ExponentialDecay": lambda: kinds.ExponentialDecay(0.1, 10, 0.5, staircase=True),
    "PiecewiseConstantDecay": lambda: kinds.PiecewiseConstantDecay([10, 30], [0.1, 0.05, 0.01]),
    "PolynomialDecay": lambda: kinds.PolynomialDecay(0.1, 40, 0.001, 2.0),
    "InverseTimeDecay": lambda: kinds.InverseTimeDecay(0.1, 10, 0.5),
    "CosineDecay": lambda: kinds.CosineDecay(0.0, 40, warmup_target=0.1, warmup_steps=5),
    "CosineDecayRestarts": lambda: kinds.CosineDecayRestarts(0.1, 15),
    "OneCycle": lambda: schedules.one_cycle(0.1, 50),
    "Triangular": lambda: schedules.triangular(0.1, 7),
    "Halves": Halves,
}


@pytest.mark.parametrize("name", SHAPES)
def test_the_shape_of_a_schedule_is_its_rates_over_the_highest(name):
    schedule = SHAPES[name]()
    for start in (0, 21):
        shape = schedules.shape_of(schedule, 29, start=start)
        seen = rates(schedule, range(start, start + 29))
        assert [shape(k / 29) for k in range(29)] == pytest.approx([rate / max(seen) for rate in seen])
    assert shape.__name__ == f"{name} of 29 steps"


def test_the_shape_of_a_long_run_has_all_its_steps_and_its_rates():
    shape = schedules.shape_of(kinds.PolynomialDecay(0.1, 5001, 0.0), 5001)
    assert len(shape.factors) == 5001
    assert [shape(k / 5001) for k in range(5001)] == pytest.approx([1 - k / 5001 for k in range(5001)], abs=1e-3)


def test_the_shape_is_that_of_the_rates_at_which_an_optimizer_trains():
    schedule = SHAPES["CosineDecay"]()
    model, seen = net(keras.optimizers.SGD(schedule), inside=[]), []
    for batch in batches(12):
        seen.append(float(model.optimizer.learning_rate))
        model.train_on_batch(*batch)
    shape = schedules.shape_of(schedule, 12)
    assert [shape(k / 12) for k in range(12)] == pytest.approx([rate / max(seen) for rate in seen], rel=1e-5)


@pytest.mark.parametrize(
    ("schedule", "iterations", "reason"),
    [
        (0.1, 10, "is a builtins.float"),
        (keras.callbacks.ReduceLROnPlateau(), 10, "ReduceLROnPlateau, whose rates cannot be read"),
        (kinds.ExponentialDecay(0.0, 10, 0.5), 10, "one above it"),
        (kinds.ExponentialDecay(0.1, 10, 0.5), 0, "at least 1"),
    ],
)
def test_a_schedule_without_a_shape_is_refused(schedule, iterations, reason):
    with pytest.raises(RatesError, match=reason):
        schedules.shape_of(schedule, iterations)


@pytest.mark.parametrize("given", [3, None, "sgd", [], {}])
def test_what_is_no_optimizer_gets_no_rate(given):
    with pytest.raises(OptimizerError, match=r"give a keras\.optimizers\.Optimizer, several of them, or a model"):
        schedules.set_rate(given, 0.1)
