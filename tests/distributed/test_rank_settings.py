"""Ranks that are not set up alike: one sentence each, and nobody hangs."""

import pytest
import rank_processes as ranks
import rank_trainings as trainings
import torch
from torch import nn
from torch.distributed.fsdp import fully_shard

import lrfinder
from lrfinder.torch import TorchLearner


def refused(function):
    """The error's class and words, on each rank."""
    try:
        function()
    except lrfinder.LRFinderError as error:
        return type(error).__name__, str(error)
    return None, ""


def find(learner, **settings):
    return refused(lambda: lrfinder.LRFinder(learner).find(**{"rates": trainings.LRS[:8], **settings}))


def other_momentum(rank):
    learner = trainings.learner("ddp")
    learner._state.optimizers[0].param_groups[0]["momentum"] = 0.9 - 0.4 * rank
    return find(learner)


def other_accumulation(rank):
    return find(trainings.learner("ddp", accumulate=1 + rank))


def other_rates(rank):
    return find(trainings.learner("ddp"), rates=trainings.LRS[rank : rank + 8])


def other_stopping(rank):
    learner = trainings.learner("ddp")
    ended = find(learner, stopping=[lambda loss: False, lambda loss: True][rank])
    return (*ended, find(learner)[0])


@pytest.mark.parametrize(
    ("function", "words"),
    [
        (
            other_momentum,
            "Rank 0 and rank 1 are set up differently: momentum of parameter group 0 of optimizer 0: 0.9 and 0.5",
        ),
        (other_accumulation, "Rank 0 and rank 1 are set up differently: accumulate: 1 and 2"),
        (other_rates, "Rank 0 is at the rate 0.001, rank 1 at 0.00125: they were called differently"),
        (other_stopping, "Rank 0 draws a batch, rank 1 restores its learner: they were called differently"),
    ],
)
def test_ranks_that_differ_are_told_in_what(function, words):
    for error, said, *after in ranks.values(function):
        assert error == "RankError"
        assert said.startswith(words)
        assert after in ([], [None]), "and a sweep that is asked for alike can follow"


class Batches:
    """A rank's batches, no list; the second rank has fewer."""

    def __init__(self, rank):
        self.batches = trainings.batches(rank, 2)[: 7 - 3 * rank]

    def __iter__(self):
        return iter(self.batches)

    def __len__(self):
        return len(self.batches)


def shorter_pass(rank):
    with pytest.warns(lrfinder.LRFinderWarning, match="7 batches on rank 0, 4 batches on rank 1") as warned:
        found = lrfinder.LRFinder(trainings.learner("ddp", Batches(rank))).find(rates=trainings.LRS[:12])
    return len(warned), found.losses.tolist()


def test_data_of_different_length_begin_anew_on_each_rank_with_a_word():
    first, second = ranks.values(shorter_pass)
    assert first == second
    assert len(first[1]) == 12


def shorter_stream(rank):
    found = lrfinder.LRFinder(trainings.learner("ddp", iter(Batches(rank)))).find(rates=trainings.LRS[:12])
    return len(found), found.stop.name


def test_a_stream_that_ends_on_one_rank_ends_the_sweep_on_all():
    assert ranks.values(shorter_stream) == [(4, "DATA_ENDED")] * 2


def sharded_late(rank):
    model = trainings.net()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    learner = TorchLearner(model, optimizer, nn.CrossEntropyLoss(), trainings.batches(rank, 2))
    fully_shard(model)
    return find(learner)


def test_a_model_that_was_sharded_after_the_learner_was_made_is_refused():
    assert ranks.values(sharded_late)[0] == (
        "ModelError",
        (
            "The model has 6 sharded parameters now, and had 0 when the learner was created. Shard the model first, then "
            "create the optimizer of its parameters, then the learner."
        ),
    )


def unwrapped(rank):
    model = trainings.net()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    learner = TorchLearner(model, optimizer, nn.CrossEntropyLoss(), trainings.batches(rank, 2))
    with pytest.warns(lrfinder.LRFinderWarning, match="There are 2 processes, but the model is in this one alone"):
        return find(learner)


def test_a_model_that_nothing_spreads_is_searched_alone_with_a_word():
    assert ranks.values(unwrapped) == [(None, "")] * 2


def absent(rank):
    if rank == 1:
        return None
    return find(trainings.learner("alone", process_group=torch.distributed.group.WORLD, rank_timeout=8.0))


def test_a_rank_that_never_comes_is_named():
    error, said = ranks.values(absent)[0]
    assert error == "RankError"
    assert said.startswith("Rank 1 did not answer in time")
