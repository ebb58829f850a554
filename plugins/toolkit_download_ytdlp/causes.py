"""Why a link could not be fetched: yt-dlp's errors -> :class:`~toolkit.errors.DownloadError`."""

from __future__ import annotations

import email.utils
import errno
import re
import socket
import ssl
from collections.abc import Iterator
from datetime import UTC, datetime

from toolkit.errors import DownloadError

__all__ = ["explain"]

_RETRIABLE = frozenset({408, 423, 425, 429, 500, 502, 503, 504})
_STATUS = {
    401: ("The site asks for a login.", "Give it your cookies: [download.ytdlp] cookies."),
    402: ("The video must be paid for.", None),
    403: (
        "The site does not let us have the video.",
        "If it needs a login, give it your cookies: [download.ytdlp] cookies.",
    ),
    404: ("There is no such video.", "Check the link."),
    407: ("The proxy asks for a login.", "Put it in the proxy's URL: [download.ytdlp] proxy."),
    410: ("The video is gone.", None),
    429: ("The site asks us to slow down.", "Try later, with fewer download threads."),
    451: ("The video is withheld for legal reasons.", None),
}
_WORDS = (
    (r"\bDRM\b", "The video is protected (DRM).", "It cannot be fetched."),
    (
        r"geo.?restrict|not available (in|from) your (country|location|region)",
        "The video is not shown in this country.",
        "A proxy elsewhere may help, where that is allowed: [download.ytdlp] proxy.",
    ),
    (
        r"\bprivate\b|sign in|log ?in|\bcookies\b|members.only|confirm your age",
        "The video is private or needs a login.",
        "If you have one, give the site your cookies: [download.ytdlp] cookies.",
    ),
    (
        r"unsupported url|no video formats|is not a valid url|no media found|no video could",
        "The page has no video that yt-dlp can find.",
        "Check the link; newer versions of yt-dlp know more sites: pip install -U yt-dlp",
    ),
    (
        r"requested format is not available",
        "The video is not offered in the format asked for.",
        "Change max_height or format in [download.ytdlp].",
    ),
    (
        r"(video|account|content).*(removed|deleted|terminated|unavailable|no longer|not exist)",
        "The video has been removed.",
        None,
    ),
    (r"did not get any data", "The file is empty.", None),
    (
        r"already in use|unable to open for writing|resource temporarily unavailable",
        "Another process is fetching the same video.",
        "Wait for it to finish.",
    ),
)


def explain(error: BaseException, uri: str) -> DownloadError:
    """The error as one of ours, with the original as its cause.

    ``retriable`` is true for what may pass: a silent or broken connection, a busy server, a full
    disk. ``context`` holds ``uri`` and, where known, the HTTP ``status`` and ``retry_after_s``.
    """
    chain = list(_chain(error))
    found = next((e for e in chain if isinstance(e, DownloadError)), None)
    if found is None:
        found = _from_status(chain) or _from_types(chain) or _from_words(chain)
        found.__cause__ = error
    found.context.setdefault("uri", uri)
    return found


def _chain(error: BaseException) -> Iterator[BaseException]:
    """The error and all that led to it; yt-dlp keeps causes in attributes of its own."""
    waiting: list[object] = [error]
    seen: set[int] = set()
    while waiting:
        current = waiting.pop(0)
        if isinstance(current, BaseException) and id(current) not in seen:
            seen.add(id(current))
            yield current
            info = getattr(current, "exc_info", None) or (None, None)
            waiting += [info[1], getattr(current, "cause", None), getattr(current, "reason", None)]
            waiting += [current.__cause__, current.__context__]


def _from_status(chain: list[BaseException]) -> DownloadError | None:
    for error in chain:
        status = getattr(error, "status", None)
        if isinstance(status, int):
            return _of_status(status, _retry_after(error))
    # Of the pieces of a stream nothing but the words is left.
    said = re.search(r"HTTP Error (\d{3})", str(chain[0]))
    return _of_status(int(said[1]), None) if said else None


def _of_status(status: int, wait_s: float | None) -> DownloadError:
    hint: str | None
    if 300 <= status < 400:
        message, hint = "The link redirects to nowhere.", "Check the link."
    elif status >= 500:
        message, hint = "The server is out of order or busy.", "Try later."
    else:
        message, hint = _STATUS.get(status, ("The site refuses.", None))
    context: dict[str, float] = {"status": status}
    if wait_s is not None:
        context["retry_after_s"] = wait_s
    return DownloadError(
        f"{message[:-1]} (HTTP {status}).",
        hint=hint,
        retriable=status in _RETRIABLE,
        **context,
    )


def _retry_after(error: BaseException) -> float | None:
    """Seconds to wait as the server says, in numbers or as a date (RFC 9110, 10.2.3)."""
    headers = getattr(getattr(error, "response", None), "headers", None)
    said = headers.get("Retry-After") if headers is not None else None
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


def _from_types(chain: list[BaseException]) -> DownloadError | None:
    for error in chain:
        if isinstance(error, ssl.SSLCertVerificationError):
            return DownloadError(
                f"The server's certificate is not valid: {error.verify_message}.",
                hint="Check the link and this machine's clock.",
            )
        if isinstance(error, socket.gaierror):
            return DownloadError(
                f"The host is not known: {error.strerror}.",
                hint="Check the link and the connection.",
                retriable=error.errno == socket.EAI_AGAIN,
            )
        if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
            return DownloadError(
                "The disk is full.", hint="Make room and start again.", retriable=True
            )
    return None


def _from_words(chain: list[BaseException]) -> DownloadError:
    said = _plain(str(chain[0]))
    for pattern, message, hint in _WORDS:
        if re.search(pattern, said, re.IGNORECASE):
            return DownloadError(message, hint=hint)
    network = any(
        isinstance(e, TimeoutError | ConnectionError | ssl.SSLError)
        or type(e).__name__ in ("TransportError", "IncompleteRead", "ContentTooShortError")
        for e in chain
    )
    # Where yt-dlp has already given up on a transfer, it leaves no exception but these words.
    if network or "[download] Got error" in str(chain[0]):
        return DownloadError(
            f"The connection failed: {said}",
            hint="Try again: what is here is kept.",
            retriable=True,
        )
    return DownloadError(f"yt-dlp could not fetch the video: {said}")


def _plain(text: str) -> str:
    """yt-dlp's words without its colours, its "ERROR:", and its advice to report a bug."""
    text = re.sub(r"\x1b\[[0-9;]*m", "", text)
    text = re.split(r"; please report this issue|\(caused by", text)[0]
    return re.sub(r"^\s*(ERROR:)?\s*(\[[\w:]+\])?\s*(Got error:)?\s*", "", text).strip()
