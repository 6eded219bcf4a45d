"""
Shakespeare: a language model, with clipping
============================================

A recurrent network predicts the next character. Its batches are not pairs, so ``forward`` computes the loss.
Gradients are clipped as in training.
"""

import os
from pathlib import Path

import lrfinder
import torch
from lrfinder.torch import TorchLearner
from torch import nn
from torch.nn.utils import clip_grad_norm_
from torch.utils.data import DataLoader

text = (Path(os.environ["LRFINDER_DATA"]) / "tinyshakespeare" / "input.txt").read_text(
    encoding="utf-8"
)
alphabet = sorted(set(text))
codes = torch.tensor([alphabet.index(character) for character in text[:200_000]])


class Model(nn.Module):
    def __init__(self):
        super().__init__()
        self.embedding = nn.Embedding(len(alphabet), 32)
        self.recurrent = nn.GRU(32, 96, batch_first=True)
        self.scores = nn.Linear(96, len(alphabet))

    def forward(self, characters):
        return self.scores(self.recurrent(self.embedding(characters))[0])


def next_character(model, batch):
    return nn.functional.cross_entropy(
        model(batch[:, :-1]).flatten(0, 1), batch[:, 1:].flatten()
    )


torch.manual_seed(0)
model = Model()
loader = DataLoader(codes.unfold(0, 33, 33), batch_size=32, shuffle=True)
learner = TorchLearner(
    model,
    torch.optim.AdamW(model.parameters()),
    None,
    loader,
    forward=next_character,
    clip=lambda parameters: clip_grad_norm_(parameters, 1.0),
)

# %%
# With AdamW and clipped gradients, the loss does not diverge; it rises slowly. So the highest rate that works is hard
# to see in a curve. The probes measure it.

suggestion = lrfinder.LRFinder(learner).suggest(horizon=600, max_iterations=350)
suggestion.plot()
print(suggestion.explain())
