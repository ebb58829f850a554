from __future__ import annotations

import sys
import threading
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from making import clip

from toolkit.errors import CancelledError, DecodeError, MediaError, MissingExtraError, SourceError
from toolkit.stages.component import Cancel
from toolkit.testing.media import BAD_FILES, write_numbered
from toolkit_decode_pyav import PyAVOptions
from toolkit_decode_pyav.decoder import PyAVDecoder

B_FRAMES = {"g": "12", "bf": "3", "sc_threshold": "0"}
OPEN = {**B_FRAMES, "x264-params": "open-gop=1"}


def names_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def times_of(path: Path) -> list[float]:
    with PyAVDecoder(PyAVOptions()).open(path) as stream:
        return [frame.pts_s for frame in stream]


@pytest.mark.parametrize("ending", ["mp4", "mov", "mkv", "ts"])
@pytest.mark.parametrize("source", ["mp4", "mkv", "ts"])
def test_a_copy_starts_with_a_keyframe_and_misses_no_frame(
    tmp_path: Path, beeping: Any, seen: Any, in_sync: Any, source: str, ending: str
) -> None:
    path = beeping(tmp_path / f"film.{source}", options=B_FRAMES)
    made = clip(path, tmp_path / f"clip.{ending}", 0.7, 1.6)
    found = seen(made.path)
    assert found.whole
    assert found.numbers[0] == 12
    assert made.start_s == pytest.approx(0.48, abs=1e-3)
    assert 39 <= found.numbers[-1] <= 39 + 4  # what later frames were needed for comes with them
    assert made.end_s == pytest.approx((found.numbers[-1] + 1) / 25, abs=2e-3)
    assert found.times_s == pytest.approx([n / 25 for n in range(len(found.numbers))], abs=2e-3)
    assert made.left_out == ()
    in_sync(found)


def test_a_fragmented_mp4_plays_before_it_is_whole(
    tmp_path: Path, beeping: Any, seen: Any, in_sync: Any
) -> None:
    for source in ("mp4", "ts"):
        path = beeping(tmp_path / f"film.{source}", options=B_FRAMES)
        made = clip(path, tmp_path / f"{source}.mp4", 0.5, 2.0, fragmented=True)
        found = seen(made.path)
        assert found.whole
        in_sync(found)
        data = made.path.read_bytes()
        second = data.index(b"moof", data.index(b"moof") + 4) - 4
        (tmp_path / "part.mp4").write_bytes(data[:second])
        assert seen(tmp_path / "part.mp4").numbers == list(range(12, 24))


@pytest.mark.parametrize("ending", ["mp4", "mkv", "ts"])
def test_an_open_group_leaves_out_what_builds_on_frames_before(
    tmp_path: Path, seen: Any, ending: str
) -> None:
    path = write_numbered(tmp_path / "film.mkv", 60, options=OPEN)
    made = clip(path, tmp_path / f"clip.{ending}", 1.0, 1.5)
    found = seen(made.path)
    assert found.whole
    assert found.numbers[0] / 25 == pytest.approx(made.start_s, abs=1e-3)
    assert made.start_s <= 1.0


def test_variable_frame_rate_keeps_its_times(tmp_path: Path, seen: Any) -> None:
    times_ms = [40 * n + (n % 3) * 9 for n in range(60)]
    path = write_numbered(tmp_path / "film.mkv", times_ms=times_ms, count=60, options=B_FRAMES)
    made = clip(path, tmp_path / "clip.mp4", 1.0, 1.6)
    found = seen(made.path)
    first = found.numbers[0]
    expected = [(times_ms[n] - times_ms[first]) / 1000 for n in found.numbers]
    assert found.whole
    assert found.times_s == pytest.approx(expected, abs=1e-3)


@pytest.mark.parametrize("ending", ["mp4", "mkv"])
def test_rotation_and_pixel_shape_stay(tmp_path: Path, seen: Any, ending: str) -> None:
    path = write_numbered(
        tmp_path / "film.mp4", rotation=90, pixel_shape=Fraction(4, 3), options=B_FRAMES
    )
    found = seen(clip(path, tmp_path / f"clip.{ending}", 0.5, 1.0).path)
    assert found.whole
    assert found.size == (64, 128)


def test_what_a_container_cannot_say_is_told(tmp_path: Path) -> None:
    path = write_numbered(tmp_path / "film.mp4", rotation=90)
    assert clip(path, tmp_path / "clip.ts").left_out == ("rotation",)


