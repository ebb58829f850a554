"""Why a request failed: what the client library raises -> errors of ours, each with a way out.

A :class:`~toolkit.errors.ModelError` says that no request will fare better (the server is away, the
key is wrong, the model is not there); a plain :class:`~toolkit.errors.AnalysisError` is about the
one request. ``retriable`` tells what may pass from what will not.
"""

from __future__ import annotations

import email.utils
import os
import time
from typing import Any

from toolkit.errors import AnalysisError, ModelError

__all__ = ["explain", "retry_after_s", "said_of"]

_RETRIABLE = frozenset({408, 409, 425, 429, 500, 502, 503, 504, 529})
_SPENT = ("insufficient_quota", "billing", "exceeded your current quota", "credit balance")
_FINAL = {
    401: ("The server does not accept the key", "Set api_key = ${{NAME}} in {section}, and NAME."),
    402: ("The server asks to be paid first", "Add credit to the account, or choose a server."),
    403: ("The key may not use this model", "Ask for access, or set another model in {section}."),
    404: (
        "The server has no such model or address",
        "Set url in {section} to where the API begins, which on most servers ends in /v1.",
    ),
    405: (
        "This is no OpenAI-compatible address",
        "Set url in {section} to where the API begins, which on most servers ends in /v1.",
    ),
}
_SMALLER = "Take fewer frames or less max_pixels in [sampling], or less jpeg_quality in {section}."
_HINTS = {
    400: "If it is about the prompt's length or the number of images: " + _SMALLER.lower(),
    413: _SMALLER,
    422: "If it is about the prompt's length or the number of images: " + _SMALLER.lower(),
}
SECTION = "[analysis.openai]"


def explain(error: Exception, url: str, timeout_s: float) -> AnalysisError:
    """The error as one of ours, with the original as its cause."""
    import openai

    if isinstance(error, openai.APITimeoutError | TimeoutError):
        found = AnalysisError(
            f"The server {url} did not answer within {timeout_s:g} seconds.",
            hint=f"Set timeout_s in {SECTION} higher, or concurrency lower.",
            retriable=True,
        )
    elif isinstance(error, openai.APIConnectionError):
        found = _connection(error, url)
    elif isinstance(error, openai.APIStatusError):
        found = _status(error, url)
    else:
        found = AnalysisError(
            f"What the server {url} says is not the OpenAI protocol: {_brief(str(error))}.",
            hint=f"Set url in {SECTION} to where the API begins.",
        )
    found.__cause__ = error
    return found


def _connection(error: Exception, url: str) -> AnalysisError:
    cause = error.__cause__
    reason = _root(error)
    if "CERTIFICATE" in reason.upper():
        return ModelError(
            f"The server {url} cannot be trusted: {reason}.",
            hint="Check the address, this machine's clock, and SSL_CERT_FILE for one's own CA.",
        )
    # The names are those of httpx: the connection was never there, or it ended too soon.
    if type(cause).__name__ in {"ConnectError", "ConnectTimeout", "ProxyError"}:
        return ModelError(
            f"The server {url} cannot be reached: {reason}.",
            hint=f"Start the server, or set url in {SECTION}. What is missing is asked in the next "
            "run.",
            retriable=True,
        )
    return AnalysisError(
        f"The server {url} ended the connection: {reason}.",
        hint="Look into the server's log.",
        retriable=True,
    )


def _root(error: BaseException) -> str:
    """What it comes down to: "Connection refused" rather than "Connection error"."""
    reason = ""
    found: BaseException | None = error
    while found is not None:
        if isinstance(found, BaseExceptionGroup):  # one for each address of a host
            found = found.exceptions[0]
        text = str(found)
        if isinstance(found, ConnectionError) and found.errno:
            text = os.strerror(found.errno)
        elif isinstance(found, OSError):
            text = found.strerror or text
        reason = _brief(text) or reason
        found = found.__cause__ or found.__context__
    return reason or type(error).__name__


def _status(error: Any, url: str) -> AnalysisError:
    status, said = error.status_code, said_of(error)
    context: dict[str, Any] = {"status": status}
    words = f"(HTTP {status}): {said}." if said else f"(HTTP {status})."
    if status == 429 and any(word in f"{said} {error.code}".lower() for word in _SPENT):
        return ModelError(
            f"The account has no credit left {words}",
            hint="Add credit, or choose another server.",
            **context,
        )
    if 300 <= status < 400:
        to = error.response.headers.get("location", "elsewhere")
        return ModelError(
            f"The server {url} sends us on to {to}; frames are not sent after.",
            hint=f"If that is right, set url in {SECTION} to it.",
            **context,
        )
    if status in _FINAL:
        message, hint = _FINAL[status]
        return ModelError(f"{message}, {url} {words}", hint=hint.format(section=SECTION), **context)
    if status in _RETRIABLE or status >= 500:
        message = "asks us to slow down" if status == 429 else "is out of order or busy"
        hint = (
            f"Set requests_per_minute or concurrency in {SECTION}."
            if status == 429
            else "Look into the server's log, and try later."
        )
        return AnalysisError(
            f"The server {url} {message} {words}", hint=hint, retriable=True, **context
        )
    return AnalysisError(
        f"The server {url} refuses the request {words}",
        hint=_HINTS.get(status, "Look into the server's log.").format(section=SECTION),
        **context,
    )


def said_of(error: Any) -> str:
    """What the server said about its refusal, on one line; servers put it in several places."""
    body = error.body
    if isinstance(body, dict):
        for key in ("message", "detail", "error", "msg"):
            if body.get(key):
                return _brief(str(body[key]))
    return _brief(str(body or ""))


def retry_after_s(error: Exception) -> float | None:
    """Seconds to wait as the server says, in numbers or as a date (RFC 9110, 10.2.3)."""
    headers = getattr(getattr(error, "response", None), "headers", None) or {}
    for name, unit in (("retry-after-ms", 1000), ("retry-after", 1)):
        try:
            return max(0.0, float(headers.get(name, "")) / unit)
        except ValueError:
            continue
    moment = email.utils.parsedate_tz(headers.get("retry-after", ""))
    return max(0.0, email.utils.mktime_tz(moment) - time.time()) if moment else None


def _brief(text: str) -> str:
    line = " ".join(text.split()).rstrip(".")
    return line if len(line) <= 300 else f"{line[:297]}..."
