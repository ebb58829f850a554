"""How files are read, and what reading one may take."""

from __future__ import annotations

from pydantic import Field

from toolkit.config.section import Section

__all__ = ["Decode"]


class Decode(Section):
    """File -> metadata and frames."""

    plugin: str = Field("pyav", description="The decoder.")
    stall_s: float = Field(
        60.0, gt=0, description="Seconds without a new frame after which a decoder counts as stuck."
    )
    isolate: bool = Field(
        True,
        description="Read files in processes of their own, so that one that crashes a decoder, or "
        "wants more than the next three allow, costs itself and not the run (Linux and macOS).",
    )
    memory_mb: int = Field(
        4096,
        ge=64,
        description="Memory that reading one file may take, in MB, besides what libraries take; "
        "not held on macOS.",
    )
    cpu_per_s: float = Field(
        60.0,
        gt=0,
        description="Processor seconds that reading a second of video may take. A file may take "
        "at least what two seconds may.",
    )
    most_s: float = Field(
        0.0,
        ge=0,
        description="Seconds that reading one file may take in all, waits for later stages left "
        "out; 0: as long as it likes, while it makes progress.",
    )
