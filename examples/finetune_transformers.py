"""The rate of a fine-tuning with Hugging Face's Trainer, checked against a grid of rates.

    python examples/finetune_transformers.py --text FILE --out finetuned

A small GPT-2 of characters is first trained on tinyshakespeare, from a configuration, so that nothing is downloaded; then it
is fine-tuned to tell from 96 characters which of eight characters of the plays says them. ``suggest`` is asked for the rate
of that fine-tuning, under the schedule that Trainer uses by default, a straight line down to 0; the check fine-tunes at each
rate of a grid and at ours, from the same weights, and shows where ours lies. FILE is the text, ``input.txt``. About 15
minutes on 2 cores; ``--no-grid`` leaves out the check.

As a factory for the command line:  lrfinder suggest examples/finetune_transformers.py:speaker_learner --horizon 300
"""

import argparse
import json
import os
import re
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from transformers import GPT2Config, GPT2ForSequenceClassification, GPT2LMHeadModel, Trainer, TrainingArguments

import lrfinder
from lrfinder.trainers.transformers import TrainerLearner

BESIDE = Path(__file__).resolve().parents[2] / "shared" / "data"
TEXT = Path(os.environ.get("LRFINDER_DATA", BESIDE)) / "tinyshakespeare" / "input.txt"
LENGTH, STRIDE, SPEAKERS = 96, 24, 8


def linear(progress: float) -> float:
    """Trainer's default schedule, ``lr_scheduler_type="linear"``."""
    return 1.0 - progress


class Characters:
    """The text as numbers."""

    def __init__(self, text: str) -> None:
        self.numbers = {character: k for k, character in enumerate(sorted(set(text)))}

    def __call__(self, text: str) -> torch.Tensor:
        """Shape (characters,)."""
        return torch.tensor([self.numbers[character] for character in text])


def pieces(text: str, characters: Characters, stride: int) -> list[torch.Tensor]:
    """Pieces of ``LENGTH`` characters, one every ``stride``."""
    numbers = characters(text)
    return [numbers[k : k + LENGTH] for k in range(0, len(numbers) - LENGTH, stride)]


def speeches(text: str) -> dict[str, str]:
    """What each of the most talkative characters says, by name."""
    found: dict[str, list[str]] = {}
    for name, words in re.findall(r"(?:^|\n\n)([^\n:]+):\n(.*?)(?=\n\n|$)", text, re.DOTALL):
        found.setdefault(name, []).append(words)
    lengths = Counter({name: sum(map(len, said)) for name, said in found.items()})
    return {name: "\n".join(found[name]) for name, _ in lengths.most_common(SPEAKERS)}


