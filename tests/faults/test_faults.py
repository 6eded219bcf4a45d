"""Whatever strikes a finder, the training goes on bit for bit as its twin, which never met one."""

import multiprocessing
import signal
import traceback

import pytest
from fault_outcomes import Outcome, numbers
from fault_table import FAULTS, VERBS
from faulty_training import STEPS_AFTER, in_another_process, twin

CASES = {
    f"{name} in {moment} of {verb}": (fault, verb, call)
    for name, fault in FAULTS.items()
    for verb in fault.verbs
    for moment, call in fault.moments.items()
}


@pytest.fixture(autouse=True)
def _signals():
    """As in a terminal, and as a script has it that is to end in order when it is told to."""

    def leave(*_):
        raise SystemExit(143)

    before = {
        number: signal.signal(number, handler)
        for number, handler in ((signal.SIGINT, signal.default_int_handler), (signal.SIGTERM, leave))
    }
    yield
    assert signal.getsignal(signal.SIGTERM) is leave
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    for number, handler in before.items():
        signal.signal(number, handler)


def ending(finder_call, training):
    outcome = None
    try:
        try:
            outcome = Outcome(finder_call(training), None)
        except BaseException as raised:  # noqa: BLE001  (an interrupt is one of the endings)
            outcome = Outcome(None, raised)
            wait_for_those_that_die()
    except RuntimeError as late:
        outcome = outcome or Outcome(None, late)
    return outcome


def wait_for_those_that_die():
    """A worker's pipe ends a moment before the worker does, and PyTorch's handler of SIGCHLD raises only then."""
    for worker in multiprocessing.active_children():
        worker.join(timeout=0.5)


def let_go(raised):
    """Of the loader's iterator and its workers: PyTorch's exceptions hold it in a cycle, which outlives the ``except``."""
    if raised is not None:
        traceback.clear_frames(raised.__traceback__)


def changed(state, before, lost):
    return [name for name in before.keys() | state.keys() if state.get(name) != before.get(name) and name not in lost]


# PyTorch's handler of SIGCHLD raises also while the iterator of a loader, whose worker died, is finalized
@pytest.mark.filterwarnings("ignore:Exception ignored in. <function _MultiProcessingDataLoaderIter.__del__")
@pytest.mark.parametrize("case", CASES)
def test_a_training_goes_on_as_its_twin_after(case):
    fault, verb, call = CASES[case]
    expected = twin()  # made first: it draws random numbers
    training = fault.training()
    before = training.state()
    *earlier, last = VERBS[verb]
    for one in earlier:
        one(training)
    with fault.around(), training.armed(fault, call):
        outcome = ending(last, training)
        assert fault.place is None or training.struck()
    fault.outcome.check(outcome)
    let_go(outcome.raised)
    lost = fault.outcome.lost
    assert not changed(training.state(), before, lost)
    if fault.place is not None and not lost:
        assert numbers(training.find()) == numbers(expected.results[0])
    training.learner.close()
    training.go_on(STEPS_AFTER)
    assert training.losses == expected.losses
    assert not changed(in_another_process(training.state()), in_another_process(expected.end), lost)
