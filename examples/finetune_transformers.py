"""Find the rate for fine-tuning with Hugging Face's Trainer, and check it against a grid of rates.

    python examples/finetune_transformers.py --data FOLDER --out finetuned

The script first trains a small character-level GPT-2 on tinyshakespeare. The model is created from a configuration, so
nothing is downloaded. Then the script fine-tunes it on text of another kind, the rows of the Adult census table.

``suggest`` finds the rate for this, under Trainer's default schedule, a straight line down to 0. As a check, the model
is then fine-tuned at each rate of a grid and at the suggested rate, always from the same weights.

FOLDER holds ``tinyshakespeare/input.txt`` and ``tabular/adult.csv.gz``. The script takes about five minutes on 2 cores;
``--no-grid`` leaves out the check.

As a factory for the command line:  lrfinder suggest examples/finetune_transformers.py:census_learner --horizon 200
"""

import argparse
import gzip
import json
import os
import string
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from transformers import GPT2Config, GPT2LMHeadModel, Trainer, TrainingArguments

import lrfinder
from lrfinder.trainers.transformers import TrainerLearner

SHARED = Path(__file__).resolve().parents[2] / "shared" / "data"
DATA = Path(os.environ.get("LRFINDER_DATA", SHARED))
LENGTH = 64
CODES = {character: k for k, character in enumerate(string.printable)}


def linear(progress: float) -> float:
    """Return the factor of Trainer's default schedule, ``lr_scheduler_type="linear"``."""
    return 1.0 - progress


def windows(text: str) -> list[dict[str, torch.Tensor]]:
    """Return consecutive windows of ``LENGTH`` characters, as inputs of a language model."""
    codes = torch.tensor([CODES[character] for character in text])
    whole = codes[: len(codes) // LENGTH * LENGTH]
    return [{"input_ids": window, "labels": window} for window in whole.split(LENGTH)]


def plays(data: Path) -> str:
    """Return the first 500,000 characters of tinyshakespeare."""
    return (data / "tinyshakespeare" / "input.txt").read_text()[:500_000]


def census(data: Path) -> str:
    """Return the first 6,000 rows of the table, as they are in the file."""
    with gzip.open(data / "tabular" / "adult.csv.gz", "rt") as rows:
        return "".join(line for _, line in zip(range(6_000), rows, strict=False))


def arguments(out: Path, steps: int, lr: float) -> TrainingArguments:
    """Return the arguments of both runs; all others are Trainer's defaults."""
    return TrainingArguments(
        out, max_steps=steps, learning_rate=lr, per_device_train_batch_size=16, per_device_eval_batch_size=256,
        report_to=[], save_strategy="no", logging_strategy="no", disable_tqdm=True, use_cpu=True, log_level="error",
    )  # fmt: skip


def pretrained(data: Path, out: Path, steps: int = 600) -> Path:
    """Return the folder of a language model of the plays, two blocks of width 64. Train it if the folder is empty."""
    folder = out / f"language-model-{steps}"
    if not (folder / "config.json").is_file():
        torch.manual_seed(0)
        model = GPT2LMHeadModel(
            GPT2Config(
                vocab_size=len(CODES), n_positions=LENGTH, n_embd=64, n_layer=2, n_head=4,
                bos_token_id=None, eos_token_id=None, loss_type="ForCausalLM",
            )
        )  # fmt: skip
        Trainer(model, arguments(out, steps, 3e-3), train_dataset=windows(plays(data))).train()
        model.save_pretrained(folder)
    return folder


class RecordingTrainer(Trainer):
    """A Trainer that records the loss of each batch."""

    def training_step(self, *args: Any) -> torch.Tensor:
        """Train on one batch."""
        loss = super().training_step(*args)
        self.losses = [*getattr(self, "losses", []), float(loss)]
        return loss


def census_trainer(data: Path, out: Path, steps: int = 200, lr: float = 5e-5) -> RecordingTrainer:
    """Return the Trainer for fine-tuning; the last tenth of the rows is held out."""
    rows = windows(census(data))
    cut = len(rows) * 9 // 10
    model = GPT2LMHeadModel.from_pretrained(pretrained(data, out))
    return RecordingTrainer(model, arguments(out, steps, lr), train_dataset=rows[:cut], eval_dataset=rows[cut:])


def census_learner(out: Path = Path("finetuned")) -> TrainerLearner:
    """Return a learner for the command line."""
    return TrainerLearner(census_trainer(DATA, out))


def fine_tune(data: Path, out: Path, steps: int, lr: float) -> Mapping[str, float]:
    """Fine-tune at ``lr``; return the first loss, the mean of the last tenth, and the loss of the held-out rows."""
    trainer = census_trainer(data, out, steps, lr)
    trainer.train()
    last = float(np.mean(trainer.losses[-steps // 10 :]))
    return {"lr": lr, "first": trainer.losses[0], "last": last, "held_out": trainer.evaluate()["eval_loss"]}


def main() -> None:
    """Suggest a rate, then run the grid."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--out", type=Path, default=Path("finetuned"))
    parser.add_argument("--steps", type=int, default=200)
    parser.add_argument("--no-grid", action="store_true")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)

    trainer = census_trainer(options.data, options.out, options.steps)
    learner = TrainerLearner(trainer)
    suggestion = lrfinder.LRFinder(learner).suggest(horizon=options.steps, schedule=linear)
    suggestion.to_json(options.out / "suggestion.json")
    suggestion.plot().figure.savefig(options.out / "suggestion.png")
    print(suggestion.explain(), flush=True)
    if suggestion.lr is None or options.no_grid:
        return
    learner.set_rate(suggestion)  # trainer.train() would now fine-tune at this rate
    suggested = trainer.args.learning_rate
    rows = []
    for lr in sorted([5e-5, suggested, *(10.0 ** (k / 2) for k in range(-8, -1))]):
        rows.append(fine_tune(options.data, options.out, options.steps, lr))
        mark = "  <- suggested" if lr == suggested else "  <- Trainer's default" if lr == 5e-5 else ""  # noqa: PLR2004  (its default)
        print("{lr:.2e}  last tenth {last:.3f}  held out {held_out:.3f}".format(**rows[-1]) + mark, flush=True)
    (options.out / "grid.json").write_text(json.dumps(rows, indent=1))
    best = min(row["last"] for row in rows)
    last = next(row["last"] for row in rows if row["lr"] == suggested)
    print(f"regret {(last - best) / (rows[0]['first'] - best):.3f}")


if __name__ == "__main__":
    main()
