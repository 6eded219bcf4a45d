"""Tests of exceptions that a rate causes, and of batches that are NaN before any update."""

# These tests set and read attributes that no type declares.
# pyright: reportAttributeAccessIssue=false

import math

import numpy as np
import pytest
from fake_learners import Bowl, Scripted

import lrfinder
from lrfinder import BaseLearner, LRFinder, Stop
from lrfinder._search.divergence import may_be_divergence
from lrfinder._search.probes import LocalRunner
from lrfinder._search.trial import Trial
from lrfinder.learner import adapted
from lrfinder.schedules import constant


class Asserting(Bowl):
    """Raises where its position has grown too large."""

    limit = 1.0

    def iteration(self, lr):
        if abs(self.position) > self.limit:
            self.complain()
        return super().iteration(lr)

    def complain(self):
        message = f"the position is {self.position}"
        raise AssertionError(message)


class Decomposing(Asserting):
    def complain(self):
        message = "Matrix is not positive definite"
        raise np.linalg.LinAlgError(message)


class Sampling(Asserting):
    def complain(self):
        message = "probabilities contain NaN:\ntensor([nan], device='cuda:0')"
        raise ValueError(message)


class Counting(Bowl):
    """Counts its iterations."""

    def __init__(self):
        super().__init__()
        self.k = 0

    def iteration(self, lr):
        self.k += 1
        return super().iteration(lr)

    def snapshot(self):
        return super().snapshot(), self.k

    def restore(self, state):
        super().restore(state[0])
        self.k = state[1]


RATES = np.geomspace(1e-3, 100, 60)
RAISING = [Asserting, Decomposing, Sampling]


def never(loss):
    return False


@pytest.mark.parametrize("learner", RAISING)
def test_an_exception_at_a_high_rate_alone_ends_a_range_test(learner):
    bowl = learner()
    result = LRFinder(bowl).find(rates=RATES, stopping=never)
    assert result.stop is Stop.RAISED
    assert math.isnan(result.losses[-1])
    assert np.isfinite(result.losses[:-1]).all()
    assert result.notes[0].startswith(f"raised at iteration {len(result) - 1}, learning rate {result.lrs[-1]:.4g}")
    assert result.notes[0] in result.suggestion.notes
    assert "raised at iteration" in result.suggestion.explain().lower()
    assert bowl.position == 1.0


@pytest.mark.parametrize("learner", RAISING)
@pytest.mark.parametrize("max_iterations", [150, 650])
def test_an_exception_at_a_high_rate_alone_ends_sweep_and_probes_of_a_search(learner, max_iterations):
    suggestion = LRFinder(learner()).suggest(max_iterations=max_iterations)
    assert suggestion.curve.stop is Stop.RAISED
    assert suggestion.status == "ok"
    assert 0.02 < suggestion.lr < 2
    assert "never diverges" not in suggestion.notes
    assert suggestion.extra_iterations >= len(suggestion.curve)


def test_a_probe_that_raises_has_diverged():
    class Late(Counting):
        """Raises after more iterations than a sweep has, where the position has moved far."""

        def iteration(self, lr):
            assert self.k < 35 or abs(self.position) > 0.5
            return super().iteration(lr)

    suggestion = LRFinder(Late()).suggest()
    raised = [probe for probe in suggestion.probes if probe.stop is Stop.RAISED]
    assert raised
    assert all(math.isnan(probe.losses[-1]) for probe in raised)
    assert suggestion.lr < min(probe.lr for probe in raised)
    assert any(note.startswith("raised at iteration") and "AssertionError" in note for note in suggestion.notes)
    assert 0 < suggestion.extra_iterations < 300  # what is known is not trained again
    assert "raised at iteration" in suggestion.explain().lower()


def test_a_probe_that_raises_when_it_is_lengthened_is_trained_again_from_the_start():
    bowl = Asserting()
    bowl.limit = 10.0
    learner = adapted(bowl)
    runner = LocalRunner(learner, learner.snapshot(), constant, None)
    assert len(runner.run([Trial(2.1, 10)])) == 10
    runner.keep([2.1])
    losses = runner.run([Trial(2.1, 100, done=10)])
    assert math.isnan(losses[-1])
    assert 10 < len(losses) < 100
    assert runner.raised[2.1].startswith(f"raised at iteration {len(losses) - 1}, learning rate 2.1, and not at 1e-07")
    assert runner.extra_iterations == 2 * len(losses)


def test_results_with_an_exception_are_written_and_read(tmp_path):
    finder = LRFinder(Asserting())
    for result in (finder.find(), finder.suggest()):
        result.to_json(tmp_path / "result.json")
        assert lrfinder.load(tmp_path / "result.json") == result


