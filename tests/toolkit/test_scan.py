"""One pass over a real file: every scene has frames, and two passes find the same."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from toolkit.config import Settings
from toolkit.config.settings import Sampling, Scenes
from toolkit.hooks.manager import configure
from toolkit.records import Cut
from toolkit.scan import Found, Scan
from toolkit.stages.component import Cancel
from toolkit.stages.decode import Colours, Decoder
from toolkit.stages.scenes import DetectorPass, SceneDetector
from toolkit.testing.media import number_of, write_numbered

FRAME_S = 1 / 25


class Told(SceneDetector):
    """Tells of cuts that it knows beforehand: some frames late, or at the end."""

    def __init__(self, cuts: Sequence[int], late: int) -> None:
        self.cuts = [Cut(at_s=number * FRAME_S, score=number) for number in cuts]
        self.late_s = late * FRAME_S

    def start(self, frame_s: float, *, colours: Colours | None = None) -> DetectorPass:
        return Telling(self.cuts, self.late_s)


class Telling(DetectorPass):
    def __init__(self, cuts: Iterable[Cut], late_s: float) -> None:
        self.cuts = list(cuts)
        self.late_s = late_s

    def push(self, pts_s: float, image: npt.NDArray[np.uint8]) -> Iterable[Cut]:
        while self.cuts and self.cuts[0].at_s + self.late_s <= pts_s:
            yield self.cuts.pop(0)

    def finish(self) -> Iterable[Cut]:
        return self.cuts


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """200 frames that show their numbers."""
    path = tmp_path_factory.mktemp("films") / "numbered.mp4"
    write_numbered(path, 200)
    return path


def scan(
    path: Path,
    cuts: Sequence[int],
    lengths: Scenes | None = None,
    *,
    late: int = 2,
    threads: int = 0,
    **options: Any,
) -> Any:
    """The scenes of a file, each with the numbers that its picked frames show."""
    settings, plugins, _ = configure(arguments={"decode": {"pyav": {"threads": threads}}})
    settings = settings.model_copy(update={"scenes": lengths or Scenes()})
    with plugins.make(Decoder, "decode", "pyav", settings).component as decoder:
        video = decoder.probe(path)
        detector = Told(cuts, late)
        found = Scan(decoder, detector, video, settings, Cancel(), Sampling(**options))
        return [(one, numbers(one)) for one in found]


def numbers(scene: Found) -> list[int]:
    return [number_of(frame.rgb(96, 64)) for frame in scene.picked]


def test_a_frame_shows_what_its_time_says(film: Path) -> None:
    [(scene, shown)] = scan(film, [])
    assert shown == [round(frame.pts_s / FRAME_S) for frame in scene.picked]
    assert len(shown) == 8


def test_no_scene_is_without_a_frame_however_late_its_cut_is_told(film: Path) -> None:
    cuts = [3, 4, 30, 33, 34, 120, 123, 199]
    scenes = scan(film, cuts, late=1000, frames=1)
    assert len(scenes) == len(cuts) + 1
    for (_, shown), first, end in zip(scenes, [0, *cuts], [*cuts, 200], strict=True):
        assert shown
        assert all(first <= number < end for number in shown)


def test_two_runs_and_any_number_of_threads_give_the_same(film: Path) -> None:
    options: dict[str, Any] = {"skip": "duplicate,blurred", "choose": "sharpest"}
    lengths = Scenes(min_scene_s=0.4, max_scene_s=1.5)

    def result(threads: int) -> Any:
        found = scan(film, [10, 14, 80], lengths, threads=threads, **options)
        return [(one.start_s, one.end_s, one.kind, shown) for one, shown in found]

    first = result(0)
    assert [kind for _, _, kind, _ in first] == ["start", "cut", "split", "cut", *["split"] * 3]
    assert first == result(0) == result(1) == result(3)


def test_lengths_are_part_of_what_names_scenes() -> None:
    from toolkit.cache import detector_key, sampler_key

    keys = {detector_key("a", "b", s) for s in (Scenes(), Scenes(max_scene_s=9), Scenes())}
    assert len(keys) == 2
    assert sampler_key(Sampling()) == sampler_key(Sampling(max_frames=64))  # it has no effect
    assert sampler_key(Sampling()) != sampler_key(Sampling(per_second=1))
    assert Settings().scenes == Scenes()
