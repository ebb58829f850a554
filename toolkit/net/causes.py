"""Why a link could not be fetched, as far as it does not depend on who fetches.

A :class:`~toolkit.errors.DownloadError` of a downloader has a ``cause`` in its context, which
becomes that of the Failure:

    may pass     timeout, connection, busy, rate-limited, incomplete, disk-full, unresolved
    is final     not-found, gone, private, geo-blocked, removed, drm, legal, payment, refused,
                 unsupported, not-media, damaged, live, redirects, certificate, unknown-host,
                 private-host, scheme, proxy, encoding, too-large, too-long, date, other
"""

from __future__ import annotations

import email.utils
import errno
import socket
import ssl
from collections.abc import Iterable
from datetime import UTC, datetime

from toolkit.errors import DownloadError

__all__ = ["LIMITS", "broken", "of_status", "of_types", "retry_after_s", "unsupported"]

LIMITS = frozenset({"too-large", "too-long", "date"})
"""Causes that are a limit of the user's. What a playlist has beyond it is left out, not missed."""

_RETRIABLE = frozenset({408, 423, 425, 429, 500, 502, 503, 504})
_COOKIES = "give it your cookies: [download] cookies."
_STATUS = {
    401: ("private", "The site asks for a login.", f"If you have one, {_COOKIES}"),
    402: ("payment", "The video must be paid for.", None),
    403: (
        "refused",
        "The site does not let us have it.",
        f"If it needs a login, {_COOKIES}",
    ),
    404: ("not-found", "There is no such video.", "Check the link."),
    407: ("proxy", "The proxy asks for a login.", "Put it in the proxy's URL: [download] proxy."),
    408: ("timeout", "The server did not wait for our request.", "Try later."),
    410: ("gone", "The video is gone.", None),
    429: ("rate-limited", "The site asks us to slow down.", "Try later, or set requests_per_s."),
    451: ("legal", "The video is withheld for legal reasons.", None),
}


def of_status(status: int, wait_s: float | None) -> DownloadError:
    """The error for an HTTP status.

    Args:
        status: The status, 300 or more.
        wait_s: What the server asks us to wait, see :func:`retry_after_s`.
    """
    hint: str | None
    if 300 <= status < 400:
        cause, message, hint = "redirects", "The link redirects to nowhere.", "Check the link."
    elif status >= 500:
        cause, message, hint = "busy", "The server is out of order or busy.", "Try later."
    else:
        cause, message, hint = _STATUS.get(status, ("refused", "The site refuses.", None))
    context: dict[str, float] = {"status": status}
    if wait_s is not None:
        context["retry_after_s"] = wait_s
    return DownloadError(
        f"{message[:-1]} (HTTP {status}).",
        hint=hint,
        retriable=status in _RETRIABLE,
        cause=cause,
        **context,
    )


def retry_after_s(said: str | None) -> float | None:
    """Seconds to wait as the server says, in numbers or as a date (RFC 9110, 10.2.3)."""
    if not said:
        return None
    if said.strip().isdigit():
        return float(said)
    try:
        moment = email.utils.parsedate_to_datetime(said)
    except ValueError:
        return None
    return max(
        0.0, (moment.replace(tzinfo=moment.tzinfo or UTC) - datetime.now(UTC)).total_seconds()
    )


def of_types(chain: Iterable[BaseException]) -> DownloadError | None:
    """The error for what the operating system or the encryption said, if it is clear."""
    for error in chain:
        if isinstance(error, ssl.SSLCertVerificationError):
            return DownloadError(
                f"The server's certificate is not valid: {error.verify_message}.",
                hint="Check the link and this machine's clock.",
                cause="certificate",
            )
        if isinstance(error, socket.gaierror):
            passes = error.errno == socket.EAI_AGAIN
            return DownloadError(
                f"The host is not known: {error.strerror}.",
                hint="Check the link and the connection.",
                retriable=passes,
                cause="unresolved" if passes else "unknown-host",
            )
        if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
            return DownloadError(
                "The disk is full.",
                hint="Make room and start again.",
                retriable=True,
                cause="disk-full",
            )
    return None


def broken(said: str, *, silent: bool) -> DownloadError:
    """The error for a connection that broke, or that was silent for too long."""
    return DownloadError(
        f"The connection failed: {said}",
        hint="Try again: what is here is kept.",
        retriable=True,
        cause="timeout" if silent else "connection",
    )


def unsupported(message: str, hint: str) -> DownloadError:
    """The error for a link that this downloader can do nothing with; another one may."""
    return DownloadError(message, hint=hint, cause="unsupported")
