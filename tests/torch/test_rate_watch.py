"""A watched iteration: the written rate is that of every step, or the error names what stands in the way."""

import pytest
import torch
from torch import nn
from torch.optim import lr_scheduler as schedulers

from lrfinder import LRFinder, Status
from lrfinder.errors import OptimizerError
from lrfinder.torch import TorchLearner, schedules, sweep
from lrfinder.torch._rate_watch import MOST_WATCHED

DATA = [(torch.full((4, 1), 1.0 + k), torch.full((4, 1), 2.0)) for k in range(4)]


def parts(kind=torch.optim.SGD, **options):
    torch.manual_seed(0)
    model = nn.Linear(1, 1)
    return model, kind(model.parameters(), **{"lr": 0.01, **options})


def training(model, optimizers, before=None, after=None):
    """Return a step that calls ``before`` and ``after`` around the optimizers' steps."""

    def step(batch):
        loss = nn.functional.mse_loss(model(batch[0]), batch[1])
        for one in optimizers:
            one.zero_grad()
        loss.backward()
        if before is not None:
            before()
        for one in optimizers:
            one.step()
        if after is not None:
            after()
        return loss

    return step


def test_a_scheduler_that_steps_before_the_optimizer_is_named():
    model, optimizer = parts()
    scheduler = schedulers.LambdaLR(optimizer, lambda k: 0.9**k)
    optimizer.step()  # without gradients, so that PyTorch does not warn of the order
    step = training(model, [optimizer], before=scheduler.step)
    learner = TorchLearner.from_step(step, DATA, modules=[model], optimizers=[optimizer], stateful=[scheduler])
    weights = model.weight.clone()
    with pytest.raises(OptimizerError, match=r"group 0 of SGD got 1e-06 and trained at 0.009. A LambdaLR writes it"):
        LRFinder(learner).find()
    assert torch.equal(model.weight, weights)
    assert scheduler.last_epoch == 0


def test_a_scheduler_that_steps_after_the_optimizer_does_no_harm():
    model, optimizer = parts()
    scheduler = schedulers.LambdaLR(optimizer, lambda k: 0.9**k)
    step = training(model, [optimizer], after=scheduler.step)
    learner = TorchLearner.from_step(step, DATA, modules=[model], optimizers=[optimizer], stateful=[scheduler])
    assert len(LRFinder(learner).find(rates=[0.01, 0.02, 0.03])) == 3


def test_a_step_that_writes_a_rate_is_named():
    model, optimizer = parts()

    def write():
        optimizer.param_groups[0]["lr"] = 0.5

    learner = TorchLearner.from_step(training(model, [optimizer], write), DATA, modules=[model], optimizers=[optimizer])
    with pytest.raises(OptimizerError, match=r"trained at 0.5. The step or a hook writes the rate"):
        LRFinder(learner).suggest()


def test_a_step_that_accumulates_is_watched_until_its_optimizer_steps():
    model, optimizer = parts()
    losses = []

    def accumulate(batch):
        loss = nn.functional.mse_loss(model(batch[0]), batch[1])
        loss.backward()
        losses.append(loss.item())
        if len(losses) % 4 == 0:
            optimizer.param_groups[0]["lr"] = 0.5
            optimizer.step()
            optimizer.zero_grad()
        return loss

    learner = TorchLearner.from_step(accumulate, DATA, modules=[model], optimizers=[optimizer])
    for _ in range(3):
        learner.iteration(0.01)
    with pytest.raises(OptimizerError, match=r"group 0 of SGD got 0.01 and trained at 0.5"):
        learner.iteration(0.01)


def test_a_hook_that_writes_a_rate_is_named():
    model, optimizer = parts(torch.optim.Adam)
    model.register_full_backward_hook(lambda *_: optimizer.param_groups[0].update(lr=0.5))
    with pytest.raises(OptimizerError, match=r"group 0 of Adam got 0.1 and trained at 0.5"):
        TorchLearner(model, optimizer, nn.functional.mse_loss, [(x.requires_grad_(), y) for x, y in DATA]).iteration(0.1)


def test_another_optimizer_that_the_step_uses_is_named():
    model, optimizer = parts()
    other = torch.optim.Adam(model.parameters())
    step = training(model, [optimizer, other])
    learner = TorchLearner.from_step(step, DATA, modules=[model], optimizers=[optimizer])
    with pytest.raises(OptimizerError, match=r"also steps a Adam of the same modules.*optimizers=\[\.\.\., it\]"):
        LRFinder(learner).find()


