"""What a run found, put together for showing: its videos, their scenes, what was said of each."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from toolkit.insight import results
from toolkit.insight.categories import Category, found_in
from toolkit.records import Analysis, Failure, Run, Scene, Statement, Synthesis, Tag, Video

if TYPE_CHECKING:
    from pydantic import JsonValue

    from toolkit.stages.store import Store

__all__ = ["FoundScene", "FoundVideo", "failure_data", "failures", "found"]


@dataclass(frozen=True)
class FoundScene:
    """A scene, what was said about it, and its tags, best first."""

    scene: Scene
    analysis: Analysis
    tags: list[Tag] = field(default_factory=list)
    reviewed: bool = False

    @property
    def words(self) -> str:
        """What was found, for a cell of a table: in words where there are any, else measured."""
        lines = [self.analysis.description] if self.analysis.description else []
        lines += [f"{name} {text}" for name, text in self.analysis.questions.items()]
        if not lines:
            lines = [a.text for a in self.analysis.answers if a.kind == "signals" and a.text]
        return "\n".join(lines)

    @property
    def labels(self) -> str:
        """Its tags in a line."""
        return ", ".join(dict.fromkeys(tag.label for tag in self.tags))

    def data(self, *, evidence: bool) -> dict[str, JsonValue]:
        """The same as JSON."""
        scene, said = self.scene, self.analysis
        data: dict[str, JsonValue] = {
            "id": scene.id,
            **scene_data(scene),
            "description": said.description or None,
            "answers": dict(said.questions),
            "values": said.values,
            "sentiment": said.sentiment.model_dump(mode="json") if said.sentiment else None,
            "signals": said.signals,
            "labels": {**said.labels},
            "tags": [_tag_data(one) for one in self.tags],
            "reviewed": self.reviewed,
            "thumbnail": scene.thumbnail or None,
        }
        if evidence:
            data["evidence"] = [
                {
                    "kind": answer.kind,
                    "name": answer.name,
                    "text": answer.text,
                    "value": answer.value,
                    "confidence": answer.confidence,
                    "abstained": answer.abstained,
                    "plugin": answer.plugin,
                    **answer.evidence.model_dump(mode="json"),
                }
                for answer in said.answers
            ]
        return data


@dataclass(frozen=True)
class FoundVideo:
    """A video, its scenes, in order, and what was written about it as a whole."""

    video: Video
    title: str
    scenes: list[FoundScene]
    syntheses: list[Synthesis] = field(default_factory=list)
    categories: list[Category] = field(default_factory=list)
    tags: list[Tag] = field(default_factory=list)

    @property
    def about(self) -> str:
        """Its categories in a line, each with its share and those directly below it."""
        return "; ".join(_in_line(one, self.categories) for one in self.categories if not one.level)

    def data(self, *, evidence: bool) -> dict[str, JsonValue]:
        """The same as JSON."""
        return {
            "id": self.video.id,
            "title": self.title,
            "path": self.video.path,
            "duration_s": self.video.duration_s,
            "truncated": self.video.truncated,
            "info": self.video.info,
            "syntheses": [_synthesis_data(one, evidence=evidence) for one in self.syntheses],
            "tags": [_tag_data(one) for one in self.tags],
            "categories": [
                {"category": one.name, "parent": one.parent or None, "share": one.share}
                for one in self.categories
            ],
            "scenes": [scene.data(evidence=evidence) for scene in self.scenes],
        }

    def chapters(self) -> dict[str, JsonValue]:
        """Its chapters as JSON."""
        written = [one for one in self.syntheses if one.kind == "chapters"]
        return {
            "id": self.video.id,
            "title": self.title,
            "path": self.video.path,
            "chapters": [_chapter_data(said) for one in written for said in one.statements],
        }


def _in_line(one: Category, categories: list[Category]) -> str:
    below = ", ".join(f"{two.name} {two.share:.0%}" for two in categories if two.parent == one.name)
    return f"{one.name} {one.share:.0%}" + (f" ({below})" if below else "")


def _tag_data(tag: Tag) -> dict[str, JsonValue]:
    return {"label": tag.label, "score": tag.score, "why": tag.why}


def _chapter_data(said: Statement) -> dict[str, JsonValue]:
    return {
        "title": said.text,
        "start_s": said.start_s,
        "end_s": said.end_s,
        "scenes": [*said.scenes],
        "cited": said.cited,
    }


def _synthesis_data(one: Synthesis, *, evidence: bool) -> dict[str, JsonValue]:
    data: dict[str, JsonValue] = {
        "kind": one.kind,
        "name": one.name or None,
        "text": one.text,
        "statements": [
            {
                "text": said.text,
                "start_s": said.start_s,
                "end_s": said.end_s,
                "scenes": [*said.scenes],
                "spans": [[*span] for span in said.spans],
                "cited": said.cited,
            }
            for said in one.statements
        ],
    }
    if evidence:
        data["evidence"] = {
            "plugin": one.plugin,
            "calls": one.calls,
            **one.evidence.model_dump(mode="json", exclude={"frame_times_s", "frame_size"}),
        }
    return data


def scene_data(scene: Scene) -> dict[str, JsonValue]:
    """A scene's place as JSON, with times in seconds."""
    return {
        "index": scene.index,
        "start_s": scene.start_s,
        "end_s": scene.end_s,
        "kind": scene.kind,
        "score": scene.score,
    }


def found(store: Store, run: Run, video_id: str | None = None) -> Iterator[FoundVideo]:
    """A run's videos, one at a time, in the order of its sources; or one of them alone."""
    videos = results.videos_of(store, run)
    titles = results.titles_of(videos, results.sources_of(store, run))
    for video in videos:
        if video_id not in (None, video.id):
            continue
        whole = results.video_tags_of(store, run, [video])[video.id]
        about = []
        if run.lineage.vocabulary.labels:
            [(_, every)] = found_in(store, run, [video])
            about = [one for one in every if run.lineage.vocabulary.find(one.name)]
        scenes = list(results.scenes_of(store, run, [video]))
        written = results.syntheses_of(store, run, [video])
        reviewed = results.reviews_of(store, scenes)
        said = results.answers_of(store, run, scenes, reviewed)
        tags = results.tags_on(store, run, scenes, reviewed)
        yield FoundVideo(
            video,
            titles[video.id],
            [
                FoundScene(
                    scene,
                    Analysis.of(scene.id, said[scene.id]),
                    tags[scene.id],
                    reviewed=bool(reviewed[scene.id]),
                )
                for scene in scenes
            ],
            written[video.id],
            about,
            whole,
        )


def failures(store: Store, run: Run) -> list[dict[str, JsonValue]]:
    """A run's failures as JSON, in the order they happened."""
    return [failure_data(failure) for failure in store.find(Failure, run_id=run.id)]


def failure_data(failure: Failure) -> dict[str, JsonValue]:
    """A failure as JSON."""
    return {
        "source": failure.source,
        "stage": failure.stage,
        "error": failure.error,
        "cause": failure.cause or None,
        "message": failure.message,
        "retriable": failure.retriable,
        "attempt": failure.attempt,
        "hint": failure.hint,
    }
