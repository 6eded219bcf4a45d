"""Hugging Face's Trainer: a restore repeats time, a search changes nothing, set_rate reaches train, callbacks stay quiet."""

import pytest

pytest.importorskip("transformers", reason="transformers is not installed")

from dataclasses import replace
from functools import partial

import torch
from trainer_searches import search, search_that_fails
from transformers import GPT2Config, GPT2LMHeadModel, Trainer, TrainerCallback, TrainingArguments

import lrfinder.testing
from lrfinder import LRFinder, RatesError
from lrfinder.errors import LearnerError
from lrfinder.torch import schedules
from lrfinder.torch.inspection import fingerprint
from lrfinder.trainers.transformers import LRFind, TrainerLearner, for_all_steps


def sentences(count=90):
    """Return sentences of letters in rising order, each a dict: 12 batches of 8, the last one smaller."""
    generator = torch.Generator().manual_seed(0)
    tokens = torch.randint(32, (count, 12), generator=generator).sort(1).values
    return [{"input_ids": one, "labels": one} for one in tokens]


class Counting(TrainerCallback):
    """A callback of the user that records rates and counts calls."""

    def __init__(self):
        self.rates = []
        self.ends = 0

    def on_pre_optimizer_step(self, args, state, control, optimizer, **_):
        self.rates.append(optimizer.param_groups[0]["lr"])

    def on_step_end(self, *_, **__):
        self.ends += 1


class Recording(Trainer):
    """A trainer that records the loss of each batch."""

    losses = ()

    def training_step(self, *args):
        loss = super().training_step(*args)
        self.losses = [*self.losses, float(loss)]
        return loss


def new_trainer(path, *, callbacks=(), optimizers=(None, None), **settings):
    torch.manual_seed(0)
    model = GPT2LMHeadModel(
        GPT2Config(vocab_size=32, n_positions=12, n_embd=16, n_layer=1, n_head=2, loss_type="ForCausalLM")
    )
    arguments = TrainingArguments(
        path / "out",
        **{
            "per_device_train_batch_size": 8,
            "num_train_epochs": 2,
            "report_to": [],
            "use_cpu": True,
            "disable_tqdm": True,
            "save_strategy": "no",
            "logging_strategy": "no",
            "learning_rate": 0.01,
            "lr_scheduler_type": "constant",
            **settings,
        },
    )
    optimizers = optimizers(model) if callable(optimizers) else optimizers
    return Recording(model, arguments, train_dataset=sentences(), callbacks=list(callbacks), optimizers=optimizers)


SETTINGS = {
    "defaults": {},
    "accumulation": {"gradient_accumulation_steps": 5},
    "bfloat16": {"bf16": True},
    "noise on embeddings, tight clipping": {"neftune_noise_alpha": 5.0, "max_grad_norm": 0.1},
    "workers": {"dataloader_num_workers": 1, "dataloader_persistent_workers": True},
    "an optimizer of the user": {
        "optimizers": lambda model: (torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9), None)
    },
}


@pytest.mark.parametrize("name", SETTINGS)
def test_time_repeats_for_every_kind_of_trainer(name, tmp_path):
    learner = TrainerLearner(new_trainer(tmp_path, **SETTINGS[name]))
    learner.observe()  # prepares the trainer until close(), not for each block
    lrfinder.testing.check(learner, lrfinder.testing.LRS[::3], observe=learner.observe)
    learner.close()


def trained(path, settings, before):
    trainer = new_trainer(path, **settings)
    before(TrainerLearner(trainer))
    trainer.losses = []
    trainer.train()
    return trainer


@pytest.mark.parametrize("what", [search, search_that_fails])
@pytest.mark.parametrize("name", SETTINGS)
def test_a_training_is_the_same_with_and_without_a_search(name, what, tmp_path):
    plain = trained(tmp_path, SETTINGS[name], lambda _: None)
    again = trained(tmp_path, SETTINGS[name], what)
    assert again.losses == plain.losses
    assert fingerprint(again.model, again.optimizer) == fingerprint(plain.model, plain.optimizer)
    assert vars(again.state).keys() == vars(plain.state).keys()


