from __future__ import annotations

import signal
import subprocess
import sys
import time
import wave
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from toolkit.cli.clips import seconds
from toolkit.errors import ConfigError
from toolkit.testing.media import write_numbered

Command = Callable[..., Any]
SIGNALS = ("--analyzer", "signals")


def test_a_part_of_a_file(toolkit: Command, film: Path, tmp_path: Path) -> None:
    ended = toolkit("clip", film, "--from", "0:01.5", "--to", "3", "--json")
    assert ended.code == 0, ended.err
    (made,) = ended.data["clips"]
    assert made["path"] == "film 1.5-3.mp4"
    assert made["start_s"] <= 1.5
    assert made["left_out"] == []
    exact = toolkit("clip", film, "--from", "1.52", "--to", "3", "--exact", "-o", "e.mkv", "--json")
    assert [exact.data["clips"][0][k] for k in ("start_s", "end_s")] == pytest.approx([1.52, 3])
    probed = toolkit("probe", "e.mkv", "--json")
    assert probed.data["container"] == "matroska"
    assert not (tmp_path / "toolkit-workspace").exists()


def test_the_suffix_says_what_it_becomes(toolkit: Command, tmp_path: Path) -> None:
    path = write_numbered(tmp_path / "film.mkv", 50, sound=True)
    for name in ("film.mp4", "film.wav", "film.webp"):
        assert toolkit("clip", path, "-o", name).code == 0
    with wave.open("film.wav") as sound:
        assert sound.getnframes() / sound.getframerate() == pytest.approx(2.0, abs=0.1)
    with Image.open("film.webp") as picture:
        assert picture.n_frames > 5  # type: ignore[attr-defined]
    assert toolkit("probe", "film.mp4", "--json").data["codec"] == "h264"
    ended = toolkit("clip", path, "--exact", "-o", "film.flac")
    assert ended.code == 1
    assert "is no video" in ended.err


def test_scenes_of_a_run(toolkit: Command, film: Path, tmp_path: Path) -> None:
    (tmp_path / "rules.toml").write_text(
        '[[rule]]\ntag = "later"\nwhen = ["scene.index >= 1"]\n', encoding="utf-8"
    )
    run = toolkit("analyze", film, *SIGNALS, "--set", "tags.rules.file=rules.toml", "--json")
    scenes = toolkit("show", "last", "--json").data["videos"][0]["scenes"]
    ended = toolkit("clip", "last", "--scene", "0", "--scene", "2", "-o", "parts", "--json")
    assert ended.code == 0, ended.err
    names = [Path(one["path"]).name for one in ended.data["clips"]]
    assert names == ["film-000.mp4", "film-002.mp4"]
    assert sorted(p.name for p in (tmp_path / "parts").iterdir()) == names
    ended = toolkit("clip", run.data["run"], "--tag", "later", "--exact", "--json")
    later = scenes[1:]
    assert [[one["start_s"], one["end_s"]] for one in ended.data["clips"]] == [
        pytest.approx([one["start_s"], one["end_s"]]) for one in later
    ]
    assert toolkit("clip", film, "--scene", "1", "-o", "one", "--json").data["clips"]
    sheet = toolkit("sheet", "last", "--columns", "3", "--json")
    assert sheet.data["scenes"] == len(scenes)
    with Image.open("sheet.jpg") as picture:
        assert picture.width == sheet.data["width"] > 3 * 160


def test_scenes_of_a_file_that_no_run_had(toolkit: Command, film: Path, tmp_path: Path) -> None:
    ended = toolkit("sheet", film, "-o", "film.png")
    assert ended.code == 0, ended.err
    assert "film.png: 3 scenes" in ended.out
    ended = toolkit("clip", film, "--scene", "1", "-o", "parts", "--json")
    assert [one["path"] for one in ended.data["clips"]] == ["parts/film-001.mp4"]
    assert not (tmp_path / "toolkit-workspace").exists()


def test_nothing_is_written_over(toolkit: Command, film: Path, tmp_path: Path) -> None:
    (tmp_path / "sheet.jpg").write_bytes(b"mine")
    assert toolkit("sheet", film).code == 1
    assert (tmp_path / "sheet.jpg").read_bytes() == b"mine"
    assert toolkit("sheet", film, "--force").code == 0
    assert toolkit("clip", film, "--scene", "0").code == 0
    ended = toolkit("clip", film, "--scene", "0", "--scene", "1")
    assert ended.code == 1
    assert "There is a file" in ended.err
    assert [path.name for path in (tmp_path / "clips").iterdir()] == ["film-000.mp4"]


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (["--from", "abc"], 2, "is no time"),
        (["--from", "5", "--to", "4"], 2, "not after its start"),
        (["--from", "1", "--scene", "1"], 2, "not both"),
        (["--scene", "1", "--fragmented"], 2, "--fragmented"),
        (["--scene", "77"], 1, "no scene 77"),
        (["--tag", "car"], 1, "no workspace"),
        (["--from", "9999"], 1, "there is nothing from 9999 s on"),
        (["-o", "clip.xyz"], 1, "cannot be written as"),
    ],
)
def test_mistakes(
    toolkit: Command, film: Path, tmp_path: Path, words: list[str], code: int, message: str
) -> None:
    ended = toolkit("clip", film, *words)
    assert (ended.code, ended.out) == (code, "")
    assert message in ended.err
    assert "Traceback" not in ended.err
    assert list(tmp_path.iterdir()) == []


def test_times_as_people_write_them() -> None:
    assert [seconds(text) for text in ("12.5", "1:02.5", "1:00:01", ".5")] == [
        12.5,
        62.5,
        3601,
        0.5,
    ]
    for text in ("", "1:2:3:4", "-1", "1e3", "nan"):
        with pytest.raises(ConfigError):
            seconds(text)


@pytest.mark.slow
def test_ctrl_c_leaves_nothing(film: Path, tmp_path: Path) -> None:
    path = write_numbered(
        tmp_path / "long.mp4", 400, size=(1280, 720), options={"preset": "ultrafast"}
    )
    command = [sys.executable, "-m", "toolkit.cli", "clip", str(path), "--exact", "-o", "out.mp4"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as running:
        while not list(tmp_path.glob(".toolkit-*/out.mp4")):
            assert running.poll() is None, "it was over before it could be stopped"
            time.sleep(0.02)
        running.send_signal(signal.SIGINT)
        _, err = running.communicate(timeout=10)
    assert running.returncode == 130, err
    assert "Traceback" not in err
    assert [one.name for one in tmp_path.iterdir()] == ["long.mp4"]
