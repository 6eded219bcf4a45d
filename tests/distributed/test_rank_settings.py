"""Ranks that are set up differently: one sentence for each difference, and none hangs."""

import pytest
import rank_processes as ranks
import rank_trainings as trainings
import torch
from torch import nn
from torch.distributed.fsdp import fully_shard

import lrfinder
from lrfinder.torch import TorchLearner


def error_of(function):
    """Return the class and the text of the error on this rank."""
    try:
        function()
    except lrfinder.LRFinderError as error:
        return type(error).__name__, str(error)
    return None, ""


def find(learner, **settings):
    return error_of(lambda: lrfinder.LRFinder(learner).find(**{"rates": trainings.LRS[:8], **settings}))


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
    error = find(learner, stopping=[lambda loss: False, lambda loss: True][rank])
    return (*error, find(learner)[0])


@pytest.mark.parametrize(
    ("function", "words"),
    [
        (
            other_momentum,
            "Rank 0 and rank 1 are set up differently: momentum of parameter group 0 of optimizer 0: 0.9 and 0.5",
        ),
        (other_accumulation, "Rank 0 and rank 1 are set up differently: accumulate: 1 and 2"),
        (other_rates, "Rank 0 is at the rate 0.001, rank 1 at 0.00125: they were called differently"),
        (other_stopping, "Rank 0 begins a forward, rank 1 restores its learner: they were called differently"),
    ],
)
def test_an_error_names_the_setting_in_which_ranks_differ(function, words):
    for error, error_text, *later_error in ranks.values(function):
        assert error == "RankError"
        assert error_text.startswith(words)
        assert later_error in ([], [None]), "a sweep with equal settings can follow"


class FewerOnRank1:
    """The batches of a rank, of which rank 1 has fewer. They are not a list, so that the learner iterates over them."""

    def __init__(self, rank):
        self.batches = trainings.batches(rank, 2)[: 7 - 3 * rank]

    def __iter__(self):
        return iter(self.batches)

    def __len__(self):
        return len(self.batches)


def shorter_pass(rank):
    with pytest.warns(lrfinder.LRFinderWarning, match="7 batches on rank 0, 4 batches on rank 1") as warned:
        result = lrfinder.LRFinder(trainings.learner("ddp", FewerOnRank1(rank))).find(rates=trainings.LRS[:12])
    return len(warned), result.losses.tolist()


def test_data_of_different_length_start_again_on_each_rank_with_a_warning():
    first, second = ranks.values(shorter_pass)
    assert first == second
    assert len(first[1]) == 12


def shorter_stream(rank):
    result = lrfinder.LRFinder(trainings.learner("ddp", iter(FewerOnRank1(rank)))).find(rates=trainings.LRS[:12])
    return len(result), result.stop.name


def test_a_stream_that_ends_on_one_rank_ends_the_sweep_on_all():
    assert ranks.values(shorter_stream) == [(4, "DATA_ENDED")] * 2


def sharded_late(rank):
    model = trainings.net()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    learner = TorchLearner(model, optimizer, nn.CrossEntropyLoss(), trainings.batches(rank, 2))
    fully_shard(model)
    return find(learner)


def test_a_model_that_is_sharded_after_its_learner_was_created_is_refused():
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


def test_a_model_that_is_not_distributed_is_searched_in_each_process_with_a_warning():
    assert ranks.values(unwrapped) == [(None, "")] * 2


def absent(rank):
    if rank == 1:
        return None
    return find(trainings.learner("single", process_group=torch.distributed.group.WORLD, rank_timeout=8.0))


def test_a_rank_that_never_comes_is_named():
    error, error_text = ranks.values(absent)[0]
    assert error == "RankError"
    assert error_text.startswith("Rank 1 did not answer in time")
