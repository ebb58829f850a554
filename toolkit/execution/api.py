"""Start runs and find them again: what ``toolkit.analyze`` and its siblings are."""

from __future__ import annotations

import functools
import os
import socket
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from toolkit.config import Settings
from toolkit.execution import aside, live
from toolkit.execution.detach import begin
from toolkit.execution.display import follow
from toolkit.execution.engines import Engine
from toolkit.execution.local import LocalEngine
from toolkit.execution.looking import Sources, open_store, settings_of
from toolkit.execution.ray.engine import find, launch
from toolkit.execution.ray.named import id_for
from toolkit.execution.recall import recalled, versions
from toolkit.execution.run import RunHandle
from toolkit.execution.uploads import clouds_of
from toolkit.hooks.manager import PluginManager, configure
from toolkit.insight.naming import run_called
from toolkit.pipeline import Pipeline
from toolkit.privacy.audit import user
from toolkit.records import Question, Run, Source
from toolkit.sources import Expanded, anchored, expand
from toolkit.stages.store import Store

__all__ = ["analyze", "attach", "resume", "submit"]

Asked = str | Question | Iterable[str | Question]


def analyze(
    sources: Sources,
    *,
    ask: Asked = (),
    analyzer: str | Iterable[str] | None = None,
    config: str | os.PathLike[str] | None = None,
    workspace: str | os.PathLike[str] | None = None,
    engine: str | None = None,
    progress: bool = True,
    **sections: Mapping[str, Any],
) -> RunHandle:
    """Analyze videos and wait for the end, with a progress bar. Ctrl-C stops cleanly.

    Args:
        sources: Paths, patterns, folders, links, ``@list.txt`` files; one or several.
        ask: Questions about every scene, besides those of the config: lines such as
            ``"Is it raining? [yes/no]"``, or :class:`Question` objects; one or several.
        analyzer: Names of analyzers instead of those of the config.
        config: A config file; None for ``$TOOLKIT_CONFIG`` or ``config.ini`` in this folder.
        workspace: Where results are kept instead of ``[paths] workspace``.
        engine: What runs it instead of ``[execution] engine``: ``"local"`` or ``"ray"``.
        progress: Whether to show progress.
        sections: Settings by section, over those of the config:
            ``scenes={"plugin": "content"}, analysis={"qwen2vl": {"device": "cpu"}}``.

    Returns:
        The run, at its end. One source's trouble is a row of ``run.failures``.

    Raises:
        ConfigError: A setting does not fit.
        PluginError: A chosen plugin is unknown or cannot start.
        StoreError: The results cannot be kept.
    """
    handle = submit(
        sources,
        ask=ask,
        analyzer=analyzer,
        config=config,
        workspace=workspace,
        engine=engine,
        detach=False,
        **sections,
    )
    follow(handle, show=progress)
    return handle


def submit(
    sources: Sources,
    *,
    ask: Asked = (),
    analyzer: str | Iterable[str] | None = None,
    config: str | os.PathLike[str] | None = None,
    workspace: str | os.PathLike[str] | None = None,
    engine: str | None = None,
    detach: bool = False,
    **sections: Mapping[str, Any],
) -> RunHandle:
    """The same as :func:`analyze`, but returns at once; the work goes on in the background.

    Args:
        sources: As for :func:`analyze`, and so are those that are not told here.
        ask: Questions.
        analyzer: Names of analyzers.
        config: A config file.
        workspace: Where results are kept.
        engine: What runs it.
        detach: Run in a process of its own, which goes on when this one ends. It takes a second
            or two to start. Plugins defined in this process travel to it by value, with Ray's
            libraries. Events are in its log, ``logs/<run>.log`` in the workspace.
        sections: Settings by section.
    """
    arguments: dict[str, dict[str, Any]] = {name: dict(v) for name, v in sections.items()}
    if analyzer is not None:
        names = (analyzer,) if isinstance(analyzer, str) else tuple(analyzer)
        arguments.setdefault("analysis", {})["plugin"] = names
    if workspace is not None:
        arguments.setdefault("paths", {})["workspace"] = Path(workspace).absolute()
    if engine is not None:
        arguments.setdefault("execution", {})["engine"] = engine
    settings, plugins, raw = configure(config, arguments)
    settings = asking(settings, (ask,) if isinstance(ask, str | Question) else ask)
    given = [sources] if isinstance(sources, str | os.PathLike) else list(sources)
    return start(given, settings, plugins, raw.file, detach=detach)


def asking(
    settings: Settings, questions: Iterable[str | Question], of_videos: Iterable[str] = ()
) -> Settings:
    """The settings with more questions; one with the words of an old one takes its place.

    Args:
        settings: The settings.
        questions: About every scene.
        of_videos: About every video as a whole.
    """
    analysis = settings.analysis
    more = [
        Question.parse(one, settings.base) if isinstance(one, str) else one for one in questions
    ]
    merged = {question.text: question for question in [*analysis.questions, *more]}
    wholes = tuple(dict.fromkeys([*analysis.video_questions, *of_videos]))
    update = {"questions": tuple(merged.values()), "video_questions": wholes}
    return settings.model_copy(update={"analysis": analysis.model_copy(update=update)})


