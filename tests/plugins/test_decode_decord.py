from __future__ import annotations

import os
import pickle
import subprocess
import sys
import textwrap
from importlib.util import find_spec
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest

from toolkit.errors import DecodeError, NotAVideoError
from toolkit.stages.decode import Decoder
from toolkit.testing.decoder_cases import CASES, damage, groups_of
from toolkit.testing.decoders import DecoderSuite
from toolkit.testing.media import BAD_FILES, cut_file, number_of, numbered, write_numbered
from toolkit_decode_decord import DecordOptions
from toolkit_decode_decord.decoder import DecordDecoder
from toolkit_decode_decord.opening import mapped, opened
from toolkit_decode_decord.stream import DecordFrame, DecordStream

if find_spec("decord") is None:  # importing it here would share its libraries with PyAV
    pytest.skip("decord has no wheel for this machine", allow_module_level=True)

_TS = "takes transport streams for damaged: it loses the frames before the second keyframe"
_ORDER = "has no times for frames that are stored in another order than shown"
UNSUPPORTED = {
    "av1": "its FFmpeg of 2019 has no AV1 decoder",
    "av1_mkv": "its FFmpeg of 2019 has no AV1 decoder",
    "edit_list": "counts the frames that the list hides, and repeats others in their place",
    "no_duration": "needs a frame count or a duration",
    "negative_start": "cannot go to a negative time",
    "mpegts": _TS,
    "late_start_ts": _TS,
    "mpeg2_ts": _TS,
    "mpeg2_ps": _ORDER,
    "h264_avi": _ORDER,
    "mpeg4_avi_b_frames": _ORDER,
    "truncated_mp4": "stops at the first packet that is not there",
    "truncated_ts": _TS,
    "truncated_avi": "stops at a packet without its end",
    "damaged_ts": _TS,
    "damaged_packet": "stops at a packet that cannot be decoded",
}
"""What ends as an error of ours, and never as wrong frames."""
SILENT = {
    "metadata": "tells a file's size in pixels, its times and nothing else",
    "rotation": "turns pictures upright, and does not tell by how much",
    "pixel_shape": "takes all pixels for square",
    "truncated_mkv": "does not tell that a file is cut off: share_read is None",
}
"""What it does not tell."""


@pytest.fixture
def decoder() -> DecordDecoder:
    return DecordDecoder(DecordOptions())


class TestDecord(DecoderSuite):
    unsupported: ClassVar = UNSUPPORTED | SILENT

    @pytest.fixture
    def decoder(self) -> Decoder:
        return DecordDecoder(DecordOptions(threads=1))


def numbers_of(stream: DecordStream) -> list[int]:
    return [number_of(frame.rgb(stream.width, stream.height)) for frame in stream]


def broken(kind: str, folder: Path) -> Path:
    """A file of a kind that the suite asks for by this name."""
    if kind == "damaged_packet":
        path = write_numbered(folder / "clip.mkv", codec="mjpeg", pixel_format="yuvj420p")
        damage(path, 20)
        return path
    what, suffix = kind.split("_")
    if what == "damaged":
        path = write_numbered(folder / f"clip.{suffix}", options=groups_of(10))
        damage(path, 22)
        return path
    codec = "mpeg4" if suffix == "avi" else "libx264"
    return cut_file(write_numbered(folder / f"clip.{suffix}", 120, codec=codec), 0.6)


@pytest.mark.parametrize("kind", UNSUPPORTED)
def test_what_it_cannot_decode_is_refused(
    decoder: DecordDecoder, kind: str, tmp_path: Path
) -> None:
    if kind in CASES:
        path = CASES[kind].write(tmp_path)
    elif kind in BAD_FILES:
        path = BAD_FILES[kind](tmp_path)
    else:
        path = broken(kind, tmp_path)
    with pytest.raises(DecodeError, match=path.name) as caught, decoder.open(path) as stream:
        list(stream)
    assert caught.value.hint
    assert "pyav" in caught.value.hint
    assert pickle.loads(pickle.dumps(caught.value)).message == caught.value.message


SOUND = [name for name in CASES if name not in UNSUPPORTED]


@pytest.mark.parametrize("kind", SOUND)
def test_steps_give_the_same_frames_or_an_error(kind: str, tmp_path: Path) -> None:
    """A step of seven frames: the file is left and found again several times."""
    case = CASES[kind]
    path = case.write(tmp_path)
    stream = DecordStream(opened(path, 1), path, 7 * 3 * case.size[0] * case.size[1])
    if kind.startswith("open_gops"):
        with pytest.raises(DecodeError, match="lost its place") as caught:
            list(stream)
        assert "pyav" in str(caught.value)
    else:
        assert numbers_of(stream) == list(case.numbers)


