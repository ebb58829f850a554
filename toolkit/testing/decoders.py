"""What every decoder must do. Subclass it in a test module and give the plugin.

    class TestMyDecoder(DecoderSuite):
        @pytest.fixture
        def plugin(self):
            return next(iter(my_package.toolkit_decoders()))

The files are encoded by PyAV. Frames are told apart by the numbers they show, so that a frame too
many, too few or in another's place is seen whatever its timestamp says.
"""

from __future__ import annotations

import pickle
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from fractions import Fraction
from pathlib import Path
from typing import Any, ClassVar

import pytest

from toolkit.errors import DecodeError, NotAVideoError
from toolkit.hooks.specs import Context, DecoderPlugin
from toolkit.stages.component import Options
from toolkit.stages.decode import MOMENT_S, Decoder
from toolkit.testing.decoder_cases import CASES, damage, groups_of
from toolkit.testing.decoder_entries import EntrySuite, seen
from toolkit.testing.media import BAD_FILES, cut_file, number_of, write_numbered
from toolkit.testing.plugins import PluginSuite

__all__ = ["DecoderSuite"]

_TRUNCATED: dict[str, dict[str, Any]] = {
    "ts": {},
    "avi": {"codec": "mpeg4"},
    "webm": {"codec": "libvpx"},
}


