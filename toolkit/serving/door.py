"""What every request passes, before anything is looked up, and every answer on its way out."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from toolkit.config.serve import Serve
from toolkit.serving.problems import RefusedError, told, unexpected

__all__ = ["Door"]

_LOOPBACK = ("127.0.0.1", "localhost", "[::1]")
_CLOSE = {"Connection": "close"}  # what is still to come is not waited for
_PAGE = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; media-src 'self'; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
    "require-trusted-types-for 'script'; trusted-types 'none'"
)
_DATA = "default-src 'none'; frame-ancestors 'none'; sandbox"
_HEADERS = {
    "cache-control": "no-store",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=()",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
}


class Door:
    """Middleware: checks the host, takes the body in, sets headers, keeps traces in.

    Args:
        app: What answers.
        serve: The section ``[serve]``.
    """

    def __init__(self, app: ASGIApp, serve: Serve) -> None:
        self._app = app
        self._serve = serve
        own = f"[{serve.host}]" if ":" in serve.host else serve.host
        self._hosts = {name.lower() for name in (*_LOOPBACK, own, *serve.hosts)}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        if scope["type"] != "http":
            await send({"type": "websocket.close", "code": 1008})
            return
        started = False

        async def sent(message: Message) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                started = True
                message = {**message, "headers": self._with_ours(scope, message["headers"])}
            await send(message)

        try:
            try:
                self._check_host(scope)
                body = await self._body(scope, receive)
            except RefusedError as refusal:
                answer = told(
                    refusal.status, refusal.message, refusal.hint, headers=refusal.headers
                )
                await answer(scope, receive, sent)
                return
            await self._app(scope, _again(body, receive), sent)
        except Exception as error:  # noqa: BLE001 - the server would log it with its secrets
            answer = unexpected(error)
            if not started:
                await answer(scope, receive, sent)

    def _check_host(self, scope: Scope) -> None:
        named = [value for name, value in scope["headers"] if name == b"host"]
        host = named[0].decode("latin-1").strip().lower() if len(named) == 1 else ""
        name = host.partition("]")[0] + "]" if host.startswith("[") else host.partition(":")[0]
        if name.rstrip(".") not in self._hosts:
            raise RefusedError(
                421,
                "This server is not known by that name.",
                hint="Whoever runs it can add the name to hosts in [serve].",
                headers=_CLOSE,
            )

    async def _body(self, scope: Scope, receive: Receive) -> bytes:
        """The whole body: it is small, and who sends it slowly holds nothing but a connection."""
        most = self._serve.max_body_bytes
        names = {name for name, _ in scope["headers"]}
        if {b"content-length", b"transfer-encoding"} <= names:
            # A proxy in front may go by the other one, and see other requests than we do.
            raise RefusedError(400, "A request has one length.", headers=_CLOSE)
        for name, value in scope["headers"]:
            # A length is digits, or the server had not let it in.
            if name == b"content-length" and int(value) > most:
                raise _too_large(most)
        parts: list[bytes] = []
        size = 0
        try:
            async with asyncio.timeout(self._serve.body_timeout_s):
                more = True
                while more:
                    message = await receive()
                    if message["type"] == "http.disconnect":
                        raise RefusedError(400, "The request broke off.", headers=_CLOSE)
                    parts.append(message.get("body", b""))
                    size += len(parts[-1])
                    if size > most:
                        raise _too_large(most)
                    more = message.get("more_body", False)
        except TimeoutError:
            raise RefusedError(
                408, "The request took too long to arrive.", headers=_CLOSE
            ) from None
        return b"".join(parts)

    def _with_ours(
        self, scope: Scope, headers: Iterable[tuple[bytes, bytes]]
    ) -> list[tuple[bytes, bytes]]:
        is_page = not scope["path"].startswith("/v1/")
        ours = {**_HEADERS, "content-security-policy": _PAGE if is_page else _DATA}
        if self._serve.certificate:
            ours["strict-transport-security"] = "max-age=31536000"
        kept = [(name, value) for name, value in headers if name.decode("latin-1") not in ours]
        return kept + [(name.encode(), value.encode()) for name, value in ours.items()]


def _too_large(most: int) -> RefusedError:
    return RefusedError(413, f"A request may have {most} bytes.", headers=_CLOSE)


def _again(body: bytes, receive: Receive) -> Receive:
    """Gives a body that was taken in already, then what comes after it."""
    given = False

    async def replay() -> Message:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return replay