def test_the_whole_film_in_another_container(
    tmp_path: Path, beeping: Any, seen: Any, in_sync: Any
) -> None:
    path = beeping(tmp_path / "film.mkv", options=B_FRAMES)
    made = clip(path, tmp_path / "film.mp4")
    found = seen(made.path)
    assert [made.start_s, made.end_s] == pytest.approx([0.0, 2.4])
    assert found.numbers == list(range(60))
    in_sync(found)


@pytest.mark.parametrize("codec", ["libvpx-vp9", "libx265", "mpeg4"])
def test_other_codecs(tmp_path: Path, seen: Any, codec: str) -> None:
    options = {"g": "12"} | ({"x265-params": "log-level=none"} if codec == "libx265" else {})
    path = write_numbered(tmp_path / "film.mkv", 48, codec=codec, options=options)
    found = seen(clip(path, tmp_path / "clip.mp4", 1.0, 1.4).path)
    assert found.whole
    assert found.numbers[0] == 24


def test_webm(tmp_path: Path, beeping: Any, seen: Any, in_sync: Any) -> None:
    options = {"g": "12", "deadline": "realtime", "cpu-used": "8"}
    path = beeping(tmp_path / "film.webm", codec="libvpx-vp9", sound="libopus", options=options)
    found = seen(clip(path, tmp_path / "clip.webm", 0.6, 1.9).path)
    assert found.whole
    assert found.codecs == ["vp9", "opus"]
    in_sync(found)


def test_hidden_frames_of_an_edit_list_stay_hidden(tmp_path: Path, seen: Any) -> None:
    path = write_numbered(tmp_path / "film.mp4", 60, options=B_FRAMES)
    edited = tmp_path / "edited.mp4"
    with av.open(str(path)) as source, av.open(str(edited), "w") as target:
        stream = target.add_stream_from_template(source.streams.video[0], opaque=True)
        for packet in source.demux(video=0):
            if packet.dts is not None and packet.pts is not None:
                packet.pts -= 5 * 512  # the first five frames come before zero
                packet.dts -= 5 * 512
                packet.stream = stream
                target.mux(packet)
    assert seen(edited).numbers[0] == 5
    made = clip(edited, tmp_path / "clip.mp4", 0.0, 0.5)
    found = seen(made.path)
    assert found.whole
    assert found.numbers[0] == 5
    later = clip(edited, tmp_path / "later.mp4", 0.6, 1.0)
    assert seen(later.path).numbers[0] == 12
    assert later.start_s == pytest.approx(0.28, abs=1e-3)


def test_subtitles_and_chapters_come_along(tmp_path: Path) -> None:
    plain = write_numbered(tmp_path / "plain.mkv", 60, options=B_FRAMES)
    path = tmp_path / "film.mkv"
    with av.open(str(plain)) as source, av.open(str(path), "w") as target:
        pictures = target.add_stream_from_template(source.streams.video[0], opaque=True)
        words = target.add_mux_stream("subrip", time_base=Fraction(1, 1000))
        words.metadata["language"] = "deu"
        target.metadata["title"] = "A film"
        tick = Fraction(1, 1000)
        target.set_chapters(
            [
                {"id": 1, "start": 0, "end": 1000, "time_base": tick, "metadata": {"title": "One"}},
                {"id": 2, "start": 1000, "end": 2400, "time_base": tick, "metadata": {}},
            ]
        )
        for packet in source.demux(video=0):
            if packet.size:
                packet.stream = pictures
                target.mux(packet)
        for start, text in ((100, b"early"), (400, b"hello"), (900, b"there"), (2200, b"late")):
            said: Any = av.Packet(text)
            said.pts = said.dts = start
            said.duration, said.time_base, said.stream = 200, tick, words
            target.mux(said)
    made = clip(path, tmp_path / "clip.mkv", 0.5, 1.4)
    with av.open(str(made.path)) as container:
        stream = container.streams.subtitles[0]
        said = [(bytes(p), p.pts, p.duration) for p in container.demux(stream) if p.size]
        assert stream.language == "deu"
        assert container.metadata["title"] == "A film"
        found: list[Any] = list(container.chapters())
        chapters = [float(c["start"] * c["time_base"]) for c in found]
    assert said == [(b"hello", 0, 120), (b"there", 420, 200)]
    assert chapters == pytest.approx([0, 0.52])


@pytest.mark.parametrize("kind", ["missing", "folder", "empty", "text", "notes", "audio_only"])
def test_what_is_no_video(tmp_path: Path, kind: str) -> None:
    with pytest.raises((SourceError, DecodeError)):
        clip(BAD_FILES[kind](tmp_path), tmp_path / "clip.mp4")
    assert not (tmp_path / "clip.mp4").exists()


