"""Transformers: what train() does before its first step happens before a search too, and nothing of it remains."""

# These tests set and read attributes that no type declares.
# pyright: reportAttributeAccessIssue=false

import random
import sys
import types

import pytest

pytest.importorskip("transformers", reason="transformers is not installed")

import torch
from loop_records import first_update, flags
from trainer_searches import search, search_that_fails
from transformers import (
    BertConfig,
    BertForSequenceClassification,
    GPT2Config,
    GPT2LMHeadModel,
    LlamaConfig,
    LlamaForCausalLM,
    PreTrainedTokenizerFast,
    Trainer,
    TrainerCallback,
    TrainingArguments,
)
from transformers.trainer_pt_utils import LayerWiseDummyOptimizer

from lrfinder import LRFinder
from lrfinder.errors import LearnerError, OptimizerError
from lrfinder.learner import restored
from lrfinder.torch import schedules
from lrfinder.torch.inspection import fingerprint
from lrfinder.trainers.transformers import TrainerLearner

pytestmark = [
    pytest.mark.filterwarnings("ignore:.*lr_scheduler.step.*"),
    pytest.mark.filterwarnings("ignore:.*gradient_checkpointing. is deprecated.*:FutureWarning"),  # peft calls the old name
]


def sentences(count=50):
    generator = torch.Generator().manual_seed(0)
    tokens = torch.randint(32, (count, 12), generator=generator).sort(1).values
    return [{"input_ids": one[: 6 + k % 7], "labels": one[: 6 + k % 7]} for k, one in enumerate(tokens)]


def pad(rows):
    length = max(len(row["input_ids"]) for row in rows)
    padded = {"input_ids": torch.zeros(len(rows), length, dtype=torch.long)}
    padded["labels"] = torch.full((len(rows), length), -100)
    for k, row in enumerate(rows):
        for name, values in row.items():
            padded[name][k, : len(values)] = values
    return padded


def classify(rows):
    return {
        "input_ids": torch.stack([row["input_ids"][:6] for row in rows]),
        "labels": torch.tensor([0, 1] * len(rows))[: len(rows)],
    }


def gpt2():
    return GPT2LMHeadModel(
        GPT2Config(vocab_size=32, n_positions=12, n_embd=16, n_layer=3, n_head=2, loss_type="ForCausalLM")
    )


