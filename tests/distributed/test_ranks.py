"""One training over several processes: the curve of one process, one decision, the law on every rank."""

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
from lrfinder.torch import TorchLearner
from lrfinder.torch._distributed.channel import Channel

KINDS = ("ddp", "zero", "fsdp")


def curve(learner, lrs=trainings.LRS):
    found = lrfinder.LRFinder(learner).find(rates=lrs)
    return found.losses.tolist(), found.stop.name


def found_by(rank, kind, settings=None):
    return curve(trainings.learner(kind, **(settings or {})))


@pytest.mark.parametrize(("count", "kind"), [(2, "ddp"), (2, "zero"), (2, "fsdp"), (4, "ddp")])
def test_the_curve_is_that_of_one_process_on_the_whole_batches_to_rounding(count, kind):
    losses, stop = curve(trainings.learner("alone"))
    every = ranks.values(found_by, kind, ranks=count)
    assert all(one == every[0] for one in every), "bit for bit the same on all ranks"
    np.testing.assert_allclose(every[0][0], losses, rtol=1e-4)
    assert every[0][1] == stop


@pytest.mark.parametrize("kind", ["ddp", "fsdp"])
def test_accumulated_gradients_are_those_of_one_process(kind):
    settings = {"accumulate": 3, "optimizer": torch.optim.Adam}
    losses, _ = curve(trainings.learner("alone", **settings))
    every = ranks.values(found_by, kind, settings)
    np.testing.assert_allclose(every[0][0], losses, rtol=1e-4)


def reductions(rank, accumulate):
    """How often gradients went over the wire in one update."""
    learner = trainings.learner("ddp", accumulate=accumulate)
    seen = []

    def counted(state, bucket):
        seen.append(1)
        return dist.all_reduce(bucket.buffer(), async_op=True).get_future().then(lambda done: done.value()[0] / 2)

    learner._state.modules[0].register_comm_hook(None, counted)
    learner.iteration(0.01)
    return len(seen)


def test_accumulated_gradients_go_over_the_wire_once():
    assert ranks.values(reductions, 4) == ranks.values(reductions, 1)


def with_closures(rank, kind):
    return curve(trainings.learner(kind, optimizer=torch.optim.LBFGS), [0.01, 0.02, 0.03])


def test_an_optimizer_with_a_closure_sees_the_loss_of_all_ranks():
    losses, _ = with_closures(0, "alone")
    every = ranks.values(with_closures, "ddp")
    assert every[0] == every[1]
    np.testing.assert_allclose(every[0][0], losses, rtol=1e-3)


def uneven(rank):
    learner = trainings.learner("ddp", trainings.batches(rank, 2, sizes=[9, 3]))
    return float(learner.iteration(0.1))


def test_losses_of_batches_of_different_size_are_weighted_by_it():
    whole = float(trainings.learner("alone").iteration(0.1))
    np.testing.assert_allclose(ranks.values(uneven), [whole, whole], rtol=1e-6)


def law(rank, kind, warm=2):
    learner = trainings.learner(kind, norm=True)
    for _ in range(warm):
        learner.iteration(0.01)
    lrfinder.testing.check(learner, trainings.LRS[:6], learner.observe)
    return True


@pytest.mark.parametrize(("count", "kind"), [(2, "ddp"), (2, "zero"), (2, "fsdp"), (4, "ddp")])
def test_time_repeats_on_every_rank_bit_for_bit(count, kind):
    assert all(ranks.values(law, kind, ranks=count))


def test_of_two_ranks_time_repeats_bit_for_bit_from_the_first_iteration():
    assert all(ranks.values(law, "ddp", 0))


def goes_on(rank, kind, finders):
    """The losses of a training, in whose middle finders ran or not."""
    learner = trainings.learner(kind, norm=True)
    losses = [float(learner.iteration(0.02)) for _ in range(4)]
    if finders:
        finder = lrfinder.LRFinder(learner)
        finder.find(rates=trainings.LRS[:10])
        finder.compare([0.01, 0.1], iterations=3)
    losses += [float(learner.iteration(0.02)) for _ in range(8)]
    return losses, {name: value for name, value in learner.observe().items() if "params of group" not in name}  # ids


@pytest.mark.parametrize("kind", KINDS)
def test_a_training_goes_on_bit_for_bit_as_without_a_finder(kind):
    assert ranks.values(goes_on, kind, True) == ranks.values(goes_on, kind, False)


def asked(rank):
    learner = trainings.learner("ddp")
    finder = lrfinder.LRFinder(learner)
    suggestion = finder.suggest(horizon=40, max_iterations=200)
    return suggestion.lr, suggestion.iterations, finder.compare([0.01, 0.1], iterations=5).losses.tolist(), learner.rank


def test_a_suggestion_and_a_comparison_are_the_same_on_all_ranks():
    first, second = ranks.values(asked)
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
    losses, _ = curve(trainings.learner("alone"))
    every = ranks.values(on_a_mesh, ranks=4)
    assert all(one == every[0] for one in every)
    np.testing.assert_allclose(every[0][0], losses, rtol=1e-4)


def by_hand(rank):
    """Gradients brought together by the user's own code, which no wrapper shows."""
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


def test_a_step_of_ones_own_is_told_its_process_group():
    losses, _ = curve(trainings.learner("alone"))
    every = ranks.values(by_hand)
    assert every[0] == every[1]
    np.testing.assert_allclose(every[0][0], losses, rtol=1e-4)


def half_closed(rank):
    """Whether a learner goes on after it was closed."""
    learner = trainings.learner("ddp")
    first = curve(learner, trainings.LRS[:5])
    learner.close()
    return curve(learner, trainings.LRS[:5]) == first


def test_a_learner_that_was_closed_opens_again():
    assert ranks.values(half_closed) == [True, True]


def opened_often(_):
    for number in range(30):
        channel = Channel(range(dist.get_world_size()), 30)
        channel.open()
        assert channel.exchange([number]) == [[number]] * dist.get_world_size()
        assert channel.share({"a": "ä" * number}) == [{"a": "ä" * number}] * dist.get_world_size()
        channel.close()
    return True


def test_channels_of_the_same_ranks_do_not_meet_those_that_were_closed():
    assert ranks.values(opened_often) == [True, True]


def unused(rank):
    model = DistributedDataParallel(trainings.net(), static_graph=True)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    learner = TorchLearner(model, optimizer, nn.CrossEntropyLoss(), trainings.batches(rank, 2))
    lrfinder.testing.check_time_repeats(learner, trainings.LRS[:6], learner.observe)
    return True


def test_what_a_wrapper_learned_of_a_static_graph_stays_with_it():
    assert ranks.values(unused) == [True, True]
