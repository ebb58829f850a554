"""The process of a detached run: ``python -m toolkit.execution.detached``, see ``detach``."""

from __future__ import annotations

import os
import pickle
import signal
import sys
import threading

from toolkit import logs
from toolkit.config import redact
from toolkit.errors import ToolkitError
from toolkit.execution import api
from toolkit.execution.detach import Order, log_lines
from toolkit.execution.priority import give_way
from toolkit.execution.run import RunHandle
from toolkit.sealing.keys import vault_of
from toolkit.sealing.lines import SealedLines
from toolkit.vault.keys import Vault

__all__ = ["main"]

_STDERR = 2


def main() -> None:
    """Do the run that standard input tells of; say its id, or why it cannot begin, on stdout."""
    try:
        run = _begin()
    except BaseException as error:  # noqa: BLE001 - whatever it is, it is told there
        _answer(error)
        raise SystemExit(1) from None
    signal.signal(signal.SIGTERM, lambda *_: run.cancel())
    _answer(run.id)
    threading.Thread(target=_tell, args=(run,), name="log", daemon=True).start()
    code = 0
    try:
        run.wait()
    except ToolkitError:
        code = 1  # the run's row says it
    sys.stderr.flush()
    os._exit(code)  # threads that a cancelled run has left behind are not waited for


def _begin() -> RunHandle:
    order = pickle.load(sys.stdin.buffer)  # noqa: S301 - from the process that started this one
    assert isinstance(order, Order)
    settings, plugins = order.parcel.open()
    if vault := vault_of(settings):
        _seal_log(vault)
    give_way(settings.execution.nice)
    logs.set_up(settings.logging, settings.privacy, settings.redaction, settings.base)
    return api.start(order.words, settings, plugins, order.file)


def _seal_log(vault: Vault) -> None:
    """Seal what Python writes to the log; what libraries in C print is dropped."""
    log = os.fdopen(os.dup(_STDERR), "w", encoding="utf-8", errors="backslashreplace")
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, _STDERR)
    os.close(nowhere)
    sys.stderr = SealedLines(log, vault)


def _answer(said: object) -> None:
    """Say it, and nothing more: whoever listens reads to the end."""
    try:
        data = pickle.dumps(said)
        pickle.loads(data)  # noqa: S301 - what cannot be read there is not sent
    except Exception:  # noqa: BLE001 - an exception of a plugin may hold anything
        data = pickle.dumps(ToolkitError(redact(f"{type(said).__name__}: {said}")))
    sys.stdout.buffer.write(data)
    sys.stdout.flush()
    # Whatever prints from now on prints to the log.
    os.dup2(_STDERR, sys.stdout.fileno())


def _tell(run: RunHandle) -> None:
    for line in log_lines(run.events()):
        sys.stderr.write(line + "\n")
        sys.stderr.flush()


if __name__ == "__main__":
    main()
