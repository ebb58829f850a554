"""What is too old goes, kind by kind; the rest stays, and so does what a run uses."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

import toolkit as tk
from toolkit.execution.erasing import Keeper, keeper
from toolkit.hooks.manager import configure
from toolkit.privacy.audit import AuditLog
from toolkit.privacy.retention import Purger
from toolkit.records import Answer, Failure, Run, RunSource, Scene, Source, Video, now
from toolkit.testing.server import MediaServer

Analyze = Callable[..., tk.RunHandle]
LINKS = {"download": {"allow_private_hosts": True}}


@pytest.fixture
def later(workspace: Path) -> Iterator[Callable[..., Purger]]:
    """Who purges so many days from now, with these settings."""
    kept: list[Any] = []

    def of(days: float, **keep: float) -> Purger:
        arguments: dict[str, Any] = {"paths": {"workspace": workspace}, "privacy": keep}
        settings, plugins, _ = configure(None, arguments)
        context = keeper(settings, plugins)
        one: Keeper = context.__enter__()
        kept.append(context)
        at = now() + timedelta(days=days)
        return Purger(one.store, settings, one.log, one.eraser(), at)

    yield of
    for context in kept:
        context.__exit__(None, None, None)


def items(purger: Purger) -> dict[str, int]:
    return {one.kind: one.items for one in purger.look() if one.items}


def test_nothing_goes_unless_somebody_says_for_how_long_it_is_kept(
    film: Path, analyze: Analyze, later: Callable[..., Purger]
) -> None:
    analyze(film)
    assert items(later(10_000)) == {}
    assert items(later(6, keep_results_days=7, keep_runs_days=7, keep_thumbnails_days=7)) == {}


def test_downloads_and_pictures_go_and_what_was_found_stays(
    web: MediaServer, film: Path, workspace: Path, analyze: Analyze, later: Callable[..., Purger]
) -> None:
    run = analyze(web.url("film.mp4"), **LINKS)
    purger = later(8, keep_originals_days=7, keep_thumbnails_days=7)
    assert items(purger) == {"originals": 2, "thumbnails": 3}  # the film and its note
    assert len(list((workspace / "downloads").glob("*.mp4"))) == 1  # looking removes nothing
    purger.purge()
    assert items(purger) == {}
    assert len(run.scenes) == 3
    assert run.scenes["thumbnail"].to_list() == [None] * 3 or not any(run.scenes["thumbnail"])
    assert film.is_file()
    again = analyze(web.url("film.mp4"), **LINKS)
    assert again.progress.reused == 3  # all is known: nothing is fetched again
    assert [one.what for one in AuditLog(workspace).entries()].count("purge") == 1


def test_results_go_with_all_files_and_may_come_back(
    film: Path, another: Path, workspace: Path, analyze: Analyze, later: Callable[..., Purger]
) -> None:
    analyze(film)
    purger = later(31, keep_results_days=30)
    assert items(purger) == {"results": 1}
    purger.purge()
    store = purger._store
    assert [store.count(kind) for kind in (Video, Scene, Answer, Source)] == [0] * 4
    assert not list((workspace / "thumbnails").rglob("*.jpg"))
    assert len(analyze(film).scenes) == 3


def test_runs_go_with_their_failures_and_logs(
    film: Path, workspace: Path, tmp_path: Path, analyze: Analyze, later: Callable[..., Purger]
) -> None:
    run = analyze(film, tmp_path / "missing.mp4")
    log = workspace / "logs" / f"{run.id}.log"
    log.parent.mkdir()
    log.touch()
    run.export(workspace / "scenes.csv")
    purger = later(31, keep_runs_days=30)
    assert items(purger) == {"runs": 1}
    purger.purge()
    store = purger._store
    assert [store.count(kind) for kind in (Run, RunSource, Failure)] == [0, 0, 0]
    assert store.count(Scene) == 3
    assert not log.exists()
    assert not (workspace / "scenes.csv").exists()


def test_caches_go_and_a_film_that_somebody_uploaded_stays(
    film: Path, workspace: Path, analyze: Analyze, later: Callable[..., Purger]
) -> None:
    uploaded = workspace / "uploads" / "film.mp4"
    for name in ("cache/yt-dlp/x.json", "uploads/x.json", "exports/run/x.csv"):
        (workspace / name).parent.mkdir(parents=True, exist_ok=True)
        (workspace / name).touch()
    uploaded.write_bytes(film.read_bytes())
    analyze(uploaded)
    purger = later(8, keep_cache_days=7)
    assert items(purger) == {"cache": 3}
    purger.purge()
    assert [path.name for path in (workspace / "uploads").rglob("*") if path.is_file()] == [
        "film.mp4"
    ]


def test_a_name_that_was_asked_for_again_goes_again(
    film: Path, workspace: Path, analyze: Analyze, later: Callable[..., Purger]
) -> None:
    analyze(film)
    tk.forget(str(film), workspace=workspace, yes=True)
    run = analyze(film)
    assert [*run.row.sources] == [str(film)]
    assert tk.forget(str(film), workspace=workspace, yes=True).left == []
    assert [*run.row.sources] == []
    assert str(film) not in (workspace / "toolkit.db").read_bytes().decode("latin-1")


def test_a_run_at_work_keeps_what_it_uses(
    film: Path, analyze: Analyze, later: Callable[..., Purger]
) -> None:
    run = analyze(film)
    with_store = later(0)
    row = run.row.model_copy(update={"status": "running", "heartbeat_at": now()})
    with_store._store.save([row])
    keep = {"keep_results_days": 1, "keep_thumbnails_days": 1, "keep_runs_days": 1}
    assert items(later(100, **keep)) == {}


def test_all_that_is_held_can_be_handed_over(
    web: MediaServer, workspace: Path, tmp_path: Path, analyze: Analyze
) -> None:
    link = web.url("film.mp4")
    run = analyze(link, **LINKS)
    run.review(run.scenes["scene_id"][0], action="add", name="Anna")
    run.upload(f"file://{tmp_path / 'cloud'}", ["thumbnails"])
    held = tk.held(link, workspace=workspace)
    about = held.about()
    assert about["provenance"][0]["source"] == link  # type: ignore[index, call-overload]
    assert len(held.copies) == 3
    counts = {"Video": 1, "Scene": 3, "Answer": 3, "Review": 1, "Source": 1, "Run": 1}
    assert {kind: len(held.records[kind]) for kind in counts} == counts
    assert {entry.what for entry in held.entries} == {"run.begun", "run.ended", "review"}
    to = held.write(tmp_path / "held.zip")
    assert to.stat().st_mode & 0o077 == 0
    with zipfile.ZipFile(to) as packed:
        names = packed.namelist()
        rows = [json.loads(line) for line in packed.read("records.jsonl").splitlines()]
    assert len([name for name in names if name.endswith(".jpg")]) == 3
    assert not [name for name in names if name.endswith(".mp4")]
    assert {row["kind"] for row in rows} >= {*counts, "Completion", "RunSource"}
    folder = held.write(tmp_path / "held", originals=True)
    assert len(list((folder / "files").glob("*.mp4"))) == 1
    assert json.loads((folder / "about.json").read_text())["videos"] == [*held.subject.video_ids]


def test_a_download_is_erased_with_its_note_and_not_fetched_again(
    web: MediaServer, film: Path, workspace: Path, analyze: Analyze
) -> None:
    link = web.url("film.mp4")
    analyze(link, **LINKS)
    assert len(list((workspace / "downloads").glob("*.*"))) >= 2
    assert tk.forget(link, workspace=workspace, yes=True).left == []
    assert not [path for path in (workspace / "downloads").rglob("*") if path.is_file()]
    asked = len(web.requests)
    assert analyze(link, **LINKS).sources["status"].to_list() == ["skipped"]
    assert len(web.requests) == asked
    other = web.url("film.mp4?again")
    assert analyze(other, **LINKS).sources["status"].to_list() == ["skipped"]
    assert not list((workspace / "downloads").glob("*.mp4"))  # its bytes were known