def test_a_truncated_file_is_copied_as_far_as_it_goes(tmp_path: Path, seen: Any) -> None:
    path = BAD_FILES["truncated_mkv"](tmp_path)
    found = seen(clip(path, tmp_path / "clip.mkv").path)
    assert found.whole
    assert found.numbers[0] == 0


def test_what_cannot_be_written(tmp_path: Path) -> None:
    path = write_numbered(tmp_path / "film.mp4", 30)
    (tmp_path / "there.mp4").write_bytes(b"mine")
    wrong: list[tuple[str, dict[str, Any], str]] = [
        ("clip.xyz", {}, "cannot be written as"),
        ("clip.webm", {}, "cannot hold h264"),
        ("clip.mkv", {"fragmented": True}, "can be fragmented"),
        ("there.mp4", {}, "There is a file"),
        ("film.mp4", {"force": True}, "over itself"),
        ("no-folder/clip.mp4", {}, "cannot be written"),
        ("clip.mp4", {"start_s": 2.0, "end_s": 1.0}, "cannot go from"),
        ("clip.mp4", {"start_s": -1.0}, "cannot go from"),
    ]
    before = names_in(tmp_path)
    for name, arguments, message in wrong:
        with pytest.raises(MediaError, match=message):
            clip(path, tmp_path / name, **arguments)
    assert names_in(tmp_path) == before
    assert (tmp_path / "there.mp4").read_bytes() == b"mine"
    clip(path, tmp_path / "there.mp4", force=True)
    assert times_of(tmp_path / "there.mp4")


@pytest.mark.parametrize("exact", [False, True])
def test_cancelling_leaves_nothing(tmp_path: Path, exact: bool) -> None:
    path = write_numbered(tmp_path / "film.mp4", 200)
    cancel = Cancel()
    told: list[float] = []

    def tell(share: float) -> None:
        told.append(share)
        if share > 0.3:
            cancel.set()

    with pytest.raises(CancelledError):
        clip(path, tmp_path / "clip.mp4", exact=exact, told=tell, cancel=cancel)
    assert names_in(tmp_path) == ["film.mp4"]
    assert told == sorted(told)


def test_a_file_that_comes_meanwhile_is_kept(tmp_path: Path) -> None:
    path = write_numbered(tmp_path / "film.mp4", 60)
    to = tmp_path / "clip.mp4"

    def somebody(_: float) -> None:
        to.write_bytes(b"mine")

    with pytest.raises(MediaError, match="cannot be written"):
        clip(path, to, told=somebody)
    assert to.read_bytes() == b"mine"


def test_clips_from_several_threads(tmp_path: Path, seen: Callable[[Path], Any]) -> None:
    path = write_numbered(tmp_path / "film.mp4", 60, options=B_FRAMES)
    threads = [
        threading.Thread(target=clip, args=(path, tmp_path / f"{n}.mp4", n * 0.48, n * 0.48 + 0.4))
        for n in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [seen(tmp_path / f"{n}.mp4").numbers[0] for n in range(4)] == [0, 12, 24, 36]


def test_mistakes_of_old_encoders_are_still_known(tmp_path: Path) -> None:
    path = tmp_path / "old.mp4"
    rng = np.random.default_rng(1)
    with av.open(str(path), "w") as container:
        options = {"g": "5", "sc_threshold": "0"}
        stream: Any = container.add_stream("libx264", rate=25, options=options)
        stream.width, stream.height, stream.pix_fmt = 64, 64, "yuv444p"
        for _ in range(20):
            pixels = rng.integers(0, 256, (64, 64, 3), dtype=np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24")))
        container.mux(stream.encode(None))
    data = path.read_bytes()
    place = data.index(b"x264 - core ") + len(b"x264 - core ")
    path.write_bytes(data[:place] + b"142" + data[place + 3 :])  # decoders now copy its mistake

    def pixels_of(file: Path) -> list[bytes]:
        with av.open(str(file)) as container:
            return [bytes(f.to_ndarray().tobytes()) for f in container.decode(video=0)]

    for ending in ("mp4", "mkv", "ts"):
        made = clip(path, tmp_path / f"clip.{ending}", 0.4, 0.8)
        first = round(made.start_s * 25)
        assert first == 10
        copied = pixels_of(made.path)
        assert copied == pixels_of(path)[first : first + len(copied)]


def test_without_pyav_the_command_to_get_it_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_numbered(tmp_path / "film.mp4", 5)
    monkeypatch.setitem(sys.modules, "av", None)
    with pytest.raises(MissingExtraError, match=r"video-analysis-toolkit\[pyav\]"):
        clip(path, tmp_path / "clip.mp4")
