"""What every storage must do, as tests.

Subclass it, give the plugin, and say where it may write:

    class TestMine(StorageSuite):
        large_bytes = 9_000_000  # goes in several parts

        @pytest.fixture
        def plugin(self):
            return next(iter(my_package.toolkit_storages()))

        @pytest.fixture
        def options(self):
            return MyOptions(part_mb=5)

        @pytest.fixture
        def root(self):
            return "mine://bucket/folder/"  # empty
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from toolkit.errors import CancelledError
from toolkit.hooks.specs import Context
from toolkit.stages.component import Cancel
from toolkit.stages.storage import Storage, Stored
from toolkit.testing.plugins import PluginSuite

__all__ = ["StorageSuite"]

_NAMES = ("a.mp4", "day 1/b#1?.mp4", "day 1/deeper/ü 東 100%.mp4", "day 10/c+d&e.mov", "notes.txt")


class StorageSuite(PluginSuite):
    """The contract of :class:`~toolkit.stages.storage.Storage`."""

    made = "make"
    large_bytes = 0
    """Size of a file that goes in several parts; 0 where none does."""
    checksums = True
    """Whether the cloud keeps checksums."""

    @pytest.fixture(autouse=True)
    def _given(self, request: pytest.FixtureRequest) -> None:
        if type(self).make is StorageSuite.make:
            self.stores = request.getfixturevalue("plugin"), request.getfixturevalue("options")

    def make(self, workspace: Path) -> Storage:
        """The storage under test."""
        plugin, options = self.stores
        workspace.mkdir(parents=True, exist_ok=True)
        storage = plugin.factory(options, Context(workspace, workspace))
        assert isinstance(storage, Storage)
        return storage

    @pytest.fixture
    def root(self) -> str:
        """Override it: the URL of an empty folder, with a slash at its end."""
        raise NotImplementedError

    @pytest.fixture
    def storage(self, tmp_path: Path) -> Iterator[Storage]:
        """The storage, made."""
        with self.make(tmp_path / "workspace") as storage:
            yield storage

    def put(self, storage: Storage, path: Path, url: str, data: bytes) -> Stored:
        """Write some bytes to a URL."""
        path.write_bytes(data)
        return storage.write(path, url, lambda *_: None, Cancel())

    def listed(self, storage: Storage, folder: str) -> list[Stored]:
        """All files below a folder."""
        found: list[Stored] = []
        after = ""
        while True:
            page = storage.page(folder, after, Cancel())
            found += page.files
            after = page.after
            if not after:
                return found

    def got(self, storage: Storage, stored: Stored, start: int = 0) -> bytes:
        """The bytes of a file."""
        return b"".join(storage.read(stored, start, Cancel()))

    def test_it_knows_its_urls(self, storage: Storage, root: str) -> None:
        assert storage.accepts(f"{root}a.mp4")
        assert not storage.accepts("https://example.org/a.mp4")
        assert not storage.accepts("no-such-scheme://a/b")

    @pytest.mark.parametrize("name", _NAMES)
    def test_a_file_comes_back_as_it_went(
        self, storage: Storage, root: str, tmp_path: Path, name: str
    ) -> None:
        data = random.Random(1).randbytes(70_000)
        told: list[tuple[int, int | None]] = []
        (tmp_path / "x").write_bytes(data)
        written = storage.write(
            tmp_path / "x", root + name, lambda *now: told.append(now), Cancel()
        )
        stored = storage.stat(root + name, Cancel())
        assert stored is not None
        assert (stored.url, stored.size_bytes) == (root + name, len(data))
        assert stored.version == written.version
        assert told[-1] == (len(data), len(data))
        assert self.got(storage, stored) == data
        assert self.got(storage, stored, 69_000) == data[69_000:]

    def test_an_empty_file_comes_back(self, storage: Storage, root: str, tmp_path: Path) -> None:
        self.put(storage, tmp_path / "x", f"{root}empty.bin", b"")
        stored = storage.stat(f"{root}empty.bin", Cancel())
        assert stored is not None
        assert stored.size_bytes == 0

    def test_what_is_not_there_is_nothing(self, storage: Storage, root: str) -> None:
        assert storage.stat(f"{root}nothing.mp4", Cancel()) is None
        assert storage.stat(root, Cancel()) is None
        storage.delete(f"{root}nothing.mp4", Cancel())

    def test_a_folder_lists_all_below_it(self, storage: Storage, root: str, tmp_path: Path) -> None:
        for name in _NAMES:
            self.put(storage, tmp_path / "x", root + name, name.encode())
        found = self.listed(storage, root)
        assert sorted(one.url for one in found) == sorted(root + name for name in _NAMES)
        below = self.listed(storage, f"{root}day 1/")
        assert sorted(one.url for one in below) == sorted(root + name for name in _NAMES[1:3])
        for one in found:
            stored = storage.stat(one.url, Cancel())
            assert stored is not None
            assert (stored.version, stored.size_bytes) == (one.version, one.size_bytes)
            assert self.got(storage, one).decode() == one.url.removeprefix(root)

    def test_another_content_is_another_version(
        self, storage: Storage, root: str, tmp_path: Path
    ) -> None:
        old = self.put(storage, tmp_path / "x", f"{root}a.mp4", b"one")
        new = self.put(storage, tmp_path / "x", f"{root}a.mp4", b"three")
        assert old.version != new.version
        assert self.got(storage, new) == b"three"

    def test_it_tells_whether_a_file_is_the_one_stored(
        self, storage: Storage, root: str, tmp_path: Path
    ) -> None:
        stored = self.put(storage, tmp_path / "x", f"{root}a.mp4", b"one")
        unsure = True if self.checksums else None
        assert storage.holds(tmp_path / "x", stored, Cancel()) is unsure
        (tmp_path / "x").write_bytes(b"longer")
        assert storage.holds(tmp_path / "x", stored, Cancel()) is False
        (tmp_path / "x").write_bytes(b"two")
        assert storage.holds(tmp_path / "x", stored, Cancel()) is (
            False if self.checksums else None
        )

    def test_a_deleted_file_is_gone(self, storage: Storage, root: str, tmp_path: Path) -> None:
        self.put(storage, tmp_path / "x", f"{root}a.mp4", b"one")
        storage.delete(f"{root}a.mp4", Cancel())
        assert storage.stat(f"{root}a.mp4", Cancel()) is None
        assert self.listed(storage, root) == []

    def test_a_cancelled_run_moves_nothing(
        self, storage: Storage, root: str, tmp_path: Path
    ) -> None:
        stored = self.put(storage, tmp_path / "x", f"{root}a.mp4", b"one")
        cancel = Cancel()
        cancel.set()
        with pytest.raises(CancelledError):
            b"".join(storage.read(stored, 0, cancel))
        with pytest.raises(CancelledError):
            storage.write(tmp_path / "x", f"{root}b.mp4", lambda *_: None, cancel)
        assert storage.stat(f"{root}b.mp4", Cancel()) is None

    def test_a_large_file_goes_in_parts(self, storage: Storage, root: str, tmp_path: Path) -> None:
        if not self.large_bytes:
            pytest.skip("no file of this storage goes in parts")
        data = random.Random(2).randbytes(self.large_bytes)
        (tmp_path / "x").write_bytes(data)
        told: list[int] = []
        storage.write(
            tmp_path / "x", f"{root}large.mp4", lambda done, _: told.append(done), Cancel()
        )
        assert len(set(told)) > 1
        stored = storage.stat(f"{root}large.mp4", Cancel())
        assert stored is not None
        assert storage.holds(tmp_path / "x", stored, Cancel()) is True
        assert self.got(storage, stored) == data

    def test_a_large_file_that_was_stopped_goes_on_in_a_new_process(
        self, root: str, tmp_path: Path
    ) -> None:
        if not self.large_bytes:
            pytest.skip("no file of this storage goes in parts")
        data = random.Random(3).randbytes(self.large_bytes)
        (tmp_path / "x").write_bytes(data)
        cancel = Cancel()
        with self.make(tmp_path / "workspace") as storage, pytest.raises(CancelledError):
            storage.write(
                tmp_path / "x",
                f"{root}large.mp4",
                lambda done, _: cancel.set() if done else None,
                cancel,
            )
        with self.make(tmp_path / "workspace") as storage:
            assert storage.stat(f"{root}large.mp4", Cancel()) is None
            storage.write(tmp_path / "x", f"{root}large.mp4", lambda *_: None, Cancel())
            stored = storage.stat(f"{root}large.mp4", Cancel())
            assert stored is not None
            assert self.got(storage, stored) == data

    def test_a_folder_that_is_not_there_is_empty(self, storage: Storage, root: str) -> None:
        assert self.listed(storage, f"{root}no/such/") == []
