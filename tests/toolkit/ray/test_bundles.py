"""Which scenes travel together: none that an analyzer waits for, and no more than fit."""

from __future__ import annotations

import os
import random
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ray_cluster import Nodes, until

import toolkit as tk
from toolkit.execution.ray.bundles import BUNDLE_BYTES, Bundle, Bundler, frames_in
from toolkit.execution.ray.packing import unpacked
from toolkit.execution.ray.shifts import Clock
from toolkit.records import Frames, Video
from toolkit.testing.clips import Shot, write_film
from toolkit.testing.samples import scene
from toolkit.testing.world import random_truth
from toolkit.work import Work

Submit = Callable[..., tk.RunHandle]
SMALL, LARGE = 99_999, 6_000_000
VIDEO = Video(
    id="video-1",
    path="/a.mp4",
    size_bytes=1,
    container="mp4",
    duration_s=60.0,
    width=64,
    height=48,
    codec="h264",
)


class Wall:
    """Time that passes when somebody says so."""

    now_s = 1000.0

    def monotonic(self) -> float:
        return self.now_s

    process_time = monotonic


@pytest.fixture
def wall(monkeypatch: pytest.MonkeyPatch) -> Wall:
    wall = Wall()
    for module in ("bundles", "shifts"):  # there alone: Ray's threads go on
        monkeypatch.setattr(f"toolkit.execution.ray.{module}.time", wall)
    return wall


def work(index: int, size: int) -> Work:
    one = Work(VIDEO, scene(index=index))
    if size:
        rgb = np.full((1, 1, size // 3, 3), index, np.uint8)
        one.frames = Frames(one.scene, "sampler", np.zeros(1), rgb)
    return one


class Line:
    """A scan, and whoever takes its messages."""

    def __init__(self, wall: Wall) -> None:
        self._wall = wall
        self._bundler = Bundler(Clock())
        self.bundles: list[tuple[Bundle, Any]] = []

    def send(self, sizes: Iterable[int], made_s: float, taken_s: float) -> list[list[int]]:
        """The scenes of each bundle, where one is made and taken so slowly."""
        before = len(self.bundles)
        self._bundler.begin()
        for index, size in enumerate(sizes):
            self._wall.now_s += made_s
            self._take(self._bundler.add(work(index, size), None), taken_s)
        self._take(self._bundler.rest(), taken_s)
        return [[one.scene.index for one, _ in told.works] for told, _ in self.bundles[before:]]

    def _take(self, messages: Any, taken_s: float) -> None:
        for message in messages:
            bundle: Bundle = unpacked(message)
            lot = next(messages) if bundle.framed else []
            self._wall.now_s += taken_s
            self.bundles.append((bundle, lot))


def test_a_scene_that_is_taken_at_once_goes_alone(wall: Wall) -> None:
    assert Line(wall).send([SMALL] * 4, 0.01, 0.001) == [[0], [1], [2], [3]]


def test_scenes_go_together_as_many_as_the_one_before_waited_for(wall: Wall) -> None:
    line = Line(wall)
    assert line.send([SMALL] * 8, 0.01, 0.035) == [[0], [1, 2, 3], [4, 5, 6], [7]]
    for bundle, lot in line.bundles:
        for place, index in enumerate(bundle.framed):
            there = bundle.works[index][0].scene
            frames = frames_in([[], lot], (1, place), there)
            assert frames.rgb.max() == there.index
            assert frames.scene is there


def test_the_next_file_goes_on_with_as_many_until_they_are_taken_at_once(wall: Wall) -> None:
    line = Line(wall)
    assert line.send([SMALL] * 10, 0.01, 0.09)[-1] == list(range(1, 10))
    assert list(map(len, line.send([SMALL] * 18, 0.01, 0.001))) == [9, 4, 2, 1, 1, 1]


def test_frames_that_fill_a_bundle_close_it(wall: Wall) -> None:
    line = Line(wall)
    sizes = [SMALL, SMALL, LARGE, LARGE, 2 * LARGE, SMALL, LARGE]
    assert line.send(sizes, 0.01, 10.0) == [[0], [1, 2], [3], [4], [5, 6]]
    small = [told.frames_bytes for told, _ in line.bundles if len(told.works) > 1]
    assert max(small) <= BUNDLE_BYTES


def test_a_slow_scan_keeps_no_scene_back(wall: Wall) -> None:
    assert Line(wall).send([SMALL] * 4, 0.5, 60.0) == [[0], [1], [2], [3]]


def test_scenes_that_nobody_looks_at_wait_for_a_moment(wall: Wall) -> None:
    assert Line(wall).send([0, 0, SMALL, 0, 0, 0, 0, 0], 0.08, 0.001) == [
        [0, 1, 2],
        [3, 4, 5, 6],
        [7],
    ]


@pytest.mark.slow
def test_a_scene_that_kills_its_worker_takes_none_that_came_with_it_along(
    nodes: Nodes, submit: Submit, tmp_path: Path
) -> None:
    film, deaths, shots = tmp_path / "film.mp4", tmp_path / "deaths", 14
    rng = random.Random(7)
    looks = [Shot(random_truth(rng), 1.4) for _ in range(shots)]
    write_film(film, looks, ["cut"] * (shots - 1), rng=rng, height=90, width=160)

    def deadly(frames: tk.Frames) -> dict[str, Any]:
        time.sleep(0.3)  # so that the scan is ahead, and sends several at once
        if frames.scene.index == 10:
            with deaths.open("a") as file:
                file.write("x")
            os._exit(1)
        return {"brightness": round(float(frames.rgb.mean()), 3)}

    tk.analyzer(deadly)
    run = submit(film, analyzer="deadly", execution={"scene_queue": 1}).wait()
    assert run.failures["error"].to_list() == ["PoisonError"]
    assert len(deaths.read_text()) == 3
    assert len(run.scenes) == shots
    assert run.answers.height == shots - 1
    assert run.answers["scene_id"].n_unique() == shots - 1
    until(lambda: not nodes.actors())