@pytest.mark.parametrize("given", ["optimizers", "stateful"])
def test_another_optimizer_may_be_given(given):
    model, optimizer = parts()
    other = torch.optim.Adam(model.parameters(), lr=0.1)
    known = {"optimizers": [optimizer]} | (
        {"optimizers": [optimizer, other]} if given == "optimizers" else {"stateful": [other]}
    )
    learner = TorchLearner.from_step(training(model, [optimizer, other]), DATA, modules=[model], **known)
    rates = []
    other.register_step_pre_hook(lambda one, *_: rates.append(one.param_groups[0]["lr"]))
    learner.iteration(0.2)
    assert rates == [0.2 if given == "optimizers" else 0.1]


def test_an_optimizer_of_another_model_does_not_count():
    model, optimizer = parts()
    _, other = parts(torch.optim.Adam)
    other.param_groups[0]["params"][0].grad = torch.zeros(1, 1)
    step = training(model, [optimizer], after=other.step)
    learner = TorchLearner.from_step(step, DATA, modules=[model], optimizers=[optimizer])
    assert len(LRFinder(learner).find(rates=[0.01, 0.02])) == 2


class Wrapping(torch.optim.Optimizer):
    """An optimizer around another one, which shares its groups, as SAM and Lookahead do."""

    def __init__(self, base):
        super().__init__(base.param_groups, {})
        self.base, self.param_groups = base, base.param_groups

    def step(self, closure=None):
        self.base.step(closure)


def test_an_optimizer_around_another_one_is_reached():
    model, optimizer = parts()
    learner = TorchLearner(model, Wrapping(optimizer), nn.functional.mse_loss, DATA)
    learner.iteration(0.2)
    assert optimizer.param_groups[0]["lr"] == 0.2


def test_the_rate_zero_is_not_the_first():
    model, optimizer = parts()

    def scale():
        optimizer.param_groups[0]["lr"] *= 3

    learner = TorchLearner.from_step(training(model, [optimizer], scale), DATA, modules=[model], optimizers=[optimizer])
    learner.iteration(0.0)
    with pytest.raises(OptimizerError, match=r"got 0.1 and trained at 0.3"):
        learner.iteration(0.1)


class OwnRate(torch.optim.SGD):
    """Steps at a rate of its own, whatever its groups say."""

    def step(self, closure=None):
        with torch.no_grad():
            for parameter in self.param_groups[0]["params"]:
                parameter.sub_(0.01 * parameter.grad)


def test_an_optimizer_that_makes_its_own_rate_has_no_suggestion():
    model, optimizer = parts(OwnRate)
    learner = TorchLearner(model, optimizer, nn.functional.mse_loss, DATA)
    assert LRFinder(learner).find().suggestion.status is Status.NO_EFFECT
    assert LRFinder(learner).suggest(300).status is Status.NO_EFFECT


@pytest.mark.parametrize("lr", [None, "fast", [0.1, 0.2]])
def test_a_rate_that_is_no_number_is_refused_by_name(lr):
    model, optimizer = parts()
    optimizer.param_groups[0]["lr"] = lr
    with pytest.raises(OptimizerError, match="The parameter group 0 of SGD has the rate"):
        TorchLearner(model, optimizer, nn.functional.mse_loss, DATA)
    with pytest.raises(OptimizerError, match="The parameter group 0 of SGD has the rate"):
        schedules.set_rate(optimizer, 0.1)


def test_ratios_that_are_still_to_be_applied_are_refused():
    model, _ = parts()
    groups = [{"params": [model.weight], "lr_scale": 0.1}, {"params": [model.bias]}]
    optimizer = torch.optim.SGD(groups, lr=0.01)
    with pytest.raises(OptimizerError, match="lr_scale"):
        TorchLearner(model, optimizer, nn.functional.mse_loss, DATA)
    for group in optimizer.param_groups:
        group["lr"] *= group.get("lr_scale", 1.0)
    TorchLearner(model, optimizer, nn.functional.mse_loss, DATA).iteration(0.5)
    assert [group["lr"] for group in optimizer.param_groups] == pytest.approx([0.05, 0.5])


