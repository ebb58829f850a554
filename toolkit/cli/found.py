"""What a run found, put together for showing: its videos, their scenes, what was said of each."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from toolkit.insight import results
from toolkit.records import Analysis, Failure, Run, Scene, Tag, Video

if TYPE_CHECKING:
    from pydantic import JsonValue

    from toolkit.stages.store import Store

__all__ = ["FoundScene", "FoundVideo", "failures", "found"]


@dataclass(frozen=True)
class FoundScene:
    """A scene, what was said about it, and its tags, best first."""

    scene: Scene
    analysis: Analysis
    tags: list[Tag] = field(default_factory=list)

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
            "tags": [{"label": t.label, "score": t.score, "why": t.why} for t in self.tags],
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
    """A video and its scenes, in order."""

    video: Video
    title: str
    scenes: list[FoundScene]

    def data(self, *, evidence: bool) -> dict[str, JsonValue]:
        """The same as JSON."""
        return {
            "id": self.video.id,
            "title": self.title,
            "path": self.video.path,
            "duration_s": self.video.duration_s,
            "truncated": self.video.truncated,
            "scenes": [scene.data(evidence=evidence) for scene in self.scenes],
        }


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
        scenes = results.scenes_of(store, run, [video])
        said = results.answers_of(store, run, scenes)
        tags: dict[str | None, list[Tag]] = {}
        for tag in results.tags_of(store, run, [video]):
            tags.setdefault(tag.scene_id, []).append(tag)
        yield FoundVideo(
            video,
            titles[video.id],
            [
                FoundScene(scene, Analysis.of(scene.id, said[scene.id]), tags.get(scene.id, []))
                for scene in scenes
            ],
        )


def failures(store: Store, run: Run) -> list[dict[str, JsonValue]]:
    """A run's failures as JSON, in the order they happened."""
    return [
        {
            "source": failure.source,
            "stage": failure.stage,
            "error": failure.error,
            "message": failure.message,
            "retriable": failure.retriable,
            "hint": failure.hint,
        }
        for failure in store.find(Failure, run_id=run.id)
    ]
