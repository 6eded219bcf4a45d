"""Hugging Face's Trainer on two processes: they search as one, and train afterwards as if there had been no search."""

import pytest

pytest.importorskip("transformers", reason="transformers is not installed")

import rank_processes as ranks
import transformers_ranks
from transformers import Trainer, TrainingArguments

from lrfinder.errors import LearnerError
from lrfinder.trainers.transformers import TrainerLearner


@pytest.fixture(scope="module")
def both():
    return ranks.values(transformers_ranks.everything, limit=240)


@pytest.mark.parametrize("name", transformers_ranks.CASES)
def test_a_training_after_a_search_is_its_twin_on_each_rank_and_the_ranks_see_one_curve(both, name):
    (differences, curve), (others, other_curve) = (one["twins"][name] for one in both)
    assert differences == others == []
    assert curve == other_curve


def test_a_search_at_the_beginning_of_train_leaves_no_trace_and_all_ranks_find_the_same(both):
    (differences, suggestions), (others, other_suggestions) = (one["inside"] for one in both)
    assert differences == others == []
    assert suggestions == other_suggestions
    assert len(suggestions) == 1


def test_a_learner_knows_its_rank_before_it_prepares_the_trainer(both):
    assert [one["rank"] for one in both] == [(0, 2), (1, 2)]


def test_the_loss_of_an_iteration_is_the_mean_over_ranks_of_that_of_train(both):
    means = [sum(pair) / 2 for pair in zip(*(one["own losses"] for one in both), strict=True)]
    assert both[0]["iterations"] == both[1]["iterations"] == pytest.approx(means, rel=1e-6)


@pytest.mark.parametrize("place", transformers_ranks.PLACES)
def test_a_search_that_fails_on_one_rank_ends_on_both_and_both_train_as_their_twins(both, place):
    (error, differences), (own_error, own_differences) = (one["faults"][place] for one in both)
    assert own_error == f"ValueError: {place}"
    assert error == f"RankError: Rank 1 raised ValueError: {place}."
    assert differences == own_differences == []


def test_a_rank_that_fails_while_the_other_waits_for_it_is_named(both):
    error, own = (one["broken"] for one in both)
    assert own == "ZeroDivisionError: division by zero"
    assert error.startswith("RankError: Rank 1 raised ZeroDivisionError: division by zero. The process group is broken")


def trainer_with(tmp_path, change):
    trainer = Trainer(transformers_ranks.gpt2(), TrainingArguments(tmp_path, use_cpu=True, report_to=[]))
    change(trainer)
    return trainer


@pytest.mark.parametrize(
    ("change", "name"),
    [
        (lambda one: setattr(one.args, "_n_gpu", 2), "DataParallel on 2 GPUs of one process"),
        (lambda one: setattr(one.accelerator.state, "distributed_type", one.accelerator.distributed_type.FSDP), "FSDP"),
    ],
    ids=["DataParallel", "FSDP"],
)
def test_a_model_that_is_spread_over_devices_is_refused_by_name(tmp_path, change, name):
    trainer = trainer_with(tmp_path, lambda _: None)
    kind = trainer.accelerator.state.distributed_type
    change(trainer)
    try:
        with pytest.raises(LearnerError, match=f"works with {name}; search without: in one process, or in several"):
            TrainerLearner(trainer)
    finally:
        trainer.accelerator.state.distributed_type = kind  # which all accelerators of a process share
