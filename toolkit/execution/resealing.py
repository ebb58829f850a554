"""A workspace sealed with the newest key: after it was made plain, or after a new key."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from toolkit.config import Settings
from toolkit.errors import ConfigError
from toolkit.hooks.manager import PluginManager
from toolkit.records import Scene, Source, Video
from toolkit.sealing.keys import vault_of
from toolkit.sealing.store import SealedStore
from toolkit.sources import stamp
from toolkit.stages.store import Store
from toolkit.vault import files
from toolkit.vault.keys import Vault

__all__ = ["Renewed", "renew"]

Told = Callable[[str], None]
_MADE = ("clips", "exports", "originals")


@dataclass(frozen=True)
class Renewed:
    """How many rows and files were sealed with the newest key."""

    rows: int
    files: int


def renew(settings: Settings, plugins: PluginManager, told: Told = lambda _: None) -> Renewed:
    """Seal with the newest key all that is not yet. It may be broken off, and begun again.

    No run should be going on. Files that were plain are sealed and their rows changed; a plain
    file of a log, and what a download noted beside its file, is removed.

    Raises:
        ConfigError: Nothing is encrypted by these settings.
        EncryptionError: Something was sealed with a key that is not given.
        StoreError: The store cannot be read or written.
    """
    vault = vault_of(settings)
    if vault is None:
        raise ConfigError("[privacy] encrypt is not set.", hint="Set it, and a key.")
    with plugins.make(Store, "store", settings.store.plugin, settings).component as store:
        assert isinstance(store, SealedStore)
        told("rows")
        rows = store.renew()
        told("files")
        count = _named(store, settings, vault)
        if rows:
            told("what was replaced")
            store.scrub()
    for name in _MADE:
        count += _all(settings.workspace / name, vault)
    return Renewed(rows, count)


def _named(store: Store, settings: Settings, vault: Vault) -> int:
    """The files that rows name."""
    count = 0
    for scene in store.find(Scene):
        path = Path(scene.thumbnail or "")
        if scene.thumbnail and (to := _renewed(path, path, vault)):
            if to != path:
                store.save([scene.model_copy(update={"thumbnail": str(to)})])
                path.unlink()
            count += 1
    downloads = settings.workspace / settings.paths.downloads
    for video in store.find(Video):
        path = Path(video.path)
        if path.parent == downloads and (
            to := _renewed(path, downloads / f"{video.id}{files.plain_name(path).suffix}", vault)
        ):
            _moved(store, video, to)
            if to != path:
                path.unlink()
            count += 1
    for left in downloads.glob("*.json") if downloads.is_dir() else ():
        left.unlink()  # what a site said is in the rows
    return count + _all(downloads, vault) + _all(settings.workspace / "logs", vault, drop=True)


def _moved(store: Store, video: Video, to: Path) -> None:
    """A video's file has other bytes now, and perhaps another name."""
    sources = store.find(Source, video_id=video.id, kind="link")
    told = [source.model_copy(update={"stamp": stamp(to)}) for source in sources]
    store.save([video.model_copy(update={"path": str(to)}), *told])


def _all(folder: Path, vault: Vault, *, drop: bool = False) -> int:
    """Every file in a folder; ``drop`` removes the plain ones."""
    count = 0
    for path in sorted(folder.rglob("*")) if folder.is_dir() else ():
        if not path.is_file() or ".locks" in path.parts or ".part" in path.parts:
            continue
        if drop:
            with path.open(encoding="utf-8", errors="replace") as file:
                if not vault.current(file.readline()):
                    path.unlink()
                    count += 1
        elif to := _renewed(path, path, vault):
            if to != path:
                path.unlink()
            count += 1
    return count


def _renewed(path: Path, to: Path, vault: Vault) -> Path | None:
    """The file sealed with the newest key; None where it is, or there is no such file."""
    if not path.is_file() or files.is_current(path, vault):
        return None
    if to.suffix != files.SUFFIX:
        to = to.with_name(to.name + files.SUFFIX)
    with files.opened(path) as plain:
        files.seal_file(plain, to, vault)
    return to