def test_the_comparison_detects_a_search_that_draws_one_random_number(tmp_path):
    plain = trained(tmp_path, {}, lambda _: None)
    assert trained(tmp_path, {}, lambda _: torch.rand(1)).losses != plain.losses


@pytest.mark.parametrize("name", SETTINGS)
def test_iterations_of_the_learner_are_those_of_train(name, tmp_path):
    trainer = new_trainer(tmp_path, **SETTINGS[name])
    losses = lrfinder.testing.losses(TrainerLearner(trainer), [0.01] * 3)
    plain = trained(tmp_path, SETTINGS[name], lambda _: None)
    sizes = (5, 5, 2) if name == "accumulation" else (1, 1, 1)
    starts = [sum(sizes[:k]) for k in range(3)]
    expected = [sum(plain.losses[k : k + n]) for k, n in zip(starts, sizes, strict=True)]
    assert losses == pytest.approx(expected, rel=1e-6 if name == "accumulation" else 0)


def test_the_given_trainer_does_not_change(tmp_path):
    counting = Counting()
    trainer = new_trainer(
        tmp_path, callbacks=[counting], save_strategy="steps", save_steps=1, logging_strategy="steps", logging_steps=1
    )
    before = dict(vars(trainer))
    files = list(tmp_path.rglob("*"))
    LRFinder(TrainerLearner(trainer)).find(rates=[0.1, 0.2])
    assert all(vars(trainer)[name] is value for name, value in before.items())
    assert (trainer.optimizer, trainer.state.global_step, trainer.state.log_history) == (None, 0, [])
    assert list(tmp_path.rglob("*")) == files
    assert (counting.ends, counting.rates) == (0, [])


def test_callbacks_of_the_user_take_part_unless_they_are_quiet(tmp_path):
    calls = []

    class Hearing(TrainerCallback):
        def on_step_end(self, args, state, control, **_):
            calls.append(state.global_step)

    for quiet in ((), (Hearing,)):
        LRFinder(TrainerLearner(new_trainer(tmp_path, callbacks=[Hearing()]), quiet=quiet)).find(rates=[0.1, 0.2])
    assert calls == [1, 2]


def test_the_rate_that_was_set_is_the_highest_of_the_schedule_of_the_trainer(tmp_path):
    counting = Counting()
    trainer = new_trainer(tmp_path, callbacks=[counting], lr_scheduler_type="linear", warmup_steps=4)
    TrainerLearner(trainer).set_rate(0.5)
    trainer.train()
    assert (max(counting.rates), counting.rates.index(0.5), trainer.args.learning_rate) == (0.5, 4, 0.5)


def test_a_schedule_replaces_that_of_the_trainer(tmp_path):
    counting = Counting()
    trainer = new_trainer(tmp_path, callbacks=[counting], lr_scheduler_type="linear")
    TrainerLearner(trainer).set_rate(
        0.5, schedule=lambda optimizer, rate: schedules.warmup_cosine(optimizer, rate, 24, warmup=4)
    )
    trainer.train()
    assert counting.rates[:5] == pytest.approx([0.1, 0.2, 0.3, 0.4, 0.5])
    assert counting.rates[-1] < 0.01


def test_an_optimizer_of_the_user_gets_the_rate(tmp_path):
    counting = Counting()
    trainer = new_trainer(tmp_path, callbacks=[counting], **SETTINGS["an optimizer of the user"])
    TrainerLearner(trainer).set_rate(0.5)
    trainer.train()
    assert set(counting.rates) == {0.5}


def test_wrong_arguments_are_refused(tmp_path):
    with pytest.raises(LearnerError, match=r"give a transformers.Trainer"):
        TrainerLearner(object())
    with pytest.raises(RatesError, match="rate is None"):
        TrainerLearner(new_trainer(tmp_path)).set_rate(None)


def found(rate=None):
    """Return a search that tries few iterations and, if a rate is given, suggests that one."""

    def search(finder, trainer):
        suggestion = finder.suggest(horizon=20, max_iterations=60)
        return suggestion if rate is None else replace(suggestion, lr=rate)

    return search


