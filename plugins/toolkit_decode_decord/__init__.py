"""Decoder plugin: decord, for those who need its frames; docs/decoders.md says when not to."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, ClassVar

from pydantic import Field

from toolkit.hooks.specs import Context, DecoderPlugin, hookimpl
from toolkit.stages.component import Options

if TYPE_CHECKING:
    from toolkit.stages.decode import Decoder

__all__ = ["DecordOptions"]


class DecordOptions(Options):
    """How decord decodes."""

    neutral: ClassVar[frozenset[str]] = frozenset({"threads", "memory_mb"})

    threads: int = Field(default=0, ge=0, description="Decoding threads a file; 0 for one a core.")
    memory_mb: int = Field(
        default=200,
        ge=16,
        description="Memory for the frames that are read in one go, in megabytes. Less of it means"
        " that long groups of pictures are decoded again and again.",
    )


@hookimpl
def toolkit_decoders() -> Iterator[DecoderPlugin]:
    """The decoder."""
    yield DecoderPlugin(
        name="decord",
        options=DecordOptions,
        factory=_make,
        summary="H.264, HEVC, VP8, VP9 in plain mp4 and mkv files; no AV1, little metadata",
        extra="decord",
        requires=("decord",),
    )


def _make(options: DecordOptions, _: Context) -> Decoder:
    from toolkit_decode_decord.decoder import DecordDecoder

    return DecordDecoder(options)
