"""Every setting of the core, a class a section. Plugins bring their own options beside them."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, JsonValue

from toolkit.config.secrets import Discreet, redact_json

__all__ = ["STAGES", "Lines", "Section", "Settings", "Words"]

STAGES = ("download", "decode", "scenes", "analysis", "tags", "store", "storage")
"""The sections whose ``plugin`` key names plugins."""


def _split(separators: str) -> BeforeValidator:
    def split(value: Any) -> Any:
        if not isinstance(value, str):
            return value
        for separator in separators:
            value = value.replace(separator, "\n")
        return tuple(part.strip() for part in value.splitlines() if part.strip())

    return BeforeValidator(split)


Words = Annotated[tuple[str, ...], _split(",")]
"""Several values, separated by commas or lines."""
Lines = Annotated[tuple[str, ...], _split("")]
"""Several values, one a line."""


def cores() -> int:
    """Cores that this process may use, which in a container are fewer than there are."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


class Section(Discreet):
    """A section of the config file."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Paths(Section):
    """Where things are kept. Relative paths start at the config file's folder."""

    workspace: Path = Field(
        Path("toolkit-workspace"), description="Folder of the store, downloads and thumbnails."
    )
    downloads: Path = Field(
        Path("downloads"), description="Downloaded files; relative to the workspace."
    )
    thumbnails: Path = Field(
        Path("thumbnails"), description="Scene thumbnails; relative to the workspace."
    )


class Plugins(Section):
    """Which plugins are there."""

    folder: str = Field("", description="A folder of .py files that are plugins.")
    disabled: Words = Field((), description="Names of plugins that are not to be loaded.")


class Download(Section):
    """Source -> local file. Local files need no download."""

    plugin: str = Field("ytdlp", description="The downloader for links.")


class Decode(Section):
    """File -> metadata and frames."""

    plugin: str = Field("pyav", description="The decoder.")
    stall_s: float = Field(
        60.0, gt=0, description="Seconds without a new frame after which a decoder counts as stuck."
    )


class Scenes(Section):
    """Frames -> scene boundaries."""

    plugin: str = Field("adaptive", description="The scene detector.")
    thumbnail_width: int = Field(
        320, ge=0, le=4096, description="Width of a scene's thumbnail in pixels; 0 for none."
    )


class Sampling(Section):
    """The few frames of a scene worth looking at."""

    frames: int = Field(8, ge=1, le=1024, description="Frames a scene.")
    max_pixels: int = Field(200_704, ge=784, description="Most pixels a frame (448 x 448).")
    multiple: int = Field(
        28, ge=1, le=256, description="Width and height are multiples of this (Qwen2-VL: 28)."
    )


class Analysis(Section):
    """Frames -> description, answers, sentiment, signals."""

    plugin: Words = Field(("signals", "qwen2vl"), description="The analyzers, in order.")
    describe: bool = Field(True, description="Ask for a description of every scene.")
    sentiment: bool = Field(True, description="Ask for the sentiment of every scene.")
    questions: Lines = Field((), description="Your own questions about every scene, one a line.")


class Tags(Section):
    """Analysis -> tags."""

    plugin: Words = Field(("rules",), description="The taggers, in order.")


class Store(Section):
    """Where rows are kept."""

    plugin: str = Field("sqlite", description="The store.")


class Storage(Section):
    """Where files are copied to."""

    plugin: str = Field("none", description="A storage plugin; none keeps files where they are.")


class Execution(Section):
    """Where and how wide a run is."""

    engine: Literal["local", "ray"] = Field("local", description="What runs the pipeline.")
    download_threads: int = Field(4, ge=1, le=256, description="Files fetched at once.")
    scan_threads: int = Field(
        0, ge=0, le=256, description="Files decoded at once; 0: one for every two cores."
    )
    video_queue: int = Field(8, ge=1, description="Videos waiting for their scan.")
    scene_queue: int = Field(
        16, ge=1, description="Scenes, with their frames, waiting for the analyzers."
    )
    save_queue: int = Field(256, ge=1, description="Analyzed scenes waiting to be saved.")

    def scans(self) -> int:
        """How many files are decoded at once."""
        return self.scan_threads or max(1, cores() // 2)


class Ray(Section):
    """The Ray cluster, for ``engine = ray``."""

    address: str = Field("auto", description="Address of the cluster.")


class Privacy(Section):
    """What may leave this machine."""

    remote: Literal["deny", "allow"] = Field(
        "deny", description="Whether frames may go to analyzers on other machines."
    )


class Logging(Section):
    """The log, on stderr."""

    level: Literal["debug", "info", "warning", "error"] = Field(
        "warning", description="Least severity that is logged."
    )
    format: Literal["text", "json"] = Field("text", description="A line of text, or of JSON.")
    file: str = Field("", description="A file to log to instead of stderr.")


class Settings(Section):
    """All settings, validated. ``options`` holds those of plugins: stage -> plugin -> model."""

    paths: Paths = Paths()
    plugins: Plugins = Plugins()
    download: Download = Download()
    decode: Decode = Decode()
    scenes: Scenes = Scenes()
    sampling: Sampling = Sampling()
    analysis: Analysis = Analysis()
    tags: Tags = Tags()
    store: Store = Store()
    storage: Storage = Storage()
    execution: Execution = Execution()
    ray: Ray = Ray()
    privacy: Privacy = Privacy()
    logging: Logging = Logging()
    base: Path = Field(default_factory=Path.cwd)
    options: dict[str, dict[str, BaseModel]] = Field(default_factory=dict)

    @property
    def workspace(self) -> Path:
        """The workspace's absolute path."""
        return (self.base / self.paths.workspace.expanduser()).absolute()

    def chosen(self, stage: str) -> tuple[str, ...]:
        """Names of the plugins chosen for a stage, in order."""
        names = getattr(self, stage).plugin
        return (names,) if isinstance(names, str) else names

    def shown(self) -> dict[str, dict[str, JsonValue]]:
        """Every setting as JSON with secrets masked: for people and for a run's row."""
        data: dict[str, dict[str, JsonValue]] = {}
        for name, section in self:
            if isinstance(section, Section):
                data[name] = section.model_dump(mode="json")
        for stage, plugins in self.options.items():
            for plugin, options in plugins.items():
                data[f"{stage}.{plugin}"] = options.model_dump(mode="json")
        return {name: redact_json(values) for name, values in data.items()}  # type: ignore[misc]
