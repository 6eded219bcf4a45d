"""Learners: optional abilities, and ``restored``, for which signals wait. Signals are real ones, sent to this process."""

import contextlib
import os
import signal
import sys
import threading
from pathlib import Path

import pytest
from fake_learners import Bowl, Scripted

import lrfinder
from lrfinder import BaseLearner, BusyError, LRFinder, LRFinderError, RestoreError, Validated, restored
from lrfinder.learner import adapted


class Slow(Scripted):
    """Is interrupted by ``interrupts`` signals in the middle of its restore."""

    def __init__(self, interrupts, number=signal.SIGINT):
        super().__init__([1.0] * 10)
        self.interrupts = interrupts
        self.number = number
        self.whole = False

    def restore(self, state):
        for _ in range(self.interrupts):
            os.kill(os.getpid(), self.number)
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


# --- other signals --------------------------------------------------------------------------------------------------------


@contextlib.contextmanager
def handled(number, handler):
    before = signal.signal(number, handler)
    try:
        yield
    finally:
        signal.signal(number, before)


def leave(*_):
    raise SystemExit(3)


def test_a_handler_of_the_user_for_another_signal_waits_for_the_restore_too():
    slow = Slow(1, signal.SIGTERM)
    with handled(signal.SIGTERM, leave), pytest.raises(SystemExit), restored(slow):
        slow.iteration(0.5)
    assert slow.whole


def test_a_handler_that_was_set_in_the_block_waits_for_the_restore_and_stays():
    slow = Slow(1, signal.SIGTERM)
    with handled(signal.SIGTERM, signal.SIG_DFL):
        with pytest.raises(SystemExit), restored(slow):
            signal.signal(signal.SIGTERM, leave)
        assert signal.getsignal(signal.SIGTERM) is leave
    assert slow.whole


def test_a_handler_that_was_set_in_the_block_may_call_the_one_before():
    calls = []
    with handled(signal.SIGTERM, lambda *_: calls.append("before")), restored(Slow(1, signal.SIGTERM)):
        before = signal.getsignal(signal.SIGTERM)
        signal.signal(signal.SIGTERM, lambda *arguments: (calls.append("set in the block"), before(*arguments)))
    assert calls == ["set in the block", "before"]


def test_an_interrupt_that_the_block_survived_does_not_delay_the_next_one():
    bowl, seen = Bowl(), []
    with pytest.raises(KeyboardInterrupt), restored(bowl):
        with contextlib.suppress(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGINT)
        os.kill(os.getpid(), signal.SIGINT)
        seen.append("went on")
    assert seen == []


def test_an_interrupt_during_the_restore_of_an_evaluation_stops_the_sweep_that_it_is_part_of():
    class Evaluated(Bowl):
        restores = 0

        def restore(self, state):
            super().restore(state)
            self.restores += 1
            if self.restores == 2:
                os.kill(os.getpid(), signal.SIGINT)

    bowl = Evaluated()
    with pytest.raises(KeyboardInterrupt):
        LRFinder(Validated(bowl, lambda: bowl.position)).find()
    assert (bowl.position, bowl.restores) == (1.0, 3)


def interrupted(step, run, number=signal.SIGINT):
    """Run with a signal at the ``step``-th call or line of the finder's own code; return how many there were."""
    ours = (str(Path(lrfinder.__file__).parent), contextlib.__file__)
    steps, before = 0, sys.gettrace()

    def trace(frame, event, argument):
        nonlocal steps
        if not frame.f_code.co_filename.startswith(ours):
            return None
        steps += event in ("call", "line")
        if steps == step and event in ("call", "line"):
            signal.raise_signal(number)
        return trace

    sys.settrace(trace)
    try:
        run()
    finally:
        sys.settrace(before)
    return steps


def in_another_thread(run):
    raised = []

    def catch():
        try:
            run()
        except LRFinderError as error:
            raised.append(error)

    thread = threading.Thread(target=catch, name="the other")
    thread.start()
    thread.join()
    return raised


def test_an_interrupt_at_any_line_leaves_the_learner_the_handlers_and_the_claims_as_they_were():
    find = lambda learner: LRFinder(learner).find(max_iterations=2)
    steps = interrupted(0, lambda: find(Bowl()))
    assert steps > 100
    for step in range(1, steps + 1):
        bowl = Bowl(position=3.0, momentum=0.5)
        with contextlib.suppress(KeyboardInterrupt):
            interrupted(step, lambda bowl=bowl: find(bowl))
        assert (bowl.position, bowl.velocity) == (3.0, 0.0), step
        assert signal.getsignal(signal.SIGINT) is signal.default_int_handler, step
        assert in_another_thread(lambda bowl=bowl: find(bowl)) == [], step


def test_a_signal_at_any_line_leaves_the_handlers_of_all_others_as_they_were():
    def leave(*_):
        raise SystemExit

    find = lambda learner: LRFinder(learner).find(max_iterations=2)
    before = signal.signal(signal.SIGUSR1, leave)  # Ctrl-C's goes back after it
    try:
        for step in range(1, 1 + interrupted(0, lambda: find(Bowl()))):
            bowl = Bowl(position=3.0)
            with contextlib.suppress(SystemExit):
                interrupted(step, lambda bowl=bowl: find(bowl), signal.SIGUSR1)
            assert bowl.position == 3.0, step
            assert signal.getsignal(signal.SIGUSR1) is leave, step
            assert signal.getsignal(signal.SIGINT) is signal.default_int_handler, step
            assert in_another_thread(lambda bowl=bowl: find(bowl)) == [], step
    finally:
        signal.signal(signal.SIGUSR1, before)


