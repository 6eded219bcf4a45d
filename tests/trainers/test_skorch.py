"""skorch: a restore repeats time, a search changes nothing, set_rate reaches fit, quiet callbacks stay quiet."""

import pytest

pytest.importorskip("skorch", reason="skorch is not installed")

import numpy as np
import torch
from skorch import NeuralNetClassifier
from skorch.callbacks import Callback, Checkpoint, EarlyStopping, GradientNormClipping, LRScheduler
from torch import nn
from trainer_searches import search, search_that_fails

import lrfinder.testing
from lrfinder import LRFinder, RatesError
from lrfinder.errors import LearnerError, OptimizerError
from lrfinder.torch import schedules
from lrfinder.torch.inspection import fingerprint
from lrfinder.trainers.skorch import SkorchLearner

X = np.random.default_rng(0).standard_normal((120, 6)).astype("float32")
Y = (X.sum(1) > 0).astype("int64")


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.first = nn.Linear(6, 16)
        self.layers = nn.Sequential(nn.BatchNorm1d(16), nn.ReLU(), nn.Dropout(0.3), nn.Linear(16, 2))

    def forward(self, inputs):
        return self.layers(self.first(inputs))


class Recording(Callback):
    """A callback that records loss and rates of each training batch."""

    def initialize(self):
        self.losses_ = []
        self.rates_ = []
        return self

    def on_grad_computed(self, net, **_):
        self.rates_.append([group["lr"] for group in net.optimizer_.param_groups])

    def on_batch_end(self, net, *, training, loss, **_):
        if training:
            self.losses_.append(float(loss.detach()))


class Averaging(Callback):
    """A callback with an argument, and an attribute that is none."""

    def __init__(self, decay=0.9):
        self.decay = decay
        self.average = None


class Renaming(Callback):
    """A callback that stores its argument by another name."""

    def __init__(self, decay=0.9):
        self.rate = decay


def new_net(*callbacks, **settings):
    torch.manual_seed(0)
    return NeuralNetClassifier(
        Net,
        **{
            "criterion": nn.CrossEntropyLoss,
            "optimizer": torch.optim.Adam,
            "lr": 0.01,
            "max_epochs": 2,
            "batch_size": 8,
            "iterator_train__shuffle": True,
            "verbose": 0,
            "callbacks": [Recording(), *callbacks],
            **settings,
        },
    )


def initialized(*callbacks, **settings):
    return new_net(*callbacks, **settings).initialize()


def fitted(*callbacks, **settings):
    return new_net(*callbacks, **settings).fit(X, Y)


NETS = {
    "not initialized": new_net,
    "initialized": initialized,
    "already fitted": fitted,
    "clipping": lambda: new_net(GradientNormClipping(0.1)),
    "groups": lambda: new_net(optimizer__param_groups=[("first.*", {"lr": 0.005})]),
}


@pytest.mark.parametrize("name", NETS)
def test_time_repeats_for_every_kind_of_net(name):
    learner = SkorchLearner(NETS[name](), X, Y)
    learner.observe()  # prepares the trainer until close(), not for each block
    lrfinder.testing.check(learner, lrfinder.testing.LRS[::3], observe=learner.observe)
    learner.close()


def recorded(net):
    return next(callback for _, callback in net.callbacks_ if isinstance(callback, Recording))


def trained(name, before):
    net = NETS[name]()
    before(SkorchLearner(net, X, Y))
    net.partial_fit(X, Y)
    return net


@pytest.mark.parametrize("what", [search, search_that_fails])
@pytest.mark.parametrize("name", NETS)
def test_a_fit_is_the_same_with_and_without_a_search(name, what):
    plain, again = trained(name, lambda _: None), trained(name, what)
    assert recorded(again).losses_ == recorded(plain).losses_
    assert fingerprint(again.module_, again.optimizer_) == fingerprint(plain.module_, plain.optimizer_)
    assert again.history[:, "train_loss"] == plain.history[:, "train_loss"]


def test_the_comparison_detects_a_search_that_draws_one_random_number():
    plain, again = trained("not initialized", lambda _: None), trained("not initialized", lambda _: torch.rand(1))
    assert recorded(again).losses_ != recorded(plain).losses_


