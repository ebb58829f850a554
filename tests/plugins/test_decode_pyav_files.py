from __future__ import annotations

import os
import random
from contextlib import suppress
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from av.stream import Disposition
from permissions import enforced

from toolkit.errors import DecodeError, NotAVideoError
from toolkit.records import Chapter
from toolkit.testing.media import number_of, numbered, write_numbered
from toolkit_decode_pyav import PyAVOptions
from toolkit_decode_pyav.decoder import PyAVDecoder
from toolkit_decode_pyav.opening import unreadable


@pytest.fixture
def decoder() -> PyAVDecoder:
    return PyAVDecoder(PyAVOptions())


def numbers_of(decoder: PyAVDecoder, path: Path) -> list[int]:
    with decoder.open(path) as stream:
        return [number_of(frame.rgb(stream.width, stream.height)) for frame in stream]


def test_everything_a_file_tells(decoder: PyAVDecoder, tmp_path: Path) -> None:
    path = tmp_path / "clip.mkv"
    with av.open(str(path), "w") as container:
        container.metadata["title"] = "A talk"
        stream = container.add_stream("libx264", rate=25)
        stream.width, stream.height, stream.pix_fmt = 96, 64, "yuv420p"
        voice = container.add_stream("aac", rate=16_000)
        voice.metadata["language"] = "ger"
        container.set_chapters(
            [
                {
                    "id": 1,
                    "start": 0,
                    "end": 1000,
                    "time_base": Fraction(1, 1000),
                    "metadata": {"title": "Opening"},
                }
            ]
        )
        for index in range(40):
            frame = av.VideoFrame.from_ndarray(numbered(index), format="rgb24")
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    video = decoder.probe(path)
    assert video.tags["title"] == "A talk"
    assert video.chapters == (Chapter(start_s=0, end_s=1, title="Opening"),)
    assert video.audio[0].model_dump() == {
        "index": 1,
        "codec": "aac",
        "language": "ger",
        "channels": 2,
        "sample_rate_hz": 16_000,
    }
    assert (video.container, video.codec, video.profile) == ("matroska", "h264", "High")
    assert (video.frame_rate, video.nominal_frame_rate) == (25, 25)


def test_codecs_have_their_own_names(decoder: PyAVDecoder, tmp_path: Path) -> None:
    path = write_numbered(tmp_path / "clip.mkv", 5, codec="libsvtav1")
    assert decoder.probe(path).codec == "av1"  # not libdav1d


def test_a_stream_of_a_codec_nobody_knows(decoder: PyAVDecoder, tmp_path: Path) -> None:
    path = write_numbered(tmp_path / "clip.mkv", 5, sound=True)
    path.write_bytes(path.read_bytes().replace(b"A_AAC", b"A_QQQ"))
    assert decoder.probe(path).audio[0].codec == "unknown"
    assert numbers_of(decoder, path) == list(range(5))
    path.write_bytes(path.read_bytes().replace(b"V_MPEG4", b"V_QQQQQ"))
    with pytest.raises(DecodeError):
        decoder.probe(path)


def test_a_size_that_cannot_be(decoder: PyAVDecoder, tmp_path: Path) -> None:
    with decoder.open(write_numbered(tmp_path / "clip.mp4", 1)) as stream:
        frame = next(stream)
    with pytest.raises(DecodeError, match="96x64"):
        frame.rgb(1_000_000, 1_000_000)


def test_bytes_at_random(decoder: PyAVDecoder, tmp_path: Path) -> None:
    rng = random.Random(1)
    for name, codec in (("a.mp4", "libx264"), ("a.mkv", "mpeg4"), ("a.webm", "libvpx-vp9")):
        whole = write_numbered(tmp_path / name, 20, codec=codec, sound=name != "a.webm")
        for _ in range(20):
            hurt = bytearray(whole.read_bytes())
            for _ in range(rng.choice([1, 5, 40])):
                hurt[rng.randrange(len(hurt))] = rng.randrange(256)
            path = tmp_path / f"hurt-{name}"
            path.write_bytes(hurt[: rng.randrange(len(hurt))] if rng.random() < 0.3 else hurt)
            # What cannot be read is an error of ours; what can has ascending times.
            with suppress(DecodeError):
                decoder.probe(path)
            with suppress(DecodeError), decoder.open(path) as stream:
                times_s = [frame.pts_s for frame in stream]
                assert times_s == sorted(set(times_s))
                assert stream.share_read is None or 0 <= stream.share_read <= 1


def test_tags_in_an_old_encoding(decoder: PyAVDecoder, tmp_path: Path) -> None:
    path = tmp_path / "clip.mkv"
    with av.open(str(path), "w") as container:
        container.metadata["title"] = "Kuche"
        stream = container.add_stream("libx264", rate=25)
        stream.width, stream.height, stream.pix_fmt = 96, 64, "yuv420p"
        frame = av.VideoFrame.from_ndarray(numbered(0), format="rgb24")
        container.mux([*stream.encode(frame), *stream.encode(None)])
    path.write_bytes(path.read_bytes().replace(b"Kuche", b"K\xfcche"))
    assert decoder.probe(path).tags["title"] == "K\N{REPLACEMENT CHARACTER}che"


