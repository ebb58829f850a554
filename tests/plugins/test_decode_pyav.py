from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from toolkit.errors import NotAVideoError
from toolkit.stages.decode import Decoder
from toolkit.testing.clips import write_clip
from toolkit.testing.decoder_cases import damage, groups_of
from toolkit.testing.decoders import DecoderSuite
from toolkit.testing.media import number_of, numbered, write_numbered
from toolkit_decode_pyav import PyAVOptions
from toolkit_decode_pyav.clock import Clock
from toolkit_decode_pyav.decoder import PyAVDecoder
from toolkit_decode_pyav.seeking import Seeker


@pytest.fixture
def decoder() -> PyAVDecoder:
    return PyAVDecoder(PyAVOptions())


class TestPyAV(DecoderSuite):
    @pytest.fixture
    def decoder(self) -> Decoder:
        return PyAVDecoder(PyAVOptions())


class TestOneThread(DecoderSuite):
    @pytest.fixture
    def decoder(self) -> Decoder:
        return PyAVDecoder(PyAVOptions(threads=1))


class TestSeeks:
    """How often a reader of some frames goes to another place in the file."""

    @pytest.mark.parametrize("suffix", ["mp4", "mov", "mkv"])
    def test_one_a_group_of_pictures(
        self, decoder: PyAVDecoder, suffix: str, tmp_path: Path
    ) -> None:
        path = write_numbered(tmp_path / f"clip.{suffix}", 200, options=groups_of(20))
        wanted = [number / 25 for number in (21, 24, 33, 33, 85, 90, 161, 170, 175)]
        with decoder.open(path) as stream:
            seeker = Seeker(stream)
            found = [number_of(frame.rgb(96, 64)) for frame in seeker.frames(wanted)]
        assert found == [21, 24, 33, 33, 85, 90, 161, 170, 175]
        assert seeker.seeks == 3
        assert stream.damaged == 0

    @pytest.mark.parametrize("suffix", ["ts", "mp4", "mkv"])
    def test_a_step_back_is_learnt_once(
        self, decoder: PyAVDecoder, suffix: str, tmp_path: Path
    ) -> None:
        # The last frames of groups: decoding times lead into the next one.
        path = write_numbered(tmp_path / f"clip.{suffix}", 200, options=groups_of(20))
        wanted = [number / 25 for number in range(19, 200, 20)]
        with decoder.open(path) as stream:
            seeker = Seeker(stream)
            found = [number_of(frame.rgb(96, 64)) for frame in seeker.frames(wanted)]
        assert found == list(range(19, 200, 20))
        assert seeker.seeks <= len(wanted) + 2

    def test_all_frames_need_no_more_than_one(self, decoder: PyAVDecoder, tmp_path: Path) -> None:
        path = write_numbered(tmp_path / "clip.mp4", 200, options=groups_of(20))
        with decoder.open(path) as stream:
            seeker = Seeker(stream)
            assert len(list(seeker.frames(number / 25 for number in range(200)))) == 200
        assert seeker.seeks == 1

    @pytest.mark.parametrize("suffix", ["mp4", "ts"])
    def test_pictures_refreshed_a_stripe_at_a_time(
        self, decoder: PyAVDecoder, suffix: str, tmp_path: Path
    ) -> None:
        # There is one keyframe, at the start, whatever the container says.
        options = {"x264-params": "intra-refresh=1:keyint=20:bframes=0"}
        path = write_numbered(tmp_path / f"clip.{suffix}", 100, options=options)
        with decoder.open(path) as stream:
            whole = [frame.rgb(96, 64) for frame in stream]
        with decoder.frames_at(path, [1.0, 2.2, 3.6]) as found:
            for number, frame in zip((25, 55, 90), found, strict=True):
                assert np.array_equal(frame.rgb(96, 64), whole[number])


def times_of(decoder: PyAVDecoder, path: Path) -> list[float]:
    with decoder.open(path) as stream:
        return [frame.pts_s for frame in stream]


def numbers_of(decoder: PyAVDecoder, path: Path) -> list[int]:
    with decoder.open(path) as stream:
        return [number_of(frame.rgb(stream.width, stream.height)) for frame in stream]


