"""After every fault in a finder, the training continues bit for bit as its twin, which never ran one."""

import multiprocessing
import signal
import traceback

import pytest
from fault_outcomes import Outcome, numbers
from fault_table import VERBS
from fault_table_of_objects import ALL as FAULTS
from faulty_training import STEPS_AFTER, comparable, twin

CASES = {
    f"{name} in {moment} of {verb}": (fault, verb, call)
    for name, fault in FAULTS.items()
    for verb in fault.verbs
    for moment, call in fault.moments.items()
}


@pytest.fixture(autouse=True)
def _signals():
    """Set the handlers of a terminal, and of a script that exits in order on SIGTERM."""

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


def run(finder_call, training):
    outcome = None
    try:
        try:
            outcome = Outcome(finder_call(training), None)
        except BaseException as raised:  # noqa: BLE001  (an interrupt is one of the outcomes)
            outcome = Outcome(None, raised)
            join_dying_workers()
    except RuntimeError as late:
        outcome = outcome or Outcome(None, late)
    return outcome


def join_dying_workers():
    """Wait for workers whose pipe has ended: PyTorch's handler of SIGCHLD raises only when they end."""
    for worker in multiprocessing.active_children():
        worker.join(timeout=0.5)


def release_workers(raised):
    """Release the iterator of a loader, which PyTorch's exceptions hold in a cycle after the ``except``."""
    if raised is not None:
        traceback.clear_frames(raised.__traceback__)


def changed(state, before, lost):
    return [name for name in before.keys() | state.keys() if state.get(name) != before.get(name) and name not in lost]


# PyTorch's handler of SIGCHLD raises also while an object is finalized, such as the iterator of a loader whose worker died
@pytest.mark.filterwarnings("ignore:Exception ignored in. <function .*__del__")
@pytest.mark.parametrize("case", CASES)
def test_a_training_continues_as_its_twin_after(case):
    fault, verb, call = CASES[case]
    expected = twin()  # first, because it draws random numbers
    training = fault.training()
    before = training.state()
    *earlier, last = VERBS[verb]
    for one in earlier:
        one(training)
    with fault.around(), training.armed(fault, call):
        outcome = run(last, training)
        assert fault.point is None or training.has_struck()
    fault.outcome.check(outcome)
    release_workers(outcome.raised)
    lost = fault.outcome.lost
    assert not changed(training.state(), before, lost)
    if fault.point is not None and not lost:
        assert numbers(training.find()) == numbers(expected.results[0])
    training.learner.close()
    training.train(STEPS_AFTER)
    assert training.losses == expected.losses
    assert not changed(comparable(training.state()), comparable(expected.end), lost)
