"""Timecodes: what editing programs count."""

from __future__ import annotations

import random
from fractions import Fraction

import pytest

from toolkit.exchange.edits import edl, rate_of, timecode
from toolkit.records import Scene, Video

FILM, NTSC, PAL = Fraction(24000, 1001), Fraction(30000, 1001), Fraction(25)


def video(rate: float | None) -> Video:
    return Video(
        id="v", path="/films/take 1.mov", size_bytes=1, container="mov", duration_s=60.0,
        width=2, height=2, codec="h264", frame_rate=rate, nominal_frame_rate=rate,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("rate", "exact"),
    [
        (23.976023976, FILM),
        (23.98, FILM),
        (24.0, Fraction(24)),
        (25.0, PAL),
        (29.97, NTSC),
        (59.94005994, Fraction(60000, 1001)),
        (12.5, Fraction(25, 2)),
        (None, Fraction(30)),
    ],
)
def test_rates_are_exact(rate: float | None, exact: Fraction) -> None:
    assert rate_of(video(rate)) == exact


@pytest.mark.parametrize(
    ("frame", "rate", "expected"),
    [
        (0, PAL, "00:00:00:00"),
        (25 * 3600 + 24, PAL, "01:00:00:24"),
        (24 * 60, FILM, "00:01:00:00"),
        (1799, NTSC, "00:00:59;29"),
        (1800, NTSC, "00:01:00;02"),
        (3597, NTSC, "00:01:59;29"),
        (3598, NTSC, "00:02:00;02"),
        (17981, NTSC, "00:09:59;29"),
        (17982, NTSC, "00:10:00;00"),
        (107892, NTSC, "01:00:00;00"),
        (3600, Fraction(60000, 1001), "00:01:00;04"),
        (0, Fraction(1, 2), "00:00:00:00"),
    ],
)
def test_timecodes(frame: int, rate: Fraction, expected: str) -> None:
    assert timecode(frame, rate) == expected


@pytest.mark.parametrize("rate", [NTSC, Fraction(60000, 1001), FILM, PAL])
def test_timecodes_agree_with_opentimelineio(rate: Fraction) -> None:
    opentime = pytest.importorskip("opentimelineio").opentime
    for frame in random.Random(5).sample(range(2_000_000), 500):
        theirs = opentime.to_timecode(opentime.RationalTime(frame, float(rate)))
        assert timecode(frame, rate) == theirs


def test_an_edit_list_of_a_fast_film_has_two_digits_a_frame() -> None:
    scenes = [
        Scene.of("v", "d", 0, start_s=0.0, end_s=0.5),
        Scene.of("v", "d", 1, start_s=0.5, end_s=60.0),
    ]
    lines = edl(video(119.88), scenes).splitlines()
    assert lines[1] == "FCM: DROP FRAME"
    assert lines[3].split()[-2:] == ["00:00:00;00", "00:00:00;30"]
    assert lines[4] == "* FROM CLIP NAME: take 1.mov"
    assert lines[5].split()[-1] == "00:00:59;56"  # 60 s is 3596 frames of the 3600 in a minute
