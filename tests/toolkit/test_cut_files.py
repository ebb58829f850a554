"""Files that break off: what is there is analysed, and the video's row says how much that was."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

import toolkit as tk
from toolkit.testing.clips import Shot, write_film
from toolkit.testing.decoder_cases import damage
from toolkit.testing.media import cut_file
from toolkit.testing.world import ClipTruth

TRUTHS = (
    ClipTruth("red", "circle", "one", "left", "white", "day"),
    ClipTruth("blue", "square", "two", "still", "pink", "night"),
    ClipTruth("green", "triangle", "one", "up", "cyan", "day"),
    ClipTruth("yellow", "circle", "one", "still", "white", "night"),
)


def film(path: Path) -> Path:
    """Four scenes of two seconds."""
    shots = [Shot(truth, 2.0) for truth in TRUTHS]
    codec = "libvpx-vp9" if path.suffix == ".webm" else "libx264"
    rng = random.Random(1)
    write_film(path, shots, ["cut"] * 3, rng=rng, height=120, width=160, codec=codec)
    return path


def analyze(path: Path, folder: Path) -> tk.RunHandle:
    return tk.analyze(path, workspace=folder / "work", analyzer="signals", progress=False)


@pytest.mark.parametrize("suffix", ["mkv", "webm", "mp4"])
def test_a_cut_file_gives_the_scenes_up_to_the_cut(suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"film.{suffix}"
    if suffix == "mp4":  # its index at its start, as files for the web have it
        remux(film(tmp_path / "whole.mp4"), path)
    else:
        film(path)
    whole = analyze(path, tmp_path / "whole")
    assert whole.videos["truncated"].to_list() == [False]
    assert whole.videos["share_read"].to_list() in ([1.0], [None])
    bounds = whole.scenes["start_s"].to_list()
    assert bounds == pytest.approx([0, 2, 4, 6], abs=0.05)

    run = analyze(cut_file(path, 0.7), tmp_path / "cut")
    assert run.status == "done"
    assert run.failures.is_empty()
    [video] = run.videos.to_dicts()
    assert video["truncated"]
    assert 0.3 < video["share_read"] < 0.95
    scenes = run.scenes.to_dicts()
    assert 2 <= len(scenes) <= 4
    assert [scene["start_s"] for scene in scenes] == bounds[: len(scenes)]
    assert scenes[-1]["end_s"] == pytest.approx(8 * video["share_read"], abs=0.1)
    assert all(scene["signals"] is not None for scene in scenes)
    # The same file again: all is known, and it is still known that it was cut.
    again = analyze(path, tmp_path / "cut")
    assert again.videos["truncated"].to_list() == [True]
    assert again.videos["share_read"].to_list() == [video["share_read"]]


def test_damage_in_the_middle_costs_no_scene(tmp_path: Path) -> None:
    path = film(tmp_path / "film.mkv")
    for packet in (60, 61, 62):
        damage(path, packet)
    run = analyze(path, tmp_path)
    [video] = run.videos.to_dicts()
    assert not video["truncated"]
    assert video["share_read"] == 1.0
    assert {0.0, 2.0, 4.0, 6.0} <= {round(start, 1) for start in run.scenes["start_s"]}


def remux(source: Path, target: Path) -> None:
    import av

    options = {"movflags": "faststart"}
    with av.open(str(source)) as old, av.open(str(target), "w", options=options) as new:
        stream = new.add_stream_from_template(old.streams.video[0])
        for packet in old.demux(video=0):
            if packet.dts is not None:
                packet.stream = stream
                new.mux(packet)
