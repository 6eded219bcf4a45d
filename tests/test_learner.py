"""``restored``: the learner comes back, and Ctrl-C waits for it. Signals are real ones, sent to this process."""

import os
import signal
import threading

import pytest
from fakes import Bowl, Scripted

from lrfinder import restored


class Slow(Scripted):
    """Is interrupted by ``interrupts`` Ctrl-C in the middle of its restore."""

    def __init__(self, interrupts):
        super().__init__([1.0] * 10)
        self.interrupts = interrupts
        self.whole = False

    def restore(self, state):
        for _ in range(self.interrupts):
            os.kill(os.getpid(), signal.SIGINT)
        super().restore(state)
        self.whole = True


@pytest.fixture(autouse=True)
def _interrupts_as_in_a_terminal():
    """A process that was started in the background ignores SIGINT, and so would its tests."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def test_a_learner_is_as_before_after_the_block():
    bowl = Bowl()
    with restored(bowl):
        bowl.iteration(0.5)
    assert bowl.position == 1.0


def test_a_learner_is_as_before_when_the_block_raises():
    bowl = Bowl()
    with pytest.raises(ZeroDivisionError), restored(bowl):
        bowl.iteration(0.5)
        1 / 0
    assert bowl.position == 1.0


def test_an_interrupt_in_the_block_arrives_at_once_and_the_learner_is_restored():
    bowl = Bowl()
    seen = []
    with pytest.raises(KeyboardInterrupt), restored(bowl):
        bowl.iteration(0.5)
        os.kill(os.getpid(), signal.SIGINT)
        seen.append("went on")
    assert (bowl.position, seen) == (1.0, [])


def test_an_interrupt_during_the_restore_waits_for_its_end():
    slow = Slow(interrupts=1)
    with pytest.raises(KeyboardInterrupt), restored(slow):
        slow.iteration(0.5)
    assert slow.whole


def test_impatient_interrupts_during_the_restore_wait_for_its_end():
    slow = Slow(interrupts=3)
    with pytest.raises(KeyboardInterrupt), restored(slow):
        os.kill(os.getpid(), signal.SIGINT)
    assert slow.whole


def test_an_interrupt_during_an_inner_restore_waits_for_the_outer_one():
    outer, inner = Slow(interrupts=0), Slow(interrupts=1)
    with pytest.raises(KeyboardInterrupt), restored(outer), restored(inner):
        pass
    assert inner.whole
    assert outer.whole


def test_the_handler_of_the_user_is_back_afterwards():
    before = signal.getsignal(signal.SIGINT)
    with restored(Bowl()):
        assert signal.getsignal(signal.SIGINT) is not before
    assert signal.getsignal(signal.SIGINT) is before


def test_a_handler_of_the_user_that_raises_nothing_gets_every_interrupt():
    presses = []
    before = signal.signal(signal.SIGINT, lambda *_: presses.append("Ctrl-C"))
    try:
        with restored(Slow(interrupts=1)):
            os.kill(os.getpid(), signal.SIGINT)
            os.kill(os.getpid(), signal.SIGINT)
    finally:
        signal.signal(signal.SIGINT, before)
    assert len(presses) == 3


def test_it_works_in_a_thread_which_signals_never_reach():
    bowl = Bowl()

    def train():
        with restored(bowl):
            bowl.iteration(0.5)

    thread = threading.Thread(target=train)
    thread.start()
    thread.join()
    assert bowl.position == 1.0
