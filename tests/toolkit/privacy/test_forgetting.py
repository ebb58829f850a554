"""What is erased is gone, to the last byte, and stays away."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyrage
import pytest
from telling import Telling, found_in

import toolkit as tk
from toolkit.errors import ForgottenError, PrivacyError, StoreError
from toolkit.execution.looking import open_store, settings_of
from toolkit.privacy.audit import AuditLog
from toolkit.privacy.tombstones import refuse
from toolkit.records import Review, Run, RunSource, Scene, Source, Tag, Video, now
from toolkit.stages.store import KINDS, Store

Analyze = Callable[..., tk.RunHandle]


@pytest.fixture
def store(workspace: Path) -> Any:
    settings, plugins, _ = settings_of(None, workspace)
    with open_store(settings, plugins) as store:
        yield store


def marks(run: tk.RunHandle, telling: type[Telling]) -> list[bytes]:
    """What stands nowhere but in what is kept of a run's videos: texts and bytes of pictures."""
    pictures = [Path(path).read_bytes() for path in run.scenes["thumbnail"]]
    words = [telling.words[id_] for id_ in run.videos["video_id"]]
    texts = [word.encode() for word in words] + [word[::-1].encode() for word in words]
    return texts + [data[at : at + 48] for data in pictures for at in range(0, len(data) - 48, 400)]


def test_no_byte_of_a_picture_or_a_description_is_left(
    film: Path, another: Path, workspace: Path, analyze: Analyze, telling: type[Telling]
) -> None:
    run, kept = analyze(film), analyze(another)
    run.review(run.scenes["scene_id"][0], action="add", name="Anna Schmidt-Rottenmeier")
    run.export(workspace / "results.jsonl")
    run.to_html(workspace / "report.html")
    texts = [*marks(run, telling), b"Schmidt-Rottenmeier", str(film).encode()]
    pictures = len(texts)
    assert len(found_in(workspace, texts)) > 5
    dry = tk.forget(str(film), workspace=workspace)
    assert not dry.done
    assert {trace.kind for trace in dry.traces} == {"rows", "file", "original"}
    assert len(found_in(workspace, texts[:pictures])) > 5  # nothing is gone yet

    done = tk.forget(str(film), workspace=workspace, yes=True)
    assert (done.left, done.notes) == ([], [])
    # Its pictures may be those of the other film, which shows the same: its texts are not.
    mine = [text for text in texts if text not in marks(kept, telling)]
    assert len(mine) >= 4
    assert found_in(workspace, mine) == {}
    assert film.is_file()
    assert not (workspace / "report.html").exists()
    assert not (workspace / "results.jsonl").exists()
    again = tk.attach(kept.id, workspace=workspace)
    assert len(again.scenes) == 3
    assert all(Path(path).is_file() for path in again.scenes["thumbnail"])
    assert len(again.search("roses")) == 3


def test_a_picture_of_its_own_is_nowhere_either(
    film: Path, workspace: Path, analyze: Analyze, telling: type[Telling]
) -> None:
    run = analyze(film)
    texts = marks(run, telling)
    assert sum(found_in(workspace, texts).values()) >= len(texts)
    assert tk.forget(run.videos["video_id"][0][:12], workspace=workspace, yes=True).left == []
    assert found_in(workspace, texts) == {}


def test_what_was_erased_does_not_come_back(
    film: Path, another: Path, tmp_path: Path, workspace: Path, analyze: Analyze, store: Store
) -> None:
    analyze(film)
    tk.forget(str(film), workspace=workspace, yes=True)
    copy = tmp_path / "copy.mp4"
    copy.write_bytes(film.read_bytes())
    run = analyze(film, copy, another)
    assert run.status == "done"
    assert run.sources["status"].to_list() == ["skipped", "skipped", "done"]
    assert run.row.counts["skipped"] == 2
    assert len(run.videos) == 1
    assert run.failures.is_empty()
    assert [event.kind for event in run.events()].count("skipped") == 2
    assert store.count(Video) == 1
    with pytest.raises(ForgottenError, match="erased on request"):
        refuse(store, Source.of(str(copy), "file"))  # its bytes were known, now its name is, too

    assert tk.allow(str(film), workspace=workspace) == 3
    back = analyze(film, copy)
    assert back.sources["status"].to_list() == ["done", "done"]
    assert len(back.scenes) == 3


