"""The log of a program: to stderr or a file, as text or JSON lines, and never with a secret."""

from __future__ import annotations

import json
import logging
import sys
import threading
from datetime import UTC, datetime
from pathlib import Path
from typing import TextIO

from toolkit.config import redact
from toolkit.config.privacy import Privacy, Redaction
from toolkit.config.settings import Logging
from toolkit.errors import ConfigError
from toolkit.redaction.masks import Masks
from toolkit.sealing.keys import vault_from
from toolkit.sealing.lines import sealed_line
from toolkit.stages.private import opened
from toolkit.vault.keys import Vault

__all__ = ["JsonFormatter", "Secretless", "about", "set_up"]

_OURS = "toolkit"  # what our loggers' names start with, those of the first plugins included


_item = threading.local()


def about(*names: str) -> None:
    """What this thread works on from now on: shown with all that it logs."""
    _item.names = names


class Placed(logging.Filter):
    """Puts what the thread works on before a record's message."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Change the record in place, and let it pass."""
        if names := getattr(_item, "names", ()):
            record.msg, record.args = f"[{' '.join(names)}] {record.getMessage()}", None
        return True


class Secretless(logging.Filter):
    """Takes every secret out of a record: message, arguments, traceback and stack."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Change the record in place, and let it pass."""
        record.msg, record.args = redact(record.getMessage()), None
        if record.exc_info and not record.exc_text:
            record.exc_text = logging.Formatter().formatException(record.exc_info)
        record.exc_text = redact(record.exc_text) if record.exc_text else None
        record.stack_info = redact(record.stack_info) if record.stack_info else None
        return True


class JsonFormatter(logging.Formatter):
    """A record as a line of JSON: time (UTC), level, logger, message, thread, and the error."""

    def format(self, record: logging.LogRecord) -> str:
        """One line, whatever is in the message."""
        line = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            "thread": record.threadName,
        }
        if record.exc_text:
            line["error"] = record.exc_text
        return json.dumps(line)


class _Stderr(logging.StreamHandler[TextIO]):
    """Writes to whatever ``sys.stderr`` is at the moment: above the bars, while there are some."""

    def __init__(self) -> None:
        logging.Handler.__init__(self)

    @property
    def stream(self) -> TextIO:  # type: ignore[override]
        return sys.stderr


class _Masked(logging.Filter):
    """Masks what the settings name; it comes after :class:`Secretless`."""

    def __init__(self, masks: Masks) -> None:
        super().__init__()
        self._masks = masks

    def filter(self, record: logging.LogRecord) -> bool:
        record.msg = self._masks(record.getMessage())
        record.exc_text = self._masks(record.exc_text) if record.exc_text else None
        record.stack_info = self._masks(record.stack_info) if record.stack_info else None
        return True


class _Sealed(logging.Formatter):
    """Another formatter's text, sealed."""

    def __init__(self, inner: logging.Formatter, vault: Vault) -> None:
        super().__init__()
        self._inner, self._vault = inner, vault

    def format(self, record: logging.LogRecord) -> str:
        return sealed_line(self._inner.format(record), self._vault)


def set_up(options: Logging, privacy: Privacy, redaction: Redaction, base: Path) -> None:
    """Log as the settings say, also when called again.

    Other libraries are heard only when they warn, whatever the level.

    Args:
        options: The settings.
        privacy: Whether a file is encrypted.
        redaction: What is masked.
        base: Folder that a relative ``file`` starts from.

    Raises:
        ConfigError: The file cannot be written.
        EncryptionError: It is to be encrypted, and there is no key.
    """
    handler: logging.Handler = _Stderr()
    if options.file:
        path = base / Path(options.file).expanduser()
        try:
            opened(path, "a").close()  # made for its owner alone
            handler = logging.FileHandler(path, encoding="utf-8")
        except OSError as error:
            raise ConfigError(
                f"The log file {path} cannot be written: {error.strerror}.",
                hint="Change [logging] file, or make its folder.",
            ) from error
    form = (
        JsonFormatter()
        if options.format == "json"
        else logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s")
    )
    vault = vault_from(privacy, base) if options.file else None
    handler.setFormatter(_Sealed(form, vault) if vault else form)
    handler.addFilter(lambda r: r.name.startswith(_OURS) or r.levelno >= logging.WARNING)
    handler.addFilter(Placed())
    handler.addFilter(Secretless())
    if masks := Masks.of(redaction):
        handler.addFilter(_Masked(masks))
    root = logging.getLogger()
    for old in [handler for handler in root.handlers if handler.name == _OURS]:
        root.removeHandler(old)
        old.close()
    handler.name = _OURS
    root.addHandler(handler)
    root.setLevel(options.level.upper())
    logging.captureWarnings(capture=True)
