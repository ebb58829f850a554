"""What a run found, at a glance."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape

from toolkit.insight import results
from toolkit.records import Analysis, Failure, Run, RunSource
from toolkit.stages.store import Store

__all__ = ["Summary", "TagShare", "summarize"]

_TOP = 15
_FEELINGS = ("positive", "neutral", "negative")


@dataclass(frozen=True)
class TagShare:
    """A label, the number of scenes that have it, and their share of all scenes' duration."""

    label: str
    scenes: int
    share: float


@dataclass(frozen=True)
class Summary:
    """What a run found.

    Attributes:
        run_id: The run.
        status: How it stands.
        videos: How many videos, each counted once however many sources led to it.
        sources: How many sources.
        scenes: How many scenes.
        duration_s: Length of all videos.
        mean_scene_s: Mean length of a scene; 0 where there is none.
        sentiments: Scenes per sentiment.
        tags: The labels that cover most of the time, most first.
        failures: Failures per error.
        summaries: What was written about the first videos as a whole, by their titles.
        reused: Scenes that needed no work because an earlier run had done it.
        passed: Scenes that came by, in every source: what ``reused`` is out of.
    """

    run_id: str
    status: str
    videos: int
    sources: int
    scenes: int
    duration_s: float
    mean_scene_s: float
    sentiments: dict[str, int]
    tags: tuple[TagShare, ...]
    failures: dict[str, int]
    summaries: dict[str, str]
    reused: int
    passed: int

    def __repr__(self) -> str:
        parts = []
        for title, rows in self._tables():
            width = max(len(name) for name, _, _ in rows)
            lines = [f"  {name:<{width}}  {value}".rstrip() for name, value, _ in rows]
            parts.append("\n".join([title, *lines]))
        return "\n\n".join(parts)

    def _repr_html_(self) -> str:
        # Inline styles, no colours of our own: it looks right in dark themes and survives the
        # cleaning of untrusted notebooks. The class keeps "$5" from becoming mathematics.
        tables = "".join(_html(title, rows) for title, rows in self._tables())
        return (
            '<div class="mathjax_ignore" style="display:flex;flex-wrap:wrap;gap:2em">'
            f"{tables}</div>"
        )

    def _tables(self) -> Iterator[tuple[str, Sequence[tuple[str, str, float | None]]]]:
        """The tables: title, and rows of name, value and (for a bar) a share from 0 to 1."""
        facts: list[tuple[str, str, float | None]] = [
            ("status", self.status, None),
            ("videos", _with_sources(self.videos, self.sources), None),
            ("scenes", f"{self.scenes:,}", None),
            ("duration", _clock(self.duration_s), None),
            ("mean scene", f"{self.mean_scene_s:.1f} s", None),
        ]
        if self.reused:
            facts.append(("reused", f"{self.reused:,} of {self.passed:,} scenes", None))
        yield f"Run {self.run_id}", facts
        if self.summaries:
            yield "Summaries", [(title, text, None) for title, text in self.summaries.items()]
        if self.sentiments:
            total = sum(self.sentiments.values())
            yield (
                "Sentiment",
                [(name, f"{n:,}", n / total) for name, n in self.sentiments.items()],
            )
        if self.tags:
            yield (
                "Tags",
                [(t.label, f"{t.scenes:,} scenes, {t.share:.0%}", t.share) for t in self.tags],
            )
        if self.failures:
            yield "Failures", [(name, f"{n:,}", None) for name, n in self.failures.items()]


def summarize(store: Store, run: Run) -> Summary:
    """Sum up what a store holds of a run."""
    videos = results.videos_of(store, run)
    ways = store.find(RunSource, run_id=run.id)
    length: dict[str, float] = {}
    ends: dict[str, float] = {}
    feelings: Counter[str] = Counter()
    tagged: dict[str, set[str]] = {}
    for part in results.parts_of(results.scenes_of(store, run, videos)):
        words = results.reviews_of(store, part)
        said = results.answers_of(store, run, part, words)
        tags = results.tags_on(store, run, part, words)
        for scene in part:
            for tag in tags[scene.id]:
                tagged.setdefault(tag.label, set()).add(scene.id)
            length[scene.id] = scene.duration_s
            ends[scene.video_id] = max(ends.get(scene.video_id, 0.0), scene.end_s)
            if sentiment := Analysis.of(scene.id, said[scene.id]).sentiment:
                feelings[sentiment.label] += 1
    total = sum(length.values())
    shares = [
        TagShare(label, len(ids), sum(length[id_] for id_ in ids) / total if total else 0.0)
        for label, ids in tagged.items()
    ]
    shares.sort(key=lambda one: (-one.share, -one.scenes, one.label))
    titles = results.titles_of(videos, results.sources_of(store, run))
    summaries = [
        (titles[id_], one.text)
        for id_, written in results.syntheses_of(store, run, videos[:_TOP]).items()
        for one in written
        if one.kind == "summary"
    ]
    errors = Counter(failure.error for failure in store.find(Failure, run_id=run.id))
    return Summary(
        run_id=run.id,
        status=run.status,
        videos=len(videos),
        sources=len(ways),
        scenes=len(length),
        duration_s=sum(video.duration_s or ends.get(video.id, 0.0) for video in videos),
        mean_scene_s=total / len(length) if length else 0.0,
        sentiments={name: feelings[name] for name in _FEELINGS if feelings[name]},
        tags=tuple(shares[:_TOP]),
        failures=dict(errors.most_common()),
        summaries=dict(summaries),
        reused=sum(way.reused for way in ways),
        passed=sum(way.scenes for way in ways),
    )


def _with_sources(videos: int, sources: int) -> str:
    return f"{videos:,}" if videos == sources else f"{videos:,} of {sources:,} sources"


def _clock(seconds: float) -> str:
    """Hours, minutes and seconds: ``1:02:03``."""
    whole = round(seconds)
    return f"{whole // 3600}:{whole // 60 % 60:02}:{whole % 60:02}"


def _html(title: str, rows: Sequence[tuple[str, str, float | None]]) -> str:
    left = "text-align:left;padding:2px 1em 2px 0"
    body = "".join(
        f'<tr><td style="{left}">{escape(name)}</td><td style="{left}">{escape(value)}'
        f"{_bar(share)}</td></tr>"
        for name, value, share in rows
    )
    head = f'<tr><th colspan="2" style="{left}">{escape(title)}</th></tr>'
    return f'<table style="border-collapse:collapse;align-self:start">{head}{body}</table>'


def _bar(share: float | None) -> str:
    if share is None:
        return ""
    style = "height:3px;background:currentColor;opacity:0.5"
    return f'<div style="{style};width:{share:.1%}"></div>'
