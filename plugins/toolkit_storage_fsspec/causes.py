"""Why a cloud did not do it: the libraries' errors -> :class:`~toolkit.errors.StorageError`."""

from __future__ import annotations

import asyncio
import errno
import re
from collections.abc import Iterator, Mapping
from typing import Any

from toolkit.errors import StorageError
from toolkit.net.causes import retry_after_s

__all__ = ["explain", "of_status"]

_LOGIN = {
    "S3": "Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE, or run where a role "
    "gives them (https://docs.aws.amazon.com/cli/latest/userguide/cli-configure-files.html).",
    "Google Cloud Storage": "Run: gcloud auth application-default login. Or set "
    "GOOGLE_APPLICATION_CREDENTIALS to the file of a service account.",
}
_STATUS = {
    301: ("settings", "{cloud} has the bucket in another region.", "Set AWS_REGION to it."),
    400: ("refused", "{cloud} refuses the request: {said}.", None),
    401: ("login", "{cloud} does not know who we are: {said}.", "{login}"),
    403: (
        "forbidden",
        "{cloud} does not allow it: {said}.",
        "The credentials need the rights that docs/clouds.md lists.",
    ),
    404: ("not-found", "{cloud} has no such bucket or file.", "Check the URL."),
    412: ("changed", "The file in the cloud has changed meanwhile.", "Start again."),
    416: ("changed", "The file in the cloud has become shorter meanwhile.", "Start again."),
}
_RETRIABLE = frozenset({408, 409, 425, 429, 500, 502, 503, 504, 509})
_CODES = {
    "AuthorizationHeaderMalformed": 301,
    "BadDigest": 0,
    "ExpiredToken": 401,
    "InvalidAccessKeyId": 401,
    "InvalidDigest": 0,
    "InvalidToken": 401,
    "PermanentRedirect": 301,
    "RequestTimeTooSkewed": 401,
    "SignatureDoesNotMatch": 401,
    "XAmzContentChecksumMismatch": 0,
    "XAmzContentSHA256Mismatch": 0,
}
"""S3's words that say more than their status; 0: the bytes were damaged on their way."""
_DAMAGED = re.compile(r"hash.* match calculated", re.IGNORECASE)
"""Google's words for the same."""
_AGAIN = frozenset({"RequestTimeout", "SlowDown", "Throttling", "OperationAborted"})


def explain(error: BaseException, cloud: str, url: str) -> StorageError:
    """The error as one of ours, with the original as its cause."""
    found = next((e for e in _chain(error) if isinstance(e, StorageError)), None)
    if found is None:
        found = next(
            filter(None, (_of(e, cloud) for e in _chain(error))),
            StorageError(
                f"{cloud} failed: {type(error).__name__}: {error}", cause="refused", cloud=cloud
            ),
        )
        found.__cause__ = error
    found.context.setdefault("url", url)
    return found


def _chain(error: BaseException) -> Iterator[BaseException]:
    seen: set[int] = set()
    current: BaseException | None = error
    while current is not None and id(current) not in seen:
        seen.add(id(current))
        yield current
        current = current.__cause__ or current.__context__


def _of(error: BaseException, cloud: str) -> StorageError | None:
    kinds = {kind.__name__ for kind in type(error).__mro__}
    response = getattr(error, "response", None)
    if "ClientError" in kinds and isinstance(response, Mapping):  # botocore's
        facts = response.get("ResponseMetadata", {})
        said = response.get("Error", {})
        code = str(said.get("Code", ""))
        return of_status(
            int(facts.get("HTTPStatusCode", 0)),
            cloud,
            code=code,
            said=str(said.get("Message") or code),
            headers=facts.get("HTTPHeaders", {}),
        )
    if kinds & {"NoCredentialsError", "PartialCredentialsError", "CredentialRetrievalError"} or (
        kinds & {"DefaultCredentialsError", "RefreshError", "ProfileNotFound", "SSOError"}
    ):
        return StorageError(
            f"There are no credentials for {cloud}: {_line(error)}.",
            hint=_LOGIN.get(cloud),
            cause="login",
        )
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        return StorageError(
            "The disk is full.",
            hint="Make room and start again.",
            retriable=True,
            cause="disk-full",
        )
    network = kinds & {"ClientConnectionError", "ClientPayloadError", "HTTPClientError"}
    waited = isinstance(error, asyncio.TimeoutError | TimeoutError | ConnectionError)
    if network or waited or kinds & {"TransportError", "IncompleteReadError", "FSTimeoutError"}:
        return StorageError(
            f"The connection to {cloud} failed: {_line(error) or type(error).__name__}.",
            hint="Try again: what has arrived is kept.",
            cause="connection",
            retriable=True,
        )
    if isinstance(error, FileNotFoundError | PermissionError):
        return of_status(404 if isinstance(error, FileNotFoundError) else 403, cloud)
    if kinds & {"ParamValidationError", "InvalidRegionError", "NoRegionError"}:
        return StorageError(f"{cloud} cannot be asked: {_line(error)}.", cause="settings")
    return None


def of_status(
    status: int,
    cloud: str,
    *,
    code: str = "",
    said: str = "",
    headers: Mapping[str, Any] | None = None,
) -> StorageError:
    """What an HTTP status of a cloud means, and whether trying again can help."""
    status = 0 if status == 400 and _DAMAGED.search(said) else _CODES.get(code, status)
    context: dict[str, Any] = {"status": status}
    said_s = next((str(v) for k, v in (headers or {}).items() if k.lower() == "retry-after"), None)
    if (pause_s := retry_after_s(said_s)) is not None:
        context["retry_after_s"] = pause_s
    if not status:
        return StorageError(
            f"The bytes were damaged on their way to {cloud}: {said}.",
            cause="corrupt",
            retriable=True,
        )
    if status in _RETRIABLE or code in _AGAIN:
        return StorageError(
            f"{cloud} is busy or out of order (HTTP {status}).",
            hint="Try later.",
            cause="busy",
            retriable=True,
            **context,
        )
    cause, message, hint = _STATUS.get(status, ("refused", "{cloud} refuses: {said}.", None))
    words = {"cloud": cloud, "said": said.rstrip(".") or "no reason given"}
    words["login"] = _LOGIN.get(cloud, "")
    return StorageError(
        f"{message.format(**words)[:-1]} (HTTP {status}).",
        hint=hint.format(**words) if hint else None,
        retriable=cause == "changed",
        cause=cause,
        **context,
    )


def _line(error: BaseException) -> str:
    return str(error).strip().partition("\n")[0].rstrip(".")
