"""What every decoder must do. Subclass it in a test module and provide the fixture.

    class TestMyDecoder(DecoderSuite):
        @pytest.fixture
        def decoder(self):
            with MyDecoder(MyOptions()) as decoder:
                yield decoder

The files are encoded by PyAV. Frames are told apart by the numbers they show, so that a frame too
many, too few or in another's place is seen whatever its timestamp says.
"""

from __future__ import annotations

import pickle
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from fractions import Fraction
from pathlib import Path
from typing import Any, ClassVar

import pytest

from toolkit.errors import DecodeError, NotAVideoError
from toolkit.stages.decode import Decoder
from toolkit.testing.media import BAD_FILES, number_of, write_numbered

__all__ = ["DecoderSuite"]

_COUNT = 40
_UNEVEN_MS = [index * 40 + index % 3 * 11 for index in range(_COUNT)]
_QUIET_HEVC = {"x265-params": "log-level=none"}
_FRAGMENTS = {"movflags": "frag_keyframe+empty_moov"}
_FILES: dict[str, tuple[str, dict[str, Any]]] = {
    "b_frames": ("clip.mp4", {}),
    "no_b_frames": ("clip.mp4", {"options": {"bf": "0"}}),
    "short_gops": ("clip.mp4", {"options": {"g": "5"}}),
    "mkv": ("clip.mkv", {}),
    "ntsc_mkv": ("clip.mkv", {"rate": Fraction(30_000, 1001)}),
    "mpegts": ("clip.ts", {}),
    "fragmented": ("clip.mp4", {"container_options": _FRAGMENTS}),
    "no_duration": ("clip.mkv", {"container_options": {"live": "1"}}),
    "uneven_mp4": ("clip.mp4", {"times_ms": _UNEVEN_MS}),
    "uneven_mkv": ("clip.mkv", {"times_ms": _UNEVEN_MS}),
    "late_start_ts": ("clip.ts", {"times_ms": [10_000 + 40 * i for i in range(_COUNT)]}),
    "late_start_mkv": ("clip.mkv", {"times_ms": [10_000 + 40 * i for i in range(_COUNT)]}),
    "mpeg4_avi": ("clip.avi", {"codec": "mpeg4"}),
    "mpeg4_avi_b_frames": ("clip.avi", {"codec": "mpeg4", "options": {"bf": "2"}}),
    "hevc": ("clip.mp4", {"codec": "libx265", "options": _QUIET_HEVC}),
    "ten_bit": (
        "clip.mkv",
        {"codec": "libx265", "options": _QUIET_HEVC, "pixel_format": "yuv420p10le"},
    ),
    "vp9": ("clip.webm", {"codec": "libvpx-vp9"}),
    "odd_size": ("clip.webm", {"codec": "libvpx-vp9", "size": (97, 65)}),
    "av1": ("clip.mkv", {"codec": "libsvtav1", "options": {"preset": "12"}}),
    "sound": ("clip.mp4", {"sound": True}),
    "one_frame": ("clip.mp4", {"count": 1}),
}


def _expected_s(options: dict[str, Any]) -> list[float]:
    if "times_ms" in options:
        times = options["times_ms"]
        return [(time - times[0]) / 1000 for time in times]
    return [float(i / Fraction(options.get("rate", 25))) for i in range(options.get("count", 40))]


