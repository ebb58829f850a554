"""What MongoDB and its driver say went wrong -> what a person can do about it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import NamedTuple

from toolkit.errors import StoreError

__all__ = ["conflicts", "explained", "passes", "store_error"]


class _Fault(NamedTuple):
    message: str
    hint: str
    retriable: bool = False


_AGAIN = "Try again: nothing that was saved is lost, and saving twice changes nothing."
_CONFLICT = 112
_OTHER = _Fault("{place} could not be used.", "If this comes again, please report it.")
_LOGIN = _Fault(
    "{place} refused the login.",
    "Check username and password of the store, and authSource in its uri.",
)
_DENIED = _Fault(
    "{place} does not let this login do that.",
    "Set username and password of the store; the login needs the role readWrite on its database.",
)
_TOO_LARGE = _Fault("A record is too large for {place}.", "MongoDB has documents of up to 16 MiB.")
_UNFIT = _Fault(
    "A value does not fit into {place}.",
    "Whole numbers have 64 bits there, and text is Unicode.",
)
_AWAY = _Fault("{place} went away.", _AGAIN, retriable=True)
_SLOW = _Fault("{place} took too long.", "Try again, or raise timeout_s of the store.", True)
_FULL = _Fault(
    "{place} has no room left on its disk.",
    "Free space there, then run again: nothing that was saved is lost.",
    True,
)
_INDEX = _Fault(
    "{place} has another index where one of the toolkit should be.",
    "Drop that index, or set another database of the store.",
)
# https://github.com/mongodb/mongo/blob/master/src/mongo/base/error_codes.yml, and Atlas's own.
_CODES: dict[int, _Fault] = {
    6: _AWAY,  # HostUnreachable
    7: _AWAY,  # HostNotFound
    13: _DENIED,  # Unauthorized
    18: _LOGIN,  # AuthenticationFailed
    39: _FULL,  # FileStreamFailed
    43: _AWAY,  # CursorNotFound
    50: _SLOW,  # MaxTimeMSExpired
    64: _SLOW,  # WriteConcernFailed
    85: _INDEX,  # IndexOptionsConflict
    86: _INDEX,  # IndexKeySpecsConflict
    89: _SLOW,  # NetworkTimeout
    91: _AWAY,  # ShutdownInProgress
    _CONFLICT: _Fault("{place} was busy: others wrote the same records.", _AGAIN, retriable=True),
    121: _Fault(
        "{place} refused a record.",
        "It breaks the validation rules of its collection. If somebody changed them, loosen them.",
    ),
    189: _AWAY,  # PrimarySteppedDown
    251: _AWAY,  # NoSuchTransaction
    262: _SLOW,  # ExceededTimeLimit
    8000: _LOGIN,  # AtlasError
    10107: _AWAY,  # NotWritablePrimary
    10334: _TOO_LARGE,  # BSONObjectTooLarge
    11600: _AWAY,  # InterruptedAtShutdown
    11602: _AWAY,  # InterruptedDueToReplStateChange
    13435: _AWAY,  # NotPrimaryNoSecondaryOk
    13436: _AWAY,  # NotPrimaryOrSecondary
    14031: _FULL,  # OutOfDiskSpace
    17280: _TOO_LARGE,  # KeyTooLong
    17419: _TOO_LARGE,  # BSONObjectTooLarge after an update
}
# Classes of pymongo.errors and bson.errors; the nearest ancestor counts.
_CLASSES: dict[str, _Fault] = {
    "ServerSelectionTimeoutError": _Fault(
        "{place} does not answer.",
        "Check that the server runs and may be reached from here (on Atlas: the IP access list), "
        "and the uri and tls of the store.",
        retriable=True,
    ),
    "WaitQueueTimeoutError": _Fault(
        "All connections to {place} are in use.", "Raise pool_size of the store.", retriable=True
    ),
    "NetworkTimeout": _SLOW,
    "ExecutionTimeout": _SLOW,
    "WTimeoutError": _SLOW,
    "ConnectionFailure": _AWAY,
    "ConfigurationError": _Fault(
        "{place} cannot be used with these settings.", "Check uri and login of the store."
    ),
    "OSError": _Fault(
        "A file that {place} needs cannot be used.", "Check tls_ca_file of the store."
    ),
    "DocumentTooLarge": _TOO_LARGE,
    "InvalidDocument": _UNFIT,
    "InvalidStringData": _UNFIT,
    "OverflowError": _UNFIT,
    "UnicodeError": _UNFIT,
    "InvalidBSON": _Fault(
        "{place} holds a document that cannot be read.",
        "It was probably edited by hand: mend or delete it.",
    ),
}
_CERTIFICATE = _Fault(
    "{place} has a certificate that is not trusted here.",
    "Name the file of the authority that signed it as tls_ca_file of the store, and the host in "
    "the uri as the certificate does.",
)
_LONGEST = 500  # some reasons quote the whole document
_PASSING = ("TransientTransactionError", "UnknownTransactionCommitResult", "RetryableWriteError")


def passes(error: Exception) -> bool:
    """Whether the same may well work a moment later, once the server is found again."""
    from pymongo import errors

    if isinstance(error, errors.ServerSelectionTimeoutError):
        return False  # the driver has waited already
    if isinstance(error, (errors.AutoReconnect, errors.CursorNotFound)):
        return True
    return isinstance(error, errors.PyMongoError) and any(map(error.has_error_label, _PASSING))


def conflicts(error: Exception) -> bool:
    """Whether an open transaction of somebody else has written the same records."""
    return passes(error) and _CONFLICT in _codes(error)


def store_error(error: Exception, place: str, secrets: Sequence[str] = ()) -> StoreError:
    """The toolkit's error for one of the driver's, with the original as its cause.

    Args:
        error: What the driver raised.
        place: How to call the server; no secret is in it.
        secrets: What must not be shown though the server may quote it.
    """
    # A topology, many lines long, follows the reason.
    reason = str(error).partition(", Timeout:")[0].partition(", full error:")[0]
    for secret in sorted(secrets, key=len, reverse=True):
        reason = reason.replace(secret, "***")
    found = _of(error, reason)
    reason = reason if len(reason) <= _LONGEST else f"{reason[:_LONGEST]}…"
    fault = StoreError(
        f"{found.message.format(place=place)} ({reason})",
        hint=found.hint,
        retriable=found.retriable or passes(error),
        place=place,
    )
    fault.__cause__ = error
    return fault


def _of(error: Exception, reason: str) -> _Fault:
    if "certificate verify failed" in reason or "hostname mismatch" in reason.lower():
        return _CERTIFICATE
    for code in _codes(error):
        if code in _CODES:
            return _CODES[code]
    names = (kind.__name__ for kind in type(error).__mro__)
    return next((_CLASSES[name] for name in names if name in _CLASSES), _OTHER)


def _codes(error: Exception) -> list[int]:
    """The server's codes: the error's own, and those of the parts of a bulk write."""
    details = getattr(error, "details", None) or {}
    parts = [*details.get("writeErrors", ()), *details.get("writeConcernErrors", ())]
    found = [getattr(error, "code", None), *(part.get("code") for part in parts)]
    return [code for code in found if code is not None]


@contextmanager
def explained(place: str, secrets: Sequence[str] = ()) -> Iterator[None]:
    """Turn what the driver raises into :class:`StoreError`."""
    from bson.errors import BSONError
    from pymongo.errors import PyMongoError

    try:
        yield
    except (
        PyMongoError,
        BSONError,
        OSError,
        OverflowError,
        UnicodeError,
    ) as error:
        raise store_error(error, place, secrets) from error