def test_a_scheduler_of_the_optimizer_is_among_the_notes_with_its_shape():
    model, optimizer = parts()
    learner = TorchLearner(model, optimizer, nn.functional.mse_loss, DATA)
    assert learner.scheduler_note() is None
    scheduler = schedulers.OneCycleLR(optimizer, 0.1, total_steps=50)
    finder = LRFinder(learner)
    assert "left out the OneCycleLR" in " ".join(finder.find(max_iterations=30).notes)
    suggestion = finder.suggest(50, max_iterations=100, schedule=schedules.shape_of(scheduler, 50))
    assert "OneCycleLR" not in " ".join(suggestion.notes)
    del scheduler
    assert learner.scheduler_note() is None


class Own:
    """A scheduler of the user's own, which leaves no mark on the optimizer."""

    def __init__(self, optimizer):
        self.optimizer = optimizer

    def step(self):
        self.optimizer.param_groups[0]["lr"] *= 0.9


@pytest.mark.parametrize("kind", [schedulers.ReduceLROnPlateau, Own])
def test_a_scheduler_whose_shape_cannot_be_read_is_named_without_one(kind):
    model, optimizer = parts()
    scheduler = kind(optimizer)
    learner = TorchLearner(model, optimizer, nn.functional.mse_loss, DATA, stateful=[scheduler])
    note = " ".join(LRFinder(learner).find(max_iterations=5).notes)
    assert f"left out the {kind.__name__}" in note
    assert "shape_of" not in note


@pytest.mark.parametrize("search", ["find", "suggest", "compare", "sweep"])
@pytest.mark.parametrize("late", [3, 40])
def test_a_step_that_begins_to_write_a_rate_later_is_named(search, late):
    model, optimizer = parts()
    updates = []

    def warm_up():
        updates.append(1)
        if len(updates) > late:
            optimizer.param_groups[0]["lr"] = 0.5

    step = training(model, [optimizer], warm_up)
    learner = TorchLearner.from_step(step, DATA, modules=[model], optimizers=[optimizer])
    searches = {
        "find": lambda: LRFinder(learner).find(lr_start=1e-9),
        "suggest": lambda: LRFinder(learner).suggest(300),
        "compare": lambda: LRFinder(learner).compare([1e-3, 1e-2], 60),
        "sweep": lambda: own_loop(model, optimizer, step),
    }
    with pytest.raises(OptimizerError, match=r"group 0 of SGD got .* and trained at 0.5"):
        searches[search]()
    assert optimizer.param_groups[0]["lr"] == 0.01


def own_loop(model, optimizer, step):
    with sweep(model, optimizer, lr_start=1e-9) as test:
        for batch in test(DATA):
            test.record(step(batch))
    return test.result


@pytest.mark.parametrize("before", [True, False])
def test_a_loop_of_the_users_own_is_watched_too(before):
    model, optimizer = parts()
    scheduler = schedulers.LambdaLR(optimizer, lambda k: 0.9**k)
    optimizer.step()  # without gradients, so that PyTorch does not warn of the order
    step = training(model, [optimizer], **{"before" if before else "after": scheduler.step})
    if not before:
        assert len(own_loop(model, optimizer, step)) > 20
        return
    with pytest.raises(OptimizerError, match=r"got 1e-09 and trained at 0.009. A LambdaLR writes it"):
        own_loop(model, optimizer, step)


def test_a_scheduler_after_the_step_does_not_hide_a_rate_that_is_written_later():
    model, optimizer = parts()
    scheduler = schedulers.ExponentialLR(optimizer, 0.99)
    updates = []

    def write():
        updates.append(1)
        if len(updates) > 10:
            optimizer.param_groups[0]["lr"] = 0.5

    step = training(model, [optimizer], write, scheduler.step)
    learner = TorchLearner.from_step(step, DATA, modules=[model], optimizers=[optimizer], stateful=[scheduler])
    with pytest.raises(OptimizerError, match=r"trained at 0.5"):
        LRFinder(learner).find()


