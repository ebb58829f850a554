"""Results to files and back, and whole stores to other places: as functions."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from toolkit.exchange import copying, places
from toolkit.exchange.copying import Copied
from toolkit.exchange.export import export as export_from
from toolkit.execution.api import attach
from toolkit.execution.looking import open_store
from toolkit.hooks.manager import configure
from toolkit.stages.store import Store

__all__ = ["Copied", "copy_store", "export", "import_", "open_named"]

AnyPath = str | os.PathLike[str]


def export(
    to: AnyPath,
    *,
    run: str | None = None,
    what: str | None = None,
    form: str | None = None,
    force: bool = False,
    config: AnyPath | None = None,
    workspace: AnyPath | None = None,
) -> list[Path]:
    """Write results to a file in the form that its suffix names.

    Args:
        to: ``.jsonl`` or ``.jsonl.gz`` for every record, which :func:`import_` reads again;
            ``.parquet``, ``.csv``, ``.vtt``, ``.edl``, ``.otio`` or ``.json`` (FiftyOne) for a view
            of a run. A folder for the forms of which a file is about one video.
        run: A run's id or the start of it; None for all that the store holds, as ``.jsonl``.
        what: What a table or WebVTT shows: ``scenes``, ``answers``, ``tags``, ``videos``,
            ``chapters``, ``statements``, ``failures`` or ``reviews``.
        form: Instead of that of the suffix.
        force: Replace files that are there.
        config: A config file, as for :func:`toolkit.analyze`.
        workspace: Where the results are.

    Returns:
        The files that were written.

    Raises:
        ConfigError: There is no such form, or it cannot show that.
        MediaError: A file is there already, or cannot be written.
        StoreError: There is no such run.
    """
    if run is not None:
        handle = attach(run, config=config, workspace=workspace)
        return handle.export(to, what=what, form=form, force=force)
    with _own(config, workspace) as store:
        return export_from(store, None, Path(to), what=what, form=form, force=force)


def import_(
    path: AnyPath, *, config: AnyPath | None = None, workspace: AnyPath | None = None
) -> dict[str, int]:
    """Save the records of a ``.jsonl`` file that :func:`export` wrote.

    Args:
        path: The file.
        config: A config file, as for :func:`toolkit.analyze`.
        workspace: Where the records are kept.

    Returns:
        How many records of each kind there were.

    Raises:
        SourceError: The file holds something else, or only a part of what was exported; then
            nothing of it is saved.
    """
    with _own(config, workspace) as store:
        return copying.import_records(store, Path(path))


def copy_store(
    source: str,
    target: str,
    *,
    config: AnyPath | None = None,
    workspace: AnyPath | None = None,
) -> list[Copied]:
    """Copy all that a store holds into another; what is there already is not written again.

    Args:
        source: From where: a store plugin's name, with the options of the config (``"sqlite"``), a
            file (``"results.db"``) or a link (``"mongodb://db.example.org/archive"``).
            ``${VARIABLE}`` stands for a variable of the environment.
        target: To where, in the same way.
        config: A config file, as for :func:`toolkit.analyze`.
        workspace: Where a store is that has no other place.

    Returns:
        What was copied, a row a kind of records.

    Raises:
        ConfigError: A name names no store.
        StoreError: Records could not be read or written.
    """
    arguments = _arguments(workspace)
    with (
        open_named(source, config, arguments, existing=True) as one,
        open_named(target, config, arguments) as other,
    ):
        return copying.copy_store(one, other)


def open_named(
    word: str,
    config: AnyPath | None,
    arguments: Mapping[str, Mapping[str, Any]],
    *,
    existing: bool = False,
) -> Store:
    """The store that a person names, see :func:`toolkit.exchange.places.located`."""
    _, plugins, _ = configure(config, arguments)
    merged = {section: dict(values) for section, values in arguments.items()}
    for section, values in places.located(word, plugins, existing=existing).items():
        merged.setdefault(section, {}).update(values)
    settings, plugins, _ = configure(config, merged)
    return open_store(settings, plugins)


@contextmanager
def _own(config: AnyPath | None, workspace: AnyPath | None) -> Iterator[Store]:
    settings, plugins, _ = configure(config, _arguments(workspace))
    with open_store(settings, plugins) as store:
        yield store


def _arguments(workspace: AnyPath | None) -> dict[str, dict[str, Any]]:
    return {"paths": {"workspace": Path(workspace).absolute()}} if workspace else {}