def start(
    given: Iterable[str | os.PathLike[str]],
    settings: Settings,
    plugins: PluginManager,
    file: Path | None = None,
    *,
    detach: bool = False,
    by: str | None = None,
) -> RunHandle:
    """Start a run with settings that are already made, from this config file.

    Args:
        given: As people name it.
        settings: The settings.
        plugins: The plugins that they allow.
        file: The config file.
        detach: Run in a process of its own.
        by: Who asked for it; None for who is logged in.
    """
    aside.free()  # the run may need the memory
    words = [os.fspath(word) for word in given]
    if detach:
        run_id = begin(words, settings, file)
        return taken_up(open_store(settings, plugins), run_id, settings, plugins, file, detach=True)
    pipeline = Pipeline(settings, plugins)
    try:
        row = Run(
            id=id_for(pipeline.store),
            sources=tuple(map(anchored, words)),
            settings={"base": str(settings.base), **settings.shown()},
            lineage=pipeline.crew.lineage,
            versions=versions(),
            host=socket.gethostname(),
            pid=os.getpid(),
        )
        sources = [asked_for(one, by) for one in expand(words)]
        engine: Engine
        if settings.execution.engine == "ray":
            engine = launch(settings, plugins, pipeline, row, sources)
        else:
            engine = local = LocalEngine(pipeline, row, sources)
            local.start()
        store, again = open_store(settings, plugins), Again(settings.workspace, file)
        clouds = functools.partial(clouds_of, settings, plugins)
        handle = RunHandle(store, row.id, engine=engine, again=again, clouds=clouds)
    except BaseException:
        pipeline.close()
        raise
    return live.keep(handle)


def asked_for(found: Expanded, by: str | None = None) -> Expanded:
    """A source, and who asked for it."""
    if isinstance(found, Source):
        return found.model_copy(update={"requested_by": by or user()})
    return found


def attach(
    run_id: str,
    *,
    config: str | os.PathLike[str] | None = None,
    workspace: str | os.PathLike[str] | None = None,
) -> RunHandle:
    """The run with this id, live or past, of this process or another.

    The id may be shortened as long as it is clear; ``last`` is the latest run of the workspace.

    Raises:
        StoreError: There is no such run.
    """
    if known := live.find(run_id):
        return known
    settings, plugins, raw = settings_of(config, workspace)
    store = open_store(settings, plugins)
    return taken_up(store, run_called(store, run_id).id, settings, plugins, raw.file)


def taken_up(
    store: Store,
    run_id: str,
    settings: Settings,
    plugins: PluginManager,
    file: Path | None,
    *,
    detach: bool = False,
) -> RunHandle:
    """The same as :func:`attach`, with a store that is open and the run's whole id."""
    again = Again(settings.workspace, file, detach=detach)
    clouds = functools.partial(clouds_of, settings, plugins)
    if known := live.find(run_id):
        return known
    row, engine = RunHandle(store, run_id).row, None
    if row.standing == "running" and row.engine == "ray":
        engine = find(settings, plugins, row)
    return live.seen(RunHandle(store, run_id, engine=engine, again=again, clouds=clouds))


def resume(
    row: Run,
    workspace: Path,
    file: Path | None = None,
    sources: Sequence[str] | None = None,
    *,
    ask: Iterable[str | Question] = (),
    of_videos: Iterable[str] = (),
    detach: bool = False,
) -> RunHandle:
    """Start a run's work again with its own settings; secrets come from the config anew.

    Args:
        row: The run.
        workspace: Where the run was found: it goes on there.
        file: The config file that has the secrets.
        sources: Instead of all that the run was asked for.
        ask: More questions about every scene.
        of_videos: More questions about every video as a whole.
        detach: Run in a process of its own.
    """
    settings, plugins, raw = recalled(row, workspace, file)
    given = row.sources if sources is None else sources
    settings = asking(settings, ask, of_videos)
    return start(given, settings, plugins, raw.file, detach=detach)


@dataclass(frozen=True)
class Again:
    """Starts runs again: where they were found, with the secrets of this config file."""

    workspace: Path
    file: Path | None
    detach: bool = False

    def __call__(self, row: Run, sources: Sequence[str] | None, **asked: Any) -> RunHandle:
        return resume(row, self.workspace, self.file, sources, detach=self.detach, **asked)

    def settings(self, row: Run) -> tuple[Settings, PluginManager]:
        """The settings that the run would be started again with."""
        settings, plugins, _ = recalled(row, self.workspace, self.file)
        return settings, plugins
