"""What is installed, what is missing, and how to get it."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
import platform
import shutil
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import typer

from toolkit.cli.models import shelves
from toolkit.cli.output import print_json, size, table
from toolkit.cli.plugins import install, lenient, missing
from toolkit.cli.setup import FAILED, Json, Setup, command
from toolkit.errors import ToolkitError

if TYPE_CHECKING:
    from toolkit.config import Settings
    from toolkit.hooks.manager import PluginManager

__all__ = ["add_to"]

_LOW_BYTES = 5e9  # a model is about as large, and so are a few films
_OLD_DAYS = 90


@dataclass(frozen=True)
class Check:
    """One thing looked at. ``wrong`` means that a run with this config would fail."""

    what: str
    status: Literal["ok", "note", "wrong"]
    detail: str
    hint: str = ""


def add_to(app: typer.Typer) -> None:
    """Add the commands of this file."""
    command(app, "doctor", example="toolkit doctor --json")(doctor)


def doctor(setup: Setup, as_json: Json = False) -> None:
    """Look at what a run needs: plugins, GPU, disk, model, store. Nothing is fetched or changed.

    Exit code 1 if a run with this config would fail.
    """
    checks = list(_look(setup))
    if as_json:
        print_json({"checks": [asdict(check) for check in checks]})
    else:
        table(
            ["", "what", "found", "what to do"],
            [[check.status, check.what, check.detail, check.hint] for check in checks],
            wide=(2, 3),
        )
    if any(check.status == "wrong" for check in checks):
        raise typer.Exit(FAILED)


def _look(setup: Setup) -> Iterator[Check]:
    import toolkit

    yield Check("toolkit", "ok", toolkit.__version__)
    yield Check("python", "ok", f"{platform.python_version()} ({sys.executable})")
    settings, plugins, error = lenient(setup)
    if error:
        yield Check("config", "wrong", error.message, error.hint or "")
    else:
        yield Check("config", "ok", str(setup.file or "none: defaults"))
    yield from _plugins(settings, plugins)
    yield _gpu()
    yield from _downloads()
    if settings:
        yield _disk(settings.workspace)
        yield _store(settings, plugins)
        yield from _models(settings, plugins)


def _plugins(settings: Settings | None, plugins: PluginManager) -> Iterator[Check]:
    for broken in plugins.broken:
        yield Check(f"plugin {broken.provider}", "note", broken.reason, "It is left out.")
    for plugin, _ in plugins.plugins():
        what = f"{plugin.stage} {plugin.name}"
        chosen = bool(settings and plugin.name in settings.chosen(plugin.stage))
        if lacks := missing(plugin):
            detail = f"{'chosen, but ' if chosen else ''}not installed: {', '.join(lacks)}"
            # A storage is needed only by a URL of its cloud, an embedder by who compares texts.
            needed = chosen and plugin.stage not in ("storage", "embedding")
            yield Check(what, "wrong" if needed else "note", detail, install(plugin))
        else:
            yield Check(what, "ok", "chosen" if chosen else "")
    from toolkit.config.settings import STAGES

    for stage in STAGES:
        for name in settings.chosen(stage) if settings else ():
            try:
                plugins.get(stage, name)
            except ToolkitError as error:
                yield Check(f"{stage} {name}", "wrong", error.message, error.hint or "")


def _gpu() -> Check:
    if importlib.util.find_spec("torch") is None:
        there = shutil.which("nvidia-smi") is not None
        return Check("gpu", "note", "seen, but torch is missing" if there else "not looked for")
    import torch

    if torch.cuda.is_available():
        cards = [torch.cuda.get_device_properties(i) for i in range(torch.cuda.device_count())]
        return Check("gpu", "ok", ", ".join(f"{c.name} {size(c.total_memory)}" for c in cards))
    if torch.backends.mps.is_available():
        return Check("gpu", "ok", "Apple GPU (mps)")
    return Check("gpu", "note", "none: models run on the CPU, which takes minutes a scene")


def _downloads() -> Iterator[Check]:
    """Sites change every few weeks, and yt-dlp, whose versions are dates, changes with them."""
    try:
        version = importlib.metadata.version("yt-dlp")
        made = datetime(*map(int, version.split(".")[:3]), tzinfo=UTC)  # type: ignore[misc,arg-type]
    except (importlib.metadata.PackageNotFoundError, ValueError, TypeError):
        return
    age = (datetime.now(UTC) - made).days
    if age > _OLD_DAYS:
        hint = "If a site fails: pip install --upgrade yt-dlp"
        yield Check("yt-dlp", "note", f"{version} is {age} days old", hint)
    else:
        yield Check("yt-dlp", "ok", version)


def _disk(workspace: Path) -> Check:
    place = next(folder for folder in (workspace, *workspace.parents) if folder.exists())
    if not os.access(place, os.W_OK):
        hint = "Choose another with --workspace or [paths] workspace."
        return Check("workspace", "wrong", f"{place} cannot be written", hint)
    free = shutil.disk_usage(place).free
    detail = f"{workspace}{'' if place == workspace else ' (not made yet)'}, {size(free)} free"
    if free < _LOW_BYTES:
        return Check("workspace", "note", detail, "Little room for downloads and models.")
    return Check("workspace", "ok", detail)


def _store(settings: Settings, plugins: PluginManager) -> Check:
    from toolkit.execution.looking import open_store
    from toolkit.records import Run

    if not settings.workspace.is_dir():
        return Check("store", "ok", "made by the first run")
    try:
        with open_store(settings, plugins) as store:
            return Check("store", "ok", f"{store.count(Run)} runs")
    except ToolkitError as error:
        return Check("store", "wrong", error.message, error.hint or "")


def _models(settings: Settings, plugins: PluginManager) -> Iterator[Check]:
    """Whether the models that chosen plugins name are on this machine. Asks no network."""
    for shelf in shelves(settings, plugins):
        for model in shelf.models.known() if shelf.chosen else ():
            if not model.chosen:
                continue
            what = f"model of {shelf.plugin}"
            if model.here == "yes":
                detail = f"{model.name}, {size(model.size_bytes)} in {model.place}"
                yield Check(what, "ok", detail)
            else:
                there = "not" if model.here == "no" else "only partly"
                yield Check(
                    what,
                    "note",
                    f"{model.name} is {there} in {model.place}: the first run fetches it",
                    f"Fetch it now: toolkit models pull {model.name}. Or name a folder: "
                    "[analysis] model. Or choose an analyzer without a model: "
                    "--analyzer signals.",
                )