def write_flat(
    path: Path, rgb: tuple[int, int, int], *, size: tuple[int, int] = (64, 64), **colour: int
) -> Path:
    """Three frames of one colour, converted and marked as these colour fields say."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=25, options={"crf": "1"})
        stream.width, stream.height = size
        stream.pix_fmt = "yuv420p"
        for field, value in colour.items():
            setattr(stream.codec_context, field, value)
        pixels = np.full((size[1], size[0], 3), rgb, np.uint8)
        for index in range(3):
            frame = av.VideoFrame.from_ndarray(pixels, format="rgb24").reformat(
                format="yuv420p",
                dst_colorspace=5 if colour.get("colorspace", 1) == 6 else 1,
                dst_color_range=colour.get("color_range", 1),
            )
            frame.pts = index
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


class TestPictures:
    @pytest.mark.parametrize("color_range", [1, 2], ids=["limited", "full"])
    @pytest.mark.parametrize("colorspace", [1, 6], ids=["bt709", "smpte170m"])
    @pytest.mark.parametrize("rgb", [(255, 255, 255), (0, 0, 0), (200, 30, 30), (20, 160, 60)])
    def test_colours_are_those_of_the_film(
        self,
        decoder: PyAVDecoder,
        rgb: tuple[int, int, int],
        colorspace: int,
        color_range: int,
        tmp_path: Path,
    ) -> None:
        path = write_flat(
            tmp_path / "flat.mp4", rgb, colorspace=colorspace, color_range=color_range
        )
        with decoder.open(path) as stream:
            frame = next(stream)
            assert frame.rgb(32, 32)[16, 16].tolist() == pytest.approx(rgb, abs=4)
            assert frame.small(32, 32, "bgr24")[16, 16].tolist() == pytest.approx(rgb[::-1], abs=4)
        video = decoder.probe(path)
        assert video.colour_range == ("limited", "full")[color_range - 1]
        assert video.colour_space == {1: "bt709", 6: "smpte170m"}[colorspace]

    def test_unmarked_hd_is_taken_for_bt709_as_players_do(
        self, decoder: PyAVDecoder, tmp_path: Path
    ) -> None:
        path = write_flat(tmp_path / "flat.mp4", (200, 30, 30), size=(1280, 720))
        with decoder.open(path) as stream:
            assert next(stream).rgb(32, 32)[16, 16].tolist() == pytest.approx((200, 30, 30), abs=4)

    def test_mirrored_picture(self, decoder: PyAVDecoder, tmp_path: Path) -> None:
        path = tmp_path / "selfie.mp4"
        with av.open(str(path), "w") as container:
            stream = container.add_stream("libx264", rate=25)
            stream.width, stream.height, stream.pix_fmt = 96, 64, "yuv420p"
            stream.set_display_rotation(0, hflip=True)
            for index in range(5):
                image = np.ascontiguousarray(numbered(index)[:, ::-1])
                container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
            container.mux(stream.encode(None))
        assert numbers_of(decoder, path) == list(range(5))

    @pytest.mark.parametrize(("transfer", "hdr"), [(16, "PQ"), (18, "HLG"), (1, "")])
    def test_high_dynamic_range_is_named(
        self, decoder: PyAVDecoder, transfer: int, hdr: str, tmp_path: Path
    ) -> None:
        path = write_flat(tmp_path / "flat.mkv", (90, 90, 90), color_trc=transfer)
        assert decoder.probe(path).hdr == hdr


class TestTimes:
    def test_recordings_joined_byte_by_byte_go_on(
        self, decoder: PyAVDecoder, tmp_path: Path
    ) -> None:
        parts = [write_numbered(tmp_path / f"{i}.ts", 50) for i in range(2)]
        path = tmp_path / "joined.ts"
        path.write_bytes(b"".join(part.read_bytes() for part in parts))
        times_s = times_of(decoder, path)
        assert len(times_s) == 100
        assert times_s == pytest.approx([index / 25 for index in range(100)], abs=0.001)

    def test_a_stream_without_timestamps(self, decoder: PyAVDecoder, tmp_path: Path) -> None:
        path = write_numbered(tmp_path / "raw.h264")
        assert numbers_of(decoder, path) == list(range(40))
        times_s = times_of(decoder, path)
        assert times_s == pytest.approx([index / 25 for index in range(40)])

    def test_clock(self) -> None:
        clock = Clock(Fraction(1, 1000), frame_s=0.04)
        assert [clock.at(t) for t in (500, 540, None, 620)] == [0.0, 0.04, 0.08, 0.12]
        assert clock.at(620) == pytest.approx(0.14)  # claims the time of the one before
        assert clock.at(660) == 0.16
        assert clock.at(660_000) == 659.5  # a gap is a gap
        assert clock.at(40) == pytest.approx(659.54)  # the timeline starts anew
        assert clock.at(80) == pytest.approx(659.58)

    def test_fast_mode_leaves_frames_out_and_keeps_times(self, tmp_path: Path) -> None:
        path = write_numbered(tmp_path / "clip.mp4", options={"bf": "3", "b-pyramid": "none"})
        fast = PyAVDecoder(PyAVOptions(skip_nonref=True))
        numbers, times_s = numbers_of(fast, path), times_of(fast, path)
        assert 5 < len(numbers) < 35
        assert times_s == pytest.approx([number / 25 for number in numbers])

    def test_sound_that_outlasts_the_pictures_is_no_truncation(
        self, decoder: PyAVDecoder, tmp_path: Path
    ) -> None:
        # Flash files promise a length for the whole file only.
        path = tmp_path / "clip.flv"
        with av.open(str(path), "w") as container:
            video = container.add_stream("flv", rate=25)
            video.width, video.height, video.pix_fmt = 96, 64, "yuv420p"
            voice = container.add_stream("aac", rate=16_000)
            for index in range(25):
                frame = av.VideoFrame.from_ndarray(numbered(index), format="rgb24")
                container.mux(video.encode(frame))
            for index in range(75):
                sound = av.AudioFrame.from_ndarray(np.zeros((1, 640), np.float32), "fltp", "mono")
                sound.sample_rate, sound.pts = 16_000, index * 640
                container.mux(voice.encode(sound))
            container.mux(video.encode(None))
            container.mux(voice.encode(None))
        with decoder.open(path) as stream:
            assert sum(1 for _ in stream) == 25
        assert stream.share_read == 1.0


class TestDamage:
    @pytest.mark.parametrize("threads", [1, 4])
    @pytest.mark.parametrize("packet", [1, 20, 38, 39])
    def test_one_bad_packet_is_counted_and_costs_one_frame(
        self, threads: int, packet: int, tmp_path: Path
    ) -> None:
        path = write_numbered(tmp_path / "clip.mkv", codec="ffv1", options={"g": "1"})
        damage(path, packet)
        with PyAVDecoder(PyAVOptions(threads=threads)).open(path) as stream:
            numbers = [number_of(frame.rgb(96, 64)) for frame in stream]
        # PyAV cannot go on emptying a decoder after an error: frames that its other threads still
        # held at the very end are lost with it.
        lost = 1 + (threads - 1 if threads > 1 and packet == 38 else 0)
        assert len(set(numbers) & set(range(40))) >= 40 - lost, numbers
        assert stream.share_read == 1.0

    def test_a_file_of_damage_only(self, decoder: PyAVDecoder, tmp_path: Path) -> None:
        path = write_numbered(tmp_path / "clip.mkv", 3, codec="libvpx-vp9")
        for packet in range(3):
            damage(path, packet)
        with pytest.raises(NotAVideoError, match="damaged packets") as caught, decoder.open(path):
            pass
        assert isinstance(caught.value.__cause__, av.error.FFmpegError)


def test_threads_do_not_change_the_result() -> None:
    assert PyAVOptions(threads=3).identity() == PyAVOptions().identity()
    assert PyAVOptions(skip_nonref=True).identity() != PyAVOptions().identity()


@pytest.mark.parametrize("size", [(640, 360), (420, 236), (280, 156), (140, 78)], ids=str)
def test_kept_frames_are_as_bright_as_the_film(size: tuple[int, int], tmp_path: Path) -> None:
    ramp = np.linspace(20, 235, 640)[None, :, None] * np.array([1.0, 0.9, 0.8])
    image = np.broadcast_to(ramp, (360, 640, 3)).round().astype(np.uint8)
    path = tmp_path / "ramp.mp4"
    write_clip([image] * 3, path, fps=25, crf=4)
    with PyAVDecoder(PyAVOptions()).open(path) as stream:
        seen = next(stream).rgb(*size).astype(float)
    off = seen.mean(axis=(0, 1)) - image.mean(axis=(0, 1))
    assert np.abs(off).max() < 1.3
