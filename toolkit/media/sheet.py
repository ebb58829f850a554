"""A contact sheet: a video's scenes at one look."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from toolkit.errors import MediaError

if TYPE_CHECKING:
    from PIL.Image import Image
    from PIL.ImageDraw import ImageDraw

__all__ = ["MOST_TILES", "Tile", "evenly", "moment", "sheet"]

MOST_TILES = 400
"""More pictures than this are no sheet that anybody looks at: it shows a choice of them."""
_GAP, _TITLE, _LABEL = 12, 20, 15  # pixels
_PAPER, _INK, _GREY = (24, 24, 27), (244, 244, 245), (161, 161, 170)
_SIDE = 60_000  # JPEG's limit is 65 535 pixels a side


@dataclass(frozen=True)
class Tile:
    """A picture on a sheet and what stands below it."""

    picture: Image
    label: str


def sheet(tiles: Sequence[Tile], *, title: str = "", columns: int = 0) -> Image:
    """Lay pictures out in a grid, in reading order.

    Args:
        tiles: The pictures with their labels; those of another shape are centred in their place.
        title: What stands above them.
        columns: Pictures in a row; 0 for a sheet about as wide as it is high.

    Raises:
        MediaError: There is no picture, or the sheet would be too large for a picture file.
    """
    from PIL import Image, ImageDraw, ImageFont

    if not tiles:
        raise MediaError("There is no scene to show.")
    wide = max(tile.picture.width for tile in tiles)
    high = max(tile.picture.height for tile in tiles)
    cell = wide + _GAP, high + _GAP + 2 * _LABEL
    columns = min(len(tiles), columns or max(1, round(math.sqrt(len(tiles) * cell[1] / cell[0]))))
    rows = math.ceil(len(tiles) / columns)
    top = _GAP + (2 * _TITLE if title else 0)
    size = _GAP + columns * cell[0], top + rows * cell[1]
    if max(size) > _SIDE:
        raise MediaError(
            f"The sheet would have {size[0]} x {size[1]} pixels.",
            hint="Choose smaller pictures, fewer scenes, or another number of columns.",
        )
    paper = Image.new("RGB", size, _PAPER)
    draw = ImageDraw.Draw(paper)
    if title:
        font = ImageFont.load_default(_TITLE)
        draw.text((_GAP, _GAP), _fitted(draw, title, font, size[0] - 2 * _GAP), _INK, font)
    font = ImageFont.load_default(_LABEL)
    for place, tile in enumerate(tiles):
        row, column = divmod(place, columns)
        left, upper = _GAP + column * cell[0], top + row * cell[1]
        inset = (wide - tile.picture.width) // 2, (high - tile.picture.height) // 2
        paper.paste(tile.picture, (left + inset[0], upper + inset[1]))
        words = _fitted(draw, tile.label, font, wide)
        draw.text((left, upper + high + _LABEL // 3), words, _GREY, font)
    return paper


def _fitted(draw: ImageDraw, text: str, font: object, width: int) -> str:
    """The text, shortened to what fits."""
    while text and draw.textlength(text, font) > width:  # type: ignore[arg-type]
        text = text[:-2] + "…" if len(text) > 2 else ""
    return text


def evenly(count: int, most: int = MOST_TILES) -> list[int]:
    """The places of at most ``most`` of ``count`` things, spread evenly.

    >>> evenly(10, 4)
    [0, 3, 6, 9]
    """
    if count <= most:
        return list(range(count))
    return [round(place * (count - 1) / max(1, most - 1)) for place in range(most)]


def moment(seconds: float) -> str:
    """A time in a video as it stands on a sheet: ``1:02:03.4``."""
    tenths = round(seconds * 10)
    minutes, rest = divmod(tenths, 600)
    hours, minutes = divmod(minutes, 60)
    return (f"{hours}:{minutes:02}" if hours else f"{minutes}") + f":{rest // 10:02}.{rest % 10}"
