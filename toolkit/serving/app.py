"""The app put together."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from fastapi import FastAPI
from starlette.concurrency import run_in_threadpool

import toolkit
from toolkit.serving import problems
from toolkit.serving.desk import Desk, Given
from toolkit.serving.door import Door
from toolkit.serving.problems import Problem
from toolkit.serving.routes import media, results, runs, upkeep

__all__ = ["create_app"]


def create_app(
    file: Path | None = None, given: Given | None = None, key: bytes | None = None
) -> FastAPI:
    """The API of a workspace, for any ASGI server; its lifespan ends what it drives.

    Args:
        file: The config file; None for the usual one.
        given: Settings by section, over those of the file.
        key: Signs links; None for a new one.

    Raises:
        ConfigError: A setting does not fit.
        StoreError: The store cannot be opened.
    """
    desk = Desk(file, given or {}, key)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        yield
        await run_in_threadpool(desk.close)

    app = FastAPI(
        title="Video analysis toolkit",
        version=toolkit.__version__,
        description="Runs, results, pictures and reviews of a workspace.",
        lifespan=lifespan,
        openapi_url="/v1/openapi.json",
        docs_url=None,  # their scripts come from elsewhere
        redoc_url=None,
        redirect_slashes=False,
    )
    app.state.desk = desk
    routers = [one.router for one in (runs, media, results, upkeep)]
    for router in routers:
        app.include_router(router)
    problems.put_into(app, [route for router in routers for route in router.routes])
    app.add_middleware(Door, serve=desk.settings.serve)
    _document(app)
    return app


def _document(app: FastAPI) -> None:
    """Have OpenAPI tell of problems as they are, instead of FastAPI's own."""
    made = app.openapi

    def openapi() -> dict[str, Any]:
        schema = made()
        schemas = schema["components"]["schemas"]
        schemas.setdefault("Problem", Problem.model_json_schema())
        for name in ("HTTPValidationError", "ValidationError"):
            schemas.pop(name, None)
        return schema

    app.openapi = openapi  # type: ignore[method-assign]  # FastAPI's documented way
