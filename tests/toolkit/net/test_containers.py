"""Files cut short at every place: what a container tells of itself is enough to see it."""

from __future__ import annotations

import random
import struct
from pathlib import Path

import pytest

from toolkit.net.containers import duration_s, ends_early
from toolkit.testing.clips import random_truth, render, write_clip


@pytest.fixture(scope="module", params=["mp4", "mov", "matroska", "webm", "avi"])
def whole(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("whole") / f"clip.{request.param}"
    rng = random.Random(3)
    codec = "libvpx-vp9" if request.param == "webm" else "libx264"
    with path.open("wb") as file:
        frames = render(random_truth(rng), rng, 24, 90, 160)
        write_clip(frames, file, codec=codec, container_format=request.param)
    return path


def test_a_whole_file_is_whole(whole: Path) -> None:
    assert ends_early(whole) == ""


def test_a_file_that_was_cut_is_not(whole: Path, tmp_path: Path) -> None:
    data = whole.read_bytes()
    cut = tmp_path / whole.name
    for size in range(64, len(data), max(1, len(data) // 97)):
        cut.write_bytes(data[:size])
        assert ends_early(cut), size


def test_the_length_is_told(whole: Path) -> None:
    if whole.suffix == ".avi":
        assert duration_s(whole) is None
    else:
        assert duration_s(whole) == pytest.approx(1.0, abs=0.1)


def test_what_follows_a_container_is_no_part_of_it(tmp_path: Path) -> None:
    rng = random.Random(3)
    path = tmp_path / "clip.mp4"
    write_clip(render(random_truth(rng), rng, 6, 90, 160), path)
    with path.open("ab") as file:
        file.write(b"\0\0\0\0\0\0\0\0 and some words")
    assert ends_early(path) == ""


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x1a\x45\xdf\xa3",
        b"\x1a\x45\xdf\xa3\x00" * 4,
        b"\0\0\0\x08ftyp",
        b"\0\0\0\x01ftyp\xff\xff\xff\xff\xff\xff\xff\xff",
        b"\0\0\0\x10ftypisom" + struct.pack(">I4s", 8, b"moov"),
        b"RIFF",
        b"RIFF\xff\xff\xff\xff",
        bytes(100),
        random.Random(1).randbytes(1000),
    ],
)
def test_nothing_makes_it_fail(data: bytes, tmp_path: Path) -> None:
    path = tmp_path / "odd"
    path.write_bytes(data)
    ends_early(path)
    duration_s(path)