def test_what_was_erased_does_not_come_back_from_a_file(
    film: Path, tmp_path: Path, workspace: Path, analyze: Analyze, store: Store
) -> None:
    run = analyze(film)
    tk.export(tmp_path / "all.jsonl", workspace=workspace)
    tk.forget(str(film), workspace=workspace, yes=True)
    tk.import_(tmp_path / "all.jsonl", workspace=workspace)
    assert store.count(Scene) == store.count(Video) == store.count(Source) == 0
    assert run.id == store.find(Run)[0].id


def test_all_names_of_the_same_bytes_go_and_a_run_keeps_its_other_sources(
    film: Path, another: Path, tmp_path: Path, workspace: Path, analyze: Analyze, store: Store
) -> None:
    copy = tmp_path / "copy.mp4"
    copy.write_bytes(film.read_bytes())
    run = analyze(film, copy, another)
    done = tk.forget(str(copy), workspace=workspace, yes=True)
    assert sorted(done.subject.uris) == sorted([str(film), str(copy)])
    assert run.row.sources == (str(another),)
    assert [way.uri for way in store.find(RunSource)] == [str(another)]
    assert copy.is_file()


LABELS = """\
[[label]]
name = "car"
synonyms = ["automobile", "Anna's car"]
"""


def test_a_label_means_its_synonyms_as_well(
    film: Path, another: Path, tmp_path: Path, workspace: Path, analyze: Analyze, store: Store
) -> None:
    @tk.tagger
    def spotting(scene: tk.Scene, analysis: tk.Analysis) -> Any:
        yield tk.Tag("Automobile", why="four wheels")

    first = analyze(film).videos["video_id"][0]
    tk.unregister(spotting)
    run = analyze(film, another)  # knows no vocabulary
    other = next(id_ for id_ in run.videos["video_id"] if id_ != first)
    run.review(other, action="add", name="Anna's Car")
    with pytest.raises(StoreError, match="Nothing is known"):
        tk.forget("car", workspace=workspace)
    labels, config = tmp_path / "labels.toml", tmp_path / "config.ini"
    labels.write_text(LABELS, encoding="utf-8")
    config.write_text("[tags]\nvocabulary = labels.toml\n", encoding="utf-8")
    for word in ("car", "CAR", "automobile"):
        found = tk.forget(word, label=True, workspace=workspace, config=config)
        assert set(found.subject.video_ids) == {first, other}
    analyze(film, tags={"vocabulary": str(labels)})  # from now on a run tells
    labels.unlink()
    assert tk.forget("car", workspace=workspace, yes=True).left == []
    assert store.count(Tag) == store.count(Review) == store.count(Video) == 0


def test_a_label_means_every_video_that_has_it(
    film: Path, another: Path, workspace: Path, analyze: Analyze, store: Store
) -> None:
    run = analyze(film, another)
    first = run.scenes["scene_id"][0]
    run.review(first, action="add", name="Anna")
    found = tk.forget("Anna", workspace=workspace)
    assert found.subject.kind == "label"
    assert len(found.subject.video_ids) == 1
    assert tk.forget("Anna", workspace=workspace, yes=True, label=True).left == []
    assert store.count(Review) == 0
    assert store.count(Video) == 1
    with pytest.raises(StoreError, match="Nothing is known"):
        tk.forget("Anna", workspace=workspace)


def test_originals_go_only_when_that_is_asked_for(
    another: Path, workspace: Path, analyze: Analyze
) -> None:
    analyze(another)
    kept = tk.forget(str(another), workspace=workspace)
    assert [trace.outcome for trace in kept.traces if trace.kind == "original"] == ["kept"]
    done = tk.forget(str(another), workspace=workspace, yes=True, files=True)
    assert [trace.outcome for trace in done.traces if trace.kind == "original"] == ["erased"]
    assert not another.exists()
    assert tk.forget(str(another), workspace=workspace).traces == []  # its name is known still


def test_lines_of_logs_go_and_others_stay(
    film: Path, another: Path, workspace: Path, analyze: Analyze
) -> None:
    analyze(film, another)
    log = workspace / "logs" / "old.log"
    log.parent.mkdir()
    log.write_text(f"one {film}\ntwo {another}\nthree\n")
    done = tk.forget(str(film), workspace=workspace, yes=True)
    assert [(trace.kind, trace.count) for trace in done.traces if trace.kind == "log"] == [
        ("log", 1)
    ]
    assert log.read_text() == f"two {another}\nthree\n"


