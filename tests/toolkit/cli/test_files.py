"""``toolkit scenes`` and ``toolkit probe``: files looked at alone, in every form."""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from toolkit.testing.media import BAD_FILES

Command = Callable[..., Any]


def test_scenes_as_json(toolkit: Command, film: Path, tmp_path: Path) -> None:
    ended = toolkit("scenes", film, "--json")
    assert ended.code == 0
    assert set(ended.data) == {"video", "scenes"}
    assert ended.data["video"]["path"] == str(film)
    assert len(ended.data["video"]["id"]) == 40
    places = []
    for index, scene in enumerate(ended.data["scenes"]):
        assert list(scene) == ["index", "start_s", "end_s", "kind", "score"]
        assert scene["index"] == index
        places.append((scene["kind"], scene["start_s"], scene["end_s"]))
    assert places == [("start", 0, 2), ("cut", 2, 4), ("cut", 4, 6)]
    assert list(tmp_path.iterdir()) == []  # nothing is stored


def test_scenes_as_table_csv_and_edl(toolkit: Command, film: Path) -> None:
    assert "0:02.00" in toolkit("scenes", film).out
    rows = list(csv.DictReader(toolkit("scenes", film, "--csv").out.splitlines()))
    assert [(row["index"], row["end_s"]) for row in rows] == [
        ("0", "2.0"),
        ("1", "4.0"),
        ("2", "6.0"),
    ]
    edl = toolkit("scenes", film, "--edl").out.splitlines()
    assert edl[:2] == ["TITLE: film", "FCM: NON-DROP FRAME"]
    assert "002  AX       V     C        00:00:02:00 00:00:04:00 00:00:02:00 00:00:04:00" in edl


def test_scenes_as_a_timeline(toolkit: Command, film: Path) -> None:
    otio = pytest.importorskip("opentimelineio")
    timeline = otio.adapters.read_from_string(toolkit("scenes", film, "--otio").out)
    clips = list(timeline.find_clips())
    assert [clip.source_range.start_time.to_seconds() for clip in clips] == [0, 2, 4]
    assert timeline.duration().to_seconds() == 6
    assert clips[0].media_reference.target_url == film.as_uri()


def test_another_detector(toolkit: Command, film: Path) -> None:
    ended = toolkit("scenes", film, "--detector", "threshold", "--json")
    assert len(ended.data["scenes"]) == 1  # it looks for fades, and there are none
    assert toolkit("scenes", film, "--detector", "adaptve").code == 2


def test_one_form_at_a_time(toolkit: Command, film: Path) -> None:
    ended = toolkit("scenes", film, "--json", "--csv")
    assert (ended.code, ended.out) == (2, "")


def test_a_truncated_file_shows_what_is_there(toolkit: Command, tmp_path: Path) -> None:
    ended = toolkit("scenes", BAD_FILES["truncated_mkv"](tmp_path), "--json")
    assert ended.code == 0
    assert "is truncated" in ended.err
    assert ended.data["video"]["truncated"] is True
    assert ended.data["scenes"]


@pytest.mark.parametrize("name", ["empty", "text", "audio_only", "zero_frames", "headless"])
@pytest.mark.parametrize("command", ["scenes", "probe"])
def test_a_bad_file_is_an_error_without_traceback(
    toolkit: Command, tmp_path: Path, command: str, name: str
) -> None:
    ended = toolkit(command, BAD_FILES[name](tmp_path), "--json")
    assert (ended.code, ended.out) == (1, "")
    assert ended.err.startswith("Error: ")


@pytest.mark.parametrize(
    ("word", "message"),
    [
        ("fim.mp4", "Did you mean film.mp4?"),
        ("https://example.org/film.mp4", "toolkit analyze fetches links"),
        (".", "no video in the folder"),
    ],
)
def test_what_is_no_file(toolkit: Command, tmp_path: Path, word: str, message: str) -> None:
    (tmp_path / "film.mp4").mkdir()
    ended = toolkit("probe", word)
    assert ended.code == 1
    assert message in ended.err.replace("\n", " ")


def test_probe(toolkit: Command, film: Path) -> None:
    ended = toolkit("probe", film, "--json")
    assert ended.data["width"] == 160
    assert ended.data["frame_rate"] == 25
    assert ended.data["duration_s"] == 6
    shown = toolkit("probe", film).out
    assert "160 x 120" in shown
    assert ended.data["id"] in shown


def test_json_where_the_terminal_cannot_write_a_name(
    process: Command, film: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "café €.mp4"
    path.write_bytes(film.read_bytes())
    for encoding in ("utf-8", "ascii"):
        monkeypatch.setenv("PYTHONIOENCODING", encoding)
        ended = process("probe", path, "--json")
        assert ended.code == 0, ended.err
        assert ended.data["path"] == str(path)
    assert process("probe", path).code == 0


def test_a_name_that_is_no_text_is_refused(process: Command, film: Path, tmp_path: Path) -> None:
    path = tmp_path / b"caf\xe9.mp4".decode("utf-8", "surrogateescape")
    try:
        path.write_bytes(film.read_bytes())
    except OSError:
        pytest.skip("this file system takes only text")
    ended = process("probe", path)
    assert ended.code == 1
    assert ended.err.startswith("Error: ")
