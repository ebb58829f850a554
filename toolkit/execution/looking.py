"""Look at a workspace without starting anything: its runs, its scenes, what a run would take."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from toolkit.config import RawConfig, Settings
from toolkit.hooks.manager import PluginManager, configure
from toolkit.insight import frames
from toolkit.insight.plan import Plan, planned
from toolkit.privacy.audit import AuditLog
from toolkit.privacy.audited import AuditedStore
from toolkit.stages.private import made
from toolkit.stages.store import Store

__all__ = ["Sources", "known_store", "open_store", "plan", "runs", "search", "settings_of"]

Sources = str | os.PathLike[str] | Iterable[str | os.PathLike[str]]


def plan(
    sources: Sources,
    *,
    calibrate: bool | None = None,
    config: str | os.PathLike[str] | None = None,
    workspace: str | os.PathLike[str] | None = None,
    **sections: Mapping[str, Any],
) -> Plan:
    """What :func:`analyze` would take: how much video, what is done already, time, disk, memory.

    Args:
        sources: As for :func:`analyze`, and so are those that are not told here.
        calibrate: Whether to measure, on the first scenes of the shortest video, instead of asking
            past runs; None: where there are none, and the models are on this machine.
        config: A config file.
        workspace: Where results are kept.
        sections: Settings by section.
    """
    arguments: dict[str, dict[str, Any]] = {name: dict(v) for name, v in sections.items()}
    if workspace is not None:
        arguments.setdefault("paths", {})["workspace"] = Path(workspace).absolute()
    settings, plugins, _ = configure(config, arguments)
    given = [sources] if isinstance(sources, str | os.PathLike) else list(sources)
    return planned(given, settings, plugins, calibrate=calibrate)


def runs(
    *,
    config: str | os.PathLike[str] | None = None,
    workspace: str | os.PathLike[str] | None = None,
) -> Any:
    """All runs of the workspace as a Polars frame, the latest first."""
    settings, plugins, _ = settings_of(config, workspace)
    with open_store(settings, plugins) as store:
        return frames.runs(store)


def search(
    words: str,
    *,
    limit: int = 20,
    config: str | os.PathLike[str] | None = None,
    workspace: str | os.PathLike[str] | None = None,
) -> Any:
    """Scenes that speak of these words, best first, as a Polars frame."""
    from toolkit.insight import search as find

    settings, plugins, _ = settings_of(config, workspace)
    with open_store(settings, plugins) as store:
        return find.search(store, words, limit=limit)


def open_store(settings: Settings, plugins: PluginManager) -> Store:
    """The chosen store, for reading results; it stays open as long as somebody holds it."""
    made(settings.workspace)
    store = plugins.make(Store, "store", settings.store.plugin, settings).component
    return AuditedStore(store, AuditLog(settings.workspace))


def settings_of(
    config: str | os.PathLike[str] | None, workspace: str | os.PathLike[str] | None
) -> tuple[Settings, PluginManager, RawConfig]:
    """The settings that lead to a workspace."""
    arguments = {"paths": {"workspace": Path(workspace).absolute()}} if workspace else {}
    return configure(config, arguments)


@contextmanager
def known_store(settings: Settings, plugins: PluginManager) -> Iterator[Store | None]:
    """The workspace's store, if there is a workspace yet."""
    if not settings.workspace.is_dir():
        yield None
        return
    with open_store(settings, plugins) as store:
        yield store
