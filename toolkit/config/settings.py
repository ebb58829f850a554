"""Every setting of the core, a class a section. Plugins bring their own options beside them."""

from __future__ import annotations

from pathlib import Path
from typing import Literal, Self

from pydantic import BaseModel, Field, JsonValue, model_validator

from toolkit.config.decode import Decode
from toolkit.config.machine import cores
from toolkit.config.privacy import Privacy, Redaction
from toolkit.config.ray import RaySettings
from toolkit.config.secrets import redact_json
from toolkit.config.section import Section
from toolkit.config.serve import Serve
from toolkit.config.storage import Storage
from toolkit.config.values import Lines, Questions, Unwanted, Words

__all__ = ["STAGES", "Settings", "Storage"]

STAGES = ("download", "decode", "scenes", "analysis", "embedding", "tags", "store", "storage")
"""The sections whose ``plugin`` key names plugins."""


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

    plugin: Words = Field(
        ("http", "ytdlp"),
        description="The downloaders, in order: the first that can fetch a link does.",
    )


class Scenes(Section):
    """Frames -> scene boundaries."""

    plugin: str = Field("planes", description="The scene detector.")
    thumbnail_width: int = Field(
        320, ge=0, le=4096, description="Width of a scene's thumbnail in pixels; 0 for none."
    )
    max_scene_s: float = Field(
        0.0, ge=0, description="Longer scenes are split into equal parts, in seconds; 0: none is."
    )
    min_scene_s: float = Field(
        0.0,
        ge=0,
        description="Shorter scenes join the neighbour with the weaker boundary, in seconds; 0: "
        "none does.",
    )

    @model_validator(mode="after")
    def _lengths_fit(self) -> Self:
        if 0 < self.max_scene_s < 2 * self.min_scene_s:
            raise ValueError("max_scene_s must be at least twice min_scene_s")
        return self


class Sampling(Section):
    """The few frames of a scene worth looking at."""

    frames: int = Field(8, ge=1, le=1024, description="Frames a scene.")
    per_second: float = Field(
        0.0,
        ge=0,
        le=60,
        description="Frames a second in scenes that are long enough to get more that way; 0: all "
        "scenes get the same number.",
    )
    max_frames: int = Field(
        32,
        ge=1,
        le=1024,
        description="Most frames a scene with per_second. Each takes 1 to 2 MB of memory while "
        "its scene is open.",
    )
    choose: Literal["centre", "sharpest"] = Field(
        "centre",
        description="Which frame stands for a part of the scene: that in the middle, or the "
        "sharpest of those in memory.",
    )
    skip: Unwanted = Field(
        (),
        description="Kinds of frames to leave out, unless a scene has no other: black, blurred, "
        "duplicate.",
    )
    max_pixels: int = Field(200_704, ge=784, description="Most pixels a frame (448 x 448).")
    min_pixels: int = Field(
        0, ge=0, description="Least pixels a frame; smaller ones are enlarged. 0: none is."
    )
    multiple: int = Field(
        28, ge=1, le=256, description="Width and height are multiples of this (Qwen2-VL: 28)."
    )

    @model_validator(mode="after")
    def _pixels_in_order(self) -> Self:
        if self.max_pixels < self.min_pixels:
            raise ValueError("max_pixels must not be less than min_pixels")
        return self

    @property
    def most(self) -> int:
        """Most frames that a scene can get."""
        return max(self.frames, self.max_frames) if self.per_second else self.frames

    def count(self, seconds: float) -> int:
        """Frames for a scene of this length."""
        return min(self.most, max(self.frames, round(self.per_second * seconds)))