@pytest.mark.parametrize("name", ["talk: part 1.mp4", "http:clip.mp4", "100%d #1?.mp4", "é.mp4"])
def test_names_that_look_like_something_else(
    decoder: PyAVDecoder, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_numbered(tmp_path / "clip.mp4", 5).rename(tmp_path / name)
    monkeypatch.chdir(tmp_path)
    assert numbers_of(decoder, Path(name)) == list(range(5))


def test_a_name_that_is_not_text(decoder: PyAVDecoder, tmp_path: Path) -> None:
    path = Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xff.mp4"))
    write_numbered(tmp_path / "clip.mp4", 5).rename(path)
    try:
        assert numbers_of(decoder, path) == list(range(5))
    except DecodeError as error:
        assert "Rename" in str(error)  # noqa: PT017


def test_sound_with_a_cover_picture_is_no_video(decoder: PyAVDecoder, tmp_path: Path) -> None:
    path = tmp_path / "song.mkv"
    with av.open(str(path), "w", format="matroska") as container:
        voice = container.add_stream("aac", rate=16_000)
        cover = container.add_stream("mjpeg", rate=25)
        cover.width, cover.height, cover.pix_fmt = 96, 64, "yuvj420p"
        cover.disposition = Disposition.attached_pic
        sound = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), "fltp", "mono")
        sound.sample_rate = 16_000
        container.mux([*voice.encode(sound), *voice.encode(None)])
    with pytest.raises(NotAVideoError):
        decoder.probe(path)


def test_pictures_and_playlists_are_no_videos(decoder: PyAVDecoder, tmp_path: Path) -> None:
    clip = write_numbered(tmp_path / "clip.ts", 5)
    with av.open(str(tmp_path / "frame.png"), "w", format="image2pipe") as container:
        stream = container.add_stream("png", rate=1)
        stream.width, stream.height, stream.pix_fmt = 96, 64, "rgb24"
        frame = av.VideoFrame.from_ndarray(numbered(0), format="rgb24")
        container.mux([*stream.encode(frame), *stream.encode(None)])
    with pytest.raises(NotAVideoError, match="picture"):
        decoder.probe(tmp_path / "frame.png")
    playlist = tmp_path / "list.m3u8"
    playlist.write_text(f"#EXTM3U\n#EXTINF:1,\n{clip}\n#EXT-X-ENDLIST\n")
    with pytest.raises(NotAVideoError, match="playlist"):
        decoder.probe(playlist)
    playlist.write_text("#EXTM3U\n#EXTINF:1,\nhttp://127.0.0.1:9/clip.ts\n#EXT-X-ENDLIST\n")
    with pytest.raises(DecodeError):
        decoder.probe(playlist)


def test_what_would_block_or_loop(decoder: PyAVDecoder, tmp_path: Path) -> None:
    pipe, loop = tmp_path / "pipe.mp4", tmp_path / "loop.mp4"
    os.mkfifo(pipe)
    loop.symlink_to(loop)
    for path in (pipe, loop):
        with pytest.raises(DecodeError, match=path.name):
            decoder.probe(path)


def test_a_file_without_permission(decoder: PyAVDecoder, tmp_path: Path) -> None:
    path = write_numbered(tmp_path / "clip.mp4", 2)
    path.chmod(0)
    with enforced(), pytest.raises(DecodeError, match="permissions"):
        decoder.probe(path)


@pytest.mark.parametrize("name", [n for n in dir(av.error) if n.endswith("Error")])
def test_every_error_of_ffmpeg_becomes_ours(name: str, tmp_path: Path) -> None:
    kind = getattr(av.error, name)
    if not issubclass(kind, Exception):
        pytest.skip("no error class")
    path = write_numbered(tmp_path / "clip.mp4", 1)
    ours = unreadable(path, kind(1, "it broke", str(path)))
    assert isinstance(ours, DecodeError)
    assert "clip.mp4" in str(ours)


@pytest.mark.parametrize("hardware", ["auto", "cuda", "vaapi", "videotoolbox", "vulkan"])
def test_a_device_decodes_or_software_does(
    hardware: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = write_numbered(tmp_path / "clip.mp4", options={"g": "10"})
    options = PyAVOptions.model_validate({"hardware": hardware})
    decoder = PyAVDecoder(options)
    with caplog.at_level("DEBUG", logger="toolkit_decode_pyav"):
        assert numbers_of(decoder, path) == list(range(40))
    assert "clip.mp4' is decoded " in caplog.text  # by the device, or in software and why
    with decoder.frames_at(path, [0.2, 1.0]) as found:
        assert [number_of(frame.rgb(96, 64)) for frame in found] == [5, 25]
    assert options.identity() != PyAVOptions().identity()


def test_a_device_does_not_hide_what_is_wrong_with_a_file(tmp_path: Path) -> None:
    decoder = PyAVDecoder(PyAVOptions(hardware="auto"))
    (tmp_path / "notes.mp4").write_text("no video" * 100)
    with pytest.raises(NotAVideoError), decoder.open(tmp_path / "notes.mp4"):
        pass
