"""skorch: a search begins as partial_fit does, with the callbacks that belong to training, and leaves nothing of it."""

import random

import pytest

pytest.importorskip("skorch", reason="skorch is not installed")

import numpy as np
import torch
from loop_records import first_update, flags
from skorch import NeuralNetClassifier
from skorch.callbacks import (
    Callback,
    Checkpoint,
    Freezer,
    GradientNormClipping,
    Initializer,
    InputShapeSetter,
    TrainEndCheckpoint,
    Unfreezer,
)
from torch import nn
from trainer_searches import search, search_that_fails

from lrfinder import LRFinder
from lrfinder.learner import restored
from lrfinder.torch.inspection import fingerprint
from lrfinder.trainers.skorch import SkorchLearner

X = np.random.default_rng(0).standard_normal((120, 6)).astype("float32")
Y = (X.sum(1) > 0).astype("int64")


class Net(nn.Module):
    def __init__(self, input_dim=6):
        super().__init__()
        self.first = nn.Linear(input_dim, 16)
        self.layers = nn.Sequential(nn.BatchNorm1d(16), nn.ReLU(), nn.Dropout(0.3), nn.Linear(16, 2))

    def forward(self, inputs):
        return self.layers(self.first(inputs))


class Beginning(Callback):
    """A callback that changes the module when training begins, and reads the data and the history."""

    def on_train_begin(self, net, X, y, **_):  # noqa: N803  (skorch's name)
        net.module_.layers[1] = nn.Tanh()
        net.criterion_.label_smoothing = 0.1 * float(len(X) == 120)

    def on_epoch_begin(self, net, dataset_train, dataset_valid, **_):
        self.sizes_ = [len(dataset_train), len(dataset_valid), len(net.history), len(net.classes_)]
        net.module_.first.bias.requires_grad_(len(dataset_train) == 0)

    def on_batch_end(self, net, training, **_):
        if training:
            batch = net.history[-1, "batches", -1]
            self.batches_ = [*getattr(self, "batches_", []), (batch["train_loss"], batch["train_batch_size"])]


CALLBACKS = {
    "freezer": lambda: Freezer("first.*"),
    "unfreezer": lambda: Unfreezer("first.*", at=2),
    "initializer": lambda: Initializer("layers.3.weight", fn=lambda weight: nn.init.normal_(weight, std=0.3)),
    "beginning": Beginning,
    "clipping": lambda: GradientNormClipping(0.1),
    "shapes": InputShapeSetter,
}


class Recording(Callback):
    """A callback that records the loss of each training batch."""

    def initialize(self):
        self.losses_ = []
        return self

    def on_batch_end(self, net, *, training, loss, **_):
        if training:
            self.losses_.append(float(loss.detach()))


def combination(seed):
    draw = random.Random(seed)
    return tuple(draw.sample(list(CALLBACKS), draw.randrange(1, 4))), draw.choice(["new", "initialized", "fitted"])


COMBINATIONS = [*map(combination, range(7)), (("unfreezer", "shapes"), "fitted")]


def build(names, stage):
    torch.manual_seed(0)
    np.random.seed(0)
    callbacks = [(name, CALLBACKS[name]()) for name in names]
    net = NeuralNetClassifier(
        Net,
        criterion=nn.CrossEntropyLoss,
        optimizer=torch.optim.Adam,
        lr=0.01,
        max_epochs=2,
        batch_size=8,
        iterator_train__shuffle=True,
        verbose=0,
        callbacks=[*callbacks, ("recording", Recording())],
    )
    if stage != "new":
        net.initialize()
    if stage == "fitted":
        net.partial_fit(X, Y, epochs=1)
        net.module_.eval()
    return net


def losses_of(net):
    return next(callback for name, callback in net.callbacks_ if name == "recording").losses_


def seen(net):
    randomness = torch.get_rng_state().tolist(), np.random.get_state()[2]
    if not net.initialized_:
        return sorted(vars(net)), randomness
    callbacks = [sorted(vars(one)) for _, one in net.callbacks_]
    of_parts = flags(net.module_), fingerprint(net.module_, net.optimizer_), net.criterion_.label_smoothing
    return of_parts, len(net.history), callbacks, losses_of(net).copy(), randomness


@pytest.mark.parametrize("names", COMBINATIONS, ids=str)
def test_the_first_iteration_is_that_of_partial_fit(names):
    learner = SkorchLearner(build(*names), X, Y)
    with first_update() as searched, restored(learner):
        loss = float(learner.iteration(0.01))
    net = build(*names)
    done = len(losses_of(net)) if net.initialized_ else 0
    with first_update() as own:
        net.partial_fit(X, Y)
    assert (loss, searched) == (losses_of(net)[done], own)


@pytest.mark.parametrize("what", [search, search_that_fails])
@pytest.mark.parametrize("names", COMBINATIONS, ids=str)
def test_nothing_remains_of_the_start_and_a_fit_is_that_of_its_twin(names, what):
    net, twin = build(*names), None
    before = seen(net)
    what(SkorchLearner(net, X, Y))
    assert seen(net) == before
    net.partial_fit(X, Y)
    twin = build(*names)
    twin.partial_fit(X, Y)
    assert losses_of(net) == losses_of(twin)
    assert seen(net)[0] == seen(twin)[0]


def test_a_callback_reads_the_number_of_the_epoch_from_the_history():
    epochs = []

    class Reading(Callback):
        def on_epoch_begin(self, net, **_):
            epochs.append(net.history[-1, "epoch"])

    net = build((), "fitted")
    net.callbacks_.append(("reading", Reading()))
    LRFinder(SkorchLearner(net, X, Y)).find(rates=[0.01, 0.02])
    net.partial_fit(X, Y, epochs=1)
    assert epochs == [2, 2]


@pytest.mark.parametrize(
    ("given", "settings"),
    [
        ([Checkpoint(dirname="kept", monitor=None)], {}),
        ([("checkpoint", Checkpoint)], {"callbacks__checkpoint__dirname": "kept", "callbacks__checkpoint__monitor": None}),
        ([TrainEndCheckpoint(dirname="kept")], {}),
    ],
)
def test_a_search_makes_no_folder_of_a_checkpoint_and_fit_does(tmp_path, monkeypatch, given, settings):
    monkeypatch.chdir(tmp_path)
    inputs, labels = torch.randn(32, 4).numpy(), np.arange(32) % 2
    net = NeuralNetClassifier(nn.Linear, module__in_features=4, module__out_features=2, criterion=nn.CrossEntropyLoss,
                              max_epochs=1, train_split=None, verbose=0, callbacks=given, **settings)  # fmt: skip
    LRFinder(SkorchLearner(net, inputs, labels)).find(rates=[0.1, 0.2])
    assert list(tmp_path.iterdir()) == []
    net.fit(inputs, labels)
    assert any((tmp_path / "kept").iterdir())
