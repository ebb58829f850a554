"""What may leave this machine, what is encrypted, and what is made unrecognisable before."""

from __future__ import annotations

import re
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, SecretStr, field_validator

from toolkit.config.retention import Retention
from toolkit.config.section import Section
from toolkit.config.values import Lines, split

__all__ = ["Places", "Privacy", "Redaction"]

Place = Literal["remote", "thumbnails", "exports"]
"""Where frames are blurred: before a remote analyzer, in thumbnails, in what is exported."""
Places = Annotated[tuple[Place, ...], BeforeValidator(split)]
Blurred = Annotated[tuple[Literal["faces", "regions", "frame"], ...], BeforeValidator(split)]
Kinds = Annotated[tuple[Literal["mail", "phone", "plate"], ...], BeforeValidator(split)]
_REGION = re.compile(r"(?:\d*\.?\d+)(?:\s+\d*\.?\d+){3}")


class Privacy(Retention):
    """What may leave this machine, what is encrypted, and for how long things are kept."""

    remote: Literal["deny", "allow"] = Field(
        "deny",
        description="Whether frames and texts may go to analyzers and embedders on other machines, "
        "and files to clouds.",
    )
    encrypt: bool = Field(
        False,
        description="Encrypt downloads, clips and thumbnails in the workspace, and what is said of "
        "videos in the store. Needs a key, in one of the next three.",
    )
    key: SecretStr | None = Field(
        None,
        description="The key, AGE-SECRET-KEY-1…; older keys may follow it. Keep it in the "
        "environment: TOOLKIT_PRIVACY__KEY, or ${VAR} here.",
    )
    key_file: str = Field(
        "", description="A file with the key, readable to its owner alone; see toolkit keys."
    )
    keyring: str = Field(
        "", description="The name under which the operating system's keyring has the key."
    )
    scratch: str = Field(
        "",
        description="Folder for what has to be decrypted for a while, such as a video that is "
        "read; empty for memory (/dev/shm).",
    )


class Redaction(Section):
    """What is made unrecognisable: faces and places in pictures, and patterns in texts."""

    blur: Blurred = Field(
        (),
        description="What is blurred: faces (as far as they are found), regions, or the whole "
        "frame.",
    )
    blur_in: Places = Field(
        ("remote", "thumbnails", "exports"),
        description="Where: in frames for remote analyzers, in thumbnails, in clips and pictures "
        "that are exported.",
    )
    regions: Lines = Field(
        (),
        description="Places in the picture, one a line, as shares of its size from the top left "
        "corner: left, top, width, height, such as 0 0.9 1 0.1 for a strip at the bottom.",
    )
    face_score: float = Field(
        0.2,
        gt=0,
        lt=1,
        description="The detector's score from which something is a face; lower finds more faces, "
        "and more that are none.",
    )
    mask: Kinds = Field(
        (),
        description="What is masked in descriptions, answers and logs: mail (addresses), phone "
        "(numbers), plate (number plates).",
    )
    mask_patterns: Lines = Field(
        (), description="Regular expressions (RE2) of more that is masked, one a line."
    )

    @field_validator("regions")
    @classmethod
    def _regions_fit(cls, given: tuple[str, ...]) -> tuple[str, ...]:
        for one in given:
            if not _REGION.fullmatch(one):
                raise ValueError(f"'{one}' is no region: write four numbers, such as 0 0.9 1 0.1")
            left, top, width, height = map(float, one.split())
            if not (width > 0 and height > 0 and left + width <= 1.001 and top + height <= 1.001):
                raise ValueError(f"the region '{one}' does not lie in the picture: 0 to 1")
        return given
