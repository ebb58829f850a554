"""A tagger or an analyzer tried on one scene, for whoever is writing it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import closing
from typing import TYPE_CHECKING, Any

from toolkit.config import Settings
from toolkit.crew import Crew
from toolkit.errors import PluginError, StoreError
from toolkit.execution import live
from toolkit.execution.api import attach
from toolkit.execution.aside import scene_of, settings_of
from toolkit.execution.run import RunHandle
from toolkit.hooks.manager import PluginManager
from toolkit.hooks.specs import Plugin
from toolkit.insight import columns, results
from toolkit.records import Analysis, Answer, Scene, Video
from toolkit.revisit import reread
from toolkit.stages.analysis import Look
from toolkit.stages.component import Cancel
from toolkit.stages.tags import apart, named

if TYPE_CHECKING:
    import polars as pl

__all__ = ["try_on"]

_TRIED = ("tags", "analysis")


def try_on(
    scene: Scene | Mapping[str, Any] | pl.DataFrame | str,
    plugin: Plugin | Callable[..., Any] | str,
    *,
    run: RunHandle | str | None = None,
) -> pl.DataFrame:
    """What a tagger or an analyzer says of one scene, at once; nothing of it is kept.

    What it raises comes as it is, so that the traceback leads to its line.

    Args:
        scene: A scene of a run: its id, a row of ``run.scenes``, or the record.
        plugin: What was defined in this process, or the name of any plugin.
        run: The run, or its id; None for the one that was made last. The tagger reads what this
            run's analyzers said; the analyzer sees the frames that they saw.

    Returns:
        A row a tag: label, score, why. Of an analyzer a row an answer: kind, name, text, value (as
        JSON), confidence, seconds.

    Raises:
        PluginError: There is no such tagger or analyzer.
        StoreError: The run has no such scene.
        ToolkitError: The plugin failed.
    """
    handle = run if isinstance(run, RunHandle) else attach(run) if run else live.current()
    store, row = handle._store, handle.row
    settings, plugins = settings_of(handle)
    stage, name = _named(plugin, plugins)
    elsewhere = "Name the run that it is from: tk.try_on(scene, plugin, run=run)."
    record = scene_of(store, row, _id_of(scene), hint=elsewhere)
    (video,) = store.find(Video, id=record.video_id)
    with closing(Crew(_for(settings, stage, name), plugins)) as crew:
        if stage == "tags":
            return _tags(crew, name, record, video, results.answers_of(store, row, [record]))
        return _answers(crew, name, record, video)


def _id_of(scene: Any) -> str:
    if isinstance(scene, Scene):
        return scene.id
    if hasattr(scene, "to_dicts"):
        rows = scene.to_dicts()
        if len(rows) != 1:
            raise StoreError(f"These are {len(rows)} scenes.", hint="Give one: run.scenes[0].")
        (scene,) = rows
    found = scene.get("scene_id") if isinstance(scene, Mapping) else scene
    if not isinstance(found, str):
        raise StoreError(
            f"{type(scene).__name__} is no scene.",
            hint="Give a row of run.scenes, such as run.scenes[0], or a scene_id.",
        )
    return found


def _named(plugin: Plugin | Callable[..., Any] | str, plugins: PluginManager) -> tuple[str, str]:
    """The stage and the name of what is to be tried."""
    name = plugin if isinstance(plugin, str) else getattr(plugin, "name", None)
    name = name if isinstance(name, str) else getattr(plugin, "__name__", repr(plugin))
    known = {(one.stage, one.name) for one, _ in plugins.plugins()}
    for stage in _TRIED:
        if (stage, name) in known:
            return stage, name
    stage = next((stage for stage, called in known if called == name), "")
    if stage:
        raise PluginError(
            f"'{name}' is a plugin of the stage '{stage}'; taggers and analyzers can be tried.",
            hint=f"Try it on a video: tk.analyze(video, {stage}={{'plugin': '{name}'}}).",
        )
    raise PluginError(
        f"There is no tagger or analyzer '{name}'.",
        hint="Put @tk.tagger or @tk.analyzer above its definition and run the cell.",
    )


def _for(settings: Settings, stage: str, name: str) -> Settings:
    """The settings with this plugin alone in its stage: the others would cost something."""
    section = getattr(settings, stage)
    return settings.model_copy(update={stage: section.model_copy(update={"plugin": (name,)})})


def _tags(
    crew: Crew, name: str, scene: Scene, video: Video, said: dict[str, tuple[Answer, ...]]
) -> pl.DataFrame:
    import polars as pl

    (job,) = [job for job in crew.taggers if job.name == name]
    given = job.component.tag(scene, Analysis.of(scene.id, said[scene.id]), video)
    tags = apart(named(given, crew.vocabulary), crew.vocabulary)
    schema = {"label": pl.String(), "score": pl.Float64(), "why": pl.String()}
    return columns.frame([[tag.label, tag.score, tag.why] for tag in tags], schema)


def _answers(crew: Crew, name: str, scene: Scene, video: Video) -> pl.DataFrame:
    import polars as pl

    cancel = Cancel()
    (job,) = [job for job in crew.analyzers if job.name == name]
    readers = crew.readers
    (frames,) = readers.do(reread, video, [scene], readers.settings, cancel=cancel)
    rows = []
    (replies,) = job.component.analyze([Look(frames, job.asks)], job.key, cancel)
    for reply in replies:
        if not isinstance(reply, Answer):
            raise reply[1]
        value = None if reply.value is None else columns.as_json(reply.value)
        took = reply.evidence.seconds
        rows.append([reply.kind, reply.name, reply.text, value, reply.confidence, took])
    schema = {
        "kind": pl.String(),
        "name": pl.String(),
        "text": pl.String(),
        "value": pl.String(),
        "confidence": pl.Float64(),
        "seconds": pl.Float64(),
    }
    return columns.frame(rows, schema)
