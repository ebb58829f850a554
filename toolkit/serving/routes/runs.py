"""Runs: start, list, follow, stop, ask more."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Header, Query, Request, Response
from starlette.concurrency import run_in_threadpool
from starlette.responses import StreamingResponse

from toolkit.records import Answer, Run
from toolkit.serving.access import desk_of, needs
from toolkit.serving.events import stream
from toolkit.serving.intake import questions_of
from toolkit.serving.models import (
    Identifier,
    QuestionRequest,
    QuestionsRequest,
    RunRequest,
    Runs,
    RunView,
)
from toolkit.serving.problems import RefusedError, documented
from toolkit.serving.tokens import Token

__all__ = ["router"]

router = APIRouter(prefix="/v1/runs", tags=["runs"])
_MOST = 10**9


@router.post(
    "",
    status_code=202,
    responses=documented(404, 409),
    summary="Start a run",
)
def start(
    request: Request,
    response: Response,
    wanted: RunRequest,
    token: Annotated[Token, Depends(needs("run"))],
) -> RunView:
    """Analyze videos. What is done already is not done again."""
    desk = desk_of(request)
    analysis: dict[str, object] = {
        name: True for name in ("summary", "chapters") if getattr(wanted, name)
    }
    if wanted.analyzers:
        analysis["plugin"] = tuple(wanted.analyzers)
    questions = questions_of(wanted.questions)
    run = desk.start(wanted.sources, questions, wanted.video_questions, analysis, token.name)
    response.headers["Location"] = f"/v1/runs/{run.id}"
    return RunView.of(run)


@router.get(
    "", dependencies=[Depends(needs("read"))], responses=documented(), summary="List the runs"
)
def list_runs(
    request: Request,
    offset: Annotated[int, Query(ge=0, le=_MOST)] = 0,
    limit: Annotated[int, Query(ge=1, le=500)] = 50,
) -> Runs:
    """The runs of the workspace, the latest first."""
    desk = desk_of(request)
    rows = sorted(desk.store.find(Run), key=lambda row: row.started_at, reverse=True)
    shown = rows[offset : offset + limit]
    return Runs(total=len(rows), runs=[RunView.of(desk.run(row.id), row) for row in shown])


@router.get(
    "/{run_id}",
    dependencies=[Depends(needs("read"))],
    responses=documented(404),
    summary="Show a run",
)
def show(request: Request, run_id: Identifier) -> RunView:
    """A run, and how far it is."""
    return RunView.of(desk_of(request).run(run_id))


@router.get(
    "/{run_id}/events",
    response_class=StreamingResponse,
    responses={
        200: {
            "description": "Server-sent events: `source`, `video`, `scene`, `failure`, `skipped`, "
            "`transfer`, `status` with a number, `progress`, and `end`.",
            "content": {"text/event-stream": {}},
        },
        **documented(404),
    },
    summary="Follow a run",
)
def follow(
    request: Request,
    run_id: Identifier,
    token: Annotated[Token, Depends(needs("read"))],
    last_event_id: Annotated[
        int, Header(ge=0, le=_MOST, description="The number of the last event that was heard.")
    ] = 0,
) -> Response:
    """What happened and happens, until the run's end."""
    desk = desk_of(request)
    run = desk.run(run_id)
    if not desk.following.is_open:
        raise RefusedError(429, "Too many follow runs already.", hint="Ask for the run instead.")
    return StreamingResponse(
        stream(desk, run, token, last_event_id), media_type="text/event-stream"
    )


@router.post(
    "/{run_id}/cancel",
    status_code=202,
    dependencies=[Depends(needs("run"))],
    responses=documented(404),
    summary="Stop a run",
)
def cancel(request: Request, run_id: Identifier) -> RunView:
    """Ask a run to stop, whichever process it is in. What is done stays done."""
    run = desk_of(request).run(run_id)
    if not run.done:
        run.cancel()
    return RunView.of(run)


@router.post(
    "/{run_id}/questions",
    status_code=202,
    dependencies=[Depends(needs("run"))],
    responses=documented(404, 409),
    summary="Ask about every scene or video",
)
def ask(
    request: Request, response: Response, run_id: Identifier, wanted: QuestionsRequest
) -> RunView:
    """Put more questions, as a new run that has the answers of this one, too."""
    desk = desk_of(request)
    if not wanted.questions and not wanted.video_questions:
        raise RefusedError(422, "There is no question.")
    questions = questions_of(wanted.questions)
    run = desk.ask(desk.run(run_id), questions, wanted.video_questions, wanted.video)
    response.headers["Location"] = f"/v1/runs/{run.id}"
    return RunView.of(run)


@router.post(
    "/{run_id}/scenes/{scene_id}/questions",
    dependencies=[Depends(needs("run"))],
    responses=documented(404, 409),
    summary="Ask about one scene",
)
async def ask_scene(
    request: Request, run_id: Identifier, scene_id: Identifier, wanted: QuestionRequest
) -> list[Answer]:
    """Put a question to the run's analyzers, and wait for the answers."""
    desk = desk_of(request)
    (question,) = questions_of([wanted.question])
    async with desk.asking.passed():
        run = await run_in_threadpool(desk.run, run_id)
        return await run_in_threadpool(run.ask_scene, scene_id, question)
