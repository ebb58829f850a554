from __future__ import annotations

from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from making import HERE, preview
from PIL import Image

from toolkit.errors import MediaError
from toolkit.media.pictures import save_picture, thumbnails
from toolkit.media.sheet import Tile, evenly, moment, sheet
from toolkit.testing.media import number_of, write_numbered


def write_grain(path: Path) -> Path:
    """A film that compresses badly."""
    rng = np.random.default_rng(1)
    with av.open(str(path), "w") as container:
        stream: Any = container.add_stream("libx264", rate=25, options={"crf": "10"})
        stream.width, stream.height, stream.pix_fmt = 192, 128, "yuv420p"
        for _ in range(15):
            pixels = rng.integers(0, 256, (128, 192, 3), dtype=np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24")))
        container.mux(stream.encode(None))
    return path


def number(picture: Image.Image) -> int:
    return number_of(np.asarray(picture.convert("RGB")))


def test_thumbnails_show_what_is_shown_then(tmp_path: Path) -> None:
    path = write_numbered(tmp_path / "film.mp4", 60, rotation=90, size=(192, 128))
    found = list(thumbnails(HERE, path, [2.0, 0.5, 0.0], width=64))
    assert [(round(at_s, 3), number(picture)) for at_s, picture in found] == [
        (0.0, 0), (0.48, 12), (2.0, 50),
    ]  # fmt: skip
    assert {picture.size for _, picture in found} == {(64, 96)}


def tile(value: int, size: tuple[int, int] = (96, 64)) -> Tile:
    return Tile(Image.new("RGB", size, (value, value, value)), f"{value}  0:01.0")


def test_a_sheet_holds_every_picture_in_reading_order() -> None:
    made = sheet([tile(50 + n) for n in range(7)], title="A film", columns=3)
    pixels = np.asarray(made)
    places = []
    for value in range(50, 57):
        rows, columns = np.nonzero((pixels == value).all(axis=2))
        assert len(rows) >= 96 * 64
        places.append((int(np.median(rows)) // 40, int(np.median(columns))))
    assert places == sorted(places)
    assert made.width < made.height * 3


def test_a_sheet_of_pictures_of_other_shapes_and_long_titles() -> None:
    made = sheet([tile(90), tile(120, (40, 90))], title="x" * 500)
    assert made.width < 400
    with pytest.raises(MediaError, match="no scene"):
        sheet([])
    with pytest.raises(MediaError, match="pixels"):
        sheet([tile(1, (4000, 40)) for _ in range(20)], columns=20)


def test_words_of_a_sheet() -> None:
    assert moment(3723.46) == "1:02:03.5"
    assert moment(59.96) == "1:00.0"
    assert evenly(3, 5) == [0, 1, 2]
    assert evenly(1000, 3) == [0, 500, 999]
    assert evenly(9, 1) == [0]


@pytest.mark.parametrize("ending", ["webp", "gif"])
def test_a_preview_moves_and_fits(tmp_path: Path, ending: str) -> None:
    path = write_numbered(tmp_path / "film.mp4", 80, size=(192, 128))
    made = preview(path, tmp_path / f"film.{ending}", 1.0, 2.0, frames_per_s=5)
    with Image.open(made.path) as picture:
        assert picture.n_frames == 5  # type: ignore[attr-defined]
        assert picture.info["loop"] == 0
        assert picture.width == 192
        shown = []
        for place in range(5):
            picture.seek(place)
            shown.append(number(picture))
    assert shown == [25, 30, 35, 40, 45]
    grain = write_grain(tmp_path / "grain.mp4")
    size = preview(grain, made.path, 0.0, 0.5, force=True).path.stat().st_size
    smaller = preview(grain, made.path, 0.0, 0.5, max_bytes=size // 3, force=True)
    assert smaller.path.stat().st_size <= size // 3
    with pytest.raises(MediaError, match="does not fit"):
        preview(path, tmp_path / f"no.{ending}", 0.0, 0.5, max_bytes=100)
    assert not (tmp_path / f"no.{ending}").exists()


def test_previews_that_cannot_be(tmp_path: Path) -> None:
    path = write_numbered(tmp_path / "film.mp4", 30)
    assert preview(path, tmp_path / "end.gif", 0.8).end_s == pytest.approx(1.2)
    for start_s, end_s in ((5.0, 6.0), (1.0, 0.5), (-1.0, 1.0)):
        with pytest.raises(MediaError, match="cannot go"):
            preview(path, tmp_path / "x.gif", start_s, end_s)


def test_pictures_are_not_written_over(tmp_path: Path) -> None:
    picture = Image.new("RGB", (8, 8))
    save_picture(picture, tmp_path / "a.jpg")
    with pytest.raises(MediaError, match="There is a file"):
        save_picture(picture, tmp_path / "a.jpg")
    save_picture(picture, tmp_path / "a.jpg", force=True)
    with pytest.raises(MediaError, match="cannot be written as"):
        save_picture(picture, tmp_path / "a.bmp")