def llama():
    sizes = {"hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 3}
    return LlamaForCausalLM(LlamaConfig(vocab_size=32, num_attention_heads=2, max_position_embeddings=12, **sizes))


def bert():
    sizes = {"hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 2}
    return BertForSequenceClassification(
        BertConfig(vocab_size=32, num_attention_heads=2, max_position_embeddings=12, **sizes)
    )


def lora():
    peft = pytest.importorskip("peft", reason="peft is not installed")
    return peft.get_peft_model(llama(), peft.LoraConfig(task_type="CAUSAL_LM", r=2, lora_dropout=0.1))


def tokenizer():
    tokenizers = pytest.importorskip("tokenizers", reason="tokenizers is not installed")
    words = tokenizers.models.WordLevel({f"w{k}": k for k in range(32)}, unk_token="w0")
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizers.Tokenizer(words), eos_token="w30", pad_token="w31", bos_token="w29"
    )


class Freezing(TrainerCallback):
    """A callback that freezes the embedding and changes the arguments when training begins, and counts."""

    def __init__(self):
        self.begins = []

    def on_train_begin(self, args, state, control, model, **_):
        model.get_input_embeddings().requires_grad_(False)
        args.max_grad_norm = 0.05
        self.begins.append(state.max_steps)


class Replacing(TrainerCallback):
    """A callback that replaces the dropouts when training begins, and whose generator draws at each step."""

    def on_train_begin(self, args, state, control, model, **_):
        for part in list(model.modules()):
            for name, child in part.named_children():
                if isinstance(child, torch.nn.Dropout):
                    setattr(part, name, torch.nn.Dropout(0.0))

    def on_step_begin(self, args, state, control, model, **_):
        self.epochs = [*getattr(self, "epochs", []), state.epoch]


def summed_loss(outputs, labels, num_items_in_batch=None):
    loss = torch.nn.functional.cross_entropy(outputs["logits"].flatten(0, -2), labels.flatten(), reduction="sum")
    return loss / (num_items_in_batch or labels.numel())


class OwnOptimizer(Trainer):
    """A trainer with an optimizer of its own, which does not use the rate of the arguments."""

    def create_optimizer(self, model=None):
        self.optimizer = torch.optim.SGD(self.model.parameters(), lr=0.02, momentum=0.9)
        return self.optimizer


class Preparing(Trainer):
    """A trainer that changes its model where it overrides ``train``."""

    def train(self, *args, **kwargs):
        self.model.get_output_embeddings().weight.requires_grad_(False)
        self.steps = []
        return super().train(*args, **kwargs)


MODELS = {"gpt2": gpt2, "llama": llama, "lora": lora}
KINDS = {"usual": Trainer, "own optimizer": OwnOptimizer, "own train": Preparing}
CALLBACKS = {"freezing": Freezing, "replacing": Replacing}
SETTINGS = {
    "checkpointing": {"activation_checkpointing": True},
    "checkpointing without reentry": {
        "activation_checkpointing": True,
        "activation_checkpointing_kwargs": {"use_reentrant": False},
    },
    "noise": {"neftune_noise_alpha": 5.0},
    "bfloat16": {"bf16": True},
    "accumulation": {"gradient_accumulation_steps": 3},
    "smoothing": {"label_smoothing_factor": 0.1},
    "by length": {"train_sampling_strategy": "group_by_length"},
    "no clipping": {"max_grad_norm": 0.0},
    "warm-up": {"lr_scheduler_type": "cosine", "warmup_steps": 3},
    "another optimizer": {"adam_beta1": 0.8, "optim": "adafactor"},
}
COMPILED = {"compiled": {"torch_compile": True, "torch_compile_backend": "eager", "learning_rate": 1e-30}}
EXTRAS = ["model_init", "tokens", "compute_loss_func"]


def combination(seed):
    """Return names of a model, a kind of trainer, callbacks, settings and extras, chosen at random."""
    draw = random.Random(seed)
    choose = lambda names, most: tuple(sorted(draw.sample(list(names), draw.randrange(most + 1))))
    extras = choose(EXTRAS, 2)
    model, kind = draw.choice(list(MODELS)), draw.choice(list(KINDS))
    return model, "usual" if model == "lora" else kind, choose(CALLBACKS, 2), choose(SETTINGS, 3), extras


COMBINATIONS = [combination(seed) for seed in range(12)]


def build(names, path):
    model, kind, callbacks, settings, extras = names
    torch.manual_seed(0)
    arguments = {name: value for one in settings for name, value in (SETTINGS | COMPILED)[one].items()}
    silent = {"report_to": [], "use_cpu": True, "disable_tqdm": True, "save_strategy": "no", "logging_strategy": "no"}
    given = {
        "args": TrainingArguments(path / "out", per_device_train_batch_size=8, max_steps=8, **silent, **arguments),
        "train_dataset": sentences(),
        "data_collator": pad,
        "callbacks": [CALLBACKS[one]() for one in callbacks],
        "processing_class": tokenizer() if "tokens" in extras else None,
        "compute_loss_func": summed_loss if "compute_loss_func" in extras else None,
    }
    of_model = {"model_init": MODELS[model]} if "model_init" in extras else {"model": MODELS[model]()}
    trainer = KINDS[kind](**of_model, **given)
    torch.manual_seed(1)
    return trainer


def seen(trainer):
    """Return what a user can see of a trainer, its model, its callbacks and its arguments."""
    model = trainer.model
    configs = [one.to_dict() for one in (model.config, getattr(model, "generation_config", None)) if one is not None]
    callbacks = [{**vars(one)} for one in trainer.callback_handler.callbacks]
    weights = fingerprint(model)
    return flags(model), configs, vars(trainer).copy(), vars(trainer.args).copy(), callbacks, weights


@pytest.mark.parametrize("names", COMBINATIONS, ids=str)
def test_the_first_iteration_is_that_of_train(names, tmp_path):
    trainer = build(names, tmp_path)
    rate = 0.02 if names[1] == "own optimizer" else trainer.args.learning_rate
    learner = TrainerLearner(trainer)
    with first_update() as searched, restored(learner):
        learner.iteration(rate)
    trainer = build(names, tmp_path)
    with first_update() as own:
        trainer.train()
    assert searched == own


@pytest.mark.parametrize("what", [search, search_that_fails])
@pytest.mark.parametrize("names", COMBINATIONS[:4], ids=str)
def test_nothing_remains_of_the_preparation(names, what, tmp_path):
    trainer = build(names, tmp_path)
    before, randomness = seen(trainer), torch.get_rng_state()
    what(TrainerLearner(trainer))
    assert seen(trainer) == before
    assert torch.equal(torch.get_rng_state(), randomness)


@pytest.mark.parametrize("names", COMBINATIONS[4:8], ids=str)
def test_a_training_after_a_search_is_that_of_its_twin(names, tmp_path):
    trainer, twin = build(names, tmp_path), build(names, tmp_path)
    LRFinder(TrainerLearner(trainer)).find(lr_multiplier=1.5)
    for one in (trainer, twin):
        torch.manual_seed(2)
        one.train()
    assert fingerprint(trainer.model, trainer.optimizer) == fingerprint(twin.model, twin.optimizer)


def kept_bytes(settings, path):
    names = ("llama", "usual", (), settings, ())
    learner = TrainerLearner(build(names, path))
    with first_update() as searched, restored(learner):
        learner.iteration(0.01)
    return searched.kept_bytes


def test_checkpointing_keeps_less_for_the_backward_in_a_search(tmp_path):
    assert kept_bytes(("checkpointing",), tmp_path) < kept_bytes((), tmp_path) / 2


def test_the_model_has_the_tokens_of_its_tokenizer_in_a_search_alone(tmp_path):
    trainer = build(("llama", "usual", (), (), ("tokens",)), tmp_path)
    before, seen_tokens = trainer.model.config.pad_token_id, []

    class Seeing(TrainerCallback):
        def on_step_begin(self, args, state, control, model, **_):
            seen_tokens.append(model.config.pad_token_id)

    trainer.add_callback(Seeing())
    LRFinder(TrainerLearner(trainer)).find(rates=[0.01, 0.02])
    assert (seen_tokens, trainer.model.config.pad_token_id) == ([31, 31], before)


def test_kernels_of_liger_are_applied_before_a_search(tmp_path, monkeypatch):
    applied = []
    liger = types.ModuleType("liger_kernel.transformers")
    liger._apply_liger_kernel_to_instance = lambda model, **_: applied.append(type(model).__name__)
    monkeypatch.setitem(sys.modules, "liger_kernel", types.ModuleType("liger_kernel"))
    monkeypatch.setitem(sys.modules, "liger_kernel.transformers", liger)
    trainer = build(("llama", "usual", (), (), ()), tmp_path)
    trainer.args.use_liger_kernel = True
    monkeypatch.setattr("transformers.integrations.liger.is_liger_kernel_available", lambda: True)
    LRFinder(TrainerLearner(trainer)).find(rates=[0.01, 0.02])
    assert applied == ["LlamaForCausalLM"]


class Rates(TrainerCallback):
    """A callback that records the rate of each update."""

    def __init__(self):
        self.rates = []

    def on_pre_optimizer_step(self, args, state, control, optimizer, **_):
        self.rates.append(optimizer.param_groups[0]["lr"])


@pytest.mark.parametrize("extras", [(), ("model_init",)])
@pytest.mark.parametrize("kind", KINDS)
def test_a_rate_and_its_schedule_reach_every_optimizer_that_train_creates(kind, extras, tmp_path):
    trainer, rates = build(("llama", kind, (), (), extras), tmp_path), Rates()
    trainer.add_callback(rates)
    learner = TrainerLearner(trainer)
    learner.set_rate(0.5, schedule=lambda optimizer, rate: schedules.warmup_cosine(optimizer, rate, 8, warmup=4))
    learner.find(rates=[0.01, 0.02])
    for _ in range(2):
        rates.rates.clear()
        trainer.train()
        assert rates.rates[:5] == pytest.approx([0.1, 0.2, 0.3, 0.4, 0.5])
    learner.set_rate(0.25)
    rates.rates.clear()
    trainer.train()
    assert max(rates.rates) == 0.25


def test_the_epoch_of_the_state_is_that_of_train(tmp_path):
    names = ("llama", "usual", ("replacing",), ("accumulation",), ())
    trainer, own = build(names, tmp_path), []

    class Hearing(TrainerCallback):
        def on_step_end(self, args, state, control, **_):
            own.append((state.global_step, state.epoch))

    trainer.add_callback(Hearing())
    LRFinder(TrainerLearner(trainer)).find(rates=[0.001] * 7)
    searched = own.copy()
    own.clear()
    trainer.train()
    assert searched == own[:7]


def test_a_model_that_classifies_trains_as_in_train(tmp_path):
    records = []
    for run in (lambda one: TrainerLearner(one).find(rates=[0.01]), lambda one: one.train()):
        torch.manual_seed(0)
        arguments = TrainingArguments(tmp_path / "out", use_cpu=True, report_to=[], max_steps=2, learning_rate=0.01)
        trainer = Trainer(bert(), arguments, train_dataset=sentences(), data_collator=classify)
        with first_update() as record:
            run(trainer)
        records.append(record)
    assert records[0] == records[1]


def test_an_optimizer_that_steps_inside_of_the_backward_is_refused_and_nothing_remains(tmp_path):
    trainer = build(("llama", "usual", ("freezing",), ("checkpointing",), ()), tmp_path)
    trainer.optimizer = LayerWiseDummyOptimizer(optimizer_dict={})
    before = seen(trainer)
    with pytest.raises(OptimizerError, match="steps each layer by an optimizer of its own"):
        LRFinder(TrainerLearner(trainer)).find()
    assert seen(trainer) == before


def test_a_compiled_model_trains_as_in_train(tmp_path):
    def losses(run):
        trainer = build(("llama", "usual", ("freezing",), ("compiled",), ()), tmp_path)
        heard = []
        step = trainer.training_step
        trainer.training_step = lambda *args: heard.append(float(loss := step(*args))) or loss
        run(trainer)
        return heard

    assert losses(lambda one: TrainerLearner(one).find(rates=[0.0] * 4)) == losses(lambda one: one.train())[:4]


def test_a_training_without_a_step_is_refused(tmp_path):
    class Without(Trainer):
        def train(self, *args, **kwargs):
            return None

    trainer = Without(gpt2(), TrainingArguments(tmp_path / "out", use_cpu=True, report_to=[]), train_dataset=sentences())
    with pytest.raises(LearnerError, match=r"train\(\) ended before its first step"):
        LRFinder(TrainerLearner(trainer)).find()