def test_a_step_that_puts_the_rate_back_after_its_update_is_named_too():
    model, optimizer = parts()
    updates = []

    def write():
        updates.append(optimizer.param_groups[0]["lr"])
        if len(updates) > 5:
            optimizer.param_groups[0]["lr"] = 0.5

    def put_back():
        optimizer.param_groups[0]["lr"] = updates[-1]

    step = training(model, [optimizer], write, put_back)
    learner = TorchLearner.from_step(step, DATA, modules=[model], optimizers=[optimizer])
    with pytest.raises(OptimizerError, match=r"trained at 0\.5"):
        LRFinder(learner).find()


def scaled_step(model, optimizer, scaler, scheduler):
    """Return a step whose first updates the scaler skips, because its scale is too high."""

    def step(batch):
        loss = nn.functional.mse_loss(model(batch[0]), batch[1])
        optimizer.zero_grad()
        scaler.scale(loss).backward()
        scaler.step(optimizer)
        scaler.update()
        scheduler.step()
        return loss

    return step


@pytest.mark.filterwarnings("ignore:Detected call of `lr_scheduler.step")  # after a skipped update, as in any training
@pytest.mark.parametrize("search", ["find", "sweep"])
def test_an_iteration_whose_update_a_scaler_skips_uses_no_rate(search):
    model, optimizer = parts()
    scaler, scheduler = torch.amp.GradScaler("cpu", init_scale=2.0**127), schedulers.ExponentialLR(optimizer, 0.9)
    step = scaled_step(model, optimizer, scaler, scheduler)
    if search == "sweep":
        assert len(own_loop(model, optimizer, step)) > 20
        return
    known = {"modules": [model], "optimizers": [optimizer], "stateful": [scaler, scheduler]}
    assert len(LRFinder(TorchLearner.from_step(step, DATA, **known)).find()) > 20


def test_an_optimizer_that_does_not_step_in_every_iteration_uses_no_rate_in_the_others():
    model, often = parts()
    other, seldom = parts()
    steps = []

    def step(batch):
        steps.append(1)
        loss = nn.functional.mse_loss(model(batch[0]), batch[1]) + nn.functional.mse_loss(other(batch[0]), batch[1])
        loss.backward()
        for one in (often, seldom) if len(steps) % 3 == 0 else (often,):
            one.step()
            one.zero_grad()
        for one in every:
            one.step()
        return loss

    known = {"modules": [model, other], "optimizers": [often, seldom]}
    every = [schedulers.ExponentialLR(one, 0.9) for one in (often, seldom)]
    often.step()  # without gradients, so that PyTorch does not warn of the order
    seldom.step()
    learner = TorchLearner.from_step(step, DATA, **known, stateful=every)
    assert len(LRFinder(learner).find()) > 20


def test_an_update_that_is_not_reported_is_compared_at_the_end_of_its_iteration():
    model, optimizer = parts()
    update = torch.optim.SGD.step.__wrapped__  # without the report, as a compiled program makes it

    def step(batch):
        loss = nn.functional.mse_loss(model(batch[0]), batch[1])
        optimizer.zero_grad()
        loss.backward()
        optimizer.param_groups[0]["lr"] = 0.5
        update(optimizer)
        return loss

    learner = TorchLearner.from_step(step, DATA, modules=[model], optimizers=[optimizer])
    with pytest.raises(OptimizerError, match=r"trained at 0.5"):
        learner.iteration(0.01)


def test_updates_that_are_never_reported_are_watched_no_more_often_than_others():
    model, optimizer = parts()

    def step(batch):
        loss = nn.functional.mse_loss(model(batch[0]), batch[1])
        optimizer.zero_grad()
        loss.backward()
        torch.optim.SGD.step.__wrapped__(optimizer)
        return loss

    learner = TorchLearner.from_step(step, DATA, modules=[model], optimizers=[optimizer])
    due = []
    for _ in range(400):
        due.append(learner._watch.is_due)
        learner.iteration(1e-6)
    assert all(due[:MOST_WATCHED])
    assert sum(due[MOST_WATCHED:]) == 9  # after 1, 2, 4 ... 256 iterations without a watch


def test_a_scheduler_in_a_loop_of_the_users_own_is_among_the_notes():
    model, optimizer = parts()
    scheduler = schedulers.ExponentialLR(optimizer, 0.99)
    result = own_loop(model, optimizer, training(model, [optimizer], after=scheduler.step))
    assert "left out the ExponentialLR" in " ".join(result.notes)
    assert "left out the ExponentialLR" in " ".join(result.suggestion.notes)
