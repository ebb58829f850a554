"""Results: tables of a run, search, reviews."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Query, Request, Response
from starlette.concurrency import run_in_threadpool

from toolkit.insight.search import search as find
from toolkit.records import Review
from toolkit.serving.access import desk_of, needs
from toolkit.serving.models import Identifier, ReviewRequest, SearchWords
from toolkit.serving.problems import documented
from toolkit.serving.tables import ARROW, Form, Rows, answer
from toolkit.serving.tokens import Token

__all__ = ["router"]

router = APIRouter(prefix="/v1", tags=["results"])
_MOST = 10**9
_Table = Literal[
    "videos",
    "scenes",
    "tags",
    "answers",
    "chapters",
    "statements",
    "failures",
    "sources",
    "reviews",
]
_ROWS: dict[int | str, dict[str, Any]] = {
    200: {
        "model": Rows,
        "description": "Rows as JSON, or the IPC stream of Arrow.",
        "content": {ARROW: {"schema": {"type": "string", "format": "binary"}}},
    }
}
Wanted = Annotated[Form, Query(alias="format")]
Offset = Annotated[int, Query(ge=0, le=_MOST)]
Limit = Annotated[
    int | None, Query(ge=1, le=10_000, description="100 as JSON; as Arrow all, if not said.")
]


@router.get(
    "/runs/{run_id}/tables/{table}",
    dependencies=[Depends(needs("read"))],
    response_class=Response,
    responses={**_ROWS, **documented(404)},
    summary="A table of a run",
)
def table(
    request: Request,
    run_id: Identifier,
    table: _Table,
    form: Wanted = "json",
    offset: Offset = 0,
    limit: Limit = None,
) -> Response:
    """What the run's handle has under the same name, also while the run goes on."""
    return answer(getattr(desk_of(request).run(run_id), table), form, offset, limit)


@router.get(
    "/search",
    dependencies=[Depends(needs("read"))],
    response_class=Response,
    responses={**_ROWS, **documented()},
    summary="Search",
)
def search(
    request: Request,
    q: Annotated[SearchWords, Query(description="Words; in double quotes, a phrase.")],
    form: Wanted = "json",
    limit: Annotated[int, Query(ge=1, le=500)] = 20,
) -> Response:
    """Scenes of all runs that speak of all these words, best first."""
    return answer(find(desk_of(request).store, q, limit), form, 0, limit)


@router.post("/runs/{run_id}/reviews", status_code=201, responses=documented(404), summary="Review")
async def review(
    request: Request,
    run_id: Identifier,
    said: ReviewRequest,
    token: Annotated[Token, Depends(needs("review"))],
) -> Review:
    """Say what is right; it wins over every machine result. The token's name is the reviewer's."""
    run = await run_in_threadpool(desk_of(request).run, run_id)
    return await run_in_threadpool(
        run.review,
        said.subject,
        action=said.action,
        target=said.target,
        name=said.name,
        value=said.value,
        reviewer=token.name,
    )
