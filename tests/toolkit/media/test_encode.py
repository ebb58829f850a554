from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from making import clip

from toolkit.errors import MediaError
from toolkit.testing.media import BAD_FILES, write_numbered

B_FRAMES = {"g": "12", "bf": "3"}
OPEN = {**B_FRAMES, "x264-params": "open-gop=1"}
KINDS: dict[str, dict[str, Any]] = {
    "b-frames.mp4": {"options": B_FRAMES},
    "open.mkv": {"options": OPEN},
    "open.ts": {"options": OPEN},
    "long-group.mp4": {"options": {"g": "250", "bf": "3"}},
    "plain.webm": {"codec": "libvpx-vp9", "options": {"g": "12"}},
    "hevc.mp4": {"codec": "libx265", "options": {"g": "12", "x265-params": "log-level=none"}},
    "shuffled.avi": {"options": B_FRAMES},
    "old.avi": {"codec": "mpeg4", "options": {"g": "12"}},
    "ten-bits.mkv": {"options": B_FRAMES, "pixel_format": "yuv420p10le"},
    "full-colour.mkv": {"options": B_FRAMES, "pixel_format": "yuv444p"},
    "fragmented.mp4": {
        "options": B_FRAMES,
        "container_options": {"movflags": "frag_keyframe+empty_moov"},
    },
}


@pytest.mark.parametrize("name", KINDS)
def test_exactly_the_frames_asked_for(tmp_path: Path, seen: Any, name: str) -> None:
    path = write_numbered(tmp_path / name, 60, **KINDS[name])
    made = clip(path, tmp_path / "clip.mp4", 1.0, 1.52, exact=True)
    found = seen(made.path)
    assert found.numbers == list(range(25, 38))
    assert found.times_s == pytest.approx([n / 25 for n in range(13)], abs=1e-3)
    assert [made.start_s, made.end_s] == pytest.approx([1.0, 1.52], abs=2e-3)


@pytest.mark.parametrize("ending", ["mp4", "mov", "mkv", "webm", "ts"])
def test_every_container_with_its_sound(
    tmp_path: Path, beeping: Any, seen: Any, in_sync: Any, ending: str
) -> None:
    path = beeping(tmp_path / "film.mkv", options=B_FRAMES)
    made = clip(path, tmp_path / f"clip.{ending}", 0.68, 2.2, exact=True)
    found = seen(made.path)
    assert found.numbers == list(range(17, 55))
    assert found.codecs == (["vp9", "opus"] if ending == "webm" else ["h264", "aac"])
    in_sync(found)


@pytest.mark.parametrize("source", ["mp4", "ts"])
def test_sound_of_other_containers(
    tmp_path: Path, beeping: Any, seen: Any, in_sync: Any, source: str
) -> None:
    path = beeping(tmp_path / f"film.{source}", options=B_FRAMES)
    in_sync(seen(clip(path, tmp_path / "clip.mp4", 0.68, 2.2, exact=True).path))
    in_sync(seen(clip(path, tmp_path / "whole.mp4", exact=True).path))


def test_the_whole_film_and_its_ends(tmp_path: Path, seen: Any) -> None:
    path = write_numbered(tmp_path / "film.mp4", 40, options=B_FRAMES)
    assert seen(clip(path, tmp_path / "all.mp4", exact=True).path).numbers == list(range(40))
    one = clip(path, tmp_path / "one.mp4", 1.56, 99.0, exact=True)
    assert seen(one.path).numbers == [39]
    assert one.end_s == pytest.approx(1.6)
    between = clip(path, tmp_path / "between.mp4", 0.41, 0.49, exact=True)
    assert seen(between.path).numbers == [11, 12]
    assert between.start_s == pytest.approx(0.44)
    with pytest.raises(MediaError, match="no frame from 2 s on"):
        clip(path, tmp_path / "late.mp4", 2.0, exact=True)
    with pytest.raises(MediaError, match=r"no frame from 0\.41 s on before 0\.43 s"):
        clip(path, tmp_path / "none.mp4", 0.41, 0.43, exact=True)


def test_variable_frame_rate_keeps_its_times(tmp_path: Path, seen: Any) -> None:
    times_ms = [40 * n + (n % 3) * 9 for n in range(60)]
    path = write_numbered(tmp_path / "film.mkv", times_ms=times_ms, count=60, options=B_FRAMES)
    made = clip(path, tmp_path / "clip.mp4", times_ms[20] / 1000, times_ms[40] / 1000, exact=True)
    found = seen(made.path)
    assert found.numbers == list(range(20, 40))
    expected = [(times_ms[n] - times_ms[20]) / 1000 for n in range(20, 40)]
    assert found.times_s == pytest.approx(expected, abs=1e-3)
    with av.open(str(made.path)) as container:
        last = list(container.decode(video=0))[-1]
        assert last.time_base is not None
        end_s = last.time + float(last.duration * last.time_base)
    assert end_s == pytest.approx((times_ms[40] - times_ms[20]) / 1000, abs=2e-3)


