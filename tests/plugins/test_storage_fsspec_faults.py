"""S3 and Google behind a proxy that breaks things: the whole file, or an error that says why."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from random import Random
from typing import Any

import pytest
from cloud_servers import BUCKET
from fault_proxy import (
    CutAnswer,
    CutRequest,
    DamageAnswer,
    DamageRequest,
    Deaf,
    DropAnswer,
    Fault,
    Hang,
    Pass,
    Proxy,
    Slow,
    Status,
)

from toolkit import Context, transfer
from toolkit.config.settings import Storage as Settings
from toolkit.errors import CancelledError, StorageError
from toolkit.stages.component import Cancel
from toolkit.stages.storage import Storage, Stored
from toolkit_storage_fsspec import FsspecOptions, make

pytestmark = pytest.mark.slow
PART = 5 << 20
SETTINGS = Settings(retries=3, backoff_s=0.01)
SLOW_DOWN = Status(503, {"Retry-After": "0"})
TOO_MANY = Status(429, {"Retry-After": "0"})
ORDER = Status(500)


class Cloud:
    """One of the clouds, a file in it, and the requests that its protocol makes."""

    def __init__(self, name: str, between: Proxy, folder: Path, **options: Any) -> None:
        self.between = between
        self.folder = folder
        self.options = FsspecOptions(part_mb=5, timeout_s=2, anonymous=name == "gcs", **options)
        self.root = f"{'s3' if name == 's3' else 'gs'}://{BUCKET}/"
        self.url = f"{self.root}film.mp4"
        if name == "s3":
            self.small = self.part2 = ("PUT", r"/film\.mp4")
            self.part2 = ("PUT", r"partNumber=2")
            self.begin = ("POST", r"\?uploads")
            self.read_ = ("GET", r"/film\.mp4")
            self.list_ = ("GET", r"list-type=2")
        else:
            self.small = ("POST", r"uploadType=multipart")
            self.part2 = ("PUT", r"upload_id=")
            self.begin = ("POST", r"uploadType=resumable&name=[^&]*$")
            self.read_ = ("GET", r"alt=media")
            self.list_ = ("GET", r"/o\?prefix")

    def new(self) -> Storage:
        """The storage, as in a new process."""
        return make(self.options, Context(self.folder, self.folder))

    def file(self, size: int) -> Path:
        path = self.folder / "film.mp4"
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(Random(size).randbytes(size))
        return path

    def send(self, path: Path, cancel: Cancel | None = None, progress: Any = None) -> Stored:
        told = progress or (lambda *_: None)
        with self.new() as storage:
            return transfer.send(storage, path, self.url, SETTINGS, told, cancel or Cancel())

    def fetch(self, cancel: Cancel | None = None, progress: Any = None) -> bytes:
        told, stop = progress or (lambda *_: None), cancel or Cancel()
        to = self.folder / "got" / "film.mp4"
        with self.new() as storage:
            stored = transfer.stat(storage, self.url, SETTINGS, Cancel())
            assert stored is not None
            transfer.fetch(storage, stored, to, SETTINGS, told, stop)
        assert not list((to.parent / ".part").iterdir())
        return to.read_bytes()

    def stored(self) -> bytes | None:
        """What is in the cloud now."""
        self.between.calm()
        with self.new() as storage:
            stored = storage.stat(self.url, Cancel())
            return None if stored is None else b"".join(storage.read(stored, 0, Cancel()))


@pytest.fixture(params=["s3", "gcs"])
def cloud(request: pytest.FixtureRequest, tmp_path: Path) -> Cloud:
    between = request.getfixturevalue(request.param)
    return Cloud(request.param, between, tmp_path / "workspace")


PASSING: list[Fault] = [
    SLOW_DOWN,
    TOO_MANY,
    ORDER,
    CutRequest(3000),
    DropAnswer(),
    DamageRequest(),
]


@pytest.mark.parametrize("fault", PASSING, ids=repr)
def test_a_small_upload_gets_through(cloud: Cloud, fault: Fault) -> None:
    path = cloud.file(70_000)
    cloud.between.spoil(*cloud.small, fault, times=2)
    cloud.send(path)
    assert len(cloud.between.asked(*cloud.small)) == 3
    assert cloud.stored() == path.read_bytes()


@pytest.mark.parametrize("fault", [*PASSING, CutRequest(4_000_000)], ids=repr)
def test_a_large_upload_gets_through(cloud: Cloud, fault: Fault) -> None:
    path = cloud.file(2 * PART + 500_000)
    cloud.between.spoil(*cloud.part2, fault)
    cloud.send(path)
    assert cloud.stored() == path.read_bytes()


def test_parts_that_have_arrived_are_not_sent_again(cloud: Cloud) -> None:
    path = cloud.file(3 * PART)
    cloud.between.spoil(*cloud.part2, ORDER, times=2)
    cloud.send(path)
    assert len(cloud.between.asked(*cloud.begin)) == 1
    if cloud.url.startswith("s3"):
        assert [len(cloud.between.asked("PUT", f"partNumber={n}")) for n in (1, 2, 3)] == [1, 3, 1]
    assert cloud.stored() == path.read_bytes()


def test_a_stopped_upload_goes_on_in_another_process(cloud: Cloud) -> None:
    path = cloud.file(3 * PART)
    cancel = Cancel()
    with pytest.raises(CancelledError):
        cloud.send(path, cancel, lambda done, _: cancel.set() if done >= PART else None)
    assert len(cloud.between.asked(*cloud.begin)) == 1
    assert cloud.stored() is None
    sent: list[int] = []
    cloud.send(path, progress=lambda done, _: sent.append(done))
    assert not cloud.between.asked(*cloud.begin)
    assert cloud.stored() == path.read_bytes()
    assert min(sent) >= PART


def test_a_file_that_changed_meanwhile_begins_anew(cloud: Cloud) -> None:
    path = cloud.file(3 * PART)
    cancel = Cancel()
    with pytest.raises(CancelledError):
        cloud.send(path, cancel, lambda done, _: cancel.set() if done >= PART else None)
    path = cloud.file(3 * PART - 7)
    cloud.send(path)
    assert cloud.stored() == path.read_bytes()


def test_a_file_that_changes_on_its_way_arrives_as_it_is_in_the_end(cloud: Cloud) -> None:
    path = cloud.file(3 * PART)
    new = Random(9).randbytes(3 * PART)

    def progress(done: int, _: int | None) -> None:
        if done == PART and path.read_bytes() != new:
            path.write_bytes(new)

    cloud.send(path, progress=progress)
    assert cloud.stored() == new


def test_an_upload_that_somebody_else_ended_begins_anew(cloud: Cloud) -> None:
    path = cloud.file(3 * PART)
    cloud.between.spoil(*cloud.part2, Status(404), times=1)
    cloud.send(path)
    assert cloud.stored() == path.read_bytes()


def test_a_killed_process_loses_only_the_part_under_way(cloud: Cloud) -> None:
    path = cloud.file(3 * PART)
    last = ("PUT", "partNumber=3") if cloud.url.startswith("s3") else cloud.part2
    if cloud.url.startswith("gs"):
        cloud.between.spoil(*cloud.part2, Pass(), times=2)
    cloud.between.spoil(*last, Hang())
    name = "fsspec"
    command = [sys.executable, "-m", "toolkit.cli", "upload", str(path), "--to", cloud.root[:-1]]
    settings = ["privacy.remote=allow", f"storage.{name}.part_mb=5"]
    if cloud.options.anonymous:
        settings.append(f"storage.{name}.anonymous=yes")
    for one in settings:
        command += ["--set", one]
    command += ["--workspace", str(cloud.folder)]
    process = subprocess.Popen(command)
    wanted = 1 if cloud.url.startswith("s3") else 3
    try:
        while len(cloud.between.asked(*last)) < wanted:
            assert process.poll() is None
            time.sleep(0.05)
    finally:
        process.kill()
        process.wait()
    assert cloud.stored() is None
    assert subprocess.run(command, check=False).returncode == 0
    assert not cloud.between.asked(*cloud.begin)
    assert len(cloud.between.asked("PUT", "")) <= 2  # the part, and what is there already
    assert cloud.stored() == path.read_bytes()


def test_an_upload_that_the_cloud_forgot_begins_anew(cloud: Cloud) -> None:
    path = cloud.file(3 * PART)
    cancel = Cancel()
    with pytest.raises(CancelledError):
        cloud.send(path, cancel, lambda done, _: cancel.set() if done >= PART else None)
    for kept in (cloud.folder / "uploads").glob("*.json"):
        kept.write_text(kept.read_text().replace('"id": "', '"id": "x').replace("_id=", "_id=x"))
    cloud.send(path)
    assert cloud.stored() == path.read_bytes()
    assert not [*(cloud.folder / "uploads").glob("*.json")]


READS: list[Fault] = [
    SLOW_DOWN,
    TOO_MANY,
    ORDER,
    CutAnswer(0),
    CutAnswer(1_500_000),
    DamageAnswer(),
]


@pytest.mark.parametrize("fault", READS, ids=repr)
def test_a_download_gets_through(cloud: Cloud, fault: Fault) -> None:
    path = cloud.file(3_000_000)
    cloud.send(path)
    cloud.between.spoil(*cloud.read_, fault, times=2)
    assert cloud.fetch() == path.read_bytes()


def test_a_download_goes_on_where_it_broke(cloud: Cloud) -> None:
    path = cloud.file(3_000_000)
    cloud.send(path)
    cloud.between.spoil(*cloud.read_, CutAnswer(1_500_000))
    cloud.fetch()
    asked = cloud.between.asked(*cloud.read_)
    ranges = [heads.get("Range", "") for _, what, heads in cloud.between.requests if what in asked]
    starts = [int(one[6:-1]) for one in ranges if one]
    assert starts[0] == 0
    assert 0 < starts[1] <= 1_500_000


def test_a_stopped_download_goes_on_in_another_process(cloud: Cloud) -> None:
    path = cloud.file(3_000_000)
    cloud.send(path)
    cancel = Cancel()
    with pytest.raises(CancelledError):
        cloud.fetch(cancel, lambda done, _: cancel.set() if done else None)
    assert not (cloud.folder / "got" / "film.mp4").exists()
    told: list[int] = []
    assert cloud.fetch(progress=lambda done, _: told.append(done)) == path.read_bytes()
    assert told[0] > 0


def test_bytes_of_two_versions_are_never_joined(cloud: Cloud) -> None:
    cloud.send(cloud.file(3_000_000))
    cancel = Cancel()
    with pytest.raises(CancelledError):
        cloud.fetch(cancel, lambda done, _: cancel.set() if done else None)
    path = cloud.file(2_900_000)
    cloud.send(path)
    with cloud.new() as storage:
        stored = storage.stat(cloud.url, Cancel())
        assert stored is not None
        to = cloud.folder / "got" / "film.mp4"
        transfer.fetch(storage, stored, to, SETTINGS, lambda *_: None, Cancel())
    assert to.read_bytes() == path.read_bytes()


def test_a_download_that_is_always_damaged_fails_and_leaves_nothing(cloud: Cloud) -> None:
    cloud.send(cloud.file(300_000))
    cloud.between.spoil(*cloud.read_, DamageAnswer(), times=9)
    with pytest.raises(StorageError) as caught:
        cloud.fetch()
    assert (caught.value.context["cause"], caught.value.retriable) == ("corrupt", True)
    assert [p for p in (cloud.folder / "got").rglob("*") if p.is_file()] == []


def test_an_upload_that_is_always_damaged_fails_and_leaves_nothing(cloud: Cloud) -> None:
    path = cloud.file(300_000)
    cloud.between.spoil(*cloud.small, DamageRequest(), times=9)
    with pytest.raises(StorageError) as caught:
        cloud.send(path)
    assert (caught.value.context["cause"], caught.value.retriable) == ("corrupt", True)
    assert cloud.stored() is None


@pytest.mark.parametrize(
    ("fault", "cause", "retriable"),
    [
        (Status(403), "forbidden", False),
        (Status(401), "login", False),
        (Status(404), "not-found", False),
        (SLOW_DOWN, "busy", True),
        (Status(429, {"Retry-After": "3600"}), "busy", True),
        (CutRequest(0), "connection", True),
        (Hang(), "connection", True),
    ],
    ids=repr,
)
def test_what_does_not_pass_says_why(
    cloud: Cloud, fault: Fault, cause: str, retriable: bool
) -> None:
    path = cloud.file(70_000)
    cloud.between.spoil(*cloud.small, fault, times=99)
    settings = SETTINGS.model_copy(update={"retries": 1})
    with cloud.new() as storage, pytest.raises(StorageError) as caught:
        transfer.send(storage, path, cloud.url, settings, lambda *_: None, Cancel())
    error = caught.value
    assert (error.context["cause"], error.retriable) == (cause, retriable)
    assert error.context["url"] == cloud.url
    tries = 2 if retriable and "3600" not in repr(fault) else 1
    # aiohttp asks once more by itself where a kept connection was closed.
    assert tries <= len(cloud.between.asked(*cloud.small)) <= 2 * tries


@pytest.mark.parametrize("size", [PART, 2 * PART], ids=["small", "parts"])
def test_a_cloud_that_takes_no_bytes_is_given_up(cloud: Cloud, size: int) -> None:
    path = cloud.file(size)
    cloud.options = cloud.options.model_copy(update={"timeout_s": 1.0})
    cloud.between.spoil(*(cloud.small if size == PART else cloud.part2), Deaf())
    settings = SETTINGS.model_copy(update={"retries": 0})
    with cloud.new() as storage, pytest.raises(StorageError, match="no progress for 1 s") as caught:
        transfer.send(storage, path, cloud.url, settings, lambda *_: None, Cancel())
    assert (caught.value.context["cause"], caught.value.retriable) == ("connection", True)
    cloud.between.calm()
    cloud.send(path)
    assert cloud.stored() == path.read_bytes()


def test_a_slow_cloud_is_not_given_up_while_it_takes_bytes(cloud: Cloud) -> None:
    path = cloud.file(16 << 20)  # the kernel takes some 4 MB of it at once
    cloud.options = cloud.options.model_copy(update={"timeout_s": 1.0, "part_mb": 20})
    cloud.between.spoil(*cloud.small, Slow(400_000, 0.05))
    with pytest.raises(StorageError) as caught:
        cloud.send(path)
    assert caught.value.context["cause"] == "forbidden"


def test_a_busy_cloud_is_left_alone_as_long_as_it_asks(cloud: Cloud) -> None:
    path = cloud.file(70_000)
    cloud.between.spoil(*cloud.small, Status(503, {"Retry-After": "1"}))
    waited: list[float] = []

    class Watched(Cancel):
        def wait(self, seconds: float) -> bool:
            waited.append(seconds)
            return False

    cloud.send(path, Watched())
    assert waited == [1.0]


@pytest.mark.parametrize("what", ["upload", "download", "listing"])
def test_cancel_does_not_wait_for_a_silent_cloud(cloud: Cloud, what: str) -> None:
    path = cloud.file(70_000)
    cloud.send(path)
    cloud.options = cloud.options.model_copy(update={"timeout_s": 300.0})
    cloud.between.calm()
    rule = {"upload": cloud.small, "download": cloud.read_, "listing": cloud.list_}[what]
    cloud.between.spoil(*rule, Hang())
    cancel = Cancel()
    storage = cloud.new()
    calls: dict[str, Callable[[], object]] = {
        "upload": lambda: cloud.send(path, cancel),
        "download": lambda: cloud.fetch(cancel),
        "listing": lambda: list(transfer.listed(storage, cloud.root, SETTINGS, cancel)),
    }
    with storage, ThreadPoolExecutor(1) as pool:
        moving = pool.submit(calls[what])
        while not cloud.between.asked(*rule):
            assert not moving.done()
            time.sleep(0.01)
        cancel.set()
        assert isinstance(moving.exception(timeout=20), CancelledError)


def test_a_listing_gets_through(cloud: Cloud) -> None:
    cloud.send(cloud.file(1000))
    cloud.between.spoil(*cloud.list_, SLOW_DOWN, times=2)
    with cloud.new() as storage:
        found = list(transfer.listed(storage, cloud.root, SETTINGS, Cancel()))
    assert [one.url for one in found] == [cloud.url]


def test_a_full_disk_is_told_before_anything_is_fetched(
    cloud: Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    cloud.send(cloud.file(70_000))
    monkeypatch.setattr("shutil.disk_usage", lambda _: type("Usage", (), {"free": 1000})())
    with pytest.raises(StorageError) as caught:
        cloud.fetch()
    assert (caught.value.context["cause"], caught.value.retriable) == ("disk-full", True)
    assert not cloud.between.asked(*cloud.read_)


def test_many_at_once_never_meet(cloud: Cloud) -> None:
    with cloud.new() as storage, ThreadPoolExecutor(6) as pool:
        lock = threading.Lock()

        def one(number: int) -> bool:
            path = cloud.folder / f"{number}.mp4"
            with lock:
                path.parent.mkdir(exist_ok=True)
            path.write_bytes(Random(number).randbytes(100_000))
            url = f"{cloud.root}{number}.mp4"
            stored = transfer.send(storage, path, url, SETTINGS, lambda *_: None, Cancel())
            to = cloud.folder / "got" / path.name
            transfer.fetch(storage, stored, to, SETTINGS, lambda *_: None, Cancel())
            return to.read_bytes() == path.read_bytes()

        assert all(pool.map(one, range(12)))
