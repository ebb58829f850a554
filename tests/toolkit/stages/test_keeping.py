"""Where frames are many or large, pixels are kept in their place, and nobody sees a difference."""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from toolkit.config.settings import Sampling, Scenes
from toolkit.records import Cut
from toolkit.stages.keeping import Budget
from toolkit.stages.lengths import Closed, Lengths
from toolkit.stages.sampling import Reservoir
from toolkit.testing.media import write_numbered
from toolkit_decode_pyav import PyAVOptions
from toolkit_decode_pyav.decoder import PyAVDecoder

SIZES = [(56, 84), (20, 31)]
SHORT = 1 << 40
"""Bytes of a frame, for a budget that is always short."""


def looks(path: Path, options: Sampling, frame_bytes: int) -> list[tuple[Any, ...]]:
    """The frames of all scenes: time, kind, pixels. One cut is told late, two scenes are joined."""
    budget = Budget(frame_bytes, SIZES) if frame_bytes else None
    scenes = Lengths(Scenes(min_scene_s=0.5), Reservoir(options, budget=budget))
    seen: list[tuple[Any, ...]] = []

    def look(closed: Iterable[Closed]) -> None:
        for scene in closed:
            for frame in scene.kept.pick(scene.begin.at_s, scene.end_s):
                pixels = [frame.rgb(*size).tobytes() for size in SIZES]
                seen.append((frame.pts_s, type(frame.frame), frame.key_frame, pixels))

    with PyAVDecoder(PyAVOptions()).open(path) as stream:
        for number, frame in enumerate(stream):
            scenes.kept.add(frame, frame.small(32, 32, "yuv420p"))
            told = {60: 40, 110: 104, 115: 109}.get(number)
            look(scenes.reached(frame.pts_s))
            look(scenes.cut([Cut(at_s=told / 25, score=told)] if told else []))
        look(scenes.finish(stream.end_s))
    return seen


@pytest.mark.parametrize(
    "film",
    [{"rotation": 90}, {"pixel_shape": Fraction(4, 3), "pixel_format": "yuv420p10le"}],
    ids=["turned", "ten-bit"],
)
def test_the_same_frames_and_pixels_however_short_the_budget(
    film: dict[str, Any], tmp_path: Path
) -> None:
    path = write_numbered(tmp_path / "film.mp4", 300, **film)
    options = Sampling(frames=30, choose="sharpest")
    plain, tight = looks(path, options, 0), looks(path, options, SHORT)
    early = 0
    for (time_s, kind, *rest), (other_s, other_kind, *others) in zip(plain, tight, strict=True):
        assert (time_s, rest) == (other_s, others)
        early += kind is not other_kind
    assert early > 30


def test_eight_frames_of_1080p_stay_with_the_decoder(tmp_path: Path) -> None:
    path = write_numbered(tmp_path / "film.mp4", 300)
    plain, kept = looks(path, Sampling(), 0), looks(path, Sampling(), 1920 * 1080 * 3 // 2)
    # All but a few, while two scenes are kept side by side until one joins the other.
    assert sum(one[1] is not other[1] for one, other in zip(plain, kept, strict=True)) < 8


class Counted:
    """A frame that knows how many there are."""

    alive = converted = 0
    key_frame = False

    def __init__(self, pts_s: float) -> None:
        self.pts_s = pts_s
        Counted.alive += 1

    def __del__(self) -> None:
        Counted.alive -= 1

    def small(self, width: int, height: int, image_format: str) -> Any:
        raise NotImplementedError

    def rgb(self, width: int, height: int) -> Any:
        Counted.converted += 1


def test_few_decoder_frames_are_held_and_few_converted_in_vain() -> None:
    Counted.converted = 0
    options = Sampling(per_second=25, max_frames=64)
    kept = Reservoir(options, budget=Budget(SHORT, [(28, 28)]))
    for number in range(5000):
        kept.add(Counted(number / 25), None)
        assert Counted.alive <= 17
    assert Counted.converted < 800  # the newest come and go; of them most are never converted
    del kept
    assert Counted.alive == 0
