"""Making something of a file that does harm leaves no half file and no process."""

from __future__ import annotations

import os
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from bombs import film_of, png, vp9
from harmful import alive, copied, number, register, spoils, until
from making import clip, extract_audio, preview, readers

import toolkit as tk
from toolkit.errors import CancelledError, CrashedError, LimitError, StalledError
from toolkit.media.making import make
from toolkit.media.pictures import thumbnails
from toolkit.stages.component import Cancel
from toolkit.testing.media import write_numbered

SMALL: dict[str, Any] = {"memory_mb": 200}
HARM: list[tuple[str, type[tk.ToolkitError], str, dict[str, Any]]] = [
    ("crashes", CrashedError, "ended with SIGSEGV", {}),
    ("leaves", CrashedError, "ended with exit code 0", {}),
    ("eats", LimitError, "more than 200 MB of memory", SMALL),
    ("burns", LimitError, "of processor time", {"cpu_per_s": 0.5}),
    ("sleeps", StalledError, "made no progress", {"stall_s": 2.0}),
]


def names_in(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir() if path.suffix != ".pid"}


@pytest.mark.parametrize(("word", "error", "message", "limits"), HARM)
def test_work_that_does_harm_leaves_nothing(
    film: Path,
    tmp_path: Path,
    word: str,
    error: type[tk.ToolkitError],
    message: str,
    limits: dict[str, Any],
) -> None:
    paths = copied(film, tmp_path, [word, "good"])
    by = readers(isolate=True, **limits)
    before = names_in(tmp_path)
    with pytest.raises(error, match=message) as raised:
        make(by, spoils, paths[0], tmp_path / "out.mp4")
    assert "'.toolkit-" not in str(raised.value)
    assert names_in(tmp_path) == before
    assert number(paths[0]) != os.getpid()
    until(lambda: not alive(number(paths[0])))
    assert clip(paths[1], tmp_path / "out.mp4", by=by).path.exists()


@pytest.mark.parametrize(("word", "error", "message", "limits"), HARM)
def test_a_decoder_that_does_harm_as_pictures_are_made(
    film: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    word: str,
    error: type[tk.ToolkitError],
    message: str,
    limits: dict[str, Any],
) -> None:
    register()
    paths = copied(film, tmp_path, [word, "good"])
    for key, value in {"plugin": "harmful", **limits}.items():
        monkeypatch.setenv(f"TOOLKIT_DECODE__{key.upper()}", str(value))
    before = names_in(tmp_path)
    for made in (
        lambda path: tk.clip(path, 0.0, 2.0, tmp_path / "out.webp"),
        lambda path: tk.pictures(path, [0.5, 3.0]),
        tk.sheet,
    ):
        with pytest.raises(error, match=message):
            made(paths[0])
        assert names_in(tmp_path) == before
        until(lambda: not alive(number(paths[0])))
        assert made(paths[1])
        (tmp_path / "out.webp").unlink(missing_ok=True)


def test_small_files_of_huge_pictures(tmp_path: Path) -> None:
    by = readers(isolate=True, **SMALL)
    film_of(tmp_path / "png.mp4", png(16_000))
    (tmp_path / "vp9.mp4").write_bytes(vp9(16_000))
    for path in list(tmp_path.iterdir()):
        for work in (
            partial(clip, path, tmp_path / "out.mkv"),
            partial(clip, path, tmp_path / "out.mp4", exact=True),
            partial(extract_audio, path, tmp_path / "out.wav"),
            partial(preview, path, tmp_path / "out.webp"),
        ):
            with pytest.raises(LimitError, match="more than 200 MB of memory"):
                work(by=by)
        with pytest.raises(LimitError, match="more than 200 MB of memory"):
            list(thumbnails(by, path, [0.0]))
    assert names_in(tmp_path) == {"png.mp4", "vp9.mp4"}


def test_what_is_made_apart_is_what_would_be_made_here(tmp_path: Path) -> None:
    path = write_numbered(tmp_path / "film.mkv", 60, sound=True)
    told: dict[bool, list[float]] = {}
    for isolate in (False, True):
        (tmp_path / str(isolate)).mkdir()
        by, to = readers(isolate=isolate), tmp_path / str(isolate) / "film"
        told[isolate] = []
        part = 0.5, 2.0
        found = [
            clip(path, to.with_suffix(".mp4"), *part, by=by, told=told[isolate].append),
            clip(path, to.with_suffix(".mov"), *part, by=by, exact=True),
            clip(path, to.with_suffix(".ts"), by=by),
            extract_audio(path, to.with_suffix(".wav"), *part, by=by),
            preview(path, to.with_suffix(".webp"), *part, by=by),
        ]
        assert [one.path.parent for one in found] == [to.parent] * 5
    for one in (tmp_path / "False").iterdir():
        assert one.read_bytes() == (tmp_path / "True" / one.name).read_bytes()
    assert told[True] == told[False] == sorted(told[True])
    assert len(told[True]) > 5


def test_cancelling_ends_the_process_and_leaves_nothing(film: Path, tmp_path: Path) -> None:
    (path,) = copied(film, tmp_path, ["sleeps"])
    cancel = Cancel()

    def told(_: float) -> None:
        number(path)  # it is at its worst
        cancel.set()

    with pytest.raises(CancelledError):
        make(readers(isolate=True), spoils, path, tmp_path / "x.mp4", told=told, cancel=cancel)
    assert names_in(tmp_path) == {"sleeps.mp4"}
    until(lambda: not alive(number(path)))


def test_a_run_whose_video_is_another_now(film: Path, workspace: Path, tmp_path: Path) -> None:
    from toolkit.widgets.catalogue import Catalogue

    (path,) = copied(film, tmp_path, ["film"])
    run = tk.analyze(
        str(path),
        workspace=workspace,
        decode=SMALL,
        analyzer="signals",
        progress=False,
    )
    path.write_bytes(vp9(16_000))
    for made in (
        lambda: run.clips(tmp_path / "clips"),
        lambda: Catalogue(run._store, run.row).clip(run.scenes["scene_id"][0]),
    ):
        with pytest.raises(LimitError, match=r"film\.mp4' takes more than 200 MB"):
            made()
    assert list((tmp_path / "clips").iterdir()) == []
