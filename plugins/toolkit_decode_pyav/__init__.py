"""Decoder plugin: PyAV, which carries the FFmpeg libraries, so that no ffmpeg binary is needed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field

from toolkit.hooks.specs import Context, DecoderPlugin, hookimpl
from toolkit.stages.component import Options

if TYPE_CHECKING:
    from toolkit.stages.decode import Decoder

__all__ = ["PyAVOptions"]

_MOST_THREADS = 16


class PyAVOptions(Options):
    """How PyAV decodes."""

    neutral: ClassVar[frozenset[str]] = frozenset({"threads"})

    threads: int = Field(
        default=0,
        ge=0,
        description="Decoding threads a file; 0: as many as it has cores, which in a run of many"
        " files is its share of them.",
    )
    skip_nonref: bool = Field(
        default=False,
        description="Leave out frames that no other frame builds on: about a third faster with"
        " H.264 and HEVC, and cuts may be found a frame or two late.",
    )
    # Not neutral: H.264, HEVC, VP9 and AV1 leave a decoder no freedom, but older codecs, damaged
    # files and the pixel formats of a device do.
    hardware: Literal[
        "none", "auto", "cuda", "d3d11va", "qsv", "vaapi", "videotoolbox", "vulkan"
    ] = Field(
        default="none",
        description="Device that decodes (cuda: NVDEC), auto for the first that can; in software"
        " where it cannot. Pixels may differ slightly from those of software.",
    )


@hookimpl
def toolkit_decoders() -> Iterator[DecoderPlugin]:
    """The decoder."""
    yield DecoderPlugin(
        name="pyav",
        options=PyAVOptions,
        factory=_make,
        summary="every format that FFmpeg reads; exact times, damaged files included",
        extra="pyav",
        requires=("av",),
    )


def _make(options: PyAVOptions, context: Context) -> Decoder:
    from toolkit_decode_pyav.decoder import PyAVDecoder

    # FFmpeg would take one more, of cores that a container may not use: no faster, and dearer.
    return PyAVDecoder(options, lambda: min(_MOST_THREADS, context.cores))