def examples(text: str, characters: Characters) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Training and held-out examples; of each speaker the last tenth is held out."""
    training, held_out = [], []
    for label, said in enumerate(speeches(text).values()):
        cut = len(said) * 9 // 10
        training += [{"input_ids": one, "labels": label} for one in pieces(said[:cut], characters, STRIDE)]
        held_out += [{"input_ids": one, "labels": label} for one in pieces(said[cut:], characters, LENGTH)]
    return training, held_out


def configuration(characters: Characters) -> GPT2Config:
    """Two blocks of width 64, 0.1 million parameters; one number more than characters, for padding."""
    size = len(characters.numbers)
    return GPT2Config(
        vocab_size=size + 1, n_positions=LENGTH, n_embd=64, n_layer=2, n_head=4, pad_token_id=size,
        bos_token_id=None, eos_token_id=None, num_labels=SPEAKERS, loss_type="ForCausalLM",
    )  # fmt: skip


def arguments(out: Path, steps: int, lr: float) -> TrainingArguments:
    """Those of both trainings."""
    return TrainingArguments(
        out, max_steps=steps, learning_rate=lr, per_device_train_batch_size=16, per_device_eval_batch_size=256,
        report_to=[], save_strategy="no", logging_strategy="no", disable_tqdm=True, use_cpu=True, log_level="error",
    )  # fmt: skip


def pretrained(text: str, characters: Characters, out: Path, steps: int) -> Path:
    """The folder of a language model of the text, trained where it is not there yet."""
    folder = out / f"language-model-{steps}"
    if not (folder / "config.json").is_file():
        torch.manual_seed(0)
        data = [{"input_ids": one, "labels": one} for one in pieces(text[: len(text) * 9 // 10], characters, LENGTH)]
        model = GPT2LMHeadModel(configuration(characters))
        Trainer(model, arguments(out, steps, 2e-3), train_dataset=data).train()
        model.save_pretrained(folder)
    return folder


def accuracy(prediction: Any) -> dict[str, float]:
    """The part of the examples that the model tells right."""
    return {"accuracy": float((prediction.predictions.argmax(-1) == prediction.label_ids).mean())}


class Remembering(Trainer):
    """Keeps the loss of each batch."""

    def training_step(self, *args: Any) -> torch.Tensor:
        """One batch."""
        loss = super().training_step(*args)
        self.losses = [*getattr(self, "losses", []), float(loss)]
        return loss


def speaker_trainer(text: str, out: Path, *, steps: int = 300, pretraining: int = 800, lr: float = 5e-5) -> Remembering:
    """Trainer and model for the fine-tuning."""
    characters = Characters(text)
    folder = pretrained(text, characters, out, pretraining)
    training, held_out = examples(text, characters)
    torch.manual_seed(0)
    model = GPT2ForSequenceClassification.from_pretrained(folder)
    return Remembering(
        model, arguments(out, steps, lr), train_dataset=training, eval_dataset=held_out, compute_metrics=accuracy
    )


def speaker_learner(out: Path = Path("finetuned")) -> TrainerLearner:
    """For the command line."""
    return TrainerLearner(speaker_trainer(TEXT.read_text(), out))


def fine_tuned(text: str, out: Path, steps: int, lr: float) -> Mapping[str, float]:
    """One fine-tuning at ``lr``: its mean loss over the last tenth, and what it tells right of what it never saw."""
    trainer = speaker_trainer(text, out, steps=steps, lr=lr)
    trainer.train()
    last = float(np.mean(trainer.losses[-steps // 10 :]))
    return {"lr": lr, "first": trainer.losses[0], "last": last, "accuracy": trainer.evaluate()["eval_accuracy"]}


def main() -> None:
    """The suggestion, then the grid."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--text", type=Path, default=TEXT)
    parser.add_argument("--out", type=Path, default=Path("finetuned"))
    parser.add_argument("--steps", type=int, default=300)
    parser.add_argument("--no-grid", action="store_true")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    text = options.text.read_text()

    trainer = speaker_trainer(text, options.out, steps=options.steps)
    learner = TrainerLearner(trainer)
    suggestion = lrfinder.LRFinder(learner).suggest(horizon=options.steps, schedule=linear)
    suggestion.to_json(options.out / "suggestion.json")
    suggestion.plot().figure.savefig(options.out / "suggestion.png")
    print(suggestion.explain())
    if suggestion.lr is None or options.no_grid:
        return
    learner.set_rate(suggestion)  # trainer.train() would now fine-tune at the rate
    rates = sorted([*(10.0 ** (k / 2) for k in range(-10, -1)), trainer.args.learning_rate])
    rows = []
    for lr in rates:
        rows.append(fine_tuned(text, options.out, options.steps, lr))
        ours = "  <- suggested" if lr == trainer.args.learning_rate else ""
        print("{lr:.2e}  last tenth {last:.3f}  held out {accuracy:.3f}".format(**rows[-1]) + ours, flush=True)
    (options.out / "grid.json").write_text(json.dumps(rows, indent=1))
    best = min(row["last"] for row in rows)
    here = next(row["last"] for row in rows if row["lr"] == trainer.args.learning_rate)
    print(f"regret {(here - best) / (rows[0]['first'] - best):.3f}")


if __name__ == "__main__":
    main()
