"""Tests of the edges of a search: how far it may go, and what ends without a rate."""

# These tests set and read attributes that no type declares.
# pyright: reportAttributeAccessIssue=false, reportAssignmentType=false

import math

import numpy as np
import pytest
from fake_learners import Bowl

from lrfinder import LRFinder


class Trained:
    """A training of plain python: subclasses give ``loss`` and ``step`` of a position."""

    position = 0.0

    def __init__(self):
        self.state = (self.position, 0)

    def iteration(self, lr):
        x, k = self.state
        loss = self.loss(x, k)
        self.state = (self.step(x, lr), k + 1)
        return loss

    def snapshot(self):
        return self.state

    def restore(self, state):
        self.state = state

    def close(self):
        pass


class Critic(Trained):
    """A loss without a floor: it falls by the rate at each iteration."""

    def loss(self, x, k):
        return 0.01 * math.sin(k) - x

    def step(self, x, lr):
        return x + lr


class Softened(Critic):
    """The same with an offset, and quadratic in the rate."""

    position = 0.1

    def loss(self, x, k):
        return 1.0 + 0.05 * math.cos(k) - x * x


class Ensemble(Critic):
    """The same as a product, negative from the start."""

    def loss(self, x, k):
        return (-5.0 + 0.1 * math.sin(k)) * (1 + x)


class Dying(Critic):
    """Learns nothing more above a rate, as units that are never active again."""

    def step(self, x, lr):
        return x + lr if lr < 3.0 else x


class Exploding(Critic):
    """Its loss rises at high rates, as that of an unstable network."""

    def step(self, x, lr):
        return x + lr * (1 if lr < 0.5 else -1)


class Damped(Critic):
    """Falls with a low power of the rate, as with a gradient that is clipped and a decay of the weights."""

    def step(self, x, lr):
        return x + lr**0.35 if lr > 1e-4 else x


@pytest.mark.parametrize("critic", [Critic, Softened, Ensemble, Dying, Exploding, Damped])
def test_a_loss_that_falls_without_end_has_no_rate(critic):
    suggestion = LRFinder(critic()).suggest()
    assert suggestion.status == "the loss falls without end"
    assert suggestion.lr is None
    assert "without end" in suggestion.explain()


@pytest.mark.parametrize("critic", [Critic, Softened, Ensemble])
def test_a_curve_of_a_loss_that_falls_without_end_has_no_rate(critic):
    suggestion = LRFinder(critic()).suggest(max_iterations=150)
    assert (suggestion.status, suggestion.lr) == ("the loss falls without end", None)


class Negative(Critic):
    """A reward that approaches its highest value, from nearly none."""

    def loss(self, x, k):
        return 1e-3 * math.sin(k) - 1 + math.exp(-x)

    def step(self, x, lr):
        return x + lr if lr < 1.0 else x - lr


class Drift(Negative):
    """A critic with a penalty on its outputs."""

    def loss(self, x, k):
        return 1e-3 * math.sin(k) - x + 0.05 * x * x

    def step(self, x, lr):
        return x + lr * (1 - 0.1 * x)


class Likelihood(Negative):
    """The deviation of a normal likelihood falls, ever more slowly: the loss has no floor, but a best rate."""

    def loss(self, x, k):
        return 0.1 * math.sin(k) - math.log1p(abs(x))


@pytest.mark.parametrize("max_iterations", [150, 650])
@pytest.mark.parametrize("bounded", [Negative, Drift, Likelihood])
def test_a_negative_loss_far_below_its_untrained_size_has_a_rate(bounded, max_iterations):
    suggestion = LRFinder(bounded()).suggest(max_iterations=max_iterations)
    assert suggestion.status == "ok"


class Flat(Bowl):
    """A bowl so flat that its best rate lies far above any sweep."""

    def __init__(self):
        super().__init__(curvature=1e-6, position=1000.0)


def test_no_rate_lies_more_than_four_octaves_beyond_the_sweep_and_a_note_names_the_range_to_give():
    suggestion = LRFinder(Flat()).suggest(max_iterations=2000)
    assert max(probe.lr for probe in suggestion.probes) <= 16 * suggestion.curve.lrs.max()
    assert suggestion.status == "ok"
    assert any("give rates= that reach 2.6e+04" in note for note in suggestion.notes)


def test_the_rates_that_are_given_may_lie_anywhere():
    suggestion = LRFinder(Flat()).suggest(rates=np.geomspace(1.0, 1e7, 30))
    assert 1e4 < suggestion.lr < 2e6
    assert not any("rates=" in note for note in suggestion.notes)


class Coin(Trained):
    """An optimizer without a rate, as COCOB."""

    position = 3.0
    unit = 0.05

    def loss(self, x, k):
        return x * x + 0.01 * math.sin(7 * k)

    def step(self, x, lr):
        return x - self.unit * x


class SlowCoin(Coin):
    unit = 0.002


class NoisyCoin(Coin):
    def loss(self, x, k):
        return x * x + 0.5 * math.sin(7 * k)


