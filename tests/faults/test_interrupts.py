"""Ctrl-C at random lines of everything that the finder and the PyTorch learner run."""

import random
import signal
import sys
from contextlib import contextmanager
from pathlib import Path

import pytest
from fault_table import VERBS
from faulty_training import STEPS_AFTER, Training, comparable, twin

import lrfinder

PACKAGE = str(Path(lrfinder.__file__).parent)
DRAWS = [(verb, draw) for verb in ("find", "compare", "suggest") for draw in range(8)]


@contextmanager
def a_terminal():
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        yield
        assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    finally:
        signal.signal(signal.SIGINT, before)


def lines_of(call, interrupt_at=None):
    """Make the call with a Ctrl-C at a line of the package; return the number of its lines that ran."""
    count, before = 0, sys.gettrace()

    def trace(frame, event, _):
        nonlocal count
        if not frame.f_code.co_filename.startswith(PACKAGE):
            return None
        count += event == "line"
        if event == "line" and count == interrupt_at:
            signal.raise_signal(signal.SIGINT)
        return trace

    sys.settrace(trace)
    try:
        call()
    finally:
        sys.settrace(before)
    return count


@pytest.mark.parametrize(("verb", "draw"), DRAWS)
def test_a_training_continues_as_its_twin_after_ctrl_c_at_a_random_line_of(verb, draw):
    expected = twin()
    [call] = VERBS[verb]
    dry = Training()
    line = random.Random(f"{verb} {draw}").randint(1, lines_of(lambda: call(dry)))
    training = Training()
    before = training.state()
    with a_terminal(), pytest.raises(KeyboardInterrupt):
        lines_of(lambda: call(training), line)
    assert training.state() == before
    training.train(STEPS_AFTER)
    assert training.losses == expected.losses
    assert comparable(training.state()) == comparable(expected.end)
