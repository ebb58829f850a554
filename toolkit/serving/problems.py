"""What clients are told of errors: RFC 9457, in our errors' words, and never a stack trace."""

from __future__ import annotations

import http
import logging
import traceback
from collections.abc import Mapping, Sequence
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.routing import BaseRoute, Match, Route

from toolkit.config import redact
from toolkit.errors import (
    AnalysisError,
    CancelledError,
    ClusterError,
    ConfigError,
    DecodeError,
    DownloadError,
    EncryptionError,
    MediaError,
    MissingExtraError,
    ModelError,
    PluginError,
    PrivacyError,
    SourceError,
    StorageError,
    StoreError,
    TagError,
    ToolkitError,
    TruthError,
)
from toolkit.records import new_id

__all__ = ["MEDIA_TYPE", "Problem", "RefusedError", "documented", "put_into", "told", "unexpected"]

MEDIA_TYPE = "application/problem+json"
_log = logging.getLogger(__name__)
_STATUS: dict[type[ToolkitError], int] = {
    EncryptionError: 503,
    PrivacyError: 403,
    CancelledError: 409,  # it goes on still
    ModelError: 503,
    AnalysisError: 409,
    MissingExtraError: 503,
    ClusterError: 503,
    StorageError: 503,
    ConfigError: 422,
    DecodeError: 422,
    DownloadError: 422,
    MediaError: 422,
    PluginError: 422,
    SourceError: 422,
    TagError: 422,
    TruthError: 422,
}
"""The first kind that an error is of says its status."""
_MEANING = {
    400: "The request cannot be read.",
    401: "No token, or one that does not hold (any more).",
    403: "The token is not for this, or the server does not allow it.",
    404: "There is no such thing.",
    408: "The request took too long to arrive.",
    409: "It cannot be done at the moment, or with this run.",
    413: "The request is too large.",
    421: "The server is not known by this name.",
    422: "The request has a mistake.",
    429: "Too many requests, or too much at work: try again later.",
    503: "The server misses something that it needs.",
}


class Problem(BaseModel):
    """Why something could not be done, and what to do."""

    type: str = "about:blank"
    title: str
    status: int
    detail: str
    hint: str | None = None
    errors: list[dict[str, str]] | None = None


class RefusedError(Exception):
    """A request is not answered as wanted.

    Args:
        status: The HTTP status.
        message: Why.
        hint: What to do.
        headers: More headers of the answer.
    """

    def __init__(
        self,
        status: int,
        message: str,
        *,
        hint: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.hint = hint
        self.headers = headers or {}


def documented(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """These statuses, and those that every request may get, for OpenAPI."""
    every = sorted({400, 401, 403, 408, 413, 421, 422, 429, 503, *statuses})
    content = {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}
    return {status: {"description": _MEANING[status], "content": content} for status in every}


def told(
    status: int,
    message: str,
    hint: str | None = None,
    *,
    errors: list[dict[str, str]] | None = None,
    headers: Mapping[str, str] | None = None,
) -> Response:
    """A problem as an answer; secrets are masked."""
    problem = Problem(
        title=http.HTTPStatus(status).phrase,
        status=status,
        detail=redact(message),
        hint=redact(hint) if hint else None,
        errors=errors,
    )
    body = problem.model_dump_json(exclude_none=True)
    return Response(body, status, dict(headers or {}), MEDIA_TYPE)


def unexpected(error: Exception) -> Response:
    """An error that nobody thought of: the log has it whole, the client its number."""
    number = new_id()
    trace = "".join(traceback.format_exception(error))
    _log.error("Request %s failed: %s", number, redact(trace))
    return told(500, f"Something went wrong; the server's log has it as {number}.")


def put_into(app: FastAPI, routes: Sequence[BaseRoute]) -> None:
    """Answer what these routes of an app raise."""

    @app.exception_handler(RefusedError)
    async def _refused(_: Request, error: RefusedError) -> Response:
        return told(error.status, error.message, error.hint, headers=error.headers)

    @app.exception_handler(ToolkitError)
    async def _failed(_: Request, error: ToolkitError) -> Response:
        return told(_status_of(error), error.message, error.hint)

    @app.exception_handler(RequestValidationError)
    async def _mistaken(_: Request, error: RequestValidationError) -> Response:
        errors = [
            {"where": ".".join(map(str, one["loc"])), "message": redact(str(one["msg"]))}
            for one in error.errors()[:20]
        ]
        return told(422, "The request has a mistake.", errors=errors)

    @app.exception_handler(HTTPException)
    async def _no_route(request: Request, error: HTTPException) -> Response:
        headers = dict(error.headers or {})
        if error.status_code == 405:
            # Starlette tells the methods of the first route with this path alone.
            every = [
                one
                for one in routes
                if isinstance(one, Route) and one.matches(request.scope)[0] != Match.NONE
            ]
            methods = {method for route in every for method in route.methods or ()}
            headers["Allow"] = ", ".join(sorted(methods))
        return told(error.status_code, str(error.detail), headers=headers)


def _status_of(error: ToolkitError) -> int:
    if isinstance(error, StoreError):
        # What a backend raised is the cause of ours; without one, the store has no such row.
        return 503 if error.__cause__ else 404
    return next((status for kind, status in _STATUS.items() if isinstance(error, kind)), 500)
