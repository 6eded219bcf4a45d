"""The barrier of the ranks: all of them pass it, or all learn which rank does not, and why."""

from __future__ import annotations

from contextlib import contextmanager, suppress
from enum import Enum, StrEnum, auto
from typing import TYPE_CHECKING, NamedTuple

from lrfinder.errors import DataEndedError, RankError
from lrfinder.torch._distributed.channel import BROKEN, FaultReport, is_collective_error
from lrfinder.torch._distributed.consistency import position_difference, settings_difference

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Mapping, Sequence

    from lrfinder.torch._distributed.channel import Channel


class Phase(Enum):
    OPEN = auto()  # they exchange messages
    ENDED = auto()  # all know of a fault that ended their sweep; the next call starts again
    BROKEN = auto()  # some wait for others in vain; the processes must end


class Stage(StrEnum):
    """A point at which the ranks exchange messages, in the words of an error."""

    PREPARE = "prepares its trainer"
    SNAPSHOT = "takes a snapshot"
    DRAW = "draws a batch"
    FORWARD = "begins a forward"
    BACKWARD = "begins a backward"
    LOSS = "trains"
    RESTORE = "restores its learner"
    VALIDATION = "computes a validation loss"


_STAGES = list(Stage)
_NO_FAULT, _RAISED, _DATA_ENDED = range(3)


class Message(NamedTuple):
    """The numbers that every rank sends to every other."""

    stage: float = 0  # its position in Stage
    fault: float = _NO_FAULT
    lr: float = 0.0
    loss: float = 0.0
    size: float = 0.0  # samples


class RankBarrier:
    """The exchange of messages between the ranks, and the phase that they share."""

    def __init__(self, channel: Channel, settings: Callable[[], Mapping[str, str]]) -> None:
        self.phase = Phase.OPEN
        self._channel = channel
        self._settings = settings
        self._broken_by = ""

    @property
    def count(self) -> int:
        """The number of ranks."""
        return len(self._channel.ranks)

    def enter(self) -> None:
        """Begin a call. The first one compares the settings of the ranks; after a fault they start again."""
        if self.phase is Phase.BROKEN:
            raise RankError(self._broken_by)
        if self.phase is Phase.ENDED:
            self.phase = Phase.OPEN
            self._channel.drop_notes()
        if self._channel.is_open:
            return
        try:
            self._channel.open()
            settings = self._channel.share(self._settings())
        except RuntimeError as error:
            raise self._no_answer() from error
        if difference := settings_difference(self._channel.ranks, settings):
            self._channel.close()
            raise RankError(difference)

    def wait(self, stage: Stage, *, lr: float = 0.0, loss: float = 0.0, size: float = 0.0) -> list[Message]:
        """Return the messages of all ranks, in order; raise if a rank raised, is gone, or is at another stage or rate."""
        try:
            messages = self._exchange(Message(_STAGES.index(stage), _NO_FAULT, lr, loss, size))
        except RuntimeError as error:
            raise self._no_answer() from error
        self._raise_fault(messages)
        return messages

    @contextmanager
    def announcing(self) -> Generator[None]:
        """Announce what the block raises; where that only follows from another rank, raise a ``RankError`` instead."""
        try:
            yield
        except BaseException as error:
            failure = self.announce_failure(error)
            if failure is error:
                raise
            raise failure from error

    def announce_failure(self, error: BaseException) -> BaseException:
        """Let all ranks know of an exception here. Return it, or the error of the other rank that it follows from."""
        if self.phase is not Phase.OPEN:
            return error
        self.phase = Phase.ENDED
        is_consequence = is_collective_error(error)
        fault = _DATA_ENDED if isinstance(error, DataEndedError) else _RAISED
        error_text = f"{type(error).__name__}: {error}".rstrip(": \n")
        report = self._fetch_reports(error_text, Message(fault=fault), is_consequence=is_consequence)
        failure = self._rank_error(report)
        is_cause = report.cause == self._channel.rank
        if is_consequence and not is_cause:
            return failure
        if report.is_broken:
            reason = BROKEN if is_cause else failure
            error.add_note(f"lrfinder: raised on rank {self._channel.rank}, for which others waited. {reason}")
        return error

    def close(self) -> None:
        """Shut the channel down; the next call opens it again."""
        self._channel.close()

    def _exchange(self, message: Message) -> list[Message]:
        return [Message(*numbers) for numbers in self._channel.exchange(message)]

    def _raise_fault(self, messages: Sequence[Message]) -> None:
        raised, ended = self._ranks_with(messages, _RAISED), self._ranks_with(messages, _DATA_ENDED)
        stages = [_STAGES[int(message.stage)] for message in messages]
        difference = position_difference(self._channel.ranks, stages, [message.lr for message in messages])
        if raised or ended or difference:
            self.phase = Phase.ENDED
        if raised:
            raise self._rank_error(self._channel.read_notes(raised))
        if ended:
            message = f"The data of rank {ended[0]} have ended, and with them the training on all ranks."
            raise DataEndedError(message)
        if difference:
            raise RankError(difference)

    def _ranks_with(self, messages: Sequence[Message], *faults: int) -> list[int]:
        return [rank for rank, message in zip(self._channel.ranks, messages, strict=True) if message.fault in faults]

    def _no_answer(self) -> RankError:
        """Return why the messages of the other ranks did not arrive."""
        self.phase = Phase.ENDED
        return self._rank_error(self._fetch_reports("", None, is_consequence=True))

    def _fetch_reports(self, error_text: str, message: Message | None, *, is_consequence: bool) -> FaultReport:
        """Leave a note and read those of the ranks that raise; where no messages arrive, wait for those of all."""
        messages: list[Message] = []
        try:
            self._channel.leave_note(error_text, is_consequence=is_consequence)
            if message is not None:
                with suppress(RuntimeError):
                    messages = self._exchange(message)
            if not messages:
                return self._channel.wait_for_notes()
            return self._channel.read_notes(self._ranks_with(messages, _RAISED, _DATA_ENDED))
        except RuntimeError:
            return FaultReport((), store_is_gone=True)

    def _rank_error(self, report: FaultReport) -> RankError:
        if report.is_broken:
            self.phase, self._broken_by = Phase.BROKEN, str(report)
        return RankError(str(report), report.cause)