class DecoderSuite(PluginSuite, EntrySuite):
    """The contract of :class:`toolkit.stages.decode.Decoder`, as tests."""

    made = "decoder"
    unsupported: ClassVar[Mapping[str, str]] = {}
    """What the decoder's documentation says it cannot do, and why: names of
    :data:`~toolkit.testing.decoder_cases.CASES` and those that the tests ask for."""

    @pytest.fixture
    def decoder(
        self, plugin: DecoderPlugin, options: Options, context: Context
    ) -> Iterator[Decoder]:
        """The decoder under test."""
        with plugin.factory(options, context) as decoder:
            assert isinstance(decoder, Decoder)
            yield decoder

    def needs(self, *names: str) -> None:
        """Skip the test where the decoder does not do one of these things."""
        for name in names:
            if name in self.unsupported:
                pytest.skip(f"{name}: {self.unsupported[name]}")

    @pytest.fixture
    def path(self, kind: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
        """The file of a case, written once for all suites of a session."""
        self.needs(kind)
        folder = tmp_path_factory.getbasetemp() / "decoder-cases" / kind
        if not folder.exists():
            folder.mkdir(parents=True)
            CASES[kind].write(folder)
        return folder / CASES[kind].name

    def read(self, decoder: Decoder, path: Path) -> tuple[list[int], list[float]]:
        """The numbers and the times of a file's frames."""
        numbers, times = [], []
        with decoder.open(path) as stream:
            for frame in stream:
                numbers.append(number_of(frame.rgb(stream.width, stream.height)))
                times.append(frame.pts_s)
        return numbers, times

    @pytest.mark.parametrize("kind", CASES)
    def test_every_frame_once_and_at_its_time(
        self, decoder: Decoder, kind: str, path: Path
    ) -> None:
        """Frames and times of every kind of file."""
        case = CASES[kind]
        numbers, times_s = [], []
        with decoder.open(path) as stream:
            for frame in stream:
                numbers.append(number_of(frame.rgb(stream.width, stream.height)))
                times_s.append(frame.pts_s)
        assert numbers == list(case.numbers)
        assert times_s[0] == 0
        assert times_s == pytest.approx(case.times_s, abs=0.0011)  # Matroska counts milliseconds
        assert (stream.width, stream.height) == case.size
        assert stream.damaged == 0
        assert stream.share_read in {None, 1.0}
        usual_s = case.times_s[-1] / (len(numbers) - 1 or 1)
        assert stream.frame_s == pytest.approx(usual_s, rel=0.1) or len(numbers) == 1
        assert times_s[-1] < stream.end_s < times_s[-1] + 0.1

    @pytest.mark.parametrize("kind", CASES)
    def test_the_metadata_fit_the_frames(self, decoder: Decoder, kind: str, path: Path) -> None:
        """What the file says about itself, and what it does not say is None."""
        self.needs("metadata")
        case = CASES[kind]
        video = decoder.probe(path)
        # A program stream times a picture now and then: its end is a guess.
        end_s = pytest.approx(case.times_s[-1] + 0.04, abs=0.7 if kind == "mpeg2_ps" else 0.05)
        assert (video.width, video.height) == case.size
        assert video.variable_frame_rate == kind.startswith("uneven")
        assert video.duration_s is None or video.duration_s == end_s
        assert video.frame_count in {None, len(case.numbers)}
        assert video.bit_depth == (10 if kind.startswith("ten_bit") else 8)
        assert video.start_s == pytest.approx(case.start_s, abs=0.6)  # MPEG starts half a second in
        assert len(video.audio) == (kind == "sound")
        assert video.size_bytes == path.stat().st_size
        assert video.id == ""

    @pytest.mark.parametrize("kind", CASES)
    def test_any_frame_at_any_time(self, decoder: Decoder, kind: str, path: Path) -> None:
        """Frames found by their times are those of the stream, bit by bit."""
        with decoder.open(path) as stream:
            frames = seen(stream, stream.width, stream.height)
        times_s = [time_s for time_s, _ in frames]
        after_s = [time_s + 0.001 for time_s in times_s]
        few = [[time_s] for time_s in times_s[:: len(times_s) // 5 or 1]]
        outside = [-1.0, times_s[-1] + 100, times_s[-1] + 101]
        for wanted in (times_s, after_s, times_s[1::7], *few, outside, times_s[3:4] * 2, []):
            shown = [
                max([n for n, t in enumerate(times_s) if t <= w + MOMENT_S] or [0])
                for w in sorted(wanted)
            ]
            with decoder.frames_at(path, wanted[::-1]) as found:
                read = seen(found, found.width, found.height)
            assert [time_s for time_s, _ in read] == [times_s[n] for n in shown]
            assert all((s[1] == frames[n][1]).all() for s, n in zip(read, shown, strict=True))

    @pytest.mark.parametrize("rotation", [90, 180, 270])
    def test_turned_pictures_come_upright(
        self, decoder: Decoder, rotation: int, tmp_path: Path
    ) -> None:
        """Phones store pictures lying down and a note on how to turn them."""
        self.needs("rotation")
        path = write_numbered(tmp_path / "clip.mp4", 12, rotation=rotation)
        numbers, _ = self.read(decoder, path)
        assert numbers == list(range(12))
        with decoder.open(path) as stream:
            assert (stream.width, stream.height) == ((96, 64) if rotation == 180 else (64, 96))
        video = decoder.probe(path)
        assert (video.width, video.height, video.rotation) == (96, 64, rotation)

    def test_pixels_that_are_not_square(self, decoder: Decoder, tmp_path: Path) -> None:
        """The stream's size is that of the picture as shown."""
        self.needs("pixel_shape")
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
        self.needs(kind)
        path = BAD_FILES[kind](tmp_path)
        with decoder.open(path) as stream:
            count = sum(1 for _ in stream)
        assert 10 < count < 110
        assert stream.share_read == pytest.approx(count / 120, abs=0.1)
        assert decoder.probe(path).duration_s == pytest.approx(4.8, abs=0.05)

    @pytest.mark.parametrize("suffix", _TRUNCATED)
    def test_truncated_file_of_a_kind_that_needs_no_index(
        self, decoder: Decoder, suffix: str, tmp_path: Path
    ) -> None:
        """The frames before the break are there, in order, and found by their times."""
        self.needs(f"truncated_{suffix}")
        whole = write_numbered(tmp_path / f"clip.{suffix}", 120, **_TRUNCATED[suffix])
        numbers, times_s = self.read(decoder, cut_file(whole, 0.6))
        assert 10 < len(numbers) < 110
        assert numbers[:-1] == list(range(len(numbers) - 1))  # of the last a part may be missing
        with decoder.frames_at(whole, [0.2, 4.7]) as found:
            assert [frame.pts_s for frame in found] == pytest.approx([0.2, times_s[-1]])

    @pytest.mark.parametrize("suffix", ["mp4", "mkv", "ts"])
    def test_damage_in_the_middle_stays_there(
        self, decoder: Decoder, suffix: str, tmp_path: Path
    ) -> None:
        """Frames before the hurt group of pictures and after it are whole, at their times."""
        self.needs(f"damaged_{suffix}")
        path = write_numbered(tmp_path / f"clip.{suffix}", options=groups_of(10))
        damage(path, packet=22)
        numbers, times_s = self.read(decoder, path)
        shown = {
            round(time_s * 25): number for time_s, number in zip(times_s, numbers, strict=True)
        }
        whole = [*range(20), *range(30, 40)]
        assert [shown.get(number) for number in whole] == whole

    def test_a_bad_packet_takes_no_other_frame_with_it(
        self, decoder: Decoder, tmp_path: Path
    ) -> None:
        """Damage in the middle costs the frames it is in, and no later frame's time."""
        self.needs("damaged_packet")
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


def _reach(decoder: Decoder, how: str) -> Callable[[Path], object]:
    def first_frame(path: Path) -> object:
        with decoder.open(path) as stream:
            return next(stream)

    return decoder.probe if how == "probe" else first_frame
