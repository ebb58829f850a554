"""Every error the toolkit raises on purpose.

    ToolkitError
    ├── ConfigError              a setting is unknown or has a value that does not fit
    ├── PluginError              a plugin is unknown, broken, or named twice
    │   └── MissingExtraError    a plugin's libraries are not installed
    ├── SourceError              a path or link leads to nothing usable
    ├── DownloadError            a link could not be fetched
    ├── DecodeError              a file could not be read as video
    │   ├── NotAVideoError       no video in it: text, audio only, empty, zero frames
    │   ├── StalledError         a decoder stopped making progress
    │   ├── LimitError           it took more memory or time than a file may take
    │   └── CrashedError         the process that read it came to a bad end
    ├── MediaError               a clip, a sheet or a preview could not be made
    ├── AnalysisError            an analyzer could not answer
    │   └── ModelError           model weights are missing, damaged or do not fit
    ├── EmbeddingError           texts could not be made vectors
    ├── TagError                 a tagger failed
    │   ├── RuleError            a rule file has a mistake
    │   └── VocabularyError      a vocabulary file has a mistake
    ├── TruthError               a truth file has a mistake, or is about other videos
    ├── StoreError               rows could not be written or read
    ├── ClusterError             a Ray cluster cannot be reached or does not fit
    ├── PoisonError              an item ended every worker process that took it
    ├── StorageError             a file could not be brought to a cloud or fetched from one
    ├── PrivacyError             the privacy settings forbid it
    │   ├── EncryptionError      a key is missing or does not fit, or what is sealed was changed
    │   └── ForgottenError       it was erased and is not to come back
    ├── AuditError               the audit log cannot be written
    └── CancelledError           the run was cancelled

An error carries what a person needs next: ``hint`` says what to do, ``retriable`` whether trying
again can help, and ``context`` the values it is about.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from typing import Any

__all__ = [
    "AnalysisError",
    "AuditError",
    "CancelledError",
    "ClusterError",
    "ConfigError",
    "CrashedError",
    "DecodeError",
    "DownloadError",
    "EmbeddingError",
    "EncryptionError",
    "ForgottenError",
    "LimitError",
    "MediaError",
    "MissingExtraError",
    "ModelError",
    "NotAVideoError",
    "PluginError",
    "PoisonError",
    "PrivacyError",
    "RuleError",
    "SourceError",
    "StalledError",
    "StorageError",
    "StoreError",
    "TagError",
    "ToolkitError",
    "TruthError",
    "VocabularyError",
    "choices",
]


class ToolkitError(Exception):
    """Base of all errors raised on purpose.

    Args:
        message: What went wrong, in one sentence.
        hint: What the person can do about it.
        retriable: Whether the same attempt may succeed later.
        context: Values the error is about, such as ``path`` or ``plugin``.
    """

    retriable = False

    def __init__(
        self,
        message: str,
        *,
        hint: str | None = None,
        retriable: bool | None = None,
        **context: Any,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.context = context
        if retriable is not None:
            self.retriable = retriable

    def __str__(self) -> str:
        return f"{self.message} {self.hint}" if self.hint else self.message

    def __reduce__(self) -> tuple[Any, ...]:
        # Exceptions with keyword-only arguments do not pickle by themselves.
        return (_rebuild, (type(self), self.message, self.hint, self.retriable, self.context))


def _rebuild(
    kind: type[ToolkitError],
    message: str,
    hint: str | None,
    retriable: bool,
    context: dict[str, Any],
) -> ToolkitError:
    error = ToolkitError.__new__(kind)
    ToolkitError.__init__(error, message, hint=hint, retriable=retriable, **context)
    return error


class ConfigError(ToolkitError):
    """A setting is unknown or has a value that does not fit."""


class PluginError(ToolkitError):
    """A plugin is unknown, broken, or its name is taken."""


class MissingExtraError(PluginError):
    """A plugin's libraries are not installed.

    Args:
        plugin: The plugin that needs them.
        extra: The extra of ``video-analysis-toolkit`` that brings them.
    """

    def __init__(self, plugin: str, extra: str, *, cause: ImportError | None = None) -> None:
        reason = f" ({cause})" if cause else ""
        super().__init__(
            f"The plugin '{plugin}' needs libraries that are not installed{reason}.",
            hint=f"Install them with: pip install 'video-analysis-toolkit[{extra}]'",
            plugin=plugin,
            extra=extra,
        )


class SourceError(ToolkitError):
    """A path or link leads to nothing usable."""


class DownloadError(ToolkitError):
    """A link could not be fetched."""


class DecodeError(ToolkitError):
    """A file could not be read as video."""


class NotAVideoError(DecodeError):
    """The file holds no video: it is text, audio only, empty, or has no frame."""


class StalledError(DecodeError):
    """A decoder stopped making progress."""


class LimitError(DecodeError):
    """Reading a file took more memory, processor time or time than a file may take.

    ``context["limit"]`` is "memory", "cpu" or "time".
    """


class CrashedError(DecodeError):
    """The process that read a file crashed, or ended itself.

    ``context["ended"]`` is the signal or the exit code that it ended with.
    """


class MediaError(ToolkitError):
    """A clip, a sheet, a preview or an export could not be made or written."""


class AnalysisError(ToolkitError):
    """An analyzer could not answer."""


class ModelError(AnalysisError):
    """Model weights are missing, damaged, or do not fit."""


class EmbeddingError(ToolkitError):
    """Texts could not be made vectors."""


class TagError(ToolkitError):
    """A tagger failed."""


class RuleError(TagError):
    """A rule file has a mistake; the message names its line."""


class VocabularyError(TagError):
    """A vocabulary file has a mistake; the message names its line."""


class TruthError(ToolkitError):
    """A truth file has a mistake, in the line that the message names, or is about other videos."""


class StoreError(ToolkitError):
    """Rows could not be written or read."""


class ClusterError(ToolkitError):
    """A Ray cluster cannot be reached, refuses us, or does not fit this installation."""


class PoisonError(ToolkitError):
    """An item ended every worker process that took it, and is not tried again in this run."""


class StorageError(ToolkitError):
    """A file could not be brought to a cloud, or fetched from one.

    ``context["cause"]`` tells why: "login", "forbidden", "not-found", "changed", "corrupt", "busy",
    "connection", "disk-full", "settings" or "refused".
    """


class PrivacyError(ToolkitError):
    """The privacy settings forbid it."""


class EncryptionError(PrivacyError):
    """A key is missing or does not fit, or what is sealed was changed."""


class ForgottenError(PrivacyError):
    """A source or its content was erased on request, and is kept from coming back."""


class AuditError(ToolkitError):
    """The audit log cannot be written; what it should have told was not done."""


class CancelledError(ToolkitError):
    """The run was cancelled."""

    retriable = True


def choices(given: str, known: Iterable[str]) -> str:
    """A hint that lists the allowed values and names the nearest one.

    >>> choices("sqlit", ["mongodb", "sqlite"])
    "Did you mean 'sqlite'? Known: mongodb, sqlite."
    """
    names = sorted(known)
    near = difflib.get_close_matches(given, names, n=1)
    start = f"Did you mean '{near[0]}'? " if near else ""
    return f"{start}Known: {', '.join(names) or 'none'}."
