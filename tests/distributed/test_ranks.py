"""One training over several processes: it has the curve of one process, ends on all at once, and repeats on every rank."""

from functools import partial

import numpy as np
import pytest
import rank_processes as ranks
import rank_trainings as trainings
import torch
import torch.distributed as dist
from torch import nn
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.tensor.parallel import ColwiseParallel, RowwiseParallel, parallelize_module
from torch.nn.parallel import DistributedDataParallel

import lrfinder
import lrfinder.testing
from lrfinder.errors import RankError
from lrfinder.torch import TorchLearner
from lrfinder.torch._distributed.channel import Channel

KINDS = ("ddp", "zero", "fsdp")


def curve(learner, lrs=trainings.LRS):
    result = lrfinder.LRFinder(learner).find(rates=lrs)
    return result.losses.tolist(), result.stop.name


def curve_of(rank, kind, settings=None):
    return curve(trainings.learner(kind, **(settings or {})))


@pytest.mark.parametrize(("count", "kind"), [(2, "ddp"), (2, "zero"), (2, "fsdp"), (4, "ddp")])
def test_the_curve_is_that_of_one_process_on_the_full_batches_to_rounding(count, kind):
    losses, stop = curve(trainings.learner("single"))
    every = ranks.values(curve_of, kind, ranks=count)
    assert all(one == every[0] for one in every), "bit for bit the same on all ranks"
    np.testing.assert_allclose(every[0][0], losses, rtol=1e-4)
    assert every[0][1] == stop


@pytest.mark.parametrize("kind", ["ddp", "fsdp"])
def test_accumulated_gradients_are_those_of_one_process(kind):
    settings = {"accumulate": 3, "optimizer": torch.optim.Adam}
    losses, _ = curve(trainings.learner("single", **settings))
    every = ranks.values(curve_of, kind, settings)
    np.testing.assert_allclose(every[0][0], losses, rtol=1e-4)


def reductions(rank, accumulate):
    """Count the reductions of gradients between ranks in one update."""
    learner = trainings.learner("ddp", accumulate=accumulate)
    calls = []

    def counted(state, bucket):
        calls.append(1)
        return dist.all_reduce(bucket.buffer(), async_op=True).get_future().then(lambda done: done.value()[0] / 2)

    learner._state.modules[0].register_comm_hook(None, counted)
    learner.iteration(0.01)
    return len(calls)


def test_accumulated_gradients_are_reduced_once():
    assert ranks.values(reductions, 4) == ranks.values(reductions, 1)


def with_closures(rank, kind):
    return curve(trainings.learner(kind, optimizer=torch.optim.LBFGS), [0.01, 0.02, 0.03])


def test_an_optimizer_with_a_closure_sees_the_loss_of_all_ranks():
    losses, _ = with_closures(0, "single")
    every = ranks.values(with_closures, "ddp")
    assert every[0] == every[1]
    np.testing.assert_allclose(every[0][0], losses, rtol=1e-3)


def first_loss_of_uneven_batches(rank):
    learner = trainings.learner("ddp", trainings.batches(rank, 2, sizes=[9, 3]))
    return float(learner.iteration(0.1))


def test_losses_are_weighted_by_the_sizes_of_the_batches():
    full = float(trainings.learner("single").iteration(0.1))
    np.testing.assert_allclose(ranks.values(first_loss_of_uneven_batches), [full, full], rtol=1e-6)


def time_repeats(rank, kind, iterations_before=2):
    learner = trainings.learner(kind, norm=True)
    for _ in range(iterations_before):
        learner.iteration(0.01)
    lrfinder.testing.check(learner, trainings.LRS[:6], learner.observe)
    return True


@pytest.mark.parametrize(("count", "kind"), [(2, "ddp"), (2, "zero"), (2, "fsdp"), (4, "ddp")])
def test_time_repeats_on_every_rank_bit_for_bit(count, kind):
    assert all(ranks.values(time_repeats, kind, ranks=count))


def test_time_repeats_on_two_ranks_bit_for_bit_from_the_first_iteration():
    assert all(ranks.values(time_repeats, "ddp", 0))


def training_with(rank, kind, finders):
    """Return the losses and the end of a training, with or without finders in its middle."""
    learner = trainings.learner(kind, norm=True)
    losses = [float(learner.iteration(0.02)) for _ in range(4)]
    if finders:
        finder = lrfinder.LRFinder(learner)
        finder.find(rates=trainings.LRS[:10])
        finder.compare([0.01, 0.1], iterations=3)
    losses += [float(learner.iteration(0.02)) for _ in range(8)]
    return losses, {name: value for name, value in learner.observe().items() if "params of group" not in name}  # ids


@pytest.mark.parametrize("kind", KINDS)
def test_a_training_continues_bit_for_bit_as_without_a_finder(kind):
    assert ranks.values(training_with, kind, True) == ranks.values(training_with, kind, False)


