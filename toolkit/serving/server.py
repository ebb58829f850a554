"""The API on one machine, by uvicorn."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import uvicorn
from fastapi import FastAPI
from uvicorn.protocols.http.h11_impl import H11Protocol

from toolkit.config.serve import Serve
from toolkit.errors import ConfigError
from toolkit.serving.app import create_app
from toolkit.serving.desk import Given

__all__ = ["Patient", "listening", "serve", "server_of", "tls_of"]

_IDLE_S = 30  # a connection between two requests
_GOODBYE_S = 5  # for answers that are on their way when it ends


class Patient(H11Protocol):
    """uvicorn's, with a limit to how long a request's head may take to arrive."""

    head_s = 10.0
    _late: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn has it
        """Somebody is there, who has to say what he wants."""
        super().connection_made(transport)
        self._expect()

    def data_received(self, data: bytes) -> None:
        """Some of a request."""
        super().data_received(data)
        import h11

        if self.conn.their_state is not h11.IDLE:
            self._expect(stop=True)  # the head is here
        elif self._late is None:
            self._expect()

    def connection_lost(self, exc: Exception | None) -> None:
        """It is over."""
        self._expect(stop=True)
        super().connection_lost(exc)

    def _expect(self, *, stop: bool = False) -> None:
        if self._late is not None:
            self._late.cancel()
            self._late = None
        if not stop:
            self._late = self.loop.call_later(self.head_s, self.transport.close)


def serve(
    file: Path | None,
    given: Given,
    options: Serve,
    told: Callable[[str], None] = lambda _: None,
) -> None:
    """Serve until a signal ends it.

    Args:
        file: The config file.
        given: Settings over those of the file.
        options: The section ``[serve]`` of both.
        told: Told the address, once somebody may come.

    Raises:
        ConfigError: The address cannot be had, or a setting does not fit.
    """
    with listening(options) as place:
        app = create_app(file, given)
        server = server_of(app, options, app.state.desk.settings.base)
        host = f"[{options.host}]" if ":" in options.host else options.host
        scheme = "https" if options.certificate else "http"
        told(f"{scheme}://{host}:{place.getsockname()[1]}/")
        server.run(sockets=[place])


def server_of(app: FastAPI, options: Serve, base: Path) -> uvicorn.Server:
    """The server of an app, which listens where it is told.

    Args:
        app: The app.
        options: The section ``[serve]``.
        base: Where relative paths start.
    """
    return uvicorn.Server(
        uvicorn.Config(
            app,
            http=type("Protocol", (Patient,), {"head_s": options.body_timeout_s}),
            ws="none",
            lifespan="on",
            log_config=None,
            access_log=False,  # links hold signatures
            server_header=False,
            proxy_headers=False,  # anybody could say who he is
            limit_concurrency=options.max_connections,
            timeout_keep_alive=_IDLE_S,
            timeout_graceful_shutdown=_GOODBYE_S,
            **tls_of(options, base),
        )
    )


def tls_of(options: Serve, base: Path) -> dict[str, Any]:
    """The files for https, as uvicorn and Ray Serve call them; none without a certificate."""
    if not options.certificate:
        return {}
    return {
        "ssl_certfile": str(base / Path(options.certificate).expanduser()),
        "ssl_keyfile": str(base / Path(options.certificate_key).expanduser()),
    }


def listening(options: Serve) -> socket.socket:
    """The place to listen at.

    Raises:
        ConfigError: It cannot be had.
    """
    family = socket.AF_INET6 if ":" in options.host else socket.AF_INET
    place = socket.socket(family)
    try:
        place.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        place.bind((options.host, options.port))
        place.listen(128)
    except OSError as error:
        place.close()
        raise ConfigError(
            f"{options.host}:{options.port} cannot be listened on: {error.strerror or error}.",
            hint="Choose another with --port, or 0 for one that is free.",
        ) from error
    return place