def test_what_it_tells_of_a_file(decoder: DecordDecoder, tmp_path: Path) -> None:
    video = decoder.probe(CASES["uneven_mp4"].write(tmp_path))
    assert (video.width, video.height, video.frame_count) == (96, 64, 40)
    assert video.variable_frame_rate
    assert video.codec == "unknown"
    steady = decoder.probe(CASES["ntsc_mkv"].write(tmp_path))
    assert steady.frame_rate == pytest.approx(30_000 / 1001, abs=0.01)
    assert not steady.variable_frame_rate
    assert steady.duration_s == pytest.approx(40 * 1001 / 30_000, abs=0.01)


def test_planes_are_those_of_a_film() -> None:
    image = np.zeros((32, 32, 3), np.uint8)
    image[:, :16] = (255, 255, 255)
    image[16:, 16:] = (255, 0, 0)
    planes = DecordFrame(image, 0.0, True).small(16, 16, "yuv420p")
    assert planes.shape == (24, 16)
    assert (planes[4, 4], planes[4, 12], planes[12, 12]) == (235, 16, pytest.approx(81, abs=2))
    blue, red = planes[16:20].reshape(8, 8), planes[20:].reshape(8, 8)
    assert (blue[1, 1], red[1, 1]) == (128, 128)
    assert (blue[6, 6], red[6, 6]) == (pytest.approx(90, abs=2), pytest.approx(240, abs=2))


def test_a_playlist_is_not_followed(decoder: DecordDecoder, tmp_path: Path) -> None:
    clip = write_numbered(tmp_path / "clip.mp4", 5)
    for name, text in (
        ("list.m3u8", f"#EXTM3U\n#EXTINF:1,\n{clip}\n#EXT-X-ENDLIST\n"),
        ("list.mp4", f"ffconcat version 1.0\nfile {clip}\n"),
    ):
        (tmp_path / name).write_text(text)
        with pytest.raises(NotAVideoError):
            decoder.probe(tmp_path / name)


def test_names_that_look_like_something_else(decoder: DecordDecoder, tmp_path: Path) -> None:
    for name in ("talk: part 1.mp4", "100%d #1?.mp4", "é.mp4"):
        path = write_numbered(tmp_path / "clip.mp4", 5).rename(tmp_path / name)
        with decoder.open(path) as stream:
            assert numbers_of(stream) == list(range(5))


def test_a_pipe_is_refused(decoder: DecordDecoder, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.mp4")
    with pytest.raises(DecodeError, match="regular"):
        decoder.probe(tmp_path / "pipe.mp4")


def test_every_error_becomes_ours(tmp_path: Path) -> None:
    from decord import DECORDError, DECORDLimitReachedError

    for kind in (DECORDError, DECORDLimitReachedError, RuntimeError, AssertionError, IndexError):
        with pytest.raises(DecodeError, match=r"clip\.mp4") as caught, mapped(Path("clip.mp4")):
            raise kind("it broke")
        assert isinstance(caught.value.__cause__, kind)


def run(code: str, *arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", textwrap.dedent(code), *arguments],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.slow
def test_its_libraries_stay_its_own(tmp_path: Path) -> None:
    """Loaded as decord does it, PyAV's VP8 encoder would call decord's libvpx, and fail."""
    code = """
    import sys
    from pathlib import Path
    from toolkit.testing.media import write_numbered
    from toolkit_decode_decord import DecordOptions
    from toolkit_decode_decord.decoder import DecordDecoder
    decoder = DecordDecoder(DecordOptions())
    path = write_numbered(Path(sys.argv[1]), 5, codec="libvpx")
    print(decoder.probe(path).frame_count)
    """
    assert run(code, str(tmp_path / "clip.webm")).strip() == "5"


@pytest.mark.slow
def test_memory_is_bounded_however_slowly_frames_are_taken(tmp_path: Path) -> None:
    path = write_numbered(tmp_path / "clip.mp4", 250, size=(960, 540))
    assert numbered(0, 960, 540).nbytes * 250 > 350e6  # what decord alone would hold
    code = """
    import resource, sys, time
    from pathlib import Path
    from toolkit_decode_decord import DecordOptions
    from toolkit_decode_decord.decoder import DecordDecoder
    decoder = DecordDecoder(DecordOptions(memory_mb=30, threads=1))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with decoder.open(Path(sys.argv[1])) as stream:
        for frame in stream:
            time.sleep(0.005)
    print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024)
    """
    assert float(run(code, str(path))) < 150
