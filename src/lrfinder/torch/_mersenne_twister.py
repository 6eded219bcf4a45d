"""Looks at PyTorch's generators on the CPU, which tell whether one has moved without a copy of its state.

``get_state()`` copies 5 kB. As for the generators of Python and numpy (:mod:`lrfinder._state.mersenne_twister`), a look at
the memory shows whether that is needed: at the seed, the places in the sequence, a few of its words, and the normal numbers
that are held for the next call. The layout is searched, and verified, on a generator of our own.
"""

from __future__ import annotations

import struct
from functools import cache
from typing import NamedTuple

import torch

from lrfinder._state.mersenne_twister import WORDS, WORDS_READ, Looks, look_at_memory

_WORD = 4  # bytes
_BEFORE = 24  # bytes before the words: the seed, and the places
_BEHIND = 24  # bytes behind them: the normal numbers that are held, and whether there are any
_FARTHEST = 512  # bytes from the start of the object to its words; it has 2,496 bytes of these


class _Layout(NamedTuple):
    """The place of the words of a generator, in bytes from its start."""

    words: int

    def looks(self, address: int) -> Looks:
        """Return looks at what a draw changes in the generator at an address."""
        words = address + self.words
        front = look_at_memory(words - _BEFORE, _BEFORE + _WORD * WORDS_READ)
        return front, look_at_memory(words + _WORD * WORDS, _BEHIND)


def looks_at_torch(generator: torch.Generator) -> Looks:
    """Return looks at a generator; none where it is that of another device, or its memory layout is unknown."""
    address = _address(generator)
    layout = _layout() if type(generator) is torch.Generator and generator.device.type == "cpu" else None
    return () if layout is None or address is None else layout.looks(address)


def _address(generator: torch.Generator) -> int | None:
    return getattr(generator, "_cdata", None)  # nothing public tells whether a generator has moved


@cache
def _layout() -> _Layout | None:
    """Return the memory layout of generators on the CPU; ``None`` where it does not show each draw."""
    generator = torch.Generator().manual_seed(1)
    address = _address(generator)
    layout = None if address is None else _find_words(address, generator)
    if address is None or layout is None:
        return None
    front, back = layout.looks(address)
    for dtype in (torch.float32, torch.float64):
        for draw in (torch.rand, torch.randn, torch.randn):  # the second normal number may be one that was held
            before, state = (front(), back()), generator.get_state()
            draw(1, generator=generator, dtype=dtype)
            if before == (front(), back()) and not torch.equal(state, generator.get_state()):
                return None
    return layout


def _find_words(address: int, generator: torch.Generator) -> _Layout | None:
    state = generator.get_state().numpy().tobytes()
    if len(state) < _BEFORE + 8 * WORDS:
        return None
    words = struct.pack(f"{WORDS}I", *struct.unpack_from(f"{WORDS}Q", state, _BEFORE))  # the state has 8 bytes for each
    places = range(_BEFORE, _FARTHEST, _WORD)
    place = next((one for one in places if look_at_memory(address + one, _BEFORE)() == words[:_BEFORE]), None)
    return None if place is None or look_at_memory(address + place, len(words))() != words else _Layout(place)
