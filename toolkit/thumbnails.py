"""A picture of every scene, for people to look at."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path

from toolkit.records import Scene, Video
from toolkit.redaction.pictures import Blur
from toolkit.stages.decode import DecodedFrame
from toolkit.stages.private import made, opened, part_of
from toolkit.stages.tones import tone_mapped
from toolkit.vault import files
from toolkit.vault.keys import Vault

__all__ = ["size_of", "write"]

_QUALITY = 80


def size_of(shown: tuple[int, int], width: int) -> tuple[int, int]:
    """Width and height of a thumbnail, at most so wide, of a video that is shown in this size."""
    width = min(width, shown[0])
    return width, max(1, round(shown[1] * width / shown[0]))


def write(
    folder: Path,
    video: Video,
    scene: Scene,
    frame: DecodedFrame,
    size: tuple[int, int],
    width: int,
    vault: Vault | None = None,
    blur: Blur | None = None,
) -> str:
    """Write a scene's thumbnail as JPEG, whole or not at all.

    Args:
        folder: The thumbnails' folder; it is made where it is missing.
        video: The video.
        scene: The scene.
        frame: The frame to show.
        size: Width and height of the video as shown, in pixels.
        width: Width of the thumbnail in pixels.
        vault: Seals it.
        blur: Blurs what is to be blurred in it.

    Returns:
        The file's path.
    """
    from PIL import Image

    picture = tone_mapped(frame.rgb(*size_of(size, width)), video.colour_transfer)
    if blur:
        picture = blur(picture)
    path = folder / scene.video_id[:2] / scene.video_id / f"{scene.id}.jpg"
    made(path.parent)
    if vault:
        written = BytesIO()
        Image.fromarray(picture).save(written, "JPEG", quality=_QUALITY)
        path = path.with_name(path.name + files.SUFFIX)
        files.write(written.getvalue(), path, vault)
        return str(path)
    part = part_of(folder, path.name)  # two runs may make the same picture at once
    with opened(part, "wb") as file:
        Image.fromarray(picture).save(file, "JPEG", quality=_QUALITY)
    part.replace(path)
    return str(path)