class Batchwise(Counting):
    """Raises at one batch, at whatever rate."""

    error = ValueError("the target is out of range")

    def iteration(self, lr):
        if self.k == 7:
            raise self.error
        return super().iteration(lr)


class Once(Counting):
    """Raises once, and not when it trains the same again."""

    raised = False

    def iteration(self, lr):
        if self.k == 7 and not self.raised:
            self.raised = True
            message = "out of luck"
            raise ValueError(message)
        return super().iteration(lr)


class OnRanks(Asserting, BaseLearner):
    ranks = 2


@pytest.mark.parametrize(("learner", "error"), [(Batchwise, ValueError), (Once, ValueError), (OnRanks, AssertionError)])
def test_any_other_exception_passes_through_with_the_records_so_far(learner, error):
    finder = LRFinder(learner())
    with pytest.raises(error):
        finder.find(rates=RATES, stopping=never)
    assert finder.results.stop is Stop.LEFT
    assert np.isfinite(finder.results.losses).all()
    assert len(finder.results) >= 7
    assert finder.learner.position == 1.0


class OutOfMemoryError(RuntimeError):
    pass


OTHERS = [
    MemoryError(),
    OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB"),
    RuntimeError("CUDA error: device-side assert triggered"),
    RuntimeError("cuDNN error: CUDNN_STATUS_EXECUTION_FAILED"),
    RuntimeError("CUBLAS_STATUS_ALLOC_FAILED when calling cublasCreate"),
    RuntimeError("RESOURCE_EXHAUSTED: Out of memory while trying to allocate"),
    RuntimeError("NCCL communicator was aborted"),
    RuntimeError("[gloo] Connection closed by peer"),
    RuntimeError("DataLoader worker (pid 3) is killed by signal"),
    FileNotFoundError("image_17.png"),
    ConnectionResetError(),
]


@pytest.mark.parametrize("error", OTHERS, ids=repr)
def test_faults_of_memory_device_processes_and_files_are_no_divergence(error):
    class Failing(Asserting):
        def complain(self):
            raise error

    class Wrapping(Asserting):
        def complain(self):
            message = "the trainer failed"
            raise RuntimeError(message) from error

    for learner in (Failing(), Wrapping()):
        with pytest.raises(Exception) as caught:
            LRFinder(learner).find(rates=RATES, stopping=never)
        assert error in {caught.value, caught.value.__cause__}


@pytest.mark.parametrize("interrupt", [KeyboardInterrupt, SystemExit])
def test_an_interrupt_passes_through_with_the_records_so_far(interrupt):
    class Interrupted(Asserting):
        def complain(self):
            raise interrupt

    finder = LRFinder(Interrupted())
    with pytest.raises(interrupt):
        finder.find(rates=RATES, stopping=never)
    assert len(finder.results) > 20


def test_an_exception_of_a_callback_is_not_the_trainings():
    def fail(record):
        if record.lr > 0.1:
            raise AssertionError

    with pytest.raises(AssertionError):
        LRFinder(Bowl()).find(on_record=fail)


def test_a_chain_of_exceptions_that_is_a_circle_is_read_once():
    one, other = ValueError("one"), ValueError("other")
    one.__cause__, other.__cause__ = other, one
    assert may_be_divergence(one)


def test_an_exception_before_any_record_leaves_the_last_results():
    finder = LRFinder(Scripted([1.0, 2.0]))
    before = finder.find()
    finder.learner = Scripted([ValueError("at once")])
    with pytest.raises(ValueError, match="at once"):
        finder.find()
    assert finder.results is before


class Poisoned(Counting):
    """The loss of one batch is NaN, and with it the weights."""

    bad = 7

    def iteration(self, lr):
        loss = super().iteration(lr)
        if self.k - 1 == self.bad:
            self.position = math.nan
            return math.nan
        return loss


class Infinite(Poisoned):
    bad = 30

    def iteration(self, lr):
        loss = super().iteration(lr)
        return loss if math.isfinite(loss) else math.inf


@pytest.mark.parametrize(("learner", "name"), [(Poisoned, "batch 7 is NaN"), (Infinite, "batch 30 is infinite")])
def test_a_range_test_names_the_batch_that_is_not_finite_before_any_update(learner, name):
    result = LRFinder(learner()).find()
    assert result.stop is Stop.NOT_FINITE
    assert f"{name} before any update" in result.notes[0]
    assert name.lower() in result.suggestion.explain().lower()


def test_a_loss_that_diverges_to_nan_names_no_batch():
    class Overflowing(Bowl):
        def iteration(self, lr):
            loss = super().iteration(lr)
            return loss if loss < 1e9 else math.nan

    result = LRFinder(Overflowing()).find(lr_end=1e6, stopping=lambda _: False)
    assert result.stop is Stop.NOT_FINITE
    assert result.notes == ()
