"""fastai: a search begins as fit does, with every callback's before events in their order, and leaves nothing of it."""

import random
import warnings

import pytest

pytest.importorskip("fastai", reason="fastai is not installed")

import numpy as np
import torch
from loop_records import first_update, flags, note_step
from torch import nn
from torch_nets import pairs
from trainer_searches import search, search_that_fails

from lrfinder import LRFinder
from lrfinder.learner import restored
from lrfinder.torch.inspection import fingerprint

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # fastai calls PyTorch's old names while it is imported
    from fastai.basics import Callback, DataLoader, DataLoaders, Learner
    from fastai.callback.all import GradientAccumulation, GradientClip, MixUp
    from fastai.losses import CrossEntropyLossFlat
    from fastai.optimizer import OptimWrapper

    from lrfinder.trainers.fastai import FastaiLearner

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")


class Freezing(Callback):
    """A callback that freezes a layer before fit, and keeps a list."""

    order = 5

    def __init__(self):
        self.events = []

    def before_fit(self):
        self.model[0].requires_grad_(False)
        self.events.append(("fit", self.learn.epoch, self.learn.n_epoch >= 1))

    def before_batch(self):
        self.events.append((self.iter, self.train_iter, self.n_iter))


class Replacing(Callback):
    """A callback that replaces a layer and leaves another in evaluation mode when a pass begins."""

    def before_train(self):
        self.model[2] = nn.Tanh()
        self.model[1].eval()


class Halving(Callback):
    """A callback that scales the loss by a number that it drew before the epoch."""

    def before_epoch(self):
        self.learn.factor = torch.rand(1)

    def after_loss(self):
        self.learn.loss_grad = self.learn.loss_grad * self.learn.factor


class Recording(Callback):
    """A callback that records losses."""

    order = 90

    def __init__(self):
        self.losses = []

    def after_loss(self):
        if self.training:
            self.losses = [*self.losses, float(self.learn.loss.detach())]

    def before_step(self):
        note_step(self.model.parameters())


CALLBACKS = {
    "freezing": Freezing,
    "replacing": Replacing,
    "halving": Halving,
    "clipping": lambda: GradientClip(0.1),
    "mixing": lambda: MixUp(0.4),
    "accumulation": lambda: GradientAccumulation(16),
}
OPTIMIZERS = {
    "fastai": {},
    "PyTorch": {"opt_func": lambda params, lr, **_: OptimWrapper(params, torch.optim.SGD, lr=lr, momentum=0.9)},
}


def combination(seed):
    draw = random.Random(seed)
    return tuple(draw.sample(list(CALLBACKS), draw.randrange(1, 4))), draw.choice(list(OPTIMIZERS)), draw.random() < 0.5


COMBINATIONS = [*map(combination, (0, 1, 2, 4, 5)), (("replacing", "accumulation"), "fastai", True)]


def build(names, optimizer, fitted):
    for seed in (torch.manual_seed, random.seed, np.random.seed):
        seed(0)
    model = nn.Sequential(nn.Linear(6, 16), nn.BatchNorm1d(16), nn.ReLU(), nn.Dropout(0.3), nn.Linear(16, 2))
    dls = DataLoaders(DataLoader(pairs(), bs=8, shuffle=True), DataLoader(pairs(), bs=32), device="cpu")
    cbs = [Recording(), *(CALLBACKS[name]() for name in names)]
    learn = Learner(dls, model, CrossEntropyLossFlat(), cbs=cbs, lr=0.01, **OPTIMIZERS[optimizer])
    learn.create_mbar, learn.logger = False, lambda *_: None
    if fitted:
        learn.fit(1)
        learn.model.requires_grad_(True)
    learn.recording.losses = []
    return learn


def seen(learn):
    events = [list(one.events) for one in learn.cbs if isinstance(one, Freezing)]
    values = {name: value for name, value in vars(learn).items() if isinstance(value, bool | int | float | str | list)}
    return flags(learn.model), fingerprint(learn.model), events, values, torch.get_rng_state().tolist()


@pytest.mark.parametrize("names", COMBINATIONS, ids=str)
def test_the_first_iteration_is_that_of_fit(names):
    learner = FastaiLearner(build(*names))
    with first_update() as searched, restored(learner):
        learner.iteration(0.01)
    learn = build(*names)
    with first_update() as own:
        learn.fit(1)
    assert searched.kept_bytes == own.kept_bytes > 0
    assert searched == own


@pytest.mark.parametrize("what", [search, search_that_fails])
@pytest.mark.parametrize("names", COMBINATIONS, ids=str)
def test_nothing_remains_of_the_start_and_a_fit_is_that_of_its_twin(names, what):
    learn, twin = build(*names), None
    learn.model[3].eval()
    before = seen(learn)
    what(FastaiLearner(learn))
    assert seen(learn) == before
    learn.fit(1)
    twin = build(*names)
    twin.model[3].eval()
    twin.fit(1)
    assert learn.recording.losses == twin.recording.losses
    assert seen(learn) == seen(twin)


def test_callbacks_see_the_counts_of_fit():
    freezing = Freezing()
    events = freezing.events
    learn = build((), "fastai", False)
    learn.add_cb(freezing)
    counts = []

    class Counting(Callback):
        def before_batch(self):
            if self.training:
                counts.append((self.iter, self.train_iter, self.n_iter))

    learn.add_cb(Counting())
    LRFinder(FastaiLearner(learn)).find(rates=[0.001] * 14)
    searched = counts.copy()
    counts.clear()
    learn.fit(2)
    assert searched == counts[:14]
    assert events[:1] == [("fit", 0, True)]


@pytest.mark.parametrize(
    "question", [lambda one: one.facts(), lambda one: one.rank, lambda one: LRFinder(one).find(rates=[0.1])]
)
def test_a_model_in_evaluation_mode_stays_in_it(question):
    learn = build([], "fastai", fitted=True)
    learn.model.eval()
    learner = FastaiLearner(learn)
    question(learner)
    assert not any(module.training for module in learn.model.modules())
