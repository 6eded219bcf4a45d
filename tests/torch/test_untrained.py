"""Losses without updates: forwards alone, on the same batches and random numbers as iterations at the rate 0."""

import math

import pytest
import torch
from torch import nn
from torch_nets import cross_entropy, equal, loader, net, sgd, weights

from lrfinder import DataEndedError, LRFinder, Status, restored
from lrfinder.torch import TorchLearner

pytestmark = pytest.mark.usefixtures("seed")


def learner(model, optimizer=None, data=None, **settings):
    return TorchLearner(
        model, sgd(model, momentum=0.9) if optimizer is None else optimizer, cross_entropy, data or loader(), **settings
    )


def both(subject, count=12):
    """The losses at the rate 0, and those without updates, from one state; and the state of torch's generator after each."""
    with restored(subject) as state:
        subject.iteration(0.1)
        subject.restore(state)
        trained = [float(subject.iteration(0.0)) for _ in range(count)]
        drawn = torch.get_rng_state().tolist()
        subject.restore(state)
        untrained = subject.untrained(count)
        return trained, untrained and list(untrained), drawn == torch.get_rng_state().tolist()


class Noisy(torch.optim.SGD):
    """Langevin dynamics: it draws random numbers in each step."""

    def step(self, closure=None):  # pyright: ignore[reportIncompatibleMethodOverride]
        for group in self.param_groups:
            for parameter in group["params"]:
                parameter.grad += torch.randn_like(parameter)
        return super().step(closure)


class Divides(torch.optim.SGD):
    """By its rate, as FTRL and D-Adaptation do."""

    def step(self, closure=None):  # pyright: ignore[reportIncompatibleMethodOverride]
        for group in self.param_groups:
            for parameter in group["params"]:
                parameter.grad *= group["lr"] / group["lr"] if group["lr"] else float("nan")
        return super().step(closure)


def with_dropout():
    return nn.Sequential(nn.Linear(6, 16), nn.BatchNorm1d(16), nn.ReLU(), nn.Dropout(0.5), nn.Linear(16, 2))


SETTINGS = {
    "plain": {},
    "accumulated": {"accumulate": 3},
    "clipped": {"clip": lambda parameters: nn.utils.clip_grad_norm_(parameters, 0.1)},
    "half precision": {"autocast": torch.bfloat16},
}


@pytest.mark.parametrize("settings", SETTINGS.values(), ids=SETTINGS)
def test_losses_without_updates_equal_those_at_the_rate_0_bit_for_bit(settings):
    trained, untrained, same_draws = both(learner(with_dropout(), **settings))
    assert untrained == trained
    assert same_draws


def test_forwards_alone_train_nothing_and_leave_no_trace():
    model = with_dropout()
    subject = learner(model)
    subject.iteration(0.1)
    with restored(subject):
        seen = subject.observe()
        kept = [one.clone() for one in model.parameters()]
        losses = subject.untrained(5)
        assert losses is not None
        list(losses)
        assert equal(kept, list(model.parameters()))
        assert subject.observe() != seen  # BatchNorm and the batches went on
    assert subject.observe() == seen


def test_a_model_in_evaluation_mode_is_in_training_mode_in_its_forwards_too():
    trained, untrained, _ = both(learner(with_dropout().eval()))
    assert untrained == trained


def test_the_end_of_the_data_ends_the_losses():
    subject = learner(net(), data=iter(list(loader())))  # of 12 batches
    subject.iteration(0.1)
    losses = iter(subject.untrained(20) or ())
    assert all(math.isfinite(next(losses)) for _ in range(11))
    with pytest.raises(DataEndedError):
        next(losses)


REFUSED = {
    "noise in the update": lambda model: {"optimizer": Noisy(model.parameters(), lr=0.1)},
    "noise in the clipping": lambda model: {
        "clip": lambda parameters: [p.grad.add_(torch.randn_like(p)) for p in parameters]
    },
    "a closure": lambda model: {"optimizer": torch.optim.LBFGS(model.parameters(), lr=0.1, max_iter=2)},
    "a scaler": lambda _: {"scaler": torch.amp.GradScaler("cpu")},
}


