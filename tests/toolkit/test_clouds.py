"""Runs that read from a cloud and bring their files to one."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cloud_servers import BUCKET
from fault_proxy import Proxy, Status

import toolkit as tk
from toolkit.clouds import _pattern
from toolkit.errors import ConfigError, PrivacyError, SourceError, StorageError
from toolkit.execution.cargo import What

ROOT = f"s3://{BUCKET}/"
ALLOW = {"privacy": {"remote": "allow"}}


@pytest.fixture
def analyze(workspace: Path) -> Callable[..., tk.RunHandle]:
    """A run that looks for scenes and asks no model."""

    def start(*sources: object, **more: Any) -> tk.RunHandle:
        given = {"workspace": workspace, "analyzer": "signals", "progress": False, **more}
        return tk.analyze([*map(str, sources)], **given)

    return start


@pytest.fixture
def films(s3: Proxy, film: Path, tmp_path: Path) -> Proxy:
    """``talks/one.mp4``, ``talks/old/two #2.mp4``, and what is no video, in S3."""
    folder = tmp_path / "talks"
    (folder / "old").mkdir(parents=True)
    shutil.copy(film, folder / "one.mp4")
    # A box "free" is padding (ISO/IEC 14496-12): another file, the same film.
    (folder / "old" / "two #2.mp4").write_bytes(film.read_bytes() + b"\0\0\0\x0cfreexxxx")
    (folder / "notes.txt").write_text("no film")
    config = tmp_path / "allow.ini"
    config.write_text("[privacy]\nremote = allow\n")
    tk.upload(folder, ROOT, config=config)
    s3.calm()
    return s3


@pytest.mark.parametrize(
    ("pattern", "fits", "others"),
    [
        ("s3://b/x/*.mp4", ["s3://b/x/a.mp4"], ["s3://b/x/y/a.mp4", "s3://b/x/a.mp4.txt"]),
        ("s3://b/x/**", ["s3://b/x/a.mp4", "s3://b/x/y/a.mkv"], ["s3://b/x/a.txt"]),
        ("s3://b/**/*.txt", ["s3://b/a.txt", "s3://b/x/y/a.txt"], ["s3://b/a.mp4"]),
        ("s3://b/x", ["s3://b/x/a.mp4", "s3://b/x/y/a.mkv"], ["s3://b/xy/a.mp4", "s3://b/x/t"]),
        ("s3://b", ["s3://b/a.mp4"], ["s3://b/a.txt"]),
        (
            "s3://b/day[12]/?.mp4",
            ["s3://b/day1/a.mp4"],
            ["s3://b/day3/a.mp4", "s3://b/day1/ab.mp4"],
        ),
        ("s3://b/[!a]*.mp4", ["s3://b/b.mp4"], ["s3://b/a.mp4"]),
        ("s3://b/a.b*.mp4", ["s3://b/a.bc.mp4"], ["s3://b/aXb.mp4"]),
    ],
)
def test_patterns(pattern: str, fits: list[str], others: list[str]) -> None:
    fixed, wanted = _pattern(pattern)
    assert fixed.endswith("/")
    assert all(url.startswith(fixed) and wanted(url) for url in fits)
    assert not any(wanted(url) for url in others)


def test_a_pattern_leads_to_all_that_fit(
    films: Proxy, analyze: Callable[..., tk.RunHandle]
) -> None:
    run = analyze(f"{ROOT}talks/**/*.mp4")
    assert run.failures.is_empty()
    assert sorted(run.videos["title"]) == ["one.mp4", "two #2.mp4"]
    assert run.scenes.height == 6


def test_what_is_here_and_unchanged_is_not_fetched_again(
    films: Proxy, analyze: Callable[..., tk.RunHandle], workspace: Path
) -> None:
    first = analyze(f"{ROOT}talks/one.mp4", f"{ROOT}talks/")
    assert len(films.asked("GET", r"\.mp4")) == 2
    films.calm()
    again = analyze(f"{ROOT}talks/one.mp4", f"{ROOT}talks/")
    assert not films.asked("GET", r"\.mp4")
    assert again.videos["video_id"].to_list() == first.videos["video_id"].to_list()
    assert again.progress.reused == 6


def test_what_is_gone_here_is_fetched_only_if_somebody_needs_it(
    films: Proxy, analyze: Callable[..., tk.RunHandle]
) -> None:
    url = f"{ROOT}talks/one.mp4"
    first = analyze(url)
    Path(first.videos["path"][0]).unlink()
    films.calm()
    assert analyze(url).scenes.height == 3
    assert not films.asked("GET", r"\.mp4")
    assert analyze(url, scenes={"max_scene_s": 1.0}).scenes.height > 3
    assert films.asked("GET", r"\.mp4")


def test_a_file_that_changed_in_the_cloud_is_another_video(
    films: Proxy, analyze: Callable[..., tk.RunHandle], tmp_path: Path
) -> None:
    url = f"{ROOT}talks/one.mp4"
    first = analyze(url)
    old = first.videos["path"][0]
    one = tmp_path / "talks" / "one.mp4"
    one.write_bytes(one.read_bytes() + b"\0\0\0\x0cfreeyyyy")
    tk.upload(one, f"{ROOT}talks", config=tmp_path / "allow.ini")
    second = analyze(url)
    assert second.videos["video_id"][0] != first.videos["video_id"][0]
    assert Path(second.videos["path"][0]).read_bytes() == one.read_bytes()
    assert Path(old).exists()
    assert first.videos["video_id"].len() == 1


