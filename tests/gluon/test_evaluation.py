"""The validation loss of a Gluon network."""

import numpy as np
import pytest

pytest.importorskip("mxnet", reason="the session oldest has it")
from gluon_nets import X, Y, make_learner, make_loader, make_net, mx, seeded

from lrfinder import LRFinder, Validated
from lrfinder.errors import BatchError, DataError
from lrfinder.gluon import mean_loss

loss_fn = mx.gluon.loss.SoftmaxCrossEntropyLoss()


def test_it_is_the_mean_over_the_examples_without_dropout_whatever_the_size_of_the_last_batch():
    seeded()
    net = make_net(dropout=0.5)
    expected = float(loss_fn(net(mx.np.array(X)), mx.np.array(Y)).mean().item())
    assert mean_loss(net, loss_fn, make_loader())() == pytest.approx(expected, rel=1e-5)


def test_every_call_reads_the_same_batches_and_leaves_the_generator_of_numpy():
    seeded()
    net, numbers = make_net(), np.random.get_state()[1].tolist()
    evaluate = mean_loss(net, loss_fn, make_loader(), 2)
    first = evaluate()
    assert np.random.get_state()[1].tolist() == numbers
    np.random.random(3)
    assert evaluate() == first


def test_it_is_the_curve_of_a_validated_learner():
    learner = make_learner()
    evaluate = mean_loss(learner.net, loss_fn, make_loader())
    curve = LRFinder(Validated(learner, evaluate)).find(max_iterations=4)
    assert curve.losses[0] == pytest.approx(evaluate(), rel=1e-5)


def test_what_cannot_be_evaluated_is_refused_with_a_reason():
    with pytest.raises(DataError, match="at every rate"):
        mean_loss(make_net(), loss_fn, iter(make_loader()))
    with pytest.raises(BatchError, match="pairs"):
        mean_loss(make_net(), loss_fn, [(1, 2, 3)])()
