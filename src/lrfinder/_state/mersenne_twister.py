"""Whether a generator has moved, seen at a glance: reading the state of python's takes 5 us, of numpy's 30, a glance 1.

Both are Mersenne Twisters, 624 words and a place among them. A draw moves the place; one that comes round to the same place
has made all words anew; so has a new seed. The glance is therefore at the place and at eight words in memory: that all of
these stay while the state changes has a chance of 2**-256. Where they lie in memory was never promised: it is tried out on
generators of our own, and where it does not fit nothing is looked at and every state is read.
"""

from __future__ import annotations

import _random
import ctypes
import operator
import random
import struct
from functools import cache
from typing import TYPE_CHECKING, Any, Generic, TypeVar, cast

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

Seen = TypeVar("Seen")

_WORDS = 624
_SEEN = 8  # words, those beside the place
_HEAD = object.__basicsize__  # the count of references and the type, which are no state


class Remembered(Generic[Seen]):
    """``read()``, called again only where ``glance()`` shows something else than the last time.

    Args:
        read: gives a state, which nobody changes.
        glance: gives something that differs wherever the state does.
        same: whether two glances show the same.
    """

    def __init__(
        self, read: Callable[[], Any], glance: Callable[[], Seen], same: Callable[[Seen, Seen], bool] = operator.eq
    ) -> None:
        self._read = read
        self._glance = glance
        self._same = same
        self._last: tuple[Seen, Any] | None = None  # in one, as another thread may ask meanwhile

    def __call__(self) -> Any:
        """The present state."""
        now, last = self._glance(), self._last
        if last is None or not self._same(now, last[0]):
            self._last = last = now, self._read()  # read after the glance: a draw between the two shows the next time
        return last[1]


def of_python(generator: random.Random, read: Callable[[], Any]) -> Callable[[], Any]:
    """``read``, remembered where the memory of python's generators is as it is taken to be."""
    if type(generator) is not random.Random or not _python_is_as_taken():
        return read
    words = _memory(id(generator) + _HEAD, 4 * (1 + 1 + _SEEN))
    return Remembered(read, lambda: (words.raw, cast("Any", generator).gauss_next))


def of_numpy(generator: np.random.RandomState, read: Callable[[], Any]) -> Callable[[], Any]:
    """``read``, remembered where the memory of numpy's legacy generators is as it is taken to be."""
    bits: Any = cast("Any", generator)._bit_generator  # noqa: SLF001  (numpy 1.23 has no public name for it)
    if type(generator) is not np.random.RandomState or type(bits) is not np.random.MT19937 or not _numpy_is_as_taken():
        return read
    words, body = _memory(_address(bits) + 4 * (_WORDS - _SEEN), 4 * (_SEEN + 1)), _body(generator)

    def glance() -> object:
        if cast("Any", generator)._bit_generator is not bits:  # noqa: SLF001  (another was set: nothing is known of it)
            return object()
        return words.raw, body.raw

    return Remembered(read, glance)


def _memory(address: int, nbytes: int) -> ctypes.Array[ctypes.c_char]:
    """What lies there, whenever its ``raw`` is asked for."""
    return (ctypes.c_char * nbytes).from_address(address)


def _body(generator: np.random.RandomState) -> ctypes.Array[ctypes.c_char]:
    """Whether a normal number is held for the next call, and which; pointers beside them, which do not change."""
    return _memory(id(generator) + _HEAD, type(generator).__basicsize__ - _HEAD)


def _address(bits: Any) -> int:
    """Of ``uint32_t key[624]; int pos``; python's begin with the place, and the first word is the same for many seeds."""
    return bits.ctypes.state_address


@cache
def _python_is_as_taken() -> bool:
    if _random.Random.__basicsize__ < _HEAD + 4 * (_WORDS + 1):
        return False
    generator = random.Random(1)  # noqa: S311  (not for secrets)
    for _ in range(3):
        *words, index = generator.getstate()[1]
        if _memory(id(generator) + _HEAD, 4 * (_WORDS + 1)).raw != struct.pack(f"i{_WORDS}I", index, *words):
            return False
        generator.random()
    return True


@cache
def _numpy_is_as_taken() -> bool:
    generator = np.random.RandomState(1)
    address = _address(cast("Any", generator)._bit_generator)  # noqa: SLF001  (as above)
    for _ in range(3):
        state: Any = generator.get_state(legacy=False)["state"]
        if _memory(address, 4 * (_WORDS + 1)).raw != state["key"].tobytes() + struct.pack("i", state["pos"]):
            return False
        before = _body(generator).raw
        if before != _body(generator).raw:
            return False
        generator.standard_normal()  # makes two, holds one; the next call gives that one and draws nothing
        if before == _body(generator).raw:
            return False
    return True