class DecoderSuite:
    """The contract of :class:`toolkit.stages.decode.Decoder`, as tests."""

    unsupported: ClassVar[frozenset[str]] = frozenset()
    """Names of files that the decoder's documentation says it cannot read."""

    @pytest.fixture
    def decoder(self) -> Decoder:
        """The decoder under test."""
        raise NotImplementedError("provide the fixture 'decoder'")

    def read(self, decoder: Decoder, path: Path) -> tuple[list[int], list[float]]:
        """The numbers and the times of a file's frames."""
        numbers, times = [], []
        with decoder.open(path) as stream:
            for frame in stream:
                numbers.append(number_of(frame.rgb(stream.width, stream.height)))
                times.append(frame.pts_s)
        return numbers, times

    @pytest.mark.parametrize("kind", _FILES)
    def test_every_frame_once_and_at_its_time(
        self, decoder: Decoder, kind: str, tmp_path: Path
    ) -> None:
        """Frames, times and metadata of every kind of file."""
        if kind in self.unsupported:
            pytest.skip("documented as not supported")
        name, options = _FILES[kind]
        path = write_numbered(tmp_path / name, **options)
        expected_s = _expected_s(options)
        numbers, times_s = [], []
        with decoder.open(path) as stream:
            for frame in stream:
                numbers.append(number_of(frame.rgb(stream.width, stream.height)))
                times_s.append(frame.pts_s)
        assert numbers == list(range(len(expected_s)))
        assert times_s[0] == 0
        assert times_s == pytest.approx(expected_s, abs=0.0011)  # Matroska counts milliseconds
        assert (stream.width, stream.height) == options.get("size", (96, 64))
        assert stream.damaged == 0
        assert stream.share_read in {None, 1.0}
        assert stream.frame_s == pytest.approx(
            expected_s[-1] / (len(numbers) - 1 or 1), rel=0.1
        ) or (len(numbers) == 1)
        assert times_s[-1] < stream.end_s < times_s[-1] + 0.1

        video = decoder.probe(path)
        assert (video.width, video.height) == options.get("size", (96, 64))
        assert video.variable_frame_rate == kind.startswith("uneven")
        assert video.duration_s is None or video.duration_s == pytest.approx(stream.end_s, abs=0.05)
        assert video.frame_count in {None, len(numbers)}
        assert video.bit_depth == (10 if kind == "ten_bit" else 8)
        assert video.start_s == pytest.approx(10 if kind.startswith("late") else 0, abs=0.2)
        assert len(video.audio) == (kind == "sound")
        assert video.size_bytes == path.stat().st_size
        assert video.id == ""

    @pytest.mark.parametrize("rotation", [90, 180, 270])
    def test_turned_pictures_come_upright(
        self, decoder: Decoder, rotation: int, tmp_path: Path
    ) -> None:
        """Phones store pictures lying down and a note on how to turn them."""
        path = write_numbered(tmp_path / "clip.mp4", 12, rotation=rotation)
        numbers, _ = self.read(decoder, path)
        assert numbers == list(range(12))
        with decoder.open(path) as stream:
            assert (stream.width, stream.height) == ((96, 64) if rotation == 180 else (64, 96))
        video = decoder.probe(path)
        assert (video.width, video.height, video.rotation) == (96, 64, rotation)

    def test_pixels_that_are_not_square(self, decoder: Decoder, tmp_path: Path) -> None:
        """The stream's size is that of the picture as shown."""
        path = write_numbered(tmp_path / "clip.mp4", 3, pixel_shape=Fraction(4, 3))
        with decoder.open(path) as stream:
            assert (stream.width, stream.height) == (128, 64)
            assert next(stream).rgb(128, 64).shape == (64, 128, 3)
        assert decoder.probe(path).sample_aspect_ratio == pytest.approx(4 / 3)

    @pytest.mark.parametrize("kind", ["truncated_mp4", "truncated_mkv"])
    def test_truncated_file_gives_what_is_there(
        self, decoder: Decoder, kind: str, tmp_path: Path
    ) -> None:
        """A broken download is read to where it broke, and says so."""
        path = BAD_FILES[kind](tmp_path)
        with decoder.open(path) as stream:
            count = sum(1 for _ in stream)
        assert 10 < count < 110
        assert stream.share_read == pytest.approx(count / 120, abs=0.1)
        assert decoder.probe(path).duration_s == pytest.approx(4.8, abs=0.05)

    def test_a_bad_packet_takes_no_other_frame_with_it(
        self, decoder: Decoder, tmp_path: Path
    ) -> None:
        """Damage in the middle costs the frames it is in, and no later frame's time."""
        path = write_numbered(tmp_path / "clip.mkv", codec="mjpeg", pixel_format="yuvj420p")
        damage(path, packet=20)
        numbers, times_s = self.read(decoder, path)
        assert set(numbers) >= set(range(40)) - {20}
        assert [round(t * 25) for t in times_s if round(t * 25) != 20] == [
            n for n in range(40) if n != 20
        ]

    @pytest.mark.parametrize("kind", ["empty", "text", "notes", "audio_only", "zero_frames"])
    @pytest.mark.parametrize("how", ["probe", "open"])
    def test_what_is_no_video(self, decoder: Decoder, how: str, kind: str, tmp_path: Path) -> None:
        """The error says that there is no video, and in which file."""
        path = BAD_FILES[kind](tmp_path)
        with pytest.raises(NotAVideoError, match=path.name) as caught:
            _reach(decoder, how)(path)
        assert pickle.loads(pickle.dumps(caught.value)).message == caught.value.message  # noqa: S301

    @pytest.mark.parametrize("kind", ["missing", "folder", "headless"])
    @pytest.mark.parametrize("how", ["probe", "open"])
    def test_what_cannot_be_read(
        self, decoder: Decoder, how: str, kind: str, tmp_path: Path
    ) -> None:
        """The error names the file, is one of ours, and has a hint."""
        path = BAD_FILES[kind](tmp_path)
        with pytest.raises(DecodeError, match=path.name) as caught:
            _reach(decoder, how)(path)
        assert caught.value.hint

    def test_sizes_and_formats(self, decoder: Decoder, tmp_path: Path) -> None:
        """Every picture has the promised shape and shows what it should."""
        import numpy as np

        with decoder.open(write_numbered(tmp_path / "clip.mp4", 6)) as stream:
            last = list(stream)[-1]
            bgr = last.small(48, 32, "bgr24")
            assert bgr.shape == (32, 48, 3)
            assert bgr.dtype == np.uint8
            assert number_of(bgr) == 5
            assert last.small(48, 32, "gray").shape == (32, 48)
            assert last.small(48, 32, "yuv420p").shape == (48, 48)
            for width, height in ((48, 32), (33, 21), (200, 100)):
                assert last.rgb(width, height).shape == (height, width, 3)
                assert number_of(last.rgb(width, height)) == 5

    def test_kept_frames_outlive_the_stream(self, decoder: Decoder, tmp_path: Path) -> None:
        """A sampler keeps frames and converts them when the scene is over."""
        with decoder.open(write_numbered(tmp_path / "clip.mp4")) as stream:
            kept = list(stream)[::10]
        assert kept[0].key_frame
        assert [number_of(frame.rgb(96, 64)) for frame in kept] == [0, 10, 20, 30]

    def test_a_stream_can_be_left_early(self, decoder: Decoder, tmp_path: Path) -> None:
        """A cancelled run closes its streams in the middle."""
        path = write_numbered(tmp_path / "clip.mp4")
        for _ in range(3):
            with decoder.open(path) as stream:
                assert number_of(next(stream).rgb(96, 64)) == 0

    def test_one_decoder_serves_many_threads(self, decoder: Decoder, tmp_path: Path) -> None:
        """Streams share nothing."""
        paths = [write_numbered(tmp_path / f"{i}.mp4", 20 + i) for i in range(4)]
        with ThreadPoolExecutor(4) as pool:
            read = list(pool.map(lambda path: self.read(decoder, path)[0], paths * 2))
        assert read == [list(range(20 + i)) for i in range(4)] * 2


def damage(path: Path, packet: int) -> None:
    """Overwrite one packet of a file with noise, its header included."""
    import av

    with av.open(str(path)) as container:
        hurt = [p for p in container.demux(video=0) if p.size][packet]
        position, size = hurt.pos, hurt.size
    assert position is not None
    with path.open("r+b") as file:
        # Past the container's own words on the packet: the file must stay readable.
        file.seek(position + 16)
        file.write(bytes(255 - i % 251 for i in range(size - 16)))


def _reach(decoder: Decoder, how: str) -> Callable[[Path], object]:
    def first_frame(path: Path) -> object:
        with decoder.open(path) as stream:
            return next(stream)

    return decoder.probe if how == "probe" else first_frame
