from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest

import toolkit as tk
from toolkit.records import Scene
from toolkit.testing.media import number_of, write_numbered


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def analyzed(*films: Path) -> tk.RunHandle:
    return tk.analyze(films, analyzer="signals", progress=False)


def test_clips_of_a_run(film: Path, tmp_path: Path) -> None:
    run = analyzed(film)
    every = run.clips(tmp_path / "all", exact=True)
    times = [[clip.start_s, clip.end_s] for clip in every]
    assert times == [pytest.approx(row) for row in run.scenes[["start_s", "end_s"]].rows()]
    assert [clip.path.name for clip in every] == [f"film-{n:03}.mp4" for n in range(3)]
    late = run.clips("late", pl.col("start_s") > 1.0, suffix=".mkv")
    assert [clip.path for clip in late] == [Path(f"late/film-{n:03}.mkv") for n in (1, 2)]
    assert len(run.clips("one", run.scenes.head(1))) == 1
    assert len(run.clips("ids", run.scenes["scene_id"].to_list()[1:])) == 2
    with pytest.raises(tk.MediaError, match="There is a file"):
        run.clips("one")
    assert len(list(Path("one").iterdir())) == 1


def test_videos_of_one_name_do_not_meet(film: Path, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    same = write_numbered(tmp_path / "other" / "film.mp4", 50)
    run = analyzed(film, same)
    made = run.clips("clips")
    assert len({clip.path for clip in made}) == len(made) == len(run.scenes)


def test_sheets(film: Path, tmp_path: Path) -> None:
    other = write_numbered(tmp_path / "other.mp4", 50)
    run = analyzed(film, other)
    both = run.sheet(columns=4)
    one = run.sheet(run.videos["video_id"][1][:8])
    assert both.width > 2 * one.width
    assert both._repr_png_()
    fresh = tk.sheet(film, columns=3)
    assert fresh.width > 3 * 150
    for path in run.scenes["thumbnail"]:
        Path(path).unlink()  # then they are decoded again
    assert run.sheet(columns=4).size == both.size
    assert run.sheet("film.mp4").size == run.sheet(run.videos["video_id"][0]).size
    with pytest.raises(tk.SourceError, match="no video called 'nothing'"):
        run.sheet("nothing")


def test_a_clip_of_a_scene(film: Path) -> None:
    run = analyzed(film)
    row = run.scenes.row(1, named=True)
    scene = Scene.of(row["video_id"], "x", 1, start_s=row["start_s"], end_s=row["end_s"])
    made = tk.clip(scene, to="scene.mp4", exact=True)
    assert [made.start_s, made.end_s] == pytest.approx([row["start_s"], row["end_s"]])
    stranger = Scene.of("0" * 32, "x", 0, start_s=0, end_s=1)
    with pytest.raises(tk.StoreError, match="does not know"):
        tk.clip(stranger, to="x.mp4")


def test_pictures_come_in_the_order_asked(tmp_path: Path) -> None:
    path = write_numbered(tmp_path / "film.mp4", 60, size=(192, 128))
    found = tk.pictures(path, [2.0, 0.0, 1.0], width=96)
    assert [number_of(np.asarray(picture)) for picture in found] == [50, 0, 25]
