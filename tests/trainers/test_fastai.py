"""fastai: a restore repeats time, a search changes nothing, set_rate reaches the training, quiet callbacks stay quiet."""

import random
import warnings

import pytest

pytest.importorskip("fastai", reason="fastai is not installed")

import numpy as np
import torch
from torch import nn
from torch_nets import pairs
from trainer_searches import search, search_that_fails

import lrfinder.testing
from lrfinder import LRFinder, RatesError
from lrfinder.errors import LearnerError
from lrfinder.torch.inspection import digest

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # fastai calls PyTorch's old names while it is imported
    from fastai.basics import Callback, DataLoader, DataLoaders, Learner
    from fastai.callback.all import GradientAccumulation, GradientClip, SaveModelCallback
    from fastai.optimizer import OptimWrapper

    from lrfinder.trainers.fastai import FastaiLearner

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")


class Recording(Callback):
    """A callback that records loss and rates of each training batch."""

    def __init__(self):
        self.losses, self.rates = [], []

    def after_loss(self):
        if self.training:
            self.losses = [*self.losses, float(self.learn.loss.detach())]

    def before_step(self):
        self.rates = [*self.rates, [float(one["lr"]) for one in self.opt.hypers]]


def parts(model):
    return [list(model[0].parameters()), list(model[1:].parameters())]


def new_learn(*callbacks, **settings):
    for seed in (torch.manual_seed, random.seed, np.random.seed):
        seed(0)
    model = nn.Sequential(nn.Linear(6, 16), nn.BatchNorm1d(16), nn.ReLU(), nn.Dropout(0.3), nn.Linear(16, 2))
    dls = DataLoaders(DataLoader(pairs(), bs=8, shuffle=True), DataLoader(pairs(), bs=32), device="cpu")
    learn = Learner(dls, model, nn.CrossEntropyLoss(), cbs=[Recording(), *callbacks], **{"lr": 0.01, **settings})
    learn.create_mbar, learn.logger = False, lambda *_: None
    return learn


def with_loaders_of_pytorch(*callbacks, **loader_settings):
    learn = new_learn(*callbacks)
    settings = {"batch_size": 8, "shuffle": True, **loader_settings}
    learn.dls = DataLoaders(torch.utils.data.DataLoader(pairs(), **settings), torch.utils.data.DataLoader(pairs()))
    return learn


def fitted(*callbacks, **settings):
    learn = new_learn(*callbacks, **settings)
    learn.fit(1)
    return learn


LEARNS = {
    "defaults": new_learn,
    "already fitted": fitted,
    "clipping": lambda: new_learn(GradientClip(0.1)),
    "accumulation": lambda: new_learn(GradientAccumulation(32)),
    "groups": lambda: new_learn(splitter=parts, lr=slice(0.005, 0.01)),
    "loaders of PyTorch": with_loaders_of_pytorch,
    "loaders of PyTorch with accumulation": lambda: with_loaders_of_pytorch(GradientAccumulation(32)),
    "loaders of PyTorch without a batch size": lambda: with_loaders_of_pytorch(
        batch_size=1, shuffle=False, batch_sampler=torch.utils.data.BatchSampler(range(64), 8, drop_last=True)
    ),
    "an optimizer of PyTorch": lambda: new_learn(
        opt_func=lambda params, lr, **_: OptimWrapper(params, torch.optim.SGD, lr=lr, momentum=0.9)
    ),
}


@pytest.mark.parametrize("name", LEARNS)
def test_time_repeats_for_every_kind_of_learner(name):
    learner = FastaiLearner(LEARNS[name]())
    learner.observe()  # prepares the trainer until close(), not for each block
    lrfinder.testing.check(learner, lrfinder.testing.LRS[::3], observe=learner.observe)
    learner.close()


def trained(name, before):
    learn = LEARNS[name]()
    before(FastaiLearner(learn))
    learn.fit(2)
    return learn


def tensors_of(learn):
    states = [
        value for state in learn.opt.state_dict()["state"] for value in (state if isinstance(state, dict) else {}).values()
    ]
    tensors = [*learn.model.state_dict().values(), *(one for one in states if isinstance(one, torch.Tensor))]
    return [digest(one) for one in tensors]


@pytest.mark.parametrize("what", [search, search_that_fails])
@pytest.mark.parametrize("name", LEARNS)
def test_a_fit_is_the_same_with_and_without_a_search(name, what):
    plain, again = trained(name, lambda _: None), trained(name, what)
    assert again.recording.losses == plain.recording.losses
    assert tensors_of(again) == tensors_of(plain)
    assert again.recorder.values == plain.recorder.values


def test_the_comparison_detects_a_search_that_draws_one_random_number():
    plain, again = trained("defaults", lambda _: None), trained("defaults", lambda _: torch.rand(1))
    assert again.recording.losses != plain.recording.losses


@pytest.mark.parametrize("name", ["defaults", "clipping", "groups", "accumulation"])
def test_iterations_of_the_learner_are_those_of_fit(name):
    size, updates = (4, 3) if name == "accumulation" else (1, 12)  # a pass: validation then draws random numbers
    losses = lrfinder.testing.losses(FastaiLearner(LEARNS[name]()), [0.01] * updates)
    plain = trained(name, lambda _: None).recording.losses
    means = [sum(plain[k : k + size]) / size for k in range(0, 12, size)]
    assert losses == pytest.approx(means, rel=1e-6)


def test_the_given_learner_does_not_change_and_its_quiet_callbacks_are_not_called(tmp_path):
    learn = new_learn(SaveModelCallback("train_loss"), path=tmp_path)
    before, callbacks = dict(vars(learn)), list(learn.cbs)
    LRFinder(FastaiLearner(learn)).find(rates=[0.1, 0.2])
    assert all(vars(learn)[name] is value for name, value in before.items())
    assert list(learn.cbs) == callbacks
    assert all(one.learn is learn for one in learn.cbs)
    assert (learn.recording.losses, list(tmp_path.iterdir())) == ([], [])


def test_callbacks_of_the_user_take_part_unless_they_are_quiet():
    calls = []

    class Hearing(Callback):
        def after_batch(self):
            calls.append(self.learn.train_iter)

    for quiet in ((), (Hearing,)):
        LRFinder(FastaiLearner(new_learn(Hearing()), quiet=quiet)).find(rates=[0.1, 0.2])
    assert len(calls) == 2


def test_the_rate_that_was_set_is_the_highest_of_one_cycle():
    learn = new_learn()
    FastaiLearner(learn).set_rate(0.5)
    learn.fit_one_cycle(2)
    assert max(rate for (rate,) in learn.recording.rates) == pytest.approx(0.5, rel=0.02)


def test_a_slice_keeps_its_ratio():
    learn = LEARNS["groups"]()
    FastaiLearner(learn).set_rate(0.5)
    assert learn.lr == slice(0.25, 0.5)


def test_wrong_arguments_are_refused():
    with pytest.raises(LearnerError, match=r"give a fastai Learner"):
        FastaiLearner(object())
    with pytest.raises(RatesError, match="rate is None"):
        FastaiLearner(new_learn()).set_rate(None)
