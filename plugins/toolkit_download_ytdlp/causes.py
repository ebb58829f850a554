"""Why a link could not be fetched: yt-dlp's errors -> :class:`~toolkit.errors.DownloadError`."""

from __future__ import annotations

import re
import ssl
from collections.abc import Iterator

from toolkit.errors import DownloadError
from toolkit.net.causes import broken, of_status, of_types, retry_after_s

__all__ = ["explain"]

_WORDS = (
    ("drm", r"\bDRM\b", "The video is protected (DRM).", "It cannot be fetched."),
    (
        "geo-blocked",
        r"geo.?restrict|not available (in|from) your (country|location|region)",
        "The video is not shown in this country.",
        "A proxy elsewhere may help, where that is allowed: [download] proxy.",
    ),
    (
        "private",
        r"\bprivate\b|sign in|log ?in|\bcookies\b|members.only|confirm your age",
        "The video is private or needs a login.",
        "If you have one, give the site your cookies: [download] cookies.",
    ),
    (
        "unsupported",
        r"unsupported url|no video formats|is not a valid url|no media found|no video could",
        "The page has no video that yt-dlp can find.",
        "Check the link; newer versions of yt-dlp know more sites: pip install -U yt-dlp",
    ),
    (
        "unsupported",
        r"requested format is not available",
        "The video is not offered in the format asked for.",
        "Change max_height or format in [download.ytdlp].",
    ),
    (
        "removed",
        r"(video|account|content).*(removed|deleted|terminated|unavailable|no longer|not exist)",
        "The video has been removed.",
        None,
    ),
    ("not-media", r"did not get any data", "The file is empty.", None),
    (
        "busy",
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
        found = _from_status(chain) or of_types(chain) or _from_words(chain)
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
            return of_status(status, _retry_after(error))
    # Of the pieces of a stream nothing but the words is left.
    said = re.search(r"HTTP Error (\d{3})", str(chain[0]))
    return of_status(int(said[1]), None) if said else None


def _retry_after(error: BaseException) -> float | None:
    headers = getattr(getattr(error, "response", None), "headers", None)
    return retry_after_s(headers.get("Retry-After")) if headers is not None else None


def _from_words(chain: list[BaseException]) -> DownloadError:
    said = _plain(str(chain[0]))
    for cause, pattern, message, hint in _WORDS:
        if re.search(pattern, said, re.IGNORECASE):
            return DownloadError(message, hint=hint, cause=cause)
    network = any(
        isinstance(e, TimeoutError | ConnectionError | ssl.SSLError)
        or type(e).__name__ in ("TransportError", "IncompleteRead", "ContentTooShortError")
        for e in chain
    )
    # Where yt-dlp has already given up on a transfer, it leaves no exception but these words.
    if network or "[download] Got error" in str(chain[0]):
        silent = any(isinstance(e, TimeoutError) for e in chain) or "timed out" in said
        return broken(said, silent=silent)
    return DownloadError(f"yt-dlp could not fetch the video: {said}", cause="other")


def _plain(text: str) -> str:
    """yt-dlp's words without its colours, its "ERROR:", and its advice to report a bug."""
    text = re.sub(r"\x1b\[[0-9;]*m", "", text)
    text = re.split(r"; please report this issue|\(caused by", text)[0]
    return re.sub(r"^\s*(ERROR:)?\s*(\[[\w:]+\])?\s*(Got error:)?\s*", "", text).strip()