@pytest.mark.parametrize("settings", REFUSED.values(), ids=REFUSED)
def test_a_training_whose_random_numbers_need_the_update_is_run_at_the_rate_0(settings):
    model = with_dropout()
    _, untrained, _ = both(learner(model, **settings(model)), count=3)
    assert untrained is None


def test_a_custom_step_is_run_at_the_rate_0():
    model = net()
    optimizer = sgd(model)

    def step(batch):
        optimizer.zero_grad()
        loss = cross_entropy(model(batch[0]), batch[1])
        loss.backward()
        optimizer.step()
        return loss

    subject = TorchLearner.from_step(step, loader(), modules=[model], optimizers=[optimizer])
    assert both(subject)[1] is None


def test_an_optimizer_that_divides_by_its_rate_is_compared_with_losses_at_no_rate():
    model, at_rates = net(), []
    optimizer = Divides(model.parameters(), lr=0.1)
    optimizer.register_step_pre_hook(lambda one, *_: at_rates.append(one.param_groups[0]["lr"]))
    before = weights(model)
    result = LRFinder(learner(model, optimizer)).suggest(max_iterations=350)
    assert result.lr is not None
    assert min(at_rates) == pytest.approx(1e-7)
    assert at_rates.count(min(at_rates)) < 5  # in the sweep; losses to compare with would be 50
    assert equal(before, weights(model))


@pytest.mark.parametrize("most", [100, 350])
def test_an_optimizer_that_ignores_its_rate_gets_no_rate(most):
    class OwnRate(torch.optim.SGD):
        def step(self, closure=None):  # pyright: ignore[reportIncompatibleMethodOverride]
            self.param_groups[0]["lr"] = 0.02
            return super().step(closure)

    model = net()
    found = LRFinder(learner(model, OwnRate(model.parameters(), lr=0.1))).suggest(max_iterations=most)
    assert (found.lr, found.status, found.probes) == (None, Status.NO_EFFECT, ())
    assert found.curve is not None
    assert not found.curve.has_effect


def test_a_subclass_with_an_iteration_of_its_own_is_run_at_the_rate_0_and_keeps_its_gradients():
    class Own(TorchLearner):
        def iteration(self, lr):
            return 2 * super().iteration(lr)

    subject = Own(model := net(), sgd(model), cross_entropy, loader())
    assert both(subject)[1] is None
    subject.iteration(0.1)
    subject.trim()
    assert all(one.grad is not None for one in model.parameters())


def test_the_answer_of_a_search_is_that_with_iterations_at_the_rate_0():
    class Trains(TorchLearner):
        def untrained(self, count):
            return None

    answers = []
    for kind in (TorchLearner, Trains):
        torch.manual_seed(3)
        model = with_dropout()
        answers.append(LRFinder(kind(model, sgd(model), cross_entropy, list(loader()))).suggest(max_iterations=350))
    one, other = answers
    assert one == other
    assert one.probes == other.probes


def test_gradients_are_released_at_the_end_of_a_trial_and_the_next_iteration_is_the_same():
    subject = learner(model := net())
    with restored(subject) as state:
        losses = [float(subject.iteration(0.1)) for _ in range(6)]
        subject.restore(state)
        again = [float(subject.iteration(0.1)) for _ in range(3)]
        subject.trim()
        assert all(one.grad is None for one in model.parameters())
        middle = subject.snapshot()
        subject.restore(middle)
        again += [float(subject.iteration(0.1)) for _ in range(3)]
    assert again == losses


def test_gradients_of_the_user_are_there_after_a_search():
    subject = learner(model := net())
    subject.iteration(0.1)
    before = [one.grad.clone() for one in model.parameters()]
    LRFinder(subject).suggest(max_iterations=350)
    assert equal(before, [one.grad for one in model.parameters()])
