# These tests set and read attributes that no type declares.
# pyright: reportAttributeAccessIssue=false

from types import SimpleNamespace

import pytest
import torch
from torch.optim.lr_scheduler import OneCycleLR, StepLR

import lrfinder
from lrfinder.errors import LearnerError, LossError
from lrfinder.learner import restored
from lrfinder.torch import TorchLearner
from lrfinder.torch._training_state import TrainingState
from lrfinder.trainers._learner import BatchGroups, LazyLearner, apply_rate, loss_in, mean_loss, reachable_objects


class Set:
    """An object of a user, such as a data set, with attributes that preparing changes."""

    length = None


def lazy_learner():
    """Return a learner, what its preparation has drawn, its model and an object; preparing changes all that it can."""
    prepared = []
    model = torch.nn.Linear(2, 1)
    data = Set()

    def prepare():
        prepared.append(torch.rand(1))
        model.requires_grad_(False).weight.requires_grad_()
        torch.nn.utils.parametrize.register_parametrization(model, "weight", torch.nn.Identity())
        model.mean, data.mean, data.length = torch.rand(1), torch.rand(1), 3
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        return TorchLearner(model, optimizer, torch.nn.functional.mse_loss, [(torch.ones(4, 2), torch.ones(4, 1))])

    return LazyLearner(prepare, lambda: TrainingState([model], [], [data])), prepared, model, data


def seen(model, data):
    parameters = {name: (one.requires_grad, one.tolist()) for name, one in model.named_parameters()}
    return type(model), sorted(vars(model)), parameters, vars(data).copy(), data.length, torch.get_rng_state().tolist()


def test_the_trainer_is_prepared_at_the_first_use_and_once_for_a_block():
    learner, prepared, *_ = lazy_learner()
    learner.parts()
    learner.close()
    assert prepared == []
    lrfinder.LRFinder(learner).suggest(30, max_iterations=200)
    assert len(prepared) == 1


def test_a_preparation_that_fails_disconnects_the_wrapper_that_it_created():
    wrapper = SimpleNamespace(reducer="of C++", logger="of C++")

    def prepare():
        learner.wrappers = [wrapper]
        raise ValueError

    learner = LazyLearner(prepare, lambda: TrainingState([torch.nn.Linear(2, 1)], [], []))
    with pytest.raises(ValueError):
        learner.snapshot()
    assert (wrapper.reducer, learner.wrappers) == (None, [])


@pytest.mark.parametrize("question", ["rank", "ranks", "facts"])
def test_a_question_leaves_a_trainer_that_is_not_prepared_as_it_was(question):
    learner, prepared, *objects = lazy_learner()
    before = seen(*objects)
    answer = getattr(learner, question)
    answer = answer() if callable(answer) else answer
    assert answer in {0, 1} or answer.optimizer == "sgd"
    assert len(prepared) == 1
    assert seen(*objects) == before


def test_a_question_during_a_block_leaves_the_trainer_prepared():
    learner, prepared, *_ = lazy_learner()
    with restored(learner):
        learner.iteration(0.1)
        learner.facts()
        assert learner.rank == 0
        learner.iteration(0.1)
    assert len(prepared) == 1


@pytest.mark.parametrize("iterations", [2, 10])
def test_everything_that_preparing_changed_is_undone_at_the_end_of_a_search(iterations):
    learner, _, *objects = lazy_learner()
    before = seen(*objects)
    for _ in range(2):
        lrfinder.LRFinder(learner).find(rates=[0.1] * iterations)
        assert seen(*objects) == before


def test_a_learner_used_outside_of_a_block_is_prepared_until_it_is_closed():
    learner, prepared, *objects = lazy_learner()
    before = seen(*objects)
    learner.iteration(0.1)
    lrfinder.LRFinder(learner).find(rates=[0.1, 0.2])
    assert len(prepared) == 1
    assert objects[1].length == 3
    learner.close()
    assert seen(*objects) == before


def test_a_block_inside_another_leaves_the_trainer_prepared():
    learner, prepared, *_ = lazy_learner()
    evaluated = lrfinder.Validated(learner, lambda: 1.0)
    lrfinder.LRFinder(evaluated).find(rates=[0.1, 0.2, 0.3])
    assert len(prepared) == 1


def test_the_state_to_which_a_restore_returns_is_that_of_a_prepared_trainer():
    learner, _, _, data = lazy_learner()
    with restored(learner) as state:
        learner.iteration(0.1)
        learner.restore(state)
        assert data.length == 3


