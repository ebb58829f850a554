"""Why Dropbox did not do it: the SDK's errors -> :class:`~toolkit.errors.StorageError`."""

from __future__ import annotations

import re
from collections.abc import Iterator

from toolkit.errors import StorageError

__all__ = ["explain", "offset_of", "tags_of"]

LOGIN = (
    "Set DROPBOX_REFRESH_TOKEN and DROPBOX_APP_KEY (and DROPBOX_APP_SECRET, if the app has one), "
    "or DROPBOX_ACCESS_TOKEN. docs/clouds.md tells how to get them."
)
_TAGS: tuple[tuple[frozenset[str], str, str, str | None, bool], ...] = (
    (
        frozenset({"content_hash_mismatch"}),
        "corrupt",
        "The bytes were damaged on their way to Dropbox.",
        None,
        True,
    ),
    (
        frozenset({"insufficient_space"}),
        "refused",
        "The Dropbox is full.",
        "Make room there, or choose another place.",
        False,
    ),
    (
        frozenset({"too_many_write_operations", "too_many_requests"}),
        "busy",
        "Dropbox asks us to slow down.",
        "Try later, with fewer [storage] threads.",
        True,
    ),
    (
        frozenset({"no_write_permission", "restricted_content", "team_folder", "access_denied"}),
        "forbidden",
        "Dropbox does not allow it.",
        "The app needs the scopes that docs/clouds.md lists.",
        False,
    ),
    (
        frozenset({"not_found", "not_file", "not_folder", "malformed_path"}),
        "not-found",
        "Dropbox has no such file.",
        "Check the URL.",
        False,
    ),
    (
        frozenset({"incorrect_offset", "closed", "not_closed"}),
        "busy",
        "Dropbox has other bytes of the upload than we thought.",
        None,
        True,
    ),
)


def explain(error: BaseException, url: str) -> StorageError:
    """The error as one of ours, with the original as its cause."""
    if isinstance(error, StorageError):
        return error
    found = _of(error)
    found.context.setdefault("url", url)
    found.__cause__ = error
    return found


def _of(error: BaseException) -> StorageError:
    import requests
    from dropbox import exceptions

    if isinstance(error, exceptions.RateLimitError):
        pause = {} if error.backoff is None else {"retry_after_s": float(error.backoff)}
        return StorageError(
            "Dropbox asks us to slow down (HTTP 429).",
            hint="Try later, with fewer [storage] threads.",
            retriable=True,
            cause="busy",
            **pause,
        )
    if isinstance(error, exceptions.AuthError):
        tags = tags_of(error.error)
        if "missing_scope" in tags:
            return StorageError(
                "Dropbox does not allow it: the app lacks a scope.",
                hint="The app needs the scopes that docs/clouds.md lists.",
                cause="forbidden",
            )
        said = "the token has expired" if "expired_access_token" in tags else "the token is wrong"
        return StorageError(f"Dropbox does not know who we are: {said}.", hint=LOGIN, cause="login")
    if isinstance(error, exceptions.InternalServerError):
        return StorageError(
            f"Dropbox is busy or out of order (HTTP {error.status_code}).",
            hint="Try later.",
            retriable=True,
            cause="busy",
        )
    if isinstance(error, exceptions.ApiError):
        tags = tags_of(error.error)
        for wanted, cause, message, hint, retriable in _TAGS:
            if tags & wanted:
                return StorageError(message, hint=hint, retriable=retriable, cause=cause)
        return StorageError(f"Dropbox refuses: {', '.join(sorted(tags))}.", cause="refused")
    if isinstance(error, exceptions.HttpError):
        return StorageError(
            f"Dropbox refuses the request (HTTP {error.status_code}): {str(error.body)[:300]}",
            cause="refused",
        )
    if "CERTIFICATE_VERIFY_FAILED" in str(error):
        return StorageError(
            f"The certificate of Dropbox's host is not valid: {error}.",
            hint="Check this machine's clock, and whether a proxy stands between.",
            cause="connection",
        )
    if isinstance(error, requests.exceptions.RequestException | OSError):
        return StorageError(
            f"The connection to Dropbox failed: {type(error).__name__}: {error}",
            hint="Try again: what has arrived is kept.",
            retriable=True,
            cause="connection",
        )
    return StorageError(f"Dropbox failed: {type(error).__name__}: {error}", cause="refused")


def tags_of(error: object) -> frozenset[str]:
    """All tags of an error of the API, which nests unions in unions and records."""
    return frozenset(_walk(error))


def _walk(error: object) -> Iterator[str]:
    tag = getattr(error, "_tag", None)
    if isinstance(tag, str):
        yield tag
        yield from _walk(getattr(error, "_value", None))
        return
    for name in getattr(error, "_all_field_names_", ()):
        if not name.startswith("_"):
            yield from _walk(getattr(error, f"_{name}_value", None))


def offset_of(error: object) -> int | None:
    """How many bytes of an upload Dropbox has, where that is what was wrong."""
    found = re.search(r"correct_offset=(\d+)", repr(error))
    return int(found[1]) if found else None
