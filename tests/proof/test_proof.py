"""The finder leaves no trace: a sample of ``make fuzz``, and mutations that the check must find."""

import functools
import itertools
from contextlib import ExitStack

import pytest
from hypothesis import HealthCheck, assume, given, settings
from proof_batches import CONTAINERS
from proof_case import Case
from proof_environments import ENVIRONMENTS
from proof_feeds import WITH_WORKERS
from proof_losses import CLIPS, LOSSES
from proof_mutations import KINDS, LEFT, LEFT_IN, forgetting, leaving
from proof_mutations_of_objects import OF_BATCHES, OF_OBJECTS
from proof_objects import ALL as NETS
from proof_optimizers import OPTIMIZERS, REFUSED
from proof_passes import FEEDS_OF_ALL_KINDS
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


@pytest.mark.parametrize("feed", FEEDS_OF_ALL_KINDS)
def test_a_training_continues_with_every_feed(feed):
    what = ("find",) if feed in WITH_WORKERS else ("find", "find")  # workers are slow to start
    prove(Case(net="dropout", feed=feed, moment="in the middle of an epoch", what=what))


@pytest.mark.parametrize("loss", LOSSES)
def test_a_training_continues_with_every_loss(loss):
    given = ("method", "loss function", "object", "partial", "closure")[len(loss) % 5]
    prove(Case(loss=loss, given=given, moment="in the middle of an epoch", what=("find", "compare equal rates")))


@pytest.mark.parametrize("container", CONTAINERS)
def test_a_training_continues_with_batches_in_every_container(container):
    use = "empties" if len(container) % 2 else "changes in place"
    prove(Case(container=container, use=use, feed="loader that shuffles", what=("compare equal rates", "find")))


@pytest.mark.parametrize(("clip", "stateful"), [*zip(itertools.cycle(CLIPS), ENVIRONMENTS, strict=False)])
def test_a_training_continues_with_every_clipping_and_environment(clip, stateful):
    prove(Case(clip=clip, stateful=stateful, moment="after 7 steps", what=("find", "check")))


@functools.cache
def prove_once(case):
    prove(case)


@pytest.mark.parametrize("kind", KINDS | OF_OBJECTS)
def test_the_check_finds_a_snapshot_that_leaves_out(kind):
    case, read, write = (KINDS | OF_OBJECTS)[kind]
    prove_once(case)
    with pytest.raises(TraceError):
        prove(case, forgetting(read, write))


@pytest.mark.parametrize("kind", OF_BATCHES)
def test_the_check_finds_a_learner_that_does_not_copy(kind):
    case, learner = OF_BATCHES[kind]
    prove_once(case)
    with pytest.raises((TraceError, LookupError)):
        prove(case, learner)


@pytest.mark.parametrize("what", LEFT)
def test_the_check_finds_a_finder_that_leaves_behind(what):
    with ExitStack() as stack, pytest.raises(TraceError):
        prove(LEFT_IN, leaving(what, stack), patience=0.0)
