"""Sample records of every kind, with no field left at its default.

A field added to a record must be added here: the store suite fails until it is, so that no field
goes unstored.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

from toolkit.records import (
    Answer,
    Ask,
    AudioStream,
    Chapter,
    Completion,
    Evidence,
    Failure,
    Label,
    Lineage,
    Record,
    Review,
    Run,
    RunSource,
    Scene,
    Source,
    Statement,
    SubtitleStream,
    Synthesis,
    Tag,
    Video,
    Vocabulary,
)

__all__ = ["TEXT", "description", "full_records", "scene", "synthesis"]

_LABEL = Label(
    name="bil",
    phrasing="a car",
    synonyms=("car", "auto"),
    parent="vehicle",
    threshold=0.75,
    exclusive="traffic",
    calibration=(1.5, -0.25),
    similarity_threshold=0.25,
    similarity_calibration=((0.0, 0.125), (0.5, 0.25), (1.0, 0.875)),
)
TEXT = "naïve café — 東京 🎬 \"quoted\" 'single' 100% \\ back\nnew line\ttab $5 <b>&amp;</b>"
"""Text with whatever breaks careless quoting."""

_MOMENT = datetime(2026, 2, 28, 23, 59, 59, 123456, tzinfo=UTC)
_ELSEWHERE = datetime(2026, 7, 1, 12, 30, tzinfo=timezone(timedelta(hours=5, minutes=45)))
_EXACT = 0.1 + 0.2  # not 0.3: a store that rounds is found out


def scene(video_id: str = "video-1", index: int = 0, detector: str = "detector-1") -> Scene:
    """A scene of ten seconds at its place in a video."""
    start_s = 10.0 * index
    kind = "cut" if index else "start"
    return Scene.of(
        video_id, detector, index, start_s=start_s, end_s=start_s + 10.0, kind=kind, score=9.5
    )


def description(of: Scene, text: str, analyzer: str = "analyzer-1") -> Answer:
    """A description of the scene."""
    return Answer.of(of, analyzer, "sample", Ask(kind="description"), text=text)


def synthesis(text: str, video_id: str = "video-1", generation: str = "syn-1") -> Synthesis:
    """A summary of a video."""
    return Synthesis.of(
        video_id, generation, basis="basis-1", plugin="sample", kind="summary", text=text
    )


def _evidence() -> Evidence:
    return Evidence(
        frame_times_s=(0.1, _EXACT, 1e-9),
        frame_size=(448, 252),
        reduced_from=(896, 504),
        model="org/model",
        revision="abc123",
        prompt_hash="beef",
        dtype="bfloat16",
        device="cuda:0",
        tokens_in=2**33,
        tokens_out=64,
        finish_reason="stop",
        tone_mapping="hable",
        cost=_EXACT,
        seconds=_EXACT,
    )


def full_records() -> dict[type[Record], Record]:
    """One record of every kind that a store holds."""
    place = scene(index=3)
    source = Source.of(
        "https://example.org/watch?v=ü&t=1",
        "link",
        requested_by="Zoë",
        requested_at=_MOMENT,
        video_id="video-1",
        stamp="1024-7",
        info={"title": TEXT, "views": 12, "rating": _EXACT, "chapters": [{"a": [None, True]}]},
    )
    records: list[Record] = [
        source,
        Video(
            id="video-1",
            path="/films/" + TEXT,
            size_bytes=2**40,
            container="matroska",
            duration_s=_EXACT,
            start_s=-0.5,
            width=1920,
            height=1080,
            rotation=270,
            sample_aspect_ratio=4 / 3,
            frame_rate=30000 / 1001,
            nominal_frame_rate=30.0,
            variable_frame_rate=True,
            frame_count=123,
            codec="hevc",
            profile="Main 10",
            pixel_format="yuv420p10le",
            bit_depth=10,
            colour_space="bt2020nc",
            colour_transfer="smpte2084",
            colour_primaries="bt2020",
            colour_range="tv",
            hdr="HDR10",
            bit_rate_bps=5_000_000_000,
            audio=(
                AudioStream(index=1, codec="aac", language="eng", channels=2, sample_rate_hz=48000),
            ),
            subtitles=(SubtitleStream(index=2, codec="subrip", language="deu"),),
            chapters=(Chapter(start_s=0.25, end_s=_EXACT, title=TEXT),),
            tags={"zulu": "1", "alpha": TEXT},
            truncated=True,
            info={"title": "Ein Tag", "chapters": [{"start_s": 0.0, "title": "☀"}]},
            share_read=1 / 3,
        ),
        Scene.of(
            "video-1",
            "detector-1",
            3,
            start_s=_EXACT,
            end_s=1e9 / 7,
            kind="dissolve",
            score=5e-324,
            thumbnail="thumbnails/ü.webp",
            sampler="sampler-1",
            sampled_s=(_EXACT, 1e9 / 8),
        ),
        Answer.of(
            place,
            "analyzer-1",
            "sample",
            Ask(kind="question", name="What is “this”?", prompt="…"),
            text=TEXT,
            value={"nested": [1, 2.5, None, {"deep": TEXT}], "yes": True},
            confidence=_EXACT,
            abstained=True,
            evidence=_evidence(),
        ),
        Tag("a label, with ünïcode", score=_EXACT, why=TEXT).placed(place, "rules", "gen-1"),
        Synthesis.of(
            "video-1",
            "syn-1",
            basis="basis-1",
            plugin="sample",
            kind="question",
            name="What is “this”?",
            text=TEXT,
            statements=(
                Statement(
                    text=TEXT,
                    scenes=(0, 3),
                    scene_ids=("scene-0", place.id),
                    spans=((0.0, _EXACT), (1e-9, 1e9 / 7)),
                    cited=True,
                ),
            ),
            calls=5,
            evidence=_evidence(),
        ),
        Review(
            id="review-1",
            video_id="video-1",
            scene_id=place.id,
            start_s=30.0,
            end_s=30.0 + _EXACT,
            target="answer",
            action="edit",
            name=TEXT,
            value=[TEXT, {"x": 1}],
            reviewer="Zoë",
            at=_ELSEWHERE,
        ),
        Completion.of("video-1", "scan", "detector-1", 7),
        Failure(
            id="failure-1",
            run_id="run-1",
            source="/films/x.mp4",
            video_id="video-1",
            scene_id=place.id,
            stage="analyze",
            error="AnalysisError",
            message=TEXT,
            hint=TEXT,
            retriable=True,
            cause="rate-limited",
            attempt=2,
            at=_MOMENT,
        ),
        Run(
            id="run-1",
            status="cancelled",
            sources=("b", "a", TEXT),
            settings={"analysis": {"questions": [TEXT], "n": 3}},
            lineage=Lineage(
                detector="detector-1",
                sampler="sampler-1",
                asks=(("analyzer-1", "ask-2"), ("analyzer-1", "ask-1")),
                generations=("gen-2", "gen-1"),
                syntheses=("syn-2", "syn-1"),
                vocabulary=Vocabulary(labels=(_LABEL,)),
            ),
            versions={"toolkit": "0.1.0"},
            host="häst",
            pid=4_000_000_000,
            started_at=_MOMENT,
            heartbeat_at=_ELSEWHERE,
            finished_at=_ELSEWHERE + timedelta(microseconds=1),
            counts={"scenes": 4},
            seconds={"scan": _EXACT},
        ),
        RunSource.of("run-1", source, video_id="video-1", status="done", scenes=4, reused=3),
    ]
    return {type(record): record for record in records}
