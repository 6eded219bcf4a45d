"""Trainings by Transformers' Trainer on ranks, with a search and without."""

import tempfile
from dataclasses import replace
from pathlib import Path

import torch
from rank_processes import error_of
from torch import nn
from torch.utils.data import Dataset, IterableDataset
from transformers import GPT2Config, GPT2LMHeadModel, Trainer, TrainerCallback, TrainingArguments

import lrfinder
from lrfinder.torch.inspection import fingerprint
from lrfinder.trainers.transformers import LRFind, TrainerLearner

TIMEOUT_SECONDS = 24.0


def sentences(count=84):
    """Return sentences of letters in rising order; two ranks share a last batch that is smaller."""
    generator = torch.Generator().manual_seed(0)
    tokens = torch.randint(32, (count, 12), generator=generator).sort(1).values
    return [{"input_ids": one, "labels": one} for one in tokens]


def gpt2():
    return GPT2LMHeadModel(
        GPT2Config(vocab_size=32, n_positions=12, n_embd=16, n_layer=1, n_head=2, loss_type="ForCausalLM")
    )


class Normalized(nn.Module):
    """A model with BatchNorm, whose statistics the ranks exchange in its forward."""

    def __init__(self):
        super().__init__()
        self.embedding = nn.Embedding(32, 16)
        self.layers = nn.Sequential(nn.Linear(16, 16), nn.BatchNorm1d(16), nn.ReLU(), nn.Dropout(0.2), nn.Linear(16, 32))

    def forward(self, input_ids, labels):
        logits = self.layers(self.embedding(input_ids[:, 0]))
        return {"loss": nn.functional.cross_entropy(logits, labels[:, 1]), "logits": logits}


class Stream(IterableDataset):
    """Data of no known length, which rank 0 reads for all ranks."""

    def __iter__(self):
        return iter(sentences())


class Faulty(Dataset):
    """Data of which one sample raises."""

    def __init__(self):
        self.rows = sentences()

    def __len__(self):
        return len(self.rows)

    def __getitem__(self, k):
        if k == 40:
            raise ValueError("data")
        return self.rows[k]


class Recording(Trainer):
    """A trainer that records the data and the loss of each batch, and raises where it is told to."""

    place: str | None = None
    seen = ()

    def compute_loss(self, model, inputs, *args, **kwargs):
        if self.place == "loss" and len(self.seen) == 5:
            raise ValueError("loss")
        loss = super().compute_loss(model, inputs, *args, **kwargs)
        self.seen = [*self.seen, (inputs["input_ids"].sum().item(), float(loss.detach()))]
        return loss


class Raising(TrainerCallback):
    """A callback that raises at one place."""

    place: str | None = None

    def on_train_begin(self, *_, **__):
        self._raise_in("preparation")

    def on_step_begin(self, *_, **__):
        self._raise_in("begin of a step")

    def on_pre_optimizer_step(self, *_, **__):
        self._raise_in("update")

    def _raise_in(self, place):
        if self.place == place:
            raise ValueError(place)


CASES = {  # settings, model and data
    "defaults": ({}, gpt2, sentences),
    "accumulation": ({"gradient_accumulation_steps": 2, "per_device_train_batch_size": 4}, gpt2, sentences),
    "bfloat16, BatchNorm": ({"bf16": True}, Normalized, sentences),
    "accumulation, BatchNorm": ({"gradient_accumulation_steps": 3}, Normalized, sentences),
    "uneven shards": ({"accelerator_config": {"even_batches": False}}, gpt2, sentences),
    "a shared order": ({"accelerator_config": {"use_seedable_sampler": False}}, gpt2, sentences),
    "a stream": ({}, gpt2, Stream),
    "compiled": ({"torch_compile": True, "torch_compile_backend": "eager"}, gpt2, sentences),
}


def new_trainer(settings=None, model=gpt2, data=sentences):
    torch.manual_seed(0)
    silent = {"report_to": [], "disable_tqdm": True, "save_strategy": "no", "logging_strategy": "no", "use_cpu": True}
    training = {"per_device_train_batch_size": 8, "max_steps": 14, "learning_rate": 0.01, "lr_scheduler_type": "linear"}
    arguments = TrainingArguments(Path(tempfile.gettempdir(), "never written"), **{**silent, **training, **(settings or {})})
    return Recording(model(), arguments, train_dataset=data())


def search(trainer):
    losses = TrainerLearner(trainer).find(lr_multiplier=1.5).losses.tolist()
    assert len(losses) > 20
    return losses


def trained(trainer):
    """Train; return what can be compared."""
    trainer.seen = ()
    trainer.train()
    optimizer = getattr(trainer.optimizer, "optimizer", trainer.optimizer)
    weights = fingerprint(trainer.model, optimizer)
    return {"data and losses": trainer.seen[-28:], "weights": weights, "random numbers": torch.get_rng_state().tolist()}


def differences(found, expected):
    return [name for name, value in expected.items() if found[name] != value]


def twin_of(case):
    """Return what differs in a training after a search from one without, and the curve."""
    expected, trainer = trained(new_trainer(*case)), new_trainer(*case)
    curve = search(trainer)
    return differences(trained(trainer), expected), curve


def searched_inside():
    """Return what differs in a training with a search at its beginning, and the suggestions."""
    expected, trainer = trained(new_trainer()), new_trainer()
    find = LRFind(trainer, lambda finder, _: replace(finder.suggest(horizon=20, max_iterations=60), lr=0.01))
    trainer.add_callback(find)
    found = trained(trainer)
    count = len(expected["data and losses"])
    found["data and losses"] = found["data and losses"][-count:]
    return differences(found, expected), [(one.iterations, one.low, one.high) for one in find.suggestions]


def after_fault(place, rank):
    """Return the error of a search that raises on rank 1, and what differs in the training after it."""
    model = Normalized if place == "begin of a step" else gpt2
    expected, trainer = trained(new_trainer(model=model)), new_trainer(model=model)
    raising = Raising()
    trainer.add_callback(raising)
    if rank == 1:
        raising.place = trainer.place = place
        trainer.train_dataset = Faulty() if place == "data" else trainer.train_dataset
    error = error_of(lambda: TrainerLearner(trainer, rank_timeout=TIMEOUT_SECONDS).find(lr_multiplier=1.5))
    raising.place = trainer.place = None
    trainer.train_dataset = sentences()
    return error, differences(trained(trainer), expected)


PLACES = ("data", "loss", "begin of a step", "update", "preparation")


def everything(rank):
    """Return all that the tests compare, as processes that import Transformers start slowly."""
    trainer = new_trainer()
    learner = TrainerLearner(trainer)
    with lrfinder.restored(learner):
        iterations = [float(learner.iteration(0.01 * (1 - k / 14))) for k in range(6)]
    last = new_trainer()
    last.create_optimizer = last.create_optimizer if rank == 0 else lambda *_: 1 / 0
    return {
        "twins": {name: twin_of(case) for name, case in CASES.items()},
        "inside": searched_inside(),
        "rank": (learner.rank, learner.ranks),
        "iterations": iterations,
        "own losses": [loss for _, loss in trained(new_trainer())["data and losses"][:6]],
        "faults": {place: after_fault(place, rank) for place in PLACES},
        "broken": error_of(lambda: TrainerLearner(last, rank_timeout=TIMEOUT_SECONDS).find()),  # so it comes last
    }
