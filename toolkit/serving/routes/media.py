"""Videos, and what there is of them to see."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request
from pydantic import BaseModel
from starlette.concurrency import run_in_threadpool
from starlette.responses import FileResponse

from toolkit.execution.aside import scene_of
from toolkit.insight import results
from toolkit.insight.reviewing import subject_of
from toolkit.insight.reviews import origin
from toolkit.records import Scene, Source, Video
from toolkit.serving.access import desk_of, needs, shown
from toolkit.serving.desk import Desk
from toolkit.serving.files import file_of, form_of, picture_of, sent
from toolkit.serving.models import Identifier, Link, Links, LinksRequest
from toolkit.serving.problems import RefusedError, documented
from toolkit.serving.tokens import Token
from toolkit.vault.files import plain_name

__all__ = ["Videos", "router"]

router = APIRouter(prefix="/v1", tags=["media"])
_MOST = 10**9


class VideoView(BaseModel):
    """A video: its title, and what is known of its file."""

    title: str
    video: Video


class Videos(BaseModel):
    """Some videos, in the order they came, and how many there are."""

    total: int
    videos: list[VideoView]


def _bytes(media_type: str) -> dict[int | str, dict[str, Any]]:
    content = {media_type: {"schema": {"type": "string", "format": "binary"}}}
    return {
        200: {"description": "The whole.", "content": content},
        206: {"description": "The range that was asked for.", "content": content},
        416: {"description": "It has no such range."},
        **documented(404),
    }


@router.get(
    "/videos", dependencies=[Depends(needs("read"))], responses=documented(), summary="List videos"
)
def list_videos(
    request: Request,
    offset: Annotated[int, Query(ge=0, le=_MOST)] = 0,
    limit: Annotated[int, Query(ge=1, le=500)] = 50,
) -> Videos:
    """The videos of the workspace."""
    desk = desk_of(request)
    every = desk.store.find(Video)
    return Videos(total=len(every), videos=_views(desk, every[offset : offset + limit]))


@router.get(
    "/videos/{video_id}",
    dependencies=[Depends(needs("read"))],
    responses=documented(404),
    summary="Show a video",
)
def show_video(request: Request, video_id: Identifier) -> VideoView:
    """A video's metadata."""
    desk = desk_of(request)
    return _views(desk, [desk.video(video_id)])[0]


@router.get(
    "/videos/{video_id}/file",
    dependencies=[Depends(shown)],
    response_class=FileResponse,
    responses=_bytes("video/*"),
    summary="A video's file",
)
def file(request: Request, video_id: Identifier) -> FileResponse:
    """The file, whole or in ranges."""
    desk = desk_of(request)
    video = desk.video(video_id)
    path = file_of(video)
    return sent(path, form_of(path), plain_name(path).name)


@router.get(
    "/runs/{run_id}/scenes/{scene_id}/thumbnail",
    dependencies=[Depends(shown)],
    response_class=FileResponse,
    responses=_bytes("image/jpeg"),
    summary="A scene's picture",
)
def thumbnail(request: Request, run_id: Identifier, scene_id: Identifier) -> FileResponse:
    """A JPEG as wide as [scenes] thumbnail_width says."""
    desk = desk_of(request)
    scene = scene_of(desk.store, desk.row(run_id), origin(scene_id))
    if path := picture_of(scene, desk.settings.workspace):
        return sent(path, "image/jpeg")
    raise RefusedError(404, f"There is no picture of the scene '{scene_id}'.")


@router.get(
    "/runs/{run_id}/scenes/{scene_id}/clip",
    dependencies=[Depends(shown)],
    response_class=FileResponse,
    responses=_bytes("video/mp4"),
    summary="A scene's film",
)
async def clip(request: Request, run_id: Identifier, scene_id: Identifier) -> FileResponse:
    """The scene as an mp4 that browsers play, five minutes at most."""
    desk = desk_of(request)

    def made() -> Path:
        subject = subject_of(desk.store, desk.row(run_id), scene_id)
        if not isinstance(subject, Scene):
            raise RefusedError(404, f"There is no scene '{scene_id}'.")
        return desk.clips.of(subject, desk.video(subject.video_id))

    async with desk.cutting.passed():
        path = await run_in_threadpool(made)
    return sent(path, "video/mp4")


@router.post("/links", responses=documented(), summary="Links for pictures and films")
def links(
    request: Request, wanted: LinksRequest, token: Annotated[Token, Depends(needs("read"))]
) -> Links:
    """Links that need no token for a while, for what sends none: `img` and `video` of a page."""
    signer = desk_of(request).signer
    made = [Link(path=path, url=signer.link(path, token)) for path in wanted.paths]
    return Links(links=made, life_s=signer.life_s)


def _views(desk: Desk, videos: list[Video]) -> list[VideoView]:
    sources = desk.store.find(Source, video_id=[video.id for video in videos])
    titles = results.titles_of(videos, sources)
    return [VideoView(title=titles[video.id], video=video) for video in videos]