@pytest.mark.parametrize("name", ["constant", "linear", "cosine"])
def test_a_search_at_the_beginning_of_train_leaves_no_trace_but_the_rate(tmp_path, name):
    settings = {"lr_scheduler_type": name, "warmup_steps": 5, "neftune_noise_alpha": 5.0}
    counting = Counting()
    trainer = new_trainer(tmp_path, callbacks=[counting], **settings)
    trainer.add_callback(LRFind(trainer, found(0.02)))
    trainer.train()
    expected = Counting()
    plain = new_trainer(tmp_path, callbacks=[expected], **{**settings, "learning_rate": 0.02})
    plain.train()
    assert trainer.losses == plain.losses
    assert counting.rates == expected.rates
    assert counting.ends == plain.state.global_step
    assert fingerprint(trainer.model) == fingerprint(plain.model)


def test_a_search_without_a_rate_leaves_the_training_as_it_is(tmp_path):
    def search(finder, trainer):
        return replace(finder.suggest(horizon=20, max_iterations=60), lr=None)

    trainer = new_trainer(tmp_path, gradient_accumulation_steps=2)
    trainer.add_callback(find := LRFind(trainer, search))
    trainer.train()
    plain = new_trainer(tmp_path, gradient_accumulation_steps=2)
    plain.train()
    assert trainer.losses == plain.losses
    assert [one.lr for one in find.suggestions] == [None]


def test_a_search_in_train_that_raises_passes_the_exception(tmp_path):
    def search(finder, trainer):
        finder.find(on_record=lambda _: 1 / 0)

    trainer = new_trainer(tmp_path)
    trainer.add_callback(LRFind(trainer, search))
    with pytest.raises(ZeroDivisionError):
        trainer.train()


def test_the_usual_search_is_for_all_steps_under_the_schedule_of_the_trainer(tmp_path):
    trainer = new_trainer(tmp_path, lr_scheduler_type="linear", max_steps=12)
    seen = []

    class Finder:
        def suggest(self, horizon, schedule):
            seen.append((horizon, schedule(0.0), schedule(0.5)))
            raise KeyboardInterrupt

    trainer.add_callback(LRFind(trainer, lambda finder, trainer: for_all_steps(Finder(), trainer)))
    with pytest.raises(KeyboardInterrupt):
        trainer.train()
    assert seen == [(12, 1.0, pytest.approx(0.5, abs=0.05))]


def test_the_schedule_of_the_callback_replaces_that_of_the_trainer(tmp_path):
    counting = Counting()
    trainer = new_trainer(tmp_path, callbacks=[counting], max_steps=8)
    cycle = partial(schedules.one_cycle, iterations=8)
    trainer.add_callback(find := LRFind(trainer, found(0.02), schedule=cycle))
    trainer.train()
    assert max(counting.rates) == pytest.approx(find.suggestions[0].max_lr, rel=0.1)
    assert counting.rates[-1] < max(counting.rates) / 10
    assert len(set(counting.rates)) == 8


def test_a_train_that_resumes_a_checkpoint_searches_nothing(tmp_path):
    settings = {"save_strategy": "steps", "save_steps": 3, "max_steps": 6}
    new_trainer(tmp_path, **settings).train()
    trainer = new_trainer(tmp_path, **settings)
    trainer.add_callback(find := LRFind(trainer, found(0.02)))
    trainer.train(resume_from_checkpoint=str(tmp_path / "out" / "checkpoint-3"))
    assert find.suggestions == []


def test_a_callback_for_something_else_than_a_trainer_is_refused():
    with pytest.raises(LearnerError, match=r"give a transformers\.Trainer"):
        LRFind("trainer")


def test_a_search_names_the_scheduler_that_it_left_out_and_offers_its_shape(tmp_path):
    learner = TrainerLearner(new_trainer(tmp_path, lr_scheduler_type="linear", warmup_steps=4))
    notes = " ".join(LRFinder(learner).find(rates=[0.1, 0.2]).notes)
    assert "left out the LambdaLR of the trainer" in notes
    assert "schedule=learner.shape(horizon)" in notes
    shape = learner.shape(24)
    assert [shape(k / 24) for k in (0, 2, 4, 14)] == pytest.approx([0.0, 0.5, 1.0, 0.5])
    constant = TrainerLearner(new_trainer(tmp_path))
    assert not LRFinder(constant).find(rates=[0.1, 0.2]).notes
    with pytest.raises(RatesError, match="The trainer has 0 schedulers"):
        constant.shape(24)
