"""An exception of a signal's handler is not lost while something of this package is released."""

import ctypes
import signal
import sys
from collections import deque
from functools import partial

import numpy as np
import pytest

from lrfinder._state.released import on_release
from lrfinder.replay import stream

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="there is no SIGUSR1")


class LateError(RuntimeError):
    """The exception of the handler."""


@pytest.fixture
def handler():
    def handle(_number, _frame):
        raise LateError

    before = signal.signal(signal.SIGUSR1, handle)
    yield
    signal.signal(signal.SIGUSR1, before)


class Owner:
    def __init__(self, queue):
        self.released = on_release(self, queue, 3)


def an_owner():
    queue = deque()
    return [Owner(queue)]


def stored_batches():
    batches = stream(iter([np.zeros(3), np.ones(3)]), tuple)
    mark = batches.mark()
    batches.draw()
    return [(mark, batches)]


def a_snapshot():
    torch = pytest.importorskip("torch")
    from lrfinder.torch._snapshot.snapshot import Snapshot

    return [Snapshot([torch.nn.Linear(3, 3)])]


def signaled_and(release):
    """Send the signal and release in one call, so that no code of Python runs between the two."""
    send = partial(ctypes.CDLL(None)["raise"], ctypes.c_int(signal.SIGUSR1))
    deque(map(partial.__call__, [send, release]))


@pytest.mark.parametrize("make", [an_owner, stored_batches, a_snapshot])
@pytest.mark.filterwarnings("error::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.usefixtures("handler")
def test_an_exception_of_a_handler_is_raised_where_the_release_was_asked_for(make):
    held = make()
    release = partial(held.clear)
    with pytest.raises(LateError):
        signaled_and(release)
    assert not held


def test_a_value_arrives_as_its_owner_dies():
    queue = deque()
    owner = Owner(queue)
    assert not queue
    del owner
    assert [one.value for one in queue] == [3]