def results_of(rank):
    learner = trainings.learner("ddp")
    finder = lrfinder.LRFinder(learner)
    suggestion = finder.suggest(horizon=40, max_iterations=200)
    return suggestion.lr, suggestion.iterations, finder.compare([0.01, 0.1], iterations=5).losses.tolist(), learner.rank


def test_a_suggestion_and_a_comparison_are_the_same_on_all_ranks():
    first, second = ranks.values(results_of)
    assert first[:3] == second[:3]
    assert (first[3], second[3]) == (0, 1)


def on_a_mesh(rank):
    mesh = init_device_mesh("cpu", (2, 2), mesh_dim_names=("data", "tensor"))
    model = parallelize_module(trainings.net(), mesh["tensor"], {"0": ColwiseParallel(), "2": RowwiseParallel()})
    model = trainings.sharded(model, mesh=mesh["data"])
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    learner = TorchLearner(model, optimizer, nn.CrossEntropyLoss(), trainings.batches(mesh["data"].get_local_rank(), 2))
    found = curve(learner)
    lrfinder.testing.check_time_repeats(learner, trainings.LRS[:6], learner.observe)
    return found


def test_a_mesh_of_sharded_and_tensor_parallel_ranks_gives_the_curve_of_one_process():
    losses, _ = curve(trainings.learner("single"))
    every = ranks.values(on_a_mesh, ranks=4)
    assert all(one == every[0] for one in every)
    np.testing.assert_allclose(every[0][0], losses, rtol=1e-4)


def averaged_by_hand(rank):
    """Average the gradients in the user's own code, so that no wrapper shows the ranks."""
    model, loss_fn = trainings.net(), nn.CrossEntropyLoss()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)

    def step(batch):
        optimizer.zero_grad()
        loss = loss_fn(model(batch[0]), batch[1])
        loss.backward()
        for parameter in model.parameters():
            dist.all_reduce(parameter.grad)
            parameter.grad /= 2
        optimizer.step()
        return loss

    data = trainings.batches(rank, 2)
    return curve(TorchLearner.from_step(step, data, modules=[model], optimizers=[optimizer], process_group=dist.group.WORLD))


def test_a_custom_step_takes_its_process_group_as_an_argument():
    losses, _ = curve(trainings.learner("single"))
    every = ranks.values(averaged_by_hand)
    assert every[0] == every[1]
    np.testing.assert_allclose(every[0][0], losses, rtol=1e-4)


def same_curve_after_close(rank):
    """Compare a curve with one after the learner was closed."""
    learner = trainings.learner("ddp")
    first = curve(learner, trainings.LRS[:5])
    learner.close()
    return curve(learner, trainings.LRS[:5]) == first


def test_a_learner_that_was_closed_opens_again():
    assert ranks.values(same_curve_after_close) == [True, True]


def open_and_close_often(_):
    for number in range(30):
        channel = Channel(range(dist.get_world_size()), 30)
        channel.open()
        assert channel.exchange([number]) == [[number]] * dist.get_world_size()
        assert channel.share({"a": "ä" * number}) == [{"a": "ä" * number}] * dist.get_world_size()
        channel.close()
    return True


def test_channels_of_the_same_ranks_do_not_meet_those_that_were_closed():
    assert ranks.values(open_and_close_often) == [True, True]


def time_repeats_with_a_static_graph(rank):
    model = DistributedDataParallel(trainings.net(), static_graph=True)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    learner = TorchLearner(model, optimizer, nn.CrossEntropyLoss(), trainings.batches(rank, 2))
    lrfinder.testing.check_time_repeats(learner, trainings.LRS[:6], learner.observe)
    return True


def test_a_wrapper_keeps_its_static_graph():
    assert ranks.values(time_repeats_with_a_static_graph) == [True, True]


def validated(rank, evaluate):
    learner = trainings.learner("ddp")
    return curve(lrfinder.Validated(learner, partial(evaluate, rank, learner)), trainings.LRS[:12])


def own_loss(rank, learner):
    weight = next(iter(learner._state.modules[0].parameters()))
    return float(weight.detach().square().sum()) + rank


def infinite_on_one_rank(rank, learner):
    return float("inf") if rank else 1.0


def test_a_validation_loss_is_the_mean_over_ranks():
    every = ranks.values(validated, own_loss)
    assert every[0] == every[1]
    assert every[0][0][0] == pytest.approx(own_loss(0, trainings.learner("single")) + 0.5)


def test_a_validation_loss_that_is_infinite_on_one_rank_ends_the_sweep_on_all():
    every = ranks.values(validated, infinite_on_one_rank)
    assert every[0] == every[1] == ([float("inf")], "NOT_FINITE")


def raising_on_one_rank(rank, learner):
    if rank:
        message = "no held-out data"
        raise ValueError(message)
    return 1.0


def reason_of_a_raising_validation(rank):
    with pytest.raises((ValueError, RankError)) as caught:
        validated(rank, raising_on_one_rank)
    return str(caught.value)


def test_a_validation_that_raises_on_one_rank_ends_the_sweep_on_all():
    assert all("no held-out data" in text for text in ranks.values(reason_of_a_raising_validation))
