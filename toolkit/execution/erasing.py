"""What people may ask of what is kept: what it is, that it goes, and that it goes by itself."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from toolkit import transfer
from toolkit.clouds import Clouds
from toolkit.errors import StorageError, StoreError
from toolkit.execution.looking import open_store, settings_of
from toolkit.execution.uploads import clouds_of
from toolkit.privacy import forgetting
from toolkit.privacy.audit import AuditLog
from toolkit.privacy.audited import note_export
from toolkit.privacy.forgetting import Eraser, Erasure
from toolkit.privacy.holdings import Holdings, holdings
from toolkit.privacy.retention import Expired, Purger
from toolkit.privacy.subjects import Subject, subject_of
from toolkit.records import Source, Vocabulary
from toolkit.sources import expand
from toolkit.stages.component import Cancel
from toolkit.vocabulary import load_vocabulary

if TYPE_CHECKING:
    from toolkit.config import Settings
    from toolkit.hooks.manager import PluginManager
    from toolkit.stages.store import Store

__all__ = ["Keeper", "allow", "forget", "held", "keeper", "purge", "sources_named"]

_Path = str | os.PathLike[str]


class CloudCopies:
    """Deletes in clouds, whatever may be brought there: nothing leaves this machine by it."""

    def __init__(self, clouds: Clouds) -> None:
        self._clouds = clouds

    def delete(self, url: str) -> None:
        """Delete a file, and look whether it is gone."""
        storage = self._clouds.find(url)
        if storage is None:
            raise StorageError(f"No storage knows the URL {url}.", cause="settings")
        cancel = Cancel()
        transfer.delete(storage, url, self._clouds.settings.storage, cancel)
        if transfer.stat(storage, url, self._clouds.settings.storage, cancel) is not None:
            raise StorageError(f"{url} is there still.", cause="refused")


@dataclass(frozen=True)
class Keeper:
    """All that it takes to look at what a workspace keeps, and to erase it."""

    store: Store
    settings: Settings
    log: AuditLog
    clouds: Clouds

    def subject(self, word: str, *, label: bool = False) -> Subject:
        """Whom a word means, see :func:`toolkit.privacy.subjects.subject_of`."""
        return subject_of(
            self.store,
            word,
            sources_named(word),
            label=label,
            vocabulary=self._vocabulary,
        )

    def _vocabulary(self) -> Vocabulary:
        named = self.settings.tags.vocabulary
        if not named:
            return Vocabulary()
        return load_vocabulary(self.settings.base / Path(named).expanduser())

    def eraser(self) -> Eraser:
        """Who erases here."""
        return Eraser(self.store, self.settings, self.log, CloudCopies(self.clouds))

    def purger(self) -> Purger:
        """Who removes what is too old."""
        return Purger(self.store, self.settings, self.log, self.eraser())

    def holdings(self, subject: Subject) -> Holdings:
        """What is held about a subject."""
        return holdings(self.store, self.settings, self.log, subject)

    def write_out(self, found: Holdings, to: Path, *, originals: bool = False) -> None:
        """Write it all to a place, see :meth:`toolkit.privacy.holdings.Holdings.write`."""
        found.write(to, originals=originals)
        note_export(self.store, "held", [to], video_ids=found.subject.video_ids)


@contextmanager
def keeper(settings: Settings, plugins: PluginManager) -> Iterator[Keeper]:
    """The keeper of a workspace.

    Raises:
        StoreError: There is no such workspace.
    """
    if not settings.workspace.is_dir():
        raise StoreError(
            f"There is no workspace {settings.workspace}.",
            hint="toolkit analyze makes it; --workspace names another.",
        )
    log = AuditLog(settings.workspace)
    with open_store(settings, plugins) as store, clouds_of(settings, plugins) as clouds:
        yield Keeper(store, settings, log, clouds)


def sources_named(word: str) -> list[Source]:
    """The sources that a word may be; also those whose file is gone."""
    found = [one for one in expand([word]) if isinstance(one, Source)]
    if not found and word and "://" not in word:
        with suppress(OSError, ValueError):
            found = [Source.of(str(Path(word).expanduser().resolve()), "file")]
    return found


def forget(
    word: str,
    *,
    yes: bool = False,
    files: bool = False,
    label: bool = False,
    config: _Path | None = None,
    workspace: _Path | None = None,
) -> Erasure:
    """Erase all that is known of a source, a video, or of every video with a label.

    Args:
        word: A path or link, a video's id or the start of it, or a label.
        yes: Do it; otherwise only say what would go.
        files: The user's own originals go as well.
        label: The word is a label and nothing else.
        config: A config file, as for :func:`toolkit.analyze`.
        workspace: Where the results are.

    Returns:
        What was found and what became of it; ``left`` is empty when all is gone.

    Raises:
        StoreError: Nothing is known of the word.
        VocabularyError: The vocabulary, which knows the label's other words, has a mistake.
        PrivacyError: A run is working on it.
    """
    settings, plugins, _ = settings_of(config, workspace)
    with keeper(settings, plugins) as kept:
        subject = kept.subject(word, label=label)
        eraser = kept.eraser()
        return eraser.erase(subject, files=files) if yes else eraser.look(subject, files=files)


def allow(word: str, *, config: _Path | None = None, workspace: _Path | None = None) -> int:
    """Let a source or video that was erased come back; gives how many sources and videos may.

    Args:
        word: A path or link, or a video's id.
        config: A config file.
        workspace: Where it was erased.
    """
    settings, plugins, _ = settings_of(config, workspace)
    with keeper(settings, plugins) as kept:
        ids = [word, *(source.id for source in sources_named(word))]
        return forgetting.allow(kept.store, kept.log, ids)


def held(word: str, *, config: _Path | None = None, workspace: _Path | None = None) -> Holdings:
    """All that is held about a source, a video, or every video with a label.

    Args:
        word: A path or link, a video's id or the start of it, or a label.
        config: A config file, as for :func:`toolkit.analyze`.
        workspace: Where the results are.

    Returns:
        Rows, files, copies in clouds, provenance and what the audit log says; ``write`` makes a
        folder or a ``.zip`` of it.

    Raises:
        StoreError: Nothing is known of the word.
    """
    settings, plugins, _ = settings_of(config, workspace)
    with keeper(settings, plugins) as kept:
        return kept.holdings(kept.subject(word))


def purge(
    *, yes: bool = False, config: _Path | None = None, workspace: _Path | None = None
) -> list[Expired]:
    """Remove what is older than ``[privacy] keep_…_days`` says.

    Args:
        yes: Do it; otherwise only say what would go.
        config: A config file, as for :func:`toolkit.analyze`.
        workspace: Where the results are.

    Returns:
        What was too old, a row a kind.
    """
    settings, plugins, _ = settings_of(config, workspace)
    with keeper(settings, plugins) as kept:
        purger = kept.purger()
        return purger.purge() if yes else purger.look()
