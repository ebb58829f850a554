"""Tokens, health, metrics, and the page."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response
from starlette.responses import FileResponse, PlainTextResponse

from toolkit.insight.exposition import CONTENT_TYPE, exposition
from toolkit.serving.access import desk_of, needs
from toolkit.serving.models import Health, Holder, Identifier
from toolkit.serving.problems import Problem, RefusedError, documented
from toolkit.serving.tokens import Token

__all__ = ["router"]

router = APIRouter()
_PAGE = Path(__file__).parents[1] / "page"
_FILES = {
    "api.js": "text/javascript",
    "icon.svg": "image/svg+xml",
    "page.js": "text/javascript",
    "scenes.js": "text/javascript",
    "style.css": "text/css",
}


@router.get("/v1/me", tags=["upkeep"], responses=documented(), summary="One's own token")
def me(token: Annotated[Token, Depends(needs(None))]) -> Holder:
    """What one's token is for, and how long it holds."""
    return Holder.of(token)


@router.get(
    "/v1/tokens",
    tags=["upkeep"],
    dependencies=[Depends(needs("admin"))],
    responses=documented(),
    summary="List the tokens",
)
def tokens(request: Request) -> list[Holder]:
    """Every token, without its word. They are made by `toolkit serve token new` alone."""
    return [Holder.of(token) for token in desk_of(request).tokens.all()]


@router.delete(
    "/v1/tokens/{token_id}",
    tags=["upkeep"],
    dependencies=[Depends(needs("admin"))],
    responses=documented(404),
    summary="Revoke a token",
)
def revoke(request: Request, token_id: Identifier) -> Holder:
    """End a token now, with the links that were made with it."""
    tokens = desk_of(request).tokens
    if not any(token.id == token_id for token in tokens.all()):
        raise RefusedError(404, f"There is no token '{token_id}'.")
    return Holder.of(tokens.revoke(token_id))


@router.get(
    "/v1/metrics",
    tags=["upkeep"],
    dependencies=[Depends(needs("read"))],
    response_class=PlainTextResponse,
    responses={
        200: {"content": {"text/plain": {"schema": {"type": "string"}}}, "description": "Metrics."},
        **documented(),
    },
    summary="Metrics",
)
def metrics(request: Request) -> Response:
    """The workspace's metrics, as Prometheus reads them."""
    return Response(exposition(desk_of(request).settings.workspace), media_type=CONTENT_TYPE)


@router.get(
    "/v1/health",
    tags=["upkeep"],
    responses={status: one for status, one in documented().items() if status not in (401, 403, 422)}
    | {503: {"model": Problem, "description": "The store cannot be read."}},
    summary="Whether it works",
)
def health(request: Request) -> Health:
    """Whether it answers, and can read its store. It needs no token."""
    desk = desk_of(request)
    desk.visitors.check(request.client.host if request.client else "")
    desk.check()
    return Health()


@router.get("/", include_in_schema=False)
def page() -> FileResponse:
    """The page."""
    return FileResponse(_PAGE / "index.html", media_type="text/html; charset=utf-8")


@router.get("/static/{name}", include_in_schema=False)
def static(name: str) -> FileResponse:
    """A file of the page."""
    if name not in _FILES:
        raise RefusedError(404, "There is no such file.")
    return FileResponse(_PAGE / name, media_type=f"{_FILES[name]}; charset=utf-8")
