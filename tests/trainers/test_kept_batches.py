"""Batches of the ``transformers`` package: kept and given out as copies, and moved by their own ``to()``."""

import pytest

pytest.importorskip("transformers", reason="transformers is not installed")

import torch
from torch import nn
from transformers import BatchEncoding
from transformers.modeling_outputs import BaseModelOutput

from lrfinder import LRFinder
from lrfinder.replay import nbytes
from lrfinder.torch import TorchLearner
from lrfinder.torch.batches import own_copy, to_device

CPU = torch.device("cpu")


def encodings(count=10):
    generator = torch.Generator().manual_seed(0)
    for _ in range(count):
        ids = torch.randint(20, (4, 6), generator=generator)
        yield BatchEncoding({"input_ids": ids, "labels": ids.sum(1) % 2})


def answers(data, pop):
    torch.manual_seed(0)
    model = nn.Sequential(nn.EmbeddingBag(20, 8), nn.Linear(8, 2))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)

    def forward(model, batch):
        labels = pop(batch)
        return nn.functional.cross_entropy(model(batch["input_ids"]), labels)

    finder = LRFinder(TorchLearner(model, optimizer, None, data, forward=forward))
    found = finder.find(rates=[1e-3] * 15)
    suggested = finder.suggest(horizon=20, max_iterations=200)
    compared = finder.compare([0.05, 0.05, 0.5], 15)
    return found.losses.tolist(), suggested.lr, compared.losses.tolist()


class Streamed:
    def __iter__(self):
        return encodings()


@pytest.mark.parametrize("feed", [lambda: list(encodings()), Streamed])
def test_a_step_may_pop_the_labels_of_an_encoding(feed):
    expected = answers(feed(), lambda batch: batch["labels"])
    assert answers(feed(), lambda batch: batch.pop("labels")) == expected


def test_an_encoding_is_moved_as_a_copy_and_the_original_stays():
    batch = next(encodings())
    for new in (own_copy(batch), to_device(batch, CPU)):
        assert isinstance(new, BatchEncoding)
        assert new.data.keys() == batch.data.keys()
        assert new["labels"].data_ptr() != batch["labels"].data_ptr()
        new.pop("labels")
    assert "labels" in batch
    assert nbytes(batch) >= batch["input_ids"].nbytes + batch["labels"].nbytes


def test_the_output_of_a_model_is_copied_with_items_and_attributes_the_same():
    output = BaseModelOutput(last_hidden_state=torch.ones(2))
    new = own_copy(output)
    assert new.last_hidden_state is new["last_hidden_state"] is not output.last_hidden_state
