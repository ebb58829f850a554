"""Files that go out: those that results name, as long as they are what they were."""

from __future__ import annotations

import re
from contextlib import ExitStack
from pathlib import Path

from starlette.concurrency import run_in_threadpool
from starlette.responses import FileResponse
from starlette.types import Receive, Scope, Send

from toolkit.errors import SourceError
from toolkit.media.files import CONTAINERS
from toolkit.records import Scene, Video
from toolkit.vault.files import is_sealed, opened, plain_name

__all__ = ["file_of", "form_of", "picture_of", "sent"]

_TYPES = {"matroska": "video/matroska", "mov": "video/quicktime", "mpegts": "video/mp2t"}


def file_of(video: Video) -> Path:
    """The video's file, if it is still the one that was analyzed.

    Raises:
        SourceError: It is gone, or another is in its place: a link that leads elsewhere, say.
    """
    path = Path(video.path)
    try:
        same = path.resolve(strict=True) == path and path.is_file()
        # Of a sealed file the size is another; that nobody changed it shows when it is opened.
        if same and (path.stat().st_size == video.size_bytes or is_sealed(path)):
            return path
    except (OSError, RuntimeError):  # a circle of links
        pass
    raise SourceError("The video's file is gone, or is another one now.", hint="Analyze it again.")


def picture_of(scene: Scene, workspace: Path) -> Path | None:
    """The scene's thumbnail, if there is one in the workspace."""
    path = Path(scene.thumbnail)
    try:
        inside = path.resolve(strict=True).is_relative_to(workspace.resolve())
        return path if scene.thumbnail and inside and path.is_file() else None
    except (OSError, RuntimeError):  # a circle of links
        return None


def form_of(path: Path) -> str:
    """The media type of a video's file.

    It is never guessed from the whole of what a name may say: a page must not come out of it.
    """
    form = CONTAINERS.get(plain_name(path).suffix.lower(), "")
    return _TYPES.get(form, f"video/{form}") if form else "application/octet-stream"


def sent(path: Path, media_type: str, name: str | None = None) -> FileResponse:
    """A file as an answer, whole or in the ranges that are asked for; a sealed one plain.

    Args:
        path: The file.
        media_type: What it is.
        name: Under which it is saved; None for what is shown in a page.
    """
    shown = re.sub(r"[^\w. -]+", "-", name) if name else None
    if is_sealed(path):
        return _Opened(path, media_type=media_type, filename=shown)
    return FileResponse(path, media_type=media_type, filename=shown, stat_result=path.stat())


class _Opened(FileResponse):
    """A sealed file, of which there is a plain copy in a private folder while it is sent."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send it."""
        with ExitStack() as stack:
            self.path = await run_in_threadpool(stack.enter_context, opened(Path(self.path)))
            await super().__call__(scope, receive, send)