def test_a_url_that_leads_nowhere_is_a_failure_that_says_so(
    films: Proxy, analyze: Callable[..., tk.RunHandle]
) -> None:
    run = analyze(f"{ROOT}talks/three.mp4", f"{ROOT}*.avi", f"{ROOT}talks/one.mp4")
    assert run.scenes.height == 3
    said = run.failures["message"].to_list()
    assert any("talks/three.mp4" in one for one in said)
    assert any("*.avi" in one for one in said)
    assert not run.failures["retriable"].any()


def test_without_credentials_a_run_says_what_to_set(
    films: Proxy,
    analyze: Callable[..., tk.RunHandle],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    run = analyze(f"{ROOT}talks/one.mp4")
    [message], [hint] = run.failures["message"], run.failures["hint"]
    assert "credentials" in message
    assert "AWS_ACCESS_KEY_ID" in hint


def test_a_runs_files_go_up_once(
    films: Proxy, film: Path, analyze: Callable[..., tk.RunHandle]
) -> None:
    run = analyze(film, **ALLOW)
    kinds: tuple[What, ...] = ("originals", "clips", "thumbnails", "exports")
    to = f"{ROOT}out"
    dry = run.upload(to, kinds, dry_run=True)
    assert {one.status for one in dry} == {"missing"}
    assert not films.asked("PUT", "") + films.asked("POST", "")
    sent = run.upload(to, kinds)
    assert {one.status for one in sent} == {"uploaded"}
    assert [sum(one.kind == kind for one in sent) for kind in kinds] == [1, 3, 3, 4]
    assert [one.url for one in sent] == [one.url for one in dry]
    films.calm()
    assert {one.status for one in run.upload(to, kinds)} == {"there"}
    assert not films.asked("PUT", "") + films.asked("POST", "")
    back = analyze(sent[0].url)
    assert back.videos["video_id"].to_list() == run.videos["video_id"].to_list()


def test_one_file_that_cannot_go_up_does_not_hold_the_others(
    films: Proxy, film: Path, analyze: Callable[..., tk.RunHandle]
) -> None:
    run = analyze(film, **ALLOW)
    films.spoil("PUT", r"scenes\.parquet", Status(403), times=9)
    with pytest.raises(StorageError, match="1 of 4 files") as caught:
        run.upload(f"{ROOT}out", ["exports"])
    assert caught.value.context["cause"] == "forbidden"
    films.calm()
    statuses = [one.status for one in run.upload(f"{ROOT}out", ["exports"])]
    assert sorted(statuses) == ["there", "there", "there", "uploaded"]


def test_nothing_leaves_the_machine_unless_it_is_allowed(
    films: Proxy, film: Path, analyze: Callable[..., tk.RunHandle], tmp_path: Path
) -> None:
    run = analyze(film)
    with pytest.raises(PrivacyError, match="remote = allow"):
        run.upload(f"{ROOT}out")
    with pytest.raises(PrivacyError):
        tk.upload(film, f"{ROOT}out")
    with pytest.raises(PrivacyError):
        analyze(film, storage={"to": f"{ROOT}out"})
    assert not films.requests
    run.upload(f"file://{tmp_path}/out")
    assert len(list((tmp_path / "out").rglob("*.jpg"))) == 3


def test_at_the_end_of_a_run_its_files_go_where_the_settings_say(
    films: Proxy, film: Path, analyze: Callable[..., tk.RunHandle]
) -> None:
    run = analyze(film, storage={"to": f"{ROOT}out"}, **ALLOW)
    assert run.failures.is_empty()
    assert len(films.asked("PUT", r"/out/thumbnails/.*\.jpg")) == 3
    assert len(films.asked("PUT", r"/out/exports/.*\.parquet")) == 4


def test_what_cannot_go_up_at_the_end_is_a_failure_of_the_run(
    films: Proxy, film: Path, analyze: Callable[..., tk.RunHandle]
) -> None:
    films.spoil("PUT", r"tags\.parquet", Status(500), times=99)
    settings = {"to": f"{ROOT}out", "retries": 1, "backoff_s": 0}
    run = analyze(film, storage=settings, **ALLOW)
    assert run.scenes.height == 3
    [failure] = run.failures.to_dicts()
    assert (failure["stage"], failure["retriable"]) == ("upload", True)
    assert failure["source"].endswith("tags.parquet")


def test_a_target_that_no_storage_knows_is_refused(film: Path) -> None:
    with pytest.raises(StorageError, match="nowhere://x"):
        tk.upload(film, "nowhere://x")
    with pytest.raises(SourceError, match="no-such"):
        tk.upload("no-such.mp4", "memory://x")
    with pytest.raises(ConfigError, match="what"):
        tk.analyze(film, storage={"what": "everything"})


def test_a_folder_keeps_its_names(tmp_path: Path) -> None:
    (tmp_path / "a" / "b").mkdir(parents=True)
    (tmp_path / "a" / "b" / "c.mp4").write_bytes(b"x")
    [one] = tk.upload(tmp_path / "a", f"file://{tmp_path}/out")
    assert one.url == f"file://{tmp_path}/out/a/b/c.mp4"
    assert (tmp_path / "out" / "a" / "b" / "c.mp4").read_bytes() == b"x"
