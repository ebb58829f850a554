"""The audit log holds, whoever writes, and shows what was done to it."""

from __future__ import annotations

import json
import multiprocessing
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import pytest

import toolkit as tk
from toolkit.errors import AuditError
from toolkit.privacy.audit import AuditLog

Analyze = Callable[..., tk.RunHandle]
Harm = Callable[[AuditLog], None]


@pytest.fixture
def log(workspace: Path) -> AuditLog:
    """A log with ten entries."""
    log = AuditLog(workspace)
    for number in range(10):
        log.add("test", number=number)
    return log


def lines(log: AuditLog) -> list[bytes]:
    return log.file.read_bytes().splitlines(keepends=True)


def rewrite(log: AuditLog, changed: list[bytes]) -> None:
    log.file.write_bytes(b"".join(changed))


def changed(log: AuditLog) -> None:
    rewrite(log, [one.replace(b'{"number":4,', b'{"number":5,') for one in lines(log)])


def last_changed(log: AuditLog) -> None:
    *others, last = lines(log)
    rewrite(log, [*others, last.replace(b"test", b"tost")])


def removed(log: AuditLog) -> None:
    rewrite(log, lines(log)[:4] + lines(log)[5:])


def inserted(log: AuditLog) -> None:
    rewrite(log, [*lines(log)[:4], lines(log)[3], *lines(log)[4:]])


def swapped(log: AuditLog) -> None:
    all_ = lines(log)
    all_[3], all_[4] = all_[4], all_[3]
    rewrite(log, all_)


def cut(log: AuditLog) -> None:
    rewrite(log, lines(log)[:7])


def cut_within_a_line(log: AuditLog) -> None:
    log.file.write_bytes(log.file.read_bytes()[:-9])


def emptied(log: AuditLog) -> None:
    log.file.write_bytes(b"")


def deleted(log: AuditLog) -> None:
    log.file.unlink()


def headless(log: AuditLog) -> None:
    (log.folder / "head.json").unlink()


def filled(log: AuditLog) -> None:
    rewrite(log, [*lines(log)[:2], b"\xff\0 no entry\n", *lines(log)[2:]])


@pytest.mark.parametrize(
    "harm",
    [
        changed, last_changed, removed, inserted, swapped, cut, cut_within_a_line, emptied, deleted,
        headless, filled,
    ],
)  # fmt: skip
def test_whatever_is_done_to_it_shows_also_after_more_entries(log: AuditLog, harm: Harm) -> None:
    assert log.verify() == []
    before = log.file.read_bytes()
    harm(log)
    assert log.verify() != []
    if harm is headless:
        return  # the next entry makes a new marker: nothing of the log itself was lost
    assert not log.file.exists() or log.file.read_bytes() != before
    log.add("later")
    assert log.verify() != []


def test_a_line_that_was_never_finished_is_no_harm(log: AuditLog) -> None:
    with log.file.open("ab") as file:
        file.write(b'{"about":{"num')  # the power went
    assert log.verify() == []
    log.add("later")
    assert log.verify() == []
    assert [entry.what for entry in log.entries()] == ["test"] * 10 + ["later"]


def test_nor_is_a_marker_that_the_process_did_not_live_to_write(log: AuditLog) -> None:
    marker = (log.folder / "head.json").read_bytes()
    log.add("eleventh")
    (log.folder / "head.json").write_bytes(marker)
    assert log.verify() == []
    log.add("twelfth")
    assert log.verify() == []
    assert [entry.number for entry in log.entries()] == [*range(1, 13)]


def test_a_false_log_that_is_whole_shows_by_what_was_kept_elsewhere(log: AuditLog) -> None:
    anchor = log.head()
    log.add("later")
    assert log.verify(anchor) == []
    for path in log.folder.iterdir():
        path.unlink()
    for number in range(11):
        log.add("test", number=number)
    assert log.verify() == []
    assert log.verify(anchor) == ["Entry 10 is not the one that was written down."]


def write(workspace: Path, writer: int) -> None:
    log = AuditLog(workspace)
    for number in range(25):
        log.add("test", writer=writer, number=number)


def test_processes_lose_and_tear_nothing(workspace: Path) -> None:
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(4, mp_context=context) as pool:
        for done in [pool.submit(write, workspace, writer) for writer in range(4)]:
            done.result()
    log = AuditLog(workspace)
    assert log.verify() == []
    entries = list(log.entries())
    assert [entry.number for entry in entries] == [*range(1, 101)]
    mine = [entry.about["number"] for entry in entries if entry.about["writer"] == 2]
    assert mine == [*range(25)]


def test_what_cannot_be_written_down_is_not_done(
    film: Path, workspace: Path, analyze: Analyze
) -> None:
    run = analyze(film)
    folder = workspace / "audit"
    for path in folder.iterdir():
        path.unlink()
    folder.rmdir()
    folder.touch()
    with pytest.raises(AuditError):
        tk.forget(str(film), workspace=workspace, yes=True)
    with pytest.raises(AuditError):
        analyze(film)
    assert len(run.scenes) == 3


def test_it_tells_who_did_what_with_what(
    film: Path, workspace: Path, tmp_path: Path, analyze: Analyze
) -> None:
    run = analyze(film)
    first = run.scenes["scene_id"][0]
    run.review(first, action="add", name="a secret name", reviewer="Zoë")
    run.to_html(tmp_path / "report.html")
    run.upload(f"file://{tmp_path / 'cloud'}", ["thumbnails"])
    log = AuditLog(workspace)
    assert log.verify() == []
    entries = {entry.what: entry for entry in log.entries()}
    assert list(entries) == ["run.begun", "run.ended", "review", "export", "upload"]
    begun, ended = entries["run.begun"].about, entries["run.ended"].about
    assert begun["run"] == ended["run"] == run.id
    assert begun["plugins"]["analysis"] == ["telling"]  # type: ignore[index, call-overload]
    assert ended["status"] == "done"
    assert {*begun} >= {"toolkit", "versions", "lineage", "settings", "engine"}
    review = entries["review"]
    assert (review.about["reviewer"], review.about["scene"]) == ("Zoë", first)
    assert review.who["user"]
    text = json.dumps([entry.about for entry in log.entries()])
    assert "secret" not in text
    assert "report.html" not in text
    assert "film" not in text
