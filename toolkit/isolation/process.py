"""A process that reads files, as its parent sees it: asked, watched, and ended."""

from __future__ import annotations

import logging
import os
import select
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass

from toolkit.errors import CrashedError, DecodeError, LimitError, StalledError
from toolkit.isolation import memory, wire
from toolkit.isolation.child import Told
from toolkit.isolation.reading import Task, Tools
from toolkit.stages.component import Cancel
from toolkit.stages.effort import note

__all__ = ["GoneError", "Process", "Watch"]

_START = "import sys; sys.path[:] = sys.argv[3:]; from toolkit.isolation.child import main; main()"
_WAKE_S = 0.2  # how often whoever waits looks at the clock, and whether the run was cancelled
_GRACE_S = 5.0  # how much later than the process itself its parent takes it for stuck


class GoneError(Exception):
    """The process had ended before it was asked: one that waited for long does."""


@dataclass(frozen=True)
class Watch:
    """How long a process may be silent, and how long a task may take, in seconds; 0: for ever."""

    stall_s: float
    most_s: float


class Process:
    """One process, which does one task at a time.

    Args:
        tools: What it gets ready, until it is asked; None for nothing.

    Raises:
        OSError: No process can be started.
    """

    def __init__(self, tools: Tools | None) -> None:
        self.tools: Tools | None = None
        self._socket, theirs = socket.socketpair()
        ending, self._lifeline = os.pipe()
        try:
            self._child = subprocess.Popen(  # noqa: S603 - this Python, and a module of ours
                [
                    *(sys.executable, "-c", _START),
                    *(str(theirs.fileno()), str(ending), *sys.path),
                ],
                stdin=subprocess.DEVNULL,
                env=memory.environment(),
                pass_fds=(theirs.fileno(), ending),
            )
        except OSError:
            self.let_go()
            raise
        finally:
            theirs.close()
            os.close(ending)
        self._said = self._used = False
        self._waiting = select.poll()  # select() ends at file number 1023
        self._waiting.register(self._socket, select.POLLIN)
        with suppress(OSError):  # it is told when it is asked
            self._equip(tools)

    @property
    def pid(self) -> int:
        """Its number."""
        return self._child.pid

    def _equip(self, tools: Tools | None) -> None:
        if tools and self.tools != tools:
            self.tools = tools
            wire.send(self._socket, tools)

    def items(
        self, tools: Tools | None, task: Task, watch: Watch, cancel: Cancel
    ) -> Iterator[object]:
        """What a task gives. If it does not come to a good end, neither does the process.

        Raises:
            GoneError: The process is not there any more; nothing was done.
            DecodeError: The file cannot be read.
            CancelledError: ``cancel`` was set.
        """
        clean = self._said = False
        waited_s = 0.0
        try:
            with suppress(OSError):  # then it is gone, and says nothing
                self._equip(tools)
                wire.send(self._socket, task)
            while True:
                told, waited_s = self._heard(task, watch, waited_s, cancel)
                note(cpu_s=told.cpu_s)
                if told.kind == "item":
                    yield told.value
                elif told.kind == "log":
                    _log(told.value)
                elif told.kind == "end":
                    clean = self._used = True
                    return
                elif told.kind == "error":
                    clean = type(told.value) not in (LimitError, StalledError)
                    raise told.value
                elif told.kind == "raised":
                    clean = True
                    name, text = told.value
                    raise type(name, (Exception,), {})(text)
                del told  # it may be large
        finally:
            if not clean:
                self.end()

    def _heard(
        self, task: Task, watch: Watch, before_s: float, cancel: Cancel
    ) -> tuple[Told, float]:
        """The next that it says, and how long it was waited for, with what was before."""
        began_s = time.monotonic()
        while True:
            cancel.check()
            there = self._waiting.poll(_WAKE_S * 1000)
            silent_s = time.monotonic() - began_s
            if watch.most_s and before_s + silent_s > watch.most_s:
                raise LimitError(
                    f"Reading '{task.path}' took more than {watch.most_s:g} seconds.",
                    hint="Raise [decode] most_s if the file is to be trusted.",
                    limit="time",
                    path=task.path,
                )
            if there:
                break
            if silent_s > watch.stall_s + _GRACE_S:
                raise StalledError(
                    f"Reading '{task.path}' made no progress for {silent_s:.0f} seconds.",
                    hint="Look at the file and its disk; [decode] stall_s is the limit.",
                    retriable=True,
                )
        cancel.check()
        try:
            told = wire.receive_guarded(self._socket)
        except (EOFError, OSError):
            raise self._verdict(task) from None
        except Exception as error:
            raise DecodeError(
                f"The process that read '{task.path}' gave something strange: {error}.",
                path=task.path,
            ) from error
        assert isinstance(told, Told)
        self._said = True
        return told, before_s + time.monotonic() - began_s

    def _verdict(self, task: Task) -> Exception:
        """Why it is not there any more."""
        try:
            code = self._child.wait(_GRACE_S)
        except subprocess.TimeoutExpired:
            code = -signal.SIGKILL
        if self._used and not self._said:
            return GoneError()
        return verdict(task, code)

    def is_there(self) -> bool:
        """Whether it has not ended."""
        return self._child.poll() is None

    def end(self) -> None:
        """End it at once, whatever it is at."""
        self._child.kill()
        self.let_go()
        with suppress(subprocess.TimeoutExpired):
            self._child.wait(_GRACE_S)

    def let_go(self) -> None:
        """Hold its other ends no more: it ends by itself, unless another process holds them."""
        self._socket.close()
        lifeline, self._lifeline = self._lifeline, -1
        if lifeline >= 0:
            os.close(lifeline)


def _log(values: dict[str, object]) -> None:
    record = logging.makeLogRecord(values)
    logger = logging.getLogger(record.name)
    if logger.isEnabledFor(record.levelno):
        logger.handle(record)


def verdict(task: Task, code: int) -> DecodeError:
    """What the end of a process means for the file that it read."""
    if code == -signal.SIGXCPU:
        return LimitError(
            f"Reading '{task.path}' took more than {task.allowed.cpu_s:g} seconds of processor "
            "time.",
            hint="Raise [decode] cpu_per_s if the file is to be trusted.",
            limit="cpu",
            path=task.path,
        )
    ended, hint = f"exit code {code}", None
    if code < 0:
        try:
            ended = signal.Signals(-code).name
        except ValueError:
            ended = f"signal {-code}"
        hint = "The file is damaged or made to harm: copy it again, or convert it elsewhere."
    if code == -signal.SIGKILL:
        hint = "The system may have been short of memory: lower [execution] scan_threads."
    return CrashedError(
        f"The process that read '{task.path}' ended with {ended}.",
        hint=hint,
        ended=ended,
        path=task.path,
    )