# --- two threads ----------------------------------------------------------------------------------------------------------


def test_a_learner_that_is_being_swept_is_refused_in_another_thread_and_left_alone():
    bowl = Bowl()
    with restored(bowl):
        bowl.iteration(0.5)
        (error,) = in_another_thread(LRFinder(bowl).find)
        assert bowl.position == 0.5
    assert isinstance(error, BusyError)
    assert "The Bowl is being swept in the thread 'MainThread'" in str(error)


class Shared(Bowl):
    """One of several learners of one model."""

    def __init__(self, model):
        super().__init__()
        self.model = model

    def parts(self):
        return [self.model]


def test_a_model_that_is_being_swept_is_refused_in_another_thread_with_a_learner_of_its_own():
    model = Scripted([])
    with restored(Shared(model)):
        (error,) = in_another_thread(LRFinder(Shared(model)).find)
    assert "The Scripted is being swept" in str(error)


def test_a_learner_within_a_learner_is_refused_in_another_thread():
    bowl = Bowl()
    with restored(Validated(bowl, lambda: 1.0)):
        assert len(in_another_thread(LRFinder(bowl).find)) == 1


def test_a_learner_may_be_swept_in_another_thread_afterwards_also_after_a_refusal():
    bowl = Bowl()
    with restored(bowl):
        in_another_thread(LRFinder(bowl).find)
    assert in_another_thread(LRFinder(bowl).find) == []


def test_a_sweep_within_a_sweep_of_one_thread_keeps_the_claim():
    bowl = Bowl()
    with restored(bowl):
        LRFinder(bowl).find()
        assert len(in_another_thread(LRFinder(bowl).find)) == 1


def test_two_learners_are_swept_in_two_threads_at_once():
    with restored(Bowl()):
        assert in_another_thread(LRFinder(Bowl()).find) == []


# --- a block and a restore that both raise ----------------------------------------------------------------------


def test_a_snapshot_that_raises_gets_a_note_and_nothing_is_restored():
    class Full(Scripted):
        def snapshot(self):
            raise MemoryError

    full = Full([1.0])
    with pytest.raises(MemoryError) as caught:
        LRFinder(full).find()
    assert caught.value.__notes__ == ["lrfinder: raised while the snapshot was taken, before any iteration."]
    assert (full.lrs, full.restores) == ([], 0)


def test_when_the_restore_raises_too_both_exceptions_are_shown():
    class Lost(Scripted):
        def restore(self, state):
            raise RestoreError("the weights")

    raised = ZeroDivisionError()
    with pytest.raises(RestoreError) as caught:
        LRFinder(Lost([1.0, raised])).find()
    assert caught.value.__context__ is raised
    assert raised.__notes__ == ["lrfinder: raised at iteration 1, learning rate 1.1e-06."]


# --- optional abilities ---------------------------------------------------------------------------------------------------


class Minimal:
    """The four required methods, and nothing else."""

    def __init__(self):
        self.bowl = Bowl(momentum=0.5)

    def iteration(self, lr):
        return self.bowl.iteration(lr)

    def snapshot(self):
        return self.bowl.snapshot()

    def restore(self, state):
        self.bowl.restore(state)

    def close(self):
        self.bowl.close()


class Based(Bowl, BaseLearner):
    pass


def test_a_learner_with_the_four_required_methods_works_everywhere():
    finder = LRFinder(Minimal())
    assert len(finder.find()) > 10
    assert finder.suggest().status == "ok"
    assert finder.compare([0.01, 0.2], 20).best == 0.2
    assert lrfinder.check(Minimal()).law
    assert lrfinder.suggest(Minimal).status == "ok"
    assert lrfinder.grid(lambda seed: Minimal(), seed=[0]).cells[0].error is None
    assert len(LRFinder(Validated(Minimal(), lambda: 1.0)).find()) > 10


def test_a_learner_without_optional_abilities_gets_the_defaults():
    learner = adapted(Minimal())
    assert (learner.rank, learner.iterations([0.1]), learner.trainings([], [])) == (0, None, None)
    assert learner.observe() == {}


def test_an_ability_that_is_none_is_the_default():
    class WithoutIterations(Minimal):
        iterations = None

    assert adapted(WithoutIterations()).iterations([0.1]) is None


def test_the_own_abilities_of_a_learner_are_used():
    class Able(Minimal):
        rank = 3

        def observe(self):
            return {"a: b": 1}

        def parts(self):
            return [self.bowl]

    able = Able()
    learner = adapted(able)
    assert (learner.rank, learner.observe()) == (3, {"a: b": 1})
    assert list(learner.parts()) == [able, able.bowl]


def test_a_base_learner_is_used_as_it_is():
    based = Based()
    assert adapted(based) is based


def test_a_base_learner_has_the_verbs_of_the_finder():
    assert Based().find(max_iterations=5) == LRFinder(Bowl()).find(max_iterations=5)
    assert Based().suggest(100, max_iterations=200) == LRFinder(Bowl()).suggest(100, max_iterations=200)
    assert Based().compare([0.1, 0.2], 20) == LRFinder(Bowl()).compare([0.1, 0.2], 20)
