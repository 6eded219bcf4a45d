"""The state of a generator of PyTorch is read again when it has changed, and only then."""

import pytest
import torch

from lrfinder._state.mersenne_twister import cached_reader
from lrfinder.torch import _mersenne_twister
from lrfinder.torch._mersenne_twister import looks_at_torch

DRAWS = {
    "a number": lambda one: torch.rand(1, generator=one),
    "as many numbers as return the place in the sequence": lambda one: torch.rand(624, generator=one),
    "a normal number": lambda one: torch.randn(1, generator=one),
    "a normal number of 8 bytes": lambda one: torch.randn(1, generator=one, dtype=torch.float64),
    "many normal numbers": lambda one: torch.randn(100, generator=one),
    "a permutation": lambda one: torch.randperm(5, generator=one),
    "a mask": lambda one: torch.empty(3).bernoulli_(0.5, generator=one),
    "a seed": lambda one: one.manual_seed(5),
    "a random seed": lambda one: one.seed(),
    "a state that was set": lambda one: one.set_state(torch.Generator().manual_seed(9).get_state()),
}


def state_of(generator):
    return generator.get_state().numpy().tobytes()


@pytest.mark.parametrize("draw", DRAWS)
def test_the_state_is_read_again_after(draw):
    generator = torch.Generator().manual_seed(1)
    read = cached_reader(lambda: state_of(generator), looks_at_torch(generator))
    for _ in range(3):  # also a normal number that the generator has held since the previous call
        assert read() == state_of(generator)
        DRAWS[draw](generator)
        assert read() == state_of(generator)


def test_the_state_of_the_global_generator_is_read_again_after_a_dropout():
    read = cached_reader(lambda: state_of(torch.default_generator), looks_at_torch(torch.default_generator))
    before = read()
    torch.nn.functional.dropout(torch.ones(3))
    assert before != read() == state_of(torch.default_generator)


def counted(generator):
    reads = []
    return reads, cached_reader(lambda: reads.append(1) or state_of(generator), looks_at_torch(generator))


def test_the_state_of_a_generator_without_draws_is_read_once():
    reads, read = counted(torch.Generator())
    assert read() is read()
    assert len(reads) == 1


def test_the_state_is_read_each_time_where_the_layout_is_unknown(monkeypatch):
    monkeypatch.setattr(_mersenne_twister, "_layout", lambda: None)
    reads, read = counted(torch.Generator())
    assert read() == read()
    assert len(reads) == 2


def test_a_layout_that_does_not_show_each_draw_is_unknown(monkeypatch):
    monkeypatch.setattr(_mersenne_twister, "_find_words", lambda *_: 4 * 200)  # within the words
    _mersenne_twister._layout.cache_clear()
    try:
        assert _mersenne_twister._layout() is None
    finally:
        _mersenne_twister._layout.cache_clear()