def test_time_repeats():
    learner, *_ = lazy_learner()
    learner.observe()  # prepares it until close(), not for each block
    lrfinder.testing.check(learner, [0.1, 0.2], observe=learner.observe)


def test_a_preparation_that_fails_is_undone_and_tried_again():
    model = torch.nn.Linear(2, 1)

    def prepare():
        model.requires_grad_(False)
        raise ValueError("not yet")

    learner = LazyLearner(prepare, lambda: TrainingState([model], []))
    for _ in range(2):
        with pytest.raises(ValueError, match="not yet"):
            learner.snapshot()
        assert model.weight.requires_grad


def test_a_preparation_whose_snapshot_fails_is_undone():
    learner, _, *objects = lazy_learner()
    before = seen(*objects)
    prepare = learner._prepare

    def prepare_with_a_fault():
        prepared = prepare()
        prepared._state.stateful.append(object())  # has no state
        return prepared

    learner._prepare = prepare_with_a_fault
    with pytest.raises(LearnerError, match="stateful holds a object"):
        lrfinder.LRFinder(learner).find()
    assert seen(*objects) == before


class Part:
    def __init__(self, **attributes):
        vars(self).update(attributes)


PACKAGE = Part.__module__.partition(".")[0]


def test_objects_of_the_packages_are_found_through_attributes_and_containers():
    inner = Part()
    outer = Part(parts=[{"a": (inner,)}])
    assert reachable_objects([outer], PACKAGE) == [outer, inner]


def test_objects_of_other_packages_are_found_only_as_roots():
    inner = Part()
    outer = Part(inner=inner)
    assert reachable_objects([outer], "elsewhere") == [outer]
    assert reachable_objects([outer, inner], "elsewhere") == [inner, outer]


def test_the_search_ends_at_cycles_and_does_not_enter_modules():
    model = torch.nn.Linear(1, 1)
    model.part = Part()
    outer = Part(model=model)
    outer.itself = outer  # pyright: ignore[reportAttributeAccessIssue]
    assert reachable_objects([outer], PACKAGE) == [outer]


def test_each_pass_is_grouped_from_its_start_and_its_last_group_may_be_shorter():
    groups = BatchGroups([1, 2, 3, 4, 5], 2)
    assert [*groups] == [*groups] == [[1, 2], [3, 4], [5]]


def test_a_pass_ends_at_its_limit():
    assert [*BatchGroups([1, 2, 3, 4, 5], 2, limit=3)] == [[1, 2], [3]]


@pytest.mark.parametrize(
    "output", [0.5, torch.tensor(0.5), torch.tensor([0.5], requires_grad=True), {"loss": torch.tensor(0.5)}]
)
def test_a_loss_is_one_number_or_an_entry_of_a_dict(output):
    loss = loss_in(output, "The step")
    assert float(loss) == 0.5
    assert not loss.requires_grad


@pytest.mark.parametrize("output", [None, {}, torch.zeros(2), "0.5"])
def test_an_output_without_a_loss_is_refused(output):
    with pytest.raises(LossError, match=r"The step gave .*; it must give the loss as one number"):
        loss_in(output, "The step")


def test_the_loss_of_an_update_is_the_mean_of_its_batches():
    assert float(mean_loss([torch.tensor(1.0), torch.tensor(2.0)])) == 1.5


def optimizer_of_two_groups():
    return torch.optim.SGD([{"params": [torch.zeros(1)], "lr": 0.1}, {"params": [torch.zeros(1)], "lr": 0.2}])


def test_the_rate_is_that_of_the_highest_group_and_the_scheduler_continues_from_it():
    optimizer = optimizer_of_two_groups()
    scheduler = StepLR(optimizer, 10)
    assert apply_rate(optimizer, [scheduler], 0.5) is None
    assert [group["lr"] for group in optimizer.param_groups] == scheduler.base_lrs == [0.25, 0.5]


def test_a_scheduler_with_rates_of_its_own_moves_unless_it_is_replaced():
    optimizer = optimizer_of_two_groups()
    before = OneCycleLR(optimizer, [0.05, 0.1], total_steps=11)
    assert apply_rate(optimizer, [before], 0.5) is None
    assert [group["max_lr"] for group in optimizer.param_groups] == pytest.approx([0.25, 0.5], rel=0.1)
    assert apply_rate(optimizer, [before], 0.5, lambda *_: "another scheduler") == "another scheduler"