def test_copies_in_clouds_go_and_one_that_cannot_go_is_told_and_tried_again(
    film: Path, tmp_path: Path, workspace: Path, analyze: Analyze
) -> None:
    run = analyze(film)
    cloud = tmp_path / "cloud"
    run.upload(f"file://{cloud}", ["originals", "thumbnails", "exports"])
    assert len([path for path in cloud.rglob("*") if path.is_file()]) == 8
    folder = cloud / "originals"
    original = next(folder.iterdir())
    original.unlink()
    original.mkdir()  # what cannot be deleted as a file
    (original / "x").touch()
    first = tk.forget(str(film), workspace=workspace, yes=True)
    failed = [trace for trace in first.traces if trace.outcome == "failed"]
    assert [trace.kind for trace in failed] == ["copy"]
    assert len(first.left) == 1
    (original / "x").unlink()
    original.rmdir()
    again = tk.forget(str(film), workspace=workspace, yes=True)
    assert again.left == []
    assert [path for path in cloud.rglob("*") if path.is_file()] == []


def test_a_run_at_work_on_it_is_not_disturbed(
    film: Path, workspace: Path, analyze: Analyze, store: Store
) -> None:
    run = analyze(film)
    row = run.row
    store.save([row.model_copy(update={"status": "running", "heartbeat_at": now()})])
    with pytest.raises(PrivacyError, match=row.id):
        tk.forget(str(film), workspace=workspace, yes=True)
    store.save([row])
    assert len(run.scenes) == 3


def test_the_audit_log_tells_of_it_and_names_nothing(
    film: Path, workspace: Path, analyze: Analyze, telling: type[Telling]
) -> None:
    run = analyze(film)
    run.export(workspace.parent / "scenes.csv")
    words = [*telling.words.values(), film.name, "scenes.csv"]
    tk.forget(str(film), workspace=workspace, yes=True)
    log = AuditLog(workspace)
    whats = [entry.what for entry in log.entries()]
    assert whats == ["run.begun", "run.ended", "export", "erasure.begun", "erasure.ended"]
    assert log.verify() == []
    text = log.file.read_text()
    assert not [word for word in words if word in text]


def test_no_kind_of_row_is_forgotten_by_forget(
    film: Path, workspace: Path, analyze: Analyze, store: Store
) -> None:
    from toolkit.privacy import rows
    from toolkit.privacy.subjects import subject_of

    analyze(film)
    subject = subject_of(store, str(film), [Source.of(str(film), "file")])
    kinds = {kind for kind, _ in rows.rows(store, subject)}
    assert kinds == {*KINDS} - {Run}  # runs lose the words that name it, and stay


def test_with_encryption_all_is_found_handed_over_plain_and_erased(
    film: Path, tmp_path: Path, workspace: Path, analyze: Analyze, telling: type[Telling]
) -> None:
    from toolkit.hooks.manager import configure
    from toolkit.sealing.keys import vault_of
    from toolkit.sealing.lines import sealed_line

    config = tmp_path / "config.ini"
    key = str(pyrage.x25519.Identity.generate())
    config.write_text(f"[privacy]\nencrypt = yes\nkey = {key}\n")
    run = analyze(film, config=config)
    places: Any = {"config": config, "workspace": workspace}
    vault = vault_of(configure(config)[0])
    assert vault is not None
    log = workspace / "logs" / "old.log"
    log.parent.mkdir()
    log.write_text("".join(f"{sealed_line(line, vault)}\n" for line in (f"of {film}", "else")))
    held = tk.held(str(film), **places)
    assert held.logs == {log: 1}
    folder = held.write(tmp_path / "held")
    pictures = sorted((folder / "files").glob("*.jpg"))
    assert [path.read_bytes()[:3] for path in pictures] == [b"\xff\xd8\xff"] * 3
    assert tk.forget(str(film), **places, yes=True).left == []
    assert len(log.read_text().splitlines()) == 1
    assert not list((workspace / "thumbnails").rglob("*.*"))
    assert run.scenes.is_empty()
    assert analyze(film, config=config).sources["status"].to_list() == ["skipped"]
