"""The finder leaves no trace: a sample of ``make fuzz``, and mutations that the check must find."""

from contextlib import ExitStack

import pytest
from hypothesis import HealthCheck, assume, given, settings
from proof_case import Case
from proof_feeds import ALL, WITH_WORKERS
from proof_mutations import KINDS, LEFT, forgetting, leaving
from proof_nets import NETS
from proof_optimizers import OPTIMIZERS, REFUSED
from proof_schedulers import SCHEDULERS
from proof_strategies import cases
from proof_twin import RefusedError, TraceError, prove


@settings(max_examples=60, suppress_health_check=list(HealthCheck))
@given(cases())
def test_a_training_continues_as_if_there_had_been_no_finder(case):
    try:
        prove(case)
    except RefusedError:
        assume(condition=False)


@pytest.mark.parametrize("net", NETS)
def test_a_training_continues_with_every_net(net):
    prove(Case(net=net, feed="loader that shuffles", moment="in the middle of an epoch", what=("find", "compare")))


@pytest.mark.parametrize("optimizer", sorted(OPTIMIZERS.keys() - REFUSED))
def test_a_training_continues_with_every_optimizer(optimizer):
    net = "sparse embedding alone" if optimizer == "SparseAdam" else "batch norm"
    prove(Case(net=net, optimizer=optimizer, moment="after 7 steps", hooks=True, what=("compare", "find")))


@pytest.mark.parametrize("scheduler", SCHEDULERS)
def test_a_training_continues_with_every_scheduler(scheduler):
    prove(Case(scheduler=scheduler, form="step", moment="after 7 steps", average="equal"))


@pytest.mark.parametrize("feed", ALL)
def test_a_training_continues_with_every_feed(feed):
    what = ("find",) if feed in WITH_WORKERS else ("find", "find")  # workers are slow to start
    prove(Case(net="dropout", feed=feed, moment="in the middle of an epoch", what=what))


@pytest.mark.parametrize("kind", KINDS)
def test_the_check_finds_a_snapshot_that_leaves_out(kind):
    case = KINDS[kind][0]
    prove(case)
    with pytest.raises(TraceError):
        prove(case, forgetting(kind))


@pytest.mark.parametrize("what", LEFT)
def test_the_check_finds_a_finder_that_leaves_behind(what):
    with ExitStack() as stack, pytest.raises(TraceError):
        prove(Case(moment="between backward and step"), leaving(what, stack), patience=0.0)
