"""Looks at Mersenne Twisters: reading the state of Python's takes 5 µs, numpy's 30, seeing that it is unchanged 0.1.

A Mersenne Twister has 624 words and an index into them. A draw moves the index, and one that returns it to the same place
has replaced all words, as does a new seed. Index and eight words, read from memory, therefore identify a state: by chance
they stay the same in one of 2**256 changes. No documentation promises where Python keeps them. The layout is verified once
on generators of our own, and where it differs every state is read in full.
"""

from __future__ import annotations

import _random
import ctypes
import operator
import random
import struct
from functools import cache, partial
from typing import TYPE_CHECKING, Any, TypeVar, cast

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")

WORDS = 624
WORDS_READ = 8  # in addition to the index
_HEADER = object.__basicsize__  # bytes of reference count and type, before the state of an object


Looks = tuple["Callable[[], object]", ...]
"""Functions whose values together change wherever the state of a generator does, at a small part of its price."""


def cached_reader(read: Callable[[], T], looks: Looks) -> Callable[[], T]:
    """Return ``read``, called again only where a look shows a change. Nobody may change what ``read`` returns."""
    if not looks:
        return read
    last: tuple[object, T] | None = None  # one tuple, because another thread may call meanwhile

    def read_cached() -> T:
        nonlocal last
        now, known = [look() for look in looks], last
        if known is None or now != known[0]:
            last = known = now, read()  # in this order: the next call notices a draw between the two
        return known[1]

    return read_cached


def looks_at_python(generator: random.Random) -> Looks:
    """Return looks at a generator of Python; none where its memory layout is not the known one."""
    if type(generator) is not random.Random or not _python_layout_is_known():
        return ()
    words = look_at_memory(id(generator) + _HEADER, 4 * (1 + 1 + WORDS_READ))  # the first word is the same for many seeds
    return words, partial(getattr, generator, "gauss_next")


def looks_at_numpy(generator: np.random.RandomState) -> Looks:
    """Return looks at a generator of numpy; none where its memory layout is not the known one."""
    bits = _bits(generator)
    known = type(generator) is np.random.RandomState and type(bits) is np.random.MT19937 and _numpy_layout_is_known()
    if not known:
        return ()
    words = look_at_memory(bits.ctypes.state_address + 4 * (WORDS - WORDS_READ), 4 * (WORDS_READ + 1))
    # another bit generator may be set, of unknown layout: object() equals no look
    return lambda: words() if _bits(generator) is bits else object(), _look_at_body(generator)


def look_at_memory(address: int, nbytes: int) -> Callable[[], bytes]:
    """Return a function that reads memory, and is not written in Python. The owner of the memory must outlive it."""
    return partial(operator.attrgetter("raw"), (ctypes.c_char * nbytes).from_address(address))


def _bits(generator: np.random.RandomState) -> Any:
    return cast("Any", generator)._bit_generator  # noqa: SLF001  (numpy 1.23 has no public name for it)


def _look_at_body(generator: np.random.RandomState) -> Callable[[], bytes]:
    """Return a look at the object, which holds the normal number that the next call returns, and constant pointers."""
    return look_at_memory(id(generator) + _HEADER, type(generator).__basicsize__ - _HEADER)


@cache
def _python_layout_is_known() -> bool:
    if _random.Random.__basicsize__ < _HEADER + 4 * (WORDS + 1):
        return False
    generator = random.Random(1)  # noqa: S311  (not for secrets)
    for _ in range(3):
        *words, index = generator.getstate()[1]
        if look_at_memory(id(generator) + _HEADER, 4 * (WORDS + 1))() != struct.pack(f"i{WORDS}I", index, *words):
            return False
        generator.random()
    return True


@cache
def _numpy_layout_is_known() -> bool:
    generator = np.random.RandomState(1)
    address = _bits(generator).ctypes.state_address
    for _ in range(3):
        state: Any = generator.get_state(legacy=False)["state"]
        if look_at_memory(address, 4 * (WORDS + 1))() != state["key"].tobytes() + struct.pack("i", state["pos"]):
            return False
        body = _look_at_body(generator)
        before, again = body(), body()
        generator.standard_normal()  # computes two numbers and holds one, which the next call returns without a draw
        if before != again or before == body():
            return False
    return True
