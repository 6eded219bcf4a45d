"""Twins: a training with a finder before or in it equals, bit for bit, the training without."""

import pytest

from lrfinder import LRFinder

pytest.importorskip("mxnet", reason="the session oldest has it")
from gluon_nets import CPU, TWO, X, Y, make_loader, make_trainer, mx, nn, seeded

from lrfinder.gluon import GluonLearner, testing


def dense(*, explicit):
    net = nn.HybridSequential()
    net.add(nn.Dense(6, activation="relu", in_units=36 if explicit else 0), nn.BatchNorm(in_channels=6 if explicit else 0))
    net.add(nn.Dense(2, in_units=6 if explicit else 0))
    return net


class Recurrent(mx.gluon.Block):
    """A recurrent net, which cannot be hybridized as a whole."""

    def __init__(self, *, explicit):
        super().__init__()
        self.body = mx.gluon.rnn.LSTM(5, layout="NTC", input_size=6 if explicit else 0)
        self.head = nn.Dense(2, in_units=5 if explicit else 0)

    def forward(self, x):
        return self.head(self.body(x.reshape(-1, 6, 6))[:, -1])


class Shared(mx.gluon.HybridBlock):
    """A net with parameters of its own, one without a gradient, and a layer that is called twice."""

    def __init__(self, *, explicit):
        super().__init__()
        self.body = nn.Dense(36, in_units=36 if explicit else 0)
        self.shift = mx.gluon.Parameter("shift", shape=(36,), init="zeros")
        self.scale = mx.gluon.Parameter("scale", shape=(36,), init="ones", grad_req="null")
        self.head = nn.Dense(2, in_units=36 if explicit else 0)

    def forward(self, x):
        hidden = self.body(mx.np.tanh(self.body(x)))
        return self.head(hidden * self.scale.data(x.device) + self.shift.data(x.device))


NETS = {"dense": dense, "recurrent": Recurrent, "shared": Shared}
CALLS = {"eager": None, "hybridized": {}, "hybridized, static": {"static_alloc": True, "static_shape": True}}


class Training:
    """A user's own training: a search may come before it, and one in its middle."""

    def __init__(self, net, *, search, call=None, forward=False, device=CPU, **settings):
        seeded()
        self.devices = list(device) if isinstance(device, tuple) else [device]
        self.net = net
        self.net.initialize(mx.init.Uniform(0.3), device=self.devices)
        if call is not None:
            self.net.hybridize(**call)
        self.trainer = make_trainer(self.net, "adam", **settings)
        self.loss_fn = mx.gluon.loss.SoftmaxCrossEntropyLoss()
        if forward:
            self.forward(slice(0, 4))
        self.losses = []
        search(self)
        self.train(0, 3)
        search(self)
        self.train(3, 6)

    def learner(self, **options):
        options = {"loss_fn": self.loss_fn, "trainer": self.trainer, **options}
        return GluonLearner(self.net, make_loader(), self.devices, **options)

    def forward(self, rows):
        halves = zip(*(mx.gluon.utils.split_and_load(mx.np.array(part[rows]), self.devices) for part in (X, Y)), strict=True)
        return [self.loss_fn(self.net(x), y) for x, y in halves]

    def train(self, first, last):
        for k in range(first, last):
            with mx.autograd.record():
                losses = self.forward(slice(20 * k, 20 * k + 20))
            mx.autograd.backward(losses)
            self.trainer.step(20)
            self.losses.append([loss.asnumpy().tobytes() for loss in losses])


def find(training):
    LRFinder(training.learner()).find(lr_start=1e-3, lr_multiplier=2)


def nothing(_):
    pass


def assert_twins(make, **options):
    """Compare what a training with searches leaves, and each of its losses, with its twin."""
    plain, searched = Training(make(), search=nothing, **options), Training(make(), search=find, **options)
    assert searched.losses == plain.losses
    assert testing.fingerprint(searched.net, searched.trainer) == testing.fingerprint(plain.net, plain.trainer)


@pytest.mark.parametrize("forward", [False, True], ids=["no forward before", "after a forward"])
@pytest.mark.parametrize("explicit", [True, False], ids=["explicit shapes", "deferred shapes"])
@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("name", NETS)
def test_a_net_in_every_state_of_its_making_trains_on_as_its_twin(name, call, explicit, forward):
    assert_twins(lambda: NETS[name](explicit=explicit), call=CALLS[call], forward=forward)


@pytest.mark.parametrize("explicit", [True, False], ids=["explicit shapes", "deferred shapes"])
@pytest.mark.parametrize(
    "settings",
    [
        {"kvstore": None},
        {"device": TWO},
        {"device": TWO, "update_on_kvstore": True},
        {"device": TWO, "update_on_kvstore": False},
    ],
    ids=["no store", "two devices", "updated on the store", "updated on the devices"],
)
def test_a_trainer_whose_store_does_not_exist_yet_trains_on_as_its_twin(settings, explicit):
    assert_twins(lambda: dense(explicit=explicit), **settings)
