"""Small Gluon trainings for the tests."""

import numpy as np

from lrfinder.gluon import GluonLearner, testing
from lrfinder.gluon._framework import mx

mx.npx.set_np()
nn = mx.gluon.nn
CPU = mx.cpu()
TWO = (mx.cpu(0), mx.cpu(1))  # two devices for MXNet

_numbers = np.random.RandomState(0)
X = _numbers.randn(150, 1, 6, 6).astype("float32")
Y = (X.mean((1, 2, 3)) > 0).astype("int32")

OPTIMIZERS = {
    "sgd": {"learning_rate": 0.01},
    "momentum": {"learning_rate": 0.01, "momentum": 0.9},
    **{name: {"learning_rate": 0.01} for name in ("nag", "adam", "adamw", "lamb", "rmsprop", "ftrl", "nadam")},
}


def seeded():
    mx.random.seed(1)
    np.random.seed(1)


def make_net(dropout=0.0, device=CPU, hybrid=False):
    net = nn.HybridSequential()
    net.add(nn.Conv2D(4, 3), nn.BatchNorm(), nn.Activation("relu"), nn.Dense(2))
    if dropout:
        net.add(nn.Dropout(dropout))
    net.initialize(mx.init.Xavier(), device=list(device) if isinstance(device, tuple) else device)
    if hybrid:
        net.hybridize()
    return net


def make_loader(shuffle=True, workers=0, **options):
    data = mx.gluon.data.ArrayDataset(X, Y)
    return mx.gluon.data.DataLoader(data, batch_size=32, shuffle=shuffle, num_workers=workers, **options)


def make_trainer(net, optimizer="momentum", **options):
    name = "sgd" if optimizer == "momentum" else optimizer
    return mx.gluon.Trainer(net.collect_params(), name, dict(OPTIMIZERS[optimizer]), **options)


def make_learner(optimizer="momentum", dropout=0.0, device=CPU, hybrid=False, **options):
    seeded()
    net = make_net(dropout, device, hybrid=hybrid)
    return GluonLearner(
        net,
        make_loader(),
        list(device) if isinstance(device, tuple) else device,
        trainer=make_trainer(net, optimizer, **options),
    )


def fingerprint(learner):
    return testing.fingerprint(learner.net, learner.trainer)
