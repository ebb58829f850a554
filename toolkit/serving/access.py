"""Who may do what: tokens in a header, and signed links for what a page shows and plays.

A page's pictures and films are fetched by the browser, which sends no token with them. So they
have links of their own: short-lived, each for one path, signed with a key that only this server's
memory has, and void as soon as the token they were made with is.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
import time
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Annotated
from urllib.parse import urlencode

from fastapi import Query, Request, Security
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from starlette.concurrency import run_in_threadpool

from toolkit.serving.problems import RefusedError
from toolkit.serving.tokens import Scope, Token

if TYPE_CHECKING:
    from toolkit.serving.desk import Desk

__all__ = ["Signer", "desk_of", "needs", "shown"]

_bearer = HTTPBearer(
    auto_error=False, scheme_name="token", description="Made by `toolkit serve token new`."
)
Given = Annotated[HTTPAuthorizationCredentials | None, Security(_bearer)]
_Check = Callable[..., Awaitable[Token]]


class Signer:
    """Signs links.

    Args:
        key: At least 32 random bytes; None for new ones. Servers that share it know each other's.
        life_s: How long a link holds, in seconds.
    """

    def __init__(self, key: bytes | None, life_s: float) -> None:
        self._key = key or secrets.token_bytes(32)
        self.life_s = life_s

    def link(self, path: str, token: Token) -> str:
        """The path with what lets its bearer in."""
        expires = int(time.time() + self.life_s)
        signature = self._signature(path, token.id, expires)
        return f"{path}?{urlencode({'by': token.id, 'expires': expires, 'signature': signature})}"

    def holds(self, path: str, by: str, expires: int, signature: str) -> bool:
        """Whether a link was made here, for this path, and is not old."""
        expected = self._signature(path, by, expires)
        given = signature.encode("utf-8", "replace")
        return hmac.compare_digest(expected.encode(), given) and time.time() < expires

    def _signature(self, path: str, by: str, expires: int) -> str:
        text = "\n".join((path, by, str(expires)))
        return hmac.new(self._key, text.encode("utf-8", "replace"), hashlib.sha256).hexdigest()


def desk_of(request: Request) -> Desk:
    """The desk that the app works at."""
    desk: Desk = request.app.state.desk
    return desk


def needs(scope: Scope | None) -> _Check:
    """A dependency that lets in who has a token with this scope (None: any), and gives it."""

    async def check(request: Request, given: Given) -> Token:
        token = await _token(request, given)
        if token is None:
            raise _stranger(request)
        return _let_in(request, token, scope)

    return check


async def shown(
    request: Request,
    given: Given,
    by: Annotated[str, Query(max_length=100, description="Of a signed link.")] = "",
    expires: Annotated[int, Query(ge=0, le=2**40, description="Of a signed link.")] = 0,
    signature: Annotated[str, Query(max_length=100, description="Of a signed link.")] = "",
) -> Token:
    """A dependency that lets in who may read, by token or by a signed link."""
    desk = desk_of(request)
    token = await _token(request, given)
    if token is None and signature and desk.signer.holds(request.url.path, by, expires, signature):
        token = await run_in_threadpool(desk.tokens.find, by)
    if token is None:
        raise _stranger(request)
    return _let_in(request, token, "read")


async def _token(request: Request, given: HTTPAuthorizationCredentials | None) -> Token | None:
    if given is None:
        return None
    return await run_in_threadpool(desk_of(request).tokens.owner, given.credentials)


def _let_in(request: Request, token: Token, scope: Scope | None) -> Token:
    desk_of(request).pace.check(token.id)
    if scope and not token.may(scope):
        raise RefusedError(
            403,
            f"The token '{token.name}' is for {', '.join(token.scopes)}, and this needs {scope}.",
            hint=f"Make one with: toolkit serve token new --scope {scope}",
        )
    return token


def _stranger(request: Request) -> RefusedError:
    """Who has no token; those who try many are slowed down, and nobody with a token with them."""
    host = request.client.host if request.client else ""
    desk_of(request).strangers.check(host)
    return RefusedError(
        401,
        "A token that holds is needed.",
        hint="Make one with `toolkit serve token new`, and send it as Authorization: Bearer TOKEN.",
        headers={"WWW-Authenticate": "Bearer"},
    )
