"""Open the scene browser on a run, or on a video that some run has."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from toolkit.errors import MissingExtraError, SourceError
from toolkit.execution.api import attach
from toolkit.execution.looking import open_store
from toolkit.hooks.manager import configure
from toolkit.insight.naming import latest_with
from toolkit.records import Video
from toolkit.stages.store import Store
from toolkit.widgets.catalogue import Catalogue

if TYPE_CHECKING:
    from toolkit.execution.run import RunHandle
    from toolkit.widgets.view import SceneBrowser

__all__ = ["browse", "of_run", "save_review"]


def browse(
    video: str | os.PathLike[str] | Video,
    *,
    height: int = 600,
    config: str | os.PathLike[str] | None = None,
    workspace: str | os.PathLike[str] | None = None,
) -> SceneBrowser:
    """The scenes of one video, as the latest run that has it found them, to look at and correct.

    Args:
        video: The video's path or link, a record of it, or its ``video_id`` or the start of it.
        height: Of the browser, in CSS pixels.
        config: A config file, as for :func:`toolkit.analyze`.
        workspace: Where the results are.

    Raises:
        MissingExtraError: The libraries of widgets are not installed.
        SourceError: No run of the workspace has such a video.
    """
    arguments = {"paths": {"workspace": Path(workspace).absolute()}} if workspace else {}
    settings, plugins, _ = configure(config, arguments)
    with open_store(settings, plugins) as store:
        row, video_id = latest_with(store, video)
    run = attach(row.id, config=config, workspace=workspace)
    made: SceneBrowser = run.browse(video_id, height=height)
    return made


def of_run(run: RunHandle, store: Store, video_id: str | None, height: int) -> SceneBrowser:
    """The browser of a run's scenes.

    Raises:
        MissingExtraError: The libraries of widgets are not installed.
        SourceError: The run has no such video.
    """
    try:
        from toolkit.widgets.view import SceneBrowser
    except ImportError as error:
        raise MissingExtraError("browse", "notebook", cause=error) from error
    catalogue = Catalogue(store, run.row, video_id)
    if video_id is not None and not catalogue.videos:
        raise SourceError(f"The run {run.id} has no video '{video_id}'.")
    return SceneBrowser(run, catalogue, save=save_review, height=height)


def save_review(run: RunHandle, scene_id: str, **said: Any) -> None:
    """Keep what a person said about a scene: ``target``, ``action``, ``name`` and ``value``."""
    run.review(scene_id, **said)