class Analysis(Section):
    """Frames -> description, answers, sentiment, signals."""

    plugin: Words = Field(("signals", "qwen2vl"), description="The analyzers, in order.")
    describe: bool = Field(True, description="Ask for a description of every scene.")
    sentiment: bool = Field(True, description="Ask for the sentiment of every scene.")
    questions: Questions = Field(
        (),
        description="Your own questions about every scene, one a line, with the answer's type in "
        "brackets at the end: [yes/no], [number], [text 80], [one of: a, b], [many of: a, b], "
        "[json: FILE of a schema]; without, the answer is free text.",
    )
    labels: Words = Field(
        (), description="Labels whose probability is told for every scene, such as car, night."
    )
    tags: bool = Field(
        False, description="Ask for tags of every scene, in the analyzer's own words."
    )
    summary: bool = Field(
        False, description="Sum up every video from what was said about its scenes."
    )
    chapters: bool = Field(
        False, description="Divide every video into chapters, from what was said about its scenes."
    )
    video_questions: Lines = Field(
        (),
        description="Questions about every video as a whole, one a line, answered from the same.",
    )
    synthesis_tokens: int = Field(
        4096,
        ge=256,
        description="Most tokens of one request for a summary, chapters or an answer about a "
        "video, what is written included; longer videos take more requests.",
    )
    synthesis_answer_tokens: int = Field(
        384, ge=16, description="Most tokens written by one such request."
    )

    @model_validator(mode="after")
    def _labels_differ(self) -> Self:
        if len({label.casefold() for label in self.labels}) < len(self.labels):
            raise ValueError("labels holds the same label twice")
        return self

    @model_validator(mode="after")
    def _synthesis_fits(self) -> Self:
        if self.synthesis_tokens < 2 * self.synthesis_answer_tokens:
            raise ValueError("synthesis_tokens must be at least twice synthesis_answer_tokens")
        return self


class Embedding(Section):
    """Texts -> vectors, for whatever compares what texts mean: made when it is asked for."""

    plugin: str = Field("wordllama", description="The embedder.")


class Tags(Section):
    """Analysis -> tags."""

    plugin: Words = Field(("rules",), description="The taggers, in order.")
    vocabulary: str = Field(
        "",
        description="A file of labels (TOML): phrasings, synonyms, thresholds, what excludes what, "
        "and the tree of categories; empty: none.",
    )


class Store(Section):
    """Where rows are kept."""

    plugin: str = Field("sqlite", description="The store.")


class Execution(Section):
    """Where and how wide a run is."""

    engine: Literal["local", "ray"] = Field("local", description="What runs the pipeline.")
    download_threads: int = Field(4, ge=1, le=256, description="Files fetched at once.")
    scan_threads: int = Field(
        0, ge=0, le=256, description="Files decoded at once; 0: one a core, but four at most."
    )
    chunk_s: float = Field(
        1200.0,
        ge=0,
        description="Length in seconds of the parts in which a cluster scans a long file that "
        "would hold up the end of a run; 0: none is. The results are those of one pass.",
    )
    video_queue: int = Field(32, ge=1, description="Videos waiting for their scan.")
    scene_queue: int = Field(
        32, ge=1, description="Scenes, with their frames, waiting for the analyzers."
    )
    save_queue: int = Field(256, ge=1, description="Analyzed scenes waiting to be saved.")
    nice: int = Field(
        5,
        ge=0,
        le=19,
        description="How far a run in a notebook's kernel or in a process of its own gives way to "
        "cells and other programs, as nice(1) counts; Linux only.",
    )

    def scans(self, files: int) -> int:
        """How many out of so many files are decoded at once.

        Files side by side win over threads within one file, for whatever is not decoding runs on
        one core a file. More than four gain nothing: there Python itself becomes the limit, which
        runs one thread at a time. In a run of many files these share the cores, long ones excepted;
        in one of few each decoder has threads for all of them, for the last may be left alone.
        """
        return min(max(1, files), self.scan_threads or min(cores(), 4))


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
    embedding: Embedding = Embedding()
    tags: Tags = Tags()
    store: Store = Store()
    storage: Storage = Storage()
    execution: Execution = Execution()
    ray: RaySettings = RaySettings()
    privacy: Privacy = Privacy()
    redaction: Redaction = Redaction()
    serve: Serve = Serve()
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
