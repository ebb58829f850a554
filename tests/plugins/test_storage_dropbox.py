"""The storage dropbox: the real SDK against a small Dropbox that speaks its HTTP API over TLS."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from random import Random
from typing import Any

import pytest
from dropbox_server import DropboxServer, dropbox_server
from fault_proxy import (
    CutAnswer,
    CutRequest,
    DamageAnswer,
    DamageRequest,
    DropAnswer,
    Fault,
    Hang,
    Status,
)

from toolkit import Context, transfer
from toolkit.config.settings import Storage as Settings
from toolkit.errors import CancelledError, StorageError
from toolkit.stages.component import Cancel
from toolkit.stages.storage import Storage, Stored
from toolkit.testing.clips import random_truth, render, write_clip
from toolkit.testing.storages import StorageSuite
from toolkit_storage_dropbox import DropboxOptions, make
from toolkit_storage_dropbox.storage import content_hash

PART = 4 << 20
SETTINGS = Settings(retries=3, backoff_s=0.01)
ROOT = "dropbox://Films/"
URL = f"{ROOT}film.mp4"


@pytest.fixture(scope="session")
def box_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DropboxServer]:
    # The SDK reads its hosts from the environment when it is imported.
    with (
        pytest.MonkeyPatch.context() as environment,
        dropbox_server(tmp_path_factory.mktemp("dropbox")) as box,
    ):
        for name in ("API", "API_CONTENT", "API_NOTIFY"):
            environment.setenv(f"DROPBOX_{name}_HOST", f"127.0.0.1:{box.port}")
        import dropbox.session

        assert f"127.0.0.1:{box.port}" == dropbox.session.API_HOST
        yield box


@pytest.fixture
def box(box_server: DropboxServer, monkeypatch: pytest.MonkeyPatch) -> DropboxServer:
    """An empty Dropbox, and an access token for it."""
    for what in (box_server.asked, box_server.files, box_server.rules, box_server.sessions):
        what.clear()
    box_server.token, box_server.refreshed, box_server.page = "token-1", 0, 2
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", box_server.certificate)
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    for name in ("REFRESH_TOKEN", "APP_KEY", "APP_SECRET"):
        monkeypatch.delenv(f"DROPBOX_{name}", raising=False)
    monkeypatch.setenv("DROPBOX_ACCESS_TOKEN", box_server.token)
    return box_server


def new(folder: Path, **options: Any) -> Storage:
    given = {"part_mb": 4, "timeout_s": 2.0, **options}
    return make(DropboxOptions(**given), Context(folder, folder))


class TestDropbox(StorageSuite):
    large_bytes = 9_000_000

    def make(self, workspace: Path) -> Storage:
        return new(workspace)

    @pytest.fixture
    def root(self, box: DropboxServer) -> str:
        return ROOT


def a_file(folder: Path, size: int) -> Path:
    path = folder / "film.mp4"
    path.write_bytes(Random(size).randbytes(size))
    return path


def send(
    folder: Path, path: Path, cancel: Cancel | None = None, progress: Any = lambda *_: None
) -> Stored:
    with new(folder) as storage:
        return transfer.send(storage, path, URL, SETTINGS, progress, cancel or Cancel())


def fetch(folder: Path, cancel: Cancel | None = None, progress: Any = lambda *_: None) -> bytes:
    to = folder / "got" / "film.mp4"
    with new(folder) as storage:
        stored = transfer.stat(storage, URL, SETTINGS, Cancel())
        assert stored is not None
        transfer.fetch(storage, stored, to, SETTINGS, progress, cancel or Cancel())
    return to.read_bytes()


def test_the_hash_is_that_of_the_documentation(tmp_path: Path) -> None:
    # The example of https://www.dropbox.com/developers/reference/content-hash is a picture of
    # 9 711 423 bytes; these are the same rules on bytes that need no download.
    path = tmp_path / "x"
    path.write_bytes(b"")
    empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    assert content_hash(path, Cancel()) == empty
    path.write_bytes(b"a" * (4 << 20) + b"b")
    import hashlib

    parts = hashlib.sha256(b"a" * (4 << 20)).digest() + hashlib.sha256(b"b").digest()
    assert content_hash(path, Cancel()) == hashlib.sha256(parts).hexdigest()


PASSING: list[Fault] = [
    Status(429, {"Retry-After": "0"}),
    Status(503),
    Status(500),
    CutRequest(3000),
    DropAnswer(),
    DamageRequest(),
]


@pytest.mark.parametrize("fault", PASSING, ids=repr)
def test_a_small_upload_gets_through(box: DropboxServer, tmp_path: Path, fault: Fault) -> None:
    path = a_file(tmp_path, 70_000)
    box.spoil("files_upload", fault, times=2)
    send(tmp_path, path)
    assert box.files["/films/film.mp4"].data == path.read_bytes()


@pytest.mark.parametrize("route", ["start", "append_v2", "finish"])
@pytest.mark.parametrize("fault", [*PASSING, CutRequest(3_000_000)], ids=repr)
def test_a_large_upload_gets_through(
    box: DropboxServer, tmp_path: Path, fault: Fault, route: str
) -> None:
    path = a_file(tmp_path, 2 * PART + 500_000)
    box.spoil(f"files_upload_session_{route}", fault)
    send(tmp_path, path)
    assert box.files["/films/film.mp4"].data == path.read_bytes()
    if route == "append_v2":
        assert len(box.calls("files_upload_session_start")) == 1
    assert not [one for one in (tmp_path / "uploads").rglob("*") if one.is_file()]


def test_a_stopped_upload_goes_on_in_another_process(box: DropboxServer, tmp_path: Path) -> None:
    path = a_file(tmp_path, 3 * PART)
    cancel = Cancel()
    with pytest.raises(CancelledError):
        send(tmp_path, path, cancel, lambda done, _: cancel.set() if done >= PART else None)
    assert not box.files
    box.asked.clear()
    send(tmp_path, path)
    assert not box.calls("files_upload_session_start")
    assert [one["cursor"]["offset"] for one in box.calls("files_upload_session_append_v2")] == [
        PART,
        2 * PART,
    ]
    assert box.files["/films/film.mp4"].data == path.read_bytes()


def test_an_upload_that_dropbox_forgot_begins_anew(box: DropboxServer, tmp_path: Path) -> None:
    path = a_file(tmp_path, 3 * PART)
    cancel = Cancel()
    with pytest.raises(CancelledError):
        send(tmp_path, path, cancel, lambda done, _: cancel.set() if done >= PART else None)
    box.sessions.clear()
    send(tmp_path, path)
    assert box.files["/films/film.mp4"].data == path.read_bytes()


READS: list[Fault] = [
    Status(429, {"Retry-After": "0"}),
    Status(500),
    CutAnswer(0),
    CutAnswer(1_500_000),
    DamageAnswer(),
]


@pytest.mark.parametrize("fault", READS, ids=repr)
def test_a_download_gets_through(box: DropboxServer, tmp_path: Path, fault: Fault) -> None:
    path = a_file(tmp_path, 3_000_000)
    send(tmp_path, path)
    box.spoil("files_download", fault, times=2)
    assert fetch(tmp_path) == path.read_bytes()


def test_a_download_goes_on_where_it_broke(box: DropboxServer, tmp_path: Path) -> None:
    send(tmp_path, a_file(tmp_path, 3_000_000))
    box.spoil("files_download", CutAnswer(1_500_000))
    fetch(tmp_path)
    first, second = [one["range"] for one in box.calls("files_download")]
    assert first == "bytes=0-"
    assert 0 < int(second[6:-1]) <= 1_500_000


def test_what_is_always_damaged_fails_and_leaves_nothing(
    box: DropboxServer, tmp_path: Path
) -> None:
    path = a_file(tmp_path, 300_000)
    box.spoil("files_upload", DamageRequest(), times=4)
    with pytest.raises(StorageError) as caught:
        send(tmp_path, path)
    assert (caught.value.context["cause"], caught.value.retriable) == ("corrupt", True)
    assert not box.files
    box.rules.clear()
    send(tmp_path, path)
    box.spoil("files_download", DamageAnswer(), times=9)
    with pytest.raises(StorageError) as caught:
        fetch(tmp_path)
    assert caught.value.context["cause"] == "corrupt"
    assert [p for p in (tmp_path / "got").rglob("*") if p.is_file()] == []


@pytest.mark.parametrize(
    ("fault", "cause", "retriable"),
    [
        (Status(400), "refused", False),
        (Status(500), "busy", True),
        (Status(429, {"Retry-After": "3600"}), "busy", True),
        (CutRequest(0), "connection", True),
        (Hang(), "connection", True),
    ],
    ids=repr,
)
def test_what_does_not_pass_says_why(
    box: DropboxServer, tmp_path: Path, fault: Fault, cause: str, retriable: bool
) -> None:
    box.spoil("files_upload", fault, times=99)
    settings = SETTINGS.model_copy(update={"retries": 1})
    with new(tmp_path) as storage, pytest.raises(StorageError) as caught:
        transfer.send(storage, a_file(tmp_path, 1000), URL, settings, lambda *_: None, Cancel())
    assert (caught.value.context["cause"], caught.value.retriable) == (cause, retriable)
    assert caught.value.context["url"] == URL


def test_an_expired_token_is_refreshed(
    box: DropboxServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("DROPBOX_ACCESS_TOKEN")
    monkeypatch.setenv("DROPBOX_REFRESH_TOKEN", "refresh")
    monkeypatch.setenv("DROPBOX_APP_KEY", "key")
    path = a_file(tmp_path, 2 * PART + 1)
    with new(tmp_path) as storage:

        def progress(done: int, _: int | None) -> None:
            if done == PART:
                box.expire()

        transfer.send(storage, path, URL, SETTINGS, progress, Cancel())
    assert box.refreshed == 2
    assert box.files["/films/film.mp4"].data == path.read_bytes()


def test_an_expired_token_that_cannot_be_refreshed_says_what_to_do(
    box: DropboxServer, tmp_path: Path
) -> None:
    box.expire()
    with pytest.raises(StorageError, match="expired") as caught:
        send(tmp_path, a_file(tmp_path, 10))
    assert (caught.value.context["cause"], caught.value.retriable) == ("login", False)
    assert "DROPBOX_REFRESH_TOKEN" in str(caught.value)


def test_without_credentials_it_says_which(
    box: DropboxServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("DROPBOX_ACCESS_TOKEN")
    with pytest.raises(StorageError, match="DROPBOX_ACCESS_TOKEN") as caught:
        send(tmp_path, a_file(tmp_path, 10))
    assert caught.value.context["cause"] == "login"
    assert not box.asked


@pytest.mark.parametrize("what", ["upload", "download", "listing"])
def test_cancel_does_not_wait_for_a_silent_dropbox(
    box: DropboxServer, tmp_path: Path, what: str
) -> None:
    path = a_file(tmp_path, 1000)
    stored = send(tmp_path, path)
    route = {"upload": "files_upload", "download": "files_download"}.get(what, "files_list_folder")
    box.asked.clear()
    box.spoil(route, Hang())
    cancel = Cancel()
    with new(tmp_path, timeout_s=5.0) as storage, ThreadPoolExecutor(1) as pool:
        calls: dict[str, Callable[[], object]] = {
            "upload": lambda: storage.write(path, URL, lambda *_: None, cancel),
            "download": lambda: list(storage.read(stored, 0, cancel)),
            "listing": lambda: storage.page(ROOT, "", cancel),
        }
        moving = pool.submit(calls[what])
        while not box.calls(route):
            assert not moving.done()
            time.sleep(0.01)
        cancel.set()
        assert isinstance(moving.exception(timeout=20), CancelledError)


def test_upper_and_lower_case_lead_to_the_same_folder(box: DropboxServer, tmp_path: Path) -> None:
    send(tmp_path, a_file(tmp_path, 10))
    with new(tmp_path) as storage:
        found = list(transfer.listed(storage, "dropbox://fiLMS/", SETTINGS, Cancel()))
    assert [one.url for one in found] == ["dropbox://fiLMS/film.mp4"]


def test_a_file_that_changes_on_its_way_arrives_as_it_is_in_the_end(
    box: DropboxServer, tmp_path: Path
) -> None:
    path = a_file(tmp_path, 3 * PART)
    changed = Random(9).randbytes(3 * PART)

    def progress(done: int, _: int | None) -> None:
        if done == PART and path.read_bytes() != changed:
            path.write_bytes(changed)

    send(tmp_path, path, progress=progress)
    assert box.files["/films/film.mp4"].data == changed


def test_a_killed_process_loses_only_the_part_under_way(box: DropboxServer, tmp_path: Path) -> None:
    path = a_file(tmp_path, 3 * PART)
    box.spoil("files_upload_session_append_v2", Hang(), after=1)
    command = [sys.executable, "-m", "toolkit.cli", "upload", str(path), "--to", ROOT[:-1]]
    for one in ("privacy.remote=allow", "storage.dropbox.part_mb=4"):
        command += ["--set", one]
    command += ["--workspace", str(tmp_path)]
    process = subprocess.Popen(command)
    try:
        while len(box.calls("files_upload_session_append_v2")) < 2:
            assert process.poll() is None
            time.sleep(0.05)
    finally:
        process.kill()
        process.wait()
    assert not box.files
    box.asked.clear()
    assert subprocess.run(command, check=False).returncode == 0
    assert not box.calls("files_upload_session_start")
    [rest] = box.calls("files_upload_session_append_v2")
    assert rest["cursor"]["offset"] == 2 * PART
    assert box.files["/films/film.mp4"].data == path.read_bytes()


def test_videos_are_read_from_dropbox(box: DropboxServer, tmp_path: Path) -> None:
    import toolkit as tk

    film = tmp_path / "film.mp4"
    rng = Random(1)
    write_clip(render(random_truth(rng), rng, n_frames=12, height=90, width=160), film)
    for name in ("a.mp4", "Sub/b.mp4", "c.txt"):
        with new(tmp_path) as storage:
            storage.write(film, ROOT + name, lambda *_: None, Cancel())
    workspace = tmp_path / "workspace"
    run = tk.analyze(
        "dropbox://films/**/*.mp4", analyzer="signals", workspace=workspace, progress=False
    )
    assert run.failures.is_empty()
    assert run.videos.height == 1  # two names of the same bytes
    assert len(box.calls("files_download")) == 2
    again = tk.analyze(
        "dropbox://films/**/*.mp4", analyzer="signals", workspace=workspace, progress=False
    )
    assert len(box.calls("files_download")) == 2
    assert again.videos.height == 1
