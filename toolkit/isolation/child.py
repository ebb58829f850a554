"""The process that reads files; see :mod:`toolkit.isolation`. It ends with its parent."""

from __future__ import annotations

import logging
import os
import select
import signal
import socket
import sys
import threading
import time
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from toolkit import errors
from toolkit.config.machine import keep_to
from toolkit.errors import LimitError, ToolkitError
from toolkit.isolation import limits, memory, wire
from toolkit.isolation.reading import Pair, Task, Tools
from toolkit.stages.component import Cancel

__all__ = ["Told", "main"]

_IDLE_S = 60.0
"""How long a process waits for another file."""
_SOON_S = 0.5
"""How long it keeps its memory for that."""
_ALIVE_S = 1.0
_STDERR, _GONE = 2, 3


@dataclass(frozen=True)
class Told:
    """What a reading process says.

    Attributes:
        kind: "item", "log", "alive", "end", "error" of ours, or "raised", another one's.
        value: The item, record or error; for "raised", its type's name and its text.
        cpu_s: Processor seconds that it took since it last said something.
    """

    kind: str
    value: Any = None
    cpu_s: float = 0.0


class _Mouth(logging.Handler):
    """Says things, from several threads, the log's records among them."""

    def __init__(self, to: socket.socket) -> None:
        super().__init__()
        self._to = to
        self._turn = threading.Lock()
        self._cpu_s = 0.0
        self.at_work = False

    def say(self, kind: str, value: Any = None) -> None:
        with self._turn:
            before_s, self._cpu_s = self._cpu_s, time.process_time()
            wire.send(self._to, Told(kind, value, self._cpu_s - before_s))

    def emit(self, record: logging.LogRecord) -> None:
        record.msg, record.args = record.getMessage(), None
        if record.exc_info and not record.exc_text:
            record.exc_text = logging.Formatter().formatException(record.exc_info)
        record.exc_info = None
        with suppress(Exception):  # what cannot be told is not worth a file
            self.say("log", vars(record))

    def live(self) -> None:
        """Say so again and again; who cannot hold on to Python's lock cannot."""
        while True:
            time.sleep(_ALIVE_S)
            if self.at_work and not self._turn.locked():
                try:
                    self.say("alive")
                except OSError:
                    os._exit(_GONE)


def main() -> None:
    """Read what the parent asks for, until nobody asks any more."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent decides
    os.dup2(_STDERR, sys.stdout.fileno())
    limits.die_with(int(sys.argv[2]))
    parent = socket.socket(fileno=int(sys.argv[1]))
    mouth = _Mouth(parent)
    logging.basicConfig(handlers=[mouth], level=logging.DEBUG)
    threading.Thread(target=mouth.live, name="alive", daemon=True).start()
    with suppress(EOFError, OSError):
        _serve(parent, mouth)
    os._exit(0)  # threads of decoders are not waited for


def _serve(parent: socket.socket, mouth: _Mouth) -> None:
    tools: Tools | None = None
    pair: Pair | None = None
    while _asked(parent):
        task: Task | Tools = wire.receive(parent)
        if isinstance(task, Tools):
            tools, pair = task, None
            with suppress(Exception):  # told to whoever asks for something
                pair = tools.made()
            continue
        logging.getLogger().setLevel(task.log_level)
        mouth.at_work = True
        try:
            if task.paired and tools:
                pair = pair or tools.made()
            keep_to(task.cores)
            limits.hold(task.allowed)
            for item in task.job(pair, task.file, *task.arguments, Cancel()):
                mouth.say("item", item)
                del item
        except OSError as error:
            if isinstance(error, BrokenPipeError | ConnectionError):
                raise  # nobody is there
            limits.free()
            mouth.say(*_told(error, task))
        except Exception as error:  # noqa: BLE001 - a plugin is someone else's code
            limits.free()
            mouth.say(*_told(error, task))
        else:
            limits.free()
            mouth.say("end")
        mouth.at_work = False


def _asked(parent: socket.socket) -> bool:
    """Wait for something to do; False when that took too long."""
    if select.select([parent], [], [], _SOON_S)[0]:
        return True
    memory.give_back()
    return bool(select.select([parent], [], [], _IDLE_S)[0])


def _told(error: Exception, task: Task) -> tuple[str, Any]:
    """An error as it can be told to somebody who takes nothing but plain values from here."""
    if limits.is_short_of_memory(error):
        most = task.allowed.memory_bytes >> 20
        return "error", LimitError(
            f"Reading '{task.path}' takes more than {most} MB of memory.",
            hint="Raise [decode] memory_mb if the file is to be trusted.",
            limit="memory",
            path=task.path,
        )
    if not isinstance(error, ToolkitError):
        return "raised", (type(error).__name__, str(error))
    ours = next(kind for kind in type(error).__mro__ if kind.__module__ == errors.__name__)
    plain = {
        key: value
        for key, value in error.context.items()
        if isinstance(value, str | int | float | None)
    }
    return "error", errors._rebuild(ours, error.message, error.hint, error.retriable, plain)
