"""finder.suggest: a rate for a training, from a sweep and probes."""

import math
import weakref

import numpy as np
import pytest
from fake_learners import Bowl, Scripted

import lrfinder
from lrfinder import LRFinder, RatesError


def suggest(learner, horizon=300, **settings):
    return LRFinder(learner).suggest(horizon, **settings)


def end(learner, lr, horizon):
    state = learner.snapshot()
    losses = [learner.iteration(lr) for _ in range(horizon)]
    learner.restore(state)
    return np.mean(losses[-max(1, horizon // 10) :])


@pytest.mark.parametrize("curvature", [1e-3, 1.0, 1e4])
@pytest.mark.parametrize("budget", [150, 350, 650, 1050])
def test_the_rate_trains_the_bowl_to_its_bottom_whatever_its_scale(curvature, budget):
    bowl = Bowl(curvature, noise=0.01 * curvature, momentum=0.5)
    suggestion = suggest(bowl, max_iterations=budget)
    assert suggestion.status == "ok"
    assert end(bowl, suggestion.lr, 300) < 0.02 * curvature


@pytest.mark.parametrize("budget", [50, 75, 150, 151, 200, 350, 650, 1050, 3000])
def test_no_budget_is_exceeded_and_every_iteration_is_counted(budget):
    class Counted(Bowl):
        count = 0

        def iteration(self, lr):
            self.count += 1
            return super().iteration(lr)

    learner = Counted(noise=0.1)
    suggestion = suggest(learner, max_iterations=budget)
    assert learner.count == suggestion.iterations <= budget


def test_the_learner_is_afterwards_as_it_was():
    bowl = Bowl(noise=0.1, momentum=0.9)
    before = bowl.snapshot()
    suggest(bowl)
    assert bowl.snapshot() == before


def test_the_same_learner_gets_the_same_answer_twice():
    bowl = Bowl(noise=0.1)
    assert suggest(bowl) == suggest(bowl)


@pytest.mark.parametrize("horizon", [5, 30, 300, 3000])
def test_any_horizon_is_served(horizon):
    suggestion = suggest(Bowl(noise=0.01), horizon)
    assert suggestion.status == "ok"
    assert suggestion.low <= suggestion.lr <= suggestion.high
    assert max(len(probe.losses) for probe in suggestion.probes) <= horizon


def test_the_extrapolation_to_a_long_training_is_noted():
    assert "extrapolated" in suggest(Bowl(noise=0.01), 3000).notes


def test_with_few_iterations_the_curve_alone_is_read_with_low_confidence():
    suggestion = suggest(Bowl(), max_iterations=150)
    assert suggestion.probes == ()
    assert suggestion.confidence == "low"


def test_probes_stay_within_the_rates_that_are_given():
    suggestion = suggest(Bowl(), rates=lrfinder.geometric(1e-4, 2, 0.01))
    assert all(1e-4 <= probe.lr <= 0.01 for probe in suggestion.probes)
    assert "at the boundary" in suggestion.notes


def test_under_one_cycle_the_rate_is_no_lower_than_a_constant_one():
    def rate(schedule):
        return suggest(Bowl(curvature=1.0, noise=0.01), max_iterations=1050, schedule=schedule)

    assert (rate(lrfinder.one_cycle).status, rate(lrfinder.one_cycle).schedule) == ("ok", "one_cycle")
    assert rate(lrfinder.one_cycle).lr >= rate(lrfinder.constant).lr


class Held:
    """A state that can be counted."""

    def __init__(self, state):
        self.state = state


class Watched(Bowl):
    """Counts the states that are held at once."""

    def __init__(self, **settings):
        super().__init__(**settings)
        self.held, self.most = weakref.WeakSet(), 0

    def snapshot(self):
        state = Held(super().snapshot())
        self.held.add(state)
        self.most = max(self.most, len(self.held))
        return state

    def restore(self, state):
        super().restore(state.state)  # pyright: ignore[reportAttributeAccessIssue]


class Silent(Watched):
    """Learns nothing: no probe is better than another."""

    def iteration(self, lr):
        return super().iteration(0.0)


@pytest.mark.parametrize("learner", [Watched, Silent])
@pytest.mark.parametrize("schedule", [lrfinder.constant, lrfinder.one_cycle])
@pytest.mark.parametrize("keep", [2, 3, 5])
def test_no_more_states_are_held_at_once_than_are_to_be_kept(learner, schedule, keep):
    watched = learner(noise=0.1)
    suggest(watched, max_iterations=1050, schedule=schedule, keep=keep)
    assert watched.most <= keep


def test_by_default_three_states_are_held():
    watched = Watched(noise=0.1)
    suggest(watched, max_iterations=2000)
    assert watched.most == 3


@pytest.mark.parametrize("keep", [2, 3, 10])
def test_the_answer_does_not_depend_on_how_many_states_are_kept_where_the_iterations_suffice(keep):
    lrs = {suggest(Bowl(noise=0.1), 100, max_iterations=5000, keep=kept).lr for kept in (keep, 20)}
    assert len(lrs) == 1


@pytest.mark.parametrize("keep", [1, 0, -2, 2.5])
def test_fewer_than_two_states_are_refused(keep):
    with pytest.raises(RatesError, match="keep"):
        suggest(Bowl(), keep=keep)


class Frozen(Bowl):
    """Learns nothing."""

    def iteration(self, lr):
        return super().iteration(0.0)


def test_a_rate_without_effect_gives_no_suggestion():
    suggestion = suggest(Frozen(noise=0.1))
    assert (suggestion.status, suggestion.lr) == ("the rate has no effect", None)


class Uphill(Bowl):
    """Only ever gets worse."""

    def iteration(self, lr):
        return super().iteration(-lr)


def test_a_loss_that_only_rises_gives_no_suggestion():
    suggestion = suggest(Uphill())
    assert suggestion.status == "unstable from the start"
    assert (suggestion.lr, suggestion.low, suggestion.high) == (None, None, None)


def test_losses_that_are_not_finite_from_the_start_have_a_status():
    assert suggest(Bowl(position=math.nan)).status == "a batch is not finite before any update"


def test_data_that_end_at_once_give_no_suggestion():
    assert suggest(Scripted([])).lr is None


def test_losses_that_are_infinite_from_the_start_have_a_status_and_raise_no_warning():
    assert suggest(Scripted([math.inf] * 100)).status == "a batch is not finite before any update"


def test_where_no_rate_above_0_is_reached_the_search_ends_without_a_rate():
    assert suggest(Scripted([1.0]), rates=[0.0, 0.1]).status == "the rate has no effect"


class Unrewound(Scripted):
    """Continues in its data after a restore: a learner that breaks the law."""

    def restore(self, state):
        self.restores += 1


@pytest.mark.parametrize("count", [10, 30, 35, 50])
def test_data_that_end_and_are_not_restored_give_no_suggestion(count):
    suggestion = suggest(Unrewound(np.linspace(2, 1, count).tolist()))
    assert (suggestion.lr, suggestion.iterations) == (None, count)


def test_a_refusal_notes_that_the_learner_does_not_repeat():
    suggestion = suggest(Unrewound(np.linspace(2, 1, 35).tolist()))
    assert suggestion.notes[0].startswith("not repeatable")


class Forgetful(Bowl):
    """Does not restore its generator: a learner that breaks the law."""

    def restore(self, state):
        generator = self.generator.bit_generator.state
        super().restore(state)
        self.generator.bit_generator.state = generator


@pytest.mark.parametrize("budget", [150, 650])
def test_a_learner_that_does_not_repeat_is_noted_and_gets_low_confidence(budget):
    suggestion = suggest(Forgetful(noise=0.1), max_iterations=budget)
    assert any(note.startswith("not repeatable") for note in suggestion.notes)
    assert suggestion.confidence == "low"


class Fragile(Bowl):
    """Raises in its 100th iteration: in a probe."""

    left = 100

    def iteration(self, lr):
        self.left -= 1
        if not self.left:
            message = "out of luck"
            raise ArithmeticError(message)
        return super().iteration(lr)


def test_an_exception_in_a_probe_passes_with_its_rate_and_iteration_and_the_learner_is_restored():
    learner = Fragile()
    with pytest.raises(ArithmeticError, match="out of luck") as caught:
        suggest(learner)
    assert "raised in the probe at the learning rate" in caught.value.__notes__[0]
    assert learner.position == 1.0


def test_integers_of_numpy_are_accepted_and_the_suggestion_can_be_written_and_read(tmp_path):
    suggestion = suggest(Bowl(noise=0.1), np.int64(300), max_iterations=np.int64(200))
    suggestion.to_json(tmp_path / "suggestion.json")
    assert lrfinder.load(tmp_path / "suggestion.json") == suggestion


@pytest.mark.parametrize(
    ("horizon", "settings"),
    [
        (0, {}),
        (-3, {}),
        (1e3, {}),
        (math.nan, {}),
        (300, {"max_iterations": 650.0}),
        (300, {"max_iterations": 49}),
        (300, {"rates": []}),
    ],
)
def test_settings_that_describe_no_search_are_refused_before_anything_is_trained(horizon, settings):
    learner = Scripted([1.0] * 100)
    with pytest.raises(RatesError):
        suggest(learner, horizon, **settings)
    assert learner.lrs == []


def test_every_record_is_passed_on():
    records = []
    suggestion = suggest(Bowl(), on_record=records.append)
    assert len(records) == suggestion.iterations


def test_results_are_printed_without_their_records():
    suggestion = LRFinder(Bowl()).suggest()
    for result in (suggestion, suggestion.curve, suggestion.probes[0], LRFinder(Bowl()).compare([0.1, 0.2], 300)):
        assert len(repr(result)) < 500
    assert f"lr={suggestion.lr!r}" in repr(suggestion)


class Regression:
    """Least squares by plain gradient descent: past its cliff the loss grows by a factor at each iteration."""

    def __init__(self):
        numbers = np.random.default_rng(0)
        self.inputs = numbers.standard_normal((16, 32, 8))
        self.targets = self.inputs @ numbers.standard_normal(8) + 0.1 * numbers.standard_normal((16, 32))
        self.state = (np.zeros(8), 0)

    def iteration(self, lr):
        weights, k = self.state
        inputs, targets = self.inputs[k % 16], self.targets[k % 16]
        errors = inputs @ weights - targets
        self.state = weights - lr * 2 / 32 * inputs.T @ errors, k + 1
        return np.mean(errors**2)

    def snapshot(self):
        return self.state

    def restore(self, state):
        self.state = state

    def close(self):
        pass


def test_a_loss_that_explodes_within_the_last_rates_diverges():
    suggestion = suggest(Regression())
    assert suggestion.curve[-1].loss > 100 * suggestion.curve[0].loss
    assert suggestion.status == "ok"
    assert "never diverges" not in suggestion.notes


@pytest.mark.parametrize("rates", [[0.1], [0.1] * 5, [0.0, 0.0]])
def test_a_suggestion_needs_rates_to_choose_between(rates):
    with pytest.raises(RatesError, match="chooses between several; give at least two"):
        suggest(Bowl(), rates=rates)
