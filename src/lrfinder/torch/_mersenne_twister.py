"""Looks at PyTorch's generators on the CPU, which tell whether one has moved without a copy of its state.

``get_state()`` copies 5 kB. As for the generators of Python and numpy (:mod:`lrfinder._state.mersenne_twister`), a look at
the memory shows whether that is needed: at the seed, the places in the sequence, a few of its words, and the normal numbers
that are held for the next call. The layout is searched, and verified, on a generator of our own.
"""

from __future__ import annotations

import struct
from functools import cache

import torch

from lrfinder._state.mersenne_twister import WORDS, WORDS_READ, Looks, look_at_memory

_WORD = 4  # bytes
_BEFORE = 24  # bytes before the words: the seed, and the places
_BEHIND = 24  # bytes behind them: the normal numbers that are held, and whether there are any
_FARTHEST = 512  # bytes from the start of the object to its words; it has 2,496 bytes of these


def looks_at_torch(generator: torch.Generator) -> Looks:
    """Return looks at a generator; none where it is that of another device, or its memory layout is unknown."""
    words = _layout() if type(generator) is torch.Generator and generator.device.type == "cpu" else None
    return () if words is None else _looks(generator, words)


def _address(generator: torch.Generator) -> int:
    return getattr(generator, "_cdata", 0)  # nothing public tells whether a generator has moved


def _looks(generator: torch.Generator, words: int) -> Looks:
    """Return looks at what a draw changes in a generator that has its words at this place."""
    first = _address(generator) + words
    return look_at_memory(first - _BEFORE, _BEFORE + _WORD * WORDS_READ), look_at_memory(first + _WORD * WORDS, _BEHIND)


@cache
def _layout() -> int | None:
    """Return the place of the words of a generator on the CPU, in bytes; ``None`` where they do not show each draw."""
    generator = torch.Generator().manual_seed(1)
    words = _find_words(generator)
    if words is None:
        return None
    front, back = _looks(generator, words)
    for dtype in (torch.float32, torch.float64):
        for draw in (torch.rand, torch.randn, torch.randn):  # the second normal number may be one that was held
            before, state = (front(), back()), generator.get_state()
            draw(1, generator=generator, dtype=dtype)
            if before == (front(), back()) and not torch.equal(state, generator.get_state()):
                return None
    return words


def _find_words(generator: torch.Generator) -> int | None:
    """Return the place in a generator at which its state has the same words."""
    address, state = _address(generator), generator.get_state().numpy().tobytes()
    if not address or len(state) < _BEFORE + 8 * WORDS:
        return None
    words = struct.pack(f"{WORDS}I", *struct.unpack_from(f"{WORDS}Q", state, _BEFORE))  # the state has 8 bytes for each
    places = range(_BEFORE, _FARTHEST, _WORD)
    place = next((one for one in places if look_at_memory(address + one, _BEFORE)() == words[:_BEFORE]), None)
    return None if place is None or look_at_memory(address + place, len(words))() != words else place