@pytest.mark.parametrize("coin", [Coin, SlowCoin, NoisyCoin])
@pytest.mark.parametrize("max_iterations", [350, 650])
def test_a_training_that_is_the_same_at_all_rates_has_no_effect(coin, max_iterations):
    assert LRFinder(coin()).suggest(max_iterations=max_iterations).status == "the rate has no effect"


class Dividing(Trained):
    """Gradient descent whose optimizer divides by the rate, as FTRL does."""

    position = 1.0

    def loss(self, x, k):
        return x * x / 2 + 0.01 * math.sin(k)

    def step(self, x, lr):
        return x - lr * x if lr else math.nan


class Infinite(Dividing):
    def step(self, x, lr):
        return x - lr * x if lr else math.inf


class Late(Dividing):
    """Not finite at the rate 0 after some iterations alone."""

    def loss(self, x, k):
        return super().loss(x, k) if x != 1.0 or k < 7 else math.nan

    def step(self, x, lr):
        return x - lr * x


@pytest.mark.parametrize("learner", [Dividing, Infinite, Late])
@pytest.mark.parametrize("max_iterations", [150, 650])
def test_an_optimizer_that_divides_by_the_rate_is_compared_with_the_lowest_rate(learner, max_iterations):
    suggestion = LRFinder(learner()).suggest(max_iterations=max_iterations)
    assert suggestion.status == "ok"
    assert 0.05 < suggestion.lr < 2


class Broken(Dividing):
    """A batch of which the loss is NaN at any rate, and with it the weights."""

    bad = 17

    def loss(self, x, k):
        return math.nan if k == self.bad else super().loss(x, k)

    def step(self, x, lr):
        return math.nan if self.state[1] == self.bad else x - lr * x


class First(Broken):
    bad = 0


class Skipped(Broken):
    """The same where the step is skipped, as a script does that looks at its loss."""

    def step(self, x, lr):
        return x - lr * x


@pytest.mark.parametrize("learner", [Broken, First, Skipped])
def test_a_batch_that_is_nan_before_any_update_is_named(learner):
    suggestion = LRFinder(learner()).suggest()
    assert suggestion.status == "a batch is not finite before any update"
    assert f"batch {learner.bad} is NaN before any update" in " ".join(suggestion.notes)
    assert "lower" not in suggestion.explain()


def test_a_training_that_breaks_at_every_rate_above_zero_is_unstable():
    class Fragile(Broken):
        bad = -1

        def step(self, x, lr):
            return math.nan if lr else x

    assert LRFinder(Fragile()).suggest().status == "unstable from the start"


def test_a_first_batch_that_is_nan_is_named_by_a_range_test():
    suggestion = LRFinder(First()).find().suggestion
    assert suggestion.status == "a batch is not finite before any update"
    assert "batch 0 is NaN before any update (the first batch is 0)" in suggestion.notes
    assert "lower" not in suggestion.explain()


class Endless(Critic):
    """A loss that falls ever faster, until it is minus infinity."""

    position = 1.0

    def loss(self, x, k):
        return -x

    def step(self, x, lr):
        return min(x * (1 + 50 * lr), math.inf)


@pytest.mark.parametrize("max_iterations", [350, 650, 1050])
def test_a_loss_that_falls_to_minus_infinity_has_no_rate(max_iterations):
    suggestion = LRFinder(Endless()).suggest(max_iterations=max_iterations)
    assert suggestion.status == "the loss falls without end"
    assert suggestion.lr is None


class OneBadBatch(Bowl):
    """A training whose data have one batch that is NaN, after those that are trained at the rate 0."""

    def __init__(self):
        super().__init__(curvature=5.0, noise=0.05)
        self.count = 0

    def iteration(self, lr):
        self.count += 1
        return math.nan if self.count == 121 else super().iteration(lr)

    def snapshot(self):
        return super().snapshot(), self.count

    def restore(self, state):
        inner, self.count = state
        super().restore(inner)


def test_a_batch_that_is_nan_in_every_probe_is_named():
    suggestion = LRFinder(OneBadBatch()).suggest()
    assert suggestion.lr is None
    assert "batch 120 is NaN at all rates tried (the first batch is 0)" in suggestion.notes
    assert suggestion.status == "a batch is not finite before any update"


def test_confidence_is_not_high_at_the_boundary():
    suggestion = LRFinder(Bowl(curvature=0.001)).suggest(rates=[0.01, 0.1])
    assert "at the boundary" in suggestion.notes
    assert suggestion.confidence != "high"


class Still(Trained):
    """A loss that moves, but does not fall."""

    def loss(self, x, k):
        return 1.0 + 0.3 * math.sin(7 * k * k + 1000 * x) + 0.1 * min(1, 100 * x) * (k < 60)

    def step(self, x, lr):
        return x + lr


@pytest.mark.parametrize(
    ("learner", "rates", "named"),
    [(Bowl(curvature=100.0), [1, 10, 100], "begin at 0.001"), (Still(), [0.01, 0.1, 1], "reach 16")],
    ids=["rates that are too high", "rates that are too low"],
)
def test_where_the_loss_falls_at_none_of_the_rates_given_others_are_named(learner, rates, named):
    suggestion = LRFinder(learner).suggest(rates=rates)
    assert suggestion.lr is None
    assert [note for note in suggestion.notes if named in note]
    assert named in suggestion.explain()