@pytest.mark.parametrize("ending", ["mp4", "mkv", "webm"])
def test_rotation_and_pixel_shape_stay(tmp_path: Path, seen: Any, ending: str) -> None:
    path = write_numbered(
        tmp_path / "film.mp4", rotation=270, pixel_shape=Fraction(4, 3), options=B_FRAMES
    )
    made = clip(path, tmp_path / f"clip.{ending}", 0.4, 0.8, exact=True)
    assert seen(made.path).numbers == list(range(10, 20))
    assert seen(made.path).size == (64, 128)


def test_an_odd_edge_is_cut_off(tmp_path: Path, seen: Any) -> None:
    path = write_numbered(
        tmp_path / "film.mkv", 20, size=(97, 65), pixel_format="yuv444p", options=B_FRAMES
    )
    found = seen(clip(path, tmp_path / "clip.mp4", 0.2, 0.4, exact=True).path)
    assert found.numbers == list(range(5, 10))
    assert found.size == (96, 64)


COLOURS = {"color_range": 2, "colorspace": 9, "color_trc": 16, "color_primaries": 9}


def colours_of(path: Path) -> tuple[dict[str, int], int]:
    with av.open(str(path)) as container:
        frame = next(container.decode(video=0))
        luma = int(np.asarray(frame.to_ndarray(format="gray"))[32, 32])
        return {name: getattr(frame, name) for name in COLOURS}, luma


def test_colour_tags_and_levels_stay(tmp_path: Path) -> None:
    path = tmp_path / "film.mkv"
    with av.open(str(path), "w") as container:
        stream: Any = container.add_stream("libx264", rate=25, options={"crf": "1"})
        stream.width, stream.height, stream.pix_fmt = 64, 64, "yuv420p"
        for name, value in COLOURS.items():
            setattr(stream.codec_context, name, value)
        for index in range(20):
            frame = av.VideoFrame(64, 64, "yuv420p")
            for plane, value in zip(frame.planes, (240, 90, 160), strict=True):
                plane.update(bytes([value]) * plane.buffer_size)
            frame.pts = index
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    made = clip(path, tmp_path / "clip.mp4", 0.2, 0.6, exact=True, quality=1)
    tags, luma = colours_of(made.path)
    assert tags == COLOURS
    assert luma == pytest.approx(colours_of(path)[1], abs=1)


def test_quality_is_size(tmp_path: Path) -> None:
    path = write_numbered(tmp_path / "film.mp4", 40, size=(320, 240))
    sizes = [
        clip(path, tmp_path / f"{q}.mp4", exact=True, quality=q).path.stat().st_size
        for q in (5, 45)
    ]
    assert sizes[0] > sizes[1]
    with pytest.raises(MediaError, match="quality"):
        clip(path, tmp_path / "x.mp4", exact=True, quality=99)


def test_sound_that_starts_late_and_has_a_hole(tmp_path: Path, seen: Any, beeping: Any) -> None:
    whole = beeping(tmp_path / "whole.mkv", sound="pcm_s16le")
    path = tmp_path / "film.mkv"
    with av.open(str(whole)) as source, av.open(str(path), "w") as target:
        streams = [target.add_stream_from_template(s, opaque=True) for s in source.streams]
        for packet in source.demux():
            if not packet.size or packet.pts is None:
                continue
            at_s = float(packet.pts * packet.time_base)
            if packet.stream.type == "audio" and (at_s < 0.3 or 0.9 < at_s < 1.1):
                continue
            packet.stream = streams[packet.stream.index]
            target.mux(packet)
    found = seen(clip(path, tmp_path / "clip.mp4", exact=True).path)
    assert found.numbers == list(range(60))
    assert found.beeps_s == pytest.approx([0.4, 0.8, 1.2, 1.6, 2.0], abs=0.04)


def test_a_truncated_file_is_encoded_as_far_as_it_goes(tmp_path: Path, seen: Any) -> None:
    found = seen(clip(BAD_FILES["truncated_mp4"](tmp_path), tmp_path / "c.mp4", exact=True).path)
    assert found.numbers[0] == 0
    assert len(found.numbers) > 30