@pytest.mark.parametrize("name", ["not initialized", "clipping", "groups"])
def test_iterations_of_the_learner_are_those_of_fit(name):
    losses = lrfinder.testing.losses(SkorchLearner(NETS[name]().initialize(), X, Y), [0.01] * 10)
    plain = NETS[name]().initialize().partial_fit(X, Y)
    assert losses == recorded(plain).losses_[:10]


def test_a_net_that_is_not_initialized_remains_so():
    net = new_net()
    LRFinder(SkorchLearner(net, X, Y)).find(rates=[0.1, 0.2])
    assert not net.initialized_
    assert not hasattr(net.get_params()["callbacks"][0], "losses_")


def test_checkpoints_and_early_stopping_are_not_called(tmp_path):
    stopping = EarlyStopping("train_loss", patience=1)
    net = initialized(Checkpoint(dirname=str(tmp_path / "out"), monitor=None), stopping)
    LRFinder(SkorchLearner(net, X, Y)).find()
    assert (list(tmp_path.glob("out/*")), len(net.history), stopping.misses_) == ([], 0, 0)


def test_callbacks_of_the_user_take_part_unless_they_are_quiet():
    calls = []

    class Hearing(Callback):
        def on_batch_end(self, net, **_):
            calls.append(len(net.history[-1]["batches"]))

    for quiet in ((), (Hearing,)):
        LRFinder(SkorchLearner(new_net(Hearing()), X, Y, quiet=quiet)).find(rates=[0.1, 0.2])
    assert calls == [1, 2]


def test_fit_has_the_rate_that_was_set_and_groups_in_proportion():
    net = NETS["groups"]()
    SkorchLearner(net, X, Y).set_rate(0.5)
    net.fit(X, Y)
    assert recorded(net).rates_[-1] == [0.25, 0.5]


def test_a_schedule_moves_the_rate_after_each_batch():
    net = new_net()
    SkorchLearner(net, X, Y).set_rate(
        0.5, schedule=lambda optimizer, rate: schedules.warmup_cosine(optimizer, rate, 24, warmup=4)
    )
    net.fit(X, Y)
    assert [rate for (rate,) in recorded(net).rates_[:5]] == pytest.approx([0.1, 0.2, 0.3, 0.4, 0.5])
    assert recorded(net).rates_[-1][0] == pytest.approx(0.0)


def test_wrong_arguments_are_refused():
    with pytest.raises(LearnerError, match=r"give a skorch.NeuralNet"):
        SkorchLearner(Net(), X, Y)
    with pytest.raises(RatesError, match="rate is None"):
        SkorchLearner(new_net(), X, Y).set_rate(None)


@pytest.mark.parametrize("callback", [Averaging(), Renaming(), ("named", Averaging())])
def test_a_callback_that_cannot_be_cloned_is_refused_with_the_way_out(callback):
    with pytest.raises(LearnerError, match=r"(Averaging|Renaming) cannot be cloned .* call net\.initialize\(\) first"):
        SkorchLearner(new_net(callback), X, Y)
    net = new_net(callback).initialize()
    assert len(LRFinder(SkorchLearner(net, X, Y)).find(max_iterations=5)) == 5


def test_a_callback_of_an_earlier_fit_is_accepted():
    recording = Recording()
    new_net(recording).fit(X, Y)
    assert len(LRFinder(SkorchLearner(new_net(recording), X, Y)).find(max_iterations=5)) == 5


@pytest.mark.parametrize("stateful", [3, None, "x"])
def test_stateful_of_another_kind_is_refused(stateful):
    with pytest.raises(LearnerError, match="stateful"):
        SkorchLearner(new_net(), X, Y, stateful=stateful)


def test_a_scheduler_that_cannot_be_moved_is_refused_before_anything_changes():
    class Fixed(torch.optim.lr_scheduler.LRScheduler):
        def get_lr(self):
            return [0.01 if self.last_epoch % 2 else 0.02 for _ in self.base_lrs]

    net = new_net(LRScheduler(Fixed))
    with pytest.raises(OptimizerError, match="policy Fixed does not keep its shape"):
        SkorchLearner(net, X, Y).set_rate(0.5)
    assert net.lr == new_net().lr
    with pytest.raises(OptimizerError, match="has the class LRScheduler"):
        SkorchLearner(new_net(LRScheduler), X, Y).set_rate(0.5)
